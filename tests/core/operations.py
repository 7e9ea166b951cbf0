"""Bytes as a story of the core: whatever they are, they decode to operations on a whole relay, checked after each.

Both hypothesis and the fuzzer give the bytes; what must hold is here.
"""

from __future__ import annotations

from collections import Counter
from math import inf, isfinite, isnan
from typing import TYPE_CHECKING, Any

import msgspec

from relay_widget.core import Close, Limits, Refused, Send, SendMedia
from relay_widget.errors import WireError
from relay_widget.protocol import MAX_GROUP_BYTES, MAX_QUEUE_BYTES, Code, Event

from .world import World

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay_widget.core import Effect

CLIENTS = tuple(f"c{number}" for number in range(6))
ROOMS = ("lab", "hall", "loft")
ROLES = ("peer", "peer", "any", "any", "monitor")
PEER_IDS = (None, None, None, "p1", "me")
TRACKS = ("camera", "sound", "screen")
LIMITS = Limits(
    connections=5, rooms=2, room_peers=3, room_listeners=2, room_tracks=4, peer_tracks=2, peer_bytes_per_s=200_000
)
RIGHTS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {},
    {"administers": ("*",)},
    {"administers": ("*",)},
    {"room": "lab", "publish": False},
    {"subscribe": False, "name": "Guest"},
    {"room": "l*", "administers": ("lab",)},
)
ODD: tuple[Any, ...] = (None, True, -1, 0.5, inf, 2**53, 1e308, "", "\ud800", "x" * 65, "\x00", b"b", [], {}, [[[]]])
QUEUES_BYTES = (0, 1, MAX_QUEUE_BYTES // 2, MAX_QUEUE_BYTES + 1, 3_000_000, 20_000_000)
STEPS_MS = (0, 1, 20, 250, 1000, 4000, 40_000)
MAX_OPERATIONS = 400


class Bytes:
    """Decisions, made by bytes; when they are out, every one is the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def below(self, count: int) -> int:
        if self._at >= len(self._data):
            return 0
        self._at += 1
        return self._data[self._at - 1] % count

    def one(self, of: tuple[Any, ...]) -> Any:
        return of[self.below(len(of))]


class CheckedWorld(World):
    """A relay that is checked after each operation."""

    def __init__(self) -> None:
        super().__init__(LIMITS)
        self.here: set[str] = set()
        self.outcomes: Counter[str] = Counter()
        self._last: dict[tuple[str, str, str], tuple[int, int, int]] = {}

    def perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self.outcomes[type(effect).__name__] += 1
            match effect:
                case Send(to, event, payload):
                    self._reaches(to)
                    assert event in set(Event)
                    _finite(payload)
                    if event in (Event.TRACK_UNPUBLISHED, Event.TRACK_PUBLISHED):
                        self._forget(to, payload["from"], payload)
                    elif event == Event.LISTENER_JOINED:
                        self._listeners_told(to, payload["listener"])
                    elif event == Event.PEER_LEFT:
                        self._forget(to, payload["peer"], {})
                case SendMedia(to, label, data):
                    self._reaches(to)
                    header = msgspec.to_builtins(label)
                    _finite(header)
                    assert isinstance(data, bytes)
                    for name in to:
                        self._in_order(name, header)
                case Close(name):
                    assert name in self.here
                case Refused(code=code):
                    assert code in set(Code)

    def _reaches(self, to: tuple[str, ...]) -> None:
        assert to
        assert len(set(to)) == len(to)
        assert self.here.issuperset(to)

    def came(self, name: str) -> None:
        """For this one, everything begins anew."""
        self._last = {key: last for key, last in self._last.items() if key[0] != name}

    def _forget(self, to: tuple[str, ...], peer: str, payload: dict[str, Any]) -> None:
        """A track that is new, or gone, counts anew; one that is described anew goes on."""
        if "track" in payload and not isinstance(payload["track"], str):
            return
        for name in to:
            for key in [key for key in self._last if key[:2] == (name, peer)]:
                if payload.get("track", key[2]) == key[2]:
                    del self._last[key]

    def _listeners_told(self, to: tuple[str, ...], listener: dict[str, Any]) -> None:
        """Nobody hears what it is not known to: what it hears anew begins anew."""
        client = self.relay._in_room.get(listener["id"])
        assert client is None or client.id not in to
        if client is not None:
            self._last = {
                key: last
                for key, last in self._last.items()
                if key[0] != client.id or listener["of"] is None or key[1] in listener["of"]
            }

    def _in_order(self, name: str, header: dict[str, Any]) -> None:
        """Init, then whole groups: each object the successor of the one before."""
        if "track" not in header or header["from"] == self.relay._connections[name].peer_id:
            return  # plain bytes; or its own, of which it is not told when they begin anew
        key = (name, header["from"], header["track"])
        kind, epoch, group, number = (header[field] for field in ("type", "epoch", "group", "object"))
        last = self._last.get(key)
        if kind == "init":
            assert last is None or epoch > last[0]
            self._last[key] = (epoch, -1, -1)
            return
        assert last is not None
        if kind == "key":
            assert epoch == last[0]
            assert group > last[1]
        else:
            assert (epoch, group, number) == (last[0], last[1], last[2] + 1)
        self._last[key] = (epoch, group, number)

    def check(self) -> None:
        """What holds at any time."""
        relay = self.relay
        assert set(relay._connections) == self.here
        assert len(relay.rooms) <= LIMITS.rooms
        seen: set[str] = set()
        for name, room in relay.rooms.items():
            assert room.name == name
            assert room.members
            assert len(room.peers) <= LIMITS.room_peers
            assert len(room.listeners) <= LIMITS.room_listeners
            assert not room.peers.keys() & room.listeners.keys()
            assert not seen & room.members.keys()  # nobody is in two
            seen |= room.members.keys()
            tracks = [track for peer in room.peers.values() for track in peer.tracks.values()]
            assert len(tracks) <= LIMITS.room_tracks
            inside = {peer.connection for peer in room.members.values()}
            for listener in room.listeners.values():
                assert not listener.tracks
                for peer in room.peers.values():
                    for track in peer.tracks.values():
                        gets = listener.connection in track.subscriptions
                        assert gets == (listener.hears(peer.id) and not track.muted)
            assert inside <= self.here
            for peer in room.peers.values():
                assert len(peer.tracks) <= LIMITS.peer_tracks
            for track in tracks:
                assert inside.issuperset(track.subscriptions)
                assert track.group.size_bytes <= MAX_GROUP_BYTES
                assert track.init is None or len(track.init.data) <= LIMITS.init_bytes
            assert inside.issuperset(room._links.by_connection)
            assert -1e-6 <= room.held_bytes < inf
        assert seen == relay._in_room.keys()
        assert 0 <= relay.held_bytes() < inf
        assert not isnan(relay.due_ms)

    def pass_time(self, span_ms: float) -> None:
        """As ``advance``, and it must come to an end."""
        to_ms = self.now_ms + span_ms
        turns = 0
        while self.relay.due_ms <= to_ms:
            self.now_ms = max(self.now_ms, self.relay.due_ms)
            self.perform(self.relay.take_due(self.now_ms))
            turns += 1
            assert turns < 100_000, "it is never done"
        self.now_ms = to_ms


def play(data: bytes) -> Counter[str]:
    """Live through a story; how often what came of it."""
    story, world = Bytes(data), CheckedWorld()
    counters = {name: [0, 0, 0] for name in CLIENTS}  # epoch, group, object
    for _ in range(MAX_OPERATIONS):
        if not story:
            break
        _step(story, world, counters)
        world.check()
    for name in sorted(world.here):
        world.here.discard(name)
        world.perform(world.relay.disconnect(name))
    world.check()
    assert world.relay.rooms == {}
    assert world.relay.held_bytes() == 0
    return world.outcomes


def _step(story: Bytes, world: World, counters: dict[str, list[int]]) -> None:
    assert isinstance(world, CheckedWorld)
    name = story.one(CLIENTS)
    match story.below(16):
        case 0:
            _connect(story, world, name)
        case 1:
            if name in world.here:
                world.here.discard(name)
                world.perform(world.relay.disconnect(name))
        case 2:
            world.pass_time(story.one(STEPS_MS))
        case 3:
            world.queued[name] = story.one(QUEUES_BYTES)
            world.queues.waits_ms[name] = story.one((0.0, 100.0, 600.0, 6000.0))
        case 4 | 5 | 6 | 7:
            header, size_bytes = _media(story, counters[name])
            _handle(story, world, name, "media-chunk", [header, bytes(size_bytes)])
        case 8:
            _handle(story, world, name, "join", [_join(story)])
        case 9:
            _handle(story, world, name, "publish", [_publish(story)])
        case 10:
            _handle(story, world, name, story.one(tuple(Event)), [_odd(story) for _ in range(story.below(3))])
        case 11 | 12:
            _enter(story, world, name)
        case 13:
            _burst(story, world, name, counters[name])
        case _:
            event, args = _other(story, world)
            _handle(story, world, name, event, args)


def _enter(story: Bytes, world: CheckedWorld, name: str) -> None:
    """Come in as one who behaves, to be there for the others."""
    if name in world.here and world.relay._connections[name].ended:
        world.here.discard(name)
        world.perform(world.relay.disconnect(name))
    _connect(story, world, name)
    if name in world.here:
        _handle(story, world, name, "join", [_join(story)])
        _handle(story, world, name, "publish", [_publish(story)])
        if story.below(2) == 1:
            _handle(story, world, name, "listen", [{"of": _of(story)}])


def _burst(story: Bytes, world: CheckedWorld, name: str, counter: list[int]) -> None:
    """A new epoch of a track, and some groups of it."""
    if name not in world.here:
        return
    track, size_bytes = story.one(TRACKS), story.one((1, 500, 5000))
    counter[0] += 1
    for step in range(2 + story.below(12)):
        kind = "init" if step == 0 else "key" if step == 1 or story.below(4) == 1 else "delta"
        if kind == "key":
            counter[1] += 1
        counter[2] = counter[2] + 1 if kind == "delta" else 0
        label = dict(zip(("epoch", "group", "object"), counter, strict=True))
        _handle(story, world, name, "media-chunk", [{"track": track, "type": kind, **label}, bytes(size_bytes)])


def _connect(story: Bytes, world: CheckedWorld, name: str) -> None:
    if name in world.here:
        return
    rights = dict(story.one(RIGHTS))
    if story.below(8) == 1:
        rights["expires_s"] = world.now_ms / 1000 + story.one((1, 5, 3600))
    try:
        world.connect(
            name,
            story.one(("peer", "peer", "any", "any", "monitor")),
            peer_id=story.one((None, None, None, "p1", "me")),
            **rights,
        )
    except WireError as error:
        world.outcomes[f"connect {error.code}"] += 1
    else:
        world.here.add(name)


def _handle(story: Bytes, world: CheckedWorld, name: str, event: object, args: list[Any]) -> None:
    wants_ack = story.below(4) > 0
    room = _room_of(world, name)
    outcome = world.relay.handle(name, event, args, world.now_ms, wants_ack=wants_ack)
    if _room_of(world, name) is not room:
        world.came(name)
    if outcome.ack is not None:
        _finite(outcome.ack)
        if outcome.ack["ok"]:
            world.outcomes[f"{event} ok"] += 1
        else:
            code, message = outcome.ack["error"]["code"], outcome.ack["error"]["message"]
            assert code in set(Code)
            assert code != Code.INTERNAL
            assert message.endswith(".")
            message.encode()  # it can be sent
            world.outcomes[f"{event} {code}"] += 1
    world.perform(outcome.effects)


def _room_of(world: World, name: str) -> object:
    client = world.relay._connections.get(name)
    return client and client.room


def _media(story: Bytes, counter: list[int]) -> tuple[dict[str, Any], int]:
    kind = story.one(("delta", "delta", "key", "init", "stray"))
    if kind == "init":
        counter[:] = [counter[0] + 1, counter[1], 0]
    elif kind == "key":
        counter[:] = [counter[0], counter[1] + 1, 0]
    else:
        counter[2] += 1 + 3 * (kind == "stray")
    epoch, group, number = counter
    header = {
        "track": story.one(TRACKS),
        "epoch": epoch,
        "group": group,
        "object": number,
        "type": "delta" if kind == "stray" else kind,
        "captured_ms": story.one((0, None, 1e308, -5.5)),
    }
    return header, story.one((0, 1, 500, 20_000, 70_000, 1_000_001))


def _join(story: Bytes) -> object:
    if story.below(4) == 0:
        return story.one(ROOMS)
    request = {"room": story.one(ROOMS), "name": story.one(("Ada", "Bob")), "loopback": story.below(3) == 1}
    match story.below(6):
        case 1:
            request["numbered"] = True
        case 2 | 3:
            request["listener"] = {"does": story.one(("watches", "records", "sings")), "of": _of(story)}
    return request


def _of(story: Bytes) -> object:
    return story.one((None, [], ["me"], ["p1", "me"], ["p2"], "p1", [1]))


def _publish(story: Bytes) -> dict[str, Any]:
    return {
        "track": story.one(TRACKS),
        "mimeType": "video/webm",
        "audio": story.below(2) > 0,
        "video": story.below(2) > 0,
    }


def _other(story: Bytes, world: World) -> tuple[str, list[Any]]:
    event = story.one(tuple(Event)[:18])
    peer = story.one((*sorted(world.relay._in_room), "nobody"))
    client = world.relay._in_room.get(peer)
    room = client.room.name if client and client.room and story.below(4) else story.one(ROOMS)
    impairment: dict[str, Any] = {
        "delay_ms": story.one((0, 50, 10_000)),
        "jitter_ms": story.one((0, 30)),
        "rate_kbps": story.one((None, 8, 300, 1_000_000)),
        "stall_ms": story.one((0, 99.99999, 1000)),
        "stall_every_ms": story.one((100, 5000)),
    }
    body: dict[str, Any] = {"room": room}
    match event:
        case "leave":
            return event, []
        case "clock":
            return event, [story.one((1, *ODD))]
        case "impair":
            body |= {**impairment, "peer": story.one((None, peer))}
        case "mute":
            body |= {"peer": peer, "track": story.one((None, *TRACKS)), "muted": story.below(2) > 0}
        case "listen":
            body = {"of": _of(story)}
        case "lock":
            body["locked"] = story.below(2) > 0
        case "allow-origin":
            body = {"origin": story.one(("https://lab.example", "null", "http://x/y"))}
        case "unpublish":
            body = {"track": story.one(TRACKS)}
        case "renew":
            body = {"token": world.token(story.one((1, 60)), **story.one(RIGHTS))}
        case "report":
            body = {"peers": {peer: {"stalls": story.one((0, 1.5, 2**53 - 1))}}}
        case "media-chunk":
            return event, [bytes(story.one((0, 3, 30_000)))]
        case _:
            body |= {"peer": peer, "name": "Cy"}
    if story.below(8) == 7:
        body[story.one((*body, "track"))] = _odd(story)
    return event, [body]


def _odd(story: Bytes) -> Any:
    odd = story.one((*ODD, "dict", "list"))
    if odd == "dict":
        return {story.one(("room", "track", "peers", "token", "type", "plays", "sent")): _odd(story)}
    return [_odd(story)] * story.below(20) if odd == "list" else odd


def _finite(value: Any) -> None:
    """Figures that every client can read."""
    if isinstance(value, float):
        assert isfinite(value)
    elif isinstance(value, dict):
        for each in value.values():
            _finite(each)
    elif isinstance(value, list):
        for each in value:
            _finite(each)
