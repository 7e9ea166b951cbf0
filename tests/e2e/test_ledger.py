"""What the package says of its latency, against the pictures: a stamp drawn by the sender, read from the screen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.bench.latency_browser import open_page, ticket
from tests.bench.latency_figures import median
from tests.bench.plain_browser import plain_chromium
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from tests.bench.plain_browser import PlainPage

pytestmark = pytest.mark.e2e

SETTLE_S = 8
MEASURING_S = 12
WINDOW_MS = 10_000
"""The ledger's own; the player's target may move meanwhile, so both must look at the same pictures."""
MAX_APART_MS = 20


def measured(page: PlainPage, relay: RelayProcess, timeslice_ms: int) -> dict[str, Any]:
    setting = {"kind": "ours", "room": f"ledger-{timeslice_ms}", "ticket": ticket(relay), "timeslice_ms": timeslice_ms}
    page.evaluate("setting => probe.start(setting)", setting)
    time.sleep(SETTLE_S)
    page.evaluate("probe.begin()")
    time.sleep(MEASURING_S)
    raw: dict[str, Any] = page.evaluate("probe.end()")
    return raw


@pytest.mark.parametrize("timeslice_ms", [20, 250])
def test_the_ledgers_total_is_the_age_of_the_picture(timeslice_ms: int) -> None:
    """Not how long it takes, only that two ways to measure the same thing agree."""
    with (
        RelayProcess() as relay,
        plain_chromium("--autoplay-policy=no-user-gesture-required") as browser,
        open_page(browser) as page,
    ):
        raw = measured(page, relay, timeslice_ms)
    since_ms = raw["shown_ms"][-1] - WINDOW_MS
    shown = zip(raw["shown_ms"], raw["latencies_ms"], strict=True)
    pixels_ms = median(latency_ms for shown_ms, latency_ms in shown if shown_ms > since_ms)
    last = raw["figures"][-1]
    hops = {name: last[f"{name}_p50_ms"] for name in ("record", "uplink", "downlink", "queue", "play", "total")}
    assert all(hop_ms >= 0 for hop_ms in hops.values()), hops
    assert abs(hops["total"] - pixels_ms) <= MAX_APART_MS, (hops, pixels_ms)
