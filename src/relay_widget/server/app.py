"""The relay as an aiohttp application: Socket.IO, the guard before it, and two pages."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

import socketio
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from engineio.payload import Payload

from relay_widget.protocol import MAX_MESSAGE_BYTES, PROTOCOL_VERSION

from .adapter import Adapter
from .fanout import Fanout
from .guard import Guard
from .packets import ClientPacket
from .websocket import websocket_driver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SERVICE = "relay-widget"
VERSION = metadata.version("relay-widget")
MAX_POLL_PACKETS = 1024
"""Packets in one poll's body; engineio's own 16 is 8 chunks, fewer than a browser gathers in one poll."""

# What engineio has to say about its clients' mistakes is no news, and at lower levels it would log tokens.
_ENGINEIO_LOG = logging.getLogger("relay_widget.engineio")
_ENGINEIO_LOG.setLevel(logging.CRITICAL)


def _is_no_bad_request(record: logging.LogRecord) -> bool:
    """Keep tracebacks of what is not HTTP at all out of the log: the client has had its 400."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


logging.getLogger("aiohttp.server").addFilter(_is_no_bad_request)


@dataclass(frozen=True, slots=True)
class AppSettings:
    """What the application is to serve, and to whom.

    ``instance`` tells this process's relay from any other that may answer on its port.
    """

    secret: str
    instance: str
    needs_token: bool = True
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()


def create_app(settings: AppSettings, *, on_connections: Callable[[int], None] = lambda _: None) -> web.Application:
    """Build the application.

    Args:
        settings: What it serves, and to whom.
        on_connections: Called with the number of clients whenever it changes.
    """
    guard = Guard(settings.allow_hosts, settings.allow_origins)
    fanout = Fanout()
    Payload.max_decode_packets = MAX_POLL_PACKETS
    sio = socketio.AsyncServer(
        async_mode="aiohttp",
        async_handlers=False,  # a task per event would lose their order
        serializer=ClientPacket,
        cors_allowed_origins=lambda origin, _environ: guard.allows_origin(origin),
        cors_credentials=False,
        max_http_buffer_size=MAX_MESSAGE_BYTES,
        http_compression=False,
        logger=_ENGINEIO_LOG,
        engineio_logger=_ENGINEIO_LOG,
    )
    # engineio has no public way to choose the driver of one server; a test watches over this line.
    sio.eio._async = {**sio.eio._async, "websocket": websocket_driver(fanout)}  # noqa: SLF001
    adapter = Adapter(
        sio, fanout, secret=settings.secret, needs_token=settings.needs_token, on_connections=on_connections
    )
    app = web.Application(middlewares=[guard.middleware])
    sio.attach(app)
    app.router.add_get("/", _front_page)
    app.router.add_get("/healthz", _health_page(settings.instance))

    async def end(_: web.Application) -> None:
        _log_totals(adapter)
        await sio.shutdown()
        for transport in list(fanout.transports.values()):
            transport.close()

    app.on_shutdown.append(end)
    return app


async def _front_page(_: web.Request) -> web.Response:
    return web.Response(text="This is a relay of relay-widget: run Call() in a notebook to use it.\n")


def _health_page(instance: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    health = {"service": SERVICE, "protocol": PROTOCOL_VERSION, "version": VERSION, "instance": instance}

    async def page(_: web.Request) -> web.Response:
        return web.json_response(health, headers={"Cache-Control": "no-store"})

    return page


def _log_totals(adapter: Adapter) -> None:
    logging.getLogger(__name__).info("totals: %s", adapter.relay.stats.as_json())
