"""A time written into a picture as black and white squares, and read back: player_page/stamp.ts for arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS = 24
ROW = 12
SQUARE = 0.075
"""Side of a square in widths of the picture."""
SPAN_MS = 2**BITS
BLACK, WHITE = 80, 176


def draw(picture: NDArray[np.uint8], time_ms: float) -> None:
    """Write a time into the top of a picture (H, W, 3)."""
    stamp = round(time_ms) % SPAN_MS
    side = SQUARE * picture.shape[1]
    for bit in range(BITS):
        left, top = (bit % ROW) * side, (bit // ROW) * side
        rows, columns = slice(round(top), round(top + side)), slice(round(left), round(left + side))
        picture[rows, columns] = 255 if stamp >> bit & 1 else 0


def read(picture: NDArray[np.uint8]) -> int | None:
    """The stamp in a picture; None if it has none that can be read."""
    side = SQUARE * picture.shape[1]
    bits = np.arange(BITS)
    middles = picture[((bits // ROW + 0.5) * side).astype(int), ((bits % ROW + 0.5) * side).astype(int), 0]
    if ((middles > BLACK) & (middles < WHITE)).any():
        return None
    return int(((middles >= WHITE).astype(np.int64) << bits).sum())


def age_ms(stamp: int, now_ms: float) -> float:
    """How long before this time a stamp was made."""
    age = (now_ms - stamp) % SPAN_MS
    return age - SPAN_MS if age > SPAN_MS / 2 else age
