from __future__ import annotations

from math import inf

from relay_widget.core.lag import LAG_LINGER_MS, Lag
from relay_widget.protocol import TRACK_LAG_INTERVAL_MS


def test_nobody_lags_and_nothing_is_told() -> None:
    lag = Lag()
    assert not lag
    assert lag.due_ms(5) == inf
    assert lag.take(5, 0) is None
    lag.left("bob")
    assert lag.due_ms(4) == inf


def test_who_falls_behind_is_told_at_once_and_only_once() -> None:
    lag = Lag()
    assert lag.fell_behind("bob")
    assert not lag.fell_behind("bob")
    assert lag.due_ms(3) <= 0
    assert lag.take(3, 0) == (3, 1)
    assert lag.due_ms(3) == inf
    assert lag.take(3, 9999) is None


def test_at_most_once_a_second_and_the_last_change_comes() -> None:
    lag = Lag()
    lag.fell_behind("bob")
    assert lag.take(3, 0) == (3, 1)
    lag.fell_behind("cy")
    lag.fell_behind("dan")
    assert lag.due_ms(3) == TRACK_LAG_INTERVAL_MS
    assert lag.take(3, TRACK_LAG_INTERVAL_MS - 1) is None
    assert lag.take(3, TRACK_LAG_INTERVAL_MS) == (3, 3)


def test_who_has_resumed_counts_for_a_while() -> None:
    lag = Lag()
    lag.fell_behind("bob")
    lag.take(1, 0)
    lag.resumed("bob", 1000)
    assert lag.due_ms(1) == 1000 + LAG_LINGER_MS
    lag.fell_behind("bob")  # it loses every other group: no news
    assert lag.due_ms(1) == inf
    lag.resumed("bob", 2000)
    assert lag.take(1, 2000 + LAG_LINGER_MS - 1) is None
    assert lag.take(1, 2000 + LAG_LINGER_MS) == (1, 0)
    assert not lag


def test_who_leaves_does_not_count_any_more() -> None:
    lag = Lag()
    for name in ("bob", "cy"):
        lag.fell_behind(name)
    lag.take(3, 0)
    lag.left("bob")
    assert lag.due_ms(2) == TRACK_LAG_INTERVAL_MS
    assert lag.take(2, TRACK_LAG_INTERVAL_MS) == (2, 1)
    assert lag.take(1, 2 * TRACK_LAG_INTERVAL_MS) == (1, 1)  # somebody else has gone: all that are left lag
    lag.left("cy")
    assert lag.take(0, 3 * TRACK_LAG_INTERVAL_MS) == (0, 0)


def test_a_change_that_was_taken_back_is_no_news() -> None:
    lag = Lag()
    lag.fell_behind("bob")
    lag.left("bob")
    assert lag.due_ms(2) == inf
    assert lag.take(2, 0) is None
