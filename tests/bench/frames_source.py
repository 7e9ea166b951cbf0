"""A Python publisher in a process of its own, for the frames benchmark: stamped pictures."""

from __future__ import annotations

import argparse
import sys
import time
from itertools import count
from typing import TYPE_CHECKING

from relay_widget import Peer
from relay_widget.media.pattern import Pattern, draw_stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray


def pictures(width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """Test pictures; in each the time it was made."""
    pattern = Pattern(width, height)
    for number in count():
        picture = pattern.picture(number)
        draw_stamp(picture, round(time.time() * 1000))
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
