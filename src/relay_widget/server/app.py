"""The relay as an aiohttp application: Socket.IO, the guard before it, and its pages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import socketio
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from engineio.payload import Payload

from relay_widget.core import DEFAULT_LIMITS, Limits
from relay_widget.ending import end
from relay_widget.protocol import PROTOCOL_VERSION, RECONNECT_SPREAD_MS, Code, Event, package_version

from . import frames
from .adapter import Adapter
from .client_queue import ClientQueue
from .door import SPARE_SOCKETS
from .fanout import Fanout
from .guard import Guard
from .join import add_join_page
from .metrics import LoopLag, Metrics, Network
from .packets import ClientPacket
from .polling import request_translator
from .pulse import Pulse
from .redis_bus import FIRST_CONNECT_S, RedisBus
from .websocket import websocket_driver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

SERVICE = "relay-widget"
VERSION = package_version()
_ENDING = "This relay ends: connect again, to the one that comes after it."
_GOING_AWAY = frames.close(1001, "the relay ends")
READ_AHEAD = 2
"""So many times what a peer may send in a second is read of it, so that it is told that it is too much."""
MAX_POLL_PACKETS = 1024
"""Packets in one poll's body; engineio's own 16 is 8 chunks, fewer than a browser gathers in one poll."""

_log = logging.getLogger(__name__)
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
    limits: Limits = DEFAULT_LIMITS
    metrics_from: tuple[Network, ...] = ()
    redis: str | None = None


class RelayApp:
    """The relay's application.

    Args:
        settings: What it serves, and to whom.
        on_connections: Called with the number of clients whenever it changes.
    """

    def __init__(self, settings: AppSettings, *, on_connections: Callable[[int], None] = lambda _: None) -> None:
        self._on_connections = on_connections
        self._ending = False
        self._max_sessions = settings.limits.connections + SPARE_SOCKETS
        self._empty = asyncio.Event()
        guard = Guard(
            settings.allow_hosts,
            settings.allow_origins,
            on_refused=lambda address, reason: self._adapter.refused(Code.FORBIDDEN, address=address, reason=reason),
        )
        self._fanout = Fanout()
        self._bus = None if settings.redis is None else RedisBus(settings.redis, settings.instance, settings.secret)
        Payload.max_decode_packets = MAX_POLL_PACKETS
        self._sio = socketio.AsyncServer(
            async_mode="aiohttp",
            async_handlers=False,  # a task per event would lose their order
            serializer=ClientPacket,
            cors_allowed_origins=lambda origin, environ: guard.allows_origin(origin, environ.get("HTTP_HOST")),
            cors_credentials=False,
            max_http_buffer_size=settings.limits.message_bytes,
            http_compression=False,
            ping_interval=settings.limits.ping_s,
            ping_timeout=settings.limits.pong_s,
            logger=_ENGINEIO_LOG,
            engineio_logger=_ENGINEIO_LOG,
        )
        self._sio.eio.create_queue = ClientQueue
        self._adapter = Adapter(
            self._sio,
            self._fanout,
            guard,
            secret=settings.secret,
            needs_token=settings.needs_token,
            on_connections=self._connections,
            limits=settings.limits,
            node=settings.instance,
            bus=self._bus,
        )
        # engineio has no public way to choose the driver of one server; a test watches over these lines.
        self._sio.eio._async = {  # noqa: SLF001
            **self._sio.eio._async,  # noqa: SLF001
            "websocket": websocket_driver(self._fanout, self._adapter, READ_AHEAD * settings.limits.peer_bytes_per_s),
            "translate_request": request_translator(self._sio.eio.sockets.get, self._fanout.is_let_in),
        }
        lag = LoopLag()
        self._pulse = Pulse(
            self._silent_sessions,
            self._adapter.end_session,
            settings.limits.connect_s,
            on_lag=lag.observe,
            end_stalled=self._adapter.end_stalled,
            free_memory=self._adapter.free_memory,
        )
        metrics = Metrics(
            self._adapter.relay,
            self._fanout,
            self._adapter.ended,
            lag,
            settings.metrics_from,
            bus=self._bus,
            on_refused=lambda address: self._adapter.refused(Code.FORBIDDEN, address=address, reason="metrics"),
        )
        self.web = web.Application(middlewares=[guard.middleware, self._turn_away])
        self._sio.attach(self.web)
        self.web.router.add_get("/", _front_page)
        self.web.router.add_get("/healthz", self._health_page(settings.instance))
        self.web.router.add_get("/metrics", metrics.page)
        add_join_page(self.web.router)
        self.web.cleanup_ctx.append(self._beat)
        self.web.cleanup_ctx.append(self._share)
        self.web.on_shutdown.append(self._end)

    def socket_refused(self, address: str) -> None:
        """A socket from this address was not taken."""
        self._adapter.refused(Code.RELAY_FULL, address=address)

    @property
    def in_use(self) -> bool:
        """Whether anybody is connected."""
        return len(self._fanout) > 0

    async def drain(self, grace_s: float) -> None:
        """The relay is to end: let in nobody more, ask everybody to go, and wait until they have, but not for long."""
        self._ending = True
        self._empty.clear()
        if not self.in_use:
            return
        payload = {"message": _ENDING, "reconnect_ms": RECONNECT_SPREAD_MS}
        self._fanout.send_all(frames.event(Event.RELAY_ENDING, payload))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), grace_s)

    def _connections(self, count: int) -> None:
        if count == 0:
            self._empty.set()
        self._on_connections(count)

    @web.middleware
    async def _turn_away(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Begin no session that cannot go on, and let none go on that has ended."""
        if not request.path.startswith("/socket.io/"):
            return await handler(request)
        if "sid" in request.query:
            session = self._sio.eio.sockets.get(request.query["sid"])
            if session is not None and session.closed:
                del self._sio.eio.sockets[session.sid]  # engineio forgets it later, and stumbles over it until then
            elif request.query.get("transport") == "websocket" and request.query["sid"] in self._fanout.transports:
                self._adapter.refused(Code.BAD_MESSAGE, address=request.remote, reason="second-websocket")
                raise web.HTTPBadRequest(text="A session has one WebSocket, and this one has it already.")
            return await handler(request)
        if self._ending:
            code, message = Code.RELAY_ENDING, _ENDING
        elif len(self._sio.eio.sockets) >= self._max_sessions:
            code, message = Code.RELAY_FULL, "The relay has too many sessions already: try again later."
        else:
            return await handler(request)
        self._adapter.refused(code, address=request.remote)
        return web.json_response({"code": code, "message": message}, status=503, headers={"Retry-After": "1"})

    def _health_page(self, instance: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        health = {"service": SERVICE, "protocol": PROTOCOL_VERSION, "version": VERSION, "instance": instance}

        async def page(_: web.Request) -> web.Response:
            status, word = (503, "ending") if self._ending else (200, "ready")
            answer = {**health, "status": word}
            if self._bus is not None:
                answer["redis"] = "connected" if self._bus.connected else "unreachable"
            return web.json_response(answer, status=status, headers={"Cache-Control": "no-store"})

        return page

    def _silent_sessions(self) -> list[str]:
        return [session for session in self._sio.eio.sockets if not self._fanout.is_let_in(session)]

    async def _beat(self, _: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._pulse.run())
        yield
        await end(task)

    async def _share(self, _: web.Application) -> AsyncIterator[None]:
        """Share rooms with other relays, if that was asked for."""
        if self._bus is None:
            yield
            return
        task = asyncio.create_task(self._bus.run(self._adapter))
        await self._bus.wait_connected(FIRST_CONNECT_S)
        yield
        self._adapter.bus_ending()
        await self._bus.flush()
        await end(task)

    async def _end(self, _: web.Application) -> None:
        _log.info("totals", extra={"fields": self._adapter.relay.stats.as_json()})
        await self._sio.shutdown()
        for session in list(self._sio.eio.sockets.values()):
            transport = self._fanout.transports.get(session.sid)
            if transport is None:
                await session.close(wait=False)  # answers its poll
            elif not transport.is_closing():
                transport.write(_GOING_AWAY)
                transport.close()


async def _front_page(_: web.Request) -> web.Response:
    return web.Response(text="This is a relay of relay-widget: run Call() in a notebook to use it.\n")
