"""The chart of the latency benchmark: a bar for each row to its p50, a whisker to its p95."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from tests.bench.results import OUT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playwright.sync_api import Browser

WIDTH = 900
LEFT = 250
RIGHT = 210
TOP = 78
ROW = 38
BAR = 20
FOOT = 46
TICKS_MS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
HALO = 'stroke="#fff" stroke-width="4" paint-order="stroke" stroke-linejoin="round"'
COLOURS = {"webrtc": "#78909c", "origin": "#bf5f3f", "ours": "#1976d2"}


@dataclass(frozen=True)
class Bar:
    """One row: `kind` gives its colour, `note` stands behind the figures."""

    title: str
    kind: str
    p50_ms: float
    p95_ms: float
    note: str = ""


def draw(bars: Sequence[Bar], title: str, subtitle: str) -> str:
    """The chart as SVG. The scale is logarithmic: the rows are two orders of magnitude apart."""
    bottom = TOP + ROW * len(bars)
    size = f'viewBox="0 0 {WIDTH} {bottom + FOOT}" width="{WIDTH}" height="{bottom + FOOT}"'
    font = 'font-family="system-ui, sans-serif" font-size="13" fill="#212121"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
        '<rect width="100%" height="100%" fill="#fff"/>',
        _text(20, 32, title, 'font-size="17" font-weight="600"'),
        _text(20, 54, subtitle, 'fill="#616161"'),
    ]
    for tick_ms in TICKS_MS:
        x = _x(tick_ms)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}" stroke="#e6e8ea"/>')
        parts.append(_text(x, bottom + 18, f"{tick_ms}", 'text-anchor="middle" fill="#616161" font-size="12"'))
    parts.append(_text(_x(TICKS_MS[-1]) + 30, bottom + 18, "ms, logarithmic", 'fill="#616161" font-size="12"'))
    for index, bar in enumerate(bars):
        parts += _row(bar, TOP + ROW * index + ROW / 2)
    return "\n".join([*parts, "</svg>\n"])


def save_chart(browser: Browser, name: str, svg: str) -> Path:
    """Write the chart as SVG and as PNG; the path of the PNG."""
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.svg").write_text(svg)
    png = OUT / f"{name}.png"
    page = browser.new_page(device_scale_factor=2)
    page.set_content(f'<body style="margin:0">{svg}</body>')
    page.locator("svg").screenshot(path=png)
    page.close()
    return png


def _row(bar: Bar, middle: float) -> list[str]:
    to, whisker = _x(bar.p50_ms), _x(bar.p95_ms)
    cap = BAR / 2 - 4
    line = f"M{to:.1f} {middle}H{whisker:.1f}M{whisker:.1f} {middle - cap}v{2 * cap}"
    p50 = f'<tspan font-weight="600">{bar.p50_ms:.0f} ms</tspan>'
    rest = f'<tspan fill="#616161" dx="8">p95 {bar.p95_ms:.0f}{escape(bar.note)}</tspan>'
    shape = f'x="{LEFT}" y="{middle - BAR / 2}" width="{to - LEFT:.1f}" height="{BAR}" rx="2"'
    return [
        _text(LEFT - 12, middle + 4.5, bar.title, 'text-anchor="end"'),
        f'<rect {shape} fill="{COLOURS[bar.kind]}"/>',
        f'<path d="{line}" stroke="#212121" stroke-width="1.5" fill="none"/>',
        f'<text x="{whisker + 10:.1f}" y="{middle + 4.5}" {HALO}>{p50}{rest}</text>',
    ]


def _x(value_ms: float) -> float:
    low, high = math.log(TICKS_MS[0]), math.log(TICKS_MS[-1])
    share = (math.log(max(value_ms, TICKS_MS[0])) - low) / (high - low)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _text(x: float, y: float, text: str, attributes: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(text)}</text>'
