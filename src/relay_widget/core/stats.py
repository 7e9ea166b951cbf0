"""Counters, and the budget of what a peer may send."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

EVENT_COST_BYTES = 500
"""What every event is charged beside its media bytes, so that a flood of tiny ones ends too."""


@dataclass(slots=True)
class Stats:
    """What the relay has done since it started."""

    chunks_in: int = 0
    bytes_in: int = 0
    chunks_out: int = 0
    bytes_out: int = 0
    dropped_groups: int = 0
    dropped_objects: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    """The dropped objects, by reason: ``slow``, or ``impaired`` on purpose."""
    refused: Counter[str] = field(default_factory=Counter)
    """How often something was refused, by code."""
    given_up_groups: int = 0
    """Groups that were no longer kept for late joiners, because too much was held."""

    def as_json(self) -> dict[str, Any]:
        """A plain record, for logs and tests."""
        return {
            "chunks_in": self.chunks_in,
            "bytes_in": self.bytes_in,
            "chunks_out": self.chunks_out,
            "bytes_out": self.bytes_out,
            "dropped_groups": self.dropped_groups,
            "dropped_objects": self.dropped_objects,
            "dropped": dict(self.dropped),
            "refused": dict(self.refused),
            "given_up_groups": self.given_up_groups,
        }


class Budget:
    """A token bucket: ``per_s`` (bytes, or chunks) on average, and at most one second's worth at once.

    Something is let through while anything is left, so the last one may overdraw the budget; the debt is paid
    by what follows.
    """

    def __init__(self, now_ms: float, per_s: float) -> None:
        self._per_s = per_s
        self._left = per_s
        self._at_ms = now_ms

    def take(self, amount: int, now_ms: float, *, urgent: bool = False) -> bool:
        """Charge this much if the budget allows it.

        ``urgent`` may use up a second second's worth: what ends a flood (leave, unpublish) or starts the next
        epoch is small and must not be lost to it.
        """
        left, elapsed_s = self._left, (now_ms - self._at_ms) / 1000
        self._at_ms = now_ms
        if elapsed_s > 0:  # a clock that went backwards gives nothing and takes nothing
            left += elapsed_s * self._per_s
            self._left = min(self._per_s, left)
        if self._left <= (-self._per_s if urgent else 0):
            return False
        self._left -= amount
        return True
