"""Which monitors watch which rooms, and when each is due a new snapshot."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from relay_widget.errors import WireError
from relay_widget.protocol import MAX_QUEUE_BYTES, MAX_WATCHED_ROOMS, SNAPSHOT_INTERVAL_MS, Code

if TYPE_CHECKING:
    from collections.abc import Callable, Container


class Watchers:
    """Monitors by room. A change is remembered until it has gone out; bursts of changes go out as one."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, bool]] = {}  # room -> monitor -> has something to see
        self._changed: set[str] = set()  # rooms that some monitor has not seen the newest of
        self._flushed_ms: dict[str, float] = {}

    def add(self, room: str, monitor: str) -> None:
        """Start to watch; watching twice is watching once."""
        if self._count(monitor) >= MAX_WATCHED_ROOMS and monitor not in self._rooms.get(room, {}):
            raise WireError(
                Code.TOO_MANY_ROOMS,
                f"A monitor may watch {MAX_WATCHED_ROOMS} rooms: unwatch one before the next.",
            )
        self._rooms.setdefault(room, {})[monitor] = False

    def remove(self, room: str, monitor: str) -> None:
        """Stop to watch; not having watched is fine."""
        watching = self._rooms.get(room, {})
        watching.pop(monitor, None)
        if not watching:
            self._rooms.pop(room, None)
            self._flushed_ms.pop(room, None)
            self._changed.discard(room)

    def remove_monitor(self, monitor: str) -> None:
        """The monitor is gone."""
        for room in self.rooms(monitor):
            self.remove(room, monitor)

    def rooms(self, monitor: str) -> set[str]:
        """What one monitor watches."""
        return {room for room, watching in self._rooms.items() if monitor in watching}

    def watched(self, monitors: Container[str]) -> set[str]:
        """What any of these watches."""
        return {room for room, watching in self._rooms.items() if any(monitor in monitors for monitor in watching)}

    def changed(self, room: str) -> float:
        """There is something to see in this room; when it is due. inf if nobody watches."""
        watching = self._rooms.get(room)
        if not watching:
            return inf
        self._changed.add(room)
        for monitor in watching:
            watching[monitor] = True
        return self._flushed_ms.get(room, -inf) + SNAPSHOT_INTERVAL_MS

    def due_in_ms(self, now_ms: float) -> float | None:
        """How long until ``take_due`` has something to give; None while nothing has changed."""
        return min((self._wait_ms(room, now_ms) for room in self._changed), default=None)

    def take_due(self, now_ms: float, queued_bytes: Callable[[str], int]) -> list[tuple[str, tuple[str, ...]]]:
        """The rooms whose snapshot is to go out now, and to whom.

        A monitor that has too much waiting for it already gets the newest state later instead.
        """
        due = []
        for room in [room for room in self._changed if self._wait_ms(room, now_ms) <= 0]:
            self._flushed_ms[room] = now_ms
            watching = self._rooms[room]
            unseen = [monitor for monitor, waits in watching.items() if waits]
            to = tuple(monitor for monitor in unseen if queued_bytes(monitor) <= MAX_QUEUE_BYTES)
            for monitor in to:
                watching[monitor] = False
            if len(to) == len(unseen):
                self._changed.discard(room)
            if to:
                due.append((room, to))
        return due

    def _wait_ms(self, room: str, now_ms: float) -> float:
        flushed_ms = self._flushed_ms.get(room)
        if flushed_ms is None or now_ms < flushed_ms:
            return 0.0
        return max(0.0, flushed_ms + SNAPSHOT_INTERVAL_MS - now_ms)

    def _count(self, monitor: str) -> int:
        return len(self.rooms(monitor))
