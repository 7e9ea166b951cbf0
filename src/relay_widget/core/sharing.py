"""Rooms that are shared with other nodes: what this relay tells them, and what follows from what they tell.

Every node knows who is in every room and what they publish: that is small, and so a join is answered at once. A peer of
another node is a `Peer` of the room like any other, only without a connection. Media comes by a channel for each room
and node, to which a node listens while somebody here is to get it. It is taken into the same `LiveTrack`: its numbers
tell what is old, and what is missing is asked for.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from relay_widget.errors import WireError
from relay_widget.protocol import (
    MAX_GROUP_BYTES,
    Code,
    check_name,
    check_room,
    parse_header,
    parse_listen,
    parse_listens,
    parse_publish,
    parse_report,
    parse_watch,
)

from .effects import Effect, Listen, Tell, inbox
from .group import MediaObject
from .load import load_of
from .nodes import ASK_INTERVAL_MS, BEAT_MS, Nodes
from .room import Peer, Room
from .subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from relay_widget.protocol import LeftReason, MediaHeader, Watch

    from .effects import MediaLabel
    from .load import Load
    from .relay import Relay
    from .track import LiveTrack
    from .watchers import News

CONTROL = "control"
"""The channel on which every node listens."""
BUS_SHARE = 16
"""The bus carries many clients' media: so many times what may wait for one of them may wait for it."""
_STAMPS = ("captured_ms", "sent_ms", "relayed_ms")
_NOBODY = frozenset[str]()


class Bus(Protocol):
    """What carries messages to other nodes."""

    def queued_bytes(self) -> int:
        """How much waits for it."""
        ...

    def wait_ms(self) -> float:
        """How long the oldest of that has waited."""
        ...

    def ahead_ms(self) -> float:
        """How far this node's clock is ahead of the one that all nodes can see."""
        ...


class Sharing:
    """The rooms of a relay as they are shared with other nodes.

    Args:
        relay: The relay.
        node: Its name among the nodes, another one for every start.
        bus: What waits on the way to the others; None if there are none: then nothing is ever told.
    """

    def __init__(self, relay: Relay, node: str, bus: Bus | None) -> None:
        self._relay = relay
        self._node = node
        self._bus = bus
        self.nodes = Nodes()
        self.dropped_objects = 0
        """Objects of peers here that other nodes did not get, because too much waited for the bus."""
        self._number = 0
        self._rooms: dict[str, Room] = {}  # of the peers of other nodes, by peer id
        self._listening: dict[str, set[str]] = {}  # by room, the nodes whose media comes here
        self._wanted_ms: dict[tuple[str, str], float] = {}  # when a node was asked for a room's media
        self._watching: dict[str, Watch] = {}  # by room, what monitors here watch
        self._watchers: dict[str, str] = {}  # nodes that watch rooms, by the monitor's id that stands for each
        self._begun = False
        self.due_ms = inf
        """When to call `take_due` next."""
        self._control: dict[str, Callable[[str, dict[str, Any], float], list[Effect]]] = {
            "joined": self._hear_joined,
            "left": self._hear_left,
            "renamed": self._hear_renamed,
            "listens": self._hear_listens,
            "published": self._hear_published,
            "unpublished": self._hear_unpublished,
            "set": self._hear_set,
            "ended": self._hear_ended,
            "watching": self._hear_watching,
            "unwatched": self._hear_unwatched,
        }
        self._direct: dict[str, Callable[[str, dict[str, Any], float], list[Effect]]] = {
            "ask": self._hear_ask,
            "want": self._hear_want,
            "remove": self._hear_remove,
            "lag": self._hear_lag,
            "figures": self._hear_figures,
        }

    # What this relay tells ---------------------------------------------------------------------------------

    def begin(self, now_ms: float) -> list[Effect]:
        """The bus is there, or there again: say everything, to whoever listens."""
        fresh, self._begun = not self._begun, True
        self.due_ms = now_ms + BEAT_MS
        self._relay.due_ms = min(self._relay.due_ms, self.due_ms)
        return [Tell(CONTROL, {"kind": "hello", "fresh": fresh, **self._snapshot()})]

    def end(self) -> list[Effect]:
        """This node goes."""
        return [Tell(CONTROL, {"kind": "bye"})]

    def joined(self, room: Room, peer: Peer) -> list[Effect]:
        """A peer has come in here."""
        settings = {"settings": room.settings()} if room.version[0] else {}
        return self._say("joined", room=room.name, peer=_member(peer), **settings) + self._review(room)

    def left(self, room: Room, peer: Peer, reason: LeftReason) -> list[Effect]:
        """A peer of this node has left a room."""
        return self._say("left", room=room.name, peer=peer.id, reason=reason) + self._review(room)

    def renamed(self, room: Room, peer: Peer) -> list[Effect]:
        """A peer of this node has another name."""
        return self._say("renamed", room=room.name, peer=peer.id, name=peer.name)

    def listens(self, room: Room, listener: Peer) -> list[Effect]:
        """A listener of this node receives the media of others than before."""
        of = None if listener.listens is None or listener.listens.of is None else list(listener.listens.of)
        return self._say("listens", room=room.name, peer=listener.id, of=of) + self._review(room)

    def published(self, room: Room, peer: Peer, track_id: str) -> list[Effect]:
        """A peer of this node has published a track, or described it anew."""
        return self._say("published", room=room.name, peer=peer.id, track=peer.tracks[track_id].info.as_json())

    def unpublished(self, room: Room, peer: Peer, track_id: str) -> list[Effect]:
        """A peer of this node has taken a track back."""
        return self._say("unpublished", room=room.name, peer=peer.id, track=track_id)

    def set_in(self, room: Room) -> list[Effect]:
        """An administrator has set something in a room, at this node."""
        room.version = (room.version[0] + 1, self._node)
        return self._say("set", room=room.name, settings=room.settings())

    def ended(self, room: str) -> list[Effect]:
        """An administrator has ended a room, at this node."""
        return self._say("ended", room=room)

    def remove(self, room: Room, peer: Peer) -> list[Effect]:
        """An administrator at this node removes a peer of another."""
        return [Tell(inbox(peer.node), {"kind": "remove", "room": room.name, "peer": peer.id})]

    def watch(self, rooms: dict[str, Watch]) -> list[Effect]:
        """This is what is watched here now, by room."""
        if rooms == self._watching or self._bus is None:
            return []
        before, self._watching = self._watching, rooms
        effects: list[Effect] = []
        for room in sorted(before.keys() | rooms.keys()):
            if room not in rooms:
                effects += self._say("unwatched", room=room)
            elif rooms[room] != before.get(room):
                effects += self._say("watching", **rooms[room].as_json())
        return effects

    def figures(self, news: News, monitor: str) -> list[Effect]:
        """The news of the peers of a room here, for the node that this monitor stands for."""
        room = self._relay.rooms.get(news.room)
        if room is None or not room.here:
            return []
        counted = {peer.id: peer.figures() for peer in room.here} if monitor in news.changed_for else {}
        here = {peer.id for peer in room.here} & news.reporters_for.get(monitor, _NOBODY)
        message = {"kind": "figures", "room": room.name, "peers": counted, "reports": room.reports(here)}
        return [Tell(inbox(self._watchers[monitor]), message)]

    def is_node(self, monitor: str) -> bool:
        """Whether this monitor stands for another node."""
        return monitor in self._watchers

    def media(self, room: Room, peer: Peer, label: MediaHeader, data: bytes) -> list[Effect]:
        """An object of a peer here, which was passed on here just now, goes to the nodes that listen."""
        track = peer.tracks[label.track]
        if track.muted:
            return []
        if track.forward is None:
            track.forward = Subscription()
        item = MediaObject(label, data)
        before_objects = track.forward.dropped_objects
        before = track.forward.offer(item, track.init, self._load(track))
        if before is None:
            self.dropped_objects += track.forward.dropped_objects - before_objects
            return []
        channel = _media_channel(self._node, room)
        # The init segment may be known already to who has been listening.
        early = [_media(channel, room, one.label, one.data, old=True) for one in before]
        return [*early, _media(channel, room, label, data)]

    def plain_media(self, room: Room, peer: Peer, data: bytes, now_ms: float) -> list[Effect]:
        """Bare bytes of a peer here go to the nodes that listen."""
        if self._load(None) == "full":
            self.dropped_objects += 1
            return []
        label = {"from": peer.id, "relayed_ms": now_ms}
        return [_media(_media_channel(self._node, room), room, label, data)]

    def take_due(self, now_ms: float) -> list[Effect]:
        """What happens by itself by now: the beat, and who has been silent for too long is gone."""
        if now_ms < self.due_ms:
            return []
        late_ms = now_ms - self.due_ms
        if late_ms > BEAT_MS:
            self.nodes.paused(late_ms)  # what this node was told meanwhile is yet to be read
        self.due_ms = now_ms + BEAT_MS
        effects: list[Effect] = [Tell(CONTROL, {"kind": "beat", "number": self._number, "ahead_ms": self._ahead_ms()})]
        for node in self.nodes.take_gone(now_ms):
            effects += self._forget(node)
        return effects

    # Who comes back, from elsewhere ----------------------------------------------------------------------------

    def elsewhere(self, peer_id: str) -> Peer | None:
        """The peer of this id at another node."""
        room = self._rooms.get(peer_id)
        return None if room is None else room.members[peer_id]

    def supersede(self, peer_id: str) -> list[Effect]:
        """Who was at another node has come in here."""
        peer = self.elsewhere(peer_id)
        return [] if peer is None else self._take_out(peer, "replaced")

    # What others tell ------------------------------------------------------------------------------------------

    def hear(self, message: dict[str, Any], data: bytes, now_ms: float) -> Iterable[Effect]:
        """A message of another node (with ``node``, whose it is).

        Raises:
            WireError, LookupError, TypeError, ValueError, AttributeError: It is nothing that a node would say.
        """
        node, kind = str(message["node"]), message["kind"]
        if node == self._node:
            return []
        if kind == "media":
            return self._hear_media(node, message, data, now_ms)
        if kind == "bye":
            self.nodes.remove(node)
            return self._forget(node)
        self.nodes.heard(node, now_ms)
        if kind in ("hello", "snapshot"):
            effects = self._hear_snapshot(node, message, now_ms)
            if kind == "hello" and message["fresh"]:
                effects.append(Tell(inbox(node), {"kind": "snapshot", **self._snapshot()}))
            return effects
        if kind in self._direct:
            return self._direct[kind](node, message, now_ms)
        number = int(message["number"])
        if kind == "beat":
            self.nodes.set_clock(node, float(message["ahead_ms"]))
        elif self.nodes.follows(node, number):
            return self._control[kind](node, message, now_ms)
        if self.nodes.lacks(node, number) and self.nodes.asks(node, now_ms):
            return [Tell(inbox(node), {"kind": "ask"})]
        return []

    def listening(self, channel: str, now_ms: float) -> list[Effect]:
        """What is sent on this channel from now on comes here: ask for what was before."""
        _, node, room = channel.split(":", 2)
        if node not in self._listening.get(room, _NOBODY):
            return []
        self._wanted_ms[node, room] = now_ms
        return [Tell(inbox(node), {"kind": "want", "room": room})]

    # -----------------------------------------------------------------------------------------------------------

    def _say(self, kind: str, **what: Any) -> list[Effect]:
        """Tell all nodes, if there can be any."""
        if self._bus is None:
            return []
        self._number += 1
        return [Tell(CONTROL, {"kind": kind, "number": self._number, **what})]

    def _snapshot(self) -> dict[str, Any]:
        rooms = [
            {
                "room": room.name,
                "peers": [_member(peer) for peer in room.here],
                **({"settings": room.settings()} if room.version[0] else {}),
            }
            for room in self._relay.rooms.values()
            if room.here
        ]
        return {
            "number": self._number,
            "ahead_ms": self._ahead_ms(),
            "rooms": rooms,
            "watching": [self._watching[room].as_json() for room in sorted(self._watching)],
        }

    def _hear_snapshot(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:
        self.nodes.begin(node, int(message["number"]))
        self.nodes.set_clock(node, float(message["ahead_ms"]))
        there = {member["id"] for shared in message["rooms"] for member in shared["peers"]}
        effects: list[Effect] = []
        for peer in self._peers_of(node):
            if peer.id not in there:
                effects += self._take_out(peer, "lost")
        for shared in message["rooms"]:
            for member in shared["peers"]:
                effects += self._meet(node, check_room(shared["room"]), member, shared.get("settings"), now_ms)
        monitor, watches = self._monitor(node), [parse_watch(one) for one in message["watching"]]
        for room in self._relay.watchers.rooms(monitor) - {watch.room for watch in watches}:
            self._relay.watchers.remove(room, monitor)
        for watch in watches:
            self._relay.watched_by(monitor, watch)
        return effects

    def _hear_ask(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:  # noqa: ARG002
        return [Tell(inbox(node), {"kind": "snapshot", **self._snapshot()})]

    def _hear_joined(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:
        return self._meet(node, check_room(message["room"]), message["peer"], message.get("settings"), now_ms)

    def _meet(
        self, node: str, name: str, member: dict[str, Any], settings: dict[str, Any] | None, now_ms: float
    ) -> list[Effect]:
        """A peer is at another node, in this room: let it in here, or bring what is known of it up to date."""
        peer_id, since_ms = str(member["id"]), float(member["since_ms"])
        listens = None if member.get("listens") is None else parse_listens(member["listens"])
        known = self._relay.peer_here(peer_id) or self.elsewhere(peer_id)
        effects: list[Effect] = []
        if known is not None and (known.node, known.since_ms) != (node, since_ms):
            if (known.since_ms, known.node or self._node) > (since_ms, node):
                return []  # that one has come in elsewhere since, and its node will hear of it
            effects += self._take_out(known, "replaced") if known.node else self._relay.replace(peer_id)
            known = None
        if known is None:
            room = self._relay.room(name)
            peer = Peer(
                "",
                peer_id,
                check_name(member["name"]),
                tuple(map(str, member["plays"])),
                member["call"],
                subscribes=bool(member["subscribes"]),
                listens=listens,
                node=node,
                since_ms=since_ms,
            )
            self._rooms[peer_id] = room
            self._relay.is_back(room, peer)
            effects += room.join_elsewhere(peer)
        else:
            room, peer = self._rooms[peer_id], known
            if peer.name != member["name"]:
                effects += room.rename(peer, check_name(member["name"]))
            if listens is not None and peer.listens is not None:
                effects += room.listen(peer, listens, now_ms)
        tracks = [parse_publish(track) for track in member["tracks"]]
        for gone in set(peer.tracks) - {track.track for track in tracks}:
            effects += room.unpublish(peer, gone)
        for track in tracks:
            if track.track not in peer.tracks or peer.tracks[track.track].info != track:
                effects += room.publish(peer, track)
        if settings is not None:
            effects += room.take_settings(settings, now_ms)
        self._relay.changed(room)
        self._relay.heed(room)
        return effects + self._review(room)

    def _hear_left(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:
        peer = self._find(node, message)
        if peer is None:
            return []
        if message["reason"] == "left":
            self._relay.has_left(self._rooms[peer.id], peer, now_ms)
        return self._take_out(peer, message["reason"])

    def _hear_renamed(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:  # noqa: ARG002
        peer = self._find(node, message)
        return [] if peer is None else self._rooms[peer.id].rename(peer, check_name(message["name"]))

    def _hear_listens(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:
        peer = self._find(node, message)
        if peer is None or peer.listens is None:
            return []
        room = self._rooms[peer.id]
        listens = replace(peer.listens, of=parse_listen(message))
        return room.listen(peer, listens, now_ms) + self._review(room)

    def _hear_published(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:  # noqa: ARG002
        peer = self._find(node, message)
        return [] if peer is None else self._rooms[peer.id].publish(peer, parse_publish(message["track"]))

    def _hear_unpublished(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:  # noqa: ARG002
        peer = self._find(node, message)
        return [] if peer is None else self._rooms[peer.id].unpublish(peer, message["track"])

    def _hear_set(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:  # noqa: ARG002
        room = self._relay.rooms.get(message["room"])
        if room is None:
            return []
        effects = room.take_settings(message["settings"], now_ms)
        self._relay.changed(room)
        self._relay.heed(room)
        return effects

    def _hear_ended(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:  # noqa: ARG002
        room = self._relay.rooms.get(message["room"])
        return [] if room is None else self._relay.end_room(room)

    def _hear_remove(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:  # noqa: ARG002
        room = self._relay.rooms.get(message["room"])
        peer = None if room is None else room.members.get(message["peer"])
        if room is None or peer is None or peer.node:
            return []  # it has gone, or come in elsewhere
        return self._relay.remove(peer.id, room.name)

    def _hear_watching(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:  # noqa: ARG002
        self._relay.watched_by(self._monitor(node), parse_watch(message))
        return []

    def _hear_unwatched(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:  # noqa: ARG002
        self._relay.watchers.remove(message["room"], self._monitor(node))
        return []

    def _hear_figures(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:  # noqa: ARG002
        room = self._relay.rooms.get(message["room"])
        if room is None:
            return []
        for peer_id, figures in message["peers"].items():
            peer = room.members.get(peer_id)
            if peer is not None and peer.node == node:
                peer.chunks, peer.bytes = int(figures["chunks"]), int(figures["bytes"])
                peer.dropped_groups = int(figures["dropped_groups"])
                peer.dropped_objects = int(figures["dropped_objects"])
                peer.refused.clear()
                peer.refused.update(figures["refused"])
        for peer_id, report in message["reports"].items():
            peer = room.members.get(peer_id)
            if peer is not None and peer.node == node:
                peer.report = parse_report(report)
                self._relay.reported(room, peer)
        if message["peers"]:
            self._relay.changed(room)
        return []

    def _hear_lag(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:  # noqa: ARG002
        room = self._relay.rooms.get(message["room"])
        peer = None if room is None else room.peers.get(message["peer"])
        track = None if peer is None else peer.tracks.get(message["track"])
        if room is not None and track is not None and node in _nodes_of(room):
            room.lags_elsewhere(track, node, int(message["lagging"]))
            self._relay.heed(room)
        return []

    def _hear_want(self, node: str, message: dict[str, Any], now_ms: float) -> list[Effect]:
        """A node listens to a room from now on, or has missed something: it gets what a late joiner would."""
        room = self._relay.rooms.get(message["room"])
        if room is None:
            return []
        effects: list[Effect] = []
        spare_bytes: float = MAX_GROUP_BYTES
        for peer in room.here:
            for track in peer.tracks.values():
                load = self._load(track)
                if track.muted or load == "full":
                    continue
                # Who has missed something knows what it has: what was sent before does no harm.
                caught_up = Subscription()
                items = caught_up.catch_up(track, now_ms, load=load, spare_bytes=spare_bytes)
                if track.forward is None or track.forward.state == "waiting":
                    track.forward = caught_up
                for item in items:
                    spare_bytes -= len(item.data)
                    effects.append(_media(inbox(node), room, item.label, item.data, old=True))
        return effects

    def _hear_media(self, node: str, message: dict[str, Any], data: bytes, now_ms: float) -> Iterable[Effect]:
        room = self._relay.rooms.get(message["room"])
        header = dict(message["header"])
        peer = None if room is None else room.peers.get(header["from"])
        if room is None or peer is None or peer.node != node or node not in self._listening.get(room.name, _NOBODY):
            return []
        shift_ms = self._ahead_ms() - self.nodes.ahead_ms(node)
        for stamp in _STAMPS:
            if stamp in header:
                header[stamp] += shift_ms
        relayed_ms = min(now_ms, float(header["relayed_ms"]))
        effects: list[Effect] = []
        others: Generator[Effect, None, bool] | None
        if "track" not in header:
            others = room.plain_media(peer, data, relayed_ms)
        else:
            try:
                effects, others = room.media(peer, parse_header(header), data, relayed_ms)
            except WireError as error:
                # Of what is old, what is here already is out of order. What is new is so if something is missing.
                if message.get("old") or error.code not in (Code.OUT_OF_ORDER, Code.UNKNOWN_TRACK):
                    return []
                return self._want(node, room.name, now_ms)
        return effects if others is None else self._relay.with_others(room, effects, others)

    def _want(self, node: str, room: str, now_ms: float) -> list[Effect]:
        if now_ms - self._wanted_ms.get((node, room), -inf) < ASK_INTERVAL_MS:
            return []
        self._wanted_ms[node, room] = now_ms
        return [Tell(inbox(node), {"kind": "want", "room": room})]

    def _find(self, node: str, message: dict[str, Any]) -> Peer | None:
        """The peer of this node that is meant, unless it has come in elsewhere since."""
        peer = self.elsewhere(message["peer"])
        if peer is None or peer.node != node:
            return None
        self._relay.changed(self._rooms[peer.id])
        return peer

    def _peers_of(self, node: str) -> list[Peer]:
        peers = [room.members[peer_id] for peer_id, room in self._rooms.items()]
        return [peer for peer in peers if peer.node == node]

    def _take_out(self, peer: Peer, reason: LeftReason) -> list[Effect]:
        """A peer of another node has left."""
        room = self._rooms.pop(peer.id)
        effects = room.leave(peer, reason) + self._review(room)
        self._relay.tidy(room)
        return effects

    def _forget(self, node: str) -> list[Effect]:
        """A node has gone, and its peers with it."""
        effects: list[Effect] = []
        for peer in self._peers_of(node):
            effects += self._take_out(peer, "lost")
        monitor = self._monitor(node)
        self._relay.watchers.remove_monitor(monitor)
        del self._watchers[monitor]
        return effects

    def _review(self, room: Room) -> list[Effect]:
        """Somebody has come or gone: see whose media is wanted here, and who wants that of the peers here."""
        if self._bus is None:
            return []
        nodes = _nodes_of(room)
        room.receives_elsewhere = any(peer.node and peer.receives for peer in room.members.values())
        for peer in room.here:
            for track in peer.tracks.values():
                track.lag.keep_nodes(nodes)
                if not room.receives_elsewhere:
                    track.forward = None
        wanted = nodes if any(peer.receives for peer in room.here) else set()
        before = self._listening.pop(room.name, set())
        if wanted:
            self._listening[room.name] = wanted
        for node in before - wanted:
            self._wanted_ms.pop((node, room.name), None)
            for peer in room.peers.values():
                if peer.node == node:
                    for track in peer.tracks.values():
                        track.forget()
        return [Listen(_media_channel(node, room), node in wanted) for node in sorted(before ^ wanted)]

    def _monitor(self, node: str) -> str:
        monitor = inbox(node)
        self._watchers[monitor] = node
        return monitor

    def _ahead_ms(self) -> float:
        return 0.0 if self._bus is None else self._bus.ahead_ms()

    def _load(self, track: LiveTrack | None) -> Load:
        if self._bus is None:
            return "full"
        audio = track is not None and track.info.audio_only
        return load_of(self._bus.queued_bytes() / BUS_SHARE, self._bus.wait_ms(), audio=audio)


def _member(peer: Peer) -> dict[str, Any]:
    """A peer as other nodes know it: with what is muted, too."""
    return {
        "id": peer.id,
        "name": peer.name,
        "plays": list(peer.plays),
        "call": peer.call,
        "subscribes": peer.subscribes,
        "listens": None if peer.listens is None else peer.listens.as_json(),
        "since_ms": peer.since_ms,
        "tracks": [track.info.as_json() for track in peer.tracks.values()],
    }


def _media(channel: str, room: Room, label: MediaLabel, data: bytes, *, old: bool = False) -> Tell:
    message = {"kind": "media", "room": room.name, "header": label}
    return Tell(channel, {**message, "old": True} if old else message, data)


def _media_channel(node: str, room: Room) -> str:
    """Where a node sends the media of its peers in a room."""
    return f"media:{node}:{room.name}"


def _nodes_of(room: Room) -> set[str]:
    return {peer.node for peer in room.members.values() if peer.node}
