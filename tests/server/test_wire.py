from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from .wire import SEEDS, read

NAMES = st.sampled_from(
    [
        "room",
        "name",
        "listener",
        "does",
        "of",
        "track",
        "mimeType",
        "peer",
        "peers",
        "epoch",
        "group",
        "object",
        "type",
        "role",
        "exp",
        "sub",
    ]
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70) | st.sampled_from(["key", "lab"])
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=8)
)
SHORT = settings(derandomize=True, max_examples=300, deadline=None)


def test_what_is_well_formed_is_taken() -> None:
    # What a listener hears, and a report, may be left out: any object is one.
    assert [
        read(seed).removesuffix(" parse_listen").replace("parse_listen ", "").replace("parse_report ", "")
        for seed in SEEDS
    ] == [
        "packet 2 str",
        "packet 5 str",
        "packet 0",
        "parse_join parse_impair parse_rename parse_watch parse_lock parse_end",
        "parse_join parse_impair parse_rename parse_watch parse_lock parse_end",
        "parse_listens",
        "parse_publish parse_unpublish",
        "parse_header parse_unpublish",
        "parse_report",
        "parse_impair parse_mute parse_remove parse_watch parse_lock parse_end",
        "grant",
        "token",
    ]


@SHORT
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    read(data)


@SHORT
@given(st.integers(0, 2), VALUES)
def test_any_json(reader: int, value: object) -> None:
    read(bytes([reader]) + b"2" * (reader == 0) + json.dumps(value).encode())


@SHORT
@given(st.sampled_from(SEEDS), st.integers(1, 120), st.binary(max_size=6), st.integers(0, 6))
def test_small_changes(seed: bytes, at: int, put: bytes, remove: int) -> None:
    read(seed[:at] + put + seed[at + remove :])
