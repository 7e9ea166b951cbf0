"""Rooms shared by several relays, in virtual time."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay_widget.core import Limits
from relay_widget.core.nodes import NODE_TIMEOUT_MS
from relay_widget.core.sharing import BUS_SHARE
from relay_widget.errors import WireError
from relay_widget.protocol import MAX_AUDIO_WAIT_MS, MAX_QUEUE_BYTES, MAX_VIDEO_WAIT_MS, Code

from .cluster import Cluster, Node
from .world import assert_decodable, received_media

SOUND = {"track": "sound", "mimeType": "audio/webm", "video": False}
WHOLE_GROUP = [("key", 1, 0), ("delta", 1, 1), ("delta", 1, 2), ("delta", 1, 3)]


def ids(ack: dict[str, Any]) -> list[str]:
    return [peer["id"] for peer in ack["peers"]]


def two() -> tuple[Cluster, Node, Node]:
    """Ada is at one node and publishes, Bob at another."""
    cluster = Cluster("a", "b")
    a, b = cluster.nodes
    a.join("ada", peer_id="ada-id")
    b.join("bob", peer_id="bob-id")
    cluster.settle()
    a.publish("ada")
    a.send("ada", "init")
    cluster.settle()
    return cluster, a, b


def test_monitors_of_another_node_see_that_a_call_has_left_and_has_come_back() -> None:
    cluster = Cluster("a", "b")
    a, b = cluster.nodes
    a.join("ada", peer_id="ada-id", call="c1")
    b.connect("m", "monitor")
    cluster.settle()
    a.ask("ada", "leave")
    cluster.settle()
    [left] = b.ask("m", "watch", {"room": "lab"})["left"]
    assert (left["id"], left["call"]) == ("ada-id", "c1")
    a.ask("ada", "join", {"room": "lab", "name": "ada"})
    cluster.settle()
    assert b.ask("m", "watch", {"room": "lab"})["left"] == []


def test_who_is_in_the_room_is_known_everywhere() -> None:
    cluster, a, b = two()
    assert a.told("ada", "peer-joined")[0]["peer"]["id"] == "bob-id"
    assert b.told("bob", "track-published")[0]["from"] == "ada-id"
    others = {peer["id"]: peer for peer in b.join("cleo")["peers"]}
    assert others.keys() == {"ada-id", "bob-id"}
    assert others["ada-id"]["tracks"][0]["track"] == "camera"
    a.ask("ada", "rename", {"name": "Ada L."})
    a.ask("ada", "unpublish", {"track": "camera"})
    a.ask("ada", "leave")
    cluster.settle()
    assert b.told("bob", "peer-renamed") == [{"peer": "ada-id", "name": "Ada L."}]
    assert b.told("bob", "track-unpublished") == [{"from": "ada-id", "track": "camera"}]
    assert b.told("bob", "peer-left") == [{"peer": "ada-id", "reason": "left"}]
    b.relay.disconnect("bob")
    b.perform(b.relay.disconnect("cleo"))
    cluster.settle()
    assert a.relay.rooms.keys() <= {"lab"}


def test_a_room_ends_everywhere_with_its_last_peer() -> None:
    cluster, a, b = two()
    for node, who in ((a, "ada"), (b, "bob")):
        node.perform(node.relay.disconnect(who))
        cluster.settle()
    assert a.relay.rooms == b.relay.rooms == {}


def test_media_crosses_in_order_with_its_stamps() -> None:
    cluster, a, b = two()
    a.send_group("ada", 1)
    cluster.settle()
    assert b.heard("bob") == [("init", 1, 0), *WHOLE_GROUP]
    media = received_media(b, "bob")[-1]
    assert (media["from"], media["relayed_ms"]) == ("ada-id", a.now_ms)
    a.tell("ada", "media-chunk", b"plain")
    cluster.settle()
    assert b.told("bob", "media-chunk")[-1] == ({"from": "ada-id", "relayed_ms": a.now_ms}, b"plain")


def test_stamps_are_in_the_clock_of_the_node_that_passes_them_on() -> None:
    cluster, a, b = two()
    a.bus.ahead, b.bus.ahead = 300.0, -200.0
    cluster.advance(1000)
    label = {"track": "camera", "epoch": 1, "group": 5, "object": 0, "type": "key"}
    a.tell("ada", "media-chunk", {**label, "captured_ms": 10_000.0, "sent_ms": 10_020.0, "media_ms": 40.0}, b"x")
    cluster.settle()
    [seen] = received_media(b, "bob")[1:]
    assert (seen["captured_ms"], seen["sent_ms"], seen["media_ms"]) == (9_500.0, 9_520.0, 40.0)
    assert seen["relayed_ms"] == a.now_ms - 500


def test_nodes_without_subscribers_get_no_media() -> None:
    cluster = Cluster("a", "b", "c", "d")
    a, b, c, _ = cluster.nodes
    a.join("ada")
    b.join("bob")
    c.join("cleo", subscribe=False)
    cluster.settle()
    a.publish("ada")
    a.send("ada", "init")
    a.send_group("ada", 1)
    cluster.settle()
    assert len(cluster.media_to("b")) == 5
    assert cluster.media_to("c") == cluster.media_to("d") == cluster.media_to("a") == []
    # Where nobody listens, nothing is even sent.
    b.perform(b.relay.disconnect("bob"))
    cluster.settle()
    a.send_group("ada", 2)
    assert a.for_nodes == []


@pytest.mark.parametrize("others_before", [False, True])
def test_a_late_joiner_gets_init_and_the_current_group_once(others_before: bool) -> None:
    cluster = Cluster("a", "b", "c")
    a, b, c = cluster.nodes
    a.join("ada")
    if others_before:
        c.join("cleo")
    cluster.settle()
    a.publish("ada")
    a.send("ada", "init")
    a.send_group("ada", 1, deltas=1)
    cluster.settle()
    b.join("bob")
    a.send("ada", "delta", 1, 2)  # while b is still on its way to listening
    cluster.step(b)
    a.send("ada", "delta", 1, 3)
    cluster.settle()
    assert b.heard("bob") == [("init", 1, 0), *WHOLE_GROUP]
    before = len(cluster.media_to("b"))
    b.join("bill")  # the node has it already
    cluster.settle()
    assert b.heard("bill") == [("init", 1, 0), *WHOLE_GROUP]
    assert len(cluster.media_to("b")) == before
    if others_before:
        assert c.heard("cleo") == [("init", 1, 0), *WHOLE_GROUP]


def test_who_comes_after_nobody_listened_for_a_while_gets_nothing_stale() -> None:
    cluster, a, b = two()
    a.send_group("ada", 1)
    cluster.settle()
    b.perform(b.relay.disconnect("bob"))
    cluster.settle()
    a.send_group("ada", 2)
    cluster.settle()
    b.join("bill")
    cluster.settle()
    assert b.heard("bill") == [("init", 1, 0), *[(kind, 2, number) for kind, _, number in WHOLE_GROUP]]


def test_what_is_lost_on_the_way_is_asked_for() -> None:
    cluster, a, b = two()
    cluster.lost = lambda tell, _: tell.message["kind"] == "media"
    a.send("ada", "key", 1)
    a.send("ada", "delta", 1, 1)
    cluster.settle()
    cluster.lost = lambda _tell, _to: False
    cluster.advance(1000)
    a.send("ada", "delta", 1, 2)
    cluster.settle()
    a.send("ada", "delta", 1, 3)
    cluster.settle()
    assert b.heard("bob") == [("init", 1, 0), *WHOLE_GROUP]


def test_control_that_is_lost_is_made_up_for() -> None:
    cluster, a, b = two()
    cluster.lost = lambda tell, _: tell.channel == "control"
    a.join("cleo", peer_id="cleo-id")
    a.ask("ada", "unpublish", {"track": "camera"})
    a.ask("ada", "rename", {"name": "Ada L."})
    a.publish("ada", SOUND)
    b.perform(b.relay.disconnect("bob"))
    b.join("bill", peer_id="bill-id")
    cluster.settle()
    assert ids(b.ask("bill", "leave") and b.ask("bill", "join", {"room": "lab", "name": "x"})) == ["ada-id"]
    cluster.lost = lambda _tell, _to: False
    cluster.advance(600)  # the next beat tells
    assert [peer["peer"]["id"] for peer in b.told("bill", "peer-joined")] == ["cleo-id"]
    assert b.told("bill", "peer-renamed") == [{"peer": "ada-id", "name": "Ada L."}]
    assert b.told("bill", "track-unpublished") == [{"from": "ada-id", "track": "camera"}]
    assert b.told("bill", "track-published")[0]["track"]["track"] == "sound"
    assert a.told("ada", "peer-left") == [{"peer": "bob-id", "reason": "lost"}]
    assert a.told("ada", "peer-joined")[-1]["peer"]["id"] == "bill-id"


def test_a_node_that_comes_later_knows_everything() -> None:
    cluster, a, b = two()
    a.connect("teacher", "monitor", administers=("lab",))
    assert a.ask("teacher", "lock", {"room": "lab"})["ok"]
    c = Node("c")
    c.now_ms = cluster.now_ms
    cluster.nodes.append(c)
    c.perform(c.relay.sharing.begin(c.now_ms))
    cluster.settle()
    assert {node.name: len(node.relay.sharing.nodes) for node in cluster.nodes} == {"a": 2, "b": 2, "c": 2}
    c.connect("cleo")
    assert c.code("cleo", "join", {"room": "lab", "name": "Cleo"}) == Code.ROOM_LOCKED
    assert b.ask("bob", "leave")["ok"]


def test_a_node_that_dies_takes_its_peers_with_it_and_nobody_else() -> None:
    cluster, a, b = two()
    cluster.nodes.remove(a)
    cluster.advance(NODE_TIMEOUT_MS + 600)
    assert NODE_TIMEOUT_MS + 600 < 5000
    assert b.told("bob", "peer-left") == [{"peer": "ada-id", "reason": "lost"}]
    assert len(b.relay.sharing.nodes) == 0
    assert not b.relay.rooms["lab"].receives_elsewhere
    assert not any(channel.startswith("media") for channel in b.channels)
    # It was only cut off: what it says is known again.
    cluster.nodes.append(a)
    a.now_ms = cluster.now_ms
    cluster.advance(600)
    assert b.told("bob", "peer-joined")[-1]["peer"]["id"] == "ada-id"
    a.send("ada", "key", 2)
    cluster.settle()
    assert ("key", 2, 0) in b.heard("bob")


def test_a_node_that_goes_says_so() -> None:
    cluster, a, b = two()
    a.perform(a.relay.sharing.end())
    cluster.settle()
    assert b.told("bob", "peer-left") == [{"peer": "ada-id", "reason": "lost"}]


def test_a_node_that_was_paused_takes_nobody_for_gone() -> None:
    _, _, b = two()
    b.now_ms += 60_000
    b.perform(b.relay.take_due(b.now_ms))
    assert b.told("bob", "peer-left") == []
    b.advance(b.now_ms + NODE_TIMEOUT_MS + 600)
    assert b.told("bob", "peer-left") != []


def test_a_peer_comes_back_at_another_node_under_its_id() -> None:
    cluster = Cluster("a", "b", "c")
    a, b, c = cluster.nodes
    a.join("ada", peer_id="ada-id")
    c.join("cleo")
    cluster.settle()
    ack = b.join("ada again", peer_id="ada-id")
    assert (ack["peer"], len(ack["peers"])) == ("ada-id", 1)
    cluster.settle()
    assert [payload["code"] for payload in a.told("ada", "error")] == [Code.REPLACED]
    assert a.closed == ["ada"]
    assert [(event, payload.get("reason")) for event, payload in c.take("cleo")] == [
        ("peer-joined", None),
        ("peer-left", "replaced"),
        ("peer-joined", None),
    ]
    assert [peer.node for peer in c.relay.rooms["lab"].peers.values()] == ["", "b"]
    a.perform(a.relay.disconnect("ada"))
    cluster.settle()
    assert "ada-id" in c.relay.rooms["lab"].peers


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_under_one_id_at_the_same_moment_leave_one(order: tuple[int, int]) -> None:
    cluster = Cluster("a", "b", "c")
    a, b, c = cluster.nodes
    a.join("ada", peer_id="ada-id")
    b.join("ada", peer_id="ada-id")
    c.join("cleo")
    for number in order:
        cluster.step(cluster.nodes[number])
    cluster.settle()
    assert len(a.closed + b.closed) == 1
    owners = {node.relay.rooms["lab"].peers["ada-id"].node or node.name for node in (a, b, c)}
    assert len(owners) == 1


def test_limits_hold_over_all_nodes() -> None:
    cluster = Cluster("a", "b", limits=Limits(room_peers=2, rooms=1))
    a, b = cluster.nodes
    a.join("ada", peer_id="ada-id")
    b.join("bob")
    cluster.settle()
    b.connect("bill")
    assert b.code("bill", "join", {"room": "lab", "name": "x"}) == Code.ROOM_FULL
    b.join("ada again", peer_id="ada-id")  # who comes back has its place
    # Rooms are counted where somebody is.
    assert a.code("ada", "join", {"room": "other", "name": "x"}) == Code.ALREADY_JOINED
    assert b.code("bill", "join", {"room": "other", "name": "x"}) == Code.TOO_MANY_ROOMS
    cluster.settle()
    a.join("cleo", "other")


def test_an_administrator_rules_over_peers_of_other_nodes() -> None:
    cluster, a, b = two()
    b.connect("teacher", "monitor", administers=("lab",))
    who = {"room": "lab", "peer": "ada-id"}
    assert b.ask("teacher", "mute", {**who, "track": "camera"})["ok"]
    cluster.settle()
    assert a.told("ada", "track-muted") == [{"track": "camera", "muted": True}]
    assert b.told("bob", "track-unpublished") == [{"from": "ada-id", "track": "camera", "muted": True}]
    a.send_group("ada", 1)
    cluster.settle()
    assert b.heard("bob") == [("init", 1, 0)]
    assert b.ask("teacher", "mute", {**who, "track": "camera", "muted": False})["ok"]
    cluster.settle()
    assert a.told("ada", "track-muted")[-1] == {"track": "camera", "muted": False}
    a.send("ada", "delta", 1, 4)
    a.send_group("ada", 2)
    cluster.settle()
    assert b.heard("bob")[1:] == [("init", 1, 0), *[(kind, 2, number) for kind, _, number in WHOLE_GROUP]]

    assert b.ask("teacher", "impair", {**who, "delay_ms": 100})["ok"]
    cluster.settle()
    [state] = [peer for peer in a.relay.rooms["lab"].snapshot(0)["peers"] if peer["id"] == "ada-id"]
    assert state["impaired"]["delay_ms"] == 100
    b.publish("bob")
    b.send("bob", "init")
    cluster.settle()
    assert a.heard("ada") == []
    cluster.advance(200)
    assert a.heard("ada") == [("init", 1, 0)]

    assert b.ask("teacher", "lock", {"room": "lab"})["ok"]
    cluster.settle()
    a.connect("cleo")
    assert a.code("cleo", "join", {"room": "lab", "name": "x"}) == Code.ROOM_LOCKED
    assert b.ask("teacher", "remove", who)["ok"]
    cluster.settle()
    assert a.told("ada", "error")[-1]["code"] == Code.REMOVED
    assert b.told("bob", "peer-left") == [{"peer": "ada-id", "reason": "removed"}]
    a.connect("ada again", peer_id="ada-id")
    assert a.code("ada again", "join", {"room": "lab", "name": "x"}) == Code.ROOM_LOCKED


def test_an_end_is_an_end_for_all_nodes() -> None:
    cluster, a, b = two()
    a.connect("teacher", administers=("*",))
    assert a.ask("teacher", "end", {"room": "lab"})["ok"]
    cluster.settle()
    assert [payload["code"] for payload in b.told("bob", "error")] == [Code.ROOM_ENDED]
    assert (a.closed, b.closed) == (["ada"], ["bob"])
    assert a.relay.rooms == b.relay.rooms == {}


def test_what_was_set_holds_where_everybody_had_left_meanwhile() -> None:
    cluster, a, b = two()
    a.connect("teacher", administers=("lab",))
    assert a.ask("teacher", "mute", {"room": "lab", "peer": "bob-id"})["ok"]
    cluster.settle()
    room = a.relay.rooms["lab"]
    a.perform(a.relay.disconnect("ada"))
    b.perform(b.relay.disconnect("bob"))
    b.join("bill")  # the room goes on there, for which Ada is still in it
    cluster.settle()
    assert a.relay.rooms["lab"] is not room  # here it had ended
    a.join("bob again", peer_id="bob-id")
    a.publish("bob again")
    assert a.told("bob again", "track-muted") == [{"track": "camera", "muted": True}]


def test_monitors_see_peers_of_other_nodes() -> None:
    cluster, a, b = two()
    b.connect("monitor", "monitor")
    ack = b.ask("monitor", "watch", {"room": "lab", "reports": True})
    assert {peer["id"] for peer in ack["peers"]} == {"ada-id", "bob-id"}
    cluster.settle()
    report = {"peers": {"bob-id": {"stalls": 2}}, "sent": {}}
    a.tell("ada", "report", report)
    a.send_group("ada", 1)
    a.tell("ada", "nonsense")
    cluster.advance(500)
    assert b.told("monitor", "reports")[-1]["reports"] == {"ada-id": report}
    a.tell("ada", "rename", {"name": "Ada L."})
    cluster.advance(500)
    [ada] = [peer for peer in b.told("monitor", "room")[-1]["peers"] if peer["id"] == "ada-id"]
    assert (ada["chunks"], ada["refused"]) == (5, {"bad-message": 1})
    again = b.ask("monitor", "watch", {"room": "lab", "reports": True})
    assert again["reports"] == {"ada-id": report}
    b.ask("monitor", "unwatch", {"room": "lab"})
    cluster.settle()
    cluster.carried.clear()
    a.tell("ada", "report", report)
    cluster.advance(500)
    assert not any(tell.message["kind"] == "figures" for _, tell in cluster.carried)


def test_publishers_hear_who_lags_at_other_nodes() -> None:
    cluster, a, b = two()
    a.send("ada", "key")
    cluster.settle()
    b.queued["bob"] = MAX_QUEUE_BYTES + 1
    a.send("ada", "delta", 1, 1)
    cluster.advance(200)
    assert a.told("ada", "track-lag") == [{"track": "camera", "subscribers": 1, "lagging": 1}]
    b.queued.clear()
    a.send("ada", "key", 2)
    cluster.advance(5000)
    assert a.told("ada", "track-lag")[-1] == {"track": "camera", "subscribers": 1, "lagging": 0}


def test_a_bus_that_is_slow_loses_whole_groups_and_sound_last() -> None:
    cluster, a, b = two()
    a.publish("ada", SOUND)
    a.send("ada", "init", track="sound")
    a.send("ada", "key", 1)
    a.bus.waits = MAX_VIDEO_WAIT_MS + 1
    a.send("ada", "delta", 1, 1)
    a.send_group("ada", 1, track="sound")
    a.bus.waits = 0
    a.send("ada", "delta", 1, 2)
    a.bus.queued = BUS_SHARE * MAX_QUEUE_BYTES + 1
    a.send("ada", "key", 2)
    a.bus.queued = 0
    a.send_group("ada", 3)
    a.bus.waits = MAX_AUDIO_WAIT_MS + 1
    a.send("ada", "key", 2, track="sound")
    cluster.settle()
    media = received_media(b, "bob")
    video = [one for one in media if one["track"] == "camera"]
    assert_decodable(video)
    assert [one["group"] for one in video] == [1, 1, 3, 3, 3, 3]
    assert len(media) - len(video) == 5
    assert a.relay.sharing.dropped_objects == 4


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_whatever_happens_everybody_can_decode_and_lacks_nothing(data: st.DataObject) -> None:
    """Peers come and go at three nodes while media flows, and some of what nodes say is lost."""
    cluster = Cluster("a", "b", "c")
    a, b, _ = cluster.nodes
    a.join("ada")
    a.publish("ada")
    a.send("ada", "init")
    lossy = data.draw(st.booleans())
    if lossy:
        cluster.lost = lambda _tell, _to: data.draw(st.integers(0, 9)) == 0
    group, number = 0, 0
    viewers: list[tuple[Node, str]] = []
    for step in range(data.draw(st.integers(1, 40))):
        match data.draw(st.sampled_from(["send", "send", "send", "join", "leave", "step", "advance"])):
            case "send" if group and data.draw(st.integers(0, 5)):
                number += 1
                a.send("ada", "delta", group, number)
            case "send":
                group, number = group + 1, 0
                a.send("ada", "key", group)
            case "join" if len(viewers) < 6:
                node = data.draw(st.sampled_from(cluster.nodes))
                viewers.append((node, f"viewer {step}"))
                node.join(f"viewer {step}")
            case "leave" if viewers:
                node, name = viewers.pop(data.draw(st.integers(0, len(viewers) - 1)))
                node.perform(node.relay.disconnect(name))
            case "step":
                cluster.step(data.draw(st.sampled_from(cluster.nodes)))
            case "advance":
                cluster.advance(600)
    cluster.lost = lambda _tell, _to: False
    cluster.advance(2000)
    a.send("ada", "key", group + 1)
    cluster.advance(1100)
    a.send("ada", "delta", group + 1, 1)
    cluster.advance(1100)
    for node, name in viewers:
        media = received_media(node, name)
        if lossy:
            # A hole at the end of a group may remain; what comes is still in order, and nothing comes twice.
            order = [(one["group"], one["object"]) for one in media if one["type"] != "init"]
            assert order == sorted(set(order))
        else:
            assert_decodable(media)
            # From the first group it got on there is no hole.
            groups = [one["group"] for one in media if one["type"] == "key"]
            assert groups == list(range(groups[0], group + 2))
        assert node.heard(name)[-2:] == [("key", group + 1, 0), ("delta", group + 1, 1)]
    everywhere = [set(node.relay.rooms["lab"].peers) for node in cluster.nodes]
    assert everywhere[0] == everywhere[1] == everywhere[2]
    assert len(b.relay.sharing.nodes) == 2


KINDS = [
    *Node("x").relay.sharing._control,
    *Node("x").relay.sharing._direct,
    "hello",
    "snapshot",
    "beat",
    "bye",
    "media",
]
FIELDS = [
    "number",
    "ahead_ms",
    "room",
    "peer",
    "peers",
    "rooms",
    "settings",
    "track",
    "header",
    "on",
    "watching",
    "fresh",
]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    kind=st.sampled_from(KINDS),
    fields=st.dictionaries(st.sampled_from(FIELDS), _JSON, max_size=6),
)
def test_what_no_node_says_is_refused(kind: str, fields: dict[str, Any]) -> None:
    cluster, _, b = two()
    with contextlib.suppress(WireError, LookupError, TypeError, ValueError, AttributeError):
        b.perform(b.relay.sharing.hear({"node": "x", "kind": kind, **fields}, b"", b.now_ms))
    cluster.settle()
    assert {"ada-id", "bob-id"} <= set(ids(b.join("cleo")))


def test_alone_nothing_is_told() -> None:
    node = Node("alone")
    node.relay.sharing._bus = None
    node.join("ada")
    node.publish("ada")
    node.send("ada", "init")
    node.perform(node.relay.disconnect("ada"))
    assert node.for_nodes == []
