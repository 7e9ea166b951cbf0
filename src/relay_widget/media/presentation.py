"""How a file says that its pictures are to be shown: turned, mirrored, with pixels that are no squares, cropped."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_PIXELS = 4096 * 2304
"""Of one picture, sent or received."""
MAX_SIDE = 16_383
"""VP8's own limit, in pixels."""

_MATRIX = struct.Struct("=9i")
_MS = Fraction(1, 1000)
_MAX_UNKNOWN = 8
_NEAR_DEGREES = 1.0
"""Of a quarter turn; the ffmpeg program takes it for one within this."""


class Crop(NamedTuple):
    """How many pixels to leave out at each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


_WHOLE = Crop()


@dataclass(frozen=True, slots=True)
class Presentation:
    """What to do with a decoded picture, in this order.

    Attributes:
        crop: What to leave out.
        pixel_aspect: A pixel's width, divided by its height.
        transposed: Rows become columns.
        flip_x, flip_y: Left and right, or top and bottom, change places.
        degrees: By how much it is turned clockwise after that, within its size; the corners are black.
    """

    crop: Crop = _WHOLE
    pixel_aspect: float = 1.0
    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False
    degrees: float = 0.0

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The width and height at which a decoded picture of this size is shown."""
        size = self._upright_size(width, height)
        return size[::-1] if self.transposed else size

    def apply(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        """The picture as it is shown. Shape (height, width, 3) before and after."""
        height, width = pixels.shape[:2]
        size = self._upright_size(width, height)
        left, top, right, bottom = self._crop_within(width, height)
        pixels = pixels[top : height - bottom, left : width - right]
        if size != (pixels.shape[1], pixels.shape[0]):
            pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
        if self.transposed:
            pixels = pixels.transpose(1, 0, 2)
        pixels = pixels[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]
        if self.degrees:
            turned = Image.fromarray(np.ascontiguousarray(pixels))
            pixels = np.asarray(turned.rotate(-self.degrees, Image.Resampling.BILINEAR))
        return np.ascontiguousarray(pixels)

    def _crop_within(self, width: int, height: int) -> Crop:
        """Nothing is cropped if nothing would be left."""
        left, top, right, bottom = self.crop
        return self.crop if left + right < width and top + bottom < height else _WHOLE

    def _upright_size(self, width: int, height: int) -> tuple[int, int]:
        left, top, right, bottom = self._crop_within(width, height)
        width, height = width - left - right, height - top - bottom
        wide = max(1, round(width * self.pixel_aspect))
        if wide <= MAX_SIDE and wide * height <= MAX_PIXELS:
            return wide, height
        return width, max(1, round(height / self.pixel_aspect))  # the same shape in fewer pixels


AS_DECODED = Presentation()


def presentation_of(
    frame: Any, pixel_aspect: Fraction | None = None, crop: Crop = _WHOLE, matrix: bytes = b""
) -> Presentation:
    """How to show this frame: by what its file or its stream says of it, as the ffmpeg program understands that.

    Args:
        frame: A decoded picture of PyAV's.
        pixel_aspect: A pixel's width, divided by its height; None or 0 if it is not known.
        crop: What its file says to leave out, beside what its decoder has left out already.
        matrix: The display matrix, in FFmpeg's form, where the frame itself has none; empty if there is none.
    """
    aspect = float(pixel_aspect) if pixel_aspect and pixel_aspect > 0 else 1.0
    matrix = _display_matrix(frame) or matrix
    if not matrix and aspect == 1 and crop == _WHOLE:
        return AS_DECODED
    return Presentation(crop, aspect, *(_orientation(matrix) if matrix else ()))


def _display_matrix(frame: Any) -> bytes | None:
    for _ in range(_MAX_UNKNOWN):
        try:
            matrix = frame.side_data.get(Type.DISPLAYMATRIX)
        except ValueError as error:
            # FFmpeg knows kinds of side data that PyAV does not (Exif is 31), and one hides all others.
            number = str(error).split()[0]
            if not number.isdecimal():
                raise
            frame = _without(frame, number)
        else:
            return None if matrix is None else bytes(matrix)
    return None


def _without(frame: Any, kind: str) -> Any:
    """The same frame without this kind of side data."""
    graph = Graph()
    begin = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=_MS)
    graph.link_nodes(begin, graph.add("sidedata", f"mode=delete:type={kind}"), graph.add("buffersink")).configure()
    graph.push(frame)
    return graph.pull()


def _orientation(matrix: bytes) -> tuple[bool, bool, bool, float]:
    """``transposed``, ``flip_x``, ``flip_y`` and ``degrees``, from FFmpeg's display matrix."""
    if len(matrix) < _MATRIX.size:
        return False, False, False, 0.0
    a, b, _, c, d, *_ = _MATRIX.unpack_from(matrix)
    scale_x, scale_y = math.hypot(a, c), math.hypot(b, d)
    if not scale_x or not scale_y:
        return False, False, False, 0.0
    degrees = round(math.degrees(math.atan2(b / scale_y, a / scale_x))) % 360
    if abs(degrees - 90) < _NEAR_DEGREES:
        return True, c <= 0, False, 0.0
    if abs(degrees - 180) < _NEAR_DEGREES:
        return False, a < 0, d < 0, 0.0
    if abs(degrees - 270) < _NEAR_DEGREES:
        return True, c < 0, True, 0.0
    if degrees:
        return False, False, False, float(degrees)
    return False, False, d < 0, 0.0
