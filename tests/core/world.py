"""A whole relay in virtual time."""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec

from relay_widget.core import DEFAULT_LIMITS, AllowOrigin, Close, Limits, Listen, Refused, Relay, Send, SendMedia, Tell
from relay_widget.grants import Grant
from relay_widget.protocol import Event
from relay_widget.tokens import mint, verify

from .media import Queued, seeded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay_widget.core import Effect
    from relay_widget.core.sharing import Bus
    from relay_widget.grants import Role

SECRET = "s" * 43
PUBLISH = {"track": "camera", "mimeType": "video/webm"}


class World:
    """A relay, its clients' queues and its clock, all set by hand; and what every client has received."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS, node: str = "", bus: Bus | None = None) -> None:
        ids = count(1)
        self.now_ms = 1000.0
        self.queued: dict[str, int] = defaultdict(int)
        self.received: dict[str, list[tuple[Event, Any]]] = defaultdict(list)
        self.times_ms: dict[str, list[float]] = defaultdict(list)
        self.closed: list[str] = []
        self.allowed: list[AllowOrigin] = []
        self.log: list[Refused] = []
        self.for_nodes: list[Tell | Listen] = []
        self.queues = Queued(self.queued)
        self.relay = Relay(
            new_peer_id=lambda: f"p{node}{next(ids)}",
            queues=self.queues,
            random=seeded(),
            limits=limits,
            node=node,
            bus=bus,
            verify=lambda token: verify(SECRET, token, now_s=self.now_ms / 1000),
        )

    def connect(self, name: str, /, role: Role = "peer", *, peer_id: str | None = None, **rights: Any) -> None:
        self.relay.connect(name, self.now_ms, Grant(role, peer=peer_id, **rights))

    def token(self, lifetime_s: float, **rights: Any) -> str:
        return mint(SECRET, role="peer", lifetime_s=lifetime_s, now_s=self.now_ms / 1000, **rights)

    def ask(self, name: str, event: object, *args: Any) -> dict[str, Any]:
        outcome = self.relay.handle(name, event, list(args), self.now_ms, wants_ack=True)
        self.perform(outcome.effects)
        assert outcome.ack is not None
        return outcome.ack

    def tell(self, name: str, event: object, *args: Any) -> None:
        outcome = self.relay.handle(name, event, list(args), self.now_ms, wants_ack=False)
        assert outcome.ack is None
        self.perform(outcome.effects)

    def perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(to, event, payload):
                    self._arrive(to, event, payload)
                case SendMedia(to, label, data):
                    self._arrive(to, Event.MEDIA_CHUNK, (msgspec.to_builtins(label), data))
                case Close(name):
                    self.closed.append(name)
                case AllowOrigin():
                    self.allowed.append(effect)
                case Refused():
                    self.log.append(effect)
                case Tell() | Listen():
                    self.for_nodes.append(effect)

    def join(self, name: str, room: str = "lab", role: Role = "peer", **known: Any) -> dict[str, Any]:
        self.connect(name, role, **known)
        ack = self.ask(name, "join", {"room": room, "name": name})
        assert ack["ok"], ack
        return ack

    def take(self, name: str) -> list[tuple[Event, Any]]:
        self.times_ms.pop(name, None)
        return self.received.pop(name, [])

    def code(self, name: str, event: object, *args: Any) -> str:
        ack = self.ask(name, event, *args)
        assert not ack["ok"]
        assert ack["error"]["message"].endswith(".")
        return str(ack["error"]["code"])

    def _arrive(self, to: tuple[str, ...], event: Event, what: Any) -> None:
        for name in to:
            self.received[name].append((event, what))
            self.times_ms[name].append(self.now_ms)

    def advance(self, to_ms: float) -> None:
        """Let the time pass, and whatever happens by itself in it."""
        while self.relay.due_ms <= to_ms:
            self.now_ms = max(self.now_ms, self.relay.due_ms)
            self.perform(self.relay.take_due(self.now_ms))
        self.now_ms = to_ms


def received_media(world: World, name: str) -> list[dict[str, Any]]:
    return [payload[0] for event, payload in world.received[name] if event == Event.MEDIA_CHUNK]


def assert_decodable(headers: list[dict[str, Any]]) -> None:
    """Init first, then whole groups from their key, each object the successor of the one before."""
    epoch, group, number = None, None, None
    for label in headers:
        if label["type"] == "init":
            assert epoch is None or label["epoch"] > epoch
            epoch, group, number = label["epoch"], None, None
        elif label["type"] == "key":
            assert label["epoch"] == epoch
            assert group is None or label["group"] > group
            group, number = label["group"], label["object"]
        else:
            assert number is not None
            assert (label["epoch"], label["group"], label["object"]) == (epoch, group, number + 1)
            number = label["object"]
