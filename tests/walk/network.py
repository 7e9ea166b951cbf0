"""The network between one page and everything: a proxy that can end all connections, or let nothing through."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Literal, Self
from urllib.parse import urlsplit

State = Literal["up", "cut", "hold"]
_PIECE_BYTES = 65_536


class Network:
    """An HTTP proxy for a browser context, on a thread of its own. A context manager; ``url`` is its address."""

    def __init__(self) -> None:
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="walk-network", daemon=True)
        self._state: State = "up"
        self._up = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def set(self, state: State) -> None:
        """Cut: connections end, and new ones are refused. Hold: nothing comes through, and nothing ends."""
        asyncio.run_coroutine_threadsafe(self._set(state), self._loop).result(10)

    async def _start(self) -> None:
        self._up.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._set("cut")
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _set(self, state: State) -> None:
        self._state = state
        if state == "hold":
            self._up.clear()
            return
        self._up.set()
        if state == "cut":
            for writer in self._writers:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._pass_on(reader, writer)
        except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one of the two has gone, or the walk is over: so does the other
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        await self._up.wait()
        if self._state == "cut":
            return
        method, target, version = head.split("\r\n", 1)[0].split(" ")
        address = urlsplit(f"//{target}" if method == "CONNECT" else target)
        there, back = await asyncio.open_connection(address.hostname, address.port or 80)
        self._writers.add(back)
        try:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                path = address._replace(scheme="", netloc="").geturl() or "/"
                lines = [
                    line for line in head.split("\r\n")[1:-2] if not line.lower().startswith(("connection:", "proxy-"))
                ]
                back.write(
                    "\r\n".join([f"{method} {path} {version}", *lines, "Connection: close", "", ""]).encode("latin-1")
                )
            async with asyncio.TaskGroup() as both:
                both.create_task(self._copy(reader, back))
                both.create_task(self._copy(there, writer))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(back)
            back.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_PIECE_BYTES):
            await self._up.wait()
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
