"""A Python publisher in a process of its own, for the frames benchmark: stamped pictures of a talking head's weight."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from relay_widget import Peer
from tests import stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def pictures(width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """A still room in which something as large as a head moves to and fro; in each the time it was taken."""
    room = np.empty((height, width, 3), np.uint8)
    room[:] = (0x3B, 0x50, 0x68)
    room[3 * height // 4 :] = (0x8A, 0x7A, 0x66)
    head_height, head_width = height // 3, width // 5
    rows = slice(height // 2 - head_height // 2, height // 2 + head_height // 2)
    while True:
        now_s = time.time()
        picture = room.copy()
        left = int(width / 2 - head_width / 2 + width / 16 * np.sin(1.4 * now_s))
        picture[rows, left : left + head_width] = (0xC0, 0x90, 0x80)
        stamp.draw(picture, time.time() * 1000)
        yield picture


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.frames_source", description=__doc__)
    parser.add_argument("--room", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--fps", type=float, default=30)
    given = parser.parse_args()
    with Peer(given.room, given.name) as peer:
        publication = peer.publish(pictures(given.width, given.height), fps=given.fps)
        print("sending", flush=True)
        sys.stdin.read()  # until whoever started it has had enough, or has gone
        publication.stop()


if __name__ == "__main__":
    main()
