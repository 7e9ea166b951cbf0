"""The relay's state machine: connections and their events in, acknowledgements and effects out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, Any

from relay_widget.errors import WireError
from relay_widget.protocol import (
    Code,
    Event,
    LeftReason,
    check_track_id,
    error_json,
    ok,
    parse_allow_origin,
    parse_clock,
    parse_end,
    parse_header,
    parse_impair,
    parse_join,
    parse_listen,
    parse_lock,
    parse_mute,
    parse_publish,
    parse_remove,
    parse_rename,
    parse_renew,
    parse_report,
    parse_unpublish,
    parse_unwatch,
    parse_watch,
    refusal,
    shown_call,
)

from .departures import Departures
from .effects import AllowOrigin, Close, Effect, Listen, Outcome, Refused, Send, Tell
from .limits import DEFAULT_LIMITS, Limits
from .room import Peer, Room
from .sharing import Sharing
from .stats import EVENT_COST_BYTES, Budget, Stats
from .watchers import Watchers

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from relay_widget.grants import Grant
    from relay_widget.protocol import Join, MediaHeader, Watch

    from .room import Queues
    from .sharing import Bus
    from .watchers import News

ERROR_INTERVAL_MS = 1000
"""A client is sent one `error` event per code in this time, and the log one line; the rest is counted."""
EXPIRY_INTERVAL_MS = 1000
"""How often, at most, the relay looks for tokens that have expired."""
MEMORY_INTERVAL_MS = 1000
"""How old the measured memory may be when somebody wants in."""
MEMORY_FREED = 0.8
"""Down to this part of its bound, once too much is held: not a group at a time, for ever."""
SNAPSHOT_COST_BYTES = 1000
"""The charge for asking for a room's state, for each of its members: about what is written of it, and half a report."""
_MAX_EVENT_CHARS = 64
_MEDIA_ARGS = 2


class _Throttle:
    """Lets one of each code through in `ERROR_INTERVAL_MS`, and counts the others."""

    def __init__(self) -> None:
        self._passed_ms: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def take(self, code: str, now_ms: float) -> int | None:
        """How many were held back before this one; None if it is held back too."""
        last_ms = self._passed_ms.get(code)
        if last_ms is not None and 0 <= now_ms - last_ms < ERROR_INTERVAL_MS:
            self._held[code] = self._held.get(code, 0) + 1
            return None
        self._passed_ms[code] = now_ms
        return self._held.pop(code, 0)


@dataclass(slots=True)
class _Connection:
    """What the relay knows of one client."""

    id: str
    grant: Grant
    peer_id: str
    bytes: Budget
    chunks: Budget
    peer: Peer | None = None
    room: Room | None = None
    ended: WireError | None = None  # why, once its connection is about to end
    errors: _Throttle = field(default_factory=_Throttle)
    logged: _Throttle = field(default_factory=_Throttle)

    @property
    def expires_ms(self) -> float:
        return self.grant.expires_s * 1000


class Relay:
    """All rooms.

    Args:
        new_peer_id: Makes an id for a peer that brings none.
        queues: What waits for the connections to be sent.
        random: Gives numbers from 0 to 1, for the jitter of impaired links.
        verify: What a token grants, its end in the relay's clock; raises a WireError for one that is not good.
        limits: How much it bears.
        node: Its name among the relays that share rooms with it.
        bus: The way to those; None if there are none.
    """

    def __init__(
        self,
        *,
        new_peer_id: Callable[[], str],
        queues: Queues,
        random: Callable[[], float],
        verify: Callable[[object], Grant],
        limits: Limits = DEFAULT_LIMITS,
        node: str = "",
        bus: Bus | None = None,
    ) -> None:
        self.rooms: dict[str, Room] = {}
        """By name; those with peers at other nodes only, too."""
        self.sharing = Sharing(self, node, bus)
        self.stats = Stats()
        self._new_peer_id = new_peer_id
        self._queues = queues
        self._random = random
        self._limits = limits
        self._memory_bytes = 0.0
        self._memory_at_ms = -inf
        self._verify = verify
        self._expiry_due_ms = inf
        self.due_ms = inf
        """When `take_due` is to be called next, at the latest; inf while nothing happens by itself."""
        self._restless: set[Room] = set()  # rooms in which something happens by itself
        self._connections: dict[str, _Connection] = {}
        self._in_room: dict[str, _Connection] = {}  # by peer id
        self._departures = Departures()
        self.watchers = Watchers()
        """Monitors, and other nodes that have some."""
        self._handlers: dict[str, Callable[[_Connection, list[Any], float], Outcome]] = {
            Event.JOIN: self._join,
            Event.LEAVE: self._leave,
            Event.RENAME: self._rename,
            Event.PUBLISH: self._publish,
            Event.UNPUBLISH: self._unpublish,
            Event.MEDIA_CHUNK: self._media_chunk,
            Event.CLOCK: self._clock,
            Event.REPORT: self._report,
            Event.RENEW: self._renew,
            Event.LISTEN: self._listen,
            Event.WATCH: self._watch,
            Event.UNWATCH: self._unwatch,
            Event.IMPAIR: self._impair,
            Event.MUTE: self._mute,
            Event.REMOVE: self._remove,
            Event.LOCK: self._lock,
            Event.END: self._end_room,
            Event.ALLOW_ORIGIN: self._allow_origin,
        }

    def connect(self, connection: str, now_ms: float, grant: Grant) -> None:
        """Let a client in, to do what it is granted.

        Raises:
            WireError: ``relay-full``.
        """
        if len(self._connections) >= self._limits.connections:
            raise WireError(
                Code.RELAY_FULL,
                f"The relay has {self._limits.connections} clients already: try again later, or use another relay.",
            )
        if grant.peer not in self._in_room:  # who comes back makes as much free
            self._check_memory(now_ms)
        client = _Connection(
            connection,
            grant,
            grant.peer or self._new_peer_id(),
            Budget(now_ms, self._limits.peer_bytes_per_s),
            Budget(now_ms, self._limits.peer_chunks_per_s),
        )
        self._connections[connection] = client
        if client.expires_ms < self._expiry_due_ms:
            self._expiry_due_ms = client.expires_ms
            self.due_ms = min(self.due_ms, self._expiry_due_ms)

    def disconnect(self, connection: str) -> list[Effect]:
        """A client is gone."""
        gone = self._connections.pop(connection, None)
        if gone is None:
            return []
        self.watchers.remove_monitor(connection)
        return self._take_out(gone, "lost") + self._tell_watched()

    def held_bytes(self) -> float:
        """The memory held for clients: what waits for them (once for each), and what is kept for late joiners."""
        queued_bytes = sum(map(self._queues.queued_bytes, self._connections))
        return queued_bytes + sum(room.held_bytes for room in self.rooms.values())

    def free_memory(self, now_ms: float) -> int:
        """Keep no group that is too old to be of use, nor, while too much is held, the largest.

        Who comes late to such a track waits for its next group. To be called about once a second.

        Returns:
            How many bytes of groups were given up because too much was held.
        """
        tracks = [
            track for room in self.rooms.values() for peer in room.peers.values() for track in peer.tracks.values()
        ]
        for track in tracks:
            track.group.age(now_ms)
        held_bytes = before_bytes = self.held_bytes()
        if held_bytes > self._limits.memory_bytes:
            for track in sorted(tracks, key=lambda track: track.group.size_bytes, reverse=True):
                if held_bytes <= MEMORY_FREED * self._limits.memory_bytes or not track.group.size_bytes:
                    break
                held_bytes -= track.group.size_bytes
                track.group.give_up()
                self.stats.given_up_groups += 1
        self._memory_bytes, self._memory_at_ms = held_bytes, now_ms
        return round(before_bytes - held_bytes)

    def grant(self, connection: str) -> Grant:
        """What this client may do, under the peer id that it has."""
        client = self._connections[connection]
        return replace(client.grant, peer=client.peer_id)

    def who(self, connection: str) -> dict[str, str]:
        """This client in a few words, for the log."""
        client = self._connections.get(connection)
        if client is None:
            return {}
        known = {"peer": client.peer_id, "role": client.grant.role}
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
            return self._refuse(client, error, event, _track_of(event, args), now_ms, wants_ack=wants_ack)
        if not wants_ack:
            outcome.ack = None
        return outcome

    def media_chunk(self, connection: str, label: MediaHeader, data: bytes, now_ms: float) -> Iterable[Effect] | None:
        """A media-chunk that is well formed and waits for no answer: as `handle`, by a shorter way, for nearly all.

        Returns:
            What it leads to; None if it comes too fast, and is for `handle` to refuse when there is time.
        """
        client = self._connections.get(connection)
        if client is None:
            return ()
        try:
            if client.ended is not None:
                raise client.ended
            return self._pass_on(client, label, data, now_ms)
        except WireError as error:
            if error.code == Code.TOO_FAST:
                return None
            return self._refuse(client, error, Event.MEDIA_CHUNK, label.track, now_ms, wants_ack=False).effects

    def report(self, connection: str, report: str, now_ms: float) -> Iterable[Effect]:
        """A report that waits for no answer: as `handle`, but its JSON is not read until somebody wants to see it."""
        client = self._connections.get(connection)
        if client is None:
            return []
        try:
            if client.ended is not None:
                raise client.ended
            peer, room = _joined(client)
            if not client.bytes.take(EVENT_COST_BYTES + len(report), now_ms, urgent=True):
                raise _too_fast()
        except WireError as error:
            return self._refuse(client, error, Event.REPORT, None, now_ms, wants_ack=False).effects
        peer.say(report)
        self.reported(room, peer)
        return []

    def fail(self, connection: str, event: object, now_ms: float, *, wants_ack: bool) -> Outcome:
        """The answer to an event that the relay itself stumbled over."""
        client = self._connections.get(connection)
        if client is None:
            return Outcome()
        error = WireError(Code.INTERNAL, "The relay made a mistake: its log says more. Try again.")
        return self._refuse(client, error, event, None, now_ms, wants_ack=wants_ack)

    def take_due(self, now_ms: float) -> list[Effect]:
        """What happens by itself by now: tokens expire, monitors hear the news, media arrives over impaired links."""
        effects = self._take_out_expired(now_ms)
        restless, self._restless, self.due_ms = self._restless, set(), inf
        for room in restless:
            effects += room.take_due(now_ms)
            self.heed(room)
        effects += self.sharing.take_due(now_ms)
        for news in self.watchers.take_due(now_ms, self._queues.queued_bytes):
            effects += self._tell(news, now_ms)
        snapshots_in_ms = self.watchers.due_in_ms(now_ms)
        if snapshots_in_ms is not None:
            self.due_ms = min(self.due_ms, now_ms + snapshots_in_ms)
        self.due_ms = min(self.due_ms, self._expiry_due_ms, self.sharing.due_ms)
        return effects

    def _tell(self, news: News, now_ms: float) -> list[Effect]:
        """Tell the monitors of a room what is new in it; the state is one message for all of them."""
        effects: list[Effect] = []
        nodes = {monitor for monitor in {*news.changed_for, *news.reporters_for} if self.sharing.is_node(monitor)}
        here = tuple(monitor for monitor in news.changed_for if monitor not in nodes)
        if here:
            effects.append(Send(here, Event.ROOM, self._snapshot(news.room, now_ms)))
        room = self.rooms.get(news.room)
        for monitor, reporters in news.reporters_for.items():
            if room is not None and monitor not in nodes:
                reports = {"room": room.name, "reports": room.reports(reporters), "now_ms": now_ms}
                effects.append(Send((monitor,), Event.REPORTS, reports))
        for monitor in nodes:
            effects += self.sharing.figures(news, monitor)
        return effects

    # What the sharing of rooms with other nodes needs -----------------------------------------------------

    def room(self, name: str) -> Room:
        """The room of this name, made if need be."""
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = Room(name, self.stats, self._queues, self._random, self._limits)
        return room

    def tidy(self, room: Room) -> None:
        """Somebody has left this room: it ends when nobody is in it."""
        if room.members:
            self.heed(room)
        else:
            self.rooms.pop(room.name, None)
            self._restless.discard(room)
        self.changed(room)

    def has_left(self, room: Room, peer: Peer, now_ms: float) -> None:
        """This peer has said that it leaves: so the monitors see why it is not there."""
        if peer.call is not None and peer.listens is None:
            self._departures.note(room.name, peer.id, peer.call, now_ms)

    def is_back(self, room: Room, peer: Peer) -> None:
        """This peer is in the room, whether it has left it before or not."""
        self._departures.forget(room.name, peer.id)

    def changed(self, room: Room) -> None:
        """There is something new to see in this room."""
        self.due_ms = min(self.due_ms, self.watchers.changed(room.name))

    def reported(self, room: Room, peer: Peer) -> None:
        """This peer has sent a report."""
        self.due_ms = min(self.due_ms, self.watchers.reported(room.name, peer.id, peer.call))

    def with_others(self, room: Room, effects: list[Effect], others: Generator[Effect, None, bool]) -> Iterable[Effect]:
        """What media leads to: these effects, and behind them those for the room's other subscribers."""
        return chain(effects, self._others(room, others))

    def _others(self, room: Room, others: Generator[Effect, None, bool]) -> Iterator[Effect]:
        if (yield from others):
            self.changed(room)
        self.heed(room)

    def heed(self, room: Room) -> None:
        """See to it that what happens in this room by itself does."""
        due_ms = room.due_ms
        if due_ms < inf:
            self._restless.add(room)
            self.due_ms = min(self.due_ms, due_ms)

    def watched_by(self, monitor: str, watch: Watch) -> None:
        """Another node has monitors of this room, for which this one stands."""
        with suppress(WireError):  # it watches as many as a monitor may
            self.watchers.add(watch, monitor)
        self.due_ms = min(self.due_ms, self.watchers.changed(watch.room))
        room = self.rooms.get(watch.room)
        for member in () if room is None else room.here:
            self.due_ms = min(self.due_ms, self.watchers.reported(watch.room, member.id, member.call))

    def peer_here(self, peer_id: str) -> Peer | None:
        """Who is in a room under this id, connected to this node."""
        client = self._in_room.get(peer_id)
        return None if client is None else client.peer

    def replace(self, peer_id: str) -> list[Effect]:
        """End the connection of a participant who has come in again on another."""
        error = WireError(Code.REPLACED, "This participant has come in from elsewhere: this connection ends.")
        return self._end(self._in_room[peer_id], error, "replaced")

    def remove(self, peer_id: str, room: str) -> list[Effect]:
        """An administrator removes somebody who is connected to this node."""
        why = WireError(Code.REMOVED, f"You have been removed from room {room!r} by who administers it.")
        return self._end(self._in_room[peer_id], why, "removed")

    def end_room(self, room: Room) -> list[Effect]:
        """An administrator has ended this room: everybody who is connected to this node goes."""
        why = WireError(Code.ROOM_ENDED, f"Room {room.name!r} has been ended for everybody by who administers it.")
        ended = [self._in_room[peer.id] for peer in room.here]
        effects: list[Effect] = []
        for one in ended:
            one.ended = why
            # Nobody here is told of the others: everybody goes.
            effects += [effect for effect in self._take_out(one, "removed") if isinstance(effect, Tell | Listen)]
        told = Send(tuple(one.id for one in ended), Event.ERROR, error_json(why))
        return [told, *(Close(one.id) for one in ended), *effects]

    # -----------------------------------------------------------------------------------------------------

    def _dispatch(self, client: _Connection, event: object, args: list[Any], now_ms: float) -> Outcome:
        handler = self._handlers.get(event) if isinstance(event, str) else None
        if client.ended is not None:
            raise client.ended
        if handler is None:
            raise WireError(Code.BAD_MESSAGE, "There is no such event: PROTOCOL.md lists them all.")
        # Media pays for its bytes when it is known to be wanted; everything else pays for the asking.
        if event != Event.MEDIA_CHUNK and not client.bytes.take(EVENT_COST_BYTES, now_ms, urgent=True):
            raise _too_fast()
        return handler(client, args, now_ms)

    def _join(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:
        request = parse_join(_only(args, Event.JOIN))
        _may_join(client.grant, request)
        if client.room is not None:
            raise WireError(
                Code.ALREADY_JOINED,
                f"You are in room {client.room.name!r} already: leave before you join again.",
            )
        # Every check before the first change: a refused join leaves all as it was.
        earlier = self.peer_here(client.peer_id)
        known = earlier or self.sharing.elsewhere(client.peer_id)
        room = self.rooms.get(request.room)
        if room is not None:
            room.check_lock(client.peer_id)
            room.check_space(listens=request.listens is not None, leaving=known)
        if room is None or not room.here:
            self._check_rooms()
        if earlier is None:
            self._check_memory(now_ms)
        room = self.room(request.room)
        effects = [] if earlier is None else self.replace(client.peer_id)
        effects += self.sharing.supersede(client.peer_id)
        name = client.grant.name or request.name
        if request.numbered and client.grant.name is None and request.listens is None:
            name = room.free_name(name, client.peer_id)
        peer = Peer(
            client.id,
            client.peer_id,
            name,
            request.plays,
            client.grant.call or (None if request.call is None else shown_call(request.call)),
            subscribes=client.grant.subscribe,
            loopback=request.loopback,
            listens=request.listens,
            since_ms=now_ms if known is None else max(now_ms, known.since_ms + 1),
        )
        roster = room.roster()
        joined = room.join(peer, now_ms)
        self.rooms[room.name] = room
        self._in_room[peer.id] = client
        self.is_back(room, peer)
        client.peer, client.room = peer, room
        self.heed(room)
        self.changed(room)
        ack = ok(peer=peer.id, name=peer.name, **roster, now_ms=now_ms, **_stay(client))
        return Outcome(ack, effects + joined + self.sharing.joined(room, peer))

    def _leave(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:
        _none(args, Event.LEAVE)
        peer, room = _joined(client)
        self.has_left(room, peer, now_ms)
        return Outcome(ok(), self._take_out(client, "left"))

    def _rename(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        name = parse_rename(_only(args, Event.RENAME))
        peer, room = _joined(client)
        if client.grant.name is not None:
            raise WireError(Code.FORBIDDEN, f"This token is for {peer.name!r}: ask for another to be called otherwise.")
        self.changed(room)
        return Outcome(ok(), room.rename(peer, name) + self.sharing.renamed(room, peer))

    def _publish(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        track = parse_publish(_only(args, Event.PUBLISH))
        peer, room = _joined(client)
        _may_publish(client.grant, peer)
        effects = room.publish(peer, track) + self.sharing.published(room, peer, track.track)
        self.changed(room)
        return Outcome(ok(), effects)

    def _unpublish(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        track = parse_unpublish(_only(args, Event.UNPUBLISH))
        peer, room = _joined(client)
        effects = room.unpublish(peer, track) + self.sharing.unpublished(room, peer, track)
        self.changed(room)
        return Outcome(ok(), effects)

    def _media_chunk(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:
        return Outcome(ok(), self._pass_on(client, *_chunk(args), now_ms))

    def _pass_on(self, client: _Connection, label: MediaHeader | None, data: bytes, now_ms: float) -> Iterable[Effect]:
        peer, room = _joined(client)
        _may_publish(client.grant, peer)
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
        effects: list[Effect] = []
        others: Generator[Effect, None, bool] | None
        if label is None:
            others = room.plain_media(peer, data, now_ms)
        else:
            effects, others = room.media(peer, label, data, now_ms)
        if room.receives_elsewhere:
            effects += (
                self.sharing.plain_media(room, peer, data, now_ms)
                if label is None
                else self.sharing.media(room, peer, label, data)
            )
        return effects if others is None else self.with_others(room, effects, others)

    def _clock(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        return Outcome(ok(t0=parse_clock(_only(args, Event.CLOCK)), now_ms=now_ms))

    def _report(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        report = parse_report(_only(args, Event.REPORT))
        peer, room = _joined(client)
        peer.report = report
        self.reported(room, peer)
        return Outcome(ok())

    def _renew(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        grant = self._verify(parse_renew(_only(args, Event.RENEW)))
        if grant.peer not in (None, client.peer_id) or not grant.same_rights(client.grant):
            # Or a token that may do little, for long, would prolong one that may do much.
            raise WireError(Code.FORBIDDEN, "This token allows something else: connect anew to use it.")
        if grant.expires_s > client.grant.expires_s:
            client.grant = replace(client.grant, expires_s=grant.expires_s)
        return Outcome(ok(**_stay(client)))

    def _listen(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:
        of = parse_listen(_only(args, Event.LISTEN))
        peer, room = _joined(client)
        if peer.listens is None:
            raise WireError(Code.FORBIDDEN, "A participant receives everybody's media: join as a listener to choose.")
        effects = room.listen(peer, replace(peer.listens, of=of), now_ms) + self.sharing.listens(room, peer)
        self.changed(room)
        self.heed(room)
        return Outcome(ok(), effects)

    def _watch(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:
        watch = parse_watch(_only(args, Event.WATCH))
        _may_watch(client.grant, watch.room)
        room = self.rooms.get(watch.room)
        if room is not None and not client.bytes.take(len(room.members) * SNAPSHOT_COST_BYTES, now_ms):
            raise _too_fast()
        self.watchers.add(watch, client.id)
        answer = self._snapshot(watch.room, now_ms)
        if watch.calls != frozenset():
            members = () if room is None else room.members.values()
            reporters = [one.id for one in members if watch.report_of(one.call)]
            answer["reports"] = {} if room is None else room.reports(reporters)
        return Outcome(ok(**answer), self._tell_watched())

    def _unwatch(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        room = parse_unwatch(_only(args, Event.UNWATCH))
        _may_watch(client.grant, room)
        self.watchers.remove(room, client.id)
        return Outcome(ok(), self._tell_watched())

    def _impair(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:
        request = parse_impair(_only(args, Event.IMPAIR))
        room = self._administered(client, request.room)
        effects = room.impair(request.peer, request.impairment, now_ms)
        return Outcome(ok(), effects + self._have_set(room))

    def _mute(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        request = parse_mute(_only(args, Event.MUTE))
        room = self._administered(client, request.room)
        effects = room.mute(request.peer, request.track, muted=request.muted)
        return Outcome(ok(), effects + self._have_set(room))

    def _remove(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        name, peer_id = parse_remove(_only(args, Event.REMOVE))
        room = self._administered(client, name)
        peer = room.member(peer_id)
        room.shut_out(peer_id)
        effects = self._have_set(room) if room.locked else []
        return Outcome(ok(), effects + (self.sharing.remove(room, peer) if peer.node else self.remove(peer_id, name)))

    def _lock(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        name, locked = parse_lock(_only(args, Event.LOCK))
        room = self._administered(client, name)
        room.lock(locked=locked)
        return Outcome(ok(), self._have_set(room))

    def _end_room(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        name = parse_end(_only(args, Event.END))
        room = self._administered(client, name)
        return Outcome(ok(), self.sharing.ended(name) + self.end_room(room))

    def _allow_origin(self, client: _Connection, args: list[Any], now_ms: float) -> Outcome:  # noqa: ARG002
        origin = parse_allow_origin(_only(args, Event.ALLOW_ORIGIN))
        if client.grant.room is not None or "*" not in client.grant.administers:
            raise WireError(
                Code.FORBIDDEN,
                "Which pages this relay serves is not yours to say: connect with a token that administers all rooms.",
            )
        return Outcome(ok(), [AllowOrigin(client.id, origin)])

    # -----------------------------------------------------------------------------------------------------

    def _administered(self, client: _Connection, name: str) -> Room:
        """A room in which this client may do what only its administrators may."""
        if not client.grant.is_administrator(name):
            raise WireError(
                Code.FORBIDDEN,
                "That room is not yours to administer: connect with a token that administers it.",
            )
        room = self.rooms.get(name)
        if room is None:
            raise WireError(
                Code.UNKNOWN_ROOM,
                f"Nobody is in room {name!r}, and what is set for a room ends with it: join it first.",
            )
        return room

    def _check_memory(self, now_ms: float) -> None:
        """Refuse who would come in while too much waits for others. Measured now and then: it looks at every queue."""
        if not 0 <= now_ms - self._memory_at_ms < MEMORY_INTERVAL_MS:
            self.free_memory(now_ms)
        if self._memory_bytes > self._limits.memory_bytes:
            raise WireError(Code.RELAY_FULL, "The relay's memory is taken: try again later, or use another relay.")

    def _check_rooms(self) -> None:
        """Refuse one more room in which somebody is who is connected to this node."""
        if sum(bool(room.here) for room in self.rooms.values()) >= self._limits.rooms:
            raise WireError(Code.TOO_MANY_ROOMS, f"The relay has {self._limits.rooms} rooms already: join one of them.")

    def _have_set(self, room: Room) -> list[Effect]:
        """An administrator has set something in this room."""
        self.changed(room)
        self.heed(room)
        return self.sharing.set_in(room)

    def _tell_watched(self) -> list[Effect]:
        """Somebody watches another room than before, or has gone."""
        return self.sharing.watch(self.watchers.watched(self._connections))

    def _take_out(self, client: _Connection, reason: LeftReason) -> list[Effect]:
        peer, room = client.peer, client.room
        if peer is None or room is None:
            return []
        client.peer = client.room = None
        del self._in_room[peer.id]
        effects = room.leave(peer, reason) + self.sharing.left(room, peer, reason)
        self.tidy(room)
        return effects

    def _take_out_expired(self, now_ms: float) -> list[Effect]:
        """End the connections whose tokens are no longer good."""
        if now_ms < self._expiry_due_ms:
            return []
        effects: list[Effect] = []
        error = WireError(Code.EXPIRED_TOKEN, "The token has expired: connect again with a new one.")
        for client in self._connections.values():
            if client.ended is None and client.expires_ms <= now_ms:
                effects += self._end(client, error, "expired")
                effects += self._note_refusal(client, error, "", now_ms)
        soonest_ms = min((client.expires_ms for client in self._connections.values() if not client.ended), default=inf)
        self._expiry_due_ms = max(soonest_ms, now_ms + EXPIRY_INTERVAL_MS)
        return effects

    def _end(self, client: _Connection, why: WireError, reason: LeftReason) -> list[Effect]:
        """Take a client out and end its connection, which is told why."""
        client.ended = why
        effects = self._take_out(client, reason)
        return [Send((client.id,), Event.ERROR, error_json(why)), Close(client.id), *effects]

    def _snapshot(self, name: str, now_ms: float) -> dict[str, Any]:
        room = self.rooms.get(name)
        empty = {"room": name, "locked": False, "peers": [], "listeners": [], "now_ms": now_ms}
        known = empty if room is None else room.snapshot(now_ms)
        return {**known, "left": self._departures.of(name, now_ms)}

    def _refuse(
        self,
        client: _Connection,
        error: WireError,
        event: object,
        track: str | None,
        now_ms: float,
        *,
        wants_ack: bool,
    ) -> Outcome:
        name = event[:_MAX_EVENT_CHARS] if isinstance(event, str) else None
        # An event that there is not may be called anything: it is not for the log.
        noted = self._note_refusal(client, error, name if name in self._handlers else "", now_ms)
        if wants_ack:
            return Outcome(refusal(error), noted)
        held = client.errors.take(error.code, now_ms)
        if held is None:
            return Outcome(None, noted)
        payload: dict[str, Any] = {**error_json(error), "suppressed": held}
        if name is not None:
            payload["event"] = name
        if track is not None:
            payload["track"] = track
        return Outcome(None, [Send((client.id,), Event.ERROR, payload), *noted])

    def _note_refusal(self, client: _Connection, error: WireError, event: str, now_ms: float) -> list[Effect]:
        """Count it, and have it logged."""
        self.stats.refused[error.code] += 1
        if client.peer is not None:
            client.peer.refused[error.code] += 1
        held = client.logged.take(error.code, now_ms)
        return [] if held is None else [Refused(client.id, event, error.code, error.message, held)]


def _chunk(args: list[Any]) -> tuple[MediaHeader | None, bytes]:
    """The label (None in the plain form) and the bytes of a media-chunk."""
    if not args or len(args) > _MEDIA_ARGS or (len(args) < _MEDIA_ARGS and not isinstance(args[0], bytes)):
        raise WireError(Code.BAD_MESSAGE, "media-chunk takes a header and bytes, or bytes alone.")
    data = args[-1]
    if not isinstance(data, bytes):
        raise WireError(Code.BAD_MESSAGE, "The second argument of media-chunk must be bytes.")
    return parse_header(args[0]) if len(args) == _MEDIA_ARGS else None, data


def _track_of(event: object, args: list[Any]) -> str | None:
    """Whose chunk was refused, if it says so."""
    if event != Event.MEDIA_CHUNK or not args or not isinstance(args[0], dict):
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


def _may_join(grant: Grant, request: Join) -> None:
    if grant.role == "monitor":
        raise WireError(Code.FORBIDDEN, "This token is for watching: connect with a peer's token to join.")
    if not grant.covers(request.room):
        raise WireError(Code.FORBIDDEN, "This token is not for that room: ask for one that is.")
    if request.loopback and not grant.subscribe:
        raise WireError(Code.FORBIDDEN, "This token is for sending only: join without loopback.")
    if request.listens is not None and not grant.subscribe:
        raise WireError(Code.FORBIDDEN, "This token is for sending only, and a listener only receives.")


def _may_publish(grant: Grant, peer: Peer) -> None:
    if peer.listens is not None:
        raise WireError(Code.FORBIDDEN, "A listener publishes nothing: leave, and join as a participant.")
    if not grant.publish:
        raise WireError(Code.FORBIDDEN, "This token is for watching and listening only: ask for one to publish with.")


def _may_watch(grant: Grant, room: str) -> None:
    if not grant.covers(room):
        raise WireError(Code.FORBIDDEN, "This token is not for that room: ask for one that is.")


def _stay(client: _Connection) -> dict[str, float | None]:
    """How long the client may stay with the token that it has."""
    return {"expires_ms": client.expires_ms if client.expires_ms < inf else None}


def _too_fast() -> WireError:
    return WireError(
        Code.TOO_FAST,
        "You send more than the relay takes from one peer: use a lower bitrate or fewer events.",
    )
