from __future__ import annotations

import io
import struct
import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from relay_widget.errors import RecordingError
from relay_widget.recording.format import (
    FORMAT_VERSION,
    HEAD_BYTES,
    Ended,
    Placed,
    Record,
    _parse,
    encode_head,
    encode_record,
    read_record_at,
    read_records,
)

from .records import opening, received, records


def read(data: bytes) -> list[Placed]:
    return list(read_records(io.BytesIO(data), len(data)))


def encode(written: list[Record]) -> tuple[bytes, list[int]]:
    """A whole file, and where each of its records ends."""
    data, ends = encode_head(), []
    for record in written:
        data += encode_record(record)
        ends.append(len(data))
    return data, ends


def raw_record(text: bytes, data: bytes = b"") -> bytes:
    """As docs/recording.md says it, by other means than the code's."""
    lengths = struct.pack(">II", len(text), len(data))
    return lengths + struct.pack(">I", zlib.crc32(lengths + text + data)) + text + data


@given(st.lists(records))
def test_what_was_written_is_read(written: list[Record]) -> None:
    data, ends = encode(written)
    found = read(data)
    assert [placed.record for placed in found] == written
    assert [placed.end for placed in found] == ends
    for start, _, record in found:
        assert read_record_at(io.BytesIO(data), len(data), start) == record


@settings(max_examples=25)
@given(st.lists(records, min_size=1, max_size=5))
def test_cut_at_any_byte_only_the_tail_is_lost(written: list[Record]) -> None:
    data, ends = encode(written)
    for cut in range(len(data) + 1):
        whole = sum(end <= cut for end in ends)
        assert [placed.record for placed in read(data[:cut])] == written[:whole], cut


@given(st.lists(records, max_size=5), st.binary(min_size=1, max_size=200))
def test_garbage_behind_it_is_left_aside(written: list[Record], garbage: bytes) -> None:
    data, _ = encode(written)
    assert [placed.record for placed in read(data + garbage)] == written


@settings(max_examples=25)
@given(st.lists(records, min_size=1, max_size=4), st.integers(1, 255))
def test_a_damaged_byte_loses_its_record_and_what_follows(written: list[Record], flip: int) -> None:
    data, ends = encode(written)
    for at in range(HEAD_BYTES, len(data)):
        damaged = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
        whole = sum(end <= at for end in ends)
        assert [placed.record for placed in read(damaged)] == written[:whole], at


_KINDS = ["started", "peer-joined", "peer-renamed", "peer-left", "track-published", "track-unpublished", "object"]
_KEYS = ["at_ms", "room", "by", "peer", "name", "track", "header", "relayed_ms", "epoch", "group", "object", "type"]
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text('aü "', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=6),
    max_leaves=8,
)


@given(st.sampled_from(_KINDS), st.dictionaries(st.sampled_from(_KEYS), _values), st.binary(max_size=20))
def test_whatever_a_whole_record_says_reading_goes_on_behind_it(
    kind: str, fields: dict[str, object], data: bytes
) -> None:
    strange = raw_record(msgspec.json.encode({"kind": kind, **fields}), data)
    found = read(encode_head() + strange + encode_record(Ended(2.0)))
    assert found[-1].record == Ended(2.0)
    for start, _, record in found[:-1]:  # it was understood: it says the same when it is written again
        assert start == HEAD_BYTES
        ((_, _, again),) = read(encode_head() + encode_record(record))
        assert again == record


def test_what_is_no_recording() -> None:
    for data in (b"RIFF", b"\x1a\x45\xdf\xa3 a webm file", b"\x89PNG\r\n\x1a\n", b"x"):
        with pytest.raises(RecordingError, match=r"is no recording") as caught:
            read(data)
        assert caught.value.code == "not-a-recording"


def test_a_newer_one_says_what_to_do() -> None:
    head = encode_head()[:8] + struct.pack(">I", FORMAT_VERSION + 1)
    with pytest.raises(RecordingError, match="pip install --upgrade") as caught:
        read(head + encode_record(Ended(1.0)))
    assert caught.value.code == "newer-recording"


def test_lengths_that_lead_nowhere_take_no_memory() -> None:
    data, _ = encode(opening())
    assert len(read(data + struct.pack(">III", 2**32 - 1, 2**32 - 1, 0) + bytes(100))) == 3
    assert len(read(data + raw_record(b" " * 64_001) + encode_record(Ended(1.0)))) == 3


@pytest.mark.parametrize(
    "text",
    [
        b'{"kind": "chat", "at_ms": 1, "text": "of a later version"}',
        b'{"kind": "object", "at_ms": 1, "peer": "ada", "relayed_ms": 1, "header": {"track": "video"}}',
        b'{"kind": "ended"}',
        b'["ended"]',
        b"{",
        b'{"kind": "ended", "at_ms": ' + b"[" * 3000 + b"]" * 3000 + b"}",
    ],
)
def test_what_is_not_understood_is_passed_over(text: bytes) -> None:
    first, last = received("key"), Ended(2.0)
    data = encode_head() + encode_record(first) + raw_record(text, b"x") + encode_record(last)
    assert [placed.record for placed in read(data)] == [first, last]


def test_the_layout_is_the_documented_one() -> None:
    text = (
        b'{"kind":"object","at_ms":5.0,"peer":"ada","relayed_ms":4.0,"header":{"track":"video","epoch":1,"group":2,'
        b'"object":3,"type":"delta","captured_ms":1.0,"level":0.0}}'
    )
    [[start, end, record]] = read(b"\x89relay\r\n\x00\x00\x00\x01" + raw_record(text, b"bytes"))
    assert (start, end) == (12, 12 + 12 + len(text) + 5)
    expected = received("delta", 1, 2, 3, at_ms=5.0, data=b"bytes")
    assert record == expected._replace(relayed_ms=4.0, header=structs.replace(expected.header, captured_ms=1.0))
    assert encode_record(record) == raw_record(text, b"bytes")


@pytest.mark.parametrize("stamp", ['"nan"', '"inf"', "1e999", "true", "null", '"12"', "[1]"])
@pytest.mark.parametrize("fields", ['"kind":"ended"', '"kind":"peer-left","peer":"p"'])
def test_a_time_that_is_none_is_no_record(stamp: str, fields: str) -> None:
    assert _parse(f'{{{fields},"at_ms":12.5}}'.encode(), b"") is not None
    assert _parse(f'{{{fields},"at_ms":{stamp}}}'.encode(), b"") is None
