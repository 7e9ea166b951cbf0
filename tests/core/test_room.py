from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from relay_widget.core.effects import Effect, Pause, Send, SendMedia
from relay_widget.core.load import RESUME_SHARE
from relay_widget.core.room import MAX_AT_ONCE, Peer, Room
from relay_widget.core.stats import Stats
from relay_widget.errors import WireError
from relay_widget.protocol import (
    MAX_PEERS_PER_ROOM,
    MAX_QUEUE_BYTES,
    MAX_TRACKS_PER_PEER,
    MAX_VIDEO_WAIT_MS,
    Code,
    Event,
    Track,
)

from .media import TRACK, Queued, label

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from relay_widget.protocol import MediaHeader


def gone_through(effects: Generator[Effect, None, bool], before: Iterable[Effect] = ()) -> tuple[list[Effect], bool]:
    """All effects, and what they end with."""
    found = list(before)
    while True:
        try:
            found.append(next(effects))
        except StopIteration as end:
            return found, end.value


class Lab:
    """A room whose peers' queues are set by hand."""

    def __init__(self, *names: str) -> None:
        self.queued: dict[str, int] = {}
        self.stats = Stats()
        self.queues = Queued(self.queued)
        self.room = Room("lab", self.stats, self.queues, lambda: 0.5)
        self.peers = [self.enter(name) for name in names]

    def enter(self, name: str) -> Peer:
        peer = Peer(f"connection of {name}", name, name.title(), (), None)
        self.room.join(peer, 0.0)
        return peer

    def media(self, peer: Peer, label: MediaHeader, data: bytes, now_ms: float) -> tuple[list[Effect], bool]:
        """What an object leads to, and whether somebody lost it."""
        effects, others = self.room.media(peer, label, data, now_ms)
        return gone_through(others, effects) if others else (effects, False)


def test_peers_hear_of_each_other() -> None:
    lab = Lab("ada")
    bob = Peer("b", "bob", "Bob", ("video/webm",), None)
    roster = lab.room.roster()
    effects = lab.room.join(bob, 0.0)
    assert [other["id"] for other in roster["peers"]] == ["ada"]
    assert effects == [Send(("connection of ada",), Event.PEER_JOINED, {"peer": bob.info().as_json()})]
    assert lab.room.rename(bob, "Robert") == [
        Send(("connection of ada",), Event.PEER_RENAMED, {"peer": "bob", "name": "Robert"})
    ]
    assert lab.room.leave(bob, "lost") == [
        Send(("connection of ada",), Event.PEER_LEFT, {"peer": "bob", "reason": "lost"})
    ]
    assert list(lab.room.peers) == ["ada"]


def test_a_room_has_a_last_place() -> None:
    lab = Lab(*(f"peer{number}" for number in range(MAX_PEERS_PER_ROOM)))
    with pytest.raises(WireError) as caught:
        lab.room.check_space(listens=False)
    assert caught.value.code == Code.ROOM_FULL
    lab.room.check_space(listens=False, leaving=lab.peers[0])


def test_a_track_is_announced_changed_and_taken_back() -> None:
    lab = Lab("ada", "bob")
    ada, _ = lab.peers
    [announced] = lab.room.publish(ada, TRACK)
    assert announced == Send(("connection of bob",), Event.TRACK_PUBLISHED, {"from": "ada", "track": TRACK.as_json()})
    lab.media(ada, label("init"), b"i", 0.0)
    muted = Track("camera", "video/webm", muted=True)
    [changed] = lab.room.publish(ada, muted)
    assert isinstance(changed, Send)
    assert changed.payload["track"]["muted"] is True
    assert ada.tracks["camera"].epoch == 1  # it goes on as it was
    assert lab.room.unpublish(ada, "camera") == [
        Send(("connection of bob",), Event.TRACK_UNPUBLISHED, {"from": "ada", "track": "camera"})
    ]
    with pytest.raises(WireError) as caught:
        lab.room.unpublish(ada, "camera")
    assert caught.value.code == Code.UNKNOWN_TRACK


def test_tracks_are_bounded() -> None:
    lab = Lab("ada")
    for number in range(MAX_TRACKS_PER_PEER):
        lab.room.publish(lab.peers[0], Track(f"t{number}", "video/webm"))
    lab.room.publish(lab.peers[0], Track("t0", "video/mp4"))
    with pytest.raises(WireError) as caught:
        lab.room.publish(lab.peers[0], Track("more", "video/webm"))
    assert caught.value.code == Code.TOO_MANY_TRACKS


def test_media_goes_to_all_others_as_one() -> None:
    lab = Lab("ada", "bob", "cy")
    lab.room.publish(lab.peers[0], TRACK)
    [effect], lost = lab.media(lab.peers[0], label("init"), b"init", 7.0)
    assert isinstance(effect, SendMedia)
    assert effect.to == ("connection of bob", "connection of cy")
    assert msgspec.to_builtins(effect.label) == {**label("init").as_json(), "from": "ada", "relayed_ms": 7.0}
    assert effect.data == b"init"
    assert not lost
    assert (lab.stats.chunks_in, lab.stats.chunks_out, lab.stats.bytes_out) == (1, 2, 8)


def test_with_loopback_a_peer_gets_its_own_media_but_no_news_of_itself() -> None:
    lab = Lab("ada")
    eve = Peer("e", "eve", "Eve", (), None, loopback=True)
    lab.room.join(eve, 0.0)
    [announced] = lab.room.publish(eve, TRACK)
    [effect], _ = lab.media(eve, label("init"), b"init", 7.0)
    assert isinstance(announced, Send)
    assert isinstance(effect, SendMedia)
    assert announced.to == ("connection of ada",)
    assert effect.to == ("connection of ada", "e")
    assert msgspec.to_builtins(effect.label)["from"] == "eve"
    lab.room.leave(eve, "left")


def test_who_comes_late_gets_init_and_group_of_everybody() -> None:
    lab = Lab("ada", "bob")
    for peer in lab.peers:
        lab.room.publish(peer, TRACK)
        for kind, number in (("init", 0), ("key", 0), ("delta", 1)):
            lab.media(peer, label(kind, number=number), f"{peer.id} {kind}".encode(), 0.0)  # type: ignore[arg-type]
    cy = Peer("c", "cy", "Cy", (), None)
    effects = lab.room.join(cy, 1.0)
    media = [(effect.to, effect.data) for effect in effects if isinstance(effect, SendMedia)]
    assert media == [
        (("c",), f"{name} {kind}".encode()) for name in ("ada", "bob") for kind in ("init", "key", "delta")
    ]


def test_who_lags_loses_a_group_and_is_told_and_nobody_else_feels_it() -> None:
    lab = Lab("ada", "bob", "cy")
    ada, bob, cy = lab.peers
    lab.room.publish(ada, TRACK)
    lab.media(ada, label("init"), b"i", 0.0)
    lab.queued["connection of bob"] = MAX_QUEUE_BYTES + 1
    told = {"from": "ada", "track": "camera", "dropped_groups": 1, "dropped_objects": 1}
    [news, effect], lost = lab.media(ada, label("key"), b"k", 0.0)
    assert lost
    assert isinstance(effect, SendMedia)
    assert effect.to == ("connection of cy",)
    assert news == Send(("connection of bob",), Event.GROUPS_DROPPED, told)
    lab.queued.clear()
    [effect], lost = lab.media(ada, label("delta", number=1), b"d", 0.0)
    assert lost
    [first, news, effect], lost = lab.media(ada, label("key", group=2), b"k", 0.0)
    assert not lost
    assert news == Send(("connection of bob",), Event.GROUPS_DROPPED, told | {"dropped_objects": 2})
    assert isinstance(first, SendMedia)
    assert isinstance(effect, SendMedia)
    assert (first.to, effect.to) == (("connection of cy",), ("connection of bob",))
    assert (bob.dropped_groups, bob.dropped_objects) == (1, 2)
    assert (cy.dropped_groups, cy.dropped_objects) == (0, 0)
    assert (lab.stats.dropped_groups, lab.stats.dropped_objects) == (1, 2)


def test_who_would_get_it_too_late_loses_video_and_keeps_the_sound() -> None:
    lab = Lab("ada", "bob")
    ada, bob = lab.peers
    lab.queued[bob.connection] = 10_000  # little, but it takes long
    lab.queues.waits_ms[bob.connection] = MAX_VIDEO_WAIT_MS + 1
    for info in (TRACK, Track("sound", "audio/webm", video=False)):
        lab.room.publish(ada, info)
        for kind in ("init", "key"):
            lab.media(ada, label(kind, track=info.track), b"x", 0.0)
    assert bob.dropped_objects == 1
    video, sound = (track.subscriptions[bob.connection] for track in ada.tracks.values())
    assert (video.state, sound.state) == ("dropping", "live")
    # What was dropped resumes when the wait is well below the bound, not before.
    lab.queues.waits_ms[bob.connection] = MAX_VIDEO_WAIT_MS - 1
    assert lab.media(ada, label("key", group=2), b"x", 0.0) == ([], True)
    lab.queues.waits_ms[bob.connection] = RESUME_SHARE * MAX_VIDEO_WAIT_MS
    effects, lost = lab.media(ada, label("key", group=3), b"x", 0.0)
    assert not lost
    assert [type(effect) for effect in effects] == [Send, SendMedia, SendMedia]  # the news, the init, the key


def test_many_who_do_not_read_at_once_wait_until_those_who_do_have_it() -> None:
    lab = Lab("ada", *(f"slow{number}" for number in range(MAX_AT_ONCE + 1)), "bob")
    ada, *slow, bob = lab.peers
    lab.room.publish(ada, TRACK)
    lab.media(ada, label("init"), b"i", 0.0)
    lab.media(ada, label("key"), b"k", 0.0)
    for peer in slow:
        lab.queued[peer.connection] = 1
    late = tuple(peer.connection for peer in slow)
    effects, lost = lab.media(ada, label("delta", number=1), b"d", 0.0)
    assert not lost
    first, pause, rest = effects
    assert isinstance(first, SendMedia)
    assert isinstance(rest, SendMedia)
    assert (first.to, pause, rest.to) == ((bob.connection,), Pause(), late)
    lab.queued.pop(late[0])  # one less is worth no pause
    effects, _ = lab.media(ada, label("delta", number=2), b"d", 0.0)
    assert [type(effect) for effect in effects] == [SendMedia, SendMedia]


def test_plain_bytes_go_to_whoever_can_take_them() -> None:
    lab = Lab("ada", "bob", "cy")
    lab.queued["connection of cy"] = MAX_QUEUE_BYTES + 1
    effects, lost = gone_through(lab.room.plain_media(lab.peers[0], b"bare", 3.0))
    assert effects == [SendMedia(("connection of bob",), {"from": "ada", "relayed_ms": 3.0}, b"bare")]
    assert lost
    assert lab.peers[2].dropped_objects == 1
    alone = Lab("alone")
    assert gone_through(alone.room.plain_media(alone.peers[0], b"bare", 3.0)) == ([], False)


def test_who_has_left_is_sent_nothing() -> None:
    lab = Lab("ada", "bob")
    lab.room.publish(lab.peers[0], TRACK)
    lab.room.leave(lab.peers[1], "left")
    assert lab.media(lab.peers[0], label("init"), b"i", 0.0) == ([], False)
    assert lab.room.leave(lab.peers[0], "left") == []


def test_a_snapshot_tells_monitors_everything() -> None:
    lab = Lab("ada")
    lab.room.publish(lab.peers[0], TRACK)
    snapshot = lab.room.snapshot(9.0)
    assert (snapshot["room"], snapshot["now_ms"]) == ("lab", 9.0)
    [peer] = snapshot["peers"]
    assert peer["id"] == "ada"
    assert peer["tracks"] == [TRACK.as_json()]
    assert {"name", "call", "plays", "dropped_groups", "dropped_objects", "refused"} < peer.keys()
