"""The pictures and the sound of a media file, at their times."""

from __future__ import annotations

import heapq
import logging
from typing import TYPE_CHECKING, Any, Literal

import av

from relay_widget.errors import MediaError
from relay_widget.paths import as_path

from .boxes import crops_of
from .even_sound import EvenSound
from .frame import AudioBlock, VideoFrame
from .opening import open_input
from .packet_clock import BestEffort, PacketClock
from .presentation import Crop, presentation_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

_DEFAULT_FPS = 30.0
_STEREO = 2
_DEFAULT_BONUS = 5_000_000
"""A stream that is marked as the default wins over one with so many more pixels, as in the ffmpeg program."""
_Kind = Literal["video", "audio"]

_log = logging.getLogger(__name__)


class MediaFile:
    """A file that FFmpeg reads: WebM, MP4, MKV, MOV, WAV, MP3, GIF and many more.

    Iterating over it gives its ``VideoFrame`` and ``AudioBlock`` in the order of their ``media_ms``, from the beginning
    each time; as fast as they can be decoded, not in real time.

    Times are the file's, counted from its first one. Pictures are shown as the file says: turned, mirrored, cropped,
    and with square pixels. The size of pictures, and the rate and the channels of sound, may change within the file.
    Broken parts are left out and counted, and the file goes on behind them; where a file is cut off, it ends.

    Attributes:
        path: Where it is.
        has_video, has_audio: What is in it. Of several streams of a kind, the one that ffmpeg would choose.
        fps: Pictures a second, on average; 0 without video.
        channels: 1 or 2, as its sound is given (more are mixed into 2); 0 without audio.
        duration_s: How long it is; None if it does not say.

    Raises:
        MediaError: (``bad-file``) It is not there, or is no media.
        InvalidValueError: (``bad-path``) It is no path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = as_path(path)
        self._absolute = self.path.absolute()  # it is opened again later, from wherever the program is then
        self._left_out: dict[_Kind, int] = {}
        with self._open() as container:
            video, audio = _best(container, "video"), _best(container, "audio")
            if video is None and audio is None:
                raise self._nothing_in(container)
            self.has_video = video is not None
            self.has_audio = audio is not None
            self.fps = 0.0 if video is None else float(video.average_rate or _DEFAULT_FPS)
            self.channels = 0 if audio is None else min(_STEREO, audio.codec_context.channels or 1)
            self.duration_s = None if container.duration is None else container.duration / 1_000_000
            self._start_ms = _start_ms(container, [one for one in (video, audio) if one is not None])

    @property
    def left_out(self) -> int:
        """How many broken or misplaced parts (packets, pictures) were left out in the last iteration, so far."""
        return sum(self._left_out.values())

    def __iter__(self) -> Iterator[VideoFrame | AudioBlock]:
        ways: list[Iterator[VideoFrame | AudioBlock]] = []
        if self.has_video:
            ways.append(self.pictures())
        if self.has_audio:
            ways.append(self.sound())
        # A reader for each: how a file interleaves them says little about their times.
        return heapq.merge(*ways, key=lambda part: part.media_ms)

    def pictures(self) -> Iterator[VideoFrame]:
        """Its pictures. A picture whose time lies before that of the one before is left out.

        Raises:
            MediaError: (``bad-file``) None of its pictures can be decoded.
        """
        with self._open() as container:
            stream = _best(container, "video")
            follows = stream.sample_aspect_ratio in (None, stream.codec_context.sample_aspect_ratio)
            crops = crops_of(self._absolute, container.format.name)
            number = list(container.streams.video).index(stream)
            crop = crops[number] if number < len(crops) else Crop()
            next_ms = last_ms = float("-inf")
            for frame, time_ms in self._decoded(container, stream):
                media_ms = time_ms if time_ms is not None else max(0.0, next_ms)
                if media_ms < last_ms:
                    self._left_out["video"] += 1
                    continue
                last_ms, next_ms = media_ms, media_ms + 1000 / self.fps
                # The container knows better than the codec, but it says only one for the whole file.
                aspect = (stream.codec_context if follows else stream).sample_aspect_ratio
                yield VideoFrame(frame, media_ms=media_ms, presentation=presentation_of(frame, aspect, crop))

    def sound(self) -> Iterator[AudioBlock]:
        """Its sound, at 48 kHz, in blocks of 40 ms without a gap; the last one may be shorter.

        A pause in the file is silence of the same length.

        Raises:
            MediaError: (``bad-file``) None of its sound can be decoded.
        """
        with self._open() as container:
            even = EvenSound(self.channels)
            for frame, time_ms in self._decoded(container, _best(container, "audio")):
                yield from even.take(frame, None if time_ms is None else time_ms / 1000)
            yield from even.end()
            self._left_out["audio"] += even.left_out

    def _decoded(self, container: Any, stream: Any) -> Iterator[tuple[Any, float | None]]:
        """A stream's frames with their times from the file's beginning, as far as they are known."""
        kind: _Kind = stream.type
        self._left_out[kind] = 0
        codec = stream.codec_context
        codec.thread_count = 1
        stamps = BestEffort()
        some = False
        for packet in self._packets(container, stream):
            try:
                frames = codec.decode(packet)
            except av.FFmpegError as error:
                self._leave_out(kind, error)
                continue
            for frame in frames:
                some = True
                stamp = stamps.of(frame)
                yield frame, None if stamp is None else float(stamp * stream.time_base * 1000) - self._start_ms
        if not some and self._left_out[kind]:
            what = "pictures" if kind == "video" else "sound"
            raise MediaError(
                "bad-file",
                f"The {what} of {self.path.name} ({codec.name}) cannot be decoded: convert it to another format, "
                "or choose another file.",
            )

    def _packets(self, container: Any, stream: Any) -> Iterator[Any]:
        """What is to be decoded of a stream, with times that go on; None at the end."""
        clock = PacketClock(container)
        read = [one for one in (_best(container, "video"), _best(container, "audio")) if one is not None]
        packets = container.demux(read if clock.breaks else stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                self._leave_out(stream.type, error)  # ffmpeg, too, takes this for the end
                packet = None
            except IndexError:
                packet = None  # PyAV's own end, in a file in which it has found another stream meanwhile
            if packet is None:
                break
            if not packet.size:
                continue  # a picture that was dropped, or is the demuxer's sign of its end
            clock.correct(packet)
            if packet.stream_index == stream.index:
                yield packet
        yield None

    def _leave_out(self, kind: _Kind, error: Exception) -> None:
        if not self._left_out[kind]:
            _log.info("%s: a part of its %s is left out: %s", self.path.name, kind, error)
        self._left_out[kind] += 1

    def _open(self) -> Any:
        try:
            # As a path and nothing else: no address because of a colon, no series of pictures because of a %d.
            container = open_input(
                f"file:{self._absolute}", options={"protocol_whitelist": "file", "pattern_type": "none"}
            )
        except (av.FFmpegError, OSError) as error:
            if not self._absolute.exists():
                raise MediaError("bad-file", f"There is no file {self.path}: look at its name and folder.") from error
            raise MediaError(
                "bad-file", f"{self.path.name} cannot be read as media: choose a video or a sound file."
            ) from error
        if container.format.name == "tty":  # FFmpeg draws any text
            container.close()
            raise MediaError("bad-file", f"{self.path.name} is text, no media: choose a video or a sound file.")
        return container

    def _nothing_in(self, container: Any) -> MediaError:
        if any(stream.type in ("video", "audio") and stream.codec_context is None for stream in container.streams):
            return MediaError(
                "bad-file", f"{self.path.name} is in a format that cannot be decoded here: convert it to MP4 or WebM."
            )
        return MediaError("bad-file", f"{self.path.name} has neither pictures nor sound: choose another file.")


def _best(container: Any, kind: _Kind) -> Any:
    """The stream to play, as the ffmpeg program chooses; None without one.

    The cover of a song is no video, and some streams have no decoder.
    """
    cover = av.stream.Disposition.attached_pic
    streams = [
        stream
        for stream in container.streams
        if stream.type == kind and stream.codec_context is not None and not stream.disposition & cover
    ]

    def score(stream: Any) -> int:
        codec = stream.codec_context
        size = codec.width * codec.height if kind == "video" else codec.channels
        return int(size) + _DEFAULT_BONUS * bool(stream.disposition & av.stream.Disposition.default)

    return max(streams, key=score, default=None)  # the first one of equals


def _start_ms(container: Any, streams: list[Any]) -> float:
    """The file's first time; where its time line may break, that of the streams that are played."""
    starts = [float(one.start_time * one.time_base * 1000) for one in streams if one.start_time is not None]
    if PacketClock(container).breaks and starts:
        return min(starts)
    return float(container.start_time or 0) / 1000
