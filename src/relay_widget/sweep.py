"""What a lab's sweep makes of its samples: a row for each value, a table of them, and their picture."""

from __future__ import annotations

import statistics
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOPS = ("record", "uplink", "downlink", "queue", "play")
COLOURS = {"record": "#5e9ad6", "uplink": "#b5e3b0", "downlink": "#3d9268", "queue": "#e9b35f", "play": "#c879a8"}
"""Those of js/src/lab/hops.ts: neighbours stay apart for every kind of colour blindness."""
_REFERENCE = "#d32f2f"
_WIDTH, _HEIGHT = 720, 300
_LEFT, _TOP, _RIGHT, _BOTTOM = 50, 34, 708, 232

_LOOK = 'role="img" font-family="system-ui, sans-serif" font-size="12" fill="currentColor"'

Row = dict[str, Any]


STEADY_S = 4.0
"""Playback is settled when nothing has changed for this long."""
MIN_REPORTS = 8
"""And when there were so many reports in that time: half of those that are due."""
TOLERANCE_MS = 10.0
"""What counts as no change: the larger of this,"""
TOLERANCE = 0.05
"""and this part of the latency."""


class Settling:
    """Tells from a page's reports when playback has settled. Pure: it is told the time.

    Playback has settled if for `STEADY_S` each report came from the players that were asked for, nothing stalled, and
    neither target nor latency drifted. (Jitter makes both tremble; that is no drift.) At the end the player keeps no
    more in store than arrivals ask for, neither from before nor because of stalls.

    Args:
        fresh: The number with which players were asked for that remember nothing of before.
        least_s: Seconds from their first report, at least.
    """

    def __init__(self, fresh: int, least_s: float = 0.0) -> None:
        self._fresh = fresh
        self._least_s = least_s
        self._first_s: float | None = None
        self._reports: list[tuple[float, Mapping[str, float]]] = []

    @property
    def learnt_ms(self) -> float:
        """How much of the target stalls have added, by the last report."""
        return self._reports[-1][1].get("learnt_ms", 0.0) if self._reports else 0.0

    def hear(self, now_s: float, figures: Mapping[str, float]) -> None:
        """Note the newest report; it is harmless to be told one again."""
        if figures.get("fresh") != self._fresh or figures.get("latency_ms", -1) < 0:
            self._reports, self._first_s = [], None
            return
        if self._first_s is None:
            self._first_s = now_s
        if not self._reports or self._reports[-1][1] != figures:
            self._reports.append((now_s, figures))
        self._reports = [(at_s, report) for at_s, report in self._reports if now_s - at_s <= STEADY_S]

    @property
    def settled(self) -> bool:
        """Whether playback has settled."""
        if self._first_s is None or len(self._reports) < MIN_REPORTS:
            return False
        now_s = self._reports[-1][0]
        if now_s - self._first_s < max(STEADY_S, self._least_s):
            return False
        reports = [report for _, report in self._reports]
        first, last = reports[: len(reports) // 2], reports[len(reports) // 2 :]
        tolerance_ms = max(TOLERANCE_MS, TOLERANCE * _mean(reports, "latency_ms"))
        return (
            reports[0].get("stalls", 0) == reports[-1].get("stalls", 0)
            and reports[-1].get("surplus_ms", 0.0) <= tolerance_ms
            and self.learnt_ms <= tolerance_ms
            and all(
                abs(_mean(last, figure) - _mean(first, figure)) <= tolerance_ms
                for figure in ("target_ms", "latency_ms")
            )
        )


def _mean(reports: Sequence[Mapping[str, float]], figure: str) -> float:
    return statistics.fmean(report.get(figure, 0.0) for report in reports)


def summary(name: str, value: float | None, samples: Sequence[Mapping[str, float]], *, settled: bool = True) -> Row:
    """The row of one value: ``samples`` are the receiver's figures while it was measured, in their order."""
    latencies = [sample["latency_ms"] for sample in samples if sample.get("latency_ms", -1) >= 0]
    row: Row = {
        name: value,
        "p50_ms": _quantile(latencies, 0.5),
        "p95_ms": _quantile(latencies, 0.95),
    }
    for hop in HOPS:
        known = [sample[f"{hop}_p50_ms"] for sample in samples if sample.get(f"{hop}_p50_ms", -1) >= 0]
        row[f"{hop}_ms"] = round(statistics.median(known), 1) if known else None
    row["stalls"] = int(samples[-1].get("stalls", 0) - samples[0].get("stalls", 0)) if samples else None
    row["queue_depth"] = int(max((sample.get("queue_depth", 0) for sample in samples), default=0))
    row["buffered_s"] = (
        round(statistics.median(sample.get("buffered_s", 0) for sample in samples), 2) if samples else None
    )
    row["samples"] = len(latencies)
    row["settled"] = settled
    return row


def _quantile(values: Sequence[float], part: float) -> float | None:
    ordered = sorted(values)
    return round(ordered[min(int(part * len(ordered)), len(ordered) - 1)], 1) if ordered else None


def table(rows: list[Row]) -> Any:
    """A pandas DataFrame, or where pandas is not installed a list of dicts that shows itself as a table."""
    try:
        import pandas as pd  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 - optional, and slow
    except ImportError:
        return Table(rows)
    return pd.DataFrame(rows)


class Table(list[Row]):
    """Rows of a sweep: a list of dicts with the same keys."""

    def _repr_html_(self) -> str:
        if not self:
            return "<p>No rows.</p>"
        head = "".join(f"<th>{escape(name)}</th>" for name in self[0])
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(words(value))}</td>" for value in row.values()) + "</tr>" for row in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def __repr__(self) -> str:
        if not self:
            return "No rows."
        lines = [list(self[0]), *([words(value) for value in row.values()] for row in self)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
        )


def words(value: object) -> str:
    """A figure as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def draw(name: str, unit: str, rows: Sequence[Row], reference_ms: float | None) -> str:
    """The rows as an SVG: the hops stacked to the median, the 95th percentile above, WebRTC for comparison."""
    measured = [row for row in rows if row["p50_ms"] is not None]
    top_ms = _axis_end(max([row["p95_ms"] for row in measured], default=0), reference_ms or 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" {_LOOK}>',
        f"<title>Latency by {escape(name)}</title>",
        _text(_LEFT, 16, f"Latency by {name.removesuffix('_ms').replace('_', ' ')} (ms)", 'font-weight="600"'),
    ]

    def y(value_ms: float) -> float:
        return round(_BOTTOM - value_ms / top_ms * (_BOTTOM - _TOP), 1)

    for part in (0, 0.5, 1):
        parts.append(f'<path d="M{_LEFT} {y(part * top_ms)}H{_RIGHT}" stroke="currentColor" stroke-opacity=".2"/>')
        parts.append(_text(_LEFT - 6, y(part * top_ms) + 4, f"{part * top_ms:g}", 'opacity=".7" text-anchor="end"'))
    step = (_RIGHT - _LEFT) / max(len(rows), 1)
    half = min(step * 0.32, 36)
    for index, row in enumerate(rows):
        x = round(_LEFT + (index + 0.5) * step, 1)
        value = "automatic" if row[name] is None else f"{row[name]:g} {unit}"
        parts.append(_text(x, _BOTTOM + 17, value, 'text-anchor="middle"'))
        if row["p50_ms"] is None:
            parts.append(_text(x, _BOTTOM - 8, "nothing received", 'opacity=".7" text-anchor="middle"'))
            continue
        parts += _bar(row, x, half, y)
        unsettled = "" if row["settled"] else " · not settled"
        stalls = f" · {row['stalls']} stall{'' if row['stalls'] == 1 else 's'}" if row["stalls"] else ""
        parts.append(
            _text(
                x,
                y(row["p95_ms"]) - 6,
                f"{row['p50_ms']:.0f}{stalls}{unsettled}",
                'font-weight="600" text-anchor="middle"',
            )
        )
    line = "L".join(
        f"{round(_LEFT + (index + 0.5) * step, 1)} {y(row['p50_ms'])}"
        for index, row in enumerate(rows)
        if row["p50_ms"] is not None
    )
    parts.append(f'<path d="M{line}" fill="none" stroke="currentColor" stroke-width="1.5"/>' if line else "")
    if reference_ms is not None:
        parts.append(
            f'<path d="M{_LEFT} {y(reference_ms)}H{_RIGHT}" stroke="{_REFERENCE}" stroke-width="1.5" '
            'stroke-dasharray="6 4"/>'
        )
    parts += _legend(reference_ms)
    parts.append("</svg>")
    return "".join(parts)


def _bar(row: Row, x: float, half: float, y: Any) -> list[str]:
    """Hops are medians of their own, so their sum is brought to the median of the whole."""
    hops = {hop: row[f"{hop}_ms"] or 0 for hop in HOPS}
    total = sum(hops.values())
    parts, low = [], 0.0
    for hop, colour in COLOURS.items():
        share = hops[hop] / total if total else (1.0 if hop == "record" else 0.0)
        high = low + share * row["p50_ms"]
        if share:
            parts.append(
                f'<rect x="{round(x - half, 1)}" y="{y(high)}" width="{round(2 * half, 1)}" '
                f'height="{round(y(low) - y(high), 1)}" fill="{colour if total else "#9aa0a6"}"/>'
            )
        low = high
    p95 = y(row["p95_ms"])
    parts.append(f'<path d="M{x} {y(row["p50_ms"])}V{p95}M{x - 7} {p95}H{x + 7}" stroke="currentColor" fill="none"/>')
    return parts


def _legend(reference_ms: float | None) -> list[str]:
    entries = [(hop, f'<rect y="-9" width="10" height="10" rx="2" fill="{COLOURS[hop]}"/>') for hop in HOPS]
    entries.append(("p50 to p95", '<path d="M0 -4H10M5 -10V2" stroke="currentColor" fill="none"/>'))
    if reference_ms is not None:
        mark = f'<path d="M0 -4H12" stroke="{_REFERENCE}" stroke-width="2" stroke-dasharray="4 2"/>'
        entries.append((f"WebRTC {reference_ms:.0f}", mark))
    step = (_RIGHT - _LEFT) / len(entries)
    return [
        f'<g transform="translate({round(_LEFT + index * step, 1)} {_HEIGHT - 18})">{mark}{_text(16, 0, name)}</g>'
        for index, (name, mark) in enumerate(entries)
    ]


def _text(x: float, y: float, content: str, extra: str = "") -> str:
    return f'<text x="{x}" y="{y}" {extra}>{escape(content)}</text>'


def _axis_end(*values: float) -> float:
    """A round number not below any of these."""
    wanted = max(*values, 50)
    power = 1.0
    while power * 10 <= wanted:
        power *= 10
    return next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= wanted)
