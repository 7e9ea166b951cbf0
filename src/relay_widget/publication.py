"""What Python publishes: a user's pictures and sound, paced, encoded in workers and sent, as long as there are any.

The user's iterables run in threads of their own (async ones in the event loop they were given in), so that whatever
they do keeps nobody else waiting.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .attributes import Alive
from .background import Lane, Outcome, ThreadLoop
from .errors import RelayWidgetError
from .media.encode import AudioEncoder, VideoEncoder
from .media.frame import SAMPLE_RATE, AudioBlock, VideoFrame
from .protocol import can_be_captured

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Generator, Iterable, Iterator

    from .background import Background
    from .client import RelayClient
    from .media.webm import MediaObject
    from .protocol import Track

    _Take = Callable[[Any, "Pacer"], None]
    _Pieces = Callable[[Any], Iterator[Any]]

Kind = Literal["video", "audio"]

SOUND_BLOCK_MS = 40
"""Into pieces of this length sound is cut: what is sent of a longer one would not have been heard yet."""
MAX_LATE_MS = 80
"""Sound that comes so much later than it should goes on from where it is."""
MAX_SOUND_WAITING = 50
"""Pieces of sound that may wait for their encoder; with more the oldest are dropped."""
_CHANNELS = (1, 2)
_LAST = object()
_STOP_TIMEOUT_S = 3.0

_log = logging.getLogger(__name__)


class Pacer:
    """When the next part is due, if parts are to come at their times. A source that is late goes on from now: no burst.

    Args:
        begun_s: When the first is due, on any clock.
    """

    def __init__(self, begun_s: float) -> None:
        self.due_s = begun_s

    def took(self, now_s: float, duration_s: float, most_late_s: float) -> None:
        """A part of this duration was taken just now."""
        self.due_s = max(self.due_s, now_s - most_late_s) + duration_s


class _Track:
    """One track on its way out: its encoder, in workers, and what has become of what it was given."""

    def __init__(self, publication: Publication, kind: Kind, background: Background) -> None:
        self.kind = kind
        self.taken = self.sent = self.dropped = self.bytes = 0
        self.subscribers = self.lagging = 0
        self.track: Track | None = None
        self.announced: asyncio.Task[None] | None = None
        """The relay is told of it by this; what is encoded meanwhile waits."""
        self.waiting: list[tuple[list[MediaObject], int]] = []
        self.lane: Lane[tuple[Any, float]] = Lane(background, self._encode)
        self._publication = publication
        self._background = background
        self._encoder: VideoEncoder | AudioEncoder | None = None
        self._epoch = 0
        self._entered = -1

    def put(self, media: Any, captured_ms: float) -> None:
        """The next picture, or piece of sound. What the encoder had no time for makes room."""
        self.taken += 1
        late = self.kind == "video" or len(self.lane) >= MAX_SOUND_WAITING
        self.dropped += self.lane.put((media, captured_ms), instead=_any if late else None)

    def finish(self) -> None:
        """There will be no more: what waits for more is encoded."""
        if self.kind == "audio":
            self.lane.put((_LAST, 0.0))

    def _encode(self, item: tuple[Any, float]) -> None:
        publication = self._publication
        media, captured_ms = item
        try:
            if media is _LAST:
                if isinstance(self._encoder, AudioEncoder):
                    self._hand_over(self._encoder.flush(), self._entered)
                return
            if isinstance(media, VideoFrame):
                media = media.rgb
            entered = publication.entered
            if self._encoder is None or entered != self._entered:
                # The first one, or the relay knows nothing any more of what went before.
                self._encoder, self._entered = publication.make_encoder(self.kind, media, self._epoch + 1), entered
                self.track = self._encoder.track
            objects = self._encoder.encode(media, captured_ms)
        except BaseException as error:  # noqa: BLE001 - whatever it is, who waits for the publication is told
            publication.end(error)
            return
        self._hand_over(objects, entered)

    def _hand_over(self, objects: list[MediaObject], entered: int) -> None:
        if objects:
            self._epoch = objects[-1].header.epoch
            self._background.call(self._publication.send, self, objects, entered)


class Publication(Alive):
    """What a `Peer` sends until it is over, or stopped.

    ``await`` it, or `wait` for it, to be there at its end: what the iterable raised is raised there.
    """

    entered: int
    """How often the participant has come into the room; each time the relay is to be told all anew."""
    tracks: dict[Kind, _Track]
    over: Future[None]
    """Done when it is over."""

    def __init__(
        self,
        client: RelayClient,
        background: Background,
        title: str,
        *,
        fps: float | None,
        bitrate_kbps: float | None,
        on_over: Callable[[Publication], None],
    ) -> None:
        self.entered = 0
        self.tracks = {}
        self._client = client
        self._background = background
        self._title = title
        self._fps = fps
        self._bitrate_kbps = bitrate_kbps
        self._on_over = on_over
        self._lock = threading.Lock()
        self._sources = 0
        self._parts: Any = None
        self._stopping = threading.Event()
        self._draining = False  # it has run out: what is still being encoded goes out
        self._error: BaseException | None = None
        self._begun_s = time.perf_counter()
        self.over = Future()
        self._outcome = Outcome(self.over, title)

    @property
    def running(self) -> bool:
        """Whether more may be sent."""
        return not self.over.done()

    @property
    def stats(self) -> dict[str, float]:
        """How it goes.

        ``frames`` and ``blocks`` are the objects of picture and sound that went out; ``dropped_frames`` and
        ``dropped_blocks`` what was left out because the encoder or the way to the relay was too slow; ``left_out`` the
        broken parts of a file, which could not be decoded; ``bytes`` what went out in all; ``subscribers`` how many get
        the picture (or the sound, where there is none), ``lagging`` how many of those are losing some of it, as far as
        the relay has said.
        """
        names: dict[Kind, tuple[str, str]] = {
            "video": ("frames", "dropped_frames"),
            "audio": ("blocks", "dropped_blocks"),
        }
        left_out = getattr(self._parts, "left_out", 0)
        stats: dict[str, float] = {"bytes": 0, "left_out": left_out, "subscribers": 0, "lagging": 0}
        for kind, (sent, dropped) in names.items():
            track = self.tracks.get(kind)
            stats[sent], stats[dropped] = (0, 0) if track is None else (track.sent, track.dropped)
            stats["bytes"] += 0 if track is None else track.bytes
        shown = self.tracks.get("video") or self.tracks.get("audio")
        if shown is not None:
            stats["subscribers"], stats["lagging"] = shown.subscribers, shown.lagging
        return stats

    async def settled(self) -> None:
        """Wait in an event loop until it is over, and raise nothing of it."""
        await self._outcome.settled()

    def stop(self) -> Outcome[None]:
        """Send no more. From any thread; await the outcome, or wait for it, to know that it is over."""
        self.end(None)
        return self._outcome

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait until it is over, interruptibly.

        Args:
            timeout_s: Seconds to wait at most; None for as long as it takes.

        Raises:
            WaitTimeoutError: It is not over by then; it goes on.
            BaseException: What the iterable raised, whatever it is, with its traceback; an InvalidValueError for what
                cannot be encoded; a RelayRequestError for what the relay refused.
        """
        self._outcome.wait(timeout_s)

    def __await__(self) -> Generator[Any, None, None]:
        return self._outcome.__await__()

    def __repr__(self) -> str:
        return f"<Publication of {self._title}, {'running' if self.running else 'over'}>"

    # -- from a source --

    def add(self, kind: Kind, source: Iterable[Any] | AsyncIterable[Any], rate: int = SAMPLE_RATE) -> None:
        """Publish what this gives."""
        track = self.tracks[kind] = _Track(self, kind, self._background)
        with self._lock:
            self._sources += 1

        def take(part: Any, pacer: Pacer) -> None:
            now_s, now_ms = time.perf_counter(), self._client.now_ms()
            if kind == "video":
                captured_ms: float | None = getattr(part, "captured_ms", None)
                if captured_ms is None or not can_be_captured(captured_ms, now_ms):
                    captured_ms = now_ms  # also for a frame of another relay, or of long ago
                track.put(part, captured_ms)
                duration_s = 0.0 if self._fps is None else 1 / self._fps
                pacer.took(now_s, duration_s, duration_s)
            else:
                # Sound goes on without a gap, on its own clock, as long as it is not late.
                due_s = max(pacer.due_s, now_s - MAX_LATE_MS / 1000)
                track.put(part, now_ms + 1000 * (due_s - now_s))
                pacer.took(now_s, np.shape(part)[-1] / rate if np.ndim(part) else 0.0, MAX_LATE_MS / 1000)

        self._start(source, take, _whole if kind == "video" else partial(blocks_of, rate=rate))

    def add_parts(self, kinds: Iterable[Kind], parts: Iterable[VideoFrame | AudioBlock]) -> None:
        """Publish pictures and blocks of sound of these kinds at their own times, ``media_ms``."""
        tracks = {kind: _Track(self, kind, self._background) for kind in kinds}
        self.tracks |= tracks
        self._parts = parts
        with self._lock:
            self._sources += 1
        begun_ms: list[float] = []

        def in_time() -> Iterator[VideoFrame | AudioBlock]:
            for part in parts:
                if not begun_ms:
                    begun_ms.append(self._client.now_ms())
                if not self._sleep(begun_ms[0] + part.media_ms - self._client.now_ms()):
                    return
                yield part

        def take(part: VideoFrame | AudioBlock, _: Pacer) -> None:
            captured_ms = begun_ms[0] + part.media_ms
            if isinstance(part, VideoFrame):
                tracks["video"].put(part, captured_ms)
            else:
                tracks["audio"].put(part.samples, captured_ms)

        self._start(in_time(), take, _whole)

    def _sleep(self, ms: float) -> bool:
        """Whether it is to go on after that."""
        return not self._stopping.wait(ms / 1000) if ms > 0 else not self._stopping.is_set()

    def _start(self, source: Any, take: _Take, pieces: _Pieces) -> None:
        """``pieces``: of what the source gives; each is taken when it is due."""
        if not hasattr(source, "__aiter__"):
            self._start_thread(lambda: self._run(source, take, pieces))
            return
        try:
            # It may wait for what belongs to the loop it is given in.
            task = asyncio.get_running_loop().create_task(self._run_async(source, take, pieces))
        except RuntimeError:
            self._start_thread(lambda: ThreadLoop().run(self._run_async(source, take, pieces)))
        else:
            # It is only cancelled as a whole if its loop ends before it has begun.
            task.add_done_callback(lambda over: self._ran_out(None) if over.cancelled() else None)

    def _start_thread(self, target: Callable[[], None]) -> None:
        try:
            threading.Thread(target=target, name=f"relay-widget-{self._title}", daemon=True).start()
        except BaseException as error:  # there are too many threads
            self.end(error)
            raise

    def _run(self, source: Iterable[Any], take: _Take, pieces: _Pieces) -> None:
        error: BaseException | None = None
        pacer = Pacer(self._begun_s)
        try:
            parts = iter(source)
            while self._sleep(1000 * (pacer.due_s - time.perf_counter())):
                try:
                    part = next(parts)
                except StopIteration:
                    break
                for piece in pieces(part):
                    if self._sleep(1000 * (pacer.due_s - time.perf_counter())):
                        take(piece, pacer)
            if hasattr(parts, "close"):
                parts.close()
        except BaseException as raised:  # noqa: BLE001 - the user's, handed to whoever waits
            error = raised
        self._ran_out(error)

    async def _run_async(self, source: AsyncIterable[Any], take: _Take, pieces: _Pieces) -> None:
        error: BaseException | None = None
        pacer = Pacer(self._begun_s)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it runs as one
        self.over.add_done_callback(lambda _: _cancel(task))
        try:
            parts = aiter(source)
            while not self._stopping.is_set():
                await _until(pacer.due_s)
                try:
                    part = await anext(parts)
                except StopAsyncIteration:
                    break
                for piece in pieces(part):
                    await _until(pacer.due_s)
                    if not self._stopping.is_set():
                        take(piece, pacer)
            if hasattr(parts, "aclose"):
                await parts.aclose()
        except BaseException as raised:  # noqa: BLE001 - as above
            # Cancelled, or closed with its loop, by others than the user's iterable: that is no failure of it.
            cancelled = isinstance(raised, asyncio.CancelledError) and task.cancelling()
            error = None if cancelled or not _runs(task) else raised
        self._ran_out(error)

    def _ran_out(self, error: BaseException | None) -> None:
        if error is not None and self._stopping.is_set():
            _log.warning("%s raised at its end, which was over already: %r", self._title, error)
        with self._lock:
            self._sources -= 1
            last = self._sources == 0
        if error is None and last:
            for track in list(self.tracks.values()):
                track.finish()
        if error is not None or last:
            self.end(error, drain=error is None)

    # -- to the relay --

    def make_encoder(self, kind: Kind, media: Any, epoch: int) -> VideoEncoder | AudioEncoder:
        """One that begins at this epoch, for media like this."""
        if kind == "video":
            return VideoEncoder(kind, fps=self._fps or 30, bitrate_kbps=self._bitrate_kbps, epoch=epoch)
        shape = np.shape(media) if np.ndim(media) == 2 else (1,)  # noqa: PLR2004 - what it is not is said by encode
        # Where the axes are the wrong way round, that is what is to be said.
        channels = next((length for length in shape if length in _CHANNELS), 1)
        return AudioEncoder(kind, channels=channels, epoch=epoch)

    def send(self, track: _Track, objects: list[MediaObject], entered: int) -> None:
        """On the thread that sends."""
        if self._stopping.is_set() and not self._draining:
            return
        if track.announced is None:
            track.announced = asyncio.get_running_loop().create_task(self._announce(track))
        if not track.announced.done():
            track.waiting.append((objects, entered))  # for as long as the relay may take to answer, at most
            return
        try:
            self._send_out(track, objects, entered)
        except BaseException as error:
            self.end(error)
            raise

    def _send_out(self, track: _Track, objects: list[MediaObject], entered: int) -> None:
        if entered != self.entered:
            track.dropped += len(objects)
            return  # of before the connection broke
        for header, data in objects:
            if self._client.send(header, data):
                track.sent += header.type != "init"
                track.bytes += len(data)
            else:
                track.dropped += header.type != "init"

    async def _announce(self, track: _Track) -> None:
        assert track.track is not None  # noqa: S101 - there is something encoded of it
        try:
            await self._client.publish(track.track)
            for objects, entered in track.waiting:
                self._send_out(track, objects, entered)
        except RelayWidgetError as error:
            self.end(error)
            return
        except (asyncio.CancelledError, GeneratorExit):
            raise  # the process ends
        except BaseException as error:
            self.end(error)
            raise
        track.waiting.clear()

    def rejoined(self) -> None:
        """In the room again."""
        self.entered += 1

    def lag(self, track_id: str, subscribers: int, lagging: int) -> None:
        """The relay says how a track fares."""
        track = next((track for kind, track in self.tracks.items() if kind == track_id), None)
        if track is not None:
            track.subscribers, track.lagging = subscribers, lagging

    # -- its end --

    def end(self, error: BaseException | None, *, drain: bool = False) -> None:
        """It is over; what is still being encoded goes out first where it has run out by itself. From any thread."""
        if self._background.forked:
            return  # it is the parent's, and goes on
        with self._lock:
            if self._stopping.is_set():
                if self._draining and error is not None:  # the last of it could not be sent
                    self._error, self._draining = error, False
                return
            self._error, self._draining = error, drain
            self._stopping.set()
        if error is not None:
            _log.warning("the publication of %s ended: %s: %s", self._title, type(error).__name__, error)
        try:
            self._background.submit(self._finish(), self._title)
        except RuntimeError:
            self._settle()  # the process ends

    async def _finish(self) -> None:
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                tracks = list(self.tracks.items())
                while self._draining and any(track.lane.busy for _, track in tracks):  # noqa: ASYNC110 - of workers
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0)  # what they have just handed over is sent first
                for kind, track in tracks:
                    if track.announced is not None:
                        await asyncio.wait([track.announced])
                        await self._client.unpublish(kind)
        except TimeoutError:
            _log.info("the end of %s could not be sent", self._title)
        finally:
            self._draining = False
            self._on_over(self)
            self._settle()

    def _settle(self) -> None:
        if self.over.done():
            return
        if self._error is None:
            self.over.set_result(None)
        else:
            self.over.set_exception(self._error)


def blocks_of(samples: Any, *, rate: int = SAMPLE_RATE) -> Iterator[Any]:
    """Sound in pieces that are each sent when they are due; what is no array of sound is left to whoever says so."""
    size = rate * SOUND_BLOCK_MS // 1000
    if not isinstance(samples, np.ndarray) or not samples.ndim or samples.shape[-1] <= size:
        yield samples
        return
    for begin in range(0, samples.shape[-1], size):
        yield samples[..., begin : begin + size]


def _whole(part: Any) -> Iterator[Any]:
    yield part


async def _until(due_s: float) -> None:
    pause_s = due_s - time.perf_counter()
    if pause_s > 0:
        await asyncio.sleep(pause_s)


def _any(_: object) -> bool:
    return True


def _runs(task: asyncio.Task[None]) -> bool:
    """Whether this is called in it, and not by whoever collects what is left of it."""
    try:
        return asyncio.current_task() is task
    except RuntimeError:
        return False


def _cancel(task: asyncio.Task[None]) -> None:
    """Also a task that waits for the user's next part in vain."""
    try:
        task.get_loop().call_soon_threadsafe(task.cancel)
    except RuntimeError:
        _log.debug("the event loop of a publication is closed")
