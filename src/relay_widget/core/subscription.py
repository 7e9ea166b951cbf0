"""What one subscriber gets of one track: init, then groups from their key, never a part after a hole."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .group import MediaObject
    from .load import Load
    from .track import LiveTrack

NEWS_INTERVAL_MS = 5000
"""So often a subscriber hears what it loses while it loses it: seldom enough to cost a full queue nothing, and twice
in the time for which the page shows that something was left out."""


class Subscription:
    """The state of one (subscriber, track).

    ``waiting``: it has no group yet, and misses nothing it could have used. ``live``: it gets everything.
    ``dropping``: too much waited for it; it gets nothing until a group starts with the queue free again.
    """

    __slots__ = ("_told_ms", "_told_objects", "dropped_groups", "dropped_objects", "epoch", "state")

    def __init__(self) -> None:
        self.state: Literal["waiting", "live", "dropping"] = "waiting"
        self.dropped_groups = 0
        self.dropped_objects = 0
        self._told_objects = 0
        self._told_ms = -inf
        self.epoch: int | None = None
        """Whose init segment it has been sent last."""

    def catch_up(self, track: LiveTrack, now_ms: float, *, load: Load, spare_bytes: float) -> list[MediaObject]:
        """Init and current group, for one that comes late.

        Args:
            track: The track.
            now_ms: Now, in the relay's clock.
            load: Of the subscriber's queue.
            spare_bytes: What it may be sent at once; a longer group is not worth beginning.
        """
        if track.init is None or load == "full":
            return []
        self.epoch = track.epoch
        group = track.group.objects(now_ms)
        if not group or track.group.size_bytes > spare_bytes:
            return [track.init]
        self.state = "live"
        return [track.init, *group]

    def offer(self, item: MediaObject, init: MediaObject | None, load: Load) -> list[MediaObject] | None:
        """What to send of this object, the next of the track.

        Returns:
            What goes out before it (the init segment, if the epoch changed unseen), or None to drop it.
        """
        kind = item.label.type
        fits = load == "free" if self.state == "dropping" else load != "full"
        if kind == "delta":
            if fits and self.state == "live":
                return []
            if self.state != "waiting":
                self._drop(starts_group=self.state == "live")
            return None
        if kind == "init":
            if not fits:
                return None  # it goes out before the next key
            self.epoch = item.label.epoch
            return []
        if not fits:
            self._drop(starts_group=True)
            return None
        self.state = "live"
        if init is None or self.epoch == item.label.epoch:
            return []
        self.epoch = item.label.epoch
        return [init]

    def take_news(self, now_ms: float) -> bool:
        """Whether the receiver is to be told now what it lost; counts as telling it.

        When the loss begins, now and then while it lasts (a link may be too slow for ever), and when it is over.
        """
        if self.dropped_objects == self._told_objects:
            return False
        if self.state == "dropping" and now_ms < self._told_ms + NEWS_INTERVAL_MS:
            return False
        self._told_objects = self.dropped_objects
        self._told_ms = now_ms
        return True

    def _drop(self, *, starts_group: bool) -> None:
        self.state = "dropping"
        self.dropped_groups += starts_group
        self.dropped_objects += 1
