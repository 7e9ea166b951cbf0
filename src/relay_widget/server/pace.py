"""How fast a client's packets are read: who sends more is read later, and loses nothing by it."""

from __future__ import annotations

import asyncio

from relay_widget.protocol import MAX_PACKETS_PER_S

PACKET_CHARS = 500
BURST_S = 1.0
"""So much time's worth may come at once."""
_STEP_S = 0.02
"""Shorter debts are let stand: a timer for each packet would cost more than the packet."""


class Pace:
    """That of one session. Until a packet has been charged and its debt is paid, the next is not to be read."""

    def __init__(self) -> None:
        self._paid_s = 0.0  # the event loop's time until which what came has used up its share

    def charge(self, packets: float) -> None:
        """So many have come."""
        start_s = asyncio.get_running_loop().time() - BURST_S
        self._paid_s = max(self._paid_s, start_s) + packets / MAX_PACKETS_PER_S

    def charge_text(self, length: int) -> None:
        """Text has come, which costs as much as packets of `PACKET_CHARS`: it is read as JSON."""
        self.charge(length / PACKET_CHARS)

    async def keep(self) -> None:
        """Wait until more may be read."""
        debt_s = self._paid_s - asyncio.get_running_loop().time()
        if debt_s > _STEP_S:
            await asyncio.sleep(debt_s)
