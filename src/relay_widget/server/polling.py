"""The requests of long polls, as engineio sees them.

Its own driver takes of a request's body what has come so far, which is all of it only while that is a few kB; and it
knows no addresses.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from engineio.async_drivers import aiohttp as eio_aiohttp

if TYPE_CHECKING:
    from aiohttp import web

BODY_TIMEOUT_S = 60
"""How long a body may take to come."""


def translate_request(request: web.Request) -> dict[str, Any]:
    """What engineio is to know of a request."""
    environ: dict[str, Any] = eio_aiohttp.translate_request(request)
    environ["wsgi.input"] = _Body(request)
    environ["REMOTE_ADDR"] = request.remote
    return environ


class _Body:
    """A request's body."""

    def __init__(self, request: web.Request) -> None:
        self._content = request.content

    async def read(self, size_bytes: int) -> bytes:
        """All of it, which engineio has found not to be too much."""
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await self._content.readexactly(size_bytes)
