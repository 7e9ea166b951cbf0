"""How many subscribers of one track lag, and when its publisher is to hear of it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from relay_widget.protocol import TRACK_LAG_INTERVAL_MS

if TYPE_CHECKING:
    from collections.abc import Container

LAG_LINGER_MS = 3000
"""So long after a subscriber has resumed it still counts: one that loses every other group lags all the time."""


class Lag:
    """The lagging subscribers of a track."""

    def __init__(self) -> None:
        self._until_ms: dict[str, float] = {}
        self._told = (0, 0)
        self._told_ms = -inf
        self._elsewhere: dict[str, int] = {}  # by node, how many lag there

    def __bool__(self) -> bool:
        """Whether anybody lags, or the publisher still believes so."""
        return self._lagging > 0 or self._told[1] > 0

    def fell_behind(self, connection: str) -> bool:
        """A subscriber loses objects; whether that is new."""
        new = self._until_ms.get(connection) != inf
        self._until_ms[connection] = inf
        return new

    def resumed(self, connection: str, now_ms: float) -> None:
        """A subscriber gets everything again."""
        self._until_ms[connection] = now_ms + LAG_LINGER_MS

    def left(self, connection: str) -> None:
        """A subscriber is gone."""
        self._until_ms.pop(connection, None)

    def lags_elsewhere(self, node: str, lagging: int) -> None:
        """So many lag at another node."""
        self._elsewhere[node] = lagging

    def keep_nodes(self, nodes: Container[str]) -> None:
        """Only these nodes still have subscribers."""
        self._elsewhere = {node: lagging for node, lagging in self._elsewhere.items() if node in nodes}

    def due_ms(self, subscribers: int) -> float:
        """When to call ``take`` next; inf while nothing changes by itself and the publisher knows everything."""
        if self._is_news((subscribers, self._lagging)):
            return self._told_ms + TRACK_LAG_INTERVAL_MS
        return min(self._until_ms.values(), default=inf)

    def take(self, subscribers: int, now_ms: float) -> tuple[int, int] | None:
        """What the publisher is to be told now: how many subscribers there are, and how many of them lag."""
        self._until_ms = {connection: until for connection, until in self._until_ms.items() if until > now_ms}
        state = (subscribers, self._lagging)
        if not self._is_news(state) or now_ms < self._told_ms + TRACK_LAG_INTERVAL_MS:
            return None
        self._told, self._told_ms = state, now_ms
        return state

    @property
    def _lagging(self) -> int:
        return len(self._until_ms) + sum(self._elsewhere.values())

    def _is_news(self, state: tuple[int, int]) -> bool:
        # How many subscribers there are matters only beside those that lag.
        return state != self._told and (state[1] > 0 or self._told[1] > 0)
