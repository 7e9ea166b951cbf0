"""What a client may do, as data: the rights that a token carries and that the relay's core enforces."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from math import inf
from typing import Literal

TokenRole = Literal["peer", "monitor"]
Role = Literal["peer", "monitor", "any"]


@dataclass(frozen=True, slots=True)
class Grant:
    """What its holder may do.

    ``room``, and each of ``administers``, is a room's name, or the beginning of names followed by ``*``.

    Args:
        role: Join rooms, or watch them; ``any`` is both.
        room: Where; None for everywhere.
        publish: May send tracks and media.
        subscribe: Gets the others' media.
        administers: The rooms it may impair, mute in, remove from, lock and end.
        name: What it is called, whatever it asks to be called; None leaves that to it.
        call: The id of the notebook's call it was made for; monitors see it.
        peer: The peer id its holder gets; None for a new one.
        expires_s: Until when, in seconds since 1970.
    """

    role: Role = "peer"
    _: KW_ONLY
    room: str | None = None
    publish: bool = True
    subscribe: bool = True
    administers: tuple[str, ...] = ()
    name: str | None = None
    call: str | None = None
    peer: str | None = None
    expires_s: float = inf

    def covers(self, room: str) -> bool:
        """Whether it is good for this room."""
        return self.room is None or _matches(self.room, room)

    def is_administrator(self, room: str) -> bool:
        """Whether its holder administers this room."""
        return self.covers(room) and any(_matches(pattern, room) for pattern in self.administers)

    def same_rights(self, other: Grant) -> bool:
        """Whether the other one allows the same, if perhaps for longer or under another peer id."""
        return replace(self, peer=None, expires_s=inf) == replace(other, peer=None, expires_s=inf)


def _matches(pattern: str, room: str) -> bool:
    return room.startswith(pattern[:-1]) if pattern.endswith("*") else room == pattern
