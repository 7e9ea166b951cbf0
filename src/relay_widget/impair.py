"""What `Call.impair` and its like are given, made fit for the relay: whom it means, and figures that are possible."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any, Protocol

from .errors import InvalidValueError, WireError
from .protocol import Impairment, check_impairment
from .tidy import tidy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ME = "me"
"""The name for the call's own participant."""


class Someone(Protocol):
    """A peer, as far as finding it goes."""

    @property
    def id(self) -> str:
        """Its id on the relay."""
        ...

    @property
    def name(self) -> str:
        """What it calls itself."""
        ...


def checked(figures: Mapping[str, object]) -> Impairment:
    """The figures of an impairment, of whatever kind of number (NumPy's, say).

    Raises:
        InvalidValueError: ``bad-impairment``, with the range that is allowed.
    """
    try:
        return check_impairment({name: _plain(figure) for name, figure in figures.items()})
    except WireError as error:
        raise InvalidValueError(error.code, error.message) from None


def whom(
    peer: object, room: str, others: Sequence[Someone], own: Sequence[str], listeners: Sequence[str] = ()
) -> list[str | None]:
    """The ids of the peers that are meant; None stands for everybody.

    Args:
        peer: A peer, its id, a name that only one has, ``"me"``, or None for everybody.
        room: The room, for messages.
        others: The others in it.
        own: Ids of the call's own participant.
        listeners: Ids of the room's listeners, who have the names of participants: by id only.

    Raises:
        InvalidValueError: ``unknown-peer``, ``ambiguous-peer`` or ``not-joined``.
    """
    if peer is None:
        return [None]
    if peer == ME:
        if not own:
            raise InvalidValueError("not-joined", f"This call is not in room {room!r} itself: join it first.")
        return list(own)
    wanted = getattr(peer, "id", peer)
    called = tidy(wanted) if isinstance(wanted, str) else wanted
    named = [other.id for other in others if tidy(other.name) == called]
    for known in (*own, *(other.id for other in others), *listeners):
        if known == wanted:
            return [known]
    if len(named) == 1:
        return [named[0]]
    if named:
        raise InvalidValueError(
            "ambiguous-peer",
            f"{len(named)} peers in room {room!r} are called {wanted!r}: give one of them, as in call.peers[0].",
        )
    here = ", ".join(repr(other.name) for other in others) or "nobody else"
    raise InvalidValueError("unknown-peer", f"There is no peer {_name(peer)} in room {room!r}, but {here}.")


def _plain(figure: object) -> Any:
    if isinstance(figure, bool) or not isinstance(figure, numbers.Real):
        return figure
    return int(figure) if isinstance(figure, numbers.Integral) else float(figure)


def _name(peer: object) -> str:
    name = getattr(peer, "name", peer)
    return repr(name) if isinstance(name, str) else f"of type {type(peer).__name__}"
