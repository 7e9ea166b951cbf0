from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay_widget.errors import MediaError
from relay_widget.media.fmp4 import Fmp4Reader
from relay_widget.media.webm import MAX_ELEMENT_BYTES

from . import vectors


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_cuts_change_nothing(data: st.DataObject) -> None:
    init, groups = vectors.parts("h264-opus")
    group = data.draw(st.sampled_from(groups))
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(group)), max_size=10))), len(group)]
    reader = Fmp4Reader(init)
    blocks = [block for start, end in pairwise(cuts) for block in reader.feed(group[start:end])]
    assert blocks == Fmp4Reader(init).feed(group)
    assert blocks[0].key
    assert {track.codec for track in reader.tracks.values()} == {"h264", "opus"}


@settings(deadline=None)
@given(data=st.binary(max_size=200))
def test_garbage_raises_its_own_error_only(data: bytes) -> None:
    init, groups = vectors.parts("h264-opus")
    reader = Fmp4Reader(init)
    for broken in (data, groups[0][:50] + data):
        reader.start_group()
        try:
            reader.feed(broken)
        except MediaError as error:
            assert error.code == "bad-media"  # noqa: PT017
    for broken in (data, init[:100] + data):
        try:
            Fmp4Reader(broken)
        except MediaError as error:
            assert error.code in ("bad-media", "unsupported-codec")  # noqa: PT017


def test_an_init_segment_that_is_none() -> None:
    with pytest.raises(MediaError, match="no MP4"):
        Fmp4Reader(b"rubbish")


def feed(reader: Fmp4Reader, data: bytes, times: int) -> None:
    for _ in range(times):
        reader.feed(data)


@pytest.mark.parametrize("box", [8, 4096])
def test_boxes_that_complete_nothing_take_no_memory(box: int) -> None:
    init, groups = vectors.parts("h264-opus")
    reader = Fmp4Reader(init)
    free = struct.pack(">I4s", box, b"free") + bytes(box - 8)
    with pytest.raises(MediaError, match="next key"):
        feed(reader, free, 10_000)
    reader.start_group()
    assert reader.feed(groups[0])


def test_a_box_that_never_ends_takes_no_memory() -> None:
    init, _ = vectors.parts("h264-opus")
    reader = Fmp4Reader(init)
    reader.feed(struct.pack(">I4s", MAX_ELEMENT_BYTES, b"free"))
    with pytest.raises(MediaError, match="next key"):
        feed(reader, bytes(1_000_000), 100)
