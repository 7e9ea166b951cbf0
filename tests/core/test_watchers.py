from __future__ import annotations

from math import inf

import pytest

from relay_widget.core.watchers import News, Watchers
from relay_widget.errors import WireError
from relay_widget.protocol import MAX_QUEUE_BYTES, MAX_WATCHED_ROOMS, SNAPSHOT_INTERVAL_MS, Code, Watch


def nothing_queued(_: str) -> int:
    return 0


def test_bursts_go_out_as_one_and_the_last_change_is_not_lost() -> None:
    watchers = Watchers()
    watchers.add(Watch("lab"), "m")
    assert watchers.due_in_ms(1000) is None
    watchers.changed("lab")
    assert watchers.due_in_ms(1000) == 0
    assert watchers.take_due(1000, nothing_queued) == [News("lab", ("m",), {})]
    assert watchers.due_in_ms(1000) is None
    watchers.changed("lab")
    watchers.changed("lab")
    assert watchers.due_in_ms(1010) == SNAPSHOT_INTERVAL_MS - 10
    assert watchers.take_due(1010, nothing_queued) == []
    assert watchers.take_due(1000 + SNAPSHOT_INTERVAL_MS, nothing_queued) == [News("lab", ("m",), {})]
    assert watchers.due_in_ms(9999) is None


def test_a_monitor_that_lags_gets_the_newest_later() -> None:
    watchers = Watchers()
    watchers.add(Watch("lab"), "slow")
    watchers.add(Watch("lab"), "fast")
    watchers.changed("lab")
    queued = {"slow": MAX_QUEUE_BYTES + 1, "fast": 0}
    assert watchers.take_due(0, queued.__getitem__) == [News("lab", ("fast",), {})]
    later_ms = watchers.due_in_ms(0)
    assert later_ms == SNAPSHOT_INTERVAL_MS
    queued["slow"] = 0
    assert watchers.take_due(later_ms, queued.__getitem__) == [News("lab", ("slow",), {})]
    assert watchers.due_in_ms(later_ms) is None


def test_unwatched_rooms_cost_nothing() -> None:
    watchers = Watchers()
    watchers.changed("lab")
    assert watchers.due_in_ms(0) is None
    watchers.add(Watch("lab"), "m")
    watchers.changed("lab")
    watchers.remove("lab", "m")
    watchers.remove("lab", "m")
    assert watchers.due_in_ms(0) is None
    watchers.add(Watch("lab"), "m")
    watchers.changed("lab")
    watchers.remove_monitor("m")
    assert watchers.take_due(0, nothing_queued) == []


def test_a_clock_that_goes_back_does_not_hold_news_up() -> None:
    watchers = Watchers()
    watchers.add(Watch("lab"), "m")
    watchers.changed("lab")
    watchers.take_due(1_000_000, nothing_queued)
    watchers.changed("lab")
    assert watchers.due_in_ms(0) == 0


def test_watched_rooms_are_bounded() -> None:
    watchers = Watchers()
    for number in range(MAX_WATCHED_ROOMS):
        watchers.add(Watch(f"room {number}"), "m")
    watchers.add(Watch("room 0"), "m")
    with pytest.raises(WireError) as caught:
        watchers.add(Watch("one more"), "m")
    assert caught.value.code == Code.TOO_MANY_ROOMS
    watchers.add(Watch("one more"), "another")


def test_reports_come_to_who_wants_them_and_disturb_nobody_else() -> None:
    watchers = Watchers()
    watchers.add(Watch("lab"), "state only")
    watchers.add(Watch("lab", frozenset({"c1"})), "kernel")
    watchers.add(Watch("lab", None), "teacher")
    assert watchers.reported("lab", "ada", "c1") <= 0
    watchers.reported("lab", "ada", "c1")
    watchers.reported("lab", "bob", "c2")
    ada, bob = frozenset({"ada"}), frozenset({"bob"})
    assert watchers.take_due(0, nothing_queued) == [News("lab", (), {"kernel": ada, "teacher": ada | bob})]
    watchers.remove_monitor("teacher")
    assert watchers.reported("lab", "bob", "c2") == inf
    assert watchers.due_in_ms(0) is None


def test_what_several_monitors_want_is_one_wish() -> None:
    watchers = Watchers()
    watchers.add(Watch("lab", frozenset({"c1"})), "a")
    watchers.add(Watch("lab", frozenset({"c2"})), "b")
    watchers.add(Watch("attic", frozenset({"c1"})), "b")
    watchers.add(Watch("attic", None), "c")
    watchers.add(Watch("yard"), "d")
    assert watchers.watched({"a", "b", "c"}) == {
        "lab": Watch("lab", frozenset({"c1", "c2"})),
        "attic": Watch("attic", None),
    }
