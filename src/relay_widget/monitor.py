"""Follow the relay from a thread of the kernel, so that traits move while a cell is still running.

One thread and one connection per kernel and relay, shared by all its calls. It starts the user's own relay when there
is none, finds it again when it has died, and tells each listener what happens in its room. Listeners are called on
the monitor's thread and must not block.

The monitor keeps its knowledge as values: which relay it follows, why it follows none, and the newest snapshot of each
room. It tells a listener all of them when the listener is added, at whatever moment, and then each change.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from .background import OwnProcess, ThreadLoop
from .errors import RelayRequestError, RelayStartError
from .following import FAILED_REST_FIRST_S, Following
from .protocol import MAX_ALLOWED_ORIGINS, PROTOCOL_VERSION, RESUME_LIFETIME_S, Code, Event, Watch
from .relays import find_or_start, http_session, no_answer, socketio_path

if TYPE_CHECKING:
    from collections.abc import Callable

    import socketio

    from .errors import RelayWidgetError
    from .relays import NamedRelay, Relay

TICK_S = 0.25
"""How often listeners get `on_tick`, for what must happen with time alone."""
HANGING_S = 3.0
"""An observer that has not returned for so long hangs: nothing waits for it any more, and errors name it."""
_REFUSED_RETRY_S = 5.0
"""How often a room is asked for again that the relay has refused."""
_REQUEST_TIMEOUT_S = 5
_CONNECT_TIMEOUT_S = 10
_STOP_TIMEOUT_S = 3
_TOKEN_LIFETIME_S = RESUME_LIFETIME_S
"""How long the monitor's own token is good; at half of that it hands in a fresh one."""

_log = logging.getLogger(__name__)


class _UnreachableError(Exception):
    """No relay took the connection."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a call of this process stands.

    Attributes:
        call: Which, as its repr.
        state: As ``Call.state``.
        code: What is in its way, as in ``Call.error``, or ``"call-stuck"``; empty if nothing is.
        message: The sentence about it.
    """

    call: str
    state: str
    code: str = ""
    message: str = ""


class Listener(Protocol):
    """What a call tells the monitor, and what it hears from it."""

    @property
    def room(self) -> str:
        """The room to follow; may change, then call `Monitor.moved`."""
        ...

    @property
    def call(self) -> str | None:
        """The word by which the relay shows the listener's own participant; None if it has none. It never changes."""
        ...

    def on_relay(self, relay: Relay) -> None:
        """The relay answers and is being followed."""

    def on_snapshot(self, snapshot: dict[str, Any]) -> None:
        """The state of the listener's room: ``{room, peers: [...], now_ms}`` (PROTOCOL.md, "Monitors").

        Its own participant has its ``report``, too.
        """

    def on_lost(self) -> None:
        """The relay is gone; it is being looked for and, if need be, started again."""

    def on_failed(self, error: RelayWidgetError) -> None:
        """The relay could not be started or reached (it is tried again), or will not let the room be followed."""

    def on_tick(self) -> None:
        """A quarter of a second has passed, whether or not a relay is followed."""

    def standing(self) -> Standing | None:
        """How it stands, for the doctor; None if it is no call."""


@dataclass(frozen=True, slots=True)
class _Room:
    """What the relay has last said of a room: its state, or why it does not tell it; and what it was asked for."""

    asked: Watch | None = None
    snapshot: dict[str, Any] | None = None
    refusal: RelayRequestError | None = None
    refused_s: float = 0.0

    def with_state(self, snapshot: dict[str, Any]) -> _Room:
        """It in a newer state; reports that are known stay."""
        before = [] if self.snapshot is None else self.snapshot["peers"]
        known = {peer["id"]: peer["report"] for peer in before} | snapshot.get("reports", {})
        peers = [{"report": known.get(peer["id"]), **peer} for peer in snapshot["peers"]]
        return replace(self, snapshot={**snapshot, "peers": peers})

    def with_reports(self, reports: dict[str, Any], now_ms: float) -> _Room:
        """It with newer reports of some of its peers."""
        if self.snapshot is None:
            return self
        peers = [{**peer, "report": reports.get(peer["id"], peer["report"])} for peer in self.snapshot["peers"]]
        return replace(self, snapshot={**self.snapshot, "peers": peers, "now_ms": now_ms})


@dataclass(slots=True)
class _Attempt:
    """How far the attempt to follow a relay has come."""

    relay: Relay | None = None
    connection: tuple[socketio.AsyncClient, asyncio.Event] | None = None
    error: RelayWidgetError | None = None


@dataclass(slots=True)
class _Seat:
    """A listener, and the values that it has been told."""

    listener: Listener
    relay: Relay | None = None
    failure: RelayWidgetError | None = None
    room: str | None = None
    in_room: _Room | None = None


class Monitor:
    """The thread that follows the relay for any number of listeners. It lives while there are any.

    Args:
        named: The relay; None for the user's own.
    """

    def __init__(self, named: NamedRelay | None = None) -> None:
        self._named = named
        self._process = OwnProcess()
        # A widget that is collected closes itself, in whatever thread just made an object, also in here: the lock is
        # one that its holder can take again, and nobody holds it while waiting for another thread.
        self._lock = threading.RLock()
        self._seats: list[_Seat] = []
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wakes: tuple[asyncio.Event, ...] = ()  # of the loop's tasks
        self._state = "idle"  # of `following.RELAY`
        self._relay: Relay | None = None  # that is being followed
        self._failure: RelayWidgetError | None = None  # why none is, if that is known
        self._rooms: dict[str, _Room] = {}  # that the relay has been asked for, and those only
        self._client: socketio.AsyncClient | None = None
        self._connected = threading.Condition(self._lock)  # the relay is being followed, or cannot be
        self._origins: dict[str, None] = {}  # of pages that the relay is to serve, the oldest first
        self._allowed: set[str] = set()  # those that it has been told
        self._once_allowed: dict[Listener, Callable[[], None]] = {}
        self._calling: tuple[Listener, float] | None = None  # whom it tells something just now, and since when

    def add(self, listener: Listener) -> None:
        """Follow this listener's room from now on, and tell it what is known already."""
        fresh = None
        with self._lock:
            if self._seat_of(listener) is None:
                self._seats.append(_Seat(listener))
            if self._thread is None:
                fresh = self._thread = threading.Thread(target=self._run, name="relay-widget-monitor", daemon=True)
        if fresh is not None:
            fresh.start()
        self.refresh()

    def remove(self, listener: Listener) -> None:
        """Stop telling this listener anything; the last one ends the thread."""
        if self._process.forked:
            return  # a forked child: the thread is the parent's
        with self._lock:
            self._seats = [seat for seat in self._seats if seat.listener is not listener]
            self._once_allowed.pop(listener, None)
        self.refresh()

    def moved(self, listener: Listener) -> None:
        """The listener is in another room, and has forgotten what it was told of the one before."""
        with self._lock:
            seat = self._seat_of(listener)
            if seat is not None:
                seat.failure = seat.room = seat.in_room = None
        self.refresh()

    def refresh(self) -> None:
        """Look at the listeners again."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._poke)

    def allow_origin(self, listener: Listener, origin: str, then: Callable[[], None]) -> None:
        """Have the relay serve pages of this origin, now and whenever there is another relay.

        Args:
            listener: One that was added. If it is removed, nothing is called.
            origin: As in ``https://lab.example``.
            then: Called once when the relay knows: now, or later on the monitor's thread.
        """
        with self._lock:
            known = origin in self._allowed
            self._origins.pop(origin, None)
            self._origins[origin] = None
            if len(self._origins) > MAX_ALLOWED_ORIGINS:
                del self._origins[next(iter(self._origins))]
            if not known and self._seat_of(listener) is not None:
                self._once_allowed[listener] = then
        if known:
            then()
        else:
            self.refresh()

    def request(self, event: Event, payload: dict[str, Any]) -> dict[str, Any]:
        """Ask the relay something and wait for its answer; not on the monitor's own thread.

        Raises:
            RelayRequestError: It refused, or did not answer.
            RelayStartError: There is no relay and none could be started.
        """
        self._process.check("The call")
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
                if self._failure is not None:
                    raise self._failure
                self._connected.wait(0.5)
            client, loop = self._client, self._loop
        if client is None or loop is None:
            raise RelayRequestError("no-answer", f"There is no relay to ask for {event}: open a Call, then try again.")
        try:
            asked = asyncio.run_coroutine_threadsafe(client.call(event, payload, timeout=_REQUEST_TIMEOUT_S), loop)
            answer: dict[str, Any] = asked.result(2 * _REQUEST_TIMEOUT_S)
        except Exception as error:  # whatever a connection that is going raises
            hanging = self._hanging()
            if hanging is not None:
                raise hanging from error
            raise RelayRequestError("no-answer", f"The relay did not answer {event}: try again.") from error
        if not answer["ok"]:
            raise RelayRequestError(answer["error"]["code"], answer["error"]["message"])
        return answer

    @property
    def state(self) -> str:
        """What is under way, a state of `following.RELAY`: ``"following"`` when all is well."""
        return self._state

    @property
    def listeners(self) -> list[Listener]:
        """Who is told."""
        with self._lock:
            return [seat.listener for seat in self._seats]

    def stop(self) -> None:
        """Let go of the relay, at the interpreter's end."""
        if self._process.forked:
            return
        with self._lock:
            self._seats.clear()
            self._once_allowed.clear()
            thread = self._thread
        self.refresh()
        if thread is not None:
            thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        ThreadLoop().run(self._follow())

    async def _follow(self) -> None:
        wake, wake_telling = asyncio.Event(), asyncio.Event()
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._wakes = (wake, wake_telling)
        telling = asyncio.create_task(self._keep_telling(wake_telling))
        try:
            await self._keep_following(wake)
        finally:
            telling.cancel()

    async def _keep_following(self, wake: asyncio.Event) -> None:
        """Do what the state says, until nobody listens any more."""
        following = Following(named=self._named is not None)
        following.step("wanted")
        attempt = _Attempt()
        own = asyncio.current_task()
        assert own is not None  # noqa: S101 - it runs in one
        while True:
            with self._lock:
                if not self._seats:
                    following.step("unwanted")
                    self._thread = self._loop = self._failure = None
                    self._wakes = ()
                    self._state = following.state
                    return
                self._state = following.state
            try:
                event = await self._work(following, attempt, wake)
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError) and own.cancelling():
                    raise
                if not threading.main_thread().is_alive():  # the program ends: it takes no more work, nor imports
                    with self._lock:
                        self._seats.clear()
                    continue
                # A mistake of ours must not leave the kernel's calls without their relay for good.
                _log.exception("following the relay failed")
                self._fail(RelayRequestError("internal", "Following the relay failed: the log says how."))
                await _pause(wake, FAILED_REST_FIRST_S)
                following = Following(named=self._named is not None)
                event = "wanted"
            if following.step(event) == "failed" and attempt.error is not None:
                self._fail(attempt.error)

    async def _work(self, following: Following, attempt: _Attempt, wake: asyncio.Event) -> str:
        """What there is to do in a state; how it ended."""
        if following.state in ("resting", "failed"):
            await self._rest(wake, following.rest_s)
            return "rested"
        if following.state == "finding":
            try:
                attempt.relay = await asyncio.to_thread(find_or_start, self._named)
            except RelayStartError as error:
                attempt.error = error
                return "missing"
            return "found"
        assert attempt.relay is not None  # noqa: S101 - no other state comes before it
        if following.state == "connecting":
            try:
                attempt.connection = await self._connect(attempt.relay)
            except RelayRequestError as error:
                attempt.error = error
                return "refused"
            except _UnreachableError as error:
                attempt.error = no_answer(attempt.relay.url, error)
                return "unreachable"
            return "connected"
        assert attempt.connection is not None  # noqa: S101 - as above
        await self._stay_with(*attempt.connection, attempt.relay, wake)
        return "gone"

    async def _rest(self, wake: asyncio.Event, rest_s: float) -> None:
        """Wait between two attempts, but not when somebody comes, or the last one goes."""
        until_s = time.monotonic() + rest_s
        with self._lock:
            before = len(self._seats)
        while (left_s := until_s - time.monotonic()) > 0:
            await _pause(wake, left_s)
            with self._lock:
                count = len(self._seats)
            if count == 0 or count > before:
                return

    async def _connect(self, relay: Relay) -> tuple[socketio.AsyncClient, asyncio.Event]:
        """Connect to a relay, and tell it the pages that it is to serve.

        Returns:
            The connection, and what is set when it is gone.

        Raises:
            _UnreachableError: It could not be reached at all.
            RelayRequestError: It has said no, and would to the next attempt.
        """
        import socketio  # noqa: PLC0415 - 0.4 s that belong to this thread, not to the cell

        client = socketio.AsyncClient(
            reconnection=False, handle_sigint=False, http_session=lambda: http_session(relay.url)
        )
        gone = asyncio.Event()

        async def on_disconnect(*_: object) -> None:
            gone.set()
            self._poke()

        async def on_room(snapshot: dict[str, Any]) -> None:
            room = str(snapshot.get("room"))
            with self._lock:
                if room in self._rooms:  # else it was on its way when the room was given up
                    self._rooms[room] = self._rooms[room].with_state(snapshot)
            self._tell_all()

        async def on_reports(message: dict[str, Any]) -> None:
            room = str(message.get("room"))
            with self._lock:
                if room in self._rooms:
                    self._rooms[room] = self._rooms[room].with_reports(message["reports"], message["now_ms"])
            self._tell_all()

        refusals: list[Any] = []
        client.on("connect_error", refusals.append)
        client.on("disconnect", on_disconnect)
        client.on(Event.ROOM, on_room)
        client.on(Event.REPORTS, on_reports)
        client.on(Event.RELAY_ENDING, on_disconnect)
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):  # a host that is not there says nothing at all
                await client.connect(
                    relay.url,
                    auth={"token": relay.token_to_watch(_TOKEN_LIFETIME_S), "protocol": PROTOCOL_VERSION},
                    transports=["websocket"],
                    socketio_path=socketio_path(relay.url),
                    wait_timeout=_REQUEST_TIMEOUT_S,
                )
        except asyncio.CancelledError:
            await client.disconnect()
            raise
        except Exception as error:
            # Whatever a program that is no relay makes the library stumble over.
            await client.disconnect()  # a connection that was never made keeps its HTTP session otherwise
            _log.info("the relay at %s did not take the monitor: %s", relay.url, error)
            refused = _refusal(refusals)
            # Of the user's own relay another token is tried, of another one that has started meanwhile.
            if self._named is not None and refused is not None:
                raise refused from error
            raise _UnreachableError from error
        try:
            await self._allow_origins(client)
        except BaseException as error:
            await client.disconnect()
            with self._lock:
                self._allowed.clear()  # by this connection
            if not isinstance(error, socketio.exceptions.SocketIOError):
                raise
            _log.info("the relay did not answer the monitor: %s", error)
            raise _UnreachableError from error
        return client, gone

    async def _stay_with(
        self, client: socketio.AsyncClient, gone: asyncio.Event, relay: Relay, wake: asyncio.Event
    ) -> None:
        """Follow one relay until it is gone or nobody listens."""
        try:
            self._follow_with(client, relay)
            await self._watch_rooms(client, gone, relay, wake)
        finally:
            self._follow_with(None, None)
            await client.disconnect()

    def _follow_with(self, client: socketio.AsyncClient | None, relay: Relay | None) -> None:
        with self._connected:
            self._client, self._relay = client, relay
            self._rooms.clear()
            if relay is None:
                self._allowed.clear()
            else:
                self._failure = None
            self._connected.notify_all()
        self._tell_all()

    def _fail(self, error: RelayWidgetError) -> None:
        with self._connected:
            self._failure = error
            self._connected.notify_all()
        self._tell_all()

    async def _watch_rooms(
        self, client: socketio.AsyncClient, gone: asyncio.Event, relay: Relay, wake: asyncio.Event
    ) -> None:
        import socketio  # noqa: PLC0415 - as above

        renewed_s = time.monotonic()
        while not gone.is_set():
            with self._lock:
                wanted = self._wanted()
                over = self._rooms.keys() - wanted.keys()
            if not wanted:
                return
            try:
                await self._allow_origins(client)
                for room in over:
                    with self._lock:
                        del self._rooms[room]
                    await client.call(Event.UNWATCH, {"room": room}, timeout=_REQUEST_TIMEOUT_S)
                for watch in wanted.values():
                    await self._watch(client, watch)
                if self._named is None and time.monotonic() - renewed_s > _TOKEN_LIFETIME_S / 2:
                    fresh = relay.token_to_watch(_TOKEN_LIFETIME_S)
                    await client.call(Event.RENEW, {"token": fresh}, timeout=_REQUEST_TIMEOUT_S)
                    renewed_s = time.monotonic()
            except socketio.exceptions.SocketIOError as error:
                _log.info("the relay did not answer the monitor: %s", error)
                return
            await _pause(wake, TICK_S)

    def _wanted(self) -> dict[str, Watch]:
        """By room, what the listeners want to know of it."""
        wanted: dict[str, Watch] = {}
        for listener in (seat.listener for seat in self._seats):
            calls = () if listener.call is None else (listener.call,)
            watch = Watch(listener.room, frozenset(calls))
            wanted[watch.room] = wanted.get(watch.room, watch).with_also(watch)
        return wanted

    async def _watch(self, client: socketio.AsyncClient, watch: Watch) -> None:
        """Ask for a room's state, unless that is known; if the relay has refused it, now and then again."""
        with self._lock:
            known = self._rooms.setdefault(watch.room, _Room())
        now_s = time.monotonic()
        if known.asked == watch or (known.refused_s and now_s - known.refused_s < _REFUSED_RETRY_S):
            return
        ack = await client.call(Event.WATCH, watch.as_json(), timeout=_REQUEST_TIMEOUT_S)
        with self._lock:
            said = self._rooms[watch.room]
            if not ack["ok"]:
                refusal = RelayRequestError(ack["error"]["code"], ack["error"]["message"])
                said = replace(said, refusal=refusal, refused_s=now_s)
            else:
                said = replace(said, asked=watch, refusal=None, refused_s=0.0)
                if said.snapshot is None or said.snapshot["now_ms"] < ack["now_ms"]:  # else heard before the answer was
                    said = said.with_state(ack)
                else:
                    said = said.with_reports(ack.get("reports", {}), said.snapshot["now_ms"])
            self._rooms[watch.room] = said
        self._tell_all()

    async def _allow_origins(self, client: socketio.AsyncClient) -> None:
        """Tell the relay which pages to serve that it does not know of yet."""
        with self._lock:
            fresh = [origin for origin in self._origins if origin not in self._allowed]
        for origin in fresh:
            answer = await client.call(Event.ALLOW_ORIGIN, {"origin": origin}, timeout=_REQUEST_TIMEOUT_S)
            if not answer["ok"]:  # another's relay: pages that it does not serve come to it in another way
                _log.info("the relay does not take origins from this kernel: %s", answer["error"]["message"])
            with self._lock:
                self._allowed.add(origin)
        with self._lock:
            served = not self._origins.keys() - self._allowed
            waiting = list(self._once_allowed.values()) if served else []
            if served:
                self._once_allowed.clear()
        for then in waiting:
            try:
                then()
            except BaseException:  # noqa: BLE001 - as in _call
                _log.exception("a call's page could not be told")

    def _poke(self) -> None:
        for wake in self._wakes:
            wake.set()

    # -- telling: each listener is brought from what it was told to what is so --

    async def _keep_telling(self, wake: asyncio.Event) -> None:
        due_s = time.monotonic() + TICK_S
        while True:
            self._tell_all()
            await _pause(wake, due_s - time.monotonic())
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + TICK_S
                self._tick_all()

    def _tick_all(self) -> None:
        for listener in self.listeners:
            self._call(listener, "on_tick")

    def _tell_all(self) -> None:
        with self._lock:
            seats = list(self._seats)
        for seat in seats:
            for what, *values in self._news_for(seat):
                self._call(seat.listener, what, *values)

    def _news_for(self, seat: _Seat) -> list[tuple[Any, ...]]:
        """What this listener has not been told yet; it counts as told."""
        with self._lock:
            room = seat.listener.room
            known = self._rooms.get(room)
            news: list[tuple[Any, ...]] = []
            if self._relay is not seat.relay:
                if seat.relay is not None:
                    news.append(("on_lost",))
                if self._relay is not None:
                    news.append(("on_relay", self._relay))
                seat.relay, seat.failure, seat.in_room = self._relay, None, None
            if self._failure is not None and self._failure is not seat.failure:
                news.append(("on_failed", self._failure))
                seat.failure = self._failure
            if seat.room != room or known is not seat.in_room:
                if known is not None and known.snapshot is not None:
                    news.append(("on_snapshot", known.snapshot))
                elif known is not None and known.refusal is not None:
                    news.append(("on_failed", known.refusal))
                seat.room, seat.in_room = room, known
            return news

    def _call(self, listener: Listener, what: str, *values: object) -> None:
        """One listener's mistake (a user's observer that raises, or exits) must not stop the others' news."""
        self._calling = (listener, time.monotonic())
        try:
            getattr(listener, what)(*values)
        except BaseException:  # noqa: BLE001 - it is the user's code, and it is logged
            _log.exception("a call's %s failed", what)
        finally:
            self._calling = None

    def _hanging(self) -> RelayRequestError | None:
        """What to say of an observer that keeps all news waiting, if there is one."""
        calling = self._calling
        if calling is None or time.monotonic() - calling[1] < HANGING_S:
            return None
        return observer_hangs(calling[0])

    def _seat_of(self, listener: Listener) -> _Seat | None:
        return next((seat for seat in self._seats if seat.listener is listener), None)


async def _pause(wake: asyncio.Event, seconds: float) -> None:
    """Wait, but not when there is something new to look at."""
    try:
        await asyncio.wait_for(wake.wait(), seconds)
    except TimeoutError:
        return
    wake.clear()


def _refusal(refusals: list[Any]) -> RelayRequestError | None:
    """What the relay said, if it was a no for good."""
    for one in refusals:
        why = one.get("data") if isinstance(one, dict) else None
        if isinstance(why, dict) and "code" in why and why["code"] != Code.RELAY_ENDING:
            return RelayRequestError(why["code"], str(why.get("message")))
    return None


def observer_hangs(listener: object) -> RelayRequestError:
    """What to say of an observer that does not return."""
    return RelayRequestError(
        "observer-hangs",
        f"An observer of {listener} has not returned for more than {HANGING_S:g} s, and the calls of this kernel hear "
        "nothing of the relay until it does: do slow work in a thread of its own, or restart the kernel.",
    )


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


def standings() -> tuple[Standing, ...]:
    """How the calls of this process stand, those of all its relays."""
    monitors = _shared[1].values() if _shared is not None and _shared[0] == os.getpid() else ()
    found = [listener.standing() for monitor in list(monitors) for listener in monitor.listeners]
    return tuple(standing for standing in found if standing is not None)
