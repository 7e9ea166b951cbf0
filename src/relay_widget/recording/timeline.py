"""When was what is in a track's epochs taken? Stamps in, lines out: media time to the relay's clock. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from relay_widget.protocol import MAX_CAPTURE_AGE_MS, MAX_CLOCK_AHEAD_MS, can_be_captured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .format import ObjectReceived

DRIFT_SPAN_MS = 60_000
"""Two clocks drift by some ms a minute: an epoch that is shorter is given none."""
MAX_DRIFT = 1e-3
"""What seems to drift more than this is no drift but a clock that was set."""
MAX_BEYOND = 0.45
"""How much may lie before a recording's beginning, and behind its end, as a share of its length."""
LEAST_BEYOND_MS = 400
"""The same behind its end, however short it is: what came last was captured before, but what it shows may go on."""
_WINDOW_MS = 10_000


class Witness:
    """What bounds the times that the publisher of a track states: the relay's stamps, and the recorder's.

    Args:
        started_ms, ended_ms: When the recording began and ended, in the relay's clock.

    Attributes:
        disbelieved: Whether one of its publisher's times could not be, so that the relay's was used in its place.
    """

    def __init__(self, started_ms: float, ended_ms: float) -> None:
        self._started_ms, self._ended_ms = started_ms, max(started_ms, ended_ms)
        length_ms = self._ended_ms - started_ms
        # The groups that run when the recorder comes were captured before; but never is it all twice as long for that.
        self._least_ms = started_ms - min(MAX_CAPTURE_AGE_MS, MAX_BEYOND * length_ms)
        self._most_ms = self._ended_ms + min(MAX_CLOCK_AHEAD_MS, max(MAX_BEYOND * length_ms, LEAST_BEYOND_MS))
        self.disbelieved = False

    def relayed_ms(self, item: ObjectReceived) -> float:
        """When the object came to the relay: not after it came to the recorder, and not long before."""
        at_ms = min(max(item.at_ms, self._started_ms), self._ended_ms)
        relayed_ms = at_ms if item.relayed_ms is None else min(item.relayed_ms, at_ms)
        return max(relayed_ms, at_ms - MAX_CAPTURE_AGE_MS, self._least_ms)

    def captured_ms(self, captured_ms: float, item: ObjectReceived) -> float:
        """When what is in the object was captured: as its publisher says if that can be, else when it was relayed."""
        relayed_ms = self.relayed_ms(item)
        if can_be_captured(captured_ms, relayed_ms):
            return min(max(captured_ms, self._least_ms), self._most_ms)
        self.disbelieved = True
        return relayed_ms


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

    ``line`` is None where no object says its media time; then its first packets were taken at ``relayed_ms``.
    """

    init: bytes
    start: int
    stop: int
    relayed_ms: float
    line: Line | None = None


def epochs(objects: Iterable[ObjectReceived], witness: Witness) -> list[Epoch]:
    """The epochs of a track that have media. `objects` are all of it, in their order."""
    found: list[tuple[Epoch, list[tuple[float, float]]]] = []
    for index, item in enumerate(objects):
        header, relayed_ms = item.header, witness.relayed_ms(item)
        if header.type == "init":
            found.append((Epoch(item.data, index + 1, index + 1, relayed_ms), []))
            continue
        epoch, stamps = found[-1]
        if epoch.stop == epoch.start:
            epoch.relayed_ms = relayed_ms
        epoch.stop = index + 1
        if header.media_ms is not None:
            captured_ms = relayed_ms if header.captured_ms is None else witness.captured_ms(header.captured_ms, item)
            stamps.append((header.media_ms, captured_ms))
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
