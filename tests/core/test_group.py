from __future__ import annotations

from relay_widget.core.group import GroupCache
from relay_widget.protocol import MAX_GROUP_AGE_MS, MAX_GROUP_BYTES

from .media import item


def test_it_keeps_the_group_from_its_key() -> None:
    cache = GroupCache()
    key, delta = item("key"), item("delta", number=1)
    cache.open(key, 0)
    cache.add(delta, 10)
    assert cache.objects(20) == (key, delta)
    assert cache.size_bytes == 2
    newer = item("key", group=2)
    cache.open(newer, 30)
    assert cache.objects(30) == (newer,)


def test_nothing_is_kept_before_a_key() -> None:
    cache = GroupCache()
    cache.add(item("delta", number=1), 0)
    assert cache.objects(0) == ()


def test_a_group_too_large_is_given_up_whole_and_stays_so() -> None:
    cache = GroupCache()
    cache.open(item("key", data=bytes(MAX_GROUP_BYTES)), 0)
    assert len(cache.objects(0)) == 1
    cache.add(item("delta", number=1), 1)
    assert cache.objects(1) == ()
    assert cache.size_bytes == 0
    cache.add(item("delta", number=2), 2)
    assert cache.objects(2) == ()


def test_a_group_too_old_is_given_up_when_it_grows_and_when_it_is_asked_for() -> None:
    cache = GroupCache()
    cache.open(item("key"), 0)
    assert cache.objects(MAX_GROUP_AGE_MS)
    cache.add(item("delta", number=1), MAX_GROUP_AGE_MS + 1)
    assert cache.size_bytes == 0
    cache.open(item("key", group=2), 0)
    assert cache.objects(MAX_GROUP_AGE_MS + 1) == ()
    assert cache.size_bytes == 0
