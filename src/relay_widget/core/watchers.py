"""Which monitors watch which rooms, and when each is due the news."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from relay_widget.errors import WireError
from relay_widget.protocol import MAX_QUEUE_BYTES, MAX_WATCHED_ROOMS, SNAPSHOT_INTERVAL_MS, Code, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Container


@dataclass(slots=True)
class _Watching:
    """The wishes of one monitor for a room, and the news that it has not been sent yet."""

    wants: Watch
    changed: bool = False
    reporters: set[str] = field(default_factory=set)

    @property
    def has_news(self) -> bool:
        return self.changed or bool(self.reporters)


@dataclass(frozen=True, slots=True)
class News:
    """The due news of one room: its state for these monitors, and for each monitor the reports of these peers."""

    room: str
    changed_for: tuple[str, ...]
    reporters_for: dict[str, frozenset[str]]


class Watchers:
    """Monitors by room. A change is remembered until it has gone out; bursts of changes go out as one."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, _Watching]] = {}  # room -> monitor
        self._changed: set[str] = set()  # rooms that some monitor has not seen the newest of
        self._flushed_ms: dict[str, float] = {}

    def add(self, watch: Watch, monitor: str) -> None:
        """Start to watch, or want other reports from now on; the state as it is now is known."""
        if self._count(monitor) >= MAX_WATCHED_ROOMS and monitor not in self._rooms.get(watch.room, {}):
            raise WireError(
                Code.TOO_MANY_ROOMS,
                f"A monitor may watch {MAX_WATCHED_ROOMS} rooms: unwatch one before the next.",
            )
        self._rooms.setdefault(watch.room, {})[monitor] = _Watching(watch)

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

    def watched(self, monitors: Container[str]) -> dict[str, Watch]:
        """By room, what any of these watches: all that they want together."""
        found: dict[str, Watch] = {}
        for room, watching in self._rooms.items():
            for monitor, one in watching.items():
                if monitor in monitors:
                    found[room] = one.wants if room not in found else found[room].with_also(one.wants)
        return found

    def changed(self, room: str) -> float:
        """There is something to see in this room; when it is due. inf if nobody watches."""
        watching = self._rooms.get(room)
        if not watching:
            return inf
        for one in watching.values():
            one.changed = True
        return self._due(room)

    def reported(self, room: str, peer: str, call: str | None) -> float:
        """A peer, the participant of this call, has sent a report; when it is due. inf if nobody wants it."""
        wanting = [one for one in self._rooms.get(room, {}).values() if one.wants.report_of(call)]
        if not wanting:
            return inf
        for one in wanting:
            one.reporters.add(peer)
        return self._due(room)

    def due_in_ms(self, now_ms: float) -> float | None:
        """How long until ``take_due`` has something to give; None while nothing has changed."""
        return min((self._wait_ms(room, now_ms) for room in self._changed), default=None)

    def take_due(self, now_ms: float, queued_bytes: Callable[[str], int]) -> list[News]:
        """What is to go out now.

        A monitor that has too much waiting for it already gets the newest state later instead.
        """
        due = []
        for room in [room for room in self._changed if self._wait_ms(room, now_ms) <= 0]:
            self._flushed_ms[room] = now_ms
            unseen = {monitor: one for monitor, one in self._rooms[room].items() if one.has_news}
            to = {monitor: one for monitor, one in unseen.items() if queued_bytes(monitor) <= MAX_QUEUE_BYTES}
            if len(to) == len(unseen):
                self._changed.discard(room)
            if to:
                changed_for = tuple(monitor for monitor, one in to.items() if one.changed)
                reporters_for = {monitor: frozenset(one.reporters) for monitor, one in to.items() if one.reporters}
                due.append(News(room, changed_for, reporters_for))
            for one in to.values():
                one.changed, one.reporters = False, set()
        return due

    def _due(self, room: str) -> float:
        self._changed.add(room)
        return self._flushed_ms.get(room, -inf) + SNAPSHOT_INTERVAL_MS

    def _wait_ms(self, room: str, now_ms: float) -> float:
        flushed_ms = self._flushed_ms.get(room)
        if flushed_ms is None or now_ms < flushed_ms:
            return 0.0
        return max(0.0, flushed_ms + SNAPSHOT_INTERVAL_MS - now_ms)

    def _count(self, monitor: str) -> int:
        return len(self.rooms(monitor))
