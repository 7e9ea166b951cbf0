"""When was what is in a track's epochs taken? Stamps in, lines out: media time to the relay's clock. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .format import ObjectReceived

DRIFT_SPAN_MS = 60_000
"""Two clocks drift by some ms a minute: an epoch that is shorter is given none."""
MAX_DRIFT = 1e-3
"""What seems to drift more than this is no drift but a clock that was set."""
_WINDOW_MS = 10_000


@dataclass(frozen=True)
class Line:
    """Media time 0 of an epoch in the relay's clock, and how many ms of that clock pass in one of media."""

    zero_ms: float
    rate: float = 1.0

    def at_ms(self, media_ms: float) -> float:
        """When what is at this media time was taken."""
        return self.zero_ms + self.rate * media_ms


@dataclass
class Epoch:
    """One run of a track's recorder: its init segment, and which of the track's objects follow it.

    ``line`` is None where no object says its media time; then its first packet was taken at ``relayed_ms``.
    """

    init: bytes
    start: int
    stop: int
    relayed_ms: float
    line: Line | None = None


def epochs(objects: Iterable[ObjectReceived]) -> list[Epoch]:
    """The epochs of a track that have media. `objects` are all of it, in their order."""
    found: list[tuple[Epoch, list[tuple[float, float]]]] = []
    for index, (at_ms, _, header, relayed_ms, data) in enumerate(objects):
        passed_ms = at_ms if relayed_ms is None else relayed_ms
        if header.type == "init":
            found.append((Epoch(data, index + 1, index + 1, passed_ms), []))
            continue
        epoch, stamps = found[-1]
        if epoch.stop == epoch.start:
            epoch.relayed_ms = passed_ms
        epoch.stop = index + 1
        if header.media_ms is not None:
            stamps.append((header.media_ms, passed_ms if header.captured_ms is None else header.captured_ms))
    for epoch, stamps in found:
        if stamps:
            epoch.line = fit(stamps)
    return [epoch for epoch, _ in found if epoch.stop > epoch.start]


def fit(stamps: Sequence[tuple[float, float]]) -> Line:
    """The line through (media time, time of capture), which single stamps that are wrong do not bend."""
    zeros = [(media_ms, taken_ms - media_ms) for media_ms, taken_ms in stamps]
    zero_ms = statistics.median(zero for _, zero in zeros)
    span_ms = zeros[-1][0] - zeros[0][0]
    if span_ms < DRIFT_SPAN_MS:
        return Line(zero_ms)
    windows = [list(group) for _, group in groupby(zeros, lambda stamp: stamp[0] // _WINDOW_MS)]
    drift, zero_ms_0 = statistics.linear_regression(
        [statistics.median(media_ms for media_ms, _ in window) for window in windows],
        [statistics.median(zero for _, zero in window) for window in windows],
    )
    return Line(zero_ms) if abs(drift) > MAX_DRIFT else Line(zero_ms_0, 1 + drift)
