"""The WebSocket of a client, in place of Engine.IO's own driver.

It differs in six things: media and reports take a shorter way in, nothing is compressed (media is compressed already,
and deflate would cost many times the relay's own work), what is no Engine.IO packet or too long ends the connection in
order instead of raising through the request, who has not been let in may send little, it tells the client's outlet from
when on it may write, and what waits stays in that outlet's sight instead of in the system's buffers.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp.web import HTTPBadRequest
from engineio import packet as eio_packet
from engineio.async_drivers import aiohttp as eio_aiohttp

from relay_widget.protocol import MAX_CONNECT_BYTES, MAX_TEXT_BYTES

from .fanout import abort
from .lane import LaneSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.web import WebSocketResponse

    from relay_widget.protocol import MediaHeader

    from .fanout import Fanout

_CLOSE_TIMEOUT_S = 1.0
"""How long an ended client may take to say goodbye; its peer is in the room until then."""
_UNSENT_BYTES = 16_384
"""What the system may take from us before it can send it. Its own buffers grow to megabytes: seconds of media that
nobody could drop any more, and that nobody would know of."""
_PING = str(eio_packet.PING)
_UPGRADE = str(eio_packet.UPGRADE)
_CONNECTED = f"{eio_packet.MESSAGE}0{{"  # Socket.IO's answer to CONNECT in the default namespace
_MARK = "drained"
_MARK_PACKET = f"{eio_packet.NOOP}{_MARK}"
_AWAKE = "awake"
_AWAKE_PACKET = f"{eio_packet.NOOP}{_AWAKE}"
_PACKET = re.compile(r"[0-6](?:\Z|\d|probe\Z)")
"""What a client may send: Socket.IO's type behind Engine.IO's. All else engineio would read as JSON, nested or not."""


class Lanes(Protocol):
    """What takes the short way in, by Engine.IO session. False if it has to go the long way, which has a pace."""

    def media_chunk(self, session_id: str, label: MediaHeader, data: bytes) -> bool:
        """A media-chunk."""
        ...

    def report(self, session_id: str, report: str) -> bool:
        """A report, JSON."""
        ...


def websocket_driver(fanout: Fanout, lanes: Lanes, bytes_per_s: int) -> Callable[..., eio_aiohttp.WebSocket]:
    """What engineio is to call for each WebSocket.

    Args:
        fanout: The clients' ways out.
        lanes: What takes the short way in.
        bytes_per_s: How much is read of a client that has been let in.
    """

    def create(handler: Callable[[Any], Awaitable[None]], server: Any) -> RelayWebSocket:
        return RelayWebSocket(handler, server, fanout, lanes, bytes_per_s)

    return create


class _Client:
    """Whose socket it is, for the short way in."""

    def __init__(self, session_id: str, fanout: Fanout, lanes: Lanes, bytes_per_s: int) -> None:
        self._session_id = session_id
        self._fanout = fanout
        self._lanes = lanes
        self._bytes_per_s = bytes_per_s

    @property
    def is_let_in(self) -> bool:
        return self._fanout.is_let_in(self._session_id)

    @property
    def bytes_per_s(self) -> float:
        return self._bytes_per_s if self.is_let_in else MAX_CONNECT_BYTES

    def take_media(self, label: MediaHeader, data: bytes) -> bool:
        return self._lanes.media_chunk(self._session_id, label, data)

    def take_report(self, report: str) -> bool:
        return self._lanes.report(self._session_id, report)


class RelayWebSocket(eio_aiohttp.WebSocket):  # type: ignore[misc] # engineio has no types
    """One client's WebSocket, as engineio sees it."""

    def __init__(
        self,
        handler: Any,
        server: Any,
        fanout: Fanout,
        lanes: Lanes,
        bytes_per_s: int,
    ) -> None:
        super().__init__(handler, server)
        self._session = handler.__self__  # the engineio socket whose method the handler is
        self._fanout = fanout
        self._client = _Client(self._session.sid, fanout, lanes, bytes_per_s)

    async def __call__(self, environ: dict[str, Any]) -> WebSocketResponse:
        """Serve it until it ends."""
        request = environ["aiohttp.request"]
        session, transports = self._session.sid, self._fanout.transports
        if request.transport is None:
            raise HTTPBadRequest  # gone already
        self.environ = environ
        self._transport = transports[session] = request.transport
        try:
            self._sock = LaneSocket(
                self._client,
                self._session.queue.pace,
                (self._session.server.ping_interval + self._session.server.ping_timeout) / 3,
                max_msg_size=self.server.max_http_buffer_size,
                compress=False,
                timeout=_CLOSE_TIMEOUT_S,
            )
            try:
                await self._sock.prepare(request)
            except ConnectionError:
                raise HTTPBadRequest from None  # gone while it was being greeted
            _keep_little_in_the_kernel(self._transport)
            await self.handler(self)
        finally:
            del transports[session]
        return self._sock

    async def send(self, message: str | bytes) -> None:
        """Send one Engine.IO packet; called by engineio for what is on its queue."""
        if message == _MARK_PACKET:
            self._open()
            return
        if message == _AWAKE_PACKET:
            return
        if message == _PING and (outlet := self._fanout.of_session(self._session.sid)) is not None:
            # It goes out behind what waits, as far as that is known: so long is credited to who has to answer it.
            wait_s = outlet.wait_ms() / 1000
            if wait_s > 0:
                self._session.last_ping += wait_s
                # engineio ends who has nothing on its queue for a ping's and a pong's time; the next comes later.
                awake = eio_packet.Packet(eio_packet.NOOP, _AWAKE)
                asyncio.get_running_loop().call_later(wait_s, self._session.queue.put_nowait, awake)
        await super().send(message)
        if isinstance(message, str) and message.startswith(_CONNECTED):
            self._open()

    async def wait(self) -> str | bytes:
        """The next Engine.IO packet of the client, its media aside.

        Raises:
            OSError: The connection has ended, or must.
        """
        if self._session.queue.overflows:
            abort(self._transport)  # in order would be to wait for it to read
            raise OSError
        data = await self._sock.next(media=self._session.upgraded)
        if isinstance(data, bytes):
            return data
        changes_again = data == _UPGRADE and self._session.upgraded  # engineio would answer it each time
        if not isinstance(data, str) or not _PACKET.match(data) or changes_again or self._is_too_long(data):
            # To be closed in order it would have to read what waits for it.
            asyncio.get_running_loop().call_later(_CLOSE_TIMEOUT_S, abort, self._transport)
            raise OSError
        if data == _UPGRADE:
            self._hold()
        return data

    def _is_too_long(self, text: str) -> bool:
        self._session.queue.pace.charge_text(len(text))
        return len(text) > (MAX_TEXT_BYTES if self._client.is_let_in else MAX_CONNECT_BYTES)

    def _hold(self) -> None:
        outlet = self._fanout.of_session(self._session.sid)
        if outlet is not None:
            outlet.hold()
            # It comes out of the queue behind everything that was sent while the client was polling.
            self._session.queue.put_nowait(eio_packet.Packet(eio_packet.NOOP, _MARK))

    def _open(self) -> None:
        outlet = self._fanout.of_session(self._session.sid)
        if outlet is not None:
            outlet.open(self._transport)


def _keep_little_in_the_kernel(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # Linux and macOS have it
    if sock is not None and option is not None:
        with contextlib.suppress(OSError):  # no TCP
            sock.setsockopt(socket.IPPROTO_TCP, option, _UNSENT_BYTES)
