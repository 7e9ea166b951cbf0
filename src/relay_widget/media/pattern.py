"""The test pattern: a moving picture that says its own number, and a tone. The same seed gives the same, each time.

A number is written into a picture as black and white squares, 24 bits in two rows: they survive every codec. The
browser tests write and read them alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np

from relay_widget.errors import InvalidValueError

from .advice import check_picture
from .encode import check_fps
from .frame import SAMPLE_RATE, AudioBlock, VideoFrame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

STAMP_SPAN = 2**24
"""Numbers in pictures begin again after so many."""

_BITS = 24
_ROW = 12
_SQUARE = 0.075
"""Side of a square in widths of the picture."""
_BLACK, _WHITE = 80, 176
"""Between these a square is neither."""
_MIN_WIDTH = 80
"""Of squares that a codec does not blur."""
_TONE_GAIN = 0.2
_LOWEST_HZ = 165
_SCALE = (0, 2, 4, 7, 9, 12, 14, 16, 19, 21, 24)
"""Half tones of a pentatonic scale: any two of them sound well together."""


class Pattern:
    """A test pattern.

    Args:
        width, height: Of its pictures, in pixels; at least 80 wide, and a quarter as high.
        fps: Pictures a second.
        seed: Decides colours, movement and the tone's pitch.

    Raises:
        InvalidValueError: The picture would be too small to read its number from, or ``fps`` is no number for it.
    """

    def __init__(self, width: int = 640, height: int = 480, *, fps: float = 30, seed: int = 0) -> None:
        if width < _MIN_WIDTH or height < width // 4:
            raise InvalidValueError(
                "bad-picture",
                f"A pattern of {width}x{height} is too small: make it 80 wide and a quarter as high, or more.",
            )
        self.fps = check_fps(fps)
        random = np.random.default_rng(seed)
        self.pitch_hz = _LOWEST_HZ * 2.0 ** (_SCALE[int(random.integers(len(_SCALE)))] / 12)
        x = np.linspace(0, 1, width, dtype=np.float32)[np.newaxis, :, np.newaxis]
        y = np.linspace(0, 1, height, dtype=np.float32)[:, np.newaxis, np.newaxis]
        corners = random.integers(40, 200, (3, 3)).astype(np.float32)
        self._ground = (corners[0] * (1 - x) * (1 - y) + corners[1] * x + corners[2] * y).clip(0, 255).astype(np.uint8)
        self._colour = random.integers(150, 256, 3).astype(np.uint8)
        self._speed = int(random.integers(2, 6))

    def picture(self, number: int) -> NDArray[np.uint8]:
        """The picture with this number, from 0: shape (height, width, 3), dtype uint8, RGB. It is yours to change."""
        picture: NDArray[np.uint8] = self._ground.copy()
        height, width = picture.shape[:2]
        side = height // 6
        left = number * self._speed % max(1, width - side)
        picture[height - 2 * side : height - side, left : left + side] = self._colour
        draw_stamp(picture, number)
        return picture

    def parts(self, numbers: Iterable[int], *, sound: bool = True) -> Iterator[VideoFrame | AudioBlock]:
        """Pictures and what sounds with them, each at its time: ``media_ms`` is the number divided by ``fps``."""
        for number in numbers:
            native = av.VideoFrame.from_ndarray(self.picture(number), format="rgb24")
            yield VideoFrame(native, media_ms=number * 1000 / self.fps)
            if sound:
                yield self.sound(number)

    def sound(self, number: int) -> AudioBlock:
        """The tone that belongs to a picture, one channel, as long as the picture is shown."""
        first, end = (round(at * SAMPLE_RATE / self.fps) for at in (number, number + 1))
        phase = (np.arange(first, end) * (self.pitch_hz / SAMPLE_RATE)) % 1.0
        samples = (_TONE_GAIN * np.sin(2 * np.pi * phase)).astype(np.float32)
        return AudioBlock(samples[np.newaxis], first * 1000 / SAMPLE_RATE)


def draw_stamp(picture: NDArray[np.uint8], number: int) -> None:
    """Write a number (or a time in ms), modulo ``STAMP_SPAN``, into the top of an RGB picture."""
    check_picture(picture)
    edges = _edges(picture)
    for bit in range(_BITS):
        row, column = divmod(bit, _ROW)
        square = picture[edges[row] : edges[row + 1], edges[column] : edges[column + 1]]
        square[:] = 255 * (number >> bit & 1)


def read_stamp(picture: NDArray[np.uint8]) -> int | None:
    """The number in an RGB picture, also when a codec has had it; None where there is none. All black reads as 0."""
    check_picture(picture)
    edges = _edges(picture)
    number = 0
    for bit in range(_BITS):
        row, column = divmod(bit, _ROW)
        top, bottom, left, right = edges[row], edges[row + 1], edges[column], edges[column + 1]
        quarter = (right - left) // 4  # the middle only: edges are blurred
        value = float(np.mean(picture[top + quarter : bottom - quarter, left + quarter : right - quarter]))
        if not (value <= _BLACK or value >= _WHITE):
            return None
        number |= (value >= _WHITE) << bit
    return number


def _edges(picture: NDArray[np.uint8]) -> list[int]:
    side = _SQUARE * picture.shape[1]
    return [round(index * side) for index in range(_ROW + 1)]
