"""A simulated link to one subscriber: network trouble on purpose, late as on TCP and nothing lost.

An object takes the time of its bytes at the link's rate, then the delay and a random part of the jitter; while the
link stalls nothing passes. Everything arrives in the order it was sent, so one late object holds up the next.

Objects of audio-only tracks are sent first: they overtake what waits of other tracks and interrupt what is just
being sent, as packets of two streams share one wire. So video that fills the link costs the sound nothing but its
own bytes' time. Within a track the order is strict.

Only media takes the link. Events and answers go past it: nothing they say can be outrun (a track's media never comes
before its `track-published`), the clock is measured right however bad the link is, and who impaired a room can
still govern it. The price is that what waits of a track that is taken back must be forgotten here.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay_widget.protocol import Impairment

    from .effects import MediaLabel

LABEL_BYTES = 250
"""About what the label of an object takes on the wire, beside its bytes."""

TrackKey = tuple[str, str]
"""Publisher and track id; the id is empty for bytes in the plain form."""


class LinkObject:
    """One object on its way: whose order it keeps, its label as it is passed on, and its bytes."""

    __slots__ = ("data", "due_ms", "label", "left_bytes", "size_bytes", "track")

    def __init__(self, track: TrackKey, label: MediaLabel, data: bytes) -> None:
        self.track = track
        self.label = label
        self.data = data
        self.size_bytes = len(data) + LABEL_BYTES
        self.left_bytes: float = self.size_bytes  # not sent yet
        self.due_ms = inf  # when it arrives, once it has been sent


class _Lane:
    """Objects that wait to be sent, first in, first out."""

    def __init__(self) -> None:
        self.objects: deque[LinkObject] = deque()
        self._size_bytes = 0

    def put(self, item: LinkObject) -> None:
        self.objects.append(item)
        self._size_bytes += item.size_bytes

    def pop(self) -> LinkObject:
        item = self.objects.popleft()
        self._size_bytes -= item.size_bytes
        return item

    def holds(self, track: TrackKey) -> bool:
        return any(item.track == track for item in self.objects)

    def keep(self, wanted: Callable[[LinkObject], bool]) -> None:
        self.objects = deque(item for item in self.objects if wanted(item))
        self._size_bytes = sum(item.size_bytes for item in self.objects)

    @property
    def left_bytes(self) -> float:
        """What is still to be sent; of the first object a part may be through."""
        if not self.objects:
            return 0
        first = self.objects[0]
        return self._size_bytes - first.size_bytes + first.left_bytes


class Link:
    """The way to one subscriber.

    Args:
        impairment: What is wrong with it.
        now_ms: Now; its stalls count from here, and the first begins at once.
        random: Gives numbers from 0 to 1, for the jitter.
    """

    def __init__(self, impairment: Impairment, now_ms: float, random: Callable[[], float]) -> None:
        self._random = random
        self._audio = _Lane()
        self._other = _Lane()
        self._sent: deque[LinkObject] = deque()
        self._sent_bytes = 0
        self._at_ms = now_ms  # what could be sent until then has been
        self._stalls_from_ms = now_ms
        self._impair(impairment)
        self.due_ms = inf
        """When `take_due` is to be called next; inf while nothing is on its way."""

    def change(self, impairment: Impairment, now_ms: float) -> None:
        """Something else is wrong with it from now on. What has been sent arrives no later than what follows."""
        self._send_until(now_ms)
        before = self._impairment
        if (before.stall_ms, before.stall_every_ms) != (impairment.stall_ms, impairment.stall_every_ms):
            self._stalls_from_ms = now_ms
        self._impair(impairment)
        latest_ms = now_ms + impairment.delay_ms + impairment.jitter_ms
        for item in self._sent:
            item.due_ms = min(item.due_ms, latest_ms)
        self._look_ahead()

    def push(self, item: LinkObject, now_ms: float, *, audio: bool) -> None:
        """Send an object of an audio-only track, or of any other."""
        self._send_until(now_ms)
        # A track that has just become audio only must not overtake what waits of it.
        (self._audio if audio and not self._other.holds(item.track) else self._other).put(item)
        self._look_ahead()

    def take_due(self, now_ms: float) -> list[LinkObject]:
        """What has arrived by now."""
        self._send_until(now_ms)
        arrived = []
        while self._sent and self._sent[0].due_ms <= now_ms:
            arrived.append(self._sent.popleft())
            self._sent_bytes -= arrived[-1].size_bytes
        self._look_ahead()
        return arrived

    def take_all(self) -> list[LinkObject]:
        """Everything at once, in order: the link is taken away."""
        everything = [*self._sent, *self._audio.objects, *self._other.objects]
        self._keep(lambda _: False)
        return everything

    def forget(self, publisher: str, track: str | None = None) -> None:
        """Drop what is on its way of a publisher, or of one track: it has been taken back."""
        self._keep(lambda item: item.track[0] != publisher or track not in (None, item.track[1]))

    def waiting(self, now_ms: float, *, audio: bool) -> tuple[float, float]:
        """What would be sent before a new object of an audio-only track, or of any other: bytes, and their time in ms.

        Stalls are left out of the time: a short one passes, and then everything is there at once.
        """
        self._send_until(now_ms)
        waiting_bytes = self._audio.left_bytes + (0 if audio else self._other.left_bytes)
        return waiting_bytes, waiting_bytes * self._ms_per_byte

    @property
    def held_bytes(self) -> float:
        """Everything on its way."""
        return self._audio.left_bytes + self._other.left_bytes + self._sent_bytes

    def passes_bytes(self, within_ms: float) -> float:
        """How much passes in this time, stalls left out."""
        return within_ms / self._ms_per_byte if self._ms_per_byte else inf

    # -----------------------------------------------------------------------------------------------------

    def _impair(self, impairment: Impairment) -> None:
        self._impairment = impairment
        self._ms_per_byte = 8 / impairment.rate_kbps if impairment.rate_kbps else 0.0

    def _send_until(self, until_ms: float) -> None:
        """Catch up with the time: nothing else happened since the last call."""
        until_ms = max(until_ms, self._at_ms)
        while lane := self._busy_lane():
            item = lane.objects[0]
            end_ms = self._sent_at_ms(item)
            if end_ms > until_ms:
                if self._ms_per_byte:
                    sending_ms = self._open_ms(until_ms) - self._open_ms(self._at_ms)
                    item.left_bytes = max(0.0, item.left_bytes - sending_ms / self._ms_per_byte)
                break
            lane.pop()
            self._at_ms = end_ms
            late_ms = self._impairment.delay_ms
            if self._impairment.jitter_ms:
                late_ms += self._random() * self._impairment.jitter_ms
            before_ms = self._sent[-1].due_ms if self._sent else 0.0
            item.due_ms = max(before_ms, end_ms + late_ms)
            self._sent.append(item)
            self._sent_bytes += item.size_bytes
        self._at_ms = until_ms

    def _busy_lane(self) -> _Lane | None:
        if self._audio.objects:
            return self._audio
        return self._other if self._other.objects else None

    def _sent_at_ms(self, item: LinkObject) -> float:
        """When this object is through, if nothing comes between."""
        work_ms = item.left_bytes * self._ms_per_byte
        stall_ms, every_ms = self._impairment.stall_ms, self._impairment.stall_every_ms
        if not stall_ms:
            return self._at_ms + work_ms
        # A period is a stall, then open. `open_ms` counts from the opening of the period that `_at_ms` is in.
        period, into_ms = divmod(self._at_ms - self._stalls_from_ms, every_ms)
        open_ms = max(0.0, into_ms - stall_ms) + work_ms
        periods, rest_ms = divmod(open_ms, every_ms - stall_ms)
        return self._stalls_from_ms + (period + periods) * every_ms + stall_ms + rest_ms

    def _open_ms(self, at_ms: float) -> float:
        """How much of the time from when the stalls count was no stall."""
        since_ms = at_ms - self._stalls_from_ms
        stall_ms, every_ms = self._impairment.stall_ms, self._impairment.stall_every_ms
        if not stall_ms:
            return since_ms
        periods, rest_ms = divmod(since_ms, every_ms)
        return periods * (every_ms - stall_ms) + max(0.0, rest_ms - stall_ms)

    def _look_ahead(self) -> None:
        lane = self._busy_lane()
        if self._sent:
            self.due_ms = self._sent[0].due_ms
        elif lane is not None:
            self.due_ms = self._sent_at_ms(lane.objects[0]) + self._impairment.delay_ms
        else:
            self.due_ms = inf

    def _keep(self, wanted: Callable[[LinkObject], bool]) -> None:
        self._audio.keep(wanted)
        self._other.keep(wanted)
        self._sent = deque(item for item in self._sent if wanted(item))
        self._sent_bytes = sum(item.size_bytes for item in self._sent)
        self._look_ahead()
