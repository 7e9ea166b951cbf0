"""Who receives in a room without being a participant: a whole relay in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from relay_widget.core import DEFAULT_LIMITS, Limits
from relay_widget.protocol import Code, Event

from .cluster import Cluster
from .media import header
from .world import PUBLISH, World, assert_decodable, received_media

WATCHES = {"does": "watches", "of": ["ada-id"]}
RECORDS = {"does": "records"}
REC = {"id": "rec-id", "name": "rec", "does": "records", "of": None}


class Studio(World):
    """Ada and Bob publish; nobody listens yet."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self.connect("teacher", "monitor", administers=("lab",))
        self.group = 0
        for name in ("ada", "bob"):
            self.join(name, peer_id=f"{name}-id")
            assert self.ask(name, "publish", PUBLISH)["ok"]
            assert self.ask(name, "media-chunk", header("init"), b"i")["ok"]
        self.send_group()
        self.received.clear()

    def listen(self, name: str, listener: dict[str, Any], **known: Any) -> dict[str, Any]:
        self.connect(name, peer_id=f"{name}-id", **known)
        return self.ask(name, "join", {"room": "lab", "name": name, "listener": listener})

    def send_group(self) -> None:
        self.group += 1
        for name in ("ada", "bob"):
            for number, kind in enumerate(("key", "delta")):
                label = header(kind, group=self.group, number=number)  # type: ignore[arg-type]
                assert self.ask(name, "media-chunk", label, b"x")["ok"]

    def heard(self, name: str) -> list[tuple[str, str, int]]:
        """Whose objects somebody got since this was last asked: publisher, type, group."""
        media = received_media(self, name)
        self.received.pop(name, None)
        return [(one["from"], one["type"], one["group"]) for one in media]

    def act(self, event: str, **what: Any) -> None:
        assert self.ask("teacher", event, {"room": "lab", **what}) == {"ok": True}


def test_a_listener_is_told_of_to_everybody_and_is_no_peer() -> None:
    world = Studio()
    ack = world.listen("rec", RECORDS)
    assert ack["peer"] == "rec-id"
    assert [peer["id"] for peer in ack["peers"]] == ["ada-id", "bob-id"]
    assert ack["listeners"] == []
    for name in ("ada", "bob"):
        assert world.take(name) == [(Event.LISTENER_JOINED, {"listener": REC})]
    late = world.join("cy")
    assert [peer["id"] for peer in late["peers"]] == ["ada-id", "bob-id"]
    assert late["listeners"] == [REC]
    second = world.listen("py", WATCHES)
    assert second["listeners"] == [REC]
    assert world.take("rec")[-1][0] == Event.LISTENER_JOINED  # listeners see each other, too
    assert world.ask("rec", "leave") == {"ok": True}
    assert world.take("ada")[-1] == (Event.LISTENER_LEFT, {"listener": "rec-id", "reason": "left"})
    world.perform(world.relay.disconnect("py"))
    assert world.take("ada")[-1] == (Event.LISTENER_LEFT, {"listener": "py-id", "reason": "lost"})


def test_a_listener_gets_what_a_late_joiner_would_of_those_it_names() -> None:
    world = Studio()
    world.listen("rec", RECORDS)
    world.listen("py", WATCHES)
    caught_up = [("init", 1), ("key", 1), ("delta", 1)]
    assert world.heard("rec") == [(f"{name}-id", *what) for name in ("ada", "bob") for what in caught_up]
    assert world.heard("py") == [("ada-id", *what) for what in caught_up]
    world.send_group()
    assert world.heard("py") == [("ada-id", "key", 2), ("ada-id", "delta", 2)]
    assert len(world.heard("rec")) == 4


def test_whom_it_hears_can_change_and_everybody_is_told_before_it_gets_anything() -> None:
    world = Studio()
    world.listen("py", {"does": "watches", "of": []})
    assert world.heard("py") == []
    world.received.clear()
    for of, told in ((["bob-id"], 1), (["bob-id"], 0), (["bob-id", "ada-id"], 1), ([], 1), (["bob-id"], 1)):
        world.received.clear()
        assert world.ask("py", "listen", {"of": of}) == {"ok": True}
        news = [what["listener"]["of"] for event, what in world.take("ada") if event == Event.LISTENER_JOINED]
        assert news == [of] * told
    world.send_group()
    assert_decodable(received_media(world, "py"))
    assert world.heard("py")[:3] == [("bob-id", "init", 1), ("bob-id", "key", 1), ("bob-id", "delta", 1)]
    world.send_group()
    assert {sender for sender, _, _ in world.heard("py")} == {"bob-id"}
    assert world.ask("py", "listen", {"of": None}) == {"ok": True}
    world.take("py")
    world.send_group()
    assert {sender for sender, _, _ in world.heard("py")} == {"ada-id", "bob-id"}


def test_who_comes_later_is_heard_by_who_named_it_or_everybody() -> None:
    world = Studio()
    world.listen("rec", RECORDS)
    world.listen("py", {"does": "watches", "of": ["cy-id"]})
    world.join("cy", peer_id="cy-id")
    world.received.clear()
    assert world.ask("cy", "publish", PUBLISH)["ok"]
    for label in (header("init"), header("key"), header("delta", number=1)):
        world.ask("cy", "media-chunk", label, b"c")
    world.ask("cy", "media-chunk", b"plain")
    for name in ("rec", "py"):
        assert [label["from"] for label in received_media(world, name)] == ["cy-id"] * 4


def test_a_listener_publishes_nothing() -> None:
    world = Studio()
    world.listen("rec", RECORDS)
    world.received.clear()
    assert world.code("rec", "publish", PUBLISH) == Code.FORBIDDEN
    assert world.code("rec", "media-chunk", header("init"), b"i") == Code.FORBIDDEN
    assert world.code("rec", "media-chunk", b"plain") == Code.FORBIDDEN
    assert world.code("teacher", "mute", {"room": "lab", "peer": "rec-id"}) == Code.UNKNOWN_PEER
    assert not world.received["ada"]
    assert not world.received["bob"]


def test_a_participant_cannot_choose_whom_it_hears() -> None:
    world = Studio()
    assert world.code("ada", "listen", {"of": ["bob-id"]}) == Code.FORBIDDEN
    world.connect("nobody")
    assert world.code("nobody", "listen", {"of": None}) == Code.NOT_JOINED


def test_who_may_not_subscribe_may_not_listen() -> None:
    world = Studio()
    refused = world.listen("py", WATCHES, subscribe=False)
    assert refused["error"]["code"] == Code.FORBIDDEN
    assert not world.received["ada"]
    assert world.listen("rec", RECORDS, publish=False)["ok"]  # a link to watch may


@pytest.mark.parametrize(
    "listener",
    ["records", [], {}, {"does": "sings"}, {"does": ["records"]}, {"does": "records", "of": "ada"}, 1],
    ids=str,
)
def test_what_is_no_listener(listener: Any) -> None:
    world = Studio()
    world.connect("py")
    assert world.code("py", "join", {"room": "lab", "name": "py", "listener": listener}) == Code.BAD_MESSAGE
    assert not world.received["ada"]


def test_listeners_have_places_of_their_own() -> None:
    world = Studio(Limits(room_peers=3, room_listeners=2))
    for name in ("rec", "py"):
        assert world.listen(name, RECORDS)["ok"]
    world.connect("more")
    more = {"room": "lab", "name": "more", "listener": RECORDS}
    assert world.code("more", "join", more) == Code.ROOM_FULL
    assert world.ask("more", "join", {"room": "lab", "name": "more"})["ok"]  # the third peer
    world.connect("again", peer_id="rec-id")
    assert world.ask("again", "join", {**more, "name": "rec"})["ok"]  # who comes back takes its own place
    assert world.closed == ["rec"]
    world.connect("fourth")
    assert world.code("fourth", "join", {"room": "lab", "name": "x"}) == Code.ROOM_FULL


def test_a_listener_comes_back_under_its_id() -> None:
    world = Studio()
    world.listen("rec", RECORDS)
    world.received.clear()
    world.connect("rec again", peer_id="rec-id")
    assert world.ask("rec again", "join", {"room": "lab", "name": "rec", "listener": RECORDS})["ok"]
    assert world.take("ada") == [
        (Event.LISTENER_LEFT, {"listener": "rec-id", "reason": "replaced"}),
        (Event.LISTENER_JOINED, {"listener": REC}),
    ]
    assert len(world.heard("rec again")) == 6


def test_one_id_may_be_a_listener_and_then_a_participant() -> None:
    world = Studio()
    world.listen("rec", RECORDS)
    world.ask("rec", "leave")
    world.received.clear()
    assert world.ask("rec", "join", {"room": "lab", "name": "rec"})["ok"]
    assert [event for event, _ in world.take("ada")] == [Event.PEER_JOINED]
    assert world.ask("rec", "publish", PUBLISH)["ok"]


def test_renaming_says_who_it_is_now() -> None:
    world = Studio()
    world.listen("rec", RECORDS)
    world.received.clear()
    assert world.ask("rec", "rename", {"name": "Rita"}) == {"ok": True}
    assert world.take("bob") == [(Event.LISTENER_JOINED, {"listener": {**REC, "name": "Rita"}})]


def test_an_administrator_removes_locks_impairs_and_ends() -> None:
    world = Studio()
    world.listen("rec", RECORDS)
    world.act("lock")
    assert world.listen("py", WATCHES)["error"]["code"] == Code.ROOM_LOCKED
    world.connect("rec again", peer_id="rec-id")
    assert world.ask("rec again", "join", {"room": "lab", "name": "rec", "listener": RECORDS})["ok"]
    world.act("impair", peer="rec-id", delay_ms=500)
    world.take("rec again")
    world.send_group()
    assert world.heard("rec again") == []
    world.advance(world.now_ms + 600)
    assert len(world.heard("rec again")) == 4
    world.received.clear()
    world.act("remove", peer="rec-id")
    assert world.take("ada")[-1] == (Event.LISTENER_LEFT, {"listener": "rec-id", "reason": "removed"})
    assert world.take("rec again")[0][1]["code"] == Code.REMOVED
    world.act("lock", locked=False)
    world.connect("py again", peer_id="py-id")
    assert world.ask("py again", "join", {"room": "lab", "name": "py", "listener": WATCHES})["ok"]
    world.act("end")
    assert world.take("py again")[-1][1]["code"] == Code.ROOM_ENDED
    assert world.relay.rooms == {}


def test_monitors_see_listeners_apart() -> None:
    world = Studio()
    world.connect("kernel", "monitor")
    assert world.ask("kernel", "watch", {"room": "lab", "reports": True})["listeners"] == []
    world.listen("rec", RECORDS)
    world.ask("rec", "report", {"peers": {"ada-id": {"queue_depth": 2}}})
    world.advance(world.now_ms + 200)
    (_, snapshot), (_, reports) = world.take("kernel")
    assert [peer["id"] for peer in snapshot["peers"]] == ["ada-id", "bob-id"]
    [listener] = snapshot["listeners"]
    assert {key: listener[key] for key in REC} == REC
    assert reports["reports"] == {listener["id"]: {"peers": {"ada-id": {"queue_depth": 2}}, "sent": {}}}
    assert listener["impaired"] is None


def test_a_room_lives_as_long_as_somebody_listens() -> None:
    world = World()
    world.connect("rec")
    assert world.ask("rec", "join", {"room": "lab", "name": "rec", "listener": RECORDS})["ok"]
    assert world.join("ada")["listeners"][0]["does"] == "records"
    world.perform(world.relay.disconnect("ada"))
    world.perform(world.relay.disconnect("rec"))
    assert world.relay.rooms == {}


class TestSeveralRelays:
    def test_listeners_are_told_of_hear_and_go(self) -> None:
        cluster = Cluster("a", "b")
        a, b = cluster.nodes
        a.join("ada", peer_id="ada-id")
        a.publish("ada")
        a.send("ada", "init")
        a.send_group("ada", 1)
        cluster.settle()
        b.connect("rec", peer_id="rec-id")
        assert b.ask("rec", "join", {"room": "lab", "name": "rec", "listener": {"does": "records", "of": []}})["ok"]
        cluster.settle()
        assert a.told("ada", "listener-joined") == [{"listener": {**REC, "of": []}}]
        assert a.told("ada", "peer-joined") == []
        assert b.heard("rec") == []
        assert not cluster.media_to("b")  # and no media comes to its node
        assert b.ask("rec", "listen", {"of": ["ada-id"]})["ok"]
        cluster.settle()
        assert a.told("ada", "listener-joined")[-1] == {"listener": {**REC, "of": ["ada-id"]}}
        a.send_group("ada", 2)
        cluster.settle()
        assert b.heard("rec")[0] == ("init", 1, 0)
        assert b.heard("rec")[-1] == ("delta", 2, 3)
        late = a.join("late")
        assert late["listeners"] == [{**REC, "of": ["ada-id"]}]
        b.ask("rec", "leave")
        cluster.settle()
        assert a.told("ada", "listener-left") == [{"listener": "rec-id", "reason": "left"}]

    def test_a_node_that_comes_later_knows_them_and_one_that_goes_takes_its_own_along(self) -> None:
        cluster = Cluster("a", "b")
        a, b = cluster.nodes
        a.connect("rec", peer_id="rec-id")
        a.ask("rec", "join", {"room": "lab", "name": "rec", "listener": RECORDS})
        b.join("bob")
        cluster.settle()
        b.perform(b.relay.sharing.begin(b.now_ms))
        a.perform(a.relay.sharing.begin(a.now_ms))  # as after a Redis that was away: everything is said again
        cluster.settle()
        assert b.join("cy")["listeners"] == [REC]
        cluster.lost = lambda _tell, _to: True
        cluster.advance(5000)
        assert b.told("bob", "listener-left") == [{"listener": "rec-id", "reason": "lost"}]

    def test_a_listener_elsewhere_is_removed_and_has_its_place(self) -> None:
        cluster = Cluster("a", "b", limits=Limits(room_listeners=1))
        a, b = cluster.nodes
        a.connect("rec", peer_id="rec-id")
        a.ask("rec", "join", {"room": "lab", "name": "rec", "listener": RECORDS})
        b.connect("teacher", "monitor", administers=("lab",))
        b.connect("more")
        cluster.settle()
        joins = {"room": "lab", "name": "more", "listener": RECORDS}
        assert b.code("more", "join", joins) == Code.ROOM_FULL
        assert b.ask("teacher", "remove", {"room": "lab", "peer": "rec-id"})["ok"]
        cluster.settle()
        assert a.closed == ["rec"]
        assert b.ask("more", "join", joins)["ok"]

    def test_names_are_numbered_over_all_relays(self) -> None:
        cluster = Cluster("a", "b")
        a, b = cluster.nodes
        request = {"room": "lab", "name": "root", "numbered": True}
        a.connect("one")
        b.connect("two")
        assert a.ask("one", "join", request)["name"] == "root"
        cluster.settle()
        assert b.ask("two", "join", request)["name"] == "root 2"
