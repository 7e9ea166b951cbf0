"""Who gets a socket at all: so many in all, so many from one address, and none for long without a word.

It stands where sockets are accepted, before HTTP, and costs a connection nothing once it is in. Sockets that have
closed are forgotten only when their places are wanted.
"""

from __future__ import annotations

import asyncio
import time
from math import inf
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay_widget.core import Limits

SPARE_SOCKETS = 256
"""Beside those of clients (two for each: one on long polling has two), for who looks at the relay's health."""
FORGET_INTERVAL_S = 0.05


class Door:
    """Makes the protocol of each accepted socket, as ``create_server`` asks for it.

    Args:
        make_protocol: Makes those of the sockets that may stay.
        limits: How many may.
        on_refused: Called with the address of one that may not.
    """

    def __init__(
        self, make_protocol: Callable[[], asyncio.BaseProtocol], limits: Limits, on_refused: Callable[[str], None]
    ) -> None:
        self._make_protocol = make_protocol
        self._max_sockets = 2 * limits.connections + SPARE_SOCKETS
        self._max_per_address = limits.address_sockets
        self._on_refused = on_refused
        self._sockets: dict[str, set[asyncio.BaseTransport]] = {}
        self._count = 0
        self._forgot_s = -inf

    def __call__(self) -> asyncio.Protocol:
        """A protocol for one more socket."""
        return _Entrance(self)

    def enter(self, transport: asyncio.BaseTransport) -> None:
        """A socket is there: hand it on, or close it."""
        address = _address(transport)
        if not self._has_place(address):
            self._forget_closed()
            if not self._has_place(address):
                cast("asyncio.Transport", transport).abort()
                self._on_refused(address)
                return
        self._sockets.setdefault(address, set()).add(transport)
        self._count += 1
        protocol = self._make_protocol()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    def _has_place(self, address: str) -> bool:
        return self._count < self._max_sockets and len(self._sockets.get(address, ())) < self._max_per_address

    def _forget_closed(self) -> None:
        now_s = time.monotonic()
        if now_s - self._forgot_s < FORGET_INTERVAL_S:
            return  # a flood is not to make the relay look at all its sockets each time
        self._forgot_s = now_s
        open_now = {
            address: {transport for transport in sockets if not transport.is_closing()}
            for address, sockets in self._sockets.items()
        }
        self._sockets = {address: sockets for address, sockets in open_now.items() if sockets}
        self._count = sum(map(len, self._sockets.values()))


class _Entrance(asyncio.Protocol):
    """A socket's protocol until it has been let in."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._door.enter(transport)


def _address(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else ""
