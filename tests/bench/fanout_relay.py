"""The relay with rooms as large as the benchmark's; otherwise `relay-widget` as it is."""

from __future__ import annotations

import sys

from relay_widget import cli
from relay_widget.core import room

MAX_PEERS_PER_ROOM = 1100

if __name__ == "__main__":
    room.MAX_PEERS_PER_ROOM = MAX_PEERS_PER_ROOM  # type: ignore[attr-defined]
    sys.exit(cli.main())
