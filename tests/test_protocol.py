"""The wire's names and limits, and what its parsers refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from relay_widget import protocol
from relay_widget.errors import WireError
from relay_widget.protocol import MAX_REPORT_PEERS, Code, Event

if TYPE_CHECKING:
    from collections.abc import Callable

VECTORS = json.loads((Path(__file__).parent / "vectors" / "protocol.json").read_text())
HEADER = {"track": "camera", "epoch": 1, "group": 2, "object": 3, "type": "delta", "captured_ms": 4.5, "level": 0.2}
STAMPS = ("captured_ms", "sent_ms", "media_ms")
PUBLISH = {"track": "camera", "mimeType": "video/webm"}


def test_event_names_are_the_vectors() -> None:
    events = VECTORS["events"]
    assert {event.value for event in Event} == {name for names in events.values() for name in names}


def test_codes_are_the_vectors() -> None:
    assert [code.value for code in Code] == VECTORS["codes"]


def test_limits_are_the_vectors() -> None:
    limits = {name: value for name, value in vars(protocol).items() if name.isupper() and type(value) is int}
    assert limits.pop("PROTOCOL_VERSION") == VECTORS["protocol"]
    assert {name: value for name, value in limits.items() if not name.startswith("_")} == VECTORS["limits"]


def test_words_are_the_vectors() -> None:
    assert list(get_args(protocol.ObjectType)) == VECTORS["object_types"]
    assert list(get_args(protocol.LeftReason)) == VECTORS["left_reasons"]
    assert list(protocol.DOES) == VECTORS["listeners_do"]


def test_every_name_and_limit_is_in_the_prose() -> None:
    prose = (Path(__file__).parents[1] / "PROTOCOL.md").read_text()
    for event in Event:
        assert f"`{event}`" in prose
    for code in Code:
        assert f"`{code}`" in prose
    for name, value in VECTORS["limits"].items():
        assert f"| `{name}` | {value:,} |" in prose


def refused(parse: Callable[[Any], object], payload: object) -> str:
    with pytest.raises(WireError) as caught:
        parse(payload)
    assert caught.value.message.endswith(".")
    return caught.value.code


@pytest.mark.parametrize(
    "bad",
    [None, 1, True, [], {}, "", " ", "x" * 65, "a\nb", "a\x00b", "a\u202eb", "\ud800", b"x"],
    ids=repr,
)
def test_bad_room_and_name(bad: object) -> None:
    assert refused(protocol.check_room, bad) == Code.BAD_ROOM
    assert refused(protocol.check_name, bad) == Code.BAD_NAME
    assert refused(protocol.parse_join, {"room": bad, "name": "n"}) == Code.BAD_ROOM
    assert refused(protocol.parse_rename, {"name": bad}) == Code.BAD_NAME


def test_names_are_trimmed_and_any_script() -> None:
    assert protocol.check_room("  Zürich 会议 ") == "Zürich 会议"
    assert protocol.check_name("x" * 64) == "x" * 64


def test_join_forms() -> None:
    plain = protocol.parse_join("lab")
    assert (plain.room, plain.plain) == ("lab", True)
    full = protocol.parse_join({"room": "lab", "name": "Ada", "plays": ["video/webm"]})
    assert (full.room, full.name, full.plays, full.plain) == ("lab", "Ada", ("video/webm",), False)
    assert not full.loopback
    assert protocol.parse_join({"room": "lab", "name": "Ada", "loopback": True}).loopback
    assert refused(protocol.parse_join, {"room": "lab", "name": "Ada", "loopback": "yes"}) == Code.BAD_MESSAGE
    assert protocol.parse_join({"room": "lab", "name": "Ada", "call": "a_word-of-16-ch."[:15] + "s"}).call is not None
    for bad in ("short", "x" * 65, "with spaces in it", 1, ["x" * 16]):
        assert refused(protocol.parse_join, {"room": "lab", "name": "Ada", "call": bad}) == Code.BAD_MESSAGE


@pytest.mark.parametrize("bad", [None, 1, [], ["lab"], 1.5, True, b"lab"], ids=repr)
def test_join_takes_an_object_or_text(bad: object) -> None:
    assert refused(protocol.parse_join, bad) == Code.BAD_MESSAGE


@pytest.mark.parametrize("bad", ["x", [1], ["novideo"], ["video/" + "x" * 130], ["video/webm"] * 17, {}], ids=repr)
def test_bad_plays(bad: object) -> None:
    assert refused(protocol.parse_join, {"room": "lab", "name": "n", "plays": bad}) == Code.BAD_MESSAGE


@pytest.mark.parametrize(
    ("key", "bad", "code"),
    [
        ("track", "", Code.BAD_TRACK),
        ("track", "a b", Code.BAD_TRACK),
        ("track", "x" * 65, Code.BAD_TRACK),
        ("track", None, Code.BAD_TRACK),
        ("mimeType", 1, Code.BAD_TRACK),
        ("mimeType", "webm", Code.BAD_TRACK),
        ("audio", 1, Code.BAD_TRACK),
        ("video", "yes", Code.BAD_TRACK),
        ("muted", None, Code.BAD_TRACK),
        ("timeslice_ms", float("nan"), Code.BAD_TRACK),
        ("timeslice_ms", True, Code.BAD_TRACK),
        ("packaging", [], Code.BAD_MESSAGE),
        ("source", "two words", Code.BAD_MESSAGE),
    ],
)
def test_bad_publish(key: str, bad: object, code: Code) -> None:
    assert refused(protocol.parse_publish, {**PUBLISH, key: bad}) == code


def test_track_round_trip() -> None:
    track = protocol.parse_publish({**PUBLISH, "muted": True, "timeslice_ms": 20})
    assert protocol.parse_publish(track.as_json()) == track
    assert track.as_json()["mimeType"] == "video/webm"


@pytest.mark.parametrize("key", ["track", "epoch", "group", "object", "type", "level"])
@pytest.mark.parametrize("bad", ["x y", None, -1.5, [], {}, True, float("inf"), float("nan"), 10**99, b""], ids=repr)
def test_bad_header(key: str, bad: object) -> None:
    if key == "level" and bad == -1.5:
        pytest.skip("a negative number is a number")
    assert refused(protocol.parse_header, {**HEADER, key: bad}) == Code.BAD_HEADER


@pytest.mark.parametrize("bad", [None, 1, "x", [], b"bytes"], ids=repr)
def test_header_is_an_object(bad: object) -> None:
    assert refused(protocol.parse_header, bad) == Code.BAD_HEADER


@pytest.mark.parametrize("key", STAMPS)
@pytest.mark.parametrize("bad", ["x y", [], {}, True, b"", "1"], ids=repr)
def test_bad_stamp(key: str, bad: object) -> None:
    assert refused(protocol.parse_header, {**HEADER, key: bad}) == Code.BAD_HEADER


@pytest.mark.parametrize("key", STAMPS)
@pytest.mark.parametrize("unknown", [None, float("inf"), float("nan"), 10**99, -1e300], ids=repr)
def test_unknown_stamps_are_left_out(key: str, unknown: object) -> None:
    without = {name: value for name, value in HEADER.items() if name != key}
    assert protocol.parse_header({**HEADER, key: unknown}).as_json() == without
    assert protocol.parse_header(without).as_json() == without


def test_stamps_are_passed_on_as_they_are() -> None:
    header = {**HEADER, "captured_ms": -3, "sent_ms": 9e15}  # a clock may be anywhere
    assert protocol.parse_header(header).as_json() == header


def test_header_round_trip_leaves_the_unknown_out() -> None:
    assert protocol.parse_header({**HEADER, "more": 1}).as_json() == HEADER


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        {"peers": []},
        {"peers": {"p": []}},
        {"peers": {"p": {"queue_depth": "1"}}},
        {"peers": {"p": {"queue_depth": float("nan")}}},
        {"peers": {"p": {"Queue": 1}}},
        {"peers": {"p q": {}}},
        {"peers": {str(i): {} for i in range(MAX_REPORT_PEERS + 1)}},
        {"sent": {f"f{i}": 1 for i in range(41)}},
        {"sent": {"nested": {"a": 1}}},
    ],
    ids=lambda bad: str(bad)[:60],
)
def test_bad_report(bad: object) -> None:
    assert refused(protocol.parse_report, bad) == Code.BAD_MESSAGE


def test_report_round_trip() -> None:
    report = {"peers": {"p": {"queue_depth": 1, "latency_ms": 2.5}}, "sent": {"bytes": 7}}
    assert protocol.parse_report(report).as_json() == report


@pytest.mark.parametrize("bad", [None, [], "lab", {}, {"room": ""}, {"room": 1}, {"delay_ms": 1}], ids=str)
def test_impair_needs_a_room(bad: object) -> None:
    assert refused(protocol.parse_impair, bad) in (Code.BAD_MESSAGE, Code.BAD_ROOM)


@pytest.mark.parametrize("bad", ["", "two words", 1, [], {}], ids=repr)
def test_impair_takes_a_peer_id(bad: object) -> None:
    assert refused(protocol.parse_impair, {"room": "lab", "peer": bad}) == Code.BAD_MESSAGE


def test_impair_of_nothing_is_none() -> None:
    for nothing in ({}, {"rate_kbps": 0}, {"delay_ms": None, "jitter_ms": 0, "rate_kbps": None, "stall_every_ms": 900}):
        request = protocol.parse_impair({"room": "lab", **nothing})
        assert (request.room, request.peer, request.impairment) == ("lab", None, None)


def test_impairment_round_trip() -> None:
    figures = {"delay_ms": 1, "jitter_ms": 2.5, "rate_kbps": 300, "stall_ms": 4, "stall_every_ms": 500}
    request = protocol.parse_impair({"room": "lab", "peer": "p1", **figures, "more": 1})
    assert request.peer == "p1"
    assert request.impairment is not None
    assert request.impairment.as_json() == figures


def test_the_default_stalls_can_recur_in_the_default_time() -> None:
    assert protocol.check_impairment({"stall_ms": 3000}).stall_every_ms == protocol.DEFAULT_STALL_EVERY_MS


@pytest.mark.parametrize(("audio", "video", "only"), [(True, False, True), (True, True, False), (False, False, False)])
def test_audio_only(audio: bool, video: bool, only: bool) -> None:
    assert protocol.parse_publish({**PUBLISH, "audio": audio, "video": video}).audio_only is only


@pytest.mark.parametrize("bad", [0, 2, "1", 1.0, True, None, [1], {}], ids=repr)
def test_other_versions_are_refused(bad: object) -> None:
    assert refused(protocol.check_version, bad) == Code.UNSUPPORTED_PROTOCOL


def test_this_version_is_accepted() -> None:
    protocol.check_version(protocol.PROTOCOL_VERSION)


@pytest.mark.parametrize("bad", [None, "1", [], float("inf"), float("nan"), True, 10**99], ids=repr)
def test_bad_clock(bad: object) -> None:
    assert refused(protocol.parse_clock, bad) == Code.BAD_MESSAGE
