from __future__ import annotations

from relay_widget.core.subscription import Subscription
from relay_widget.core.track import LiveTrack

from .media import TRACK, item, label

INIT = item("init")


def live() -> Subscription:
    subscription = Subscription()
    assert subscription.offer(INIT, INIT, "free") == []
    assert subscription.offer(item("key"), INIT, "free") == []
    return subscription


def a_track(key: bytes = b"k") -> LiveTrack:
    track = LiveTrack("ada", TRACK)
    track.accept(label("init"), b"i", 0)
    track.accept(label("key"), key, 0)
    track.accept(label("delta", number=1), b"d", 0)
    return track


def test_live_gets_everything() -> None:
    subscription = live()
    assert subscription.offer(item("delta", number=1), INIT, "busy") == []
    assert subscription.offer(item("key", group=2), INIT, "free") == []
    assert (subscription.dropped_groups, subscription.dropped_objects) == (0, 0)


def test_a_full_queue_drops_to_the_next_group_start_that_fits() -> None:
    subscription = live()
    assert subscription.offer(item("delta", number=1), INIT, "full") is None
    assert subscription.offer(item("delta", number=2), INIT, "free") is None  # never a part after a hole
    assert (subscription.dropped_groups, subscription.dropped_objects) == (1, 2)
    assert subscription.offer(item("key", group=2), INIT, "full") is None
    assert subscription.offer(item("delta", group=2, number=1), INIT, "free") is None
    assert (subscription.dropped_groups, subscription.dropped_objects) == (2, 4)
    assert subscription.offer(item("key", group=3), INIT, "free") == []
    assert subscription.take_news(0)
    assert not subscription.take_news(0)


def test_it_is_told_of_a_loss_when_it_begins_now_and_then_and_when_it_ends() -> None:
    subscription = live()
    assert not subscription.take_news(0)
    told_ms = []
    for at_ms in range(0, 12_000, 1000):
        subscription.offer(item("key", group=2 + at_ms // 1000), INIT, "full")
        if subscription.take_news(at_ms):
            told_ms.append(at_ms)
    assert told_ms == [0, 5000, 10_000]
    subscription.offer(item("key", group=20), INIT, "free")
    assert subscription.take_news(12_000)
    assert not subscription.take_news(20_000)


def test_an_epoch_that_changed_meanwhile_sends_its_init_first() -> None:
    subscription = live()
    newer = item("init", epoch=2)
    assert subscription.offer(newer, newer, "full") is None
    assert subscription.offer(item("key", epoch=2), newer, "free") == [newer]
    assert subscription.offer(item("key", epoch=2, group=2), newer, "free") == []


def test_a_late_joiner_gets_init_and_the_group() -> None:
    track = a_track()
    subscription = Subscription()
    assert [it.data for it in subscription.catch_up(track, 0, load="free", spare_bytes=100)] == [b"i", b"k", b"d"]
    assert subscription.offer(item("delta", number=2), track.init, "free") == []


def test_a_late_joiner_without_a_group_waits_and_misses_nothing() -> None:
    track = a_track()
    track.group.give_up()
    subscription = Subscription()
    assert [it.data for it in subscription.catch_up(track, 0, load="free", spare_bytes=100)] == [b"i"]
    assert subscription.offer(item("delta", number=2), track.init, "free") is None
    assert subscription.dropped_objects == 0
    assert subscription.offer(item("key", group=2), track.init, "free") == []


def test_a_late_joiners_burst_is_bounded() -> None:
    track = a_track()
    subscription = Subscription()
    assert subscription.catch_up(track, 0, load="full", spare_bytes=100) == []
    assert [it.data for it in subscription.catch_up(track, 0, load="free", spare_bytes=1)] == [b"i"]


def test_who_caught_up_with_nothing_gets_the_init_before_its_first_key() -> None:
    track = a_track()
    subscription = Subscription()
    subscription.catch_up(track, 0, load="full", spare_bytes=100)
    assert subscription.offer(item("key", group=2), track.init, "free") == [track.init]
