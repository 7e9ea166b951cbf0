"""Between Socket.IO and the core: events in, effects out, and who may connect."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections import Counter
from dataclasses import replace
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Any

from socketio.exceptions import ConnectionRefusedError as ConnectionRefused

from relay_widget.core import (
    DEFAULT_LIMITS,
    AllowOrigin,
    Close,
    Limits,
    Listen,
    Pause,
    Refused,
    Relay,
    Send,
    SendMedia,
    Tell,
)
from relay_widget.errors import WireError
from relay_widget.grants import Grant
from relay_widget.protocol import RESUME_LIFETIME_S, Code, Event, check_version, error_json
from relay_widget.tokens import sign, verify

from . import frames
from .fanout import Fanout, Outlet, abort
from .log import ClientLog
from .packets import CLIENT_EVENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import socketio

    from relay_widget.core import Effect, Outcome
    from relay_widget.protocol import MediaHeader

    from .guard import Guard
    from .redis_bus import RedisBus

_log = logging.getLogger(__name__)
_NAMESPACE = "/"
_PEER_ID_BYTES = 9
REFUSED_LINGER_S = 1.0
"""How long the connection of a client that was refused or ended stays, if it does not go by itself."""
_FLUSH_S = 10.0
"""How long what was sent to it before may take to go out."""
_END_EVERY_S = 0.05
"""A hundred that were ended at once held up a room of two hundred for a tenth of a second."""
_PAUSE_S = 0.001
"""Long enough for the scheduler to run who was sent something, on this core if there is no other."""
_MAX_TIMER_S = 24 * 3600
_NOT_READING = frames.close(1008, Code.NOT_READING)


class Adapter:
    """Serves the core's relay over Socket.IO.

    Args:
        sio: The Socket.IO server.
        fanout: The clients' ways out.
        guard: Which pages are served.
        secret: What tokens are signed with.
        needs_token: Whether a client without a valid token is refused.
        on_connections: Called with the number of clients whenever it changes.
        limits: How much the relay bears.
        node: Its name among the relays that share rooms with it.
        bus: The way to those; None if there are none.
    """

    def __init__(
        self,
        sio: socketio.AsyncServer,
        fanout: Fanout,
        guard: Guard,
        *,
        secret: str,
        needs_token: bool,
        on_connections: Callable[[int], None] = lambda _: None,
        limits: Limits = DEFAULT_LIMITS,
        node: str = "",
        bus: RedisBus | None = None,
    ) -> None:
        self._sio = sio
        self._bus = bus
        self._fanout = fanout
        self._guard = guard
        self._secret = secret
        self._needs_token = needs_token
        self._on_connections = on_connections
        self._clients = ClientLog(_log)
        self.ended: Counter[str] = Counter()
        """How many connections have ended, by reason."""
        self._read_ms = limits.read_s * 1000
        self._given_up: set[str] = set()
        self._told_to_go: set[str] = set()  # sessions
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_ms = inf
        # Wall-clock time that never jumps: a correction of the system's clock must not look like latency.
        self._clock_offset_s = time.time() - time.monotonic()
        self._put_off: Iterator[Effect] | None = None
        self._relay = Relay(
            new_peer_id=lambda: secrets.token_urlsafe(_PEER_ID_BYTES),
            queues=fanout,
            random=random.random,
            verify=self._verify,
            limits=limits,
            node=node,
            bus=bus,
        )
        sio.on("connect", self._connect)
        sio.on("disconnect", self._disconnect)
        sio.on(CLIENT_EVENT, self._client_event)

    @property
    def relay(self) -> Relay:
        """The core, and nothing is put off any more: it decides on what has been done."""
        if self._put_off is not None:
            self._go_on()
        return self._relay

    def now_ms(self) -> float:
        """The relay's clock."""
        return (time.monotonic() + self._clock_offset_s) * 1000

    # The handlers are plain functions: what an event leads to is done before the next one is looked at.

    def _connect(self, sid: str, environ: dict[str, Any], auth: object = None) -> None:
        address = environ.get("REMOTE_ADDR")
        session_id = self._sio.manager.eio_sid_from_sid(sid, _NAMESPACE)
        try:
            grant = self._authenticate(auth)
            self.relay.connect(sid, self.now_ms(), grant)
        except WireError as error:
            self.refused(error.code, connection=sid, address=address)
            # What nobody may use is not kept open, but a long poll has to fetch the refusal first.
            self._end_later(session_id)
            raise ConnectionRefused(error.message, error_json(error)) from None
        session = self._sio.eio.sockets[session_id]
        outlet = Outlet(session.queue, upgraded=session.upgraded, on_overflow=lambda: self._give_up(sid, session_id))
        self._fanout.add(sid, session_id, outlet)
        count = len(self._fanout)
        self._clients.info("connected", connection=sid, address=address, **self.relay.who(sid), connections=count)
        self._perform(())  # its token's end may be what happens next
        self._on_connections(count)

    def refused(self, code: str, **who: object) -> None:
        """Count and log what was refused before the core saw it."""
        self.relay.stats.refused[code] += 1
        self._clients.info("refused", code=code, **who)

    def _disconnect(self, sid: str, reason: str) -> None:
        reason = "not-reading" if sid in self._given_up else reason.replace(" ", "-")
        self.ended[reason] += 1
        session_id = self._sio.manager.eio_sid_from_sid(sid, _NAMESPACE)
        asyncio.get_running_loop().call_later(_FLUSH_S, self.end_session, session_id)  # if it is still there
        self._given_up.discard(sid)
        count = len(self._fanout) - 1
        self._clients.info("disconnected", connection=sid, **self.relay.who(sid), reason=reason, connections=count)
        self._fanout.remove(sid)
        self._guard.forget(sid)
        if reason == "ping-timeout":  # engineio would say goodbye first, to one who may not read it
            self._hang_up(self._sio.manager.eio_sid_from_sid(sid, _NAMESPACE))
        self._perform(self.relay.disconnect(sid))
        self._on_connections(len(self._fanout))

    def media_chunk(self, session_id: str, label: MediaHeader, data: bytes) -> bool:
        """This media-chunk has come on an Engine.IO session; False if it has to go the long way."""
        sid = self._fanout.connections.get(session_id)
        if sid is None:
            return False
        now_ms = self.now_ms()
        try:
            effects = self.relay.media_chunk(sid, label, data, now_ms)
        except Exception as error:  # noqa: BLE001 - logged, answered, and harming no other event
            effects = self._failed(error, sid, Event.MEDIA_CHUNK, now_ms, wants_ack=False).effects
        if effects is None:
            return False
        self._perform(effects)
        return True

    def report(self, session_id: str, report: str) -> bool:
        """This report has come on an Engine.IO session; False if it has to go the long way."""
        sid = self._fanout.connections.get(session_id)
        if sid is None:
            return False
        self._perform(self.relay.report(sid, report, self.now_ms()))
        return True

    def _client_event(self, sid: str, event: object, ack_id: int | None, args: list[Any]) -> None:
        now_ms = self.now_ms()
        try:
            outcome = self.relay.handle(sid, event, args, now_ms, wants_ack=ack_id is not None)
            ack = outcome.ack
            if ack is not None and event in (Event.JOIN, Event.RENEW) and ack["ok"]:
                ack = {**ack, "resume": self._resume_token(sid)}
        except Exception as error:  # noqa: BLE001 - logged, answered, and harming no other event
            outcome = self._failed(error, sid, event, now_ms, wants_ack=ack_id is not None)
            ack = outcome.ack
        if ack is not None and ack_id is not None:
            self._fanout.send((sid,), frames.acknowledgement(ack_id, ack))
        self._perform(outcome.effects)

    def _failed(self, error: Exception, sid: str, event: object, now_ms: float, *, wants_ack: bool) -> Outcome:
        """What an event leads to that raised what it should not."""
        known = event if isinstance(event, str) and event in frozenset(Event) else "another"
        self._clients.mistake(error, "an event failed", event=known)
        return self.relay.fail(sid, event, now_ms, wants_ack=wants_ack)

    def _authenticate(self, auth: object) -> Grant:
        """What the client may do."""
        given = auth if isinstance(auth, dict) else {}
        if "protocol" in given or (self._needs_token and given):
            check_version(given.get("protocol"))
        try:
            return self._verify(given.get("token"))
        except WireError:
            if self._needs_token:
                raise
            return Grant("any")

    def _verify(self, token: object) -> Grant:
        """What a token grants, its end in the relay's clock."""
        grant = verify(self._secret, token)
        if not self._needs_token:
            return replace(grant, role="any", expires_s=inf)
        return replace(grant, expires_s=grant.expires_s - time.time() + self.now_ms() / 1000)

    def _resume_token(self, sid: str) -> str:
        """A token for coming back as the same peer, with the same rights and no longer."""
        grant = self.relay.grant(sid)
        left_s = min(RESUME_LIFETIME_S, grant.expires_s - self.now_ms() / 1000)
        role = "peer" if grant.role == "any" else grant.role
        return sign(self._secret, replace(grant, role=role, expires_s=time.time() + left_s))

    def _perform(self, effects: Iterable[Effect]) -> None:
        left = iter(effects)
        for effect in left:
            if type(effect) is SendMedia:  # nearly all of them, and a match would take as long as a write
                self._fanout.send(effect.to, frames.media(effect.label, effect.data))
                continue
            match effect:
                case Send(to, event, payload):
                    self._fanout.send(to, frames.event(event, payload))
                case Close(connection):
                    self._close(connection)
                case Refused():
                    self._log_refused(effect)
                case AllowOrigin(connection, origin):
                    self._guard.allow(connection, origin)
                case Tell(channel, message, data) if self._bus is not None:
                    self._bus.send(channel, message, data)
                case Listen(channel, wanted) if self._bus is not None:
                    self._bus.listen(channel, wanted=wanted)
                case Pause():
                    self._put_off = left
                    asyncio.get_running_loop().call_later(_PAUSE_S, self._go_on)
                    break
        if self._relay.due_ms < self._timer_due_ms:
            self._set_timer(self._relay.due_ms)

    def _go_on(self) -> None:
        """Perform what was put off, if it has not been."""
        put_off, self._put_off = self._put_off, None
        if put_off is None:
            return
        try:
            self._perform(put_off)
        except Exception:  # noqa: BLE001 - logged, and harming nothing that only happens to come now
            _log.exception("what media lead to failed")

    def bus_connected(self) -> None:
        """Other relays can be told something from now on."""
        self._perform(self.relay.sharing.begin(self.now_ms()))

    def bus_listening(self, channel: str) -> None:
        """What other relays send on this channel comes from now on."""
        self._perform(self.relay.sharing.listening(channel, self.now_ms()))

    def bus_message(self, message: dict[str, Any], data: bytes) -> None:
        """Another relay has said something."""
        self._perform(self.relay.sharing.hear(message, data, self.now_ms()))

    def bus_ending(self) -> None:
        """Say goodbye to the other relays."""
        self._perform(self.relay.sharing.end())

    def _log_refused(self, refused: Refused) -> None:
        self._clients.info(
            "refused",
            code=refused.code,
            event=refused.event or None,
            # It says which right is missing. Those of other codes may repeat what the client sent.
            reason=refused.reason if refused.code == Code.FORBIDDEN else None,
            connection=refused.connection,
            **self.relay.who(refused.connection),
            repeated=refused.suppressed or None,
        )

    def _set_timer(self, due_ms: float) -> None:
        """The one timer, for whatever happens by itself next."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due_ms = due_ms
        delay_s = min(_MAX_TIMER_S, max(0.0, due_ms - self.now_ms()) / 1000)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._take_due)

    def _take_due(self) -> None:
        self._timer, self._timer_due_ms = None, inf
        self._perform(self.relay.take_due(self.now_ms()))

    def end_stalled(self, within_s: float) -> None:
        """End who has taken nothing for too long, one after the other: the whole room is told of each that goes."""
        stalled = islice(self._fanout.stalled(self._read_ms), int(within_s / _END_EVERY_S))
        for number, sid in enumerate(stalled):
            asyncio.get_running_loop().call_later(number * _END_EVERY_S, self._end_if_stalled, sid)

    def free_memory(self) -> None:
        """Keep what is held for late joiners within its bound, and say so in the log."""
        before = self.relay.stats.given_up_groups
        freed_bytes = self.relay.free_memory(self.now_ms())
        if freed_bytes:
            self._clients.info("memory", groups=self.relay.stats.given_up_groups - before, freed_bytes=freed_bytes)

    def _end_if_stalled(self, sid: str) -> None:
        """End it, unless it reads again, or is gone. It is told why, should it read on."""
        if not self._fanout.is_stalled(sid, self._read_ms):
            return
        message = "Nothing that the relay sent was read for too long: connect again."
        self.refused(Code.NOT_READING, connection=sid, **self.relay.who(sid))
        self._fanout.send((sid,), frames.event(Event.ERROR, {"code": Code.NOT_READING, "message": message}))
        self._given_up.add(sid)
        session_id = self._sio.manager.eio_sid_from_sid(sid, _NAMESPACE)
        transport = self._fanout.transports.get(session_id)
        if transport is not None:
            transport.write(_NOT_READING)
        self._fanout.close(sid)
        self._hang_up(session_id)

    def _give_up(self, sid: str, session_id: str) -> None:
        """End a connection that does not read, without waiting for it to."""
        self._given_up.add(sid)
        self.end_session(session_id)

    def end_session(self, session_id: str) -> None:
        """End an Engine.IO session at once, without a word to its client."""
        transport = self._fanout.transports.get(session_id)
        session = self._sio.eio.sockets.get(session_id)
        if transport is not None:
            abort(transport)
        elif session is not None:
            self._start(self._abort(session))

    async def _abort(self, session: Any) -> None:
        await session.close(wait=False, abort=True)
        self._sio.eio.sockets.pop(session.sid, None)  # now, not when engineio next looks

    def _close(self, sid: str) -> None:
        session_id = self._sio.manager.eio_sid_from_sid(sid, _NAMESPACE)
        if session_id is not None:
            self._start(self._sio.disconnect(sid))
            self._end_later(session_id)

    def _end_later(self, session_id: str) -> None:
        """End a connection that has been told to go, whether it goes or not."""
        if session_id in self._told_to_go:
            return
        self._told_to_go.add(session_id)
        asyncio.get_running_loop().call_later(REFUSED_LINGER_S, self._hang_up, session_id)

    def _hang_up(self, session_id: str | None) -> None:
        if session_id is None:  # gone; engineio would take it for everybody
            return
        self._told_to_go.discard(session_id)
        transport = self._fanout.transports.get(session_id)
        if transport is None:  # on long polling, or gone
            self._start(self._sio.eio.disconnect(session_id))
        else:
            transport.close()  # Engine.IO would wait for the client to close it
        # What was sent before may still go out.
        asyncio.get_running_loop().call_later(_FLUSH_S, self.end_session, session_id)

    def _start(self, coroutine: Any) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
