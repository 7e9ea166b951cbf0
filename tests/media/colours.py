"""Eight plain colours in one picture, and how far what is seen of them is from them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

COLOURS = [
    (200, 40, 120),
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (32, 192, 64),
    (128, 128, 128),
    (250, 200, 20),
    (20, 30, 60),
]
WIDTH, HEIGHT = 640, 360
COLUMNS, ROWS = 4, 2
LEVELS = 6
"""Of 255: what an encoder may lose of a plain colour."""


def fields() -> NDArray[np.uint8]:
    """A picture of a field of each colour."""
    colours = np.array(COLOURS, np.uint8).reshape(ROWS, COLUMNS, 3)
    return colours.repeat(HEIGHT // ROWS, 0).repeat(WIDTH // COLUMNS, 1)


def seen(picture: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """The colour in the middle of each field."""
    height, width = picture.shape[:2]
    rows = (np.arange(ROWS) + 0.5) * height / ROWS
    columns = (np.arange(COLUMNS) + 0.5) * width / COLUMNS
    return [tuple(map(int, picture[int(y), int(x)])) for y in rows for x in columns]


def worst(colours: list[tuple[int, ...]]) -> int:
    """The largest difference, in levels of 255."""
    return int(np.abs(np.array(colours) - np.array(COLOURS)).max())


def of_file(path: Path) -> NDArray[np.uint8]:
    """A file's pictures as ffmpeg shows them: (pictures, HEIGHT, WIDTH, 3)."""
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(path),
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-s",
        f"{WIDTH}x{HEIGHT}",
    ]
    raw = subprocess.run([*command, "-"], capture_output=True, check=True, stdin=subprocess.DEVNULL).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
