"""The other nodes (relays that share rooms with this one): who is there, and whether all they said was heard.

Every node numbers what it tells all others, and says twice a second, in a beat, how far it has come. So a node that
has missed something, or has only just come, knows it and asks for a snapshot, the whole of what the other has to say.
Nothing is kept anywhere else: what carries the messages may lose them, and may begin anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

BEAT_MS = 500
NODE_TIMEOUT_MS = 3_500
"""A node that has been silent for so long is gone, and so are its peers."""
ASK_INTERVAL_MS = 1_000
"""How long an answer may take before one asks again."""


@dataclass(slots=True)
class _Node:
    heard_ms: float
    number: int | None = None  # of the last message that was taken; None before the first snapshot
    asked_ms: float = -inf
    ahead_ms: float = 0.0


class Nodes:
    """All but this one."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}

    def __len__(self) -> int:
        return sum(node.number is not None for node in self._nodes.values())

    def heard(self, node: str, now_ms: float) -> None:
        """It is alive."""
        self._nodes.setdefault(node, _Node(now_ms)).heard_ms = now_ms

    def paused(self, pause_ms: float) -> None:
        """This node itself did nothing for so long, in which nobody can have been silent."""
        for node in self._nodes.values():
            node.heard_ms += pause_ms

    def begin(self, node: str, number: int) -> None:
        """Everything up to this number is known of it, by a snapshot."""
        self._nodes[node].number = number

    def follows(self, node: str, number: int) -> bool:
        """Whether this is its next message, which then counts as taken."""
        known = self._nodes[node]
        if known.number is None or number != known.number + 1:
            return False
        known.number = number
        return True

    def lacks(self, node: str, number: int) -> bool:
        """Whether anything up to this number has been missed."""
        known = self._nodes[node].number
        return known is None or number > known

    def asks(self, node: str, now_ms: float) -> bool:
        """Whether to ask it for a snapshot now; counts as asking."""
        known = self._nodes[node]
        if now_ms - known.asked_ms < ASK_INTERVAL_MS:
            return False
        known.asked_ms = now_ms
        return True

    def set_clock(self, node: str, ahead_ms: float) -> None:
        """Its clock is so far ahead of the one that all nodes can see."""
        self._nodes[node].ahead_ms = ahead_ms

    def ahead_ms(self, node: str) -> float:
        """How far its clock is ahead of the one that all nodes can see; 0 while that is not known."""
        known = self._nodes.get(node)
        return 0.0 if known is None else known.ahead_ms

    def remove(self, node: str) -> None:
        """It has gone."""
        self._nodes.pop(node, None)

    def take_gone(self, now_ms: float) -> list[str]:
        """Those that have been silent for too long, which are forgotten."""
        gone = [name for name, node in self._nodes.items() if now_ms - node.heard_ms > NODE_TIMEOUT_MS]
        for name in gone:
            del self._nodes[name]
        return gone
