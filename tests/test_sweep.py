"""When playback counts as settled, from a page's reports alone: no page, no relay, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay_widget import sweep
from relay_widget.sweep import MIN_REPORTS, STEADY_S, Settling

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL_S = 0.25
CALM = {"fresh": 1, "latency_ms": 200.0, "target_ms": 150.0, "surplus_ms": 0.0, "learnt_ms": 0.0, "stalls": 0}


def settled_after_s(report: Callable[[float], dict[str, float]], *, least_s: float = 0, within_s: float = 60) -> float:
    """When a player with these reports is settled; infinite for never."""
    settling = Settling(fresh=1, least_s=least_s)
    for count in range(int(within_s / INTERVAL_S)):
        at_s = count * INTERVAL_S
        settling.hear(at_s, {**CALM, "count": count, **report(at_s)})
        if settling.settled:
            return at_s
    return float("inf")


def test_a_calm_player_is_settled_after_the_steady_time() -> None:
    assert settled_after_s(lambda _: {}) == STEADY_S


def test_it_is_never_settled_sooner_than_asked() -> None:
    assert settled_after_s(lambda _: {}, least_s=9) == 9


def test_reports_of_players_from_before_count_for_nothing() -> None:
    """The first point of a sweep must not hold the store of the section before."""
    assert settled_after_s(lambda at_s: {"fresh": 0 if at_s < 10 else 1}) == 10 + STEADY_S
    assert settled_after_s(lambda _: {"fresh": 0}) == float("inf")


def test_a_player_that_shows_nothing_is_not_settled() -> None:
    assert settled_after_s(lambda at_s: {"latency_ms": -1 if at_s < 5 else 200}) == 5 + STEADY_S


@pytest.mark.parametrize("figure", ["latency_ms", "target_ms"])
def test_a_drift_is_not_settled_until_it_ends(figure: str) -> None:
    """A store of 150 ms that is given back at 10 ms a second."""
    falling = settled_after_s(lambda at_s: {figure: 200 + max(0.0, 150 - 10 * at_s)})
    assert 13 < falling <= 15 + STEADY_S


def test_a_stall_begins_the_steady_time_anew() -> None:
    assert 3 + STEADY_S <= settled_after_s(lambda at_s: {"stalls": int(at_s >= 3)}) <= 3 + STEADY_S + 2 * INTERVAL_S


@pytest.mark.parametrize("figure", ["surplus_ms", "learnt_ms"])
def test_a_surplus_is_waited_for_however_slowly_it_goes(figure: str) -> None:
    """Three milliseconds a second look like no drift at all."""
    assert 13 <= settled_after_s(lambda at_s: {figure: max(0.0, 50 - 3 * at_s)}) <= 14


def test_jitter_makes_figures_tremble_and_is_settled_all_the_same() -> None:
    def trembling(at_s: float) -> dict[str, float]:
        up = int(at_s / INTERVAL_S) % 2
        return {"latency_ms": 380 + 60.0 * up, "target_ms": 320 + 40.0 * up}

    assert settled_after_s(trembling) == STEADY_S


def test_a_page_that_hardly_reports_is_not_believed() -> None:
    settling = Settling(fresh=1)
    for count in range(MIN_REPORTS - 1):
        settling.hear(count * STEADY_S / (MIN_REPORTS - 2), {**CALM, "count": count})
    assert not settling.settled


def test_a_report_that_is_told_again_is_one_report() -> None:
    settling = Settling(fresh=1)
    for count in range(100):
        settling.hear(count * 0.1, CALM)
    assert not settling.settled


def test_what_stalls_have_taught_is_known_from_the_last_report() -> None:
    settling = Settling(fresh=1)
    assert settling.learnt_ms == 0
    settling.hear(0, {**CALM, "learnt_ms": 30.0})
    assert settling.learnt_ms == 30


def test_a_row_says_whether_playback_had_settled() -> None:
    rows = [sweep.summary("jitter_ms", 0, [CALM]), sweep.summary("jitter_ms", 50, [CALM], settled=False)]
    assert [row["settled"] for row in rows] == [True, False]
    svg = sweep.draw("jitter_ms", "ms", rows, None)
    assert svg.count("not settled") == 1
    assert "no" in repr(sweep.Table(rows)).splitlines()[2].split()
