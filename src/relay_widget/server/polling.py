"""The requests of long polls, as engineio sees them.

Its own driver takes of a request's body what has come so far, which is all of it only while that is a few kB; and it
knows no addresses. Nor does it expect that a session ends while a body is still coming.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from engineio.async_drivers import aiohttp as eio_aiohttp
from engineio.exceptions import ContentTooLongError

from relay_widget.protocol import MAX_CONNECT_BYTES, MAX_TEXT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

_SEPARATOR = b"\x1e"
_BINARY = b"b"  # base64, which is no JSON
BODY_TIMEOUT_S = 60
"""How long a body may take to come."""


def request_translator(
    find_session: Callable[[str], Any], is_let_in: Callable[[str], bool]
) -> Callable[[web.Request], dict[str, Any]]:
    """What tells engineio of each request.

    Args:
        find_session: Gives the Engine.IO session of an id, or None.
        is_let_in: Tells whether its client has been let in.
    """

    def translate(request: web.Request) -> dict[str, Any]:
        environ: dict[str, Any] = eio_aiohttp.translate_request(request)
        session_id = request.query.get("sid", "")
        environ["wsgi.input"] = _Body(request, lambda: find_session(session_id), lambda: is_let_in(session_id))
        environ["REMOTE_ADDR"] = request.remote
        return environ

    return translate


class _Body:
    """A request's body, for the session that gets it."""

    def __init__(self, request: web.Request, session: Callable[[], Any], is_let_in: Callable[[], bool]) -> None:
        self._content = request.content
        self._session = session
        self._is_let_in = is_let_in

    async def read(self, size_bytes: int) -> bytes:
        """All of it, which engineio has found not to be too much."""
        session = self._session()
        if session is None:
            raise ConnectionError
        if size_bytes > MAX_CONNECT_BYTES and not self._is_let_in():
            raise ContentTooLongError
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await self._content.readexactly(size_bytes)
        async with session.queue.taking:
            await session.queue.pace.keep()
            session.queue.pace.charge(body.count(_SEPARATOR) + 1)
            texts = [len(packet) for packet in body.split(_SEPARATOR) if not packet.startswith(_BINARY)]
            session.queue.pace.charge_text(sum(texts))
            if max(texts, default=0) > MAX_TEXT_BYTES:
                raise ContentTooLongError
        if self._session() is not session:
            raise ConnectionError  # it has ended meanwhile
        if session.queue.overflows:
            raise ContentTooLongError  # ends it
        return body
