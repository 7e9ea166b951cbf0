"""The relay's state machine: connections and their events in, acknowledgements and effects out."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, Literal

from relay_widget.errors import WireError
from relay_widget.protocol import (
    Code,
    Event,
    LeftReason,
    check_track_id,
    error_json,
    ok,
    parse_clock,
    parse_header,
    parse_impair,
    parse_join,
    parse_publish,
    parse_rename,
    parse_report,
    parse_unpublish,
    parse_watch,
    refusal,
)

from .effects import Close, Effect, Outcome, Send
from .limits import DEFAULT_LIMITS, Limits
from .room import Peer, Room
from .stats import EVENT_COST_BYTES, Budget, Stats
from .watchers import Watchers

if TYPE_CHECKING:
    from collections.abc import Callable

    from .room import Queues

ERROR_INTERVAL_MS = 1000
"""A client is sent one `error` event per code in this time; the rest is counted."""
MEMORY_INTERVAL_MS = 1000
"""How old the measured memory may be when somebody wants in."""
_MAX_EVENT_CHARS = 64

Role = Literal["peer", "monitor", "any"]


@dataclass(slots=True)
class _Connection:
    """What the relay knows of one client."""

    id: str
    role: Role
    peer_id: str
    call: str | None
    administers: tuple[str, ...]
    bytes: Budget
    chunks: Budget
    peer: Peer | None = None
    room: Room | None = None
    replaced: bool = False
    error_sent_ms: dict[str, float] = field(default_factory=dict)
    errors_held: dict[str, int] = field(default_factory=dict)


class Relay:
    """All rooms.

    Args:
        new_peer_id: Makes an id for a peer that brings none.
        queues: What waits for the connections to be sent.
        random: Gives numbers from 0 to 1, for the jitter of impaired links.
        limits: How much it bears.
    """

    def __init__(
        self,
        *,
        new_peer_id: Callable[[], str],
        queues: Queues,
        random: Callable[[], float],
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.rooms: dict[str, Room] = {}
        self.stats = Stats()
        self._new_peer_id = new_peer_id
        self._queues = queues
        self._random = random
        self._limits = limits
        self._memory_bytes = 0.0
        self._memory_at_ms = -inf
        self.due_ms = inf
        """When `take_due` is to be called next, at the latest; inf while nothing happens by itself."""
        self._restless: set[Room] = set()  # rooms in which something happens by itself
        self._connections: dict[str, _Connection] = {}
        self._in_room: dict[str, _Connection] = {}  # by peer id
        self._watchers = Watchers()
        self._handlers: dict[str, Callable[[_Connection, list[Any], float], Outcome]] = {
            Event.JOIN: self._join,
            Event.LEAVE: self._leave,
            Event.RENAME: self._rename,
            Event.PUBLISH: self._publish,
            Event.UNPUBLISH: self._unpublish,
            Event.MEDIA_CHUNK: self._media_chunk,
            Event.CLOCK: self._clock,
            Event.REPORT: self._report,
            Event.WATCH: self._watch,
            Event.UNWATCH: self._unwatch,
            Event.IMPAIR: self._impair,
        }

    def connect(
        self,
        connection: str,
        now_ms: float,
        *,
        role: Role,
        peer_id: str | None = None,
        call: str | None = None,
        administers: tuple[str, ...] = (),
    ) -> None:
        """Let a client in; it administers the rooms of these names (``*``: all).

        Raises:
            WireError: ``relay-full``.
        """
        if len(self._connections) >= self._limits.connections:
            raise WireError(
                Code.RELAY_FULL,
                f"The relay has {self._limits.connections} clients already: try again later, or use another relay.",
            )
        if peer_id not in self._in_room:  # who comes back makes as much free
            self._check_memory(now_ms)
        self._connections[connection] = _Connection(
            connection,
            role,
            peer_id or self._new_peer_id(),
            call,
            administers,
            Budget(now_ms, self._limits.peer_bytes_per_s),
            Budget(now_ms, self._limits.peer_chunks_per_s),
        )

    def disconnect(self, connection: str) -> list[Effect]:
        """A client is gone."""
        gone = self._connections.pop(connection, None)
        if gone is None:
            return []
        self._watchers.remove_monitor(connection)
        return self._take_out(gone, "lost")

    def held_bytes(self) -> float:
        """The memory held for clients: what waits for them (once for each), and what is kept for late joiners."""
        queued_bytes = sum(map(self._queues.queued_bytes, self._connections))
        return queued_bytes + sum(room.held_bytes for room in self.rooms.values())

    def call(self, connection: str) -> str | None:
        """The notebook's call this client belongs to."""
        return self._connections[connection].call

    def who(self, connection: str) -> dict[str, str]:
        """This client in a few words, for the log."""
        client = self._connections.get(connection)
        if client is None:
            return {}
        known = {"peer": client.peer_id, "role": client.role}
        return known if client.room is None else {**known, "room": client.room.name}

    def handle(self, connection: str, event: object, args: list[Any], now_ms: float, *, wants_ack: bool) -> Outcome:
        """An event of a client.

        Args:
            connection: Whose.
            event: Its name, as it came.
            args: Its arguments, as they came.
            now_ms: Now, in the relay's clock.
            wants_ack: Whether the client waits for an answer. If not, a refusal goes out as an `error` event.
        """
        client = self._connections.get(connection)
        if client is None:
            return Outcome()
        try:
            outcome = self._dispatch(client, event, args, now_ms)
        except WireError as error:
            return self._refuse(client, error, event, args, now_ms, wants_ack=wants_ack)
        return outcome if wants_ack else Outcome(None, outcome.effects)

    def fail(self, connection: str, event: object, now_ms: float, *, wants_ack: bool) -> Outcome:
        """The answer to an event that the relay itself stumbled over."""
        client = self._connections.get(connection)
        if client is None:
            return Outcome()
        error = WireError(Code.INTERNAL, "The relay made a mistake: its log says more. Try again.")
        return self._refuse(client, error, event, [], now_ms, wants_ack=wants_ack)

    def take_due(self, now_ms: float) -> list[Effect]:
        """What happens by itself by now: monitors hear what has changed, media arrives over impaired links."""
        effects: list[Effect] = []
        restless, self._restless, self.due_ms = self._restless, set(), inf
        for room in restless:
            effects += room.take_due(now_ms)
            self._heed(room)
        effects += [
            Send(to, Event.ROOM, self._snapshot(room, now_ms))
            for room, to in self._watchers.take_due(now_ms, self._queues.queued_bytes)
        ]
        snapshots_in_ms = self._watchers.due_in_ms(now_ms)
        if snapshots_in_ms is not None:
            self.due_ms = min(self.due_ms, now_ms + snapshots_in_ms)
        return effects

    # -----------------------------------------------------------------------------------------------------

    def _dispatch(self, client: _Connection, event: object, args: list[Any], now_ms: float) -> Outcome:
        handler = self._handlers.get(event) if isinstance(event, str) else None
        if client.replaced:
            raise WireError(Code.REPLACED, "This participant has come in from elsewhere: this connection has ended.")
        if handler is None:
            raise WireError(Code.BAD_MESSAGE, "There is no such event: PROTOCOL.md lists them all.")
        # Media pays for its bytes when it is known to be wanted; everything else pays for the asking.
        if event != Event.MEDIA_CHUNK and not client.bytes.take(EVENT_COST_BYTES, now_ms, urgent=True):
            raise _too_fast()
        return handler(client, args, now_ms)

    def _join(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:
        request = parse_join(_only(args, Event.JOIN))
        if client.role == "monitor":
            raise WireError(Code.FORBIDDEN, "This token is for watching: connect with a peer's token to join.")
        if client.room is not None:
            raise WireError(
                Code.ALREADY_JOINED,
                f"You are in room {client.room.name!r} already: leave before you join again.",
            )
        # Every check before the first change: a refused join leaves all as it was.
        earlier = self._in_room.get(client.peer_id)
        room = self.rooms.get(request.room)
        if room is not None:
            room.check_space(None if earlier is None else earlier.peer)
        elif len(self.rooms) >= self._limits.rooms:
            raise WireError(Code.TOO_MANY_ROOMS, f"The relay has {self._limits.rooms} rooms already: join one of them.")
        else:
            room = Room(request.room, self.stats, self._queues, self._random, self._limits)
        if earlier is None:
            self._check_memory(now_ms)
        effects = [] if earlier is None else self._replace(earlier)
        peer = Peer(client.id, client.peer_id, request.name, request.plays, client.call, loopback=request.loopback)
        others, joined = room.join(peer, now_ms)
        self.rooms[room.name] = room
        self._in_room[peer.id] = client
        client.peer, client.room = peer, room
        self._heed(room)
        self._changed(room)
        ack = ok(peer=peer.id, peers=[other.as_json() for other in others], now_ms=now_ms)
        return Outcome(ack, effects + joined)

    def _leave(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        _none(args, Event.LEAVE)
        _joined(client)
        return Outcome(ok(), self._take_out(client, "left"))

    def _rename(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        name = parse_rename(_only(args, Event.RENAME))
        peer, room = _joined(client)
        self._changed(room)
        return Outcome(ok(), room.rename(peer, name))

    def _publish(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        track = parse_publish(_only(args, Event.PUBLISH))
        peer, room = _joined(client)
        effects = room.publish(peer, track)
        self._changed(room)
        return Outcome(ok(), effects)

    def _unpublish(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        track = parse_unpublish(_only(args, Event.UNPUBLISH))
        peer, room = _joined(client)
        effects = room.unpublish(peer, track)
        self._changed(room)
        return Outcome(ok(), effects)

    def _media_chunk(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:
        label, data = _chunk(args)
        peer, room = _joined(client)
        if len(data) > self._limits.chunk_bytes:
            if label is not None:
                room.skip_group(peer, label.track, Code.CHUNK_TOO_LARGE)
            raise WireError(
                Code.CHUNK_TOO_LARGE,
                f"A chunk of {len(data)} bytes is over the limit of {self._limits.chunk_bytes}: use shorter slices.",
            )
        urgent = label is not None and label.type == "init"
        cost_bytes = len(data) + EVENT_COST_BYTES
        if not client.chunks.take(1, now_ms, urgent=urgent) or not client.bytes.take(cost_bytes, now_ms, urgent=urgent):
            if label is not None:
                room.skip_group(peer, label.track, Code.TOO_FAST)
            raise _too_fast()
        if label is None:
            effects, lost = room.plain_media(peer, data, now_ms)
        else:
            effects, lost = room.media(peer, label, data, now_ms)
        if lost:
            self._changed(room)
        self._heed(room)
        return Outcome(ok(), effects)

    def _clock(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        return Outcome(ok(t0=parse_clock(_only(args, Event.CLOCK)), now_ms=now_ms))

    def _report(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        report = parse_report(_only(args, Event.REPORT))
        peer, room = _joined(client)
        peer.report = report
        self._changed(room)
        return Outcome(ok())

    def _watch(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:
        room = parse_watch(_only(args, Event.WATCH))
        _may_watch(client)
        self._watchers.add(room, client.id)
        return Outcome(ok(**self._snapshot(room, now_ms)))

    def _unwatch(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        room = parse_watch(_only(args, Event.UNWATCH))
        _may_watch(client)
        self._watchers.remove(room, client.id)
        return Outcome(ok())

    def _impair(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:
        request = parse_impair(_only(args, Event.IMPAIR))
        if request.room not in client.administers and "*" not in client.administers:
            raise WireError(
                Code.FORBIDDEN,
                f"Room {request.room!r} is not yours to impair: connect with a token that administers it.",
            )
        room = self.rooms.get(request.room)
        if room is None:
            raise WireError(
                Code.UNKNOWN_ROOM,
                f"Nobody is in room {request.room!r}, and an impairment ends with its room: join it first.",
            )
        effects = room.impair(request.peer, request.impairment, now_ms)
        self._changed(room)
        self._heed(room)
        return Outcome(ok(), effects)

    # -----------------------------------------------------------------------------------------------------

    def _check_memory(self, now_ms: float) -> None:
        """Refuse who would come in while too much is held. Measured now and then: it looks at everybody's queue."""
        if not 0 <= now_ms - self._memory_at_ms < MEMORY_INTERVAL_MS:
            self._memory_bytes, self._memory_at_ms = self.held_bytes(), now_ms
        if self._memory_bytes > self._limits.memory_bytes:
            raise WireError(Code.RELAY_FULL, "The relay's memory is taken: try again later, or use another relay.")

    def _changed(self, room: Room) -> None:
        """There is something new to see in this room."""
        self.due_ms = min(self.due_ms, self._watchers.changed(room.name))

    def _heed(self, room: Room) -> None:
        """See to it that what happens in this room by itself does."""
        due_ms = room.due_ms
        if due_ms < inf:
            self._restless.add(room)
            self.due_ms = min(self.due_ms, due_ms)

    def _take_out(self, client: _Connection, reason: LeftReason) -> list[Effect]:
        peer, room = client.peer, client.room
        if peer is None or room is None:
            return []
        client.peer = client.room = None
        del self._in_room[peer.id]
        effects = room.leave(peer, reason)
        if not room.peers:
            del self.rooms[room.name]
            self._restless.discard(room)
        else:
            self._heed(room)
        self._changed(room)
        return effects

    def _replace(self, client: _Connection) -> list[Effect]:
        """End a connection whose participant has come in again on another."""
        client.replaced = True
        effects = self._take_out(client, "replaced")
        error = WireError(Code.REPLACED, "This participant has come in from elsewhere: this connection ends.")
        return [Send((client.id,), Event.ERROR, error_json(error)), Close(client.id), *effects]

    def _snapshot(self, name: str, now_ms: float) -> dict[str, Any]:
        room = self.rooms.get(name)
        return {"room": name, "peers": [], "now_ms": now_ms} if room is None else room.snapshot(now_ms)

    def _refuse(
        self,
        client: _Connection,
        error: WireError,
        event: object,
        args: list[Any],
        now_ms: float,
        *,
        wants_ack: bool,
    ) -> Outcome:
        self.stats.refused[error.code] += 1
        if client.peer is not None:
            client.peer.refused[error.code] += 1
        if wants_ack:
            return Outcome(refusal(error), refused=error)
        last_ms = client.error_sent_ms.get(error.code)
        if last_ms is not None and 0 <= now_ms - last_ms < ERROR_INTERVAL_MS:
            client.errors_held[error.code] = client.errors_held.get(error.code, 0) + 1
            return Outcome(refused=error)
        client.error_sent_ms[error.code] = now_ms
        payload: dict[str, Any] = {**error_json(error), "suppressed": client.errors_held.pop(error.code, 0)}
        if isinstance(event, str):
            payload["event"] = event[:_MAX_EVENT_CHARS]
        track = _track_of(args)
        if event == Event.MEDIA_CHUNK and track is not None:
            payload["track"] = track
        return Outcome(None, [Send((client.id,), Event.ERROR, payload)], error)


def _chunk(args: list[Any]) -> tuple[Any, bytes]:
    """The label (None in the plain form) and the bytes of a media-chunk."""
    match args:
        case [bytes() as data]:
            return None, data
        case [header, bytes() as data]:
            return parse_header(header), data
        case [_, _]:
            raise WireError(Code.BAD_MESSAGE, "The second argument of media-chunk must be bytes.")
        case _:
            raise WireError(Code.BAD_MESSAGE, "media-chunk takes a header and bytes, or bytes alone.")


def _track_of(args: list[Any]) -> str | None:
    if not args or not isinstance(args[0], dict):
        return None
    try:
        return check_track_id(args[0].get("track"), Code.BAD_HEADER)
    except WireError:
        return None


def _only(args: list[Any], event: Event) -> Any:
    if len(args) != 1:
        raise WireError(Code.BAD_MESSAGE, f"{event} takes one argument, not {len(args)}.")
    return args[0]


def _none(args: list[Any], event: Event) -> None:
    if args:
        raise WireError(Code.BAD_MESSAGE, f"{event} takes no argument, not {len(args)}.")


def _joined(client: _Connection) -> tuple[Peer, Room]:
    if client.peer is None or client.room is None:
        raise WireError(Code.NOT_JOINED, "You are in no room: join one first.")
    return client.peer, client.room


def _may_watch(client: _Connection) -> None:
    if client.role == "peer":
        raise WireError(Code.FORBIDDEN, "Only a monitor may watch a room: connect with a monitor's token.")


def _too_fast() -> WireError:
    return WireError(
        Code.TOO_FAST,
        "You send more than the relay takes from one peer: use a lower bitrate or fewer events.",
    )
