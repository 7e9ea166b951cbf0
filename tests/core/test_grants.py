"""What tokens allow, as the core enforces it: a whole relay in virtual time."""

from __future__ import annotations

from math import floor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay_widget.core.relay import ERROR_INTERVAL_MS, EXPIRY_INTERVAL_MS
from relay_widget.protocol import Code, Event, shown_call

from .media import header
from .world import PUBLISH, World, received_media

HOUR_MS = 3_600_000.0


def in_lab_for_10_s() -> World:
    world = World()
    world.connect("ada", room="lab", expires_s=10)
    assert world.ask("ada", "join", {"room": "lab", "name": "Ada"})["ok"]
    return world


def test_a_room_the_token_is_not_for() -> None:
    world = World()
    world.connect("ada", room="lab-*")
    for room in ("lab", "other", "*"):
        assert world.code("ada", "join", {"room": room, "name": "Ada"}) == Code.FORBIDDEN
        assert world.code("ada", "join", room) == Code.FORBIDDEN
    assert world.relay.rooms == {}
    assert world.ask("ada", "join", {"room": "lab-1", "name": "Ada"})["ok"]
    for watcher in ("monitor", "peer"):
        world.connect(watcher, watcher, room="lab-1")
        assert world.ask(watcher, "watch", {"room": "lab-1"})["ok"]
        assert world.code(watcher, "watch", {"room": "lab-2"}) == Code.FORBIDDEN


def test_who_has_only_a_peers_token_may_watch_and_is_nobody_there() -> None:
    world = World()
    world.join("ada")
    world.connect("kernel", room="lab")
    assert [peer["name"] for peer in world.ask("kernel", "watch", {"room": "lab"})["peers"]] == ["ada"]
    world.ask("ada", "publish", PUBLISH)
    world.ask("ada", "media-chunk", header("init"), b"x")
    assert received_media(world, "kernel") == []
    assert world.ask("ada", "leave")["ok"]


def test_a_call_is_known_by_a_word_that_watchers_are_not_told() -> None:
    world = World()
    word = "a-word-of-the-kernel"
    world.connect("page")
    world.connect("ticketed", call="c1")
    world.connect("kernel", "monitor")
    for client in ("page", "ticketed"):
        assert world.ask(client, "join", {"room": "lab", "name": client, "call": word})["ok"]
    shown = {peer["name"]: peer["call"] for peer in world.ask("kernel", "watch", {"room": "lab"})["peers"]}
    assert shown == {"page": shown_call(word), "ticketed": "c1"}
    assert word not in shown_call(word)


def test_who_may_not_publish_sends_nothing_and_gets_everything() -> None:
    world = World()
    world.join("ada")
    world.join("viewer", publish=False)
    assert world.code("viewer", "publish", PUBLISH) == Code.FORBIDDEN
    assert world.code("viewer", "media-chunk", header("init"), b"x") == Code.FORBIDDEN
    assert world.code("viewer", "media-chunk", b"plain") == Code.FORBIDDEN
    assert [event for event, _ in world.take("ada")] == [Event.PEER_JOINED]
    world.ask("ada", "publish", PUBLISH)
    world.ask("ada", "media-chunk", header("init"), b"x")
    assert len(received_media(world, "viewer")) == 1


def test_who_may_not_subscribe_is_told_who_is_there_and_sent_no_media() -> None:
    world = World()
    world.join("ada")
    world.ask("ada", "publish", PUBLISH)
    world.ask("ada", "media-chunk", header("init"), b"x")
    world.ask("ada", "media-chunk", header("key"), b"x")
    assert world.join("camera", subscribe=False)["peers"][0]["tracks"]
    world.ask("ada", "media-chunk", header("delta", number=1), b"x")
    world.ask("ada", "media-chunk", b"plain")
    world.ask("ada", "publish", {**PUBLISH, "track": "screen"})
    world.ask("ada", "media-chunk", header("init", track="screen"), b"x")
    assert [event for event, _ in world.take("camera")] == [Event.TRACK_PUBLISHED]
    world.ask("camera", "publish", PUBLISH)
    world.ask("camera", "media-chunk", header("init"), b"x")
    assert len(received_media(world, "ada")) == 1
    world.connect("echo", subscribe=False)
    assert world.code("echo", "join", {"room": "lab", "name": "Echo", "loopback": True}) == Code.FORBIDDEN


def test_a_name_in_the_token_is_the_peer_s() -> None:
    world = World()
    world.join("watcher")
    world.connect("ada", name="Ada")
    world.ask("ada", "join", {"room": "lab", "name": "Somebody else"})
    [(_, joined)] = world.take("watcher")
    assert joined["peer"]["name"] == "Ada"
    assert world.code("ada", "rename", {"name": "Somebody else"}) == Code.FORBIDDEN
    assert world.take("watcher") == []


def test_refusals_are_counted_and_logged_with_peer_and_reason_once_a_second() -> None:
    world = World()
    world.join("viewer", publish=False)
    for _ in range(5):
        assert world.code("viewer", "publish", PUBLISH) == Code.FORBIDDEN
    world.now_ms += ERROR_INTERVAL_MS
    world.tell("viewer", "media-chunk", header("init"), b"x")
    first, second = world.log
    assert (first.connection, first.event, first.code, first.suppressed) == ("viewer", "publish", Code.FORBIDDEN, 0)
    assert (second.event, second.suppressed) == ("media-chunk", 4)
    assert second.reason.endswith(".")
    assert world.relay.stats.refused == {Code.FORBIDDEN: 6}
    assert world.relay.rooms["lab"].peers["p1"].refused == {Code.FORBIDDEN: 6}


def test_a_token_that_expires_ends_its_connection() -> None:
    world = World()
    world.join("watcher")
    ack = world.join("ada", expires_s=10)
    assert ack["expires_ms"] == 10_000
    world.take("watcher")
    world.advance(9_999)
    assert world.closed == []
    world.advance(10_000)
    assert world.closed == ["ada"]
    [(event, error)] = world.take("ada")
    assert (event, error["code"]) == (Event.ERROR, Code.EXPIRED_TOKEN)
    assert world.take("watcher") == [(Event.PEER_LEFT, {"peer": ack["peer"], "reason": "expired"})]
    assert world.code("ada", "join", "lab") == Code.EXPIRED_TOKEN
    assert [line.code for line in world.log] == [Code.EXPIRED_TOKEN]


def test_a_monitor_s_token_expires_too() -> None:
    world = World()
    world.connect("watcher", "monitor", expires_s=10)
    world.ask("watcher", "watch", {"room": "lab"})
    world.advance(10_000)
    assert world.closed == ["watcher"]


def test_who_hands_in_a_fresh_token_stays() -> None:
    world = in_lab_for_10_s()
    world.advance(9_000)
    assert world.ask("ada", "renew", {"token": world.token(60, room="lab")}) == {"ok": True, "expires_ms": 69_000}
    # One that ends sooner takes nothing away.
    assert world.ask("ada", "renew", {"token": world.token(5, room="lab")})["expires_ms"] == 69_000
    world.advance(68_999)
    assert world.closed == []
    world.advance(69_000)
    assert world.closed == ["ada"]


@pytest.mark.parametrize(
    "other",
    [
        {"room": "other"},
        {},
        {"room": "lab", "publish": False},
        {"room": "lab", "administers": ("lab",)},
        {"room": "lab", "name": "Ada"},
        {"room": "lab", "call": "c1"},
        {"room": "lab", "peer": "somebody else"},
    ],
    ids=str,
)
def test_a_token_with_other_rights_prolongs_nothing(other: dict[str, Any]) -> None:
    world = in_lab_for_10_s()
    assert world.code("ada", "renew", {"token": world.token(60, **other)}) == Code.FORBIDDEN
    world.advance(10_000)
    assert world.closed == ["ada"]


def test_tokens_that_are_none_prolong_nothing() -> None:
    world = in_lab_for_10_s()
    nonsense: list[Any] = [None, "", "a.b.c", 1, {}]
    for token in nonsense:
        assert world.code("ada", "renew", {"token": token}) == Code.BAD_TOKEN
    stale = world.token(5, room="lab")
    world.advance(6_000)
    assert world.code("ada", "renew", {"token": stale}) == Code.EXPIRED_TOKEN
    world.advance(10_000)
    assert world.closed == ["ada"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["connect", "renew", "leave"]), st.integers(1, 30)), max_size=40
    )
)
def test_nobody_is_there_longer_than_its_token_and_nobody_shorter(steps: list[tuple[int, str, int]]) -> None:
    """Clients come, renew and go at random: each is ended when its newest token ends, within the interval."""
    world = World()
    ends_ms: dict[str, float] = {}
    count = 0
    for who, what, seconds in steps:
        client = next((name for name in ends_ms if name.startswith(f"{who}/")), None)
        if what == "connect" and client is None:
            count += 1
            client = f"{who}/{count}"
            ends_ms[client] = world.now_ms + seconds * 1000
            world.join(client, expires_s=ends_ms[client] / 1000)
        elif what == "renew" and client is not None:
            world.ask(client, "renew", {"token": world.token(seconds)})
            # Tokens end at whole seconds.
            ends_ms[client] = max(ends_ms[client], floor(world.now_ms / 1000 + seconds) * 1000)
        elif what == "leave" and client is not None:
            world.perform(world.relay.disconnect(client))
            del ends_ms[client]
        world.advance(world.now_ms + 500 * seconds)
        for name, end_ms in list(ends_ms.items()):
            if name in world.closed:
                assert end_ms <= world.now_ms
                del ends_ms[name]
            else:
                assert world.now_ms < end_ms + EXPIRY_INTERVAL_MS


def test_an_idle_relay_sleeps_until_a_token_ends() -> None:
    world = World()
    world.join("ada", expires_s=3600)
    assert world.relay.due_ms == HOUR_MS
    world.perform(world.relay.disconnect("ada"))
    world.advance(2 * HOUR_MS)
    assert world.relay.due_ms > 10 * HOUR_MS
