"""What comes out of the others' tracks: one decoder for each track that somebody listens to, and streams to iterate.

Objects are fed in on the thread that hears them, decoded in workers, and taken out in any thread or event loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from .background import Lane, OwnProcess, settle
from .errors import MediaError
from .media.decode import TrackDecoder
from .media.frame import AudioBlock, VideoFrame
from .protocol import MAX_GROUP_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .background import Background
    from .protocol import MediaHeader, Track

Part = TypeVar("Part", bound=VideoFrame | AudioBlock)

MAX_BLOCKS = 50
"""What a stream of sound holds for a consumer that is late: two seconds of a browser's or this package's sound."""
MAX_FRAMES = 4
"""What a stream of pictures holds. A browser's come in twos and threes, and who is quick wants them all."""
BURST_S = 0.02
"""Who takes longer than this for a picture is not quick, and gets the newest one."""
MAX_WAITING = 25
"""Objects that may wait for the decoder: with more it goes on at the newest group."""
_WAIT_SLICE_S = 0.5

_log = logging.getLogger(__name__)


class Mailbox(Generic[Part]):
    """Between a decoder and one consumer: bounded, the oldest gives way. Any thread may use it.

    Args:
        kind: The class of what it takes.
        most: How much it holds.
        burst_s: How long something may be in it when something newer is; None for as long as there is room.
    """

    def __init__(self, kind: type[Part], most: int, burst_s: float | None = None) -> None:
        self.kind = kind
        self._burst_s = burst_s
        self.dropped = 0
        self.received = 0
        self.captured_ms: float | None = None
        self.ended = False
        self._error: BaseException | None = None
        self._process = OwnProcess()
        self._parts: deque[tuple[Part, float]] = deque(maxlen=most)  # and when it came
        # A stream that is collected closes its box, in whatever thread just made an object, also in here.
        self._changed = threading.Condition(threading.RLock())
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def put(self, part: Part) -> None:
        """The next part, in place of the oldest where there is no room."""
        with self._changed:
            if self.ended:
                return
            self.dropped += len(self._parts) == self._parts.maxlen
            self._parts.append((part, time.monotonic()))
            self.received += 1
            self.captured_ms = part.captured_ms
            self._wake()

    def end(self, error: BaseException | None = None, *, at_once: bool = False) -> None:
        """There will be no more: what is in it is taken first, unless it ends at once."""
        if self._process.forked:
            self.ended = True  # a forked child, where nobody puts anything into it; its lock may be held for ever
            return
        with self._changed:
            if self.ended:
                return
            self.ended, self._error = True, error
            if at_once:
                self._parts.clear()
            self._wake()

    def take(self) -> Part | None:
        """The next part, waited for; None at the end.

        Raises:
            Exception: What it ended with; once, as iterators do.
        """
        self._check_process()
        with self._changed:
            while not self._parts and not self.ended:
                self._changed.wait(_WAIT_SLICE_S)  # in slices, so that interrupting is heard on every system
            return self._next()

    async def take_async(self) -> Part | None:
        """The same in an event loop."""
        self._check_process()
        loop = asyncio.get_running_loop()
        while True:
            with self._changed:
                if self._parts or self.ended:
                    part = self._next()
                    break
                waiting = loop.create_future()
                self._waiting.append((loop, waiting))
            try:
                await waiting
            except BaseException:
                with self._changed:  # who polls with a timeout leaves nothing behind
                    self._waiting = [one for one in self._waiting if one[1] is not waiting]
                raise
        await asyncio.sleep(0)  # a consumer that is always late must still be heard being cancelled
        return part

    def _check_process(self) -> None:
        if not self.ended:
            self._process.check("A stream")

    def _next(self) -> Part | None:
        while self._parts:
            part, came_s = self._parts.popleft()
            if not self._parts or self._burst_s is None or time.monotonic() - came_s <= self._burst_s:
                return part
            self.dropped += 1
        error, self._error = self._error, None
        if error is not None:
            raise error
        return None

    def _wake(self) -> None:
        self._changed.notify_all()
        waiting, self._waiting = self._waiting, []
        for loop, future in waiting:
            try:
                loop.call_soon_threadsafe(settle, future)
            except RuntimeError:
                _log.debug("a consumer's event loop is closed")


class _Stream(Generic[Part]):
    def __init__(self, box: Mailbox[Part], title: str, on_closed: Callable[[Mailbox[Part]], None]) -> None:
        self._box = box
        self._title = title
        # Nobody takes what comes into a stream that nobody has: `for frame in peer.video(…): break` ends it, too.
        self._close = weakref.finalize(self, on_closed, box)
        self._close.atexit = False

    @property
    def dropped(self) -> int:
        """How many were passed over because newer ones had come before they were asked for."""
        return self._box.dropped

    @property
    def closed(self) -> bool:
        """Whether no more will come."""
        return self._box.ended

    def close(self) -> None:
        """End it; whoever waits for the next one is told that there is none. From any thread."""
        self._box.end(at_once=True)
        self._close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Part:
        part = self._box.take()
        if part is None:
            raise StopIteration
        return part

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Part:
        part = await self._box.take_async()
        if part is None:
            raise StopAsyncIteration
        return part

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._title}{', ended' if self.closed else ''}>"


class VideoStream(_Stream[VideoFrame]):
    """Somebody's pictures, newest first: iterate it with ``for`` or ``async for``, one consumer at a time.

    Who is slower than the sender gets the newest frame there is; what was passed over is `dropped`. Who keeps up gets
    them all, also of a sender whose pictures come in small bursts, as a browser's do.
    It ends when the peer leaves, when it is closed or forgotten, and with its `Peer`. A peer whose connection broke has
    some seconds to come back, and then it goes on.
    """


class AudioStream(_Stream[AudioBlock]):
    """Somebody's sound, block by block: iterate it with ``for`` or ``async for``, one consumer at a time.

    It holds ``MAX_BLOCKS``, so that a consumer may be late without losing any; after that the oldest are `dropped`. It
    ends as a `VideoStream` does.
    """


class Receiver:
    """One track of another peer, decoded while somebody listens to it.

    Args:
        track: Its description.
        background: Whose workers decode it.
    """

    def __init__(self, track: Track, background: Background) -> None:
        self.track = track
        self.skipped_groups = 0
        """How often the decoder was too late and went on at a newer group."""
        self.dropped_groups = 0
        """How many groups the relay has left out."""
        self.boxes: tuple[Mailbox[Any], ...] = ()
        self._decoder: TrackDecoder | None = None
        self._lane: Lane[tuple[MediaHeader, bytes]] = Lane(background, self._decode)
        self._init: tuple[MediaHeader, bytes] | None = None
        self._group: list[tuple[MediaHeader, bytes]] = []
        self._group_bytes = 0

    @property
    def waiting(self) -> int:
        """Objects that wait for the decoder."""
        return len(self._lane)

    def feed(self, header: MediaHeader, data: bytes) -> None:
        """The next object. It is kept until the next group, so that whoever begins to listen need not wait for that."""
        item = (header, data)
        if header.type == "init":
            self._init = item
        if header.type != "delta":
            self._group, self._group_bytes = [], 0
        if header.type == "key" or self._group:
            self._group.append(item)
            self._group_bytes += len(data)
            if self._group_bytes > MAX_GROUP_BYTES:
                self._group = []
        if self.boxes:
            late = header.type == "key" and self.waiting > MAX_WAITING
            if late:
                self.skipped_groups += 1
            self._lane.put(item, instead=_is_media if late else None)

    def listen(self, boxes: tuple[Mailbox[Any], ...]) -> None:
        """These want what it gives."""
        begins = boxes and not self.boxes
        self.boxes = boxes
        if begins and self._init is not None:
            for item in (self._init, *self._group):
                self._lane.put(item)

    def _decode(self, item: tuple[MediaHeader, bytes]) -> None:
        boxes = self.boxes
        if not boxes:
            return
        try:
            if self._decoder is None:
                self._decoder = TrackDecoder(self.track)
            parts = self._decoder.decode(*item)
        except MediaError as error:
            if error.code == "unsupported-codec":
                for box in boxes:
                    box.end(error)
            else:
                _log.info("track %r: %s", self.track.track, error)
            return
        except BaseException as error:  # whoever waits for the next part must not wait for ever
            for box in boxes:
                box.end(error)
            raise
        for part in parts:
            for box in boxes:
                if isinstance(part, box.kind):
                    box.put(part)


def _is_media(item: tuple[MediaHeader, bytes]) -> bool:
    return item[0].type != "init"
