"""Follow the relay from a thread of the kernel, so that traits move while a cell is still running.

One thread and one connection per kernel and relay, shared by all its calls. It starts the user's own relay when there
is none, finds it again when it has died, and tells each listener what happens in its room. Listeners are called on
the monitor's thread and must not block.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from .errors import RelayRequestError, RelayStartError
from .protocol import MAX_ALLOWED_ORIGINS, PROTOCOL_VERSION, RESUME_LIFETIME_S, Code, Event
from .relays import find_or_start, no_answer, socketio_path

if TYPE_CHECKING:
    from collections.abc import Callable

    import socketio

    from .errors import RelayWidgetError
    from .relays import NamedRelay, Relay

TICK_S = 0.25
"""How often listeners get `on_tick`, for what must happen with time alone."""
_RETRY_S = 0.3
_PATIENCE = 3
"""How many attempts in a row at a relay that was named fail before that is told."""
_FAILED_RETRY_S = 5.0
_REQUEST_TIMEOUT_S = 5
_CONNECT_TIMEOUT_S = 10
_STOP_TIMEOUT_S = 3
_TOKEN_LIFETIME_S = RESUME_LIFETIME_S
"""How long the monitor's own token is good; at half of that it hands in a fresh one."""

_log = logging.getLogger(__name__)


class _UnreachableError(Exception):
    """No relay took the connection."""


class Listener(Protocol):
    """What a call tells the monitor, and what it hears from it."""

    @property
    def room(self) -> str:
        """The room to follow; may change, then call `Monitor.refresh`."""
        ...

    def on_relay(self, relay: Relay) -> None:
        """The relay answers and is being followed."""

    def on_snapshot(self, snapshot: dict[str, Any]) -> None:
        """The state of the listener's room: ``{room, peers: [...], now_ms}`` (PROTOCOL.md, "Monitors")."""

    def on_lost(self) -> None:
        """The relay is gone; it is being looked for and, if need be, started again."""

    def on_failed(self, error: RelayWidgetError) -> None:
        """The relay could not be started or reached (it is tried again), or will not let the room be followed."""

    def on_tick(self) -> None:
        """A quarter of a second has passed."""


class Monitor:
    """The thread that follows the relay for any number of listeners. It lives while there are any.

    Args:
        named: The relay; None for the user's own.
    """

    def __init__(self, named: NamedRelay | None = None) -> None:
        self._named = named
        # A widget that is collected closes itself, in whatever thread just made an object, also in here: the lock is
        # one that its holder can take again, and nobody holds it while waiting for another thread.
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._client: socketio.AsyncClient | None = None
        self._connected = threading.Condition(self._lock)  # the relay is being followed
        self._origins: dict[str, None] = {}  # of pages that the relay is to serve, the oldest first
        self._allowed: set[str] = set()  # those that it has been told
        self._once_allowed: list[Callable[[], None]] = []

    def add(self, listener: Listener) -> None:
        """Follow this listener's room from now on."""
        fresh = None
        with self._lock:
            self._listeners.append(listener)
            if self._thread is None:
                fresh = self._thread = threading.Thread(target=self._run, name="relay-widget-monitor", daemon=True)
        if fresh is not None:
            fresh.start()
        self.refresh()

    def remove(self, listener: Listener) -> None:
        """Stop telling this listener anything; the last one ends the thread."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)
        self.refresh()

    def refresh(self) -> None:
        """Look at the listeners' rooms again."""
        with self._lock:
            if self._loop is not None and self._wake is not None:
                self._loop.call_soon_threadsafe(self._wake.set)

    def allow_origin(self, origin: str, then: Callable[[], None]) -> None:
        """Have the relay serve pages of this origin, now and whenever there is another relay.

        Args:
            origin: As in ``https://lab.example``.
            then: Called once when the relay knows: now, or later on the monitor's thread.
        """
        with self._lock:
            known = origin in self._allowed
            self._origins.pop(origin, None)
            self._origins[origin] = None
            if len(self._origins) > MAX_ALLOWED_ORIGINS:
                del self._origins[next(iter(self._origins))]
            if not known:
                self._once_allowed.append(then)
        if known:
            then()
        else:
            self.refresh()

    def request(self, event: Event, payload: dict[str, Any]) -> dict[str, Any]:
        """Ask the relay something and wait for its answer; not on the monitor's own thread.

        Raises:
            RelayRequestError: It refused, or did not answer.
        """
        if threading.current_thread() is self._thread:
            raise RelayRequestError(
                "wrong-thread",
                f"{event} waits for the relay, and an observer runs on the thread that hears it: "
                "call it from a cell or from a thread of its own.",
            )
        deadline_s = time.monotonic() + _CONNECT_TIMEOUT_S
        with self._connected:
            # In slices, so that interrupting the kernel is heard.
            while self._client is None and self._thread is not None and time.monotonic() < deadline_s:
                self._connected.wait(0.5)
            client, loop = self._client, self._loop
        if client is None or loop is None:
            raise RelayRequestError("no-answer", f"There is no relay to ask for {event}: open a Call, then try again.")
        try:
            asked = asyncio.run_coroutine_threadsafe(client.call(event, payload, timeout=_REQUEST_TIMEOUT_S), loop)
            answer: dict[str, Any] = asked.result(2 * _REQUEST_TIMEOUT_S)
        except Exception as error:  # whatever a connection that is going raises
            raise RelayRequestError("no-answer", f"The relay did not answer {event}: try again.") from error
        if not answer["ok"]:
            raise RelayRequestError(answer["error"]["code"], answer["error"]["message"])
        return answer

    def stop(self) -> None:
        """Let go of the relay, at the interpreter's end."""
        with self._lock:
            self._listeners.clear()
            thread = self._thread
        self.refresh()
        if thread is not None:
            thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        asyncio.run(self._follow())

    async def _follow(self) -> None:
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._wake = asyncio.Event()
        failed = 0
        while True:
            with self._lock:
                if not self._listeners:
                    self._thread = self._loop = self._wake = None
                    return
            try:
                relay = await asyncio.to_thread(find_or_start, self._named)
                try:
                    await self._stay_with(relay)
                    failed = 0
                except _UnreachableError as error:
                    failed += 1
                    if self._named is not None and failed >= _PATIENCE:
                        raise no_answer(relay.url, error) from error
                    await self._pause(_RETRY_S)
            except (RelayStartError, RelayRequestError) as error:
                self._tell("on_failed", error)
                await self._pause(_FAILED_RETRY_S)
            except Exception:  # noqa: BLE001
                if not threading.main_thread().is_alive():  # the program ends: it takes no more work, nor imports
                    with self._lock:
                        self._listeners.clear()
                    continue
                # A mistake of ours must not leave the kernel's calls without their relay for good.
                _log.exception("following the relay failed")
                self._tell("on_lost")
                await self._pause(_FAILED_RETRY_S)

    async def _stay_with(self, relay: Relay) -> None:
        """Follow one relay until it is gone or nobody listens.

        Raises:
            _UnreachableError: It could not be reached at all.
            RelayRequestError: It has said no, and would to the next attempt.
        """
        import socketio  # noqa: PLC0415 - 0.4 s that belong to this thread, not to the cell

        client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        gone = asyncio.Event()

        async def on_disconnect(*_: object) -> None:
            gone.set()
            self._poke()

        async def on_room(snapshot: dict[str, Any]) -> None:
            self._deliver(snapshot)

        refusals: list[Any] = []
        client.on("connect_error", refusals.append)
        client.on("disconnect", on_disconnect)
        client.on(Event.ROOM, on_room)
        client.on(Event.RELAY_ENDING, on_disconnect)
        try:
            await client.connect(
                relay.url,
                auth={"token": relay.token_to_watch(_TOKEN_LIFETIME_S), "protocol": PROTOCOL_VERSION},
                transports=["websocket"],
                socketio_path=socketio_path(relay.url),
                wait_timeout=_REQUEST_TIMEOUT_S,
            )
        except socketio.exceptions.ConnectionError as error:
            _log.info("the relay at %s did not take the monitor: %s", relay.url, error)
            refused = _refusal(refusals)
            # Of the user's own relay another token is tried, of another one that has started meanwhile.
            if self._named is not None and refused is not None:
                raise refused from error
            raise _UnreachableError from error
        try:
            try:
                await self._allow_origins(client)
            except socketio.exceptions.SocketIOError as error:
                _log.info("the relay did not answer the monitor: %s", error)
                raise _UnreachableError from error
            self._tell("on_relay", relay)
            self._follow_with(client)
            await self._watch_rooms(client, gone, relay)
        finally:
            self._follow_with(None)
            with self._lock:
                self._allowed.clear()
            await client.disconnect()
        self._tell("on_lost")

    def _follow_with(self, client: socketio.AsyncClient | None) -> None:
        with self._connected:
            self._client = client
            self._connected.notify_all()

    async def _watch_rooms(self, client: socketio.AsyncClient, gone: asyncio.Event, relay: Relay) -> None:
        import socketio  # noqa: PLC0415 - as above

        renewed_s = time.monotonic()
        watched: dict[str, int] = {}  # room -> how many listeners have had its state
        while not gone.is_set():
            with self._lock:
                rooms = [listener.room for listener in self._listeners]
            if not rooms:
                return
            try:
                await self._allow_origins(client)
                for room in watched.keys() - set(rooms):
                    await client.call(Event.UNWATCH, {"room": room}, timeout=_REQUEST_TIMEOUT_S)
                    del watched[room]
                for room in dict.fromkeys(rooms):
                    if watched.get(room) != rooms.count(room):
                        ack = await client.call(Event.WATCH, {"room": room}, timeout=_REQUEST_TIMEOUT_S)
                        if ack["ok"]:
                            self._deliver(ack)
                        else:
                            self._refuse(room, ack["error"])
                        watched[room] = rooms.count(room)
                if self._named is None and time.monotonic() - renewed_s > _TOKEN_LIFETIME_S / 2:
                    fresh = relay.token_to_watch(_TOKEN_LIFETIME_S)
                    await client.call(Event.RENEW, {"token": fresh}, timeout=_REQUEST_TIMEOUT_S)
                    renewed_s = time.monotonic()
            except socketio.exceptions.SocketIOError as error:
                _log.info("the relay did not answer the monitor: %s", error)
                return
            self._tell("on_tick")
            await self._pause(TICK_S)

    async def _allow_origins(self, client: socketio.AsyncClient) -> None:
        """Tell the relay which pages to serve that it does not know of yet."""
        with self._lock:
            fresh = [origin for origin in self._origins if origin not in self._allowed]
            waiting, self._once_allowed = self._once_allowed, []
        for origin in fresh:
            answer = await client.call(Event.ALLOW_ORIGIN, {"origin": origin}, timeout=_REQUEST_TIMEOUT_S)
            if not answer["ok"]:  # another's relay: pages that it does not serve come to it in another way
                _log.info("the relay does not take origins from this kernel: %s", answer["error"]["message"])
            with self._lock:
                self._allowed.add(origin)
        for then in waiting:
            try:
                then()
            except Exception:  # noqa: BLE001 - as in _call
                _log.exception("a call's page could not be told")

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when there is something new to look at."""
        assert self._wake is not None  # noqa: S101 - set before anything can pause
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return
        self._wake.clear()

    def _poke(self) -> None:
        if self._wake is not None:
            self._wake.set()

    def _deliver(self, snapshot: dict[str, Any]) -> None:
        room = snapshot.get("room")
        with self._lock:
            listeners = [listener for listener in self._listeners if listener.room == room]
        for listener in listeners:
            _call(listener, "on_snapshot", snapshot)

    def _refuse(self, room: str, why: dict[str, str]) -> None:
        with self._lock:
            listeners = [listener for listener in self._listeners if listener.room == room]
        for listener in listeners:
            _call(listener, "on_failed", RelayRequestError(why["code"], why["message"]))

    def _tell(self, what: str, *values: object) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            _call(listener, what, *values)


def _refusal(refusals: list[Any]) -> RelayRequestError | None:
    """What the relay said, if it was a no for good."""
    for one in refusals:
        why = one.get("data") if isinstance(one, dict) else None
        if isinstance(why, dict) and "code" in why and why["code"] != Code.RELAY_ENDING:
            return RelayRequestError(why["code"], str(why.get("message")))
    return None


def _call(listener: Listener, what: str, *values: object) -> None:
    """One listener's mistake (a user's observer that raises) must not stop the others' news."""
    try:
        getattr(listener, what)(*values)
    except Exception:  # noqa: BLE001 - it is the user's code, and it is logged
        _log.exception("a call's %s failed", what)


_shared: tuple[int, dict[NamedRelay | None, Monitor]] | None = None


def shared_monitor(named: NamedRelay | None = None) -> Monitor:
    """This process's monitor of a relay (a forked child gets its own); None for the user's own."""
    global _shared  # noqa: PLW0603 - one per process is the point
    if _shared is None or _shared[0] != os.getpid():
        _shared = (os.getpid(), {})
    monitors = _shared[1]
    if named not in monitors:
        monitors[named] = Monitor(named)
        atexit.register(monitors[named].stop)
    return monitors[named]
