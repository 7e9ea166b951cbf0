"""``call.latency`` and ``call.queue_depths``: figures by peer id, which names and peers find, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .errors import InvalidValueError, UnknownFiguresError
from .impair import whom

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .follower import RemotePeer

Figure = TypeVar("Figure")


class ByPeer(dict[str, Figure]):
    """A dict by peer id that also takes a `RemotePeer`, or a name that only one in the room has.

    Args:
        figures: By peer id.
        room: The room, for messages.
        peers: Who is in it.

    Example:
        >>> from relay_widget import RemotePeer
        >>> depths = ByPeer({"Zk3": 2}, "lab", [RemotePeer("Zk3", "Grace")])
        >>> depths["Zk3"], depths["Grace"], depths.get("Ada", 0), "Grace" in depths
        (2, 2, 0, True)
    """

    def __init__(self, figures: Mapping[str, Figure], room: str, peers: Sequence[RemotePeer]) -> None:
        super().__init__(figures)
        self._room = room
        self._peers = tuple(peers)

    def __reduce__(self) -> tuple[Any, ...]:
        return ByPeer, (dict(self), self._room, self._peers)

    def __getitem__(self, peer: object) -> Figure:
        """Return the figures of a peer.

        Raises:
            UnknownFiguresError: ``unknown-peer``, ``ambiguous-peer``, or ``no-figures``: there are none of it yet.
                Also a KeyError.
        """
        wanted = self._id(peer)
        if not super().__contains__(wanted):
            raise UnknownFiguresError("no-figures", f"There are no figures of {peer!r} yet: wait until it is received.")
        return super().__getitem__(wanted)

    def __contains__(self, peer: object) -> bool:
        try:
            return super().__contains__(self._id(peer))
        except UnknownFiguresError:
            return False

    def get(self, peer: object, default: Any = None) -> Any:
        """Return the figures of a peer, or the default if there are none."""
        try:
            return self[peer]
        except UnknownFiguresError:
            return default

    def __eq__(self, other: object) -> bool:
        """Tell figures of renamed peers from those before: they are found by other names."""
        if isinstance(other, ByPeer) and self._names() != other._names():
            return False
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def _names(self) -> list[tuple[str, str]]:
        return [(peer.id, peer.name) for peer in self._peers]

    def _id(self, peer: object) -> str:
        if isinstance(peer, str) and super().__contains__(peer):
            return peer
        try:
            [found] = whom("" if peer is None else peer, self._room, self._peers, ())
        except InvalidValueError as error:
            raise UnknownFiguresError(error.code, error.message) from None
        return str(found)
