"""Engine.IO's queue of what a client has not fetched yet, with the bound, the end and the pace that it lacks.

The relay's own messages have their bound in the outlet. But engineio and socketio answer by themselves, too, what a
client asks of them (an upgrade, another CONNECT), and would do so for ever for one who asks and never reads.
"""

from __future__ import annotations

import asyncio
from typing import Any

from .pace import Pace

MAX_UNREAD_PACKETS = 10_000
"""Of a few hundred bytes each, and far more than a poll or a WebSocket leaves waiting."""


class ClientQueue(asyncio.Queue[Any]):
    """What engineio is to make for each session."""

    def __init__(self) -> None:
        super().__init__()
        self.pace = Pace()
        """How fast the session's packets are read."""
        self.taking = asyncio.Lock()
        """Held while a body of its long polls waits for the pace, so that many at once are no way round it."""

    @property
    def overflows(self) -> bool:
        """Whether its client leaves too much unread to be listened to."""
        return self.qsize() > MAX_UNREAD_PACKETS

    async def join(self) -> None:
        """Return: engineio, when it closes a session, waits for all to be fetched, of one who has gone for ever."""
