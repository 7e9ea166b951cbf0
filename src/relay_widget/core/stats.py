"""Counters, and the budget of bytes a peer may send."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from relay_widget.protocol import MAX_BYTES_PER_S_PER_PEER

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
    refused: Counter[str] = field(default_factory=Counter)
    """How often something was refused, by code."""

    def as_json(self) -> dict[str, Any]:
        """A plain record, for logs and tests."""
        return {
            "chunks_in": self.chunks_in,
            "bytes_in": self.bytes_in,
            "chunks_out": self.chunks_out,
            "bytes_out": self.bytes_out,
            "dropped_groups": self.dropped_groups,
            "dropped_objects": self.dropped_objects,
            "refused": dict(self.refused),
        }


class ByteBudget:
    """A token bucket: ``bytes_per_s`` on average, and at most one second's worth at once.

    Something is let through while anything is left, so the last one may overdraw the budget; the debt is paid
    by what follows.
    """

    def __init__(self, now_ms: float, bytes_per_s: float = MAX_BYTES_PER_S_PER_PEER) -> None:
        self._bytes_per_s = bytes_per_s
        self._left_bytes = bytes_per_s
        self._at_ms = now_ms

    def take(self, size_bytes: int, now_ms: float, *, urgent: bool = False) -> bool:
        """Charge this many bytes if the budget allows it.

        ``urgent`` may use up a second second's worth: what ends a flood (leave, unpublish) or starts the next
        epoch is small and must not be lost to it.
        """
        # A clock that went backwards gives nothing and takes nothing.
        elapsed_s = max(0.0, now_ms - self._at_ms) / 1000
        self._at_ms = now_ms
        self._left_bytes = min(self._bytes_per_s, self._left_bytes + elapsed_s * self._bytes_per_s)
        if self._left_bytes <= (-self._bytes_per_s if urgent else 0):
            return False
        self._left_bytes -= size_bytes
        return True
