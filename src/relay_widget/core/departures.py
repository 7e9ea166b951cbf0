"""Participants of notebooks' calls that have left a room lately, for kernels: their page may not be there to say so."""

from __future__ import annotations

from typing import Any

from relay_widget.protocol import LEFT_KEPT_MS, MAX_LEFT_KEPT, MAX_ROOMS


class Departures:
    """The newest departures of each room. A participant that comes back is no longer among them."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, dict[str, Any]]] = {}  # room -> peer id -> departure; the oldest first

    def note(self, room: str, peer_id: str, call: str, now_ms: float) -> None:
        """This participant has said that it leaves."""
        left = self._rooms.pop(room, {})
        left.pop(peer_id, None)
        left[peer_id] = {"id": peer_id, "call": call, "left_ms": now_ms}
        if len(left) > MAX_LEFT_KEPT:
            del left[next(iter(left))]
        self._rooms[room] = left
        if len(self._rooms) > MAX_ROOMS:
            del self._rooms[next(iter(self._rooms))]

    def forget(self, room: str, peer_id: str) -> None:
        """It has come back."""
        left = self._rooms.get(room, {})
        left.pop(peer_id, None)
        if not left:
            self._rooms.pop(room, None)

    def of(self, room: str, now_ms: float) -> list[dict[str, Any]]:
        """Return a room's departures, as monitors see them."""
        left = self._rooms.get(room, {})
        for peer_id in [one["id"] for one in left.values() if not 0 <= now_ms - one["left_ms"] <= LEFT_KEPT_MS]:
            self.forget(room, peer_id)
        return list(left.values())
