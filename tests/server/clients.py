"""Clients of a real relay: stock ones in Python and JavaScript, and a bare socket that can misbehave."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import socket
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import socketio
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from relay_widget.server.app import AppSettings, RelayApp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from tests.relay_process import RelayProcess

TIMEOUT_S = 20
_JS_CLIENT = Path(__file__).parent / "js_client" / "client.mjs"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_metrics(relay: RelayProcess) -> dict[str, float]:
    """All samples of its /metrics, as ``name`` or ``name value-of-its-label``."""
    status, headers, body = relay.get("/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=")
    return {
        " ".join([sample.name.removeprefix("relay_widget_"), *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


@asynccontextmanager
async def relay_in_this_process() -> AsyncIterator[str]:
    """Its address."""
    runner = web.AppRunner(RelayApp(AppSettings(secret="s" * 43, instance="i", needs_token=False)).web)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0])
    finally:
        await runner.cleanup()


class _Client:
    """What arrives, in order, to be waited for."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[tuple[str, tuple[Any, ...]]] = asyncio.Queue()

    async def next(self, event: str | None = None) -> tuple[Any, ...]:
        """The arguments of the next event; others before it (if a name is given) are passed over."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                name, args = await self.arrived.get()
                if event is None or name == event:
                    return args if event else (name, *args)

    async def close(self) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class Client(_Client):
    """python-socketio's client as it comes."""

    def __init__(self) -> None:
        super().__init__()
        self.sio = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self.sio.on("*", self._on_any)
        self.sio.on("disconnect", self._on_disconnect)

    async def _on_any(self, event: str, *args: Any) -> None:
        await self.arrived.put((event, args))

    async def _on_disconnect(self, reason: str) -> None:
        await self.arrived.put(("disconnect", (reason,)))

    async def connect(
        self, url: str, auth: dict[str, Any] | None = None, transports: tuple[str, ...] = ("websocket",)
    ) -> Self:
        await self.sio.connect(url, auth=auth, transports=list(transports), wait_timeout=TIMEOUT_S)
        return self

    async def ask(self, event: str, *args: Any) -> dict[str, Any]:
        data = args if len(args) != 1 else args[0]
        answer: dict[str, Any] = await self.sio.call(event, data if args else None, timeout=TIMEOUT_S)
        return answer

    async def tell(self, event: str, *args: Any) -> None:
        await self.sio.emit(event, args if len(args) != 1 else args[0])

    async def join(self, room: str, name: str = "Ada") -> dict[str, Any]:
        ack = await self.ask("join", {"room": room, "name": name})
        assert ack["ok"], ack
        return ack

    async def close(self) -> None:
        await self.sio.disconnect()


class JsClient(_Client):
    """socket.io-client as it comes, run by Node."""

    def __init__(self) -> None:
        super().__init__()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def connect(self, url: str, **options: Any) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            "node",
            str(_JS_CLIENT),
            url,
            json.dumps(options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read(self._process.stdout))
        return self

    async def _read(self, stdout: asyncio.StreamReader | None) -> None:
        assert stdout is not None
        while line := await stdout.readline():
            record = json.loads(line)
            await self.arrived.put((record["event"], tuple(record["args"])))

    async def tell(self, event: str, *args: Any, data: bytes | None = None, ack: bool = False) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        command: dict[str, Any] = {"event": event, "args": args, "ack": ack}
        if data is not None:
            command["base64"] = base64.b64encode(data).decode()
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()

    async def ask(self, event: str, *args: Any) -> dict[str, Any]:
        await self.tell(event, *args, ack=True)
        [answer] = await self.next("ack")
        assert isinstance(answer, dict)
        return answer

    async def close(self) -> None:
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()
        if self._reader is not None:
            await self._reader


class RawClient:
    """A WebSocket by hand: it reads when it is told to, and sends what it is told to."""

    def __init__(self) -> None:
        self.response = b""
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def connect(
        self, url: str, *, headers: tuple[str, ...] = (), receive_buffer_bytes: int = 0, session: str = ""
    ) -> Self:
        """Open it, a session's own if one is given; `response` has the head of the relay's answer."""
        host, _, port = url.removeprefix("http://").partition(":")
        sock = socket.socket()
        if receive_buffer_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
        limit = receive_buffer_bytes or 2**16  # what asyncio reads ahead is a receive buffer too
        self._reader, self._writer = await asyncio.open_connection(sock=sock, limit=limit)
        lines = [
            f"GET /socket.io/?EIO=4&transport=websocket{session and '&sid='}{session} HTTP/1.1",
            *([] if any(line.startswith("Host:") for line in headers) else [f"Host: {host}:{port}"]),
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            *headers,
        ]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        self.response = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), TIMEOUT_S)
        return self

    async def join(self, auth: dict[str, Any], room: str, name: str = "Raw") -> None:
        """Connect on Socket.IO's level and enter a room."""
        await self.send("40" + json.dumps(auth))
        await self.until(lambda data: data.startswith(b"40{"))
        await self.send("421" + json.dumps(["join", {"room": room, "name": name}]))
        await self.until(lambda data: data.startswith(b"431["))

    async def send(self, data: str | bytes) -> None:
        first, payload = (0x81, data.encode()) if isinstance(data, str) else (0x82, data)
        await self.send_frames((first, payload))

    async def send_frames(self, *frames: tuple[int, bytes]) -> None:
        """Send these, each its first byte and its payload, at once."""
        written = b""
        for first, payload in frames:
            size = len(payload)
            length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 127]) + size.to_bytes(8, "big")
            written += bytes([first]) + length + bytes(4) + payload  # masked, with a mask of zeros
        self._writer.write(written)
        await self._writer.drain()

    async def send_many(self, text: str, times: int) -> None:
        """The same short text so many times."""
        self._writer.write((bytes([0x81, 0x80 | len(text)]) + bytes(4) + text.encode()) * times)
        await self._writer.drain()

    async def frame(self, timeout_s: float | None = TIMEOUT_S) -> tuple[int, bytes]:
        """The next frame: its first byte and its payload."""
        async with asyncio.timeout(timeout_s):
            first, size = await self._reader.readexactly(2)
            if size >= 126:
                size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
            return first, await self._reader.readexactly(size)

    async def until(self, wanted: Any) -> bytes:
        """The payload of the next frame that is wanted."""
        while True:
            _, payload = await self.frame()
            if wanted(payload):
                return payload

    async def ended(self) -> None:
        """Wait until the relay has ended the connection."""
        async with asyncio.timeout(TIMEOUT_S):
            with suppress(ConnectionError):
                while await self._reader.read(2**16):
                    pass

    def write(self, data: bytes) -> None:
        """Bytes as they are, frames or not."""
        self._writer.write(data)

    async def drain(self) -> None:
        """Wait until there is room for more to write."""
        await self._writer.drain()

    def hang_up(self, *, abort: bool) -> None:
        """Go without a word; with ``abort`` so that even TCP is told nothing good."""
        if hasattr(self, "_writer"):
            self._writer.transport.abort() if abort else self._writer.close()

    async def close(self) -> None:
        self._writer.close()
