"""The short way of a WebSocket's media: from aiohttp's parser straight to the relay.

Engine.IO and Socket.IO take a task and a timer for each frame, and decode each event twice: as much work as passing it
on. So the two messages of a stock client's `media-chunk` (its text, then its bytes) are taken out of what comes in
before they do, and its `report`, which is large and which hardly anybody wants to see. Everything else, and these in
any other shape, go their way; and none is taken while something that came before it still does, so that all is served
in the order in which it came.

What comes in is charged before it is parsed: its bytes here, its messages (pings, too) where they are read.

aiohttp has no public way in. Where its insides are not as expected, everything takes the long way.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from aiohttp import WSMsgType
from aiohttp.http import WebSocketReader
from aiohttp.web import WebSocketResponse

from relay_widget.protocol import MediaHeader

from .frames import MEDIA_END, MEDIA_START

if TYPE_CHECKING:
    from .pace import Pace

try:
    from aiohttp._websocket.reader import WebSocketDataQueue
except ImportError:  # then there is no short way
    WebSocketDataQueue = object  # type: ignore[misc,assignment]

_REPORT_START = '42["report",'
_REPORT_END = "}]"
_START = f"4{MEDIA_START.decode()}"  # Engine.IO's message
_END = MEDIA_END.decode()
_decode = msgspec.json.Decoder(MediaHeader).decode
_READ_AHEAD_BYTES = 65_536
"""What may wait for engineio before no more is read; aiohttp's own figure."""
_ALIVE = "6"  # Engine.IO's packet that says nothing
_MESSAGE_BYTES = 64
"""What a message that waits counts beside its bytes: empty pings have none."""


class Client(Protocol):
    """Whose socket it is."""

    @property
    def bytes_per_s(self) -> float:
        """How much is read of it in a second, and at once."""
        ...

    def take_media(self, label: MediaHeader, data: bytes) -> bool:
        """A media-chunk has come; False if it is to go the long way."""
        ...

    def take_report(self, report: str) -> bool:
        """A report has come, JSON; False if it is to go the long way."""
        ...


class LaneSocket(WebSocketResponse):
    """aiohttp's WebSocket, without the media.

    Args:
        client: Who takes that.
        pace: How fast messages are read.
        alive_s: How often Engine.IO is to see at least that something came; it ends who says nothing for long.
        options: WebSocketResponse's.
    """

    def __init__(self, client: Client, pace: Pace, alive_s: float, **options: Any) -> None:
        super().__init__(autoping=False, **options)
        self._client = client
        self._pace = pace
        self._alive_s = alive_s

    async def next(self, *, media: bool) -> Any:
        """What came next; everything before it has been served. Pings are answered.

        Args:
            media: Whether media may be taken out from now on.
        """
        while True:
            await self._pace.keep()
            if media and isinstance(self._reader, _Inbox):
                self._reader.served()
            message = await self.receive()
            self._pace.charge(1)
            if message.type is WSMsgType.PING:
                await self.pong(message.data)
            elif message.type is not WSMsgType.PONG:
                return message.data

    def _post_start(self, request: Any, protocol: str | None, writer: Any) -> None:
        came_early = getattr(request.protocol, "_message_tail", True)
        super()._post_start(request, protocol, writer)
        if came_early:  # and so is in aiohttp's own queue already
            return
        with contextlib.suppress(AttributeError, TypeError):
            inbox = _Inbox(self._client, self._alive_s, request.protocol, _READ_AHEAD_BYTES, loop=self._loop)
            parser = WebSocketReader(inbox, self._max_msg_size, compress=False, decode_text=True)
            request.protocol._payload_parser = _Gate(self._client, parser, request.protocol)  # noqa: SLF001
            self._parser, self._reader = parser, inbox


class _Gate:
    """Before aiohttp's parser: bytes are charged as they come, and who sends too many is read later."""

    def __init__(self, client: Client, parser: Any, protocol: Any) -> None:
        self._client = client
        self._parser = parser
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._paid_s = 0.0  # the loop's time until which what came has used up its share
        self._kept: list[bytes] = []
        self._is_open = False

    def feed_eof(self) -> None:
        """There is no more."""
        self._parser.feed_eof()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Bytes have come."""
        if self._is_open:
            return self._parser.feed_data(data)  # type: ignore[no-any-return]
        now_s = self._loop.time()
        if not self._kept:
            self._paid_s = max(self._paid_s, now_s - 1) + len(data) / self._client.bytes_per_s
            if self._paid_s <= now_s:
                return self._parser.feed_data(data)  # type: ignore[no-any-return]
            self._loop.call_at(self._paid_s, self._open)
        self._kept.append(bytes(data))
        transport = self._protocol.transport
        if transport is not None and not transport.is_closing():
            transport.pause_reading()  # also after aiohttp, which does not know of this, has resumed it
        return False, b""

    def _open(self) -> None:
        data, self._kept = b"".join(self._kept), []
        transport = self._protocol.transport
        if transport is None or transport.is_closing():
            return
        self._is_open = True
        try:
            self._protocol.data_received(data)
        finally:
            self._is_open = False
        if not self._protocol._reading_paused:  # noqa: SLF001 - aiohttp waits for what it has to be read
            transport.resume_reading()


class _Inbox(WebSocketDataQueue):
    """aiohttp's queue of what has come in."""

    def __init__(self, client: Client, alive_s: float, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._client = client
        self._alive_s = alive_s
        self._seen_s = time.monotonic()  # when anything was put into the queue
        self._is_free = False
        self._label: tuple[Any, int] | None = None  # a media-chunk's text, until its bytes come

    def served(self) -> None:
        """What was read from here last has been served."""
        self._is_free = not self._buffer

    def feed_data(self, message: Any, size: int) -> None:
        """A whole message has come."""
        kind, label = message.type, self._label
        if label is None:
            if self._is_free and kind is WSMsgType.TEXT:
                text = message.data
                if text.startswith(_START) and text.endswith(_END):
                    self._label = message, size
                    return
                if (
                    text.startswith(_REPORT_START)
                    and text.endswith(_REPORT_END)
                    and self._client.take_report(text[len(_REPORT_START) : -1])
                ):
                    self._say_alive(message)
                    return
        elif kind is WSMsgType.BINARY:
            self._label = None
            try:
                header = _decode(label[0].data[len(_START) : -len(_END)])
            except (msgspec.DecodeError, RecursionError):  # the long way says what is wrong
                header = None
            if header is not None and self._client.take_media(header, message.data):
                self._say_alive(label[0])
                return
            self._put(*label)
        elif kind is WSMsgType.TEXT:  # the label's bytes are missing; a ping may come between
            self._label = None
            self._put(*label)
        self._is_free = False
        self._put(message, size)

    def _say_alive(self, text: Any) -> None:
        if time.monotonic() - self._seen_s > self._alive_s:
            self._is_free = False
            self._put(text._replace(data=_ALIVE), 0)

    def _put(self, message: Any, size: int) -> None:
        self._seen_s = time.monotonic()
        super().feed_data(message, size + _MESSAGE_BYTES)
