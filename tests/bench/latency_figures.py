"""From what a page has seen to the lines that the latency benchmarks print."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_TITLE_CHARS = 34
_COLUMN_CHARS = 10


def percentiles(latencies_ms: Sequence[float]) -> dict[str, float]:
    """p5, p50 and p95; not a number where there are too few."""
    if len(latencies_ms) < 2:
        return dict.fromkeys(("p5_ms", "p50_ms", "p95_ms"), math.nan)
    cuts = statistics.quantiles(latencies_ms, n=20, method="inclusive")
    return {"p5_ms": cuts[0], "p50_ms": cuts[9], "p95_ms": cuts[18]}


def median(values: Iterable[float]) -> float:
    """The median; not a number of nothing."""
    present = list(values)
    return statistics.median(present) if present else math.nan


def seen(raw: Mapping[str, Any]) -> dict[str, float]:
    """The columns of what one meter has seen (`Seen` in latency_page/meter.ts) in `seconds`."""
    return {
        **percentiles(raw["latencies_ms"]),
        "stalls": raw["video_waits"] + raw["audio_waits"],
        "standstills": len(raw["standstills_ms"]),
        "dropped_frames": raw["dropped_frames"],
        "fps": len(raw["latencies_ms"]) / raw["seconds"],
    }


def table(
    rows: Mapping[str, Mapping[str, float]], columns: Mapping[str, str], decimals: Mapping[str, int] | None = None
) -> str:
    """Rows by title; columns by the name of their figure, with the head to print, and decimals if not 0."""
    digits = decimals or {}
    lines = [" " * _TITLE_CHARS + "".join(f"{head:>{_COLUMN_CHARS}}" for head in columns.values())]
    for title, row in rows.items():
        cells = "".join(f"{_cell(row.get(name, math.nan), digits.get(name, 0)):>{_COLUMN_CHARS}}" for name in columns)
        lines.append(f"{title:{_TITLE_CHARS}}{cells}")
    return "\n".join(lines)


def verdict(claims: Iterable[tuple[str, bool]]) -> str:
    """What was promised, and whether this run keeps it."""
    return "\n".join(f"{'ok ' if holds else 'NOT'} {claim}" for claim, holds in claims)


def _cell(value: float, decimals: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{decimals}f}"
