from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay_widget.core.track import LiveTrack
from relay_widget.errors import WireError
from relay_widget.protocol import MAX_INIT_BYTES, Code

from .media import TRACK, label

if TYPE_CHECKING:
    from relay_widget.protocol import ObjectType


class Feed:
    """A track with its sender's hand on it."""

    def __init__(self) -> None:
        self.track = LiveTrack("ada", TRACK)

    def takes(self, kind: ObjectType, epoch: int = 1, group: int = 1, number: int = 0, data: bytes = b"x") -> None:
        self.track.accept(label(kind, epoch, group, number), data, 5.0)

    def refuses(self, kind: ObjectType, epoch: int = 1, group: int = 1, number: int = 0, data: bytes = b"x") -> str:
        with pytest.raises(WireError) as caught:
            self.takes(kind, epoch, group, number, data)
        return caught.value.code


def test_an_object_is_labelled_with_its_owner_and_the_time() -> None:
    item = LiveTrack("ada", TRACK).accept(label("init"), b"i", 5.0)
    assert item.label.as_json() == {**label("init").as_json(), "from": "ada", "relayed_ms": 5.0}
    assert item.data == b"i"


def test_the_order_is_init_key_deltas() -> None:
    feed = Feed()
    assert feed.refuses("key") == feed.refuses("delta") == Code.OUT_OF_ORDER
    feed.takes("init")
    assert feed.refuses("delta", number=1) == Code.OUT_OF_ORDER
    feed.takes("key")
    feed.takes("delta", number=1)
    feed.takes("delta", number=2)
    feed.takes("key", group=2)
    feed.takes("delta", group=2, number=1)


@pytest.mark.parametrize(("group", "number"), [(1, 1), (1, 3), (1, 0), (0, 2), (2, 2)])
def test_a_delta_must_be_the_next_of_its_group(group: int, number: int) -> None:
    feed = Feed()
    feed.takes("init")
    feed.takes("key")
    feed.takes("delta", number=1)
    assert feed.refuses("delta", group=group, number=number) == Code.OUT_OF_ORDER
    feed.takes("delta", number=2)  # what was refused has changed nothing


def test_groups_and_epochs_count_up() -> None:
    feed = Feed()
    feed.takes("init", epoch=3)
    feed.takes("key", epoch=3, group=4)
    assert feed.refuses("key", epoch=3, group=4) == Code.OUT_OF_ORDER
    assert feed.refuses("key", epoch=3, group=3) == Code.OUT_OF_ORDER
    assert feed.refuses("init", epoch=3) == Code.OUT_OF_ORDER
    assert feed.refuses("init", epoch=2) == Code.OUT_OF_ORDER
    assert feed.refuses("key", epoch=4, group=5) == Code.OUT_OF_ORDER
    feed.takes("init", epoch=7)
    assert feed.refuses("delta", epoch=7, group=4, number=1) == Code.OUT_OF_ORDER
    feed.takes("key", epoch=7, group=0)


def test_a_new_epoch_forgets_the_group() -> None:
    feed = Feed()
    feed.takes("init")
    feed.takes("key")
    feed.takes("init", epoch=2)
    assert feed.track.group.objects(5.0) == ()
    assert feed.track.epoch == 2


def test_an_init_too_large_begins_nothing() -> None:
    feed = Feed()
    assert feed.refuses("init", data=bytes(MAX_INIT_BYTES + 1)) == Code.INIT_TOO_LARGE
    assert feed.track.epoch is None
    feed.takes("init", data=bytes(MAX_INIT_BYTES))


def test_a_skipped_group_is_refused_to_its_end() -> None:
    feed = Feed()
    feed.takes("init")
    feed.takes("key")
    feed.track.skip_group(Code.TOO_FAST)
    assert feed.refuses("delta", number=1) == Code.TOO_FAST
    assert feed.refuses("delta", number=2) == Code.TOO_FAST
    assert feed.track.group.objects(5.0) == ()
    feed.takes("key", group=2)
    feed.takes("delta", group=2, number=1)
