"""The pictures and the sound of a media file, at their times."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from relay_widget.errors import MediaError
from relay_widget.paths import as_path

from .encode import BLOCK_MS
from .frame import SAMPLE_RATE, AudioBlock, VideoFrame

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

_DEFAULT_FPS = 30.0
_STEREO = 2
_BLOCK_SAMPLES = SAMPLE_RATE * BLOCK_MS // 1000


class MediaFile:
    """A file that FFmpeg reads: WebM, MP4, MKV, MOV, WAV, MP3, GIF and many more.

    Iterating over it gives its ``VideoFrame`` and ``AudioBlock`` in the order of their ``media_ms``, from the beginning
    each time; as fast as they can be decoded, not in real time. Pictures are turned upright where the file says so.

    Attributes:
        path: Where it is.
        has_video, has_audio: What is in it.
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
        with self._open() as container:
            video, audio = _first(container.streams.video), _first(container.streams.audio)
            if video is None and audio is None:
                raise MediaError("bad-file", f"{self.path.name} has neither pictures nor sound: choose another file.")
            self.has_video = video is not None
            self.has_audio = audio is not None
            self.fps = 0.0 if video is None else float(video.average_rate or _DEFAULT_FPS)
            self.channels = 0 if audio is None else min(_STEREO, audio.codec_context.channels or 1)
            self.duration_s = None if container.duration is None else container.duration / 1_000_000
            self._start_ms = (container.start_time or 0) / 1000

    def __iter__(self) -> Iterator[VideoFrame | AudioBlock]:
        ways: list[Iterator[VideoFrame | AudioBlock]] = []
        if self.has_video:
            ways.append(self.pictures())
        if self.has_audio:
            ways.append(self.sound())
        # A reader for each: how a file interleaves them says little about their times.
        return heapq.merge(*ways, key=lambda part: part.media_ms)

    def pictures(self) -> Iterator[VideoFrame]:
        """Its pictures."""
        with self._open() as container:
            stream = _first(container.streams.video)
            stream.codec_context.thread_count = 1
            next_ms = 0.0
            for frame in self._frames(container, stream):
                media_ms = next_ms if frame.time is None else frame.time * 1000 - self._start_ms
                next_ms = media_ms + 1000 / self.fps
                yield VideoFrame(frame, media_ms=media_ms, quarter_turns=round(frame.rotation / 90) % 4)

    def sound(self) -> Iterator[AudioBlock]:
        """Its sound, at 48 kHz, in blocks of 40 ms; the last one may be shorter."""
        with self._open() as container:
            stream = _first(container.streams.audio)
            resampler = av.AudioResampler(
                format="fltp",
                layout="stereo" if self.channels == _STEREO else "mono",
                rate=SAMPLE_RATE,
                frame_size=_BLOCK_SAMPLES,
            )
            start_ms: float | None = None
            done = 0
            for frame in self._frames(container, stream, flush=True):
                if start_ms is None:
                    start_ms = 0.0 if frame is None or frame.time is None else frame.time * 1000 - self._start_ms
                for part in resampler.resample(frame):
                    samples = part.to_ndarray().astype(np.float32, copy=False)
                    if samples.shape[1]:
                        yield AudioBlock(samples, start_ms + done * 1000 / SAMPLE_RATE)
                        done += samples.shape[1]

    def _frames(self, container: Any, stream: Any, *, flush: bool = False) -> Iterator[Any]:
        """Decoded frames; None at the end with ``flush``."""
        try:
            yield from container.decode(stream)
        except av.FFmpegError as error:
            raise MediaError(
                "bad-file", f"{self.path.name} is broken from here on: play the part before, or repair the file."
            ) from error
        if flush:
            yield None

    def _open(self) -> Any:
        try:
            # As a path and nothing else: no address because of a colon, no series of pictures because of a %d.
            container = av.open(
                f"file:{self._absolute}",
                options={"protocol_whitelist": "file", "pattern_type": "none"},
                metadata_errors="replace",
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


def _first(streams: Any) -> Any:
    """The one to play; the cover of a song is no video, and some streams have no decoder."""
    cover = av.stream.Disposition.attached_pic
    return next((one for one in streams if one.codec_context is not None and not one.disposition & cover), None)
