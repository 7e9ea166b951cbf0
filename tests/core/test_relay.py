from __future__ import annotations

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_widget.core import Limits, SendMedia
from relay_widget.core.relay import ERROR_INTERVAL_MS, MEMORY_INTERVAL_MS
from relay_widget.errors import WireError
from relay_widget.protocol import (
    LEFT_KEPT_MS,
    MAX_BYTES_PER_S_PER_PEER,
    MAX_CHUNK_BYTES,
    MAX_GROUP_AGE_MS,
    MAX_LEFT_KEPT,
    MAX_PEERS_PER_ROOM,
    MAX_QUEUE_BYTES,
    MAX_ROOMS,
    SNAPSHOT_INTERVAL_MS,
    Code,
    Event,
)

from .media import header
from .world import PUBLISH, World, assert_decodable, received_media


def test_join_tells_who_is_there() -> None:
    world = World()
    first = world.join("ada")
    assert first == {
        "ok": True,
        "peer": "p1",
        "name": "ada",
        "peers": [],
        "listeners": [],
        "now_ms": 1000.0,
        "expires_ms": None,
    }
    world.ask("ada", "publish", PUBLISH)
    second = world.join("bob")
    [ada] = second["peers"]
    assert ada["id"] == "p1"
    assert ada["tracks"][0]["mimeType"] == "video/webm"
    assert world.take("ada") == [(Event.PEER_JOINED, {"peer": {"id": "p2", "name": "bob", "plays": [], "tracks": []}})]


def test_leave_and_join_again_under_the_same_id() -> None:
    world = World()
    world.join("ada")
    world.join("bob")
    assert world.code("ada", "join", "lab") == Code.ALREADY_JOINED
    assert world.ask("ada", "leave") == {"ok": True}
    assert world.take("bob") == [(Event.PEER_LEFT, {"peer": "p1", "reason": "left"})]
    assert world.code("ada", "leave") == Code.NOT_JOINED
    assert world.ask("ada", "join", {"room": "other", "name": "ada"})["peer"] == "p1"
    assert set(world.relay.rooms) == {"lab", "other"}


def test_empty_rooms_vanish_and_who_is_lost_has_left() -> None:
    world = World()
    world.join("ada")
    world.join("bob")
    world.perform(world.relay.disconnect("ada"))
    assert world.take("bob") == [(Event.PEER_LEFT, {"peer": "p1", "reason": "lost"})]
    world.perform(world.relay.disconnect("bob"))
    assert world.relay.rooms == {}
    assert world.relay.disconnect("bob") == []
    assert world.relay.handle("bob", "leave", [], 0, wants_ack=True).ack is None


def test_an_id_that_comes_back_replaces_the_old_connection() -> None:
    world = World()
    world.join("watcher")
    world.join("old", peer_id="me", call="c1")
    world.take("watcher")
    ack = world.join("new", peer_id="me", call="c1")
    assert ack["peer"] == "me"
    assert world.closed == ["old"]
    [(event, error)] = world.take("old")
    assert (event, error["code"]) == (Event.ERROR, Code.REPLACED)
    assert [(event, payload.get("reason")) for event, payload in world.take("watcher")] == [
        (Event.PEER_LEFT, "replaced"),
        (Event.PEER_JOINED, None),
    ]
    assert world.code("old", "join", "lab") == Code.REPLACED
    assert world.relay.disconnect("old") == []
    assert world.relay.grant("new").call == "c1"


def test_a_refused_join_changes_nothing_for_the_old_connection() -> None:
    world = World()
    for number in range(MAX_PEERS_PER_ROOM):
        world.join(f"peer {number}", "full")
    world.join("old", "lab", peer_id="me")
    world.connect("new", peer_id="me")
    assert world.code("new", "join", "full") == Code.ROOM_FULL
    assert world.closed == []
    assert "me" in world.relay.rooms["lab"].peers


def test_a_full_room_takes_its_own_back() -> None:
    world = World()
    for number in range(MAX_PEERS_PER_ROOM):
        world.join(f"peer {number}", peer_id=f"id {number}")
    assert world.join("again", peer_id="id 0")["peer"] == "id 0"


def test_rooms_are_bounded() -> None:
    world = World()
    for number in range(MAX_ROOMS):
        world.join(f"peer {number}", f"room {number}")
    world.connect("late")
    assert world.code("late", "join", "one more") == Code.TOO_MANY_ROOMS
    assert world.ask("late", "join", "room 0")["ok"]


def test_everything_in_a_room_needs_a_room() -> None:
    world = World()
    world.connect("ada")
    for event, *args in (
        ("publish", PUBLISH),
        ("unpublish", {"track": "camera"}),
        ("rename", {"name": "x"}),
        ("report", {}),
        ("media-chunk", header("init"), b"x"),
        ("media-chunk", b"x"),
    ):
        assert world.code("ada", event, *args) == Code.NOT_JOINED


def test_unknown_and_malformed_events() -> None:
    world = World()
    world.join("ada")
    nonsense: list[Any] = ["nonsense", "connect", "disconnect", "room", "", None, 1, [], {}]
    for event in nonsense:
        assert world.code("ada", event) == Code.BAD_MESSAGE
    for event in ("join", "publish", "unpublish", "rename", "clock", "report", "watch", "unwatch"):
        assert world.code("ada", event) == Code.BAD_MESSAGE
        assert world.code("ada", event, {}, {}) == Code.BAD_MESSAGE
        assert world.code("ada", event, [[[]]]) == Code.BAD_MESSAGE
    assert world.code("ada", "leave", 1) == Code.BAD_MESSAGE
    malformed: list[tuple[Any, ...]] = [
        (),
        (1,),
        ("x",),
        ({},),
        (header("init"), "text"),
        (header("init"), b"x", b"y"),
        (b"x", None),
    ]
    for args in malformed:
        assert world.code("ada", "media-chunk", *args) == Code.BAD_MESSAGE
    assert world.code("ada", "media-chunk", b"x", b"y") == Code.BAD_HEADER


def test_refusals_without_an_ack_are_events_one_a_second_and_the_rest_is_counted() -> None:
    world = World()
    world.join("ada")
    for _ in range(5):
        world.tell("ada", "media-chunk", header("init"), b"x")
    [(event, error)] = world.take("ada")
    assert event == Event.ERROR
    assert error["code"] == Code.UNKNOWN_TRACK
    assert (error["event"], error["track"], error["suppressed"]) == ("media-chunk", "camera", 0)
    world.tell("ada", "x" * 1000)
    [(_, error)] = world.take("ada")  # another code has a second of its own
    assert len(error["event"]) == 64
    world.now_ms += ERROR_INTERVAL_MS
    world.tell("ada", "media-chunk", header("init"), b"x")
    [(_, error)] = world.take("ada")
    assert error["suppressed"] == 4
    assert world.relay.stats.refused == {Code.UNKNOWN_TRACK: 6, Code.BAD_MESSAGE: 1}


def test_an_event_of_an_internal_mistake_is_answered() -> None:
    world = World()
    world.join("ada")
    outcome = world.relay.fail("ada", "join", 0, wants_ack=True)
    assert outcome.ack is not None
    assert outcome.ack["error"]["code"] == Code.INTERNAL
    assert world.relay.fail("gone", "join", 0, wants_ack=True).ack is None


def test_a_chunk_too_large_ends_its_group() -> None:
    world = World()
    world.join("ada")
    world.ask("ada", "publish", PUBLISH)
    assert world.ask("ada", "media-chunk", header("init"), b"i")["ok"]
    assert world.ask("ada", "media-chunk", header("key"), b"k")["ok"]
    large = bytes(MAX_CHUNK_BYTES + 1)
    assert world.code("ada", "media-chunk", header("delta", number=1), large) == Code.CHUNK_TOO_LARGE
    assert world.code("ada", "media-chunk", header("delta", number=1), b"d") == Code.CHUNK_TOO_LARGE
    assert world.code("ada", "media-chunk", large) == Code.CHUNK_TOO_LARGE
    assert world.ask("ada", "media-chunk", header("key", group=2), b"k")["ok"]


def test_a_peer_too_fast_loses_to_its_next_group_and_can_still_speak() -> None:
    world = World()
    world.join("ada")
    world.join("bob")
    for name in ("ada", "bob"):
        world.ask(name, "publish", PUBLISH)
        world.ask(name, "media-chunk", header("init"), b"i")
        world.ask(name, "media-chunk", header("key"), b"k")
    data = bytes(MAX_CHUNK_BYTES)
    sent = 0
    while world.ask("ada", "media-chunk", header("delta", number=sent + 1), data)["ok"]:
        sent += 1
    assert sent == MAX_BYTES_PER_S_PER_PEER // MAX_CHUNK_BYTES
    assert world.code("ada", "media-chunk", header("delta", number=sent + 1), b"d") == Code.TOO_FAST
    assert world.code("ada", "media-chunk", header("key", group=2), b"k") == Code.TOO_FAST
    assert world.code("ada", "media-chunk", b"plain") == Code.TOO_FAST
    assert world.ask("bob", "media-chunk", header("delta", number=1), b"d")["ok"]
    assert world.ask("ada", "clock", 1)["ok"]
    world.now_ms += 1000
    assert world.code("ada", "media-chunk", header("delta", number=sent + 1), b"d") == Code.TOO_FAST
    assert world.ask("ada", "media-chunk", header("key", group=3), b"k")["ok"]


def test_a_flood_of_events_ends() -> None:
    world = World()
    world.join("ada")
    asked = 0
    while world.ask("ada", "clock", 1)["ok"]:
        asked += 1
        assert asked < 100_000
    assert world.code("ada", "leave") == Code.TOO_FAST


def test_clock() -> None:
    world = World()
    world.connect("ada")
    assert world.ask("ada", "clock", 12.5) == {"ok": True, "t0": 12.5, "now_ms": 1000.0}


def test_peers_may_watch_too_and_only_peers_join() -> None:
    world = World()
    world.connect("peer", "peer")
    world.connect("monitor", "monitor")
    world.connect("any", "any")
    assert world.ask("peer", "watch", {"room": "other"})["ok"]
    assert world.ask("peer", "unwatch", {"room": "other"})["ok"]
    assert world.code("monitor", "join", "lab") == Code.FORBIDDEN
    assert world.ask("monitor", "watch", {"room": "lab"}) == {
        "ok": True,
        "room": "lab",
        "locked": False,
        "peers": [],
        "listeners": [],
        "left": [],
        "now_ms": 1000.0,
    }
    assert world.ask("any", "watch", {"room": "lab"})["ok"]
    assert world.ask("any", "join", "lab")["ok"]


def test_monitors_see_every_change_at_most_so_often() -> None:
    world = World()
    world.connect("m", "monitor")
    world.ask("m", "watch", {"room": "lab", "reports": ["c1"]})
    assert world.relay.due_ms == inf
    world.join("ada", call="c1")
    assert world.relay.due_ms <= world.now_ms
    world.perform(world.relay.take_due(world.now_ms))
    [(event, snapshot)] = world.take("m")
    assert event == Event.ROOM
    assert snapshot["peers"][0]["call"] == "c1"

    figures = {"peers": {"p2": {"queue_depth": 3}, "nobody": {"queue_depth": 9}}, "sent": {}}
    for change in (
        ("publish", PUBLISH),
        ("rename", {"name": "Ada L."}),
        ("report", figures),
        ("unpublish", {"track": "camera"}),
    ):
        world.now_ms += SNAPSHOT_INTERVAL_MS
        assert world.ask("ada", *change)["ok"]
        assert world.relay.due_ms <= world.now_ms, change
        world.perform(world.relay.take_due(world.now_ms))
    heard = world.take("m")
    assert [event for event, _ in heard] == [Event.ROOM, Event.ROOM, Event.REPORTS, Event.ROOM]
    assert heard[-1][1]["peers"][0]["name"] == "Ada L."
    assert heard[2][1]["reports"] == {"p2": {"peers": {"p2": {"queue_depth": 3}}, "sent": {}}}, "of those present"

    world.perform(world.relay.disconnect("ada"))
    assert world.relay.due_ms == world.now_ms + SNAPSHOT_INTERVAL_MS
    world.now_ms = world.relay.due_ms
    world.perform(world.relay.take_due(world.now_ms))
    assert world.take("m") == [
        (Event.ROOM, {"room": "lab", "locked": False, "peers": [], "listeners": [], "left": [], "now_ms": world.now_ms})
    ]
    world.ask("m", "unwatch", {"room": "lab"})
    world.join("bob")
    assert world.relay.due_ms == inf


def test_monitors_see_which_calls_have_left_of_themselves() -> None:
    world = World()
    world.connect("m", "monitor")

    def left() -> list[tuple[str, float]]:
        snapshot = world.ask("m", "watch", {"room": "lab"})
        return [(one["call"], one["left_ms"]) for one in snapshot["left"]]

    for number in range(1, 4):
        world.join(f"call {number}", call=f"c{number}", peer_id=f"id {number}")
    world.join("bob")
    world.ask("bob", "leave")
    world.perform(world.relay.disconnect("call 1"))
    assert left() == [], "one was lost, and one is of no call"
    for number in (2, 3):
        world.now_ms += 10
        world.ask(f"call {number}", "leave")
        world.perform(world.relay.disconnect(f"call {number}"))
    assert left() == [("c2", 1010.0), ("c3", 1020.0)], "also of a room that has ended"
    world.join("call 2 again", call="c2", peer_id="id 2")
    assert left() == [("c3", 1020.0)]
    world.now_ms += LEFT_KEPT_MS
    assert left() == [("c3", 1020.0)]
    world.now_ms += 1
    assert left() == []
    for number in range(2 * MAX_LEFT_KEPT):
        world.join(f"n{number}", call=f"n{number}")
        world.ask(f"n{number}", "leave")
    assert [call for call, _ in left()] == [f"n{number}" for number in range(MAX_LEFT_KEPT, 2 * MAX_LEFT_KEPT)]


def test_who_reads_is_written_to_before_who_does_not() -> None:
    world = World()
    for name in ("ada", "bob", "eve"):
        world.join(name)
    world.ask("ada", "publish", PUBLISH)
    world.ask("ada", "media-chunk", header("init"), b"i")
    world.queued["bob"] = 1
    for its in (header("key"), header("delta", number=1)):
        effects = world.relay.handle("ada", Event.MEDIA_CHUNK, [its, b"m"], world.now_ms, wants_ack=False).effects
        assert [name for effect in effects if isinstance(effect, SendMedia) for name in effect.to] == ["eve", "bob"]


def test_a_monitor_sees_what_was_dropped_for_whom() -> None:
    world = World()
    world.connect("m", "monitor")
    world.ask("m", "watch", {"room": "lab"})
    world.join("ada")
    world.join("bob")
    world.ask("ada", "publish", PUBLISH)
    world.ask("ada", "media-chunk", header("init"), b"i")
    world.perform(world.relay.take_due(world.now_ms))
    world.take("m")
    world.now_ms += SNAPSHOT_INTERVAL_MS
    assert world.relay.due_ms == inf
    world.queued["bob"] = MAX_QUEUE_BYTES + 1
    world.ask("ada", "media-chunk", header("key"), b"k")
    assert world.relay.due_ms <= world.now_ms
    world.perform(world.relay.take_due(world.now_ms))
    [(_, snapshot)] = world.take("m")
    assert [peer["dropped_groups"] for peer in snapshot["peers"]] == [0, 1]


# What any subscriber may ever receive of a track, whatever the queues do and whenever it comes.

STEP = st.one_of(
    st.sampled_from(["key", "delta", "delta", "delta", "init", "stray delta"]).map(lambda kind: ("send", kind)),
    st.tuples(st.just("queue"), st.integers(0, 4), st.sampled_from([0, MAX_QUEUE_BYTES, MAX_QUEUE_BYTES + 1])),
    st.tuples(st.just("join"), st.integers(1, 4)),
    st.tuples(st.just("leave"), st.integers(1, 4)),
)


@given(st.lists(STEP, max_size=80))
def test_a_subscriber_can_always_decode_what_it_gets(steps: list[tuple[Any, ...]]) -> None:
    world = World()
    world.join("publisher")
    world.join("steady")  # its queue is always empty
    world.join("s0")  # there from the start, with a queue that comes and goes
    world.ask("publisher", "publish", PUBLISH)
    epoch, group, number = 0, 0, 0
    accepted: list[dict[str, Any]] = []
    here: set[int] = set()

    def send(kind: str) -> None:
        nonlocal epoch, group, number
        if kind == "init":
            epoch, number = epoch + 1, 0
        elif kind == "key":
            group, number = group + 1, 0
        else:
            number += 1
        label = header(kind.removeprefix("stray "), epoch, group, number + 5 * kind.startswith("stray"))  # type: ignore[arg-type]
        if world.ask("publisher", "media-chunk", label, b"x")["ok"]:
            accepted.append(label)
        else:
            number = max(0, number - 1)

    for step in steps:
        match step:
            case ("send", kind):
                send(kind)
            case ("queue", who, size_bytes):
                world.queued[f"s{who}"] = size_bytes
            case ("join", who) if who not in here:
                here.add(who)
                world.join(f"s{who}")
            case ("leave", who) if who in here:
                here.discard(who)
                world.perform(world.relay.disconnect(f"s{who}"))
                assert_decodable(received_media(world, f"s{who}"))
                world.take(f"s{who}")

    for who in range(5):
        assert_decodable(received_media(world, f"s{who}"))
    # Nobody's queue is felt by another.
    assert [label | {"from": "p1", "relayed_ms": 1000.0} for label in accepted] == received_media(world, "steady")
    # What s0 did not get is exactly what was counted.
    media = [label for label in accepted if label["type"] != "init"]
    got = [label for label in received_media(world, "s0") if label["type"] != "init"]
    s0 = world.relay.rooms["lab"].peers["p3"]
    assert s0.dropped_objects == len(media) - len(got)
    told = [payload["dropped_objects"] for event, payload in world.received["s0"] if event == Event.GROUPS_DROPPED]
    assert told == sorted(set(told))
    # And with the queue empty again it is whole from the next group on.
    world.queued["s0"] = 0
    before = len(received_media(world, "s0"))
    for kind in ("init", "key", "delta", "delta"):
        send(kind)
    assert [label["type"] for label in received_media(world, "s0")[before:]] == [
        "init",
        "key",
        "delta",
        "delta",
    ]
    told = [payload["dropped_objects"] for event, payload in world.received["s0"] if event == Event.GROUPS_DROPPED]
    assert s0.dropped_objects == (told[-1] if told else 0)


def test_the_memory_of_queues_and_of_late_joiners_is_bounded() -> None:
    world = World(Limits(memory_bytes=10_000))
    world.join("ada")
    world.connect("bob")
    world.ask("ada", "publish", PUBLISH)
    world.ask("ada", "media-chunk", header("init"), bytes(1000))
    world.ask("ada", "media-chunk", header("key"), bytes(4000))
    world.queued["ada"] = 5000
    assert world.relay.held_bytes() == 10_000
    world.queued["ada"] += 1
    world.now_ms += MEMORY_INTERVAL_MS
    assert world.ask("bob", "join", "lab")["ok"], "the group is given up instead"
    assert (world.relay.held_bytes(), world.relay.stats.given_up_groups) == (6001, 1)
    assert [label["type"] for label in received_media(world, "bob")] == ["init"]
    world.ask("bob", "leave")
    world.queued["ada"] = 10_001
    assert world.ask("bob", "join", "lab")["ok"]  # measured a moment ago
    world.ask("bob", "leave")
    world.now_ms += MEMORY_INTERVAL_MS
    assert world.code("bob", "join", "lab") == Code.RELAY_FULL
    with pytest.raises(WireError) as caught:
        world.connect("cy")
    assert caught.value.code == Code.RELAY_FULL
    world.queued["ada"] = 0
    world.now_ms += MEMORY_INTERVAL_MS
    assert world.ask("bob", "join", "lab")["ok"]


def test_a_group_that_is_too_old_for_anybody_is_not_kept() -> None:
    world = World()
    world.join("ada")
    world.ask("ada", "publish", PUBLISH)
    world.ask("ada", "media-chunk", header("init"), b"i")
    world.ask("ada", "media-chunk", header("key"), bytes(4000))
    world.now_ms += MAX_GROUP_AGE_MS
    world.relay.free_memory(world.now_ms)
    assert world.relay.held_bytes() == 4001
    world.now_ms += 1
    assert world.relay.free_memory(world.now_ms) == 0, "nothing for lack of room"
    assert world.relay.held_bytes() == 1


def test_of_what_is_held_the_largest_groups_go_first() -> None:
    world = World(Limits(memory_bytes=100_000))
    for number, size in enumerate((10_000, 60_000, 40_000, 5_000)):
        world.join(f"p{number}")
        world.ask(f"p{number}", "publish", PUBLISH)
        world.ask(f"p{number}", "media-chunk", header("init"), b"")
        world.ask(f"p{number}", "media-chunk", header("key"), bytes(size))
    assert world.relay.free_memory(world.now_ms) == 60_000
    assert world.relay.held_bytes() == 55_000


def test_who_comes_back_finds_its_place_in_a_full_memory() -> None:
    world = World(Limits(memory_bytes=10))
    world.join("ada", peer_id="a")
    world.queued["ada"] = 11
    world.now_ms += MEMORY_INTERVAL_MS
    world.connect("again", peer_id="a")
    assert world.ask("again", "join", "lab")["ok"]


def test_a_flood_of_tiny_chunks_ends() -> None:
    world = World(Limits(peer_chunks_per_s=5))
    world.join("ada")
    answers = [world.ask("ada", "media-chunk", b"x")["ok"] for _ in range(7)]
    assert answers == [True] * 5 + [False] * 2
    world.now_ms += 200
    assert world.ask("ada", "media-chunk", b"x")["ok"]
    assert world.code("ada", "media-chunk", b"x") == Code.TOO_FAST
