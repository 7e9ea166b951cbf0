"""How long what leaves a client's queue had to wait in it.

Bytes alone do not say whether a client is slow: 100 kB are nothing to one and four seconds to another. And neither does
a wait alone: after a pause of the network everything has waited long, and a moment later the queue is empty. So the
measure is the least wait of all that has left the queue in the last quarter of a second (the idea of CoDel, RFC 8289):
only a queue that stands is too long. While nothing leaves, nothing is known, and the bound in bytes has to do.
"""

from __future__ import annotations

from collections import deque
from math import inf

WINDOW_MS = 250


class QueueWait:
    """Told what is written to a queue in which something waits, it knows the wait of what leaves."""

    def __init__(self) -> None:
        self._written_bytes = 0
        self._marks: deque[tuple[int, float]] = deque()  # (written up to the end of a message, when), of what waits
        self._since_ms = inf  # the window's beginning: when the first of it left
        self._least_ms = inf
        self._wait_ms = 0.0

    def __bool__(self) -> bool:
        """Whether something waited when it was last looked at. If not, an empty queue need not be told of."""
        return bool(self._marks)

    def wrote(self, size_bytes: int, queued_bytes: int, now_ms: float) -> None:
        """A message goes into the queue, in which so much waits before it."""
        self._look(queued_bytes, now_ms)
        if queued_bytes:
            self._written_bytes += size_bytes
            self._marks.append((self._written_bytes, now_ms))

    def wait_ms(self, queued_bytes: int, now_ms: float) -> float:
        """The least wait of what has left lately, now that so much waits."""
        self._look(queued_bytes, now_ms)
        return self._wait_ms

    def _look(self, queued_bytes: int, now_ms: float) -> None:
        if not self._marks:  # what waits has come unseen
            self._written_bytes = queued_bytes
            self._marks.append((queued_bytes, now_ms))
        left_bytes = self._written_bytes - queued_bytes
        while self._marks and self._marks[0][0] <= left_bytes:
            _, came_ms = self._marks.popleft()
            self._least_ms = min(self._least_ms, now_ms - came_ms)
            self._since_ms = min(self._since_ms, now_ms)
        if not self._marks:
            self._since_ms, self._least_ms, self._wait_ms = inf, inf, 0.0
        elif now_ms - self._since_ms >= WINDOW_MS:
            self._wait_ms, self._since_ms, self._least_ms = self._least_ms, inf, inf
