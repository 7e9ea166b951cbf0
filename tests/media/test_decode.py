from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from relay_widget.errors import MediaError
from relay_widget.media.decode import TrackDecoder
from relay_widget.media.encode import VideoEncoder
from relay_widget.media.frame import AudioBlock, VideoFrame
from relay_widget.media.pattern import Pattern, read_stamp
from relay_widget.media.webm import LiveMuxer, MediaObject, TrackFormat
from relay_widget.protocol import MediaHeader, Track

from . import vectors

if TYPE_CHECKING:
    from collections.abc import Iterable

VP8 = Track("main", "video/webm;codecs=vp8", audio=False)


def decoded(decoder: TrackDecoder, objects: Iterable[MediaObject]) -> list[VideoFrame | AudioBlock]:
    return [part for header, data in objects for part in decoder.decode(header, data)]


def recorded(count: int = 12, *, epoch: int = 1) -> list[MediaObject]:
    """Groups of four pictures, each with its number in it."""
    encoder, pattern = VideoEncoder("main", fps=10, key_every_s=0.4, epoch=epoch), Pattern(160, 120)
    return [one for number in range(count) for one in encoder.encode(pattern.picture(number), 1e6 + number * 100)]


def numbers(parts: Iterable[VideoFrame | AudioBlock]) -> list[int | None]:
    return [read_stamp(part.rgb) for part in parts if isinstance(part, VideoFrame)]


@pytest.mark.parametrize("piece_bytes", [97, 1400, 1_000_000])
@pytest.mark.parametrize("name", vectors.ALL)
def test_what_chromium_records(name: str, piece_bytes: int) -> None:
    parts = decoded(TrackDecoder(vectors.track(name)), vectors.objects(name, piece_bytes))
    pictures = [part for part in parts if isinstance(part, VideoFrame)]
    sounds = [part for part in parts if isinstance(part, AudioBlock)]
    assert len(pictures) == {"vp8-canvas": 99, "vp8-opus": 65, "vp9-opus": 66, "opus": 0, "h264-opus": 66}[name]
    assert len(sounds) == {"vp8-canvas": 0, "h264-opus": 54}.get(name, 55)
    for picture in pictures:
        assert picture.rgb.shape == (240, 320, 3)
    assert len({picture.rgb.tobytes() for picture in pictures}) >= 0.9 * len(pictures)
    assert [part.media_ms for part in pictures] == sorted(part.media_ms for part in pictures)
    for sound in sounds:
        assert sound.samples.dtype == np.float32
        assert sound.samples.shape[0] == 1
        assert sound.captured_ms is None


def test_a_picture_comes_with_the_object_that_completes_it() -> None:
    decoder = TrackDecoder(VP8)
    init, key, delta = recorded(2)
    assert decoder.decode(*init) == []
    assert numbers(decoder.decode(*key)) == [0]
    half = len(delta.data) // 2
    assert decoder.decode(delta.header, delta.data[:half]) == []
    rest = structs.replace(delta.header, object=2)
    assert numbers(decoder.decode(rest, delta.data[half:])) == [1]


def test_times_of_capture() -> None:
    """Of a sender who stamps only groups, and says nothing of media times."""
    objects = vectors.objects("vp8-opus", 10**6, stamp=lambda group: 5000.0 + 1000 * group)
    parts = decoded(TrackDecoder(vectors.track("vp8-opus")), objects)
    newest = max((part for part in parts if part.captured_ms == 6000), key=lambda part: part.media_ms)
    for part in parts:
        if part.media_ms <= newest.media_ms:
            assert part.captured_ms == pytest.approx(6000 + part.media_ms - newest.media_ms)
    assert {part.captured_ms for part in parts} >= {6000, 7000, 8000, 9000}


def test_it_begins_at_any_key() -> None:
    init, *rest = recorded()
    assert numbers(decoded(TrackDecoder(VP8), [init, *rest[2:]])) == list(range(4, 12))


def test_without_an_init_segment_nothing_is_decoded() -> None:
    assert decoded(TrackDecoder(VP8), recorded()[1:]) == []


@pytest.mark.parametrize(
    ("lost", "seen"),
    [
        ({5, 6, 7, 8}, [0, 1, 2, 3, 8, 9, 10, 11]),  # a group
        ({3, 4}, [0, 1, 4, 5, 6, 7, 8, 9, 10, 11]),  # a group's tail
        ({2}, [0, 4, 5, 6, 7, 8, 9, 10, 11]),  # one object: the rest of its group cannot be decoded
        ({5}, [0, 1, 2, 3, 8, 9, 10, 11]),  # a key
    ],
)
def test_what_is_lost_is_no_error(lost: set[int], seen: list[int]) -> None:
    objects = [one for at, one in enumerate(recorded()) if at not in lost]
    assert numbers(decoded(TrackDecoder(VP8), objects)) == seen


def test_a_group_that_was_cut_within_a_block() -> None:
    objects = recorded()
    objects[4] = MediaObject(objects[4].header, objects[4].data[:20])
    assert numbers(decoded(TrackDecoder(VP8), objects)) == [0, 1, 2, *range(4, 12)]


def test_what_was_seen_before_is_left_out() -> None:
    """After a reconnection the relay sends the init segment and the current group again."""
    objects = recorded()
    again = [*objects[:8], objects[0], *objects[5:]]
    assert numbers(decoded(TrackDecoder(VP8), again)) == list(range(12))


def test_a_new_epoch_goes_on() -> None:
    parts = decoded(TrackDecoder(VP8), [*recorded(5), *recorded(3, epoch=2)])
    assert numbers(parts) == [0, 1, 2, 3, 4, 0, 1, 2]
    assert [part.epoch for part in parts] == [1] * 5 + [2] * 3
    late = MediaObject(MediaHeader("main", 1, 9, 0, "key"), b"of the epoch before")
    decoder = TrackDecoder(VP8)
    decoded(decoder, recorded(3, epoch=2))
    assert decoder.decode(*late) == []


def test_broken_bytes_cost_a_group() -> None:
    decoder = TrackDecoder(VP8)
    seen: list[int | None] = []
    codes = []
    for at, (header, data) in enumerate(recorded()):
        try:
            seen += numbers(decoder.decode(header, b"\xff" * len(data) if at == 6 else data))
        except MediaError as error:
            codes.append(error.code)
    assert codes == ["bad-media"]
    assert seen == [0, 1, 2, 3, 4, 8, 9, 10, 11]


def test_a_broken_init_segment_costs_an_epoch() -> None:
    decoder = TrackDecoder(VP8)
    first = recorded(3)
    with pytest.raises(MediaError) as caught:
        decoder.decode(first[0].header, b"rubbish")
    assert caught.value.code == "bad-media"
    assert decoded(decoder, first[1:]) == []
    assert numbers(decoded(decoder, recorded(3, epoch=2))) == [0, 1, 2]


@settings(deadline=None)
@given(data=st.binary(max_size=200), at=st.integers(0, 3000), name=st.sampled_from(vectors.ALL))
def test_garbage_raises_its_own_error_only_and_the_next_epoch_plays(data: bytes, at: int, name: str) -> None:
    decoder = TrackDecoder(vectors.track(name))
    init, groups = vectors.parts(name)
    at %= len(groups[0])
    for header, broken in (
        (MediaHeader("main", 1, 0, 0, "init"), init),
        (MediaHeader("main", 1, 1, 0, "key"), groups[0][:at] + data + groups[0][at + len(data) :]),
        (MediaHeader("main", 1, 2, 0, "key"), data),
        (MediaHeader("main", 2, 0, 0, "init"), data),
        (MediaHeader("main", 3, 0, 0, "init"), init[:at] + data + init[at + len(data) :]),
        (MediaHeader("main", 3, 1, 0, "key"), groups[0]),
    ):
        try:
            decoder.decode(header, broken)
        except MediaError as error:
            assert error.code in ("bad-media", "unsupported-codec")  # noqa: PT017
    whole = [MediaObject(structs.replace(header, epoch=4), part) for header, part in vectors.objects(name, 10**6)]
    assert len(decoded(decoder, whole)) > 50


def test_a_picture_too_large_to_be_decoded() -> None:
    """A few bytes may claim a picture of many megabytes."""
    muxer = LiveMuxer("main", 1, TrackFormat("vp8", width=16_383, height=16_383))
    claim = b"\x10\x02\x00\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(100)
    decoder = TrackDecoder(VP8)
    decoder.decode(*muxer.init(0))
    with pytest.raises(MediaError, match="cannot be decoded"):
        decoder.decode(*muxer.push(claim, 0, 0, key=True))


def test_a_packaging_nobody_knows() -> None:
    with pytest.raises(MediaError, match="Media in 'moq' cannot be read here") as caught:
        TrackDecoder(replace(VP8, packaging="moq"))
    assert caught.value.code == "unsupported-codec"


def test_pictures_that_nobody_looks_at_are_not_converted() -> None:
    frame: Any = decoded(TrackDecoder(VP8), recorded(1))[0]
    assert "rgb" not in vars(frame)
    assert frame.rgb is frame.rgb


def test_sound_of_many_channels_is_mixed() -> None:
    """PyAV reads no more than 8 planes of a frame: behind them is memory that is not its own."""
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format = 48_000, "hexadecagonal", "flt"
    codec.options = {"mapping_family": "255"}
    codec.open()
    media = TrackFormat("opus", sample_rate=48_000, channels=16, codec_private=codec.extradata or b"")
    muxer = LiveMuxer("main", 1, media)
    decoder = TrackDecoder(Track("main", "audio/webm;codecs=opus", video=False))
    assert decoded(decoder, [muxer.init(0)]) == []
    tone = 0.25 * np.sin(np.arange(960) * (2 * np.pi * 400 / 48_000)).astype(np.float32)
    blocks: list[AudioBlock] = []
    for number in range(8):
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 16)[np.newaxis], format="flt", layout="hexadecagonal")
        frame.sample_rate, frame.pts = 48_000, 960 * number
        for packet in codec.encode(frame):
            media_ms = 20 * number
            block = muxer.push(bytes(packet), media_ms, media_ms, key=number == 0)
            blocks += [part for part in decoded(decoder, [block]) if isinstance(part, AudioBlock)]
    assert len(blocks) >= 6
    assert {block.channels for block in blocks} <= {1, 2}
    assert 0.1 < np.abs(blocks[-1].samples).max() < 1.5
