"""A recorded track as packets or as pictures and sound, each with the time it was taken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from relay_widget.errors import MediaError
from relay_widget.media.decode import TrackDecoder
from relay_widget.media.fmp4 import Fmp4Reader
from relay_widget.media.frame import VideoFrame
from relay_widget.media.webm import WebmReader
from relay_widget.protocol import MediaHeader

from .timeline import Epoch, Line, Witness, epochs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from relay_widget.media.frame import AudioBlock
    from relay_widget.media.webm import Block, TrackFormat

    from .file import RecordedCall, RecordedTrack
    from .format import ObjectReceived

Kind = Literal["video", "audio"]


class Packet(NamedTuple):
    """An encoded picture or block of sound, as it arrived. ``at_ms`` is in the relay's clock."""

    at_ms: float
    kind: Kind
    key: bool
    data: bytes


class Part(NamedTuple):
    """A decoded picture or block of sound. ``at_ms`` is in the relay's clock."""

    at_ms: float
    content: VideoFrame | AudioBlock


class TrackSource:
    """Reads one track of a recording. What is broken in it is left out up to the next group, as in a call.

    Args:
        call: The recording.
        track: Which track.
        on_read: Told the size of each object that has been read, in bytes.

    Attributes:
        peer: The id of the peer whose track it is.
        formats: What is in it, with the init segment that says so, of its first epoch that has it.
        codecs: All the codecs there are.
        is_misread: Whether it has VP8 in colours that many players would not show, whatever a file says of them.
        witness: What bounds its publisher's times; it knows more when more has been read.
    """

    def __init__(self, call: RecordedCall, track: RecordedTrack, on_read: Callable[[int], object]) -> None:
        self.peer = track.peer
        self._call = call
        self._track = track
        self._on_read = on_read
        self._epochs: list[Epoch] = []
        self.formats: dict[Kind, tuple[TrackFormat, bytes]] = {}
        self.codecs: dict[Kind, set[str]] = {"video": set(), "audio": set()}
        self.is_misread = False
        self._size = (0, 0)
        self.witness = Witness(call.started_ms, call.ended_ms)
        for epoch in epochs(call.objects(track.peer, track.id), self.witness):
            try:
                tracks = _BlockReader(epoch.init).tracks.values()
            except MediaError:
                continue  # of a sender that makes no sense
            self._epochs.append(epoch)
            for media in tracks:
                self._size = max(self._size, (media.width, media.height))
                self.formats.setdefault(kind_of(media), (media, epoch.init))
                self.codecs[kind_of(media)].add(media.codec)
                self.is_misread |= media.codec == "vp8" and media.colour is not None and not media.colour.is_vp8s

    def picture_size(self) -> tuple[int, int]:
        """Width and height of the largest picture, as its init segments say; of the first one if they do not."""
        if self._size > (0, 0):
            return self._size
        return next(((part.width, part.height) for _, part in self.parts() if isinstance(part, VideoFrame)), (640, 480))

    def packets(self) -> Iterator[Packet]:
        """Its packets, those of a kind in their order."""
        for epoch in self._epochs:
            reader = _BlockReader(epoch.init)
            line = epoch.line
            for item in self._objects(epoch):
                blocks = reader.take(item)
                line = line or _relayed_with(epoch, [block.time_ms for block in blocks])
                for block in blocks:
                    at_ms = self._at_ms(line, block.time_ms, item)
                    yield Packet(at_ms, kind_of(reader.tracks[block.track]), block.key, block.data)

    def parts(self) -> Iterator[Part]:
        """Its pictures and sound."""
        for epoch in self._epochs:
            packaging = "fmp4" if is_mp4(epoch.init) else "webm"
            decoder = TrackDecoder(replace(self._track.info, packaging=packaging))
            number = next(self._call.objects(self._track.peer, self._track.id, epoch.start)).header.epoch
            decoder.decode(MediaHeader(self._track.id, number, 0, 0, "init"), epoch.init)
            line = epoch.line
            for item in self._objects(epoch):
                try:
                    parts = decoder.decode(item.header, item.data)
                except MediaError:
                    continue  # it goes on at the next key
                line = line or _relayed_with(epoch, [part.media_ms for part in parts])
                for part in parts:
                    yield Part(self._at_ms(line, part.media_ms, item), part)

    def _at_ms(self, line: Line | None, media_ms: float, item: ObjectReceived) -> float:
        assert line is not None  # noqa: S101 - there is media
        return self.witness.captured_ms(line.at_ms(media_ms), item)

    def _objects(self, epoch: Epoch) -> Iterator[ObjectReceived]:
        self._on_read(len(epoch.init))
        for item in self._call.objects(self._track.peer, self._track.id, epoch.start, epoch.stop):
            yield item
            self._on_read(len(item.data))


class _BlockReader:
    """Blocks of one epoch; where its bytes are broken, it goes on at the next group."""

    def __init__(self, init: bytes) -> None:
        self._reader = Fmp4Reader(init) if is_mp4(init) else WebmReader(init)
        self._waiting = True
        self.tracks = self._reader.tracks

    def take(self, item: ObjectReceived) -> list[Block]:
        if item.header.type == "key":
            self._reader.start_group()
            self._waiting = False
        if self._waiting:
            return []
        try:
            return self._reader.feed(item.data)
        except MediaError:
            self._waiting = True
            return []


def _relayed_with(epoch: Epoch, times_ms: list[float]) -> Line | None:
    """Where nobody says when anything was taken: the newest of what came first is as old as its way to the relay."""
    return Line(epoch.relayed_ms - max(times_ms)) if times_ms else None


def is_mp4(init: bytes) -> bool:
    """Whether an init segment is that of an MP4, and not of a WebM."""
    return init[4:8] == b"ftyp"


def kind_of(media: TrackFormat) -> Kind:
    """Whether it is pictures or sound."""
    return "video" if media.is_video else "audio"
