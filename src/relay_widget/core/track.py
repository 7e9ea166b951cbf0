"""What the relay knows of one published track, and which objects it takes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay_widget.errors import WireError
from relay_widget.protocol import MAX_INIT_BYTES, Code

from .group import GroupCache, MediaObject
from .lag import Lag

if TYPE_CHECKING:
    from relay_widget.protocol import MediaHeader, Track

    from .subscription import Subscription


class LiveTrack:
    """A published track: its description, init segment and current group, and who gets it."""

    def __init__(self, owner: str, info: Track, max_init_bytes: int = MAX_INIT_BYTES) -> None:
        self.owner = owner
        self.info = info
        self.init: MediaObject | None = None
        self.group = GroupCache()
        self.subscriptions: dict[str, Subscription] = {}
        self.lag = Lag()
        self.forward: Subscription | None = None  # of the other nodes, while one of them has somebody who gets it
        self._max_init_bytes = max_init_bytes
        self.muted = False  # by who administers the room
        self._group: int | None = None
        self._next_object = 0
        self._skipping: Code | None = None

    @property
    def id(self) -> str:
        """The publisher's name for it."""
        return self.info.track

    @property
    def held_bytes(self) -> int:
        """What is kept of it for who comes late."""
        return self.group.size_bytes + (0 if self.init is None else len(self.init.data))

    @property
    def epoch(self) -> int | None:
        """The running epoch; None before the first init segment."""
        return None if self.init is None else self.init.label.epoch

    def accept(self, label: MediaHeader, data: bytes, now_ms: float) -> MediaObject:
        """Take the next object in order, and label it as it is to be passed on.

        Raises:
            WireError: ``out-of-order``, ``init-too-large`` or why the group is skipped; nothing has changed.
        """
        label.sender, label.relayed_ms = self.owner, now_ms
        item = MediaObject(label, data)
        if label.type == "init":
            self._begin_epoch(item)
        elif self.init is None or label.epoch != self.init.label.epoch:
            raise _out_of_order(f"Epoch {label.epoch} has not begun: send its init segment first.")
        elif label.type == "key":
            self._begin_group(item, now_ms)
        elif self._skipping is None and label.group == self._group and label.object == self._next_object:
            self._next_object += 1
            self.group.add(item, now_ms)
        else:
            raise self._does_not_follow(label)
        return item

    def mute(self) -> None:
        """Nobody gets it any more; its objects are still taken in order."""
        self.muted = True
        for connection in self.subscriptions:
            self.lag.left(connection)
        self.subscriptions.clear()
        self.forward = None

    def unmute(self) -> None:
        """It can be subscribed to again, from its next group on: what was muted stays unheard."""
        self.muted = False
        self.group.give_up()

    def forget(self) -> None:
        """Know nothing of its media, as when it was published: nobody here listens to its node any more."""
        self.init = None
        self._group = None
        self.group.give_up()

    def skip_group(self, code: Code) -> None:
        """Something of the current group was refused with this code: take nothing more until the next key."""
        self._skipping = code
        self.group.give_up()

    def _begin_epoch(self, item: MediaObject) -> None:
        label = item.label
        if self.epoch is not None and label.epoch <= self.epoch:
            raise _out_of_order(f"Epoch {label.epoch} is not newer than epoch {self.epoch}: count epochs up.")
        if len(item.data) > self._max_init_bytes:
            raise WireError(
                Code.INIT_TOO_LARGE,
                f"An init segment of {len(item.data)} bytes is over the limit of {self._max_init_bytes}: "
                "send only what comes before the first group.",
            )
        self.init = item
        self._group = None
        self._skipping = None
        self.group.give_up()

    def _begin_group(self, item: MediaObject, now_ms: float) -> None:
        label = item.label
        if self._group is not None and label.group <= self._group:
            raise _out_of_order(f"Group {label.group} is not newer than group {self._group}: count groups up.")
        self._group = label.group
        self._next_object = label.object + 1
        self._skipping = None
        self.group.open(item, now_ms)

    def _does_not_follow(self, label: MediaHeader) -> WireError:
        """Why a delta cannot be taken."""
        if self._skipping is not None:
            return WireError(self._skipping, "The rest of this group is dropped too: go on with the next key.")
        if self._group is None:
            return _out_of_order("A delta needs a group: send a key first.")
        return _out_of_order(
            f"Object {label.object} of group {label.group} came where object {self._next_object} "
            f"of group {self._group} was due: the rest of the group is dropped."
        )


def _out_of_order(message: str) -> WireError:
    return WireError(Code.OUT_OF_ORDER, message)
