"""The relay as a process: its port, its runtime file, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import os
import secrets
import signal
import socket
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web

from relay_widget.core import DEFAULT_LIMITS, Limits
from relay_widget.ending import end
from relay_widget.errors import RelayStartError
from relay_widget.protocol import PROTOCOL_VERSION

from . import runtime_file
from .app import VERSION, AppSettings, RelayApp
from .door import SPARE_SOCKETS, Door
from .tls import tls_context

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from .metrics import Network

DEFAULT_PORT = 8765
_BACKLOG = 128
_SHUTDOWN_TIMEOUT_S = 1.0
DEFAULT_GRACE_S = 2.0
_FILES = 64
"""That the relay has open beside its sockets, and some."""
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - to recognise, not to bind

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """How to serve.

    ``port`` None: the previous relay's, if a runtime file tells it, else any free one when managed by a
    runtime file, else ``DEFAULT_PORT``. ``secret`` None: the previous relay's, else a new one. ``grace_s``: how long
    clients have to go elsewhere when it is to end. ``redis``: the address of the Redis server over
    which rooms are shared with other relays.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    secret: str | None = None
    needs_token: bool = True
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    idle_timeout_s: float | None = None
    runtime_file: Path | None = None
    limits: Limits = DEFAULT_LIMITS
    metrics_from: tuple[Network, ...] = ()
    grace_s: float = DEFAULT_GRACE_S
    tls_cert: Path | None = None
    tls_key: Path | None = None
    redis: str | None = None


def serve(settings: ServeSettings, *, on_ready: Callable[[str, str], None] = lambda _url, _secret: None) -> None:
    """Serve until SIGTERM, SIGINT or the idle timeout.

    Args:
        settings: How.
        on_ready: Called with address and secret once the relay answers.

    Raises:
        RelayStartError: It could not start.
    """
    _loop_run()(_serve(settings, on_ready))


def _loop_run() -> Callable[[Coroutine[Any, Any, None]], None]:
    """What runs the process on the event loop in C, where there is one: not on Windows."""
    try:
        import uvloop  # noqa: PLC0415 - where there is one
    except ImportError:
        return asyncio.run
    return uvloop.run


async def _serve(settings: ServeSettings, on_ready: Callable[[str, str], None]) -> None:
    if settings.redis is not None and settings.secret is None:
        raise RelayStartError(
            "redis", "Relays that share rooms have one secret: give the same to all of them in RELAY_WIDGET_SECRET."
        )
    path = settings.runtime_file
    previous = None if path is None else runtime_file.read_previous(path)
    secret = settings.secret or (previous.secret if previous else secrets.token_urlsafe(32))
    tls = tls_context(settings.tls_cert, settings.tls_key)
    listener = _listen(settings.host, _ports(settings, previous))
    port: int = listener.getsockname()[1]
    instance = secrets.token_hex(8)
    ending = asyncio.Event()
    idle = IdleTimer(settings.idle_timeout_s, ending.set)
    app = RelayApp(
        AppSettings(
            secret=secret,
            instance=instance,
            needs_token=settings.needs_token,
            allow_hosts=_allowed_hosts(settings),
            allow_origins=settings.allow_origins,
            limits=settings.limits,
            metrics_from=settings.metrics_from,
            redis=settings.redis,
        ),
        on_connections=idle.connections,
    )
    keeper: runtime_file.Keeper | None = None
    keeping: asyncio.Task[None] | None = None
    runner = web.AppRunner(
        app.web,
        access_log=None,
        shutdown_timeout=_SHUTDOWN_TIMEOUT_S,
        keepalive_timeout=settings.limits.connect_s,  # also for the first request
        auto_decompress=False,  # a few kB of it can be a GB
    )
    await runner.setup()
    server = None
    try:
        _allow_files(2 * settings.limits.connections + SPARE_SOCKETS)
        door = Door(cast("web.Server", runner.server), settings.limits, app.socket_refused)
        server = await asyncio.get_running_loop().create_server(
            door,
            sock=listener,
            backlog=_BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else settings.limits.connect_s,
        )
        _end_on_signals(ending)
        url = _url(settings.host, port, scheme="http" if tls is None else "https")
        if path is not None:
            record = runtime_file.RuntimeRecord(
                pid=os.getpid(),
                host=settings.host,
                port=port,
                url=url,
                secret=secret,
                instance=instance,
                protocol=PROTOCOL_VERSION,
                version=VERSION,
                started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            keeper = runtime_file.Keeper(path, record)
            await asyncio.to_thread(keeper.begin)
            keeping = asyncio.create_task(_keep(keeper, ending))
        _log.info("listening", extra={"fields": {"url": url, "instance": instance}})
        on_ready(url, secret)
        gc.freeze()  # what is here now stays: going through it held up all media for 50 ms now and then
        idle.connections(0)
        await ending.wait()
    finally:
        if keeping is not None:
            await end(keeping)
        if server is not None and path is not None and settings.port is None:
            # The next relay takes this port while clients are still here: that is where they look for it, and some of
            # them (pages whose kernel is gone) nowhere else.
            server.close()
        if keeper is not None:
            # Before anything else: who looks for a relay now must not find one that is going.
            keeper.end(in_use=app.in_use)
        _log.info("ending")
        await app.drain(settings.grace_s)
        if server is not None:
            server.close()
        await runner.cleanup()


async def _keep(keeper: runtime_file.Keeper, ending: asyncio.Event) -> None:
    """Keep the runtime file, and give way to another relay that programs find there instead of this one."""
    trouble = ""
    while True:
        await asyncio.sleep(runtime_file.KEEP_S)
        try:
            rival = await asyncio.to_thread(keeper.keep)
        except RelayStartError as error:
            if error.message != trouble:
                trouble = error.message
                _log.warning("the runtime file cannot be kept: %s", trouble)
            continue
        trouble = ""
        if rival is not None:
            # Whoever is here would never meet those who come from now on: all meet there.
            _log.warning("another relay of this user has taken over, at %s: this one ends", rival)
            ending.set()
            return


class IdleTimer:
    """Calls ``on_idle`` when there has been no client for a while.

    Args:
        timeout_s: How long; None for never.
        on_idle: What to call.
    """

    def __init__(self, timeout_s: float | None, on_idle: Callable[[], None]) -> None:
        self._timeout_s = timeout_s
        self._on_idle = on_idle
        self._timer: asyncio.TimerHandle | None = None

    def connections(self, count: int) -> None:
        """There are this many clients now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if count == 0 and self._timeout_s is not None:
            self._timer = asyncio.get_running_loop().call_later(self._timeout_s, self._on_idle)


def _ports(settings: ServeSettings, previous: runtime_file.Previous | None) -> list[int]:
    """The ports to try, in this order; 0 is any free one."""
    if settings.port is not None:
        return [settings.port]
    if settings.runtime_file is None:
        return [DEFAULT_PORT]
    return [previous.port, 0] if previous else [0]


def _listen(host: str, ports: list[int]) -> socket.socket:
    *attempts, last = ports
    for port in attempts:
        with contextlib.suppress(OSError):
            return _bind(host, port)
    try:
        return _bind(host, last)
    except socket.gaierror as error:
        raise RelayStartError(
            "relay-start",
            f"There is no host {host!r} here ({error.strerror}): use an address of this machine.",
        ) from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise RelayStartError(
                "port-in-use",
                f"Port {last} of {host} is in use: end what uses it, or choose another with --port.",
            ) from error
        raise RelayStartError(
            "relay-start",
            f"The relay cannot listen on {host} port {last} ({error.strerror}): choose another.",
        ) from error


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":
            # Take the port of a relay that was killed a moment ago. (On Windows this would let two listen.)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _allow_files(count: int) -> None:
    """Let this process open so many files and sockets, as far as the system lets it."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - Windows has none

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _allowed_hosts(settings: ServeSettings) -> tuple[str, ...]:
    own = () if settings.host in _WILDCARDS else (settings.host,)
    return (*own, *settings.allow_hosts)


def _url(host: str, port: int, scheme: str = "http") -> str:
    name = _WILDCARDS.get(host, host)
    return f"{scheme}://[{name}]:{port}" if ":" in name else f"{scheme}://{name}:{port}"


def _end_on_signals(ending: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGTERM, signal.SIGINT]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup means it
        numbers.append(signal.SIGHUP)
    for number in numbers:
        try:
            loop.add_signal_handler(number, ending.set)
        except NotImplementedError:  # Windows' event loop
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(ending.set))
