"""A recording as files that any player plays: a WebM copied packet by packet, an MP4, or all of a call in a grid."""

# ruff: noqa: E402 - what is not installed is said before it is imported
from __future__ import annotations

from relay_widget.extras import require

require("media")

import contextlib
import heapq
import io
import re
import sys
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import av
from tqdm.auto import tqdm

from relay_widget.errors import InvalidValueError, RecordingError
from relay_widget.media.colour import BT601, is_said
from relay_widget.media.frame import SAMPLE_RATE
from relay_widget.media.opening import open_input
from relay_widget.paths import as_path

from .compose import Composer
from .file import RecordedCall, exists_error, open_recording, write_error
from .tracks import TrackSource, is_mp4

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from .file import RecordedPeer, RecordedTrack
    from .tracks import Kind, Packet

Layout = Literal["peers", "grid"]

MAX_WORD_BYTES = 80
"""So much of a peer's name, and of a track's, is in the name of a file."""
MAX_STEM_BYTES = 235
"""Systems take 255 bytes in all: with a number, ``.webm`` and, while it is being made, ``.part``."""
PROGRESS_AFTER_S = 1
"""What takes less shows no progress."""
GRID_SIZE = (1280, 720)
GRID_TICK_MS = 1000 / 30
"""Pictures of several peers that come within so much time are one picture of the grid."""
_COPIED = {"vp8", "vp9", "av1", "opus"}
_ENCODERS: dict[str, tuple[str, str, dict[str, str]]] = {
    ".mp4": ("libx264", "aac", {"preset": "veryfast", "crf": "20"}),
    ".webm": ("libvpx", "libopus", {"deadline": "realtime", "cpu-used": "4", "crf": "10", "b": "2M"}),
}
_EMPTY_CLUSTER = bytes.fromhex("1f43b67580")


@dataclass(frozen=True)
class Exported:
    """A file that was made.

    Attributes:
        path: The file.
        peers: The names of who is in it.
        start_s: When it begins, from the beginning of the recording.
        duration_s: How long it is.
        disbelieved: The names of those of them whose clock was wrong: they said that they captured something long
            before, or after, it came to the relay. It stands where it came to the relay.
    """

    path: Path
    peers: tuple[str, ...]
    start_s: float
    duration_s: float
    disbelieved: tuple[str, ...] = ()


def export(
    recording: RecordedCall | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    peer: str | None = None,
    layout: Layout = "peers",
    overwrite: bool = False,
    progress: bool = True,
) -> list[Exported]:
    """Make playable files of a recording.

    A ``.webm`` of one peer holds the very packets that arrived. They are encoded again only where many players would
    show wrong colours (VP8 of a canvas, or of a screen, from Chromium); an ``.mp4`` (H.264, AAC) and a grid always are.
    Picture and sound are where their senders' stamps say that they were taken, as far as the relay's own stamps
    allow: no wrong clock makes a file longer than the recording (see `Exported.disbelieved`).

    Args:
        recording: A recording, or its file.
        out: The file to make, ``.webm`` or ``.mp4``. Without ``peer`` it is one for each peer, with the peer's name:
            ``talk.webm`` becomes ``talk-Ada.webm``. A second camera or screen of one peer has a file of its own. Where
            names differ in capital letters or accents' form only, which many systems take for one, the later ones get a
            number: ``talk-ada-2.webm``.
        peer: The name or id of the only one to export; then the file is ``out`` itself.
        layout: ``"peers"``, or ``"grid"``: everybody in one picture, everybody's sound in one.
        overwrite: Whether files that are there are replaced.
        progress: Whether to show progress, of what takes longer than a second.

    Returns:
        The files that were made. Peers without media have none.

    Raises:
        RecordingError: The recording cannot be read, a file cannot be written (``file-exists``, ``disk-full``,
            ``cannot-write``), ``unknown-peer``, ``no-media``, ``cannot-copy`` (a codec that a WebM does not hold), or
            ``no-encoder`` (this PyAV cannot make an MP4).
        InvalidValueError: ``bad-value``: another ending or layout.
        MissingExtraError: ``pip install "relay-widget[media]"``.
    """
    out = as_path(out)
    ending = out.suffix.lower()
    if ending not in _ENCODERS:
        raise InvalidValueError("bad-value", f"{out.name} must end in .webm or .mp4.")
    if layout not in ("peers", "grid"):
        raise InvalidValueError("bad-value", f'layout must be "peers" or "grid", not {layout!r}.')
    call = recording if isinstance(recording, RecordedCall) else open_recording(recording)
    peers = list(call.peers.values()) if peer is None else [call.find(peer)]
    jobs = [_Job(out, peers, _media_of(peers))] if layout == "grid" else _jobs(out, peers, named=peer is None)
    jobs = [job for job in jobs if job.tracks]
    if not jobs:
        who = "Nobody" if peer is None else peer
        raise RecordingError("no-media", f"{who} sent no media in {call.path}: there is nothing to export.")
    encodes = layout == "grid" or ending == ".mp4"
    if encodes:
        _check_encoders(ending)
    for job in jobs:
        if job.out.exists() and not overwrite:
            raise exists_error(job.out)
    size = sum(track.bytes for job in jobs for track in job.tracks)
    bar = tqdm(total=size, desc=out.name, unit="B", unit_scale=True, delay=PROGRESS_AFTER_S, disable=not progress)
    with bar:
        make = _encode if encodes else _copy
        return [_made(job, call, make, bar.update) for job in jobs]


@dataclass
class _Job:
    """A file to be made of these tracks."""

    out: Path
    peers: list[RecordedPeer]
    tracks: list[RecordedTrack]


@dataclass
class _Span:
    """From where to where a file reaches, in the relay's clock."""

    start_ms: float = 0.0
    end_ms: float = 0.0


def _media_of(peers: Sequence[RecordedPeer]) -> list[RecordedTrack]:
    return [track for peer in peers for track in peer.tracks.values() if track.offsets]


def _jobs(out: Path, peers: Sequence[RecordedPeer], *, named: bool) -> list[_Job]:
    """A file for each peer, of its first picture and its first sound; one for each of its other tracks."""
    jobs: list[_Job] = []
    taken: set[str] = set()
    numbers: dict[str, int] = {}  # the next to try for a name, of which a class may have thousands

    def name(*parts: str) -> Path:
        base = stem = _cut("-".join([out.stem, *map(_word, parts)]), MAX_STEM_BYTES) if parts else out.stem
        for number in count(numbers.get(base, 2)):
            # Many systems take names that differ in case or form only for one: none replaces another there.
            seen = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", stem).casefold())
            if seen not in taken:
                break
            stem = f"{base}-{number}"
            numbers[base] = number + 1
        taken.add(seen)
        return out.with_name(f"{stem}{out.suffix}")

    for peer in peers:
        tracks = _media_of([peer])
        video = next((track for track in tracks if track.info.video), None)
        audio = next((track for track in tracks if track.info.audio_only), None)
        first = [track for track in (video, audio) if track is not None]
        prefix = (peer.name,) if named else ()
        jobs.append(_Job(name(*prefix), [peer], first))
        jobs.extend(
            _Job(name(*prefix, track.id), [peer], [track]) for track in tracks if all(track is not one for one in first)
        )
    return jobs


def _word(name: str) -> str:
    """A name as part of a file's.

    Letters and their marks, as far as files may have them here, and no more bytes than file systems take.
    """
    encoding = sys.getfilesystemencoding()
    known = name.encode(encoding, "replace").decode(encoding)
    kept = (one if one.isalnum() or one in "_.-" or unicodedata.category(one)[0] == "M" else " " for one in known)
    word = re.sub(r" +", "_", unicodedata.normalize("NFC", "".join(kept)))
    return _cut(word, MAX_WORD_BYTES).strip("._") or "peer"


def _cut(text: str, most_bytes: int) -> str:
    """So much of it as has so many bytes, in whole characters."""
    encoded = text.encode(errors="surrogateescape")  # as it stands in a path that is no UTF-8
    return text if len(encoded) <= most_bytes else encoded[:most_bytes].decode(errors="ignore")


def _made(
    job: _Job,
    call: RecordedCall,
    make: Callable[[Path, RecordedCall, _Job, list[TrackSource]], _Span],
    on_read: Callable[[int], object],
) -> Exported:
    """Make it under another name first: what is there under its own is whole."""
    unfinished = job.out.with_name(f".{job.out.stem}.part{job.out.suffix}")
    sources = [TrackSource(call, track, on_read) for track in job.tracks]
    try:
        span = make(unfinished, call, job, sources)
        unfinished.replace(job.out)
    except (OSError, av.FFmpegError) as error:
        raise write_error(error, job.out) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return Exported(
        path=job.out,
        peers=tuple(peer.name for peer in job.peers),
        start_s=max(0.0, span.start_ms - call.started_ms) / 1000,
        duration_s=(span.end_ms - span.start_ms) / 1000,
        disbelieved=tuple(
            peer.name
            for peer in job.peers
            if any(source.witness.disbelieved for source in sources if source.peer == peer.id)
        ),
    )


# ---------------------------------------------------------------------------------------------------------
# Copying


def _copy(out: Path, call: RecordedCall, job: _Job, sources: list[TrackSource]) -> _Span:
    if any(source.is_misread for source in sources):
        _check_encoders(".webm")
        return _encode(out, call, job, sources)
    names = ", ".join(peer.name for peer in job.peers)
    for source in sources:
        for codecs in source.codecs.values():
            if len(codecs) > 1 or not codecs <= _COPIED:
                raise RecordingError(
                    "cannot-copy",
                    f"{names} sent {' and '.join(sorted(codecs))}, which cannot be one track of a WebM: "
                    "export to an .mp4.",
                )
    with contextlib.ExitStack() as open_files, _writing(out, "webm") as file:
        streams: list[dict[Kind, Any]] = []
        for source in sources:
            streams.append({})
            for kind, (_, init) in source.formats.items():
                template = _template(open_files, init, kind)
                streams[-1][kind] = stream = file.add_stream_from_template(template)
                if kind == "video" and not is_said(template.codec_context):
                    BT601.describe(stream.codec_context)  # as cameras send it: players would take it for BT.709
        span: _Span | None = None
        last: dict[int, int] = {}
        for number, packet in _in_order([source.packets() for source in sources]):
            span = span or _Span(packet.at_ms)
            span.end_ms = max(span.end_ms, packet.at_ms)
            stream = streams[number][packet.kind]
            tick = max(round(packet.at_ms - span.start_ms), last.get(stream.index, -1) + 1)
            last[stream.index] = tick
            copied = av.Packet(packet.data)
            copied.stream = stream
            copied.pts = copied.dts = tick
            copied.is_keyframe = packet.key
            file.mux(copied)
    if span is None:
        raise RecordingError("no-media", f"Nothing of what {names} sent in {call.path} can be read.")
    return span


def _in_order(tracks: list[Iterator[Packet]]) -> Iterator[tuple[int, Packet]]:
    def numbered(number: int, packets: Iterator[Packet]) -> Iterator[tuple[int, Packet]]:
        return ((number, packet) for packet in packets)

    return heapq.merge(*(numbered(*one) for one in enumerate(tracks)), key=lambda item: item[1].at_ms)


def _template(open_files: contextlib.ExitStack, init: bytes, kind: Kind) -> Any:
    """The stream of this kind that an init segment describes."""
    whole = init if is_mp4(init) else init + _EMPTY_CLUSTER  # a WebM's header ends where its first cluster begins
    container = open_files.enter_context(open_input(io.BytesIO(whole)))
    return next(stream for stream in container.streams if stream.type == kind)


# ---------------------------------------------------------------------------------------------------------
# Encoding


def _check_encoders(suffix: str) -> None:
    for name in _ENCODERS[suffix][:2]:
        if name not in av.codecs_available:
            raise RecordingError(
                "no-encoder", f"This PyAV cannot make a {suffix} ({name} is not in it): export each peer to a .webm."
            )


def _encode(out: Path, call: RecordedCall, job: _Job, sources: list[TrackSource]) -> _Span:
    video_codec, audio_codec, options = _ENCODERS[out.suffix.lower()]
    composer = Composer(call, job.tracks, sources, size=GRID_SIZE if len(job.peers) > 1 else None, tick_ms=GRID_TICK_MS)
    with _writing(out, out.suffix[1:].lower()) as file:
        video: Any = None
        audio: Any = None
        if composer.size is not None:
            video = file.add_stream(video_codec, rate=30, options=options)
            video.width, video.height = composer.size
            video.pix_fmt = "yuv420p"
            video.codec_context.time_base = Fraction(1, 1000)
            BT601.describe(video.codec_context)
        if composer.has_sound:
            audio = file.add_stream(audio_codec, rate=SAMPLE_RATE)
            audio.layout = "stereo"
        for frame in composer.frames():
            file.mux((video if isinstance(frame, av.VideoFrame) else audio).encode(frame))
        for stream in (video, audio):
            if stream is not None:
                file.mux(stream.encode(None))
    if composer.end_ms == composer.start_ms:
        raise RecordingError("no-media", f"Nothing of what was sent in {call.path} can be read.")
    return _Span(composer.start_ms, composer.end_ms)


@contextlib.contextmanager
def _writing(path: Path, container: str) -> Iterator[Any]:
    with av.open(f"file:{path.absolute()}", "w", format=container) as file:  # also with a colon in it
        yield file
