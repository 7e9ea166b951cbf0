"""One room: its peers, who gets whose tracks, and what they are told about each other."""

from __future__ import annotations

from collections import ChainMap, Counter
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from relay_widget.errors import WireError
from relay_widget.protocol import (
    MAX_BACKLOG_BYTES,
    MAX_GROUP_BYTES,
    Code,
    Event,
    LeftReason,
    ListenerInfo,
    PeerInfo,
    parse_report,
)

from .effects import Effect, Pause, Send, SendMedia, Tell, inbox
from .limits import DEFAULT_LIMITS, Limits
from .link import LinkObject
from .links import Links
from .load import load_of, max_wait_ms
from .mutes import Mutes
from .names import numbered
from .subscription import Subscription
from .track import LiveTrack

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Generator, Iterable

    from relay_widget.protocol import Impairment, Listens, MediaHeader, Report, Track

    from .effects import MediaLabel
    from .group import MediaObject
    from .link import Link
    from .links import Arrived
    from .load import Load
    from .stats import Stats


MAX_AT_ONCE = 16
"""Who does not read at once takes 15 us each; so many take about as long as waking up once more for them."""


class Queues(Protocol):
    """What waits for clients to be sent, at this moment."""

    @property
    def busy(self) -> Container[str]:
        """The connections for which something may wait; for the others nothing does."""
        ...

    def queued_bytes(self, connection: str) -> int:
        """How much waits for this one."""
        ...

    def wait_ms(self, connection: str) -> float:
        """How long that will take to go out; 0 while it is not known."""
        ...


class Peer:
    """A participant or a listener of a room, and what the relay has counted for it.

    ``listens`` is None for a participant; a listener publishes nothing. ``node`` is the other node that it is connected
    to, empty if it is this one; then there is no ``connection``. Its figures come from there. ``since_ms`` tells the
    newer of two that come under one id.
    """

    def __init__(
        self,
        connection: str,
        peer_id: str,
        name: str,
        plays: tuple[str, ...],
        call: str | None,
        *,
        subscribes: bool = True,
        loopback: bool = False,
        listens: Listens | None = None,
        node: str = "",
        since_ms: float = 0,
    ) -> None:
        self.node = node
        self.since_ms = since_ms
        self.connection = connection
        self.id = peer_id
        self.name = name
        self.plays = plays
        self.call = call
        self.subscribes = subscribes
        self.loopback = loopback
        self.listens = listens
        self.tracks: dict[str, LiveTrack] = {}
        self.report: Report | None = None
        self._unread_report: str | None = None
        self.chunks = 0
        self.bytes = 0
        self.dropped_groups = 0
        self.dropped_objects = 0
        self.refused: Counter[str] = Counter()

    @property
    def receives(self) -> bool:
        """Whether it receives the media of anybody."""
        return self.subscribes and (self.listens is None or self.listens.of != ())

    def hears(self, peer_id: str) -> bool:
        """Whether it receives the media of the peer with this id."""
        return self.subscribes and (self.listens is None or self.listens.hears(peer_id))

    def listener_info(self, listens: Listens) -> ListenerInfo:
        """It as others see it, if it is a listener."""
        return ListenerInfo(self.id, self.name, listens.does, listens.of)

    def info(self) -> PeerInfo:
        """It as others see it, if it is a participant: without what is muted."""
        tracks = tuple(track.info for track in self.tracks.values() if not track.muted)
        return PeerInfo(self.id, self.name, self.plays, tracks)

    def say(self, report: str) -> None:
        """It has sent this report, JSON; read when somebody wants to see it."""
        self._unread_report = report

    def reports_on(self, present: Container[str]) -> dict[str, Any] | None:
        """Its last report about those present, the wire form; None if it has sent none that can be read."""
        if self._unread_report is not None:
            text, self._unread_report, self.report = self._unread_report, None, None
            try:
                self.report = parse_report(msgspec.json.decode(text))
            except (WireError, msgspec.DecodeError, RecursionError):
                self.refused[Code.BAD_MESSAGE] += 1
        return None if self.report is None else self.report.about(present).as_json()

    def as_json(self) -> dict[str, Any]:
        """It as monitors see it."""
        if self.listens is not None:
            return {**self.listener_info(self.listens).as_json(), "call": self.call, **self.figures()}
        return {
            **self.info().as_json(),
            "muted": [track.id for track in self.tracks.values() if track.muted],
            "call": self.call,
            **self.figures(),
        }

    def figures(self) -> dict[str, Any]:
        """What has been counted for it."""
        return {
            "chunks": self.chunks,
            "bytes": self.bytes,
            "dropped_groups": self.dropped_groups,
            "dropped_objects": self.dropped_objects,
            "refused": dict(self.refused),
        }


class Room:
    """Peers that see each other, and listeners, which everybody sees.

    Every peer is subscribed to every other peer's tracks, with loopback to its own. A listener is subscribed to the
    tracks of the peers that it names.
    """

    def __init__(
        self,
        name: str,
        stats: Stats,
        queues: Queues,
        random: Callable[[], float],
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.name = name
        self._limits = limits
        self.peers: dict[str, Peer] = {}
        self.listeners: dict[str, Peer] = {}
        self.members = ChainMap(self.peers, self.listeners)
        """Both, to look somebody up."""
        self._by_connection: dict[str, Peer] = {}  # those that are connected to this node
        self.receives_elsewhere = False
        """Whether somebody at another node receives media of this one."""
        self.version = (0, "")
        """Of what administrators have set: a count, and the node that set it last."""
        self._stats = stats
        self._queues = queues
        self._queued_bytes = queues.queued_bytes
        self._links = Links(random, limits.room_peers + limits.room_listeners)
        self._mutes = Mutes(limits.room_peers, limits.peer_tracks)
        self._inside: set[str] | None = None  # the ids that may come in while it is locked
        self._unsteady: set[LiveTrack] = set()  # tracks whose publisher has something to hear, now or later
        self._lag_due_ms = inf

    @property
    def held_bytes(self) -> float:
        """What is kept for late joiners, and what is on its way over impaired links."""
        tracks = sum(track.held_bytes for peer in self.peers.values() for track in peer.tracks.values())
        return tracks + sum(link.held_bytes for link in self._links.by_connection.values())

    @property
    def here(self) -> Collection[Peer]:
        """The peers and the listeners that are connected to this node."""
        return self._by_connection.values()

    @property
    def due_ms(self) -> float:
        """When to call `take_due` next, at the latest; inf while nothing happens by itself."""
        return min(self._links.due_ms, self._lag_due_ms)

    def take_due(self, now_ms: float) -> list[Effect]:
        """What happens by itself by now: media arrives over impaired links, publishers hear who lags."""
        effects = _arrivals(self._links.take_due(now_ms))
        if now_ms < self._lag_due_ms:
            return effects
        unsteady, self._unsteady, self._lag_due_ms = self._unsteady, set(), inf
        for track in unsteady:
            news = track.lag.take(self._subscribers(track), now_ms)
            if news is not None:
                effects.append(self._lag_told(track, *news))
            self._watch_lag(track)
        return effects

    def impair(self, peer_id: str | None, impairment: Impairment | None, now_ms: float) -> list[Effect]:
        """Impair a peer, or (None) everybody here and to come; no impairment ends it."""
        connections = self._connections()
        if peer_id is None:
            return _arrivals(self._links.impair_all(connections, impairment, now_ms))
        self.member(peer_id)
        return _arrivals(self._links.impair(peer_id, connections, impairment, now_ms))

    def mute(self, peer_id: str, track_id: str | None, *, muted: bool) -> list[Effect]:
        """Mute a track, published or not, or (None) all that a peer publishes now and later; or let it be heard again.

        To the others it is as if it were unpublished.
        """
        peer = self.peers.get(peer_id)
        if peer is None:
            raise self._unknown(peer_id)
        self._mutes.set(peer_id, track_id, muted=muted, present=self.peers, published=peer.tracks)
        return _track_muted(peer, track_id, muted=muted) + self._heed_mutes(peer)

    def _heed_mutes(self, peer: Peer) -> list[Effect]:
        effects: list[Effect] = []
        for track in peer.tracks.values():
            if track.muted == self._mutes.holds(peer.id, track.id):
                continue
            if track.muted:
                track.unmute()
                self._subscribe(peer, track)
                effects += self._tell_published(peer, track)
            else:
                track.mute()
                self._links.forget(peer.id, track.id)
                self._watch_lag(track)
                effects += self._tell_unpublished(peer, track, muted=True)
        return effects

    def settings(self) -> dict[str, Any]:
        """What administrators have set in it, for other nodes."""
        return {
            "version": list(self.version),
            "inside": None if self._inside is None else sorted(self._inside),
            "mutes": self._mutes.as_json(),
            "links": self._links.as_json(),
        }

    def take_settings(self, settings: dict[str, Any], now_ms: float) -> list[Effect]:
        """Take what an administrator has set at another node, unless what is set here is newer."""
        count, node = settings["version"]
        if (count, node) <= self.version:
            return []
        self.version = (count, node)
        inside = settings["inside"]
        self._inside = None if inside is None else set(inside)
        effects: list[Effect] = []
        for peer_id, track_id, muted in self._mutes.replace(settings["mutes"], self.peers):
            effects += _track_muted(self.peers[peer_id], track_id, muted=muted)
        for peer in self.peers.values():
            effects += self._heed_mutes(peer)
        return effects + _arrivals(self._links.replace(settings["links"], self._connections(), now_ms))

    def _connections(self) -> dict[str, str]:
        return {member.id: member.connection for member in self.members.values()}

    @property
    def locked(self) -> bool:
        """Whether nobody new gets in."""
        return self._inside is not None

    def lock(self, *, locked: bool) -> None:
        """Let nobody in who is not here now, or everybody again."""
        self._inside = set(self.members) if locked else None

    def shut_out(self, peer_id: str) -> None:
        """While the room is locked, this one does not get in again either."""
        if self._inside is not None:
            self._inside.discard(peer_id)

    def member(self, peer_id: str) -> Peer:
        """The peer or listener under this id."""
        member = self.members.get(peer_id)
        if member is None:
            raise self._unknown(peer_id)
        return member

    def _unknown(self, peer_id: str) -> WireError:
        return WireError(
            Code.UNKNOWN_PEER,
            f"There is no peer {peer_id!r} in room {self.name!r} now: name one of those who are in it.",
        )

    def free_name(self, name: str, peer_id: str) -> str:
        """This name for the peer with this id, numbered if another peer has it."""
        return numbered(name, {peer.name for peer in self.peers.values() if peer.id != peer_id})

    def check_lock(self, peer_id: str) -> None:
        """Refuse who was not here when the room was locked."""
        if self._inside is not None and peer_id not in self._inside:
            raise WireError(Code.ROOM_LOCKED, f"The room {self.name!r} is locked: ask somebody in it to unlock it.")

    def check_space(self, *, listens: bool, leaving: Peer | None = None) -> None:
        """Refuse one more listener, or peer, if its places are taken, not counting one that is about to leave."""
        places, most, what = (
            (self.listeners, self._limits.room_listeners, "listeners")
            if listens
            else (self.peers, self._limits.room_peers, "peers")
        )
        if len(places) - (leaving is not None and leaving.id in places) >= most:
            raise WireError(
                Code.ROOM_FULL,
                f"The room {self.name!r} is full ({most} {what}): wait until somebody leaves, or use another room.",
            )

    def roster(self) -> dict[str, Any]:
        """Who is in it, for somebody who comes in."""
        return {
            "peers": [peer.info().as_json() for peer in self.peers.values()],
            "listeners": [
                listener.listener_info(listener.listens).as_json()
                for listener in self.listeners.values()
                if listener.listens is not None
            ],
        }

    def join(self, peer: Peer, now_ms: float) -> list[Effect]:
        """Let a peer or a listener in."""
        effects = self._announce(peer)
        self._links.joined(peer.id, peer.connection, now_ms)
        effects += self._catch_up(peer, self.peers.values(), now_ms)
        self._enter(peer)
        self._by_connection[peer.connection] = peer
        return effects

    def join_elsewhere(self, peer: Peer) -> list[Effect]:
        """A peer or a listener has come in at another node."""
        self._enter(peer)
        return self._announce(peer)

    def _enter(self, peer: Peer) -> None:
        (self.peers if peer.listens is None else self.listeners)[peer.id] = peer

    def _announce(self, peer: Peer) -> list[Effect]:
        if peer.listens is None:
            return self._tell_others(peer, Event.PEER_JOINED, {"peer": peer.info().as_json()})
        listener = peer.listener_info(peer.listens)
        return self._tell_others(peer, Event.LISTENER_JOINED, {"listener": listener.as_json()})

    def _catch_up(self, peer: Peer, others: Iterable[Peer], now_ms: float) -> list[Effect]:
        """Subscribe somebody who is connected here to the tracks of those of the others whom it hears."""
        effects: list[Effect] = []
        link = self._links.by_connection.get(peer.connection)
        spare_bytes: float = MAX_GROUP_BYTES
        for other in others:
            for track in other.tracks.values() if peer.hears(other.id) else ():
                if track.muted:
                    continue
                subscription = track.subscriptions[peer.connection] = Subscription()
                load = self._load(peer.connection, self._queued_bytes(peer.connection), link, track, now_ms)
                fitting_bytes = spare_bytes
                if link is not None:
                    fitting_bytes = min(spare_bytes, self._passing_bytes(link, track, now_ms))
                for item in subscription.catch_up(track, now_ms, load=load, spare_bytes=fitting_bytes):
                    spare_bytes -= len(item.data)
                    effects += self._send_one(peer.connection, link, track, item, now_ms)
                self._watch_lag(track)
        return effects

    def listen(self, listener: Peer, listens: Listens, now_ms: float) -> list[Effect]:
        """A listener receives the media of others than before: everybody is told first."""
        if listens == listener.listens:
            return []
        before = [peer for peer in self.peers.values() if listener.hears(peer.id)]
        listener.listens = listens
        effects = self._announce(listener)
        if listener.node:
            return effects
        link = self._links.by_connection.get(listener.connection)
        for peer in before:
            if listener.hears(peer.id):
                continue
            self._unsubscribe(listener, peer)
            if link is not None:
                link.forget(peer.id)
        fresh = [peer for peer in self.peers.values() if peer not in before]
        return effects + self._catch_up(listener, fresh, now_ms)

    def _unsubscribe(self, member: Peer, peer: Peer) -> None:
        for track in peer.tracks.values():
            track.subscriptions.pop(member.connection, None)
            track.lag.left(member.connection)
            self._watch_lag(track)

    def leave(self, peer: Peer, reason: LeftReason) -> list[Effect]:
        """Take a peer or a listener out and tell the others."""
        del (self.peers if peer.listens is None else self.listeners)[peer.id]
        self._by_connection.pop(peer.connection, None)
        self._links.left(peer.connection)
        self._links.forget(peer.id)
        self._unsteady.difference_update(peer.tracks.values())
        for other in self.peers.values():
            self._unsubscribe(peer, other)
        if peer.listens is not None:
            return self._tell_others(peer, Event.LISTENER_LEFT, {"listener": peer.id, "reason": reason})
        return self._tell_others(peer, Event.PEER_LEFT, {"peer": peer.id, "reason": reason})

    def rename(self, peer: Peer, name: str) -> list[Effect]:
        """Give a peer or a listener another name."""
        peer.name = name
        if peer.listens is not None:
            return self._announce(peer)
        return self._tell_others(peer, Event.PEER_RENAMED, {"peer": peer.id, "name": name})

    def publish(self, peer: Peer, info: Track) -> list[Effect]:
        """Announce a track, or a track's new description."""
        track = peer.tracks.get(info.track)
        if track is not None:
            track.info = info
        else:
            if not peer.node:
                self._check_tracks(peer)
            track = peer.tracks[info.track] = LiveTrack(peer.id, info, self._limits.init_bytes)
            if self._mutes.holds(peer.id, track.id):
                track.mute()
                return _track_muted(peer, track.id, muted=True)
            self._subscribe(peer, track)
        return [] if track.muted else self._tell_published(peer, track)

    def unpublish(self, peer: Peer, track_id: str) -> list[Effect]:
        """Take a track back."""
        track = self._track(peer, track_id)
        self._unsteady.discard(track)
        del peer.tracks[track_id]
        self._links.forget(peer.id, track_id)
        return [] if track.muted else self._tell_unpublished(peer, track)

    def media(
        self, peer: Peer, label: MediaHeader, data: bytes, now_ms: float
    ) -> tuple[list[Effect], Generator[Effect, None, bool] | None]:
        """Pass an object on.

        Returns:
            The effects for whom it can be sent to without a question, which is nearly everybody; and those for the
            others, if there are any, to be looked at when the first have been performed: who reads does not wait
            for who does not. They end with whether somebody lost it.
        """
        track = self._track(peer, label.track)
        item = track.accept(label, data, now_ms)
        self._count_in(peer, data)
        to: list[str] = []
        others: list[tuple[str, Subscription]] = []
        links, busy = self._links.by_connection, self._queues.busy
        is_delta = label.type == "delta"
        key_epoch = label.epoch if label.type == "key" else None
        for connection, subscription in track.subscriptions.items():
            if (
                subscription.state == "live"
                and (is_delta or subscription.epoch == key_epoch)
                and connection not in busy
                and connection not in links
            ):
                to.append(connection)
            else:
                others.append((connection, subscription))
        effects: list[Effect] = [self._media(tuple(to), label, data)] if to else []
        return effects, self._to_others(track, item, others, now_ms) if others else None

    def _to_others(
        self, track: LiveTrack, item: MediaObject, others: list[tuple[str, Subscription]], now_ms: float
    ) -> Generator[Effect, None, bool]:
        """An object for those of a track's subscribers who are not just sent it."""
        if len(others) > MAX_AT_ONCE:
            yield Pause()
        links, busy = self._links.by_connection, self._queues.busy
        is_delta = item.label.type == "delta"
        to: list[str] = []
        lost = False
        for connection, subscription in sorted(others, key=lambda one: one[0] in busy):
            link = links.get(connection)
            load: Load = "free"
            dropping = subscription.state == "dropping"
            if is_delta and dropping:
                load = "full"  # it is lost whatever waits: there is no need to ask
            elif connection in busy or link is not None:
                load = self._load(connection, self._queued_bytes(connection), link, track, now_ms)
            groups, objects = subscription.dropped_groups, subscription.dropped_objects
            before = subscription.offer(item, track.init, load)
            if before is None:
                if subscription.dropped_objects != objects:
                    lost = True
                    self._count_dropped(connection, subscription.dropped_groups - groups)
                    if subscription.take_news(now_ms):
                        yield _groups_dropped(connection, track, subscription)
                    if track.lag.fell_behind(connection):
                        self._watch_lag(track)
                continue
            if dropping and subscription.state == "live":
                if subscription.take_news(now_ms):
                    yield _groups_dropped(connection, track, subscription)
                track.lag.resumed(connection, now_ms)
                self._watch_lag(track)
            for early in before:
                yield from self._send_one(connection, link, track, early, now_ms)
            if link is not None:
                self._send_one(connection, link, track, item, now_ms)
            else:
                to.append(connection)
        if to:
            yield self._media(tuple(to), item.label, item.data)
        return lost

    def plain_media(self, peer: Peer, data: bytes, now_ms: float) -> Generator[Effect, None, bool]:
        """Pass bare bytes on to all others that can take them now; ends with whether somebody lost them."""
        self._count_in(peer, data)
        to: list[str] = []
        lost = False
        label = {"from": peer.id, "relayed_ms": now_ms}
        for other in self._subscribed(peer) if not self._mutes.holds(peer.id, "") else ():
            link = self._links.by_connection.get(other.connection)
            load = self._load(other.connection, self._queued_bytes(other.connection), link, None, now_ms)
            if load == "full":
                lost = True
                self._count_dropped(other.connection, 1)
            elif link is None:
                to.append(other.connection)
            else:
                self._count_out(1, data)
                self._links.push(link, LinkObject((peer.id, ""), label, data), now_ms, audio=False)
        if to:
            yield self._media(tuple(to), label, data)
        return lost

    def skip_group(self, peer: Peer, track_id: str, code: Code) -> None:
        """What this peer sends of the track's current group is refused from here on."""
        track = peer.tracks.get(track_id)
        if track is not None:
            track.skip_group(code)

    def snapshot(self, now_ms: float) -> dict[str, Any]:
        """The room as monitors see it."""
        return {
            "room": self.name,
            "locked": self.locked,
            "peers": [{**peer.as_json(), "impaired": self._impaired(peer)} for peer in self.peers.values()],
            "listeners": [{**one.as_json(), "impaired": self._impaired(one)} for one in self.listeners.values()],
            "now_ms": now_ms,
        }

    def reports(self, of: Iterable[str]) -> dict[str, Any]:
        """The last reports of these members, by id, as far as they are here and have sent one."""
        found = {one: self.members[one].reports_on(self.members) for one in of if one in self.members}
        return {one: report for one, report in found.items() if report is not None}

    def _impaired(self, peer: Peer) -> dict[str, Any] | None:
        impairment = self._links.of_peer(peer.id)
        return None if impairment is None else impairment.as_json()

    def _load(
        self, connection: str, queued_bytes: float, link: Link | None, track: LiveTrack | None, now_ms: float
    ) -> Load:
        """The load of what waits for a client, on its link too, for an object of this track (None: plain bytes)."""
        audio = track is not None and track.info.audio_only
        if load_of(queued_bytes, 0.0, audio=audio) == "full":
            return "full"
        wait_ms = self._queues.wait_ms(connection) if queued_bytes else 0.0
        if link is not None:
            if queued_bytes + link.held_bytes > MAX_BACKLOG_BYTES:
                return "full"
            link_bytes, link_ms = link.waiting(now_ms, audio=audio)
            queued_bytes += link_bytes
            wait_ms += link_ms
        return load_of(queued_bytes, wait_ms, audio=audio)

    def _passing_bytes(self, link: Link, track: LiveTrack, now_ms: float) -> float:
        """How much may be put on a link without waiting longer than this track's objects may."""
        audio = track.info.audio_only
        _, waiting_ms = link.waiting(now_ms, audio=audio)
        return link.passes_bytes(max_wait_ms(audio=audio) - waiting_ms)

    def _subscribers(self, track: LiveTrack) -> int:
        """How many get a track, as far as this node tells its publisher."""
        here = len(track.subscriptions)
        if self.peers[track.owner].node or track.muted or not self.receives_elsewhere:
            return here
        return here + sum(bool(one.node) and one.hears(track.owner) for one in self.members.values())

    def _lag_told(self, track: LiveTrack, subscribers: int, lagging: int) -> Effect:
        owner = self.peers[track.owner]
        if owner.node:
            told = {"kind": "lag", "room": self.name, "peer": owner.id, "track": track.id, "lagging": lagging}
            return Tell(inbox(owner.node), told)
        payload = {"track": track.id, "subscribers": subscribers, "lagging": lagging}
        return Send((owner.connection,), Event.TRACK_LAG, payload)

    def lags_elsewhere(self, track: LiveTrack, node: str, lagging: int) -> None:
        """So many of a track's subscribers lag at another node."""
        track.lag.lags_elsewhere(node, lagging)
        self._watch_lag(track)

    def _watch_lag(self, track: LiveTrack) -> None:
        """Something about a track's lagging subscribers may have changed: see when its publisher is to hear of it."""
        if track.lag:
            due_ms = track.lag.due_ms(self._subscribers(track))
            if due_ms < inf:
                self._unsteady.add(track)
                self._lag_due_ms = min(self._lag_due_ms, due_ms)

    def _send_one(
        self, connection: str, link: Link | None, track: LiveTrack, item: MediaObject, now_ms: float
    ) -> list[Effect]:
        """Send an object to one subscriber, over its link if it has one."""
        if link is None:
            return [self._media((connection,), item.label, item.data)]
        self._count_out(1, item.data)
        way = LinkObject((track.owner, track.id), item.label, item.data)
        self._links.push(link, way, now_ms, audio=track.info.audio_only)
        return []

    def _check_tracks(self, peer: Peer) -> None:
        """Refuse one more track of this peer if it, or the room, has as many as there may be."""
        if len(peer.tracks) >= self._limits.peer_tracks:
            raise WireError(
                Code.TOO_MANY_TRACKS,
                f"A peer may publish {self._limits.peer_tracks} tracks: unpublish one before the next.",
            )
        if sum(len(other.tracks) for other in self.peers.values()) >= self._limits.room_tracks:
            raise WireError(
                Code.TOO_MANY_TRACKS,
                f"Room {self.name!r} has {self._limits.room_tracks} tracks already: wait until one is taken back.",
            )

    def _subscribe(self, peer: Peer, track: LiveTrack) -> None:
        """Let all who are to get this track of the peer get it, from its next group on."""
        for other in self._subscribed(peer):
            track.subscriptions[other.connection] = Subscription()
        if peer.loopback:
            track.subscriptions[peer.connection] = Subscription()

    def _track(self, peer: Peer, track_id: str) -> LiveTrack:
        track = peer.tracks.get(track_id)
        if track is None:
            raise WireError(Code.UNKNOWN_TRACK, f"Track {track_id!r} is not published: publish it first.")
        return track

    def _others(self, peer: Peer) -> Iterable[Peer]:
        """Those that are told by this node about a peer or a listener."""
        return (other for other in self._by_connection.values() if other is not peer)

    def _subscribed(self, peer: Peer) -> Iterable[Peer]:
        """Those at this node that receive a peer's media."""
        return (other for other in self._others(peer) if other.hears(peer.id))

    def _tell_published(self, peer: Peer, track: LiveTrack) -> list[Effect]:
        return self._tell_others(peer, Event.TRACK_PUBLISHED, {"from": peer.id, "track": track.info.as_json()})

    def _tell_unpublished(self, peer: Peer, track: LiveTrack, *, muted: bool = False) -> list[Effect]:
        payload = {"from": peer.id, "track": track.id, **({"muted": True} if muted else {})}
        return self._tell_others(peer, Event.TRACK_UNPUBLISHED, payload)

    def _tell_others(self, peer: Peer, event: Event, payload: dict[str, Any]) -> list[Effect]:
        to = tuple(other.connection for other in self._others(peer))
        return [Send(to, event, payload)] if to else []

    def _media(self, to: tuple[str, ...], label: MediaLabel, data: bytes) -> SendMedia:
        self._count_out(len(to), data)
        return SendMedia(to, label, data)

    def _count_out(self, deliveries: int, data: bytes) -> None:
        self._stats.chunks_out += deliveries
        self._stats.bytes_out += deliveries * len(data)

    def _count_in(self, peer: Peer, data: bytes) -> None:
        if peer.node:
            return  # counted where it came in
        peer.chunks += 1
        peer.bytes += len(data)
        self._stats.chunks_in += 1
        self._stats.bytes_in += len(data)

    def _count_dropped(self, connection: str, groups: int) -> None:
        self._stats.dropped_groups += groups
        self._stats.dropped_objects += 1
        self._stats.dropped["impaired" if connection in self._links.by_connection else "slow"] += 1
        peer = self._by_connection[connection]
        peer.dropped_groups += groups
        peer.dropped_objects += 1


def _track_muted(peer: Peer, track_id: str | None, *, muted: bool) -> list[Effect]:
    """What a publisher hears, if it is connected here."""
    return [] if peer.node else [Send((peer.connection,), Event.TRACK_MUTED, {"track": track_id, "muted": muted})]


def _groups_dropped(connection: str, track: LiveTrack, subscription: Subscription) -> Send:
    payload = {
        "from": track.owner,
        "track": track.id,
        "dropped_groups": subscription.dropped_groups,
        "dropped_objects": subscription.dropped_objects,
    }
    return Send((connection,), Event.GROUPS_DROPPED, payload)


def _arrivals(arrived: Arrived) -> list[Effect]:
    return [SendMedia((connection,), item.label, item.data) for connection, item in arrived]
