"""Who is muted in one room by who administers it. Kept by peer id, so that it holds for who comes back too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Iterable


class Mutes:
    """Peers, and single tracks of theirs.

    A track may be muted before it is published. Of each peer twice as many tracks are kept as it may publish.

    Args:
        max_peers: How many the room takes.
        max_tracks: How many tracks one of them may publish.
    """

    def __init__(self, max_peers: int, max_tracks: int) -> None:
        self._max_peers = max_peers
        self._max_tracks = max_tracks
        self._peers: dict[str, bool] = {}
        self._tracks: dict[str, dict[str, bool]] = {}  # by peer; before what holds for the peer

    def holds(self, peer: str, track: str) -> bool:
        """Whether this track is muted, published or not."""
        return self._tracks.get(peer, {}).get(track, self._peers.get(peer, False))

    def as_json(self) -> dict[str, Any]:
        """All of it, for other nodes."""
        return {"peers": self._peers, "tracks": self._tracks}

    def replace(self, record: dict[str, Any], peers: Iterable[str]) -> list[tuple[str, str | None, bool]]:
        """Take what another node has said: for these peers what is new (peer, track or None for all, muted)."""
        before_peers, before_tracks = self._peers, self._tracks
        self._peers = {peer: bool(muted) for peer, muted in record["peers"].items()}
        self._tracks = {
            peer: {track: bool(muted) for track, muted in tracks.items()} for peer, tracks in record["tracks"].items()
        }
        news: list[tuple[str, str | None, bool]] = []
        for peer in peers:
            if self._peers.get(peer, False) != before_peers.get(peer, False):
                news.append((peer, None, self._peers.get(peer, False)))
            before = before_tracks.get(peer, {})
            news += [
                (peer, track, muted)
                for track, muted in self._tracks.get(peer, {}).items()
                if before.get(track) != muted
            ]
        return news

    def set(
        self,
        peer: str,
        track: str | None,
        *,
        muted: bool,
        present: Container[str],
        published: Container[str] = (),
    ) -> None:
        """Mute a track or (None) all that a peer publishes now and later, or let it be heard again.

        Args:
            peer: Whose.
            track: Which.
            muted: Whether.
            present: Who is in the room: what is known of others is forgotten when it gets too much.
            published: The tracks that the peer publishes: of its others the oldest is forgotten first.
        """
        if track is None:
            self._tracks.pop(peer, None)
            self._peers[peer] = muted
        else:
            tracks = self._tracks.setdefault(peer, {})
            tracks.pop(track, None)
            tracks[track] = muted
            if len(tracks) > 2 * self._max_tracks:
                del tracks[next(one for one in tracks if one not in published)]
        if len(self._peers) + len(self._tracks) > 2 * self._max_peers:
            self._peers = {peer: muted for peer, muted in self._peers.items() if peer in present}
            self._tracks = {peer: tracks for peer, tracks in self._tracks.items() if peer in present}
