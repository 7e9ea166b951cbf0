"""A long call: does its latency creep, does its memory grow, does it complain?

Run with ``make bench-long``: ten minutes at the default setting, one page that sends and watches, looked at minute
by minute. ``--minutes`` is for trying.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from tests.bench.latency import DEFAULT_MS
from tests.bench.latency_browser import Load, open_page, ticket
from tests.bench.latency_figures import seen, table, verdict
from tests.bench.plain_browser import plain_chromium
from tests.bench.results import save
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from tests.bench.plain_browser import PlainPage

MINUTES = 10
COLUMNS = {
    "p50_ms": "p50",
    "p95_ms": "p95",
    "p5_ms": "p5",
    "stalls": "stalls",
    "standstills": "still",
    "dropped_frames": "dropped",
    "behind_s": "behind s",
    "heap_mb": "heap MB",
    "renderer": "page %",
    "relay": "relay %",
    "other": "other %",
    "stolen": "stolen %",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.latency_long", description=__doc__)
    parser.add_argument("--minutes", type=int, default=MINUTES, help="at least 2 (default: %(default)s)")
    minutes = max(2, parser.parse_args().minutes)
    complaints: list[str] = []
    rows: list[dict[str, float]] = []
    with (
        RelayProcess() as relay,
        plain_chromium("--autoplay-policy=no-user-gesture-required") as browser,
        open_page(browser, complaints=complaints) as page,
    ):
        setting = {"kind": "ours", "room": "bench-long", "ticket": ticket(relay), "timeslice_ms": DEFAULT_MS}
        page.evaluate("setting => probe.start(setting)", setting)
        print(table({}, COLUMNS))
        for number in range(1, minutes + 1):
            rows.append(_minute(page, relay.process.pid))
            print(table({f"minute {number}": rows[-1]}, COLUMNS).splitlines()[1], flush=True)
        page.evaluate("probe.end()")
    print("\n" + verdict(_claims(rows, complaints)))
    save("long", {"minutes": rows, "complaints": complaints})


def _minute(page: PlainPage, relay_pid: int) -> dict[str, float]:
    page.evaluate("probe.begin()")
    load = Load(page, {"relay": relay_pid})
    time.sleep(60)
    cpu = load.percent()
    raw: dict[str, Any] = page.evaluate("probe.row()")
    page.call("HeapProfiler.collectGarbage")
    heap = page.call("Runtime.getHeapUsage")
    return {**seen(raw), **cpu, "behind_s": raw["behind_s"], "heap_mb": heap["usedSize"] / 1e6}


def _claims(rows: list[dict[str, float]], complaints: list[str]) -> list[tuple[str, bool]]:
    second, last = rows[1], rows[-1]
    creep_ms = last["p50_ms"] - second["p50_ms"]
    behind_s = max(row["behind_s"] for row in rows)
    growth_mb = last["heap_mb"] - second["heap_mb"]
    return [
        (f"p50 of the last minute less the second's: {creep_ms:+.0f} ms, within 30 ms", abs(creep_ms) <= 30),
        (f"kept behind the position: {behind_s:.1f} s <= 15 s", behind_s <= 15),
        (f"heap since the second minute: {growth_mb:+.1f} MB <= 20 MB", growth_mb <= 20),
        (f"{len(complaints)} errors in the console, exceptions and unhandled rejections", not complaints),
    ]


if __name__ == "__main__":
    main()
