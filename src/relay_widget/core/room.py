"""One room: its peers, who gets whose tracks, and what they are told about each other."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from relay_widget.errors import WireError
from relay_widget.protocol import (
    MAX_PEERS_PER_ROOM,
    MAX_QUEUE_BYTES,
    MAX_TRACKS_PER_PEER,
    Code,
    Event,
    LeftReason,
    PeerInfo,
)

from .effects import Effect, Send, SendMedia
from .subscription import Subscription
from .track import LiveTrack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from relay_widget.protocol import MediaHeader, Report, Track

    from .stats import Stats


class Peer:
    """A participant of a room, and what the relay has counted for it."""

    def __init__(
        self,
        connection: str,
        peer_id: str,
        name: str,
        plays: tuple[str, ...],
        call: str | None,
        *,
        loopback: bool = False,
    ) -> None:
        self.connection = connection
        self.id = peer_id
        self.name = name
        self.plays = plays
        self.call = call
        self.loopback = loopback
        self.tracks: dict[str, LiveTrack] = {}
        self.report: Report | None = None
        self.chunks = 0
        self.bytes = 0
        self.dropped_groups = 0
        self.dropped_objects = 0
        self.refused: Counter[str] = Counter()

    def info(self) -> PeerInfo:
        """It as others see it."""
        return PeerInfo(self.id, self.name, self.plays, tuple(track.info for track in self.tracks.values()))

    def as_json(self) -> dict[str, Any]:
        """It as monitors see it."""
        return {
            **self.info().as_json(),
            "call": self.call,
            "report": None if self.report is None else self.report.as_json(),
            "chunks": self.chunks,
            "bytes": self.bytes,
            "dropped_groups": self.dropped_groups,
            "dropped_objects": self.dropped_objects,
            "refused": dict(self.refused),
        }


class Room:
    """Peers that see each other. Every peer is subscribed to every other peer's tracks, with loopback to its own."""

    def __init__(self, name: str, stats: Stats, queued_bytes: Callable[[str], int]) -> None:
        self.name = name
        self.peers: dict[str, Peer] = {}
        self._by_connection: dict[str, Peer] = {}
        self._stats = stats
        self._queued_bytes = queued_bytes

    def check_space(self, leaving: Peer | None = None) -> None:
        """Refuse one more peer if the room is full, not counting one that is about to leave."""
        if len(self.peers) - (leaving is not None and leaving.id in self.peers) >= MAX_PEERS_PER_ROOM:
            raise WireError(
                Code.ROOM_FULL,
                f"The room {self.name!r} is full ({MAX_PEERS_PER_ROOM} peers): wait until somebody leaves, "
                "or use another room.",
            )

    def join(self, peer: Peer, now_ms: float) -> tuple[list[PeerInfo], list[Effect]]:
        """Let a peer in: the others as it finds them, and what happens then."""
        others = [other.info() for other in self.peers.values()]
        effects: list[Effect] = self._tell_others(peer, Event.PEER_JOINED, {"peer": peer.info().as_json()})
        burst_bytes = 0
        for other in self.peers.values():
            for track in other.tracks.values():
                subscription = track.subscriptions[peer.connection] = Subscription()
                queued_bytes = self._queued_bytes(peer.connection)
                for item in subscription.catch_up(track, now_ms, queued_bytes=queued_bytes, burst_bytes=burst_bytes):
                    burst_bytes += len(item.data)
                    effects.append(self._media((peer.connection,), item.header, item.data))
        self.peers[peer.id] = peer
        self._by_connection[peer.connection] = peer
        return others, effects

    def leave(self, peer: Peer, reason: LeftReason) -> list[Effect]:
        """Take a peer out and tell the others."""
        del self.peers[peer.id]
        del self._by_connection[peer.connection]
        for other in self.peers.values():
            for track in other.tracks.values():
                track.subscriptions.pop(peer.connection, None)
        return self._tell_others(peer, Event.PEER_LEFT, {"peer": peer.id, "reason": reason})

    def rename(self, peer: Peer, name: str) -> list[Effect]:
        """Give a peer another name."""
        peer.name = name
        return self._tell_others(peer, Event.PEER_RENAMED, {"peer": peer.id, "name": name})

    def publish(self, peer: Peer, info: Track) -> list[Effect]:
        """Announce a track, or a track's new description."""
        track = peer.tracks.get(info.track)
        if track is not None:
            track.info = info
        else:
            if len(peer.tracks) >= MAX_TRACKS_PER_PEER:
                raise WireError(
                    Code.TOO_MANY_TRACKS,
                    f"A peer may publish {MAX_TRACKS_PER_PEER} tracks: unpublish one before the next.",
                )
            track = peer.tracks[info.track] = LiveTrack(peer.id, info)
            for other in self._others(peer):
                track.subscriptions[other.connection] = Subscription()
            if peer.loopback:
                track.subscriptions[peer.connection] = Subscription()
        return self._tell_others(peer, Event.TRACK_PUBLISHED, {"from": peer.id, "track": info.as_json()})

    def unpublish(self, peer: Peer, track_id: str) -> list[Effect]:
        """Take a track back."""
        self._track(peer, track_id)
        del peer.tracks[track_id]
        return self._tell_others(peer, Event.TRACK_UNPUBLISHED, {"from": peer.id, "track": track_id})

    def media(self, peer: Peer, label: MediaHeader, data: bytes, now_ms: float) -> tuple[list[Effect], bool]:
        """Pass an object on: the effects, and whether somebody lost it."""
        track = self._track(peer, label.track)
        item = track.accept(label, data, now_ms)
        self._count_in(peer, data)
        effects: list[Effect] = []
        to: list[str] = []
        lost = False
        for connection, subscription in track.subscriptions.items():
            groups, objects = subscription.dropped_groups, subscription.dropped_objects
            before = subscription.offer(item, track.init, self._queued_bytes(connection))
            if before is None:
                if subscription.dropped_objects != objects:
                    lost = True
                    self._count_dropped(connection, subscription.dropped_groups - groups)
                continue
            if label.type == "key" and subscription.take_news():
                effects.append(_groups_dropped(connection, track, subscription))
            effects.extend(self._media((connection,), early.header, early.data) for early in before)
            to.append(connection)
        if to:
            effects.append(self._media(tuple(to), item.header, data))
        return effects, lost

    def plain_media(self, peer: Peer, data: bytes, now_ms: float) -> tuple[list[Effect], bool]:
        """Pass bare bytes on to all others that can take them now."""
        self._count_in(peer, data)
        to: list[str] = []
        lost = False
        for other in self._others(peer):
            if self._queued_bytes(other.connection) <= MAX_QUEUE_BYTES:
                to.append(other.connection)
            else:
                lost = True
                self._count_dropped(other.connection, 1)
        header = {"from": peer.id, "relayed_ms": now_ms}
        return ([self._media(tuple(to), header, data)] if to else []), lost

    def skip_group(self, peer: Peer, track_id: str, code: Code) -> None:
        """What this peer sends of the track's current group is refused from here on."""
        track = peer.tracks.get(track_id)
        if track is not None:
            track.skip_group(code)

    def snapshot(self, now_ms: float) -> dict[str, Any]:
        """The room as monitors see it."""
        return {
            "room": self.name,
            "peers": [peer.as_json() for peer in self.peers.values()],
            "now_ms": now_ms,
        }

    def _track(self, peer: Peer, track_id: str) -> LiveTrack:
        track = peer.tracks.get(track_id)
        if track is None:
            raise WireError(Code.UNKNOWN_TRACK, f"Track {track_id!r} is not published: publish it first.")
        return track

    def _others(self, peer: Peer) -> Iterable[Peer]:
        return (other for other in self.peers.values() if other is not peer)

    def _tell_others(self, peer: Peer, event: Event, payload: dict[str, Any]) -> list[Effect]:
        to = tuple(other.connection for other in self._others(peer))
        return [Send(to, event, payload)] if to else []

    def _media(self, to: tuple[str, ...], header: dict[str, Any], data: bytes) -> SendMedia:
        self._stats.chunks_out += len(to)
        self._stats.bytes_out += len(to) * len(data)
        return SendMedia(to, header, data)

    def _count_in(self, peer: Peer, data: bytes) -> None:
        peer.chunks += 1
        peer.bytes += len(data)
        self._stats.chunks_in += 1
        self._stats.bytes_in += len(data)

    def _count_dropped(self, connection: str, groups: int) -> None:
        self._stats.dropped_groups += groups
        self._stats.dropped_objects += 1
        peer = self._by_connection[connection]
        peer.dropped_groups += groups
        peer.dropped_objects += 1


def _groups_dropped(connection: str, track: LiveTrack, subscription: Subscription) -> Send:
    payload = {
        "from": track.owner,
        "track": track.id,
        "dropped_groups": subscription.dropped_groups,
        "dropped_objects": subscription.dropped_objects,
    }
    return Send((connection,), Event.GROUPS_DROPPED, payload)
