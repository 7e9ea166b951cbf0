"""The short way of a WebSocket's media: from aiohttp's parser straight to the relay.

Engine.IO and Socket.IO take a task and a timer for each frame, and decode each event twice: as much work as passing it
on. So the two messages of a stock client's `media-chunk` (its text, then its bytes) are taken out of what comes in
before they do. Everything else, and media of any other shape, goes their way; and no media is taken while something
that came before it still does, so that all is served in the order in which it came.

aiohttp has no public way in. Where its insides are not as expected, everything takes the long way.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import WSMsgType
from aiohttp.http import WebSocketReader
from aiohttp.web import WebSocketResponse

from relay_widget.protocol import MediaHeader

from .frames import MEDIA_END, MEDIA_START

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    from aiohttp._websocket.reader import WebSocketDataQueue
except ImportError:  # then there is no short way
    WebSocketDataQueue = object  # type: ignore[misc,assignment]

_START = f"4{MEDIA_START.decode()}"  # Engine.IO's message
_END = MEDIA_END.decode()
_decode = msgspec.json.Decoder(MediaHeader).decode
_READ_AHEAD_BYTES = 65_536
"""What may wait for engineio before no more is read; aiohttp's own figure."""


class LaneSocket(WebSocketResponse):
    """aiohttp's WebSocket, without the media.

    Args:
        take: Called with the label and the bytes of each media-chunk; False if it is to go the long way.
        options: WebSocketResponse's.
    """

    def __init__(self, take: Callable[[MediaHeader, bytes], bool], **options: Any) -> None:
        super().__init__(**options)
        self._take = take

    async def next(self, *, media: bool) -> Any:
        """What came next; everything before it has been served.

        Args:
            media: Whether media may be taken out from now on.
        """
        if media and isinstance(self._reader, _Inbox):
            self._reader.served()
        return (await self.receive()).data

    def _post_start(self, request: Any, protocol: str | None, writer: Any) -> None:
        came_early = getattr(request.protocol, "_message_tail", True)
        super()._post_start(request, protocol, writer)
        if came_early:  # and so is in aiohttp's own queue already
            return
        with contextlib.suppress(AttributeError, TypeError):
            inbox = _Inbox(self._take, request.protocol, _READ_AHEAD_BYTES, loop=self._loop)
            parser = WebSocketReader(inbox, self._max_msg_size, compress=False, decode_text=True)
            request.protocol._payload_parser = parser  # noqa: SLF001
            self._parser, self._reader = parser, inbox


class _Inbox(WebSocketDataQueue):
    """aiohttp's queue of what has come in."""

    def __init__(self, take: Callable[[MediaHeader, bytes], bool], *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._take = take
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
        elif kind is WSMsgType.BINARY:
            self._label = None
            try:
                header = _decode(label[0].data[len(_START) : -len(_END)])
            except (msgspec.DecodeError, RecursionError):  # the long way says what is wrong
                header = None
            if header is not None and self._take(header, message.data):
                return
            super().feed_data(*label)
        elif kind is WSMsgType.TEXT:  # the label's bytes are missing; a ping may come between
            self._label = None
            super().feed_data(*label)
        self._is_free = False
        super().feed_data(message, size)
