from __future__ import annotations

from relay_widget.core.stats import Budget, Stats


def test_budget_lets_one_second_through_at_once() -> None:
    budget = Budget(0, per_s=1000)
    assert budget.take(600, 0)
    assert budget.take(600, 0)  # something was left: the last one may overdraw
    assert not budget.take(1, 0)


def test_debt_is_paid_by_time() -> None:
    budget = Budget(0, per_s=1000)
    assert budget.take(2000, 0)
    assert not budget.take(1, 1000)
    assert budget.take(1, 1001)


def test_it_never_saves_more_than_a_second() -> None:
    budget = Budget(0, per_s=1000)
    assert budget.take(1000, 60_000)
    assert not budget.take(1, 60_000)


def test_urgent_has_a_second_second() -> None:
    budget = Budget(0, per_s=1000)
    assert budget.take(1500, 0)
    assert not budget.take(1, 0)
    assert budget.take(500, 0, urgent=True)
    assert not budget.take(1, 0, urgent=True)


def test_a_clock_that_goes_back_does_no_harm() -> None:
    budget = Budget(10_000, per_s=1000)
    assert budget.take(1000, 10_000)
    assert not budget.take(1, 5000)
    assert budget.take(1, 5001)


def test_stats_are_plain_data() -> None:
    stats = Stats(chunks_in=1)
    stats.refused["too-fast"] += 2
    assert stats.as_json()["chunks_in"] == 1
    assert stats.as_json()["refused"] == {"too-fast": 2}
