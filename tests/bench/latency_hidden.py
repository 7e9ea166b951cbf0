"""A minute in a hidden tab: how soon is what one sees live again, once the tab is looked at?

Run with ``make bench-hidden``. A second tab is brought in front of the watching one, whose ``document.hidden`` is then
true and whose timers run once a second, as for a user. The sender is in a window of its own.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import TYPE_CHECKING, Any

from tests.bench.latency import DEFAULT_MS
from tests.bench.latency_browser import served, ticket
from tests.bench.latency_diary import Diary
from tests.bench.latency_figures import verdict
from tests.bench.plain_browser import plain_chromium
from tests.bench.results import save
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from tests.bench.plain_browser import PlainPage

SECONDS = 60
SETTLE_S = 10
AFTER_S = 15
LIVE_AFTER_MS = 1000
LIVE_WITHIN_MS = 100
"""Live is what is no older than it was before, by this much."""
ROOM = "bench-hidden"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.latency_hidden", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="hidden (default: %(default)s)")
    figures = _measure(parser.parse_args().seconds)
    print(", ".join(f"{name} {value:.0f}" for name, value in figures.items()))
    print(verdict(_claims(figures)))
    save("hidden", figures)


def _measure(seconds: float) -> dict[str, float]:
    with (
        RelayProcess() as relay,
        served("room.ts") as address,
        plain_chromium("--autoplay-policy=no-user-gesture-required") as browser,
        browser.page(address) as sender,
        browser.page(address) as watcher,
    ):
        common = {"room": ROOM, "ticket": ticket(relay)}
        _join(sender, {**common, "name": "sender", "timeslice_ms": DEFAULT_MS})
        _join(watcher, {**common, "name": "watcher"})
        watcher.until("probe.sees('watcher')")
        watcher.evaluate("probe.watch('watcher')")
        time.sleep(SETTLE_S)
        with browser.page("about:blank", window=False):
            watcher.until("document.hidden")
            time.sleep(seconds)
            assert watcher.evaluate("document.hidden"), "the tab did not stay hidden"
            assert not sender.evaluate("document.hidden"), "the sender was hidden too"
        watcher.call("Page.bringToFront")
        time.sleep(AFTER_S)
        hidden: list[tuple[float, bool]] = watcher.evaluate("probe.hidden")
        return _figures(Diary.of(watcher.evaluate("probe.diary('watcher')")), hidden)


def _join(page: PlainPage, options: dict[str, Any]) -> None:
    page.until("window.probe !== undefined")
    page.evaluate("options => probe.join(options)", options)


def _figures(seen: Diary, hidden: list[tuple[float, bool]]) -> dict[str, float]:
    left_ms = next(at_ms for at_ms, is_hidden in hidden if is_hidden)
    back_ms = next(at_ms for at_ms, is_hidden in reversed(hidden) if not is_hidden)
    before_ms = seen.p50_ms(left_ms - 5000, left_ms)
    live_ms = next(
        (at_ms for at_ms, age_ms in seen.pictures if at_ms > back_ms and age_ms <= before_ms + LIVE_WITHIN_MS), math.inf
    )
    return {
        "hidden_s": (back_ms - left_ms) / 1000,
        "before_ms": before_ms,
        "first_picture_ms": seen.first_picture_ms(back_ms) - back_ms,
        "live_ms": live_ms - back_ms,
        "stays_live_ms": seen.settled_ms(back_ms, before_ms + LIVE_WITHIN_MS) - back_ms,
        "after_ms": seen.p50_ms(back_ms + 5000, math.inf),
        "longest_still_ms": seen.longest_still_ms(back_ms, back_ms + 5000),
    }


def _claims(figures: dict[str, float]) -> list[tuple[str, bool]]:
    live_ms = figures["stays_live_ms"]
    seconds = figures["hidden_s"]
    return [(f"live {live_ms:.0f} ms after {seconds:.0f} s hidden <= {LIVE_AFTER_MS} ms", live_ms <= LIVE_AFTER_MS)]


if __name__ == "__main__":
    main()
