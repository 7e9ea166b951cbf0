"""Several relays in virtual time, and what carries messages between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from relay_widget.core import DEFAULT_LIMITS, Limits, Listen, Tell
from relay_widget.core.effects import inbox
from relay_widget.core.sharing import CONTROL

from .media import header
from .world import PUBLISH, World, received_media

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay_widget.protocol import ObjectType


@dataclass
class QuietBus:
    """What waits for the bus, and how its clocks differ, set by hand."""

    queued: int = 0
    waits: float = 0.0
    ahead: float = 0.0

    def queued_bytes(self) -> int:
        return self.queued

    def wait_ms(self) -> float:
        return self.waits

    def ahead_ms(self) -> float:
        return self.ahead


class Node(World):
    """One of them."""

    def __init__(self, name: str, limits: Limits = DEFAULT_LIMITS) -> None:
        self.name = name
        self.bus = QuietBus()
        super().__init__(limits, name, self.bus)
        self.channels = {CONTROL, inbox(name)}

    def publish(self, who: str, track: dict[str, Any] = PUBLISH) -> None:
        assert self.ask(who, "publish", track) == {"ok": True}

    def send(self, who: str, kind: ObjectType, group: int = 1, number: int = 0, **what: Any) -> None:
        label = header(kind, group=group, number=number, **what)
        assert self.ask(who, "media-chunk", label, f"{kind} {group} {number}".encode())["ok"]

    def send_group(self, who: str, group: int, deltas: int = 3, **what: Any) -> None:
        self.send(who, "key", group, **what)
        for number in range(1, deltas + 1):
            self.send(who, "delta", group, number, **what)

    def heard(self, who: str) -> list[tuple[Any, ...]]:
        """Type, group and object of the media that somebody has received."""
        return [(one["type"], one["group"], one["object"]) for one in received_media(self, who)]

    def told(self, who: str, event: str) -> list[Any]:
        """What somebody has been told by this event."""
        return [payload for name, payload in self.received[who] if name == event]


class Cluster:
    """Relays that share rooms. Nothing arrives before `settle`."""

    def __init__(self, *names: str, limits: Limits = DEFAULT_LIMITS) -> None:
        self.now_ms = 1000.0
        self.nodes = [Node(name, limits) for name in names]
        self.lost: Callable[[Tell, Node], bool] = lambda _tell, _to: False
        self.carried: list[tuple[str, Tell]] = []
        """What has come, to which node."""
        for node in self.nodes:
            node.perform(node.relay.sharing.begin(self.now_ms))
        self.settle()

    def settle(self) -> None:
        """Carry everything that is on its way, and what follows from it."""
        while any(node.for_nodes for node in self.nodes):
            for node in self.nodes:
                self.step(node)

    def step(self, node: Node) -> None:
        """Carry what one node has said until now."""
        said, node.for_nodes = node.for_nodes, []
        for one in said:
            if isinstance(one, Listen):
                if one.wanted:
                    node.channels.add(one.channel)
                    node.perform(node.relay.sharing.listening(one.channel, node.now_ms))
                else:
                    node.channels.discard(one.channel)
                continue
            for other in self.nodes:
                if one.channel in other.channels and not self.lost(one, other):
                    self.carried.append((other.name, one))
                    message = {**msgspec.json.decode(msgspec.json.encode(one.message)), "node": node.name}
                    other.perform(other.relay.sharing.hear(message, one.data, other.now_ms))

    def advance(self, ms: float) -> None:
        """Let the time pass, in small steps."""
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            self.now_ms = min(end_ms, self.now_ms + 50)
            for node in self.nodes:
                node.advance(self.now_ms)
            self.settle()

    def media_to(self, name: str) -> list[Tell]:
        """The media that has come to a node."""
        return [tell for to, tell in self.carried if to == name and tell.message["kind"] == "media"]
