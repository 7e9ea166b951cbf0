"""``python -m tests.proxy_without_upgrade URL [PATH]``: a reverse proxy as people misconfigure them.

It refuses WebSockets; or, if a path is given, all below that path with 404. Plain requests pass. It prints its own
address, and runs until it is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOP_BY_HOP = ("connection", "content-length", "transfer-encoding", "content-encoding")


@contextlib.contextmanager
def proxy_without_upgrade(url: str, *, without_path: str = "") -> Iterator[str]:
    """One in front of ``url``, as a process; its own address."""
    command = [sys.executable, "-m", "tests.proxy_without_upgrade", url, without_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _serve(url: str, without_path: str) -> None:
    behind = url.rstrip("/")

    async def handle(request: web.Request) -> web.StreamResponse:
        if without_path and request.path.startswith(without_path):
            return web.Response(status=404, text="nothing here")
        if "Upgrade" in request.headers:
            return web.Response(status=400, text="no upgrades here")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        headers["Host"] = urlsplit(behind).netloc
        async with session.request(
            request.method, behind + request.raw_path, headers=headers, data=await request.read()
        ) as answer:
            passed = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            return web.Response(status=answer.status, headers=passed, body=await answer.read())

    async with aiohttp.ClientSession() as session:
        app = web.Application(client_max_size=4_000_000)
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(sys.argv[1], sys.argv[2]))
