from __future__ import annotations

import asyncio
import socket

from relay_widget.core import Limits
from relay_widget.server.door import FORGET_INTERVAL_S, SPARE_SOCKETS, Door


class Crowd:
    """Real transports at a door."""

    def __init__(self, limits: Limits) -> None:
        self.refused: list[str] = []
        self.door = Door(asyncio.Protocol, limits, self.refused.append)
        self._others: list[socket.socket] = []

    async def come(self, count: int) -> list[asyncio.Transport]:
        loop = asyncio.get_running_loop()
        came = []
        for _ in range(count):
            ours, theirs = socket.socketpair()
            self._others.append(theirs)
            came.append((await loop.create_connection(self.door, sock=ours))[0])
        return came

    def close(self) -> None:
        for one in self._others:
            one.close()


async def test_so_many_sockets_and_no_more_until_one_has_gone() -> None:
    most = 2 * 5 + SPARE_SOCKETS
    crowd = Crowd(Limits(connections=5))
    inside = await crowd.come(most)
    assert not any(transport.is_closing() for transport in inside)
    assert crowd.refused == []
    [one_more] = await crowd.come(1)
    assert one_more.is_closing()
    assert len(crowd.refused) == 1
    inside[0].close()
    await asyncio.sleep(2 * FORGET_INTERVAL_S)  # it does not count them again at once
    first, second = await crowd.come(2)
    assert not first.is_closing()
    assert second.is_closing()
    for transport in inside:
        transport.close()
    crowd.close()
