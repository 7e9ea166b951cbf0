"""Arrays in, a track's numbered objects out: pictures as VP8, sound as Opus, in live WebM that browsers play.

Nothing is looked ahead at: what a call of ``encode`` can give, it gives at once. An encoder is for one thread at a
time.
"""

from __future__ import annotations

import math
import numbers
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import av
import numpy as np
from av.video.frame import PictureType

from relay_widget.errors import InvalidValueError
from relay_widget.protocol import MAX_CHUNK_BYTES, Code, Track, check_track_id

from .advice import check_picture, check_sound
from .colour import BT601, as_bt601
from .frame import SAMPLE_RATE
from .webm import MAX_GROUP_MS, LiveMuxer, MediaObject, TrackFormat

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_FPS, MAX_FPS = 0.1, 240
"""Pictures a second, between what is still a video and what no screen shows."""
BLOCK_MS = 40
"""Of sound, as this package's browsers send it: half as long costs more to pass on than is heard of it."""
SOUND_GROUP_MS = 1000
"""Who comes late has to catch up with this much sound at most."""
MAX_GAP_MS = 100
"""Sound that is missing for longer, or any time that runs back by more, begins a new epoch."""

_MS = Fraction(1, 1000)
_NEVER = 1_000_000
"""Distance of keyframes as the encoder knows it: it makes one when it is asked."""
_BITS_PER_PIXEL = 0.1
_MIN_KBPS, _MAX_KBPS = 100, 4000
_BUFFER_S = 0.5
_SOUND_BITS_PER_CHANNEL = 48_000
_LEVEL_GAIN = 4
"""A voice at a normal distance has an RMS of 0.05 to 0.2: said to be about half to full, as browsers do here."""
_BLOCK_SAMPLES = SAMPLE_RATE * BLOCK_MS // 1000
_OPUS_CHANNELS: dict[int, Literal["mono", "stereo"]] = {1: "mono", 2: "stereo"}


class VideoEncoder:
    """Encodes one track's pictures.

    Args:
        track: The track's id, to publish it under.
        fps: How many pictures a second are expected; bitrate and quality go by it. They may come at any times.
        bitrate_kbps: About how much to send, in kbit/s; by default what suits the picture's size and ``fps``.
        key_every_s: A group's length: who comes late, or loses something, waits so long at most. 0 to 30.
        epoch: Number of the first epoch.

    Raises:
        InvalidValueError: One of these cannot be used.
    """

    def __init__(
        self,
        track: str = "video",
        *,
        fps: float,
        bitrate_kbps: float | None = None,
        key_every_s: float = 2.0,
        epoch: int = 1,
    ) -> None:
        check_track_id(track, Code.BAD_TRACK)
        self._fps = check_fps(fps)
        self._bitrate_kbps = None if bitrate_kbps is None else _within(bitrate_kbps, "bitrate_kbps", 10, 100_000)
        self._key_every_ms = 1000 * _within(key_every_s, "key_every_s", 0, MAX_GROUP_MS / 1000)
        self._next_epoch = epoch
        self._size = (0, 0)
        self._codec: Any = None
        self._muxer: LiveMuxer | None = None
        self._base_ms = 0.0
        self._media_ms = 0
        self._group_ms: int | None = None
        self.track = Track(
            track,
            "video/webm;codecs=vp8",
            source="python",
            audio=False,
            timeslice_ms=round(1000 / self._fps, 1),
        )

    def encode(
        self, picture: NDArray[np.uint8], captured_ms: float, media_ms: float | None = None
    ) -> list[MediaObject]:
        """Encode the next picture. The first one, and one of another size, begins an epoch.

        Args:
            picture: Shape (height, width, 3), dtype uint8, red first. Any size, also odd ones.
            captured_ms: When it was taken, in ms since 1970 by the relay's clock.
            media_ms: When it is to be shown, on any time line of yours; by default ``captured_ms`` is that line.

        Returns:
            Its object; before it the init segment where an epoch begins.

        Raises:
            InvalidValueError: The picture cannot be encoded; the encoder goes on with the next one.
        """
        check_picture(picture)
        captured_ms = _finite(captured_ms, "captured_ms")
        at_ms = captured_ms if media_ms is None else _finite(media_ms, "media_ms")
        height, width = picture.shape[:2]
        objects: list[MediaObject] = []
        if self._muxer is None or self._size != (width, height) or at_ms - self._base_ms < self._media_ms - MAX_GAP_MS:
            objects.append(self._begin(width, height, captured_ms, at_ms))
        else:
            self._media_ms = max(round(at_ms - self._base_ms), self._media_ms + 1)
        key = self._group_ms is None or self._media_ms - self._group_ms >= self._key_every_ms
        objects += self._encode(picture, captured_ms, key=key)
        return objects

    def _begin(self, width: int, height: int, captured_ms: float, at_ms: float) -> MediaObject:
        self._codec = _vp8(width, height, self._fps, self._bitrate_kbps or _kbps(width, height, self._fps))
        self._size = (width, height)
        media = TrackFormat("vp8", width=width, height=height, colour=BT601)
        self._muxer = LiveMuxer(self.track.track, self._next_epoch, media)
        self._next_epoch += 1
        self._base_ms = at_ms
        self._media_ms = 0
        self._group_ms = None
        return self._muxer.init(captured_ms)

    def _encode(self, picture: NDArray[np.uint8], captured_ms: float, *, key: bool) -> list[MediaObject]:
        assert self._muxer is not None  # noqa: S101 - encode() has begun an epoch
        frame = as_bt601(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"))
        frame.pts = self._media_ms
        frame.time_base = _MS
        frame.pict_type = PictureType.I if key else PictureType.NONE
        objects = []
        for packet in self._codec.encode(frame):
            if packet.size > MAX_CHUNK_BYTES - 1000:
                self._muxer = None  # what comes next cannot build on it
                raise InvalidValueError(
                    "picture-too-large",
                    f"A picture of {self._size[0]}x{self._size[1]} took {packet.size} bytes, more than can be sent: "
                    "publish smaller pictures, or with a lower bitrate_kbps.",
                )
            if packet.is_keyframe:
                self._group_ms = self._media_ms
            objects.append(self._muxer.push(bytes(packet), self._media_ms, captured_ms, key=packet.is_keyframe))
        return objects


class AudioEncoder:
    """Encodes one track's sound, in blocks of ``BLOCK_MS``.

    Args:
        track: The track's id, to publish it under.
        sample_rate: Of what is given to ``encode``, in Hz. Anything but 48000 is resampled to it.
        channels: 1 (mono) or 2 (stereo).
        epoch: Number of the first epoch.

    Raises:
        InvalidValueError: One of these cannot be used.
    """

    def __init__(
        self, track: str = "audio", *, sample_rate: int = SAMPLE_RATE, channels: int = 1, epoch: int = 1
    ) -> None:
        check_track_id(track, Code.BAD_TRACK)
        self._rate = int(_within(sample_rate, "sample_rate", 4000, 384_000))
        if channels not in _OPUS_CHANNELS:
            raise InvalidValueError("bad-sound", f"channels must be 1 (mono) or 2 (stereo), not {channels!r}.")
        self._channels = channels
        self._next_epoch = epoch
        self._codec: Any = None
        self._resampler: Any = None
        self._muxer: LiveMuxer | None = None
        self._waiting = np.empty((channels, 0), np.float32)
        self._expected_ms = 0.0
        self._media_ms = 0
        self.track = Track(track, "audio/webm;codecs=opus", source="python", video=False, timeslice_ms=BLOCK_MS)

    def encode(self, samples: NDArray[np.float32], captured_ms: float) -> list[MediaObject]:
        """Encode the next piece of sound, of any length; what fills no block waits for the next piece.

        Not-a-number is refused, not made silence: it says that a computation has gone wrong, which silence would hide.

        Args:
            samples: Shape (channels, n), dtype float32 (float64 is taken, too), -1 to 1 (what is beyond is clipped).
            captured_ms: When its first sample was taken, in ms since 1970 by the relay's clock. If that is not where
                the piece before ended, by more than ``MAX_GAP_MS``, a new epoch begins.

        Returns:
            An object for each block that is full; before it the init segment where an epoch begins.

        Raises:
            InvalidValueError: The sound cannot be encoded; the encoder goes on with the next piece.
        """
        check_sound(samples, self._channels)
        captured_ms = _finite(captured_ms, "captured_ms")
        objects: list[MediaObject] = []
        if self._muxer is None or abs(captured_ms - self._expected_ms) > MAX_GAP_MS:
            objects.append(self._begin(captured_ms))
        self._expected_ms = captured_ms + samples.shape[1] * 1000 / self._rate
        block_ms = captured_ms - self._waiting.shape[1] * 1000 / SAMPLE_RATE
        fresh = self._resampled(np.clip(samples, -1, 1).astype(np.float32, copy=False))
        self._waiting = np.concatenate([self._waiting, fresh], axis=1)
        while self._waiting.shape[1] >= _BLOCK_SAMPLES:
            block, self._waiting = np.split(self._waiting, [_BLOCK_SAMPLES], axis=1)
            objects += self._encode(block, block_ms)
            block_ms += BLOCK_MS
        return objects

    def flush(self) -> list[MediaObject]:
        """Encode what waits for more sound, with silence behind it: there will be no more.

        Returns:
            The last object, or nothing if nothing waits.
        """
        waiting = self._waiting.shape[1]
        if not waiting:
            return []
        block = np.pad(self._waiting, ((0, 0), (0, _BLOCK_SAMPLES - waiting)))
        self._waiting = self._waiting[:, :0]
        return self._encode(block, self._expected_ms - waiting * 1000 / SAMPLE_RATE)

    def _begin(self, captured_ms: float) -> MediaObject:
        layout = _OPUS_CHANNELS[self._channels]
        self._codec = av.CodecContext.create("libopus", "w")
        self._codec.sample_rate = SAMPLE_RATE
        self._codec.layout = layout
        self._codec.format = "flt"
        self._codec.bit_rate = _SOUND_BITS_PER_CHANNEL * self._channels
        self._codec.options = {"application": "lowdelay", "frame_duration": str(BLOCK_MS)}
        self._codec.open()
        self._resampler = None
        if self._rate != SAMPLE_RATE:
            self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=SAMPLE_RATE)
        media = TrackFormat(
            "opus", sample_rate=SAMPLE_RATE, channels=self._channels, codec_private=bytes(self._codec.extradata)
        )
        self._muxer = LiveMuxer(self.track.track, self._next_epoch, media)
        self._next_epoch += 1
        self._waiting = self._waiting[:, :0]
        self._media_ms = 0
        return self._muxer.init(captured_ms)

    def _resampled(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._resampler is None:
            return samples
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples), format="fltp", layout=_OPUS_CHANNELS[self._channels]
        )
        frame.sample_rate = self._rate
        parts = [part.to_ndarray() for part in self._resampler.resample(frame)]
        return np.concatenate([self._waiting[:, :0], *parts], axis=1)

    def _encode(self, block: NDArray[np.float32], captured_ms: float) -> list[MediaObject]:
        assert self._muxer is not None  # noqa: S101 - encode() has begun an epoch
        packed = np.ascontiguousarray(block.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=_OPUS_CHANNELS[self._channels])
        frame.sample_rate = SAMPLE_RATE
        frame.pts = self._media_ms * SAMPLE_RATE // 1000
        level = round(min(1.0, _LEVEL_GAIN * math.sqrt(float(np.mean(np.square(block))))), 3)
        objects = []
        for packet in self._codec.encode(frame):
            key = self._media_ms % SOUND_GROUP_MS == 0
            objects.append(self._muxer.push(bytes(packet), self._media_ms, captured_ms, key=key, level=level))
            self._media_ms += BLOCK_MS
        return objects


def check_fps(fps: float) -> float:
    """How many pictures a second, if that many can be sent.

    Raises:
        InvalidValueError: (``bad-media-setting``) They cannot.
    """
    return _within(fps, "fps", MIN_FPS, MAX_FPS)


def _vp8(width: int, height: int, fps: float, kbps: float) -> av.VideoCodecContext:
    codec = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height = width, height
    codec.pix_fmt = "yuv420p"
    codec.time_base = _MS
    codec.framerate = Fraction(fps).limit_denominator(1001)
    codec.gop_size = _NEVER
    codec.bit_rate = round(kbps * 1000)
    codec.thread_count = 1  # several encoders share few cores; and so its bytes are the same each time
    rate = str(codec.bit_rate)
    codec.options = {
        "deadline": "realtime",
        "cpu-used": "-8",  # a fixed speed: a positive one would be adapted to how busy the machine is
        "lag-in-frames": "0",
        "auto-alt-ref": "0",
        "static-thresh": "1",
        "minrate": rate,
        "maxrate": rate,
        "bufsize": str(round(codec.bit_rate * _BUFFER_S)),
    }
    return codec


def _kbps(width: int, height: int, fps: float) -> float:
    return min(max(width * height * fps * _BITS_PER_PIXEL / 1000, _MIN_KBPS), _MAX_KBPS)


def _within(value: float, what: str, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not least <= value <= most:
        raise InvalidValueError(
            "bad-media-setting", f"{what} must be a number from {least:g} to {most:g}, not {value!r}."
        )
    return float(value)


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise InvalidValueError("bad-time", f"{what} must be a finite number of milliseconds, not {value!r}.")
    return float(value)
