"""How fast a client's queue drains, and so how long what waits in it will take.

Bytes alone do not say whether a client is slow: 100 kB are nothing to one and four seconds to another. The rate is
measured from departure to departure, over a quarter of a second in which the queue was never empty. A pause of the
network, in which nothing leaves, is not a low rate: it ends, and a moment later the queue is empty. While the rate is
not known the bound in bytes has to do.
"""

from __future__ import annotations

WINDOW_MS = 250
PAUSE_MS = 1000
"""Where nothing has left for so long, measuring begins anew."""
MEMORY_MS = 3000
"""So long a rate is good for, also over times in which nothing waits."""


class Drain:
    """The rate at which a queue drains. To be told of every write while something waits."""

    def __init__(self) -> None:
        self.busy = False
        """Whether something waited when it was last looked at."""
        self._written_bytes = 0  # since it has been busy; with what waited then
        self._left_bytes = 0
        self._left_ms = 0.0
        self._since_ms: float | None = None  # the window's beginning, at a departure
        self._since_bytes = 0
        self._bytes_per_ms = 0.0
        self._measured_ms = 0.0

    def wrote(self, size_bytes: int, queued_bytes: int, now_ms: float) -> None:
        """A message goes into the queue, in which so much waits before it."""
        self._look(queued_bytes, now_ms)
        self._written_bytes += size_bytes

    def wait_ms(self, queued_bytes: int, now_ms: float) -> float:
        """How long the so much that waits now will take; 0 while that is not known."""
        self._look(queued_bytes, now_ms)
        known = self._bytes_per_ms > 0 and now_ms - self._measured_ms <= MEMORY_MS
        return queued_bytes / self._bytes_per_ms if known else 0.0

    def still_ms(self, queued_bytes: int, now_ms: float) -> float:
        """For how long nothing has left, of the so much that waits now; to be asked often enough to see it leave."""
        self._look(queued_bytes, now_ms)
        return now_ms - self._left_ms if self.busy else 0.0

    def _look(self, queued_bytes: int, now_ms: float) -> None:
        if not queued_bytes:
            self.busy = False
        elif not self.busy:
            self.busy, self._since_ms = True, None
            self._written_bytes, self._left_bytes, self._left_ms = queued_bytes, 0, now_ms
        elif self._written_bytes - queued_bytes > self._left_bytes:
            self._departed(self._written_bytes - queued_bytes, now_ms)

    def _departed(self, left_bytes: int, now_ms: float) -> None:
        if self._since_ms is None or now_ms - self._left_ms > PAUSE_MS:
            self._since_ms, self._since_bytes = now_ms, left_bytes
        elif now_ms - self._since_ms >= WINDOW_MS:
            self._bytes_per_ms = (left_bytes - self._since_bytes) / (now_ms - self._since_ms)
            self._measured_ms = now_ms
            self._since_ms, self._since_bytes = now_ms, left_bytes
        self._left_bytes, self._left_ms = left_bytes, now_ms
