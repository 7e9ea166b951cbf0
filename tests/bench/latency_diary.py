"""What one participant saw and heard while there was trouble (`Diary` in latency_page/room.ts), and what follows."""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass
from typing import Any, Self

SOUND_GAP_MS = 150
"""The sound has stood still for longer, or has left out more: that is heard."""
CONTROL_WINDOW_MS = 1000


@dataclass(frozen=True)
class Diary:
    """Times are ms since 1970."""

    pictures: list[tuple[float, float]]
    """When each new picture was shown, and how old it was then."""
    sound: list[tuple[float, float]]
    """Where the sound was, in s, again and again."""
    sound_waits_ms: list[float]
    figures: list[dict[str, float]]

    @classmethod
    def of(cls, record: dict[str, Any]) -> Self:
        return cls(**record)

    def latencies_ms(self, from_ms: float, to_ms: float) -> list[float]:
        return [latency_ms for at_ms, latency_ms in self.pictures if from_ms <= at_ms < to_ms]

    def p50_ms(self, from_ms: float, to_ms: float) -> float:
        latencies_ms = self.latencies_ms(from_ms, to_ms)
        return statistics.median(latencies_ms) if latencies_ms else math.nan

    def longest_still_ms(self, from_ms: float, to_ms: float) -> float:
        """The longest time without a new picture."""
        shown_ms = [from_ms, *(at_ms for at_ms, _ in self.pictures if from_ms <= at_ms < to_ms), to_ms]
        return max(after - before for before, after in itertools.pairwise(shown_ms))

    def first_picture_ms(self, after_ms: float) -> float:
        """When the next new picture was shown."""
        return next((at_ms for at_ms, _ in self.pictures if at_ms > after_ms), math.inf)

    def first_sound_ms(self, after_ms: float) -> float:
        """When the sound went on."""
        heard = [(at_ms, position_s) for at_ms, position_s in self.sound if at_ms > after_ms]
        return next((at_ms for (_, before), (at_ms, now) in itertools.pairwise(heard) if now > before), math.inf)

    def heard_ms(self, position_s: float) -> float:
        """When the sound was at this position."""
        for (before_ms, before_s), (at_ms, now_s) in itertools.pairwise(self.sound):
            if before_s <= position_s < now_s:
                return before_ms + (at_ms - before_ms) * (position_s - before_s) / (now_s - before_s)
        return math.nan

    def settled_ms(self, after_ms: float, latency_ms: float) -> float:
        """From when on the pictures of a whole second were, by half, no older than this."""
        for at_ms, _ in self.pictures:
            if at_ms > after_ms and self.p50_ms(at_ms, at_ms + CONTROL_WINDOW_MS) <= latency_ms:
                return at_ms
        return math.inf

    def sound_gaps_ms(self, from_ms: float, to_ms: float) -> list[float]:
        """How long the sound stood still each time, and (negative) how much it left out each time."""
        gaps_ms = []
        samples = [sample for sample in self.sound if from_ms <= sample[0] < to_ms]
        still_since_ms: float | None = None
        for (before_ms, before_s), (at_ms, position_s) in itertools.pairwise(samples):
            if position_s == before_s:
                still_since_ms = before_ms if still_since_ms is None else still_since_ms
                continue
            if still_since_ms is not None and before_ms - still_since_ms > SOUND_GAP_MS:
                gaps_ms.append(before_ms - still_since_ms)
            still_since_ms = None
            left_out_ms = (position_s - before_s) * 1000 - (at_ms - before_ms)
            if left_out_ms > SOUND_GAP_MS:
                gaps_ms.append(-left_out_ms)
        return gaps_ms
