"""What who administers a room may do there: a whole relay in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay_widget.core.mutes import Mutes
from relay_widget.protocol import MAX_TRACKS_PER_PEER, Code, Event

from .media import header
from .world import World, received_media

VIDEO = {"track": "video", "mimeType": "video/webm", "audio": False}
AUDIO = {"track": "audio", "mimeType": "audio/webm", "video": False}
ACTS: dict[str, dict[str, Any]] = {"mute": {"peer": "ada-id"}, "remove": {"peer": "ada-id"}, "lock": {}, "end": {}}


class Class(World):
    """Ada publishes picture and sound, Bob listens; the teacher administers."""

    def __init__(self) -> None:
        super().__init__()
        self.connect("teacher", "monitor", administers=("lab",))
        self.group = 0
        self.join("ada", peer_id="ada-id")
        self.join("bob", peer_id="bob-id")
        for track in (VIDEO, AUDIO):
            assert self.ask("ada", "publish", track)["ok"]
            self.send("init", track)
        self.send_group()
        self.received.clear()

    def act(self, event: str, **what: Any) -> None:
        assert self.ask("teacher", event, {"room": "lab", **what}) == {"ok": True}

    def send(self, kind: Any, track: dict[str, Any], number: int = 0) -> None:
        label = header(kind, group=self.group, number=number, track=track["track"])
        assert self.ask("ada", "media-chunk", label, f"{track['track']} {self.group}".encode())["ok"]

    def send_group(self) -> None:
        self.group += 1
        for number, kind in enumerate(("key", "delta", "delta")):
            for track in (VIDEO, AUDIO):
                self.send(kind, track, number)

    def heard(self, name: str) -> list[str]:
        """Which groups of which tracks somebody got since this was last asked, in order, once each."""
        media = [payload for event, payload in self.take(name) if event == Event.MEDIA_CHUNK]
        return list(dict.fromkeys(data.decode() for _, data in media))


@pytest.mark.parametrize("act", ACTS)
def test_only_who_administers_the_room_may(act: str) -> None:
    world = Class()
    world.connect("elsewhere", administers=("other",))
    for name in ("ada", "elsewhere"):
        assert world.code(name, act, {"room": "lab", **ACTS[act]}) == Code.FORBIDDEN
    assert world.closed == []
    world.connect("everywhere", administers=("*",))
    assert world.code("everywhere", act, {"room": "empty", **ACTS[act]}) == Code.UNKNOWN_ROOM
    assert world.ask("everywhere", act, {"room": "lab", **ACTS[act]}) == {"ok": True}


@pytest.mark.parametrize("act", ["mute", "remove"])
def test_who_is_not_there(act: str) -> None:
    world = Class()
    assert world.code("teacher", act, {"room": "lab", "peer": "nobody"}) == Code.UNKNOWN_PEER


@pytest.mark.parametrize(
    ("act", "bad"),
    [
        ("mute", {"peer": None}),
        ("mute", {"peer": "ada-id", "muted": "yes"}),
        ("mute", {"peer": "ada-id", "track": 5}),
        ("remove", {}),
        ("remove", {"peer": ["ada-id"]}),
        ("lock", {"locked": 1}),
        ("end", {"room": ""}),
    ],
    ids=str,
)
def test_malformed_acts(act: str, bad: dict[str, Any]) -> None:
    world = Class()
    assert world.code("teacher", act, {"room": "lab", **bad}).startswith("bad-")
    assert world.closed == []


def test_tracks_that_are_not_published_push_no_mute_of_one_that_is_out() -> None:
    world = Class()
    world.act("mute", peer="ada-id", track="audio")
    for number in range(3 * MAX_TRACKS_PER_PEER):
        world.act("mute", peer="ada-id", track=f"track-{number}")
    kept = world.relay.rooms["lab"].settings()["mutes"]["tracks"]["ada-id"]
    assert len(kept) == 2 * MAX_TRACKS_PER_PEER
    assert f"track-{3 * MAX_TRACKS_PER_PEER - 1}" in kept
    world.take("bob")
    world.send_group()
    assert world.heard("bob") == ["video 2"]


class TestMute:
    def test_a_track_is_muted_before_it_is_published(self) -> None:
        world = Class()
        world.act("mute", peer="bob-id", track="audio")
        assert world.take("bob") == [(Event.TRACK_MUTED, {"track": "audio", "muted": True})]
        assert world.ask("bob", "publish", VIDEO)["ok"]
        assert world.ask("bob", "publish", AUDIO)["ok"]
        assert world.take("bob") == [(Event.TRACK_MUTED, {"track": "audio", "muted": True})]
        assert [what["track"]["track"] for _, what in world.take("ada")] == ["video"]
        world.act("mute", peer="bob-id", track="audio", muted=False)
        assert [what["track"]["track"] for _, what in world.take("ada")] == ["audio"]

    def test_a_muted_track_is_gone_for_the_others_and_its_publisher_knows(self) -> None:
        world = Class()
        world.act("mute", peer="ada-id", track="audio")
        assert world.take("ada") == [(Event.TRACK_MUTED, {"track": "audio", "muted": True})]
        assert world.take("bob") == [(Event.TRACK_UNPUBLISHED, {"from": "ada-id", "track": "audio", "muted": True})]
        world.send_group()
        assert world.heard("bob") == ["video 2"]
        assert [track["track"] for track in world.join("late")["peers"][0]["tracks"]] == ["video"]
        assert world.heard("late") == ["video 0", "video 2"]
        world.send_group()
        assert world.heard("late") == ["video 3"]

    def test_what_was_said_meanwhile_is_never_heard(self) -> None:
        world = Class()
        world.act("mute", peer="ada-id", track="audio")
        world.send_group()
        world.act("mute", peer="ada-id", track="audio", muted=False)
        assert world.take("ada")[-1] == (Event.TRACK_MUTED, {"track": "audio", "muted": False})
        assert world.take("bob")[-1][0] == Event.TRACK_PUBLISHED
        world.send("delta", AUDIO, 3)
        world.join("late")
        assert world.heard("bob") == []
        assert world.heard("late") == ["video 0", "video 2", "audio 0"]
        world.send_group()
        assert world.heard("bob") == ["video 3", "audio 0", "audio 3"]
        assert world.heard("late") == ["video 3", "audio 3"]

    def test_a_muted_peer_gets_round_it_by_nothing(self) -> None:
        world = Class()
        world.act("mute", peer="ada-id")
        world.take("bob")
        world.ask("ada", "unpublish", {"track": "video"})
        world.ask("ada", "publish", {**AUDIO, "muted": False})
        world.ask("ada", "publish", {**VIDEO, "track": "screen"})
        world.ask("ada", "media-chunk", header("init", track="screen"), b"x")
        world.ask("ada", "media-chunk", b"plain")
        world.connect("ada again", peer_id="ada-id")
        assert world.ask("ada again", "join", {"room": "lab", "name": "ada"})["ok"]
        world.take("ada again")
        world.ask("ada again", "publish", VIDEO)
        world.ask("ada again", "media-chunk", header("init", track="video"), b"x")
        assert world.take("ada again") == [(Event.TRACK_MUTED, {"track": "video", "muted": True})]
        assert {event for event, _ in world.take("bob")} == {Event.PEER_LEFT, Event.PEER_JOINED}
        world.act("mute", peer="ada-id", muted=False)
        assert [event for event, _ in world.take("bob")] == [Event.TRACK_PUBLISHED]

    def test_muting_twice_is_muting_once(self) -> None:
        world = Class()
        world.act("mute", peer="ada-id", track="audio")
        world.act("mute", peer="ada-id", track="audio")
        assert len(world.take("bob")) == 1
        world.act("mute", peer="ada-id")
        assert world.take("bob") == [(Event.TRACK_UNPUBLISHED, {"from": "ada-id", "track": "video", "muted": True})]
        world.act("mute", peer="ada-id", track="audio", muted=False)
        world.send_group()
        assert world.heard("bob") == ["audio 0", "audio 2"]

    def test_nothing_of_it_is_left_on_an_impaired_link(self) -> None:
        world = Class()
        world.act("impair", peer="bob-id", delay_ms=1000)
        world.send_group()
        world.act("mute", peer="ada-id", track="video")
        world.advance(world.now_ms + 2000)
        assert world.heard("bob") == ["audio 2"]

    def test_monitors_see_it(self) -> None:
        world = Class()
        world.act("mute", peer="ada-id", track="audio")
        ada, _ = world.ask("teacher", "watch", {"room": "lab"})["peers"]
        assert (ada["muted"], [track["track"] for track in ada["tracks"]]) == (["audio"], ["video"])

    def test_who_echoes_itself_is_muted_for_itself_too(self) -> None:
        world = World()
        world.connect("teacher", administers=("lab",))
        world.connect("ada")
        world.ask("ada", "join", {"room": "lab", "name": "Ada", "loopback": True})
        world.ask("ada", "publish", VIDEO)
        world.ask("teacher", "mute", {"room": "lab", "peer": "p2"})
        world.ask("ada", "media-chunk", header("init", track="video"), b"x")
        assert received_media(world, "ada") == []

    @settings(max_examples=100)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["mute", "unmute", "publish", "unpublish", "send", "again"]),
                st.sampled_from(["audio", "video", None]),
            ),
            max_size=30,
        )
    )
    def test_at_any_time_the_others_get_what_is_published_and_not_muted(
        self, steps: list[tuple[str, str | None]]
    ) -> None:
        world = World()
        world.connect("teacher", administers=("lab",))
        world.join("bob")
        world.join("ada", peer_id="a")
        peer_muted, track_muted, epochs = False, dict[str, bool](), dict[str, int]()
        name, epoch = "ada", 0
        for number, (step, track) in enumerate(steps):
            if step in ("mute", "unmute"):
                muted = step == "mute"
                ack = world.ask("teacher", "mute", {"room": "lab", "peer": "a", "track": track, "muted": muted})
                assert ack["ok"]
                if track is None:
                    peer_muted, track_muted = muted, {}
                else:
                    track_muted[track] = muted
            elif step == "again":
                name = f"ada {number}"
                world.join(name, peer_id="a")
                epochs.clear()
            elif track is None:
                continue
            elif step == "publish":
                world.ask(name, "publish", {"track": track, "mimeType": "video/webm"})
                if track not in epochs:
                    epoch += 1
                    epochs[track] = epoch
                    world.ask(name, "media-chunk", header("init", epoch, track=track), b"x")
            elif step == "unpublish":
                world.ask(name, "unpublish", {"track": track})
                epochs.pop(track, None)
            elif track in epochs:
                world.take("bob")
                world.ask(name, "media-chunk", header("key", epochs[track], number, track=track), b"x")
                got = [label["group"] for label in received_media(world, "bob") if label["type"] == "key"]
                assert got == ([] if track_muted.get(track, peer_muted) else [number])
            tracks = {t["track"] for t in world.relay.rooms["lab"].peers["a"].info().as_json()["tracks"]}
            assert tracks == {track for track in epochs if not track_muted.get(track, peer_muted)}

    def test_what_is_remembered_is_bounded(self) -> None:
        max_peers, max_tracks = 100, 4
        mutes = Mutes(max_peers, max_tracks)
        mutes.set("here", None, muted=True, present=())
        for number in range(1000):
            mutes.set(f"p{number}", None, muted=True, present=("here",))
            mutes.set("here", f"t{number}", muted=False, present=("here",))
        assert mutes.holds("here", "camera")
        assert sum(mutes.holds(f"p{number}", "x") for number in range(1000)) <= 2 * max_peers
        assert sum(not mutes.holds("here", f"t{number}") for number in range(1000)) <= 2 * max_tracks


class TestRemove:
    def test_it_is_told_and_ended_and_the_others_hear(self) -> None:
        world = Class()
        world.act("remove", peer="ada-id")
        [(event, error)] = world.take("ada")
        assert (event, error["code"]) == (Event.ERROR, Code.REMOVED)
        assert world.closed == ["ada"]
        assert world.take("bob") == [(Event.PEER_LEFT, {"peer": "ada-id", "reason": "removed"})]
        assert world.code("ada", "join", "lab") == Code.REMOVED

    def test_it_may_come_back_unless_the_room_is_locked(self) -> None:
        world = Class()
        world.act("remove", peer="ada-id")
        assert world.join("ada again", peer_id="ada-id")["peer"] == "ada-id"
        world.act("lock")
        world.act("remove", peer="ada-id")
        world.connect("ada at last", peer_id="ada-id")
        assert world.code("ada at last", "join", "lab") == Code.ROOM_LOCKED


class TestLock:
    def test_nobody_new_gets_in_and_who_was_in_comes_back(self) -> None:
        world = Class()
        world.act("lock")
        assert world.ask("teacher", "watch", {"room": "lab"})["locked"]
        world.connect("eve")
        assert world.code("eve", "join", "lab") == Code.ROOM_LOCKED
        world.perform(world.relay.disconnect("ada"))
        assert world.join("ada again", peer_id="ada-id")["ok"]
        assert world.join("ada elsewhere", peer_id="ada-id")["ok"]  # and replaces
        world.act("lock", locked=False)
        assert world.ask("eve", "join", "lab")["ok"]

    def test_it_ends_with_the_room(self) -> None:
        world = Class()
        world.act("lock")
        for name in ("ada", "bob"):
            world.ask(name, "leave")
        assert world.join("eve")["ok"]


class TestEnd:
    def test_everybody_is_told_and_ended(self) -> None:
        world = Class()
        world.ask("teacher", "watch", {"room": "lab"})
        world.act("end")
        for name in ("ada", "bob"):
            assert [(event, what["code"]) for event, what in world.take(name)] == [(Event.ERROR, Code.ROOM_ENDED)]
        assert sorted(world.closed) == ["ada", "bob"]
        assert world.relay.rooms == {}
        world.advance(world.now_ms + 1000)
        assert world.take("teacher")[-1][1]["peers"] == []
        assert world.join("ada again", peer_id="ada-id")["peers"] == []
