from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_widget.errors import MediaError
from relay_widget.media.webm import Block, LiveMuxer, TrackFormat, WebmReader
from relay_widget.protocol import MAX_INIT_BYTES, MediaHeader

from . import vectors

if TYPE_CHECKING:
    from collections.abc import Iterable

VP8 = TrackFormat("vp8", width=641, height=481)
OPUS = TrackFormat("opus", sample_rate=48_000, channels=2, codec_private=b"OpusHead" + bytes(11))


def read(reader: WebmReader, pieces: Iterable[bytes]) -> list[Block]:
    return [block for piece in pieces for block in reader.feed(piece)]


@pytest.mark.parametrize("media", [VP8, OPUS, TrackFormat("vp9", width=2, height=1)])
def test_what_is_written_is_read(media: TrackFormat) -> None:
    muxer = LiveMuxer("main", 3, media)
    init = muxer.init(1.7e12)
    assert init.header == MediaHeader("main", 3, 0, 0, "init", 1.7e12, 0, None, None)
    assert len(init.data) < 200 < MAX_INIT_BYTES
    reader = WebmReader(init.data)
    assert reader.tracks == {1: media}
    first = muxer.push(b"key", 0, 5.0, key=True, level=0.5)
    second = muxer.push(b"x" * 20_000, 29_999, 6.0, key=False)
    third = muxer.push(b"again", 70_000, 7.0, key=True)
    assert first.header == MediaHeader("main", 3, 1, 0, "key", 5.0, 0.5, None, 0)
    assert second.header == MediaHeader("main", 3, 1, 1, "delta", 6.0, 0, None, 29_999)
    assert (third.header.group, third.header.object, third.header.type) == (2, 0, "key")
    assert read(reader, [first.data, second.data, third.data]) == [
        Block(1, 0, True, b"key"),
        Block(1, 29_999, False, b"x" * 20_000),
        Block(1, 70_000, True, b"again"),
    ]


@pytest.mark.parametrize("name", vectors.WEBM)
def test_what_recorders_made(name: str) -> None:
    init, groups = vectors.parts(name)
    reader = WebmReader(init)
    video = {number for number, track in reader.tracks.items() if track.is_video}
    assert {reader.tracks[number].codec for number in video} == ({name[:3]} if video else set())
    blocks = 0
    for group in groups:
        reader.start_group()
        found = reader.feed(group)
        blocks += len(found)
        pictures = [block for block in found if block.track in video]
        assert [block.key for block in pictures] == [True] + [False] * (len(pictures) - 1) if video else not pictures
        times = [block.time_ms for block in pictures]
        assert times == sorted(times)
    assert blocks > 50


@given(data=st.data(), name=st.sampled_from(vectors.WEBM))
def test_cuts_change_nothing(data: st.DataObject, name: str) -> None:
    init, groups = vectors.parts(name)
    group = data.draw(st.sampled_from(groups))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(group)), max_size=30)))
    pieces = [group[start:end] for start, end in zip([0, *cuts], [*cuts, len(group)], strict=True)]
    assert read(WebmReader(init), pieces) == WebmReader(init).feed(group)


@given(data=st.binary(max_size=300))
def test_garbage_raises_its_own_error_only(data: bytes) -> None:
    init, groups = vectors.parts("vp8-opus")
    for broken in (data, init[:40] + data):
        try:
            WebmReader(broken)
        except MediaError as error:
            assert error.code in ("bad-media", "unsupported-codec")  # noqa: PT017 - it may also be read
    reader = WebmReader(init)
    for broken in (data, groups[0][:30] + data):
        reader.start_group()
        try:
            reader.feed(broken)
        except MediaError as error:
            assert error.code == "bad-media"  # noqa: PT017
    reader.start_group()
    assert reader.feed(groups[1]) == WebmReader(init).feed(groups[1])


@given(at=st.integers(0, 10_000), value=st.integers(0, 255), where=st.sampled_from(["init", "group"]))
def test_one_wrong_byte_raises_its_own_error_only(at: int, value: int, where: str) -> None:
    init, groups = vectors.parts("vp8-canvas")
    parts = {"init": bytearray(init), "group": bytearray(groups[0])}
    parts[where][at % len(parts[where])] = value
    try:
        WebmReader(bytes(parts["init"])).feed(bytes(parts["group"]))
    except MediaError as error:
        assert error.message.endswith(".")  # noqa: PT017


def element(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">I", 0x1000_0000 + len(body)) + body


def cluster(*children: bytes) -> bytes:
    body = b"".join(children)
    return element(b"\x1f\x43\xb6\x75", body)


TIME = element(b"\xe7", b"\x64")
SIMPLE = b"\xa3"
HEAD = b"\x81\x00\x05"
"""Track 1, 5 ms after the cluster."""


@pytest.mark.parametrize(
    "laced",
    [
        HEAD + b"\x82" + b"\x02\x01\x02" + b"abbccc",  # Xiph: sizes of all but the last
        HEAD + b"\x86" + b"\x02\x81\xc0" + b"abbccc",  # EBML: 1, then +1 (0x40 - 0x3f)
    ],
)
def test_laced_blocks(laced: bytes) -> None:
    entry = element(b"\xd7", b"\x01") + element(b"\x86", b"A_OPUS") + element(b"\x23\xe3\x83", b"\x01\x31\x2d\x00")
    tracks = element(b"\x16\x54\xae\x6b", element(b"\xae", entry))
    init = element(b"\x1a\x45\xdf\xa3", b"") + b"\x18\x53\x80\x67\xff" + tracks
    blocks = WebmReader(init).feed(cluster(TIME, element(SIMPLE, laced)))
    assert blocks == [Block(1, 105, True, b"a"), Block(1, 125, True, b"bb"), Block(1, 145, True, b"ccc")]


def test_laced_blocks_of_one_size() -> None:
    init = LiveMuxer("main", 1, OPUS).init(0).data
    blocks = WebmReader(init).feed(cluster(TIME, element(SIMPLE, HEAD + b"\x84\x01aabb")))
    assert [block.data for block in blocks] == [b"aa", b"bb"]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (element(SIMPLE, HEAD + b"\x80x"), "outside a cluster"),
        (cluster(TIME, element(SIMPLE, HEAD)), "shorter than its own header"),
        (cluster(TIME, element(SIMPLE, HEAD + b"\x84\x01aab")), "cannot be divided"),
        (cluster(TIME, element(SIMPLE, HEAD + b"\x82\x01\x05a")), "reaches out of its block"),
        (cluster(TIME, element(SIMPLE, HEAD + b"\x82\x03\xff")), "cut off"),
        (cluster(TIME, b"\xa3\xff"), "has no size"),
        (cluster(TIME, b"\xa3\x1f\xff\xff\xf0"), "cannot be real"),
        (b"\x08\x00", "no element begins"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, what: str) -> None:
    init = LiveMuxer("main", 1, VP8).init(0).data
    with pytest.raises(MediaError, match=what):
        WebmReader(init).feed(data)


@pytest.mark.parametrize(
    ("init", "what"),
    [
        (b"", "no WebM"),
        (b"\x1a\x45\xdf\xa3\x80", "no WebM"),
        (LiveMuxer("main", 1, VP8).init(0).data[:60], "reaches out of the init segment"),
        (LiveMuxer("main", 1, VP8).init(0).data.replace(b"V_VP8", b"V_XXX"), "'V_XXX' is none"),
    ],
)
def test_an_init_segment_that_cannot_be_used(init: bytes, what: str) -> None:
    with pytest.raises(MediaError, match=what):
        WebmReader(init)
