"""The current group of a track, kept for those who come late."""

from __future__ import annotations

import msgspec

from relay_widget.protocol import MAX_GROUP_AGE_MS, MAX_GROUP_BYTES, MediaHeader


class MediaObject(msgspec.Struct, frozen=True, gc=False):
    """One media-chunk: its label, as it is passed on, and its bytes."""

    label: MediaHeader
    data: bytes


class GroupCache:
    """The objects of the current group, from its key. Bounded in bytes and in age.

    A group that outgrows a bound is given up as a whole: a part of it would be of no use to anybody. It goes
    on live, and late joiners wait for the next one.
    """

    def __init__(self) -> None:
        self._objects: list[MediaObject] = []
        self._opened_ms = 0.0
        self.size_bytes = 0

    def open(self, key: MediaObject, now_ms: float) -> None:
        """Start over with a new group."""
        self._objects = [key]
        self.size_bytes = len(key.data)
        if self.size_bytes > MAX_GROUP_BYTES:
            self.give_up()
        self._opened_ms = now_ms

    def add(self, delta: MediaObject, now_ms: float) -> None:
        """Keep the next object, unless the group has been given up."""
        if not self._objects:
            return
        self.size_bytes += len(delta.data)
        if self.size_bytes > MAX_GROUP_BYTES or now_ms - self._opened_ms > MAX_GROUP_AGE_MS:
            self.give_up()
        else:
            self._objects.append(delta)

    def give_up(self) -> None:
        """Forget the group; nothing is kept until the next one opens."""
        self._objects = []
        self.size_bytes = 0

    def age(self, now_ms: float) -> None:
        """Give up a group that is too old to be of use."""
        if now_ms - self._opened_ms > MAX_GROUP_AGE_MS:
            self.give_up()

    def objects(self, now_ms: float) -> tuple[MediaObject, ...]:
        """The group so far, whole from its key; empty if it was given up or is too old to be of use."""
        self.age(now_ms)
        return tuple(self._objects)
