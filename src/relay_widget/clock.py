"""The relay's clock, as a client knows it.

Each exchange says between which two values the offset to it lies: the relay read its clock after we asked and before
we heard. What all exchanges agree on is what is known (Marzullo's algorithm, from which that of NTP comes, RFC 5905);
it grows vague with time, because no two clocks run quite alike.
"""

from __future__ import annotations

import time
from math import inf

_DRIFT_PPM = 100
"""Two machines' clocks, each with a quartz that is off by up to 50 ppm."""

_ORIGIN_MS = time.time() * 1000 - time.perf_counter() * 1000


def local_ms() -> float:
    """This process's clock: ms since 1970, steady even when the system's clock is corrected."""
    return _ORIGIN_MS + time.perf_counter() * 1000


class RelayClock:
    """What is known of the relay's clock. May be read from any thread."""

    def __init__(self) -> None:
        self._least_ms, self._most_ms = -inf, inf  # the offset lies between
        self._as_of_ms = 0.0
        self._offset_ms = 0.0

    def add(self, asked_ms: float, relay_ms: float, heard_ms: float) -> None:
        """One exchange: asked and heard in `local_ms`, and what the relay said the time was."""
        least_ms, most_ms = relay_ms - heard_ms, relay_ms - asked_ms
        drift_ms = max(0.0, heard_ms - self._as_of_ms) * _DRIFT_PPM / 1e6
        known_least_ms = max(least_ms, self._least_ms - drift_ms)
        known_most_ms = min(most_ms, self._most_ms + drift_ms)
        # If they contradict each other one of the clocks has stepped: only the newest still holds.
        agree = known_least_ms <= known_most_ms
        self._least_ms, self._most_ms = (known_least_ms, known_most_ms) if agree else (least_ms, most_ms)
        self._as_of_ms = heard_ms
        self._offset_ms = (self._least_ms + self._most_ms) / 2

    @property
    def error_ms(self) -> float:
        """The truth is within this of the estimate, or was when last measured; inf while nothing is known."""
        return (self._most_ms - self._least_ms) / 2

    def now_ms(self) -> float:
        """Now, in the relay's clock; in this process's while nothing is known of it."""
        return local_ms() + self._offset_ms

    def to_relay_ms(self, here_ms: float) -> float:
        """A time of `local_ms` in the relay's clock."""
        return here_ms + self._offset_ms

    def reset(self) -> None:
        """Another relay, perhaps another machine: forget what was measured. The estimate stays until there is more."""
        self._least_ms, self._most_ms = -inf, inf
