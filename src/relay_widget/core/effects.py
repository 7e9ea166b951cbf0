"""What the core asks the server to do, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from relay_widget.protocol import Event, MediaHeader

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Send:
    """Send an event to these connections."""

    to: tuple[str, ...]
    event: Event
    payload: dict[str, Any]


MediaLabel = MediaHeader | dict[str, Any]
"""What stands before the bytes of a media-chunk that is passed on; in the plain form, who sent them and when."""


class SendMedia(msgspec.Struct, frozen=True, gc=False):  # as cheap as can be: one for each object
    """Send a media-chunk to these connections: one label and the same bytes for all of them."""

    to: tuple[str, ...]
    label: MediaLabel
    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """End this connection once what was sent to it before is out."""

    connection: str


@dataclass(frozen=True, slots=True)
class Refused:
    """For the log: this connection was refused something, and so often more since this was last said of it."""

    connection: str
    event: str
    code: str
    reason: str
    suppressed: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Send to the other nodes that listen to this channel; with the bytes of an object, if it is one."""

    channel: str
    message: dict[str, Any]
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Listen:
    """Listen to what other nodes send on this channel, or no longer."""

    channel: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class AllowOrigin:
    """Serve pages of this origin, as long as this connection stands."""

    connection: str
    origin: str


class Pause(msgspec.Struct, frozen=True):
    """What follows is for clients that do not read at once: it may wait for a moment, until those that do have read.

    Before the core hears of anything else it is to be performed.
    """


def inbox(node: str) -> str:
    """The channel on which one node listens for what is for it alone."""
    return f"node:{node}"


Effect = Send | SendMedia | Close | Refused | Tell | Listen | AllowOrigin | Pause


@dataclass(slots=True)
class Outcome:
    """What a client's event leads to: its acknowledgement first, then the effects in their order.

    They are to be gone through once and at once, but for a `Pause`: some are decided on when those before them have
    been performed.
    """

    ack: dict[str, Any] | None = None
    effects: Iterable[Effect] = ()
