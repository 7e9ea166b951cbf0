"""The impaired links of one room, and who is impaired how. Who is not impaired has no link here and costs nothing."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from relay_widget.protocol import check_impairment

from .link import Link, LinkObject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relay_widget.protocol import Impairment

Arrived = list[tuple[str, LinkObject]]
"""Objects and the connections they have arrived for."""


class Links:
    """Links by connection.

    Args:
        random: Gives numbers from 0 to 1, for the jitter.
        max_peers: How many the room takes.
    """

    def __init__(self, random: Callable[[], float], max_peers: int) -> None:
        self.by_connection: dict[str, Link] = {}
        self.due_ms = inf
        """When `take_due` is to be called next, at the latest; inf while nothing is on its way."""
        self._random = random
        self._max_peers = max_peers
        self._everybody: Impairment | None = None
        # By peer id, so that it holds for who comes back too; None is a peer that was put back to normal.
        self._single: dict[str, Impairment | None] = {}

    def of_peer(self, peer: str) -> Impairment | None:
        """What is wrong for this peer."""
        return self._single.get(peer, self._everybody)

    def joined(self, peer: str, connection: str, now_ms: float) -> None:
        """A peer has come in, and what holds for the room or for its id holds for it."""
        impairment = self.of_peer(peer)
        if impairment is not None:
            self.by_connection[connection] = Link(impairment, now_ms, self._random)

    def left(self, connection: str) -> None:
        """A peer is gone."""
        self.by_connection.pop(connection, None)

    def impair_all(self, connections: Mapping[str, str], impairment: Impairment | None, now_ms: float) -> Arrived:
        """Impair everybody, now and later (None: nobody): by peer id their connections. What arrives by that."""
        self._everybody = impairment
        self._single.clear()
        arrived: Arrived = []
        for connection in connections.values():
            arrived += self._apply(connection, impairment, now_ms)
        return arrived

    def impair(
        self, peer: str, connections: Mapping[str, str], impairment: Impairment | None, now_ms: float
    ) -> Arrived:
        """Impair one peer of these (None: not any more). What arrives by that."""
        self._single[peer] = impairment
        if len(self._single) > self._max_peers:
            self._single = {peer: one for peer, one in self._single.items() if peer in connections}
        return self._apply(connections[peer], impairment, now_ms)

    def as_json(self) -> dict[str, Any]:
        """Who is impaired how, for other nodes."""
        return {
            "everybody": None if self._everybody is None else self._everybody.as_json(),
            "single": {peer: None if one is None else one.as_json() for peer, one in self._single.items()},
        }

    def replace(self, record: dict[str, Any], connections: Mapping[str, str], now_ms: float) -> Arrived:
        """Take what another node has said of who is impaired how. What arrives by that, for these connections."""
        before = {peer: self.of_peer(peer) for peer in connections}
        self._everybody = _read(record["everybody"])
        self._single = {peer: _read(one) for peer, one in record["single"].items()}
        arrived: Arrived = []
        for peer, connection in connections.items():
            if self.of_peer(peer) != before[peer]:
                arrived += self._apply(connection, self.of_peer(peer), now_ms)
        return arrived

    def push(self, link: Link, item: LinkObject, now_ms: float, *, audio: bool) -> None:
        """Send an object of an audio-only track, or of any other."""
        link.push(item, now_ms, audio=audio)
        self.due_ms = min(self.due_ms, link.due_ms)

    def forget(self, publisher: str, track: str | None = None) -> None:
        """A publisher has left, or has taken a track back: what is on its way of it comes to nobody any more."""
        for link in self.by_connection.values():
            link.forget(publisher, track)

    def take_due(self, now_ms: float) -> Arrived:
        """What has arrived by now."""
        arrived = [
            (connection, item)
            for connection, link in self.by_connection.items()
            if link.due_ms <= now_ms
            for item in link.take_due(now_ms)
        ]
        self.due_ms = min((link.due_ms for link in self.by_connection.values()), default=inf)
        return arrived

    def _apply(self, connection: str, impairment: Impairment | None, now_ms: float) -> Arrived:
        if not connection:
            return []  # at another node, which does it
        link = self.by_connection.pop(connection, None)
        if impairment is None:
            return [] if link is None else [(connection, item) for item in link.take_all()]
        if link is None:
            link = Link(impairment, now_ms, self._random)
        else:
            link.change(impairment, now_ms)
        self.by_connection[connection] = link
        self.due_ms = min(self.due_ms, link.due_ms)
        return []


def _read(record: dict[str, Any] | None) -> Impairment | None:
    return None if record is None else check_impairment(record)
