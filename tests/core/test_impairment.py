"""Network trouble on purpose, and what it does to whom: a whole relay in virtual time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay_widget.protocol import (
    MAX_DELAY_MS,
    MAX_JITTER_MS,
    MAX_RATE_KBPS,
    MAX_STALL_EVERY_MS,
    MAX_STALL_MS,
    MAX_VIDEO_WAIT_MS,
    MIN_RATE_KBPS,
    MIN_STALL_EVERY_MS,
    SNAPSHOT_INTERVAL_MS,
    TRACK_LAG_INTERVAL_MS,
    Code,
    Event,
)

from .media import header
from .world import World, assert_decodable

VIDEO = {"track": "video", "mimeType": "video/webm", "audio": False}
AUDIO = {"track": "audio", "mimeType": "audio/webm", "video": False}
GROUP_MS = 1000
VIDEO_SLICE_MS, KEY_BYTES, DELTA_BYTES = 40, 20_000, 4_375  # 1 Mbit/s
AUDIO_SLICE_MS, AUDIO_BYTES = 60, 360  # 48 kbit/s


class Classroom(World):
    """Ada publishes picture and sound; the teacher administers; everybody else only watches."""

    def __init__(self, *watching: str) -> None:
        super().__init__()
        self.connect("teacher", "monitor", administers=("lab",))
        self.ids = {name: self.join(name)["peer"] for name in ("ada", *watching)}
        for track in (VIDEO, AUDIO):
            assert self.ask("ada", "publish", track)["ok"]
            self.ask("ada", "media-chunk", header("init", track=track["track"]), b"i")  # type: ignore[arg-type]
        self._next = {"video": (0, 0, 0.0), "audio": (0, 0, 0.0)}  # group, object, when

    def impair(self, peer: str | None = None, **impairment: Any) -> dict[str, Any]:
        return self.ask("teacher", "impair", {"room": "lab", "peer": self.ids.get(peer or ""), **impairment})

    def talk(self, for_ms: float) -> None:
        """Ada sends as her camera and microphone do, in real time."""
        start_ms, end_ms = self.now_ms, self.now_ms + for_ms
        self._next = {track: (group, 0, start_ms) for track, (group, _, _) in self._next.items()}
        while True:
            track = min(self._next, key=lambda name: self._next[name][2])
            group, number, at_ms = self._next[track]
            if at_ms >= end_ms:
                break
            self.advance(at_ms)
            slice_ms = VIDEO_SLICE_MS if track == "video" else AUDIO_SLICE_MS
            size_bytes = AUDIO_BYTES if track == "audio" else DELTA_BYTES if number else KEY_BYTES
            if number == 0:
                group += 1
            label = header("delta" if number else "key", group=group, number=number, track=track)
            assert self.ask("ada", "media-chunk", {**label, "captured_ms": at_ms}, bytes(size_bytes))["ok"]
            number += 1
            self._next[track] = (group, 0 if number * slice_ms >= GROUP_MS else number, at_ms + slice_ms)
        self.advance(end_ms)

    def got(self, name: str, track: str) -> list[dict[str, Any]]:
        """The labels of what somebody got of a track (but init segments), in their order."""
        return [label for label in self.all_labels(name) if label["track"] == track and label["type"] != "init"]

    def all_labels(self, name: str) -> list[dict[str, Any]]:
        return [payload[0] for event, payload in self.received[name] if event == Event.MEDIA_CHUNK]

    def delays_ms(self, name: str, track: str) -> list[float]:
        """How late each object of a track came, after it came to the relay."""
        return [
            at_ms - payload[0]["relayed_ms"]
            for at_ms, (event, payload) in zip(self.times_ms[name], self.received[name], strict=True)
            if event == Event.MEDIA_CHUNK and payload[0]["track"] == track and payload[0]["type"] != "init"
        ]

    def told(self, name: str, event: Event) -> list[dict[str, Any]]:
        return [payload for this, payload in self.received[name] if this == event]


def test_at_300_kbits_sound_is_whole_and_prompt_and_video_is_fresh() -> None:
    room = Classroom("bob", "cy")
    assert room.impair("bob", rate_kbps=300) == {"ok": True}
    room.talk(20_000)
    sent_audio = len(room.got("cy", "audio"))
    assert sent_audio == pytest.approx(20_000 / AUDIO_SLICE_MS, abs=20)
    # Sound: everything, and its own bytes' time late.
    room.advance(room.now_ms + 1000)
    assert len(room.got("bob", "audio")) == sent_audio
    assert max(room.delays_ms("bob", "audio")) < 50
    # Picture: whole from each key on, never later than the bound and its own way, and something every other second.
    video = room.got("bob", "video")
    assert_decodable([label for label in room.all_labels("bob") if label["track"] == "video"])
    assert max(room.delays_ms("bob", "video")) < MAX_VIDEO_WAIT_MS + 8 * KEY_BYTES / 300 + 500
    assert len({label["group"] for label in video}) >= 10
    drops = room.told("bob", Event.GROUPS_DROPPED)
    assert drops
    assert {drop["track"] for drop in drops} == {"video"}
    # And nobody else feels it.
    assert set(room.delays_ms("cy", "video") + room.delays_ms("cy", "audio")) == {0}
    assert not room.told("cy", Event.GROUPS_DROPPED)


def test_the_publisher_hears_who_lags_and_when_it_is_over() -> None:
    room = Classroom("bob", "cy", "dan")
    room.impair("bob", rate_kbps=300)
    room.talk(5000)
    assert room.told("ada", Event.TRACK_LAG) == [{"track": "video", "subscribers": 3, "lagging": 1}]
    room.impair("cy", rate_kbps=300)
    room.talk(5000)
    assert room.told("ada", Event.TRACK_LAG)[1:] == [{"track": "video", "subscribers": 3, "lagging": 2}]
    room.perform(room.relay.disconnect("bob"))
    room.talk(5000)
    assert room.told("ada", Event.TRACK_LAG)[2:] == [{"track": "video", "subscribers": 2, "lagging": 1}]
    room.impair()
    room.talk(5000)
    assert room.told("ada", Event.TRACK_LAG)[3:] == [{"track": "video", "subscribers": 2, "lagging": 0}]
    news = zip(room.times_ms["ada"], room.received["ada"], strict=True)
    times_ms = [at_ms for at_ms, (event, _) in news if event == Event.TRACK_LAG]
    assert all(later - earlier >= TRACK_LAG_INTERVAL_MS for earlier, later in pairwise(times_ms))
    assert not room.told("bob", Event.TRACK_LAG)


def test_a_pause_of_the_link_comes_late_and_whole() -> None:
    room = Classroom("bob", "cy")
    room.talk(2000)
    room.impair("bob", stall_ms=3000, stall_every_ms=60_000)
    room.talk(2990)
    before = len(room.got("bob", "video"))
    assert before < len(room.got("cy", "video"))
    room.talk(3000)
    for track in ("video", "audio"):
        assert room.got("bob", track) == room.got("cy", track)
    assert 2900 < max(room.delays_ms("bob", "video")) <= 3000
    assert room.delays_ms("bob", "video")[-1] == 0
    assert not room.told("bob", Event.GROUPS_DROPPED)


def test_delay_and_jitter_lose_nothing() -> None:
    room = Classroom("bob", "cy")
    room.impair("bob", delay_ms=200, jitter_ms=100)
    room.talk(5000)
    room.advance(room.now_ms + 300)
    for track in ("video", "audio"):
        assert room.got("bob", track) == room.got("cy", track)
        delays_ms = room.delays_ms("bob", track)
        assert min(delays_ms) >= 200
        assert max(delays_ms) <= 300
    assert not room.told("bob", Event.GROUPS_DROPPED)


def test_a_link_too_slow_for_sound_loses_sound_too_and_is_bounded() -> None:
    room = Classroom("bob")
    room.impair("bob", rate_kbps=40)
    room.talk(60_000)
    assert {drop["track"] for drop in room.told("bob", Event.GROUPS_DROPPED)} >= {"audio"}
    assert max(room.delays_ms("bob", "audio")) < 6000


def test_everything_in_flight_is_bounded() -> None:
    room = Classroom("bob")
    room.impair("bob", delay_ms=MAX_DELAY_MS)
    for group in range(1, 100):
        room.advance(room.now_ms + 250)
        label = header("key", group=group, track="video")
        assert room.ask("ada", "media-chunk", label, bytes(800_000))["ok"]
    assert room.relay.stats.dropped_objects > 0
    links = room.relay.rooms["lab"]._links
    assert max(link.held_bytes for link in links.by_connection.values()) < 16_000_000


def test_a_late_joiner_on_a_slow_link_does_not_begin_with_an_old_group() -> None:
    room = Classroom("bob")
    room.impair(rate_kbps=300)
    room.talk(2900)
    room.join("cy")
    room.talk(2000)
    assert_decodable([label for label in room.all_labels("cy") if label["track"] == "video"])
    assert room.got("cy", "video")[0]["relayed_ms"] >= 3900  # the first group that began after it came


def test_an_impairment_of_the_room_holds_for_who_comes_later_and_ends_with_the_room() -> None:
    room = Classroom("bob")
    room.impair(delay_ms=100)
    room.ids["cy"] = room.join("cy")["peer"]
    room.talk(1000)
    room.advance(room.now_ms + 200)
    assert set(room.delays_ms("cy", "audio")[1:]) == {100}
    room.impair("cy")  # back to normal, alone
    count = len(room.delays_ms("cy", "audio"))
    room.talk(1000)
    assert set(room.delays_ms("cy", "audio")[count:]) == {0}
    assert set(room.delays_ms("bob", "audio")) == {100}
    for name in ("ada", "bob", "cy"):
        room.ask(name, "leave")
    room.ask("ada", "join", {"room": "lab", "name": "Ada"})
    [ada] = room.ask("teacher", "watch", {"room": "lab"})["peers"]
    assert ada["impaired"] is None


def test_what_holds_for_a_peer_holds_when_it_comes_back() -> None:
    room = Classroom("bob")
    room.impair("bob", delay_ms=100)
    room.perform(room.relay.disconnect("bob"))
    room.join("bob again", peer_id=room.ids["bob"])
    room.talk(1000)
    assert set(room.delays_ms("bob again", "audio")) == {100}


def test_back_to_normal_what_was_held_comes_at_once_and_in_order() -> None:
    room = Classroom("bob", "cy")
    room.impair("bob", delay_ms=5000)
    room.talk(1000)
    assert room.got("bob", "video") == []
    room.impair("bob", delay_ms=0, rate_kbps=0, jitter_ms=None, stall_ms=None)
    for track in ("video", "audio"):
        assert room.got("bob", track) == room.got("cy", track)
    room.talk(1000)
    for track in ("video", "audio"):
        assert room.got("bob", track) == room.got("cy", track)
    assert room.relay.rooms["lab"]._links.by_connection == {}


def test_what_is_taken_back_does_not_come_any_more() -> None:
    room = Classroom("bob")
    room.impair(delay_ms=1000)
    room.talk(500)
    assert room.ask("ada", "unpublish", {"track": "video"})["ok"]
    room.advance(room.now_ms + 700)
    assert room.got("bob", "video") == []
    assert room.got("bob", "audio")
    room.ask("ada", "leave")
    count = len(room.got("bob", "audio"))
    room.advance(room.now_ms + 5000)
    assert len(room.got("bob", "audio")) == count
    assert room.told("bob", Event.PEER_LEFT)


def test_plain_bytes_take_the_link_too() -> None:
    room = Classroom("bob", "cy")
    room.impair("bob", delay_ms=100)
    room.tell("ada", "media-chunk", b"bare")
    bare = (Event.MEDIA_CHUNK, ({"from": room.ids["ada"], "relayed_ms": 1000.0}, b"bare"))
    assert room.received["cy"][-1] == bare
    before = len(room.received["bob"])
    room.advance(1100)
    assert room.received["bob"][before:] == [bare]


def test_monitors_see_who_is_impaired_and_how() -> None:
    room = Classroom("bob")
    room.ask("teacher", "watch", {"room": "lab"})
    room.advance(room.now_ms + SNAPSHOT_INTERVAL_MS)
    room.take("teacher")
    room.impair("bob", rate_kbps=300, stall_ms=200)
    room.advance(room.now_ms + SNAPSHOT_INTERVAL_MS)
    [(_, snapshot)] = room.take("teacher")
    assert {peer["name"]: peer["impaired"] for peer in snapshot["peers"]} == {
        "ada": None,
        "bob": {"delay_ms": 0, "jitter_ms": 0, "rate_kbps": 300, "stall_ms": 200, "stall_every_ms": 5000},
    }


def test_only_who_administers_a_room_may_impair_it() -> None:
    room = Classroom("bob")
    room.join("elsewhere", room="other")
    for name in ("ada", "bob"):
        assert room.code(name, "impair", {"room": "lab", "delay_ms": 1}) == Code.FORBIDDEN
    assert room.code("teacher", "impair", {"room": "other", "delay_ms": 1}) == Code.FORBIDDEN
    room.connect("watcher", "monitor")
    assert room.code("watcher", "impair", {"room": "lab", "delay_ms": 1}) == Code.FORBIDDEN
    room.connect("open", "any")
    assert room.code("open", "impair", {"room": "lab", "delay_ms": 1}) == Code.FORBIDDEN
    room.connect("kernel", "monitor", administers=("*",))
    for name in ("lab", "other"):
        assert room.ask("kernel", "impair", {"room": name, "delay_ms": 1})["ok"]
    assert room.code("kernel", "impair", {"room": "nobody", "delay_ms": 1}) == Code.UNKNOWN_ROOM
    assert room.code("kernel", "impair", {"room": "lab", "peer": "nobody", "delay_ms": 1}) == Code.UNKNOWN_PEER


@pytest.mark.parametrize(
    "bad",
    [
        {"delay_ms": -1},
        {"delay_ms": MAX_DELAY_MS + 1},
        {"delay_ms": float("nan")},
        {"delay_ms": "100"},
        {"delay_ms": True},
        {"delay_ms": [1]},
        {"delay_ms": ""},
        {"jitter_ms": float("inf")},
        {"jitter_ms": MAX_JITTER_MS + 1},
        {"rate_kbps": MIN_RATE_KBPS - 1},
        {"rate_kbps": MAX_RATE_KBPS + 1},
        {"rate_kbps": -300},
        {"rate_kbps": False},
        {"rate_kbps": "fast"},
        {"stall_ms": MAX_STALL_MS + 1, "stall_every_ms": MAX_STALL_EVERY_MS},
        {"stall_ms": -1},
        {"stall_ms": 5000},
        {"stall_ms": 2000, "stall_every_ms": 1000},
        {"stall_every_ms": MIN_STALL_EVERY_MS - 1},
        {"stall_every_ms": MAX_STALL_EVERY_MS + 1},
        {"stall_every_ms": 0},
    ],
    ids=str,
)
def test_impossible_figures_are_refused_with_the_range_and_change_nothing(bad: dict[str, Any]) -> None:
    room = Classroom("bob")
    room.impair(delay_ms=7)
    ack = room.impair(**bad)
    assert ack["error"]["code"] == Code.BAD_IMPAIRMENT
    assert any(word in ack["error"]["message"] for word in (" to ", "shorter"))
    [*_, bob] = room.ask("teacher", "watch", {"room": "lab"})["peers"]
    assert bob["impaired"]["delay_ms"] == 7


IMPAIRMENT = st.fixed_dictionaries(
    {},
    optional={
        "delay_ms": st.floats(0, 1000),
        "jitter_ms": st.floats(0, 1000),
        "rate_kbps": st.floats(MIN_RATE_KBPS, 5000),
        "stall_ms": st.floats(0, 999),
        "stall_every_ms": st.floats(1000, 4000),
    },
)
STEP = st.one_of(
    st.tuples(st.just("talk"), st.floats(1, 1500)),
    st.tuples(st.just("impair"), st.sampled_from(["bob", None]), IMPAIRMENT),
    st.tuples(st.just("join")),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(STEP, max_size=8))
def test_who_is_not_impaired_does_not_feel_it_and_who_is_can_decode(steps: list[tuple[Any, ...]]) -> None:
    rooms = Classroom("bob", "cy"), Classroom("bob", "cy")  # with impairments, and without
    late = 0
    for step in steps:
        match step:
            case ("talk", for_ms):
                for room in rooms:
                    room.talk(for_ms)
            case ("impair", peer, impairment):
                assert rooms[0].impair(peer, **impairment)["ok"]
                assert rooms[0].impair("cy")["ok"]
            case ("join",):
                late += 1
                for room in rooms:
                    room.join(f"late {late}")
    assert rooms[0].received["cy"] == rooms[1].received["cy"]
    assert rooms[0].times_ms["cy"] == rooms[1].times_ms["cy"]
    trouble = rooms[0]
    trouble.impair()
    for name in ("bob", *(f"late {number + 1}" for number in range(late))):
        for track in ("video", "audio"):
            assert_decodable([label for label in trouble.all_labels(name) if label["track"] == track])
    # Nothing is lost but what the relay says it dropped.
    bob = trouble.relay.rooms["lab"].peers[trouble.ids["bob"]]
    whole = len(trouble.got("cy", "video")) + len(trouble.got("cy", "audio"))
    assert len(trouble.got("bob", "video")) + len(trouble.got("bob", "audio")) + bob.dropped_objects == whole
