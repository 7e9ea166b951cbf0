"""Lip-sync: how much later (or, negative, sooner) than the picture the sound of the same moment is heard.

Run with ``make bench-sync``. The microphone beeps as each full second begins; when a beep is heard follows from where
it is in the player's media and from the element's position. The picture's age is read from the picture.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from typing import TYPE_CHECKING, Any

from tests.bench.latency import DEFAULT_MS
from tests.bench.latency_browser import open_page, ticket
from tests.bench.latency_diary import Diary
from tests.bench.latency_figures import median, percentiles, table, verdict
from tests.bench.plain_browser import plain_chromium
from tests.bench.results import save
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from tests.bench.plain_browser import PlainBrowser

SECONDS = 30
SETTLE_S = 5
TIMESLICES_MS = (DEFAULT_MS, 100, 500)
SYNC_MS = 80
COLUMNS = {
    "picture_ms": "picture",
    "sound_ms": "sound",
    "p5_ms": "skew p5",
    "p50_ms": "skew p50",
    "p95_ms": "skew p95",
    "said_ms": "said skew",
    "beeps": "beeps",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.latency_sync", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each slice (default: %(default)s)")
    seconds = parser.parse_args().seconds
    rows: dict[str, dict[str, float]] = {}
    with RelayProcess() as relay, plain_chromium("--autoplay-policy=no-user-gesture-required") as browser:
        for timeslice_ms in TIMESLICES_MS:
            rows[f"{timeslice_ms} ms slices"] = _measure(browser, relay, timeslice_ms, seconds)
    print(table(rows, COLUMNS) + "\n")
    print(verdict(claim for title, row in rows.items() for claim in _claims(title, row)))
    save("sync", rows)


def _measure(browser: PlainBrowser, relay: RelayProcess, timeslice_ms: int, seconds: float) -> dict[str, float]:
    common = {"room": f"bench-sync-{timeslice_ms}", "ticket": ticket(relay)}
    with open_page(browser, "room.ts", query="?beeps") as page:
        page.evaluate("options => probe.join(options)", {**common, "name": "watcher"})
        page.evaluate("options => probe.join(options)", {**common, "name": "sender", "timeslice_ms": timeslice_ms})
        page.until("probe.sees('watcher')")
        time.sleep(SETTLE_S)
        page.evaluate("probe.watch('watcher')")
        time.sleep(seconds)
        record: dict[str, Any] = page.evaluate("probe.diary('watcher')")
        beeps_s: list[float] = page.evaluate("probe.beeps_s()")
    diary = Diary.of(record)
    sounds_ms, skews_ms = [], []
    for heard_ms in (diary.heard_ms(beep_s) for beep_s in beeps_s):
        picture_ms = diary.p50_ms(heard_ms - 500, heard_ms + 500)
        if math.isnan(heard_ms) or math.isnan(picture_ms):
            continue  # before the diary begins, or after it
        # The beep of the full second that makes it about as old as the picture.
        age_ms = heard_ms % 1000 + 1000 * round((picture_ms - heard_ms % 1000) / 1000)
        sounds_ms.append(age_ms)
        skews_ms.append(age_ms - picture_ms)
    return {
        **percentiles(skews_ms),
        "picture_ms": statistics.median(latency_ms for _, latency_ms in diary.pictures),
        "sound_ms": median(sounds_ms),
        "said_ms": median(sample["av_skew_ms"] for sample in diary.figures),
        "beeps": len(skews_ms),
    }


def _claims(title: str, row: dict[str, float]) -> list[tuple[str, bool]]:
    worst_ms = max(row["p95_ms"], row["p5_ms"], key=abs)
    return [(f"{title}: skew {worst_ms:+.0f} ms, within {SYNC_MS} ms", abs(worst_ms) <= SYNC_MS)]


if __name__ == "__main__":
    main()
