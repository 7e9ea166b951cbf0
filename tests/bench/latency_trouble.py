"""Trouble on purpose: a link that stalls, and one that is too narrow, for one of two who watch.

Run with ``make bench-trouble``. The relay impairs the one; what both see and hear is read from their elements.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any, Self

import socketio

from tests.bench.latency import DEFAULT_MS
from tests.bench.latency_browser import open_page, ticket
from tests.bench.latency_diary import Diary
from tests.bench.latency_figures import table, verdict
from tests.bench.plain_browser import plain_chromium
from tests.bench.results import save
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from tests.bench.plain_browser import PlainPage

ROOM = "bench-trouble"
SETTLE_S = 10
REST_S = 30
"""Before any trouble, so that no earlier one is felt."""
BEFORE_MS = 15_000
"""Latency before the trouble is taken from this long: it goes up and down by itself."""
STALL_MS = 3000
AFTER_STALL_S = 20
REPEATS = 3
NARROW_KBPS = 300
NARROW_S = 40
ADAPTED_AFTER_S = 10
PLAYS_AGAIN_MS = 500
BACK_MS = 3000
BACK_WITHIN_MS = 30
"""So near to what it was before, the latency is back."""
FRESH_MS = 1000
"""Pictures that are older are not live."""
STILL_MS = 1500
"""A group, one second, may be missing; more is a standstill."""


class Trouble:
    """Who administers the room, connected to its relay."""

    def __init__(self, relay: RelayProcess) -> None:
        self._client = socketio.SimpleClient()
        auth = relay.auth(role="monitor", administers=("*",))
        self._client.connect(relay.url, auth=auth, transports=["websocket"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()

    def impair(self, peer: str, **figures: float) -> float:
        """What is wrong for this peer from now on, nothing if nothing is given; when it was done, ms since 1970."""
        ack = self._client.call("impair", {"room": ROOM, "peer": peer, **figures})
        assert ack["ok"], ack
        return time.time() * 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.latency_trouble", description=__doc__)
    parser.add_argument("--only", choices=("stall", "narrow"), help="one of the two")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of the stall (default: %(default)s)")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    with (
        RelayProcess() as relay,
        plain_chromium("--autoplay-policy=no-user-gesture-required") as browser,
        Trouble(relay) as trouble,
        open_page(browser, "room.ts") as near_page,
        open_page(browser, "room.ts") as far_page,
    ):
        pages = {"near": near_page, "far": far_page}
        near = _meet(pages, relay)
        if arguments.only != "narrow":
            figures["stalls"] = [_stall(pages, trouble, near) for _ in range(arguments.repeats)]
            print(verdict(_stall_claims(figures["stalls"])) + "\n")
        if arguments.only != "stall":
            figures["narrow"] = _narrow(pages, trouble, near)
            print(verdict(_narrow_claims(figures["narrow"])))
    save("trouble", figures)


def _meet(pages: dict[str, PlainPage], relay: RelayProcess) -> str:
    """Somebody sends, `near` and `far` watch, each in a page of its own; the id of `near`, who will have trouble."""
    common = {"room": ROOM, "ticket": ticket(relay)}
    for name, page in pages.items():
        page.evaluate("options => probe.join(options)", {**common, "name": name})
    sending = pages["far"]
    sending.evaluate("options => probe.join(options)", {**common, "name": "sender", "timeslice_ms": DEFAULT_MS})
    for name, page in pages.items():
        page.until("name => probe.sees(name)", name)
        page.evaluate("name => probe.watch(name)", name)
    time.sleep(SETTLE_S)
    peer: str = sending.evaluate("probe.idOf('near', 'sender')")
    return peer


def _diaries(pages: dict[str, PlainPage]) -> list[Diary]:
    return [Diary.of(page.evaluate("name => probe.diary(name)", name)) for name, page in pages.items()]


def _stall(pages: dict[str, PlainPage], trouble: Trouble, near: str) -> dict[str, float]:
    time.sleep(REST_S)
    begun_ms = trouble.impair(near, stall_ms=STALL_MS, stall_every_ms=120_000)
    time.sleep(STALL_MS / 1000 + AFTER_STALL_S)
    trouble.impair(near)
    seen, others = _diaries(pages)
    returned_ms = begun_ms + STALL_MS
    end_ms = returned_ms + AFTER_STALL_S * 1000
    before_ms = seen.p50_ms(begun_ms - BEFORE_MS, begun_ms)
    after_ms = seen.p50_ms(end_ms - 5000, end_ms)
    figures = {
        "still_ms": seen.longest_still_ms(begun_ms, end_ms),
        "picture_ms": seen.first_picture_ms(returned_ms) - returned_ms,
        "sound_ms": seen.first_sound_ms(returned_ms) - returned_ms,
        "back_ms": seen.settled_ms(returned_ms, before_ms + BACK_WITHIN_MS) - returned_ms,
        "before_ms": before_ms,
        "after_ms": after_ms,
        "other_before_ms": others.p50_ms(begun_ms - BEFORE_MS, begun_ms),
        "other_stall_ms": others.p50_ms(begun_ms, returned_ms),
    }
    print(", ".join(f"{name} {value:.0f}" for name, value in figures.items()), flush=True)
    return figures


def _stall_claims(stalls: list[dict[str, float]]) -> list[tuple[str, bool]]:
    picture_ms = max(stall["picture_ms"] for stall in stalls)
    sound_ms = max(stall["sound_ms"] for stall in stalls)
    back_ms = max(stall["back_ms"] for stall in stalls)
    above_ms = max(stall["after_ms"] - stall["before_ms"] for stall in stalls)
    return [
        (f"stall: pictures again after {picture_ms:.0f} ms <= {PLAYS_AGAIN_MS} ms", picture_ms <= PLAYS_AGAIN_MS),
        (f"stall: sound again after {sound_ms:.0f} ms <= {PLAYS_AGAIN_MS} ms", sound_ms <= PLAYS_AGAIN_MS),
        (f"stall: back at its target after {back_ms:.0f} ms <= {BACK_MS} ms", back_ms <= BACK_MS),
        (f"stall: {above_ms:+.0f} ms above the latency before it, within 100 ms", above_ms <= 100),
    ]


def _narrow(pages: dict[str, PlainPage], trouble: Trouble, near: str) -> dict[str, Any]:
    time.sleep(REST_S)
    begun_ms = trouble.impair(near, rate_kbps=NARROW_KBPS)
    time.sleep(NARROW_S)
    ended_ms = trouble.impair(near)
    time.sleep(SETTLE_S)
    seen, others = _diaries(pages)
    rows = {}
    for from_s in range(0, NARROW_S, 5):
        from_ms = begun_ms + from_s * 1000
        to_ms = from_ms + 5000
        rows[f"{from_s} to {from_s + 5} s"] = {
            "p50_ms": seen.p50_ms(from_ms, to_ms),
            "max_ms": max(seen.latencies_ms(from_ms, to_ms), default=float("nan")),
            "still_ms": seen.longest_still_ms(from_ms, to_ms),
            "fps": len(seen.latencies_ms(from_ms, to_ms)) / 5,
            "gaps": len(seen.sound_gaps_ms(from_ms, to_ms)),
            "other_ms": others.p50_ms(from_ms, to_ms),
        }
    columns = {"p50_ms": "p50", "max_ms": "max", "still_ms": "still ms", "fps": "fps", "gaps": "sound gaps"}
    print(table(rows, {**columns, "other_ms": "other p50"}))
    from_ms = begun_ms + ADAPTED_AFTER_S * 1000
    return {
        "sound_gaps_ms": seen.sound_gaps_ms(begun_ms, ended_ms),
        "sound_waits": sum(begun_ms <= at_ms < ended_ms for at_ms in seen.sound_waits_ms),
        "adapted_p50_ms": seen.p50_ms(from_ms, ended_ms),
        "adapted_still_ms": seen.longest_still_ms(from_ms, ended_ms),
        "other_before_ms": others.p50_ms(begun_ms - BEFORE_MS, begun_ms),
        "other_ms": others.p50_ms(begun_ms, ended_ms),
        "rows": rows,
        "figures": seen.figures,
    }


def _narrow_claims(narrow: dict[str, Any]) -> list[tuple[str, bool]]:
    gaps = len(narrow["sound_gaps_ms"]) + narrow["sound_waits"]
    p50_ms, still_ms = narrow["adapted_p50_ms"], narrow["adapted_still_ms"]
    factor = narrow["other_ms"] / narrow["other_before_ms"]
    after = f"{NARROW_KBPS} kbit/s, after {ADAPTED_AFTER_S} s"
    return [
        (f"{NARROW_KBPS} kbit/s: {gaps} gaps in the sound", gaps == 0),
        (f"{after}: p50 {p50_ms:.0f} ms <= {FRESH_MS} ms", p50_ms <= FRESH_MS),
        (f"{after}: longest standstill {still_ms:.0f} ms <= {STILL_MS} ms", still_ms <= STILL_MS),
        (f"{NARROW_KBPS} kbit/s: the other's latency {factor:.2f} x <= 1.1 x", factor <= 1.1),
    ]


if __name__ == "__main__":
    main()
