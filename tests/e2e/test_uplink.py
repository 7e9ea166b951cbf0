"""Less picture where the sender's own way to the relay is narrow: it follows that, too, and recovers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import socketio

from tests.bench.latency_browser import open_page, ticket
from tests.bench.plain_browser import plain_chromium
from tests.relay_process import RelayProcess
from tests.slow_link import SlowLink

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROOM = "uplink"
NARROW_KBPS = 200
"""Less than the picture at its best takes, and enough for a smaller one beside the sound."""


def test_the_picture_gets_smaller_on_a_slow_way_to_the_relay_and_recovers() -> None:
    with (
        RelayProcess() as relay,
        SlowLink(relay.url) as link,
        plain_chromium("--autoplay-policy=no-user-gesture-required") as browser,
        open_page(browser, "room.ts") as page,
        socketio.SimpleClient() as monitor,
    ):
        monitor.connect(relay.url, auth=relay.auth(role="monitor"), transports=["websocket"])
        here = ticket(relay)
        page.evaluate("options => probe.join(options)", {"room": ROOM, "name": "watcher", "ticket": here})
        sender = {"room": ROOM, "name": "sender", "ticket": {**here, "url": link.url}, "timeslice_ms": 20}
        page.evaluate("options => probe.join(options)", sender)
        page.until("probe.sees('watcher')")
        until(monitor, lambda sent: sent["level"] == 0 and sent["bitrate_kbps"] > NARROW_KBPS, within_s=30)

        link.narrow(NARROW_KBPS)
        until(monitor, lambda sent: sent["level"] > 0, within_s=60)
        heard_s = page.evaluate("probe.heard_s('watcher')")
        time.sleep(5)
        assert page.evaluate("probe.heard_s('watcher')") > heard_s + 3, "the sound goes on"

        link.narrow(None)
        until(monitor, lambda sent: sent["level"] == 0, within_s=150)


def until(monitor: socketio.SimpleClient, true: Callable[[dict[str, Any]], bool], within_s: float) -> None:
    """Wait until this is true of what the sender says it sends."""
    deadline_s = time.monotonic() + within_s
    sent = None
    while time.monotonic() < deadline_s:
        state = monitor.call("watch", {"room": ROOM, "reports": True}, timeout=10)
        for peer in state["peers"]:
            if peer["name"] == "sender" and peer["id"] in state["reports"]:
                sent = state["reports"][peer["id"]]["sent"]
                if "level" in sent and true(sent):
                    return
        time.sleep(0.25)
    pytest.fail(f"not within {within_s} s: {sent}")
