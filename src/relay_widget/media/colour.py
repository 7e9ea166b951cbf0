"""How the numbers of an encoded picture stand for colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av

UNSAID = 2
"""What ITU-T H.273 calls unspecified; FFmpeg has its numbers, too."""
# Those that FFmpeg's scaler knows; of others it makes no picture at all, some versions of it.
_MATRICES = frozenset({0, 1, UNSAID, 4, 5, 6, 7, 9})
_PRIMARIES = frozenset({1, UNSAID, *range(4, 13), 22})
_TRANSFERS = frozenset({1, UNSAID, *range(4, 19)})
_LIMITED, _FULL = 1, 2


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour description, in the numbers of ITU-T H.273.

    Attributes:
        matrix: From RGB to luma and chroma: 1 is BT.709, 6 is BT.601.
        primaries, transfer: Of the RGB; 1 is what screens show.
        full_range: Whether luma takes 0 to 255 rather than 16 to 235; None where it is not said.
    """

    matrix: int = UNSAID
    primaries: int = UNSAID
    transfer: int = UNSAID
    full_range: bool | None = None

    @property
    def is_vp8s(self) -> bool:
        """Whether it is what VP8 is where nothing is said: as far as it says anything, BT.601 in video range.

        A VP8 packet says neither, and FFmpeg, and what is built on it, believes that more than the file around it.
        """
        return self.matrix in (5, 6, UNSAID) and not self.full_range

    def describe(self, what: Any) -> None:
        """Say it in a picture (`av.VideoFrame`) or to an encoder; what is not said here stays as it is there."""
        if self.matrix != UNSAID:
            what.colorspace = self.matrix
        if self.primaries != UNSAID:
            what.color_primaries = self.primaries
        if self.transfer != UNSAID:
            what.color_trc = self.transfer
        if self.full_range is not None:
            what.color_range = _FULL if self.full_range else _LIMITED


def as_bt601(picture: av.VideoFrame, width: int | None = None, height: int | None = None) -> av.VideoFrame:
    """A picture in RGB as what is encoded here: 4:2:0, in the numbers of `BT601`, and of this size if one is given."""
    return picture.reformat(width, height, format="yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG", threads=1)


def is_said(what: Any) -> bool:
    """Whether a stream's codec context says its colours."""
    return bool(what.colorspace != UNSAID or what.color_range)


def make_convertible(picture: av.VideoFrame) -> None:
    """Take numbers that cannot be converted for none that are said: better its brightness than no picture."""
    if picture.colorspace not in _MATRICES:
        picture.colorspace = UNSAID
    if picture.color_primaries not in _PRIMARIES:
        picture.color_primaries = UNSAID
    if picture.color_trc not in _TRANSFERS:
        picture.color_trc = UNSAID


BT601 = Colour(matrix=6, primaries=1, transfer=1, full_range=False)
"""What is encoded here, and what VP8 is where nothing is said (RFC 6386, section 9.2)."""
