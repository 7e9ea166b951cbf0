"""The kernel's end of the tunnel: a WebSocket to the relay for each page that has no other way to it.

The page's end is js/src/transport/tunnel.ts; docs/transports.md describes the messages between them. Frames come and go
several to a message, on the thread that Python participants run on, so that a busy cell holds up only what comes
from the page, and that only where the frontend has no subshells. What waits here is bounded both ways: what is
acknowledged to the page has been taken by the relay, and what the page has not acknowledged fills a window, behind
which the relay is not read, so that it drops whole groups as for every slow subscriber.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from . import background
from .ending import run_together
from .protocol import MAX_MESSAGE_BYTES
from .relays import http_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import aiohttp

Frame = tuple[bool, bytes]
"""Whether it is text (UTF-8), and its bytes."""

MAX_TUNNELS = 8
"""Tunnels of one call at a time: one for each page that shows it and has no other way."""
ENDED_KEPT = 64
"""Of so many that have ended it is remembered: a page asks again while it is not answered, and that may come late."""
MESSAGE_INTERVAL_S = 0.04
"""At least so long between two messages with data."""
ACK_INTERVAL_S = 0.06
MAX_WAITING_BYTES = 64_000
"""What may wait for the window before the relay is not read any more; a message more of it may come."""
SOCKET_BUFFER_BYTES = 64_000
"""What the system may hold of what the relay has sent: the relay is to see what waits, and drop it in time."""
CONNECT_TIMEOUT_S = 5

TARGET_S = 0.4
MIN_WINDOW_BYTES = 32_000
FIRST_WINDOW_BYTES = 64_000
MAX_WINDOW_BYTES = 256_000
_SHRINK = 0.7

_HEAD = struct.Struct(">BI")
_TEXT, _BINARY = 0, 1

_log = logging.getLogger(__name__)


def pack(frames: Iterable[Frame]) -> bytes:
    """What one message carries: each frame's kind (0 text, 1 binary) in a byte, its length in four, its bytes."""
    parts: list[bytes] = []
    for text, data in frames:
        parts += (_HEAD.pack(_TEXT if text else _BINARY, len(data)), data)
    return b"".join(parts)


def unpack(packed: bytes | memoryview) -> list[Frame]:
    """The frames that a message carries.

    Raises:
        ValueError: It does not carry whole frames.
    """
    frames = []
    at = 0
    while at < len(packed):
        if at + _HEAD.size > len(packed):
            raise ValueError("not whole frames")
        kind, length = _HEAD.unpack_from(packed, at)
        at += _HEAD.size
        if kind > _BINARY or at + length > len(packed):
            raise ValueError("not whole frames")
        frames.append((kind == _TEXT, bytes(packed[at : at + length])))
        at += length
    return frames


class SendWindow:
    """How much may be on its way to a page without having been acknowledged. The twin of js/…/send-window.ts."""

    def __init__(self) -> None:
        self.limit_bytes: float = FIRST_WINDOW_BYTES
        self.in_flight_bytes = 0
        self._number = 0
        self._under_way: deque[tuple[int, int, float, bool]] = deque()
        self._shrunk_s = float("-inf")

    @property
    def open(self) -> bool:
        """Whether another message may go out now."""
        return self.in_flight_bytes < self.limit_bytes

    def sent(self, size_bytes: int, now_s: float) -> int:
        """A message goes out; its number."""
        self._number += 1
        self.in_flight_bytes += size_bytes
        self._under_way.append((self._number, size_bytes, now_s, not self.open))
        return self._number

    def acknowledged(self, number: int, now_s: float) -> None:
        """All messages up to this one have been taken."""
        while self._under_way and self._under_way[0][0] <= number:
            _, size_bytes, sent_s, full = self._under_way.popleft()
            self.in_flight_bytes -= size_bytes
            if now_s - sent_s > TARGET_S:
                if sent_s > self._shrunk_s:  # once for all that was under way then
                    self.limit_bytes = max(MIN_WINDOW_BYTES, self.limit_bytes * _SHRINK)
                    self._shrunk_s = now_s
            elif full:
                self.limit_bytes = min(MAX_WINDOW_BYTES, self.limit_bytes + size_bytes)


class Tunnels:
    """The tunnels of one call's pages.

    Args:
        send: Sends a message to all pages of the call: its content, and its buffers.
        address: Where the relay answers now; None while it does not.
    """

    def __init__(self, send: Callable[[dict[str, Any], list[bytes]], None], address: Callable[[], str | None]) -> None:
        self._send = send
        self._address = address
        self._lock = threading.Lock()
        self._tunnels: dict[str, _Tunnel] = {}
        self._ended: deque[str] = deque(maxlen=ENDED_KEPT)

    def hear(self, content: dict[str, Any], buffers: Sequence[bytes | memoryview]) -> None:
        """A page's message of kind ``tunnel``. Called on whatever thread hears the page; does not wait."""
        tunnel_id, op = content.get("tunnel"), content.get("op")
        if not isinstance(tunnel_id, str):
            return
        if op == "open":
            self._open(tunnel_id)
            return
        with self._lock:
            tunnel = self._tunnels.get(tunnel_id)
        if tunnel is not None:
            tunnel.hear(content, buffers)
        elif op != "close":
            self._say(tunnel_id, {"op": "close", "code": "unknown-tunnel", "message": "The kernel has started anew."})

    def close(self) -> None:
        """End them all; not waited for."""
        with self._lock:
            tunnels = list(self._tunnels.values())
        for tunnel in tunnels:
            tunnel.close()

    def _open(self, tunnel_id: str) -> None:
        url = self._address()
        refusal = None
        with self._lock:
            if tunnel_id in self._tunnels or tunnel_id in self._ended:
                return
            if url is None:
                refusal = ("no-relay", "The kernel has no relay now.")
            elif len(self._tunnels) >= MAX_TUNNELS:
                refusal = ("too-many-tunnels", f"{MAX_TUNNELS} pages use this call through the kernel already.")
            else:
                self._tunnels[tunnel_id] = _Tunnel(
                    url, lambda word, *buffers: self._say(tunnel_id, word, *buffers), lambda: self._forget(tunnel_id)
                )
        if refusal is not None:
            self._say(tunnel_id, {"op": "close", "code": refusal[0], "message": refusal[1]})

    def _say(self, tunnel_id: str, word: dict[str, Any], *buffers: bytes) -> None:
        self._send({"kind": "tunnel", "tunnel": tunnel_id, **word}, list(buffers))

    def _forget(self, tunnel_id: str) -> None:
        with self._lock:
            self._tunnels.pop(tunnel_id, None)
            self._ended.append(tunnel_id)


class _Tunnel:
    """One WebSocket to the relay, as messages to and from a page.

    Args:
        url: Where the relay answers.
        say: Says something to the page; on the background's thread only.
        on_over: Called when it has ended.
    """

    def __init__(self, url: str, say: Callable[..., None], on_over: Callable[[], None]) -> None:
        self._url = url
        self._say = say
        self._on_over = on_over
        self._window = SendWindow()
        self._waiting: deque[Frame] = deque()
        self._waiting_bytes = 0
        self._flush_handle: asyncio.TimerHandle | None = None
        self._sent_s = float("-inf")
        self._heard_number = 0
        self._taken_number = 0
        self._acknowledged_number = 0
        self._ack_handle: asyncio.TimerHandle | None = None
        self._background = background.enter(self)
        self._inbox: asyncio.Queue[tuple[int, list[Frame]]] = asyncio.Queue()
        self._drained = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._over = self._background.submit(self._run(), "a tunnel")

    def hear(self, content: dict[str, Any], buffers: Sequence[bytes | memoryview]) -> None:
        """The page's word, on any thread."""
        self._background.call(self._take, content, buffers)

    def close(self) -> background.Outcome[None]:
        """End it, from any thread."""
        self._background.call(self._cancel)
        return self._over

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    # -- all below runs on the background's loop --

    async def _run(self) -> None:
        self._task = asyncio.current_task()
        import aiohttp  # noqa: PLC0415 - most calls never need it here

        code, message = "closed", "The relay has ended the connection."
        try:
            connector = aiohttp.TCPConnector(socket_factory=_socket)
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
            async with (
                http_session(self._url, connector=connector, timeout=timeout) as session,
                session.ws_connect(
                    _websocket_url(self._url), max_msg_size=MAX_MESSAGE_BYTES, compress=0, autoping=True
                ) as relay,
            ):
                self._say({"op": "open"})
                await self._carry(relay)
        except asyncio.CancelledError:
            code, message = "closed", "The page has closed it."
        except (OSError, aiohttp.ClientError, TimeoutError) as error:
            _log.info("a tunnel to %s failed: %s", self._url, error)
            code, message = "relay-unreachable", "The kernel does not reach the relay."
        except Exception:  # noqa: BLE001 - it is logged, and the page is told
            _log.exception("a tunnel failed")
            code, message = "internal", "The kernel's end of the tunnel made a mistake: its log says which."
        finally:
            for handle in (self._flush_handle, self._ack_handle):
                if handle is not None:
                    handle.cancel()
            self._on_over()
            self._say({"op": "close", "code": code, "message": message})
            background.leave(self)

    async def _carry(self, relay: aiohttp.ClientWebSocketResponse) -> None:
        await run_together(self._carry_up(relay), self._carry_down(relay))

    async def _carry_up(self, relay: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            number, frames = await self._inbox.get()
            for text, data in frames:
                if text:
                    await relay.send_str(data.decode())
                else:
                    await relay.send_bytes(data)
            self._taken_number = number
            if self._ack_handle is None:
                self._ack_handle = asyncio.get_running_loop().call_later(ACK_INTERVAL_S, self._acknowledge)

    async def _carry_down(self, relay: aiohttp.ClientWebSocketResponse) -> None:
        async for message in relay:
            if isinstance(message.data, str):
                self._send((True, message.data.encode()))
            elif isinstance(message.data, bytes):
                self._send((False, message.data))
            if self._waiting_bytes > MAX_WAITING_BYTES:
                self._drained.clear()
                await self._drained.wait()

    def _take(self, content: dict[str, Any], buffers: Sequence[bytes | memoryview]) -> None:
        ack, number = content.get("ack"), content.get("number")
        if isinstance(ack, int):
            self._window.acknowledged(ack, time.monotonic())
            self._flush_soon()
        if content.get("op") == "close":
            self._cancel()
        elif content.get("op") == "data":
            self._take_data(number, buffers)

    def _take_data(self, number: object, buffers: Sequence[bytes | memoryview]) -> None:
        try:
            frames = unpack(memoryview(buffers[0])) if number == self._heard_number + 1 and len(buffers) == 1 else None
        except ValueError:
            frames = None
        if frames is None:
            _log.warning("a tunnel ends: message %s of the page is not whole, or not the next one", number)
            self._cancel()
            return
        self._heard_number += 1
        self._inbox.put_nowait((self._heard_number, frames))

    def _send(self, frame: Frame) -> None:
        self._waiting.append(frame)
        self._waiting_bytes += _HEAD.size + len(frame[1])
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._waiting and self._flush_handle is None and self._window.open:
            loop = asyncio.get_running_loop()
            wait_s = max(0, self._sent_s + MESSAGE_INTERVAL_S - time.monotonic())
            self._flush_handle = loop.call_later(wait_s, self._flush)

    def _flush(self) -> None:
        self._flush_handle = None
        if not self._waiting or not self._window.open:
            return
        packed = pack(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        self._drained.set()
        self._sent_s = time.monotonic()
        number = self._window.sent(len(packed), self._sent_s)
        self._say({"op": "data", "number": number, "ack": self._ack_now()}, packed)

    def _acknowledge(self) -> None:
        self._ack_handle = None
        if self._acknowledged_number != self._taken_number:
            self._say({"op": "ack", "ack": self._ack_now()})

    def _ack_now(self) -> int:
        if self._ack_handle is not None:
            self._ack_handle.cancel()
            self._ack_handle = None
        self._acknowledged_number = self._taken_number
        return self._taken_number


def _websocket_url(url: str) -> str:
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    path = f"{parts.path.rstrip('/')}/socket.io/"
    return urlunsplit((scheme, parts.netloc, path, "EIO=4&transport=websocket", ""))


def _socket(address: Any) -> socket.socket:
    """A socket for that address which holds little of what the relay sends; to be said before it connects."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
    return made
