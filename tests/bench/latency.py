"""Glass to glass, every way over the same page and the same pictures: WebRTC, the plain design, and this package.

Run with ``make bench-latency``. Latency is read from the pictures: each carries the time it was taken, and is read
when it is shown. One minute for each row; ``--seconds`` and ``--only`` are for trying.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay_widget import Call
from tests.bench.latency_browser import Load, open_page, ticket
from tests.bench.latency_chart import Bar, draw, save_chart
from tests.bench.latency_figures import median, seen, table, verdict
from tests.bench.plain_browser import plain_chromium
from tests.bench.results import save
from tests.e2e.lab import chromium
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from tests.bench.plain_browser import PlainPage

SECONDS = 60
SETTLE_S = 5
SETTLE_SLICES = 20
"""From the first picture until what is shown counts: a player finds its place."""
PLAIN_MS = 1500
PLAIN_SETTLE_S = 240
"""The plain design plays one slice behind until it first runs dry, and two from then on: what it is like in a call.
It is waited for, so long at most; on most days half a minute is enough."""
PLAIN_LAP_S = 5
DEFAULT_MS = int(Call.timeslice.default_value)


@dataclass(frozen=True)
class Row:
    """One way with one setting; `name` is what ``--only`` takes."""

    name: str
    title: str
    kind: str
    timeslice_ms: int = 0


ROWS = (
    Row("webrtc", "WebRTC, peer to peer", "webrtc"),
    Row("origin", f"the plain design, {PLAIN_MS} ms slices", "origin", PLAIN_MS),
    Row("default", f"relay-widget, default ({DEFAULT_MS} ms)", "ours", DEFAULT_MS),
    *(Row(str(ms), f"relay-widget, {ms} ms slices", "ours", ms) for ms in (20, 50, 100, 250, 500, PLAIN_MS)),
)

COLUMNS = {
    "p50_ms": "p50",
    "p95_ms": "p95",
    "p5_ms": "p5",
    "badge_p50_ms": "badge",
    "stalls": "stalls",
    "standstills": "still",
    "dropped_frames": "dropped",
    "fps": "fps",
    "start_ms": "start",
    "kbps": "kbit/s",
    "main_thread": "thread %",
    "renderer": "page %",
    "browser": "browser %",
    "relay": "relay %",
    "other": "other %",
    "stolen": "stolen %",
}
LEGEND = """\
p50, p95, p5: age of the picture when it is shown, ms; badge: the same as the package says itself
stalls: `waiting` of picture or sound; still: no new picture for 250 ms; start: from capture to the first picture, ms
thread: the page's main thread; page, browser, relay: CPU of the processes; other: everything else on this machine;
stolen: what the host of a virtual machine gave to others; all in % of one core.
Measure again with more than 20 % other or 5 % stolen."""


def main() -> None:
    rows, seconds = _arguments(sys.argv[1:])
    results: dict[str, dict[str, Any]] = {}
    with (
        RelayProcess() as relay,
        plain_chromium("--autoplay-policy=no-user-gesture-required") as browser,
        open_page(browser) as page,
    ):
        for row in rows:
            raw = _measure(page, relay, row, seconds)
            results[row.name] = {"title": row.title, **_summary(raw), "raw": raw}
            print(f"\r{' ' * 60}\r{row.title:36}{_line(results[row.name])}", flush=True)
    print("\n" + table({one["title"]: one for one in results.values()}, COLUMNS))
    print(f"\n{LEGEND}\n\n{verdict(_claims(results))}")
    save("latency", {"seconds": seconds, "rows": results})
    with chromium() as browser_for_pictures:
        print(f"\nchart: {save_chart(browser_for_pictures, 'latency', _chart(results, seconds))}")


def _measure(page: PlainPage, relay: RelayProcess, row: Row, seconds: float) -> dict[str, Any]:
    setting = {
        "kind": row.kind,
        "room": f"bench-{row.name}",
        "ticket": ticket(relay),
        "timeslice_ms": row.timeslice_ms,
    }
    page.evaluate("setting => probe.start(setting)", setting)
    time.sleep(max(SETTLE_S, SETTLE_SLICES * row.timeslice_ms / 1000))
    if row.kind == "origin":
        _until_run_dry(page)
    page.evaluate("probe.begin()")
    load = Load(page, {"relay": relay.process.pid})
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        print(f"\r{row.title}: {left_s:.0f} s left  ", end="", file=sys.stderr, flush=True)
        time.sleep(min(left_s, 5))
    cpu = load.percent()
    raw: dict[str, Any] = page.evaluate("probe.end()")
    time.sleep(0.5)
    return {**raw, "cpu_percent": cpu}


def _until_run_dry(page: PlainPage) -> None:
    begun_s = time.monotonic()
    while (waited_s := time.monotonic() - begun_s) < PLAIN_SETTLE_S:
        page.evaluate("probe.begin()")
        time.sleep(PLAIN_LAP_S)
        if median(page.evaluate("probe.row()")["latencies_ms"]) > 2 * PLAIN_MS:
            return
        print(f"\rthe plain design has not run dry yet: {waited_s:.0f} s  ", end="", file=sys.stderr, flush=True)


def _summary(raw: dict[str, Any]) -> dict[str, float]:
    return {
        **seen(raw),
        "badge_p50_ms": median(sample["latency_ms"] for sample in raw["figures"] if sample["latency_ms"] >= 0),
        "start_ms": raw["start_ms"],
        "kbps": raw["sent_bytes"] * 8 / 1000 / raw["seconds"],
        **raw["cpu_percent"],
    }


def _line(result: dict[str, Any]) -> str:
    return f"p50 {result['p50_ms']:.0f} ms, p95 {result['p95_ms']:.0f} ms, {result['stalls']} stalls"


def _claims(results: dict[str, dict[str, Any]]) -> list[tuple[str, bool]]:
    """As far as the rows they speak of were measured."""
    default, webrtc = results.get("default"), results.get("webrtc")
    slow, origin = results.get(str(PLAIN_MS)), results.get("origin")
    claims: list[tuple[str, bool]] = []
    if default:
        p50_ms, p95_ms = default["p50_ms"], default["p95_ms"]
        claims.append((f"default: p50 {p50_ms:.0f} ms <= 200 ms", p50_ms <= 200))
        claims.append((f"default: p95 {p95_ms:.0f} ms <= 1.3 x p50", p95_ms <= 1.3 * p50_ms))
        stalls = default["stalls"] + default["standstills"]
        claims.append((f"default: {stalls} stalls and standstills", stalls == 0))
    if default and webrtc:
        factor = default["p50_ms"] / webrtc["p50_ms"]
        claims.append((f"default: {factor:.1f} x WebRTC's p50 <= 5 x", factor <= 5))
    if slow and origin:
        share = slow["p50_ms"] / origin["p50_ms"]
        claims.append((f"{PLAIN_MS} ms slices: {share:.2f} x the plain design's p50 <= 0.67 x", share <= 2 / 3))
    return claims


def _chart(results: dict[str, dict[str, Any]], seconds: float) -> str:
    kinds = {row.name: row.kind for row in ROWS}
    bars = []
    for name, one in results.items():
        note = f", stalls: {one['stalls']}" if one["stalls"] else ""
        bars.append(Bar(one["title"], kinds[name], one["p50_ms"], one["p95_ms"], note))
    subtitle = f"camera to screen on one machine, read from the pictures, {seconds:.0f} s each; whisker: p95"
    return draw(bars, "Latency, glass to glass", subtitle)


def _arguments(arguments: list[str]) -> tuple[list[Row], float]:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.latency", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measured for each row (default: %(default)s)")
    parser.add_argument("--only", help=f"rows, with commas between: {', '.join(row.name for row in ROWS)}")
    given = parser.parse_args(arguments)
    wanted = given.only.split(",") if given.only else [row.name for row in ROWS]
    if unknown := set(wanted) - {row.name for row in ROWS}:
        parser.error(f"there are no rows {', '.join(sorted(unknown))}")
    return [row for row in ROWS if row.name in wanted], given.seconds


if __name__ == "__main__":
    main()
