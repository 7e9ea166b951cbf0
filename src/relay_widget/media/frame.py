"""What users get of a track: pictures and blocks of sound, with the times they were taken."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .colour import make_convertible
from .presentation import AS_DECODED, Presentation

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

SAMPLE_RATE = 48_000
"""Of all sound here, in Hz: Opus is always decoded at it."""


class VideoFrame:
    """One picture of a track.

    ``np.asarray(frame)`` is ``frame.rgb``. A frame that nobody looks at is never converted to RGB.

    Attributes:
        width, height: Its size in pixels, as it is shown: upright, and with square pixels.
        media_ms: When it is shown, in ms from the start of its epoch (or of its file).
        captured_ms: When it was taken, in ms since 1970 by the relay's clock; None if its sender did not say, or if the
            sender's clock is wrong.
        epoch: The run of the sender's encoder that it is from.
    """

    def __init__(
        self,
        native: av.VideoFrame,
        *,
        media_ms: float,
        captured_ms: float | None = None,
        epoch: int = 0,
        presentation: Presentation = AS_DECODED,
    ) -> None:
        self._native = native
        self._presentation = presentation
        self.width, self.height = presentation.size(native.width, native.height)
        self.media_ms = media_ms
        self.captured_ms = captured_ms
        self.epoch = epoch

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """The pixels: an array of shape (height, width, 3), dtype uint8, red first."""
        make_convertible(self._native)
        # In this thread: those that FFmpeg starts for each picture cost more than they save, the more so beside others.
        pixels = self._native.reformat(format="rgb24", threads=1).to_ndarray()
        return self._presentation.apply(pixels)

    def image(self) -> Image.Image:
        """The picture as a PIL image, which a notebook cell displays."""
        return Image.fromarray(self.rgb)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.rgb, dtype=dtype, copy=copy)

    def __reduce__(self) -> tuple[Any, ...]:
        # FFmpeg's own frame cannot leave the process: its pixels can.
        return _unpickled, (self.rgb, self.media_ms, self.captured_ms, self.epoch)

    def __repr__(self) -> str:
        return f"VideoFrame({self.width}x{self.height})"


def _unpickled(rgb: NDArray[np.uint8], media_ms: float, captured_ms: float | None, epoch: int) -> VideoFrame:
    import av  # noqa: PLC0415 - here only

    native = av.VideoFrame.from_ndarray(rgb, format="rgb24")
    return VideoFrame(native, media_ms=media_ms, captured_ms=captured_ms, epoch=epoch)


@dataclass(frozen=True, eq=False, repr=False)
class AudioBlock:
    """A piece of a track's sound.

    Attributes:
        samples: An array of shape (channels, n), dtype float32, -1 to 1, at ``SAMPLE_RATE`` (48 kHz).
        media_ms: When its first sample is heard, in ms from the start of its epoch (or of its file).
        captured_ms: When its first sample was taken, in ms since 1970 by the relay's clock; None if its sender did not
            say, or if the sender's clock is wrong.
        epoch: The run of the sender's encoder that it is from.
    """

    samples: NDArray[np.float32]
    media_ms: float
    captured_ms: float | None = None
    epoch: int = 0

    @property
    def channels(self) -> int:
        """1 is mono, 2 stereo."""
        return int(self.samples.shape[0])

    @property
    def duration_ms(self) -> float:
        """How long it sounds."""
        return float(self.samples.shape[1]) * 1000 / SAMPLE_RATE

    def __repr__(self) -> str:
        return f"AudioBlock({self.channels}x{self.samples.shape[1]} samples at {SAMPLE_RATE} Hz)"
