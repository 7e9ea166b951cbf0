"""Plays a recording again: its peers join a room as participants and send what they sent, when they sent it."""

from __future__ import annotations

import asyncio
import heapq
import logging
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from relay_widget.attributes import Alive
from relay_widget.background import OwnProcess, ThreadLoop
from relay_widget.client import RelayClient
from relay_widget.errors import InvalidValueError, RelayWidgetError
from relay_widget.protocol import MAX_NAME_CHARS, can_be_captured
from relay_widget.tidy import tidy

from .file import RecordedCall, open_recording
from .format import ObjectReceived, PeerJoined, PeerLeft, PeerRenamed, TrackPublished, TrackUnpublished

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Iterator

    from .format import Record

MAX_SPEED = 100
MAX_BYTES_PER_S = 3_000_000
"""What a peer sends at most, however fast it is replayed; relays take no more than 4 MB/s unless told otherwise."""
MAX_OBJECTS_PER_S = 1_500
"""The same for objects, of which relays take 2,000 a second."""
OPENING_MS = 1_000
"""Who came within so much time of the beginning is there before the time begins to run."""
_LEAD_S = 0.2
_STOP_TIMEOUT_S = 30
_AWAIT_POLL_S = 0.05


_log = logging.getLogger(__name__)


class _Step(NamedTuple):
    """Something a peer did, ``at_ms`` from the recording's beginning."""

    at_ms: float
    record: Record


class Replay(Alive):
    """A recording that is being played, from when it is made. Wait for its end with ``wait()``, or ``await`` it.

    Made by `replay`.

    Attributes:
        room: Where it is played.
        sent: How many objects have been sent.
        left_out: How many have not, because the way to the relay was too slow, or broken.
        error: Why it ended early, if it did.
    """

    room: str
    sent: int
    left_out: int
    error: RelayWidgetError | None

    def __init__(self, call: RecordedCall, room: str, speed: float, url: str | None, token: str | None) -> None:
        self.room = room
        self.sent = 0
        self.left_out = 0
        self.error = None
        self._call = call
        self._speed = speed
        self._url = url
        self._token = token
        self._clients: dict[str, RelayClient] = {}
        self._epochs: dict[tuple[str, str], int] = {}  # the last one sent, by peer and track
        self._played_ms = 0.0
        self._loop = ThreadLoop()
        self._task: asyncio.Task[Any] | None = None
        self._done = threading.Event()
        self._process = OwnProcess()
        self._stopping = threading.Event()
        threading.Thread(target=self._run, name="relay-widget-replay", daemon=True).start()

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self._done.is_set()

    @property
    def progress(self) -> float:
        """How much of it has been played, 0 to 1."""
        return 1.0 if self.done else min(1.0, self._played_ms / 1000 / max(self._call.duration_s, 1e-3))

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all of it has been played and everybody has left; whether it has come to that in time.

        Raises:
            RelayWidgetError: It ended early: the relay refused, or is gone.
        """
        if not self.done:
            self._process.check(repr(self))
        finished = self._done.wait(timeout_s)
        if self.error is not None:
            raise self.error
        return finished

    def __await__(self) -> Generator[object, None, bool]:
        return self._awaited().__await__()

    async def _awaited(self) -> bool:
        while not self.done:  # noqa: ASYNC110 - who polls it with a timeout leaves no thread behind
            await asyncio.sleep(_AWAIT_POLL_S)
        return self.wait()

    def stop(self) -> None:
        """Everybody leaves now. Again is no error; in a forked child it does nothing."""
        if self._process.forked:
            return
        self._stopping.set()
        self._loop.call(lambda: self._task is not None and self._task.cancel())
        self._done.wait(_STOP_TIMEOUT_S)

    def __repr__(self) -> str:
        state = f"failed: {self.error}" if self.error else "over" if self.done else "playing"
        return f"<Replay of {self._call.path.name!r} in room {self.room!r}: {state}>"

    # -- on its own thread --

    def _run(self) -> None:
        try:
            self._loop.run(self._play_unless_stopped())
        except asyncio.CancelledError:
            pass  # stopped
        except BaseException as error:  # noqa: BLE001 - a mistake of ours, told to whoever waits
            _log.exception("a replay failed")
            self.error = RelayWidgetError("internal", f"The replay failed ({error!r}): try again.")
        finally:
            self._done.set()

    async def _play_unless_stopped(self) -> None:
        self._task = asyncio.current_task()
        if not self._stopping.is_set():
            await self._play()

    async def _play(self) -> None:
        scripts = {peer: list(_events(self._call, peer)) for peer in self._call.peers}
        early = [peer for peer, events in scripts.items() if events and events[0].at_ms <= OPENING_MS]
        try:
            # Who was there at the beginning joins before the time begins to run.
            await asyncio.gather(*(self._join(peer, scripts[peer][0].record) for peer in early))
            started_s = asyncio.get_running_loop().time() + _LEAD_S
            async with asyncio.TaskGroup() as group:
                for peer in scripts:
                    group.create_task(self._play_peer(peer, started_s))
        except* RelayWidgetError as errors:
            self.error = _first(errors)
        finally:
            await asyncio.gather(*(client.close() for client in self._clients.values()))

    async def _play_peer(self, peer: str, started_s: float) -> None:
        loop = asyncio.get_running_loop()
        free_s = 0.0
        for at_ms, record in _script(self._call, peer):
            due_s = max(started_s + at_ms / 1000 / self._speed, free_s)
            if due_s > loop.time():
                await asyncio.sleep(due_s - loop.time())
            self._played_ms = max(self._played_ms, at_ms)
            client = self._clients.get(peer)
            match record:
                case PeerJoined() if client is None:
                    await self._join(peer, record)
                case PeerLeft() if client is not None:
                    del self._clients[peer]
                    await client.close()
                case PeerRenamed() if client is not None:
                    await client.rename(record.name)
                case TrackPublished() if client is not None:
                    await client.publish(record.track)
                case TrackUnpublished() if client is not None:
                    await client.unpublish(record.track)
                case ObjectReceived() if client is not None:
                    cost_s = max(len(record.data) / MAX_BYTES_PER_S, 1 / MAX_OBJECTS_PER_S)
                    free_s = max(due_s, loop.time()) + cost_s
                    self._send(client, record, 1000 * (loop.time() - started_s))
                case _:
                    pass

    async def _join(self, peer: str, record: Record) -> None:
        assert isinstance(record, PeerJoined)  # noqa: S101 - what a peer's script begins with
        # Relays of before let in names that nobody sees, or that are too long with what is not seen.
        name = tidy(record.name)[:MAX_NAME_CHARS] or record.peer[:MAX_NAME_CHARS]
        client = RelayClient(self.room, name, url=self._url, token=self._token, subscribe=False)
        self._clients[peer] = client
        await client.connect()

    def _send(self, client: RelayClient, item: ObjectReceived, since_ms: float) -> None:
        """Send an object, with its time of capture moved from the recording into the present."""
        header = item.header
        key = (item.peer, header.track)
        epoch = self._epochs.get(key, 0)
        if header.type == "init":
            epoch = self._epochs[key] = max(header.epoch, epoch + 1)  # relays want them to grow
        captured_ms = None
        relayed_ms = item.at_ms if item.relayed_ms is None else item.relayed_ms
        if header.captured_ms is not None and can_be_captured(header.captured_ms, relayed_ms):
            captured_ms = client.now_ms() - since_ms + (header.captured_ms - self._call.started_ms) / self._speed
        if client.send(msgspec.structs.replace(header, epoch=epoch, captured_ms=captured_ms, sent_ms=None), item.data):
            self.sent += 1
        else:
            self.left_out += 1


def _events(call: RecordedCall, peer: str) -> Iterator[_Step]:
    """What a peer did, beside sending media, in its order."""
    for _, record in call.events:
        if getattr(record, "peer", None) == peer:
            yield _Step(max(0.0, record.at_ms - call.started_ms), record)


def _script(call: RecordedCall, peer: str) -> Iterator[_Step]:
    """All that a peer did, in the order of its times."""
    tracks = [_sent(call, peer, track) for track in call.peers[peer].tracks]
    return heapq.merge(_events(call, peer), *tracks, key=lambda step: step.at_ms)


def _sent(call: RecordedCall, peer: str, track: str) -> Iterator[_Step]:
    """A track's objects when the relay got them, but not before what was heard of the peer before them."""
    heard = [(offset, record.at_ms) for offset, record in call.events if getattr(record, "peer", None) == peer]
    offsets = call.peers[peer].tracks[track].offsets
    least_ms, number = call.started_ms, 0
    for offset, item in zip(offsets, call.objects(peer, track), strict=True):
        while number < len(heard) and heard[number][0] < offset:
            least_ms = max(least_ms, heard[number][1])
            number += 1
        relayed_ms = item.at_ms if item.relayed_ms is None else min(item.relayed_ms, item.at_ms)
        least_ms = max(least_ms, relayed_ms)
        yield _Step(least_ms - call.started_ms, item)


def _first(errors: BaseExceptionGroup[RelayWidgetError]) -> RelayWidgetError:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def replay(
    recording: RecordedCall | str | os.PathLike[str],
    room: str | None = None,
    *,
    speed: float = 1.0,
    url: str | None = None,
    token: str | None = None,
) -> Replay:
    """Play a recording again: the same peers, by name, send the same objects, when they sent them.

    Times of capture are moved into the present, so that latency is shown as it is. At another speed than 1 browsers
    cannot show it well, as they play media at its own pace: that is for programs.

    Args:
        recording: A recording, or its file.
        room: Where to; where it was recorded if not given.
        speed: How many times faster, up to `MAX_SPEED`.
        url: The relay's address; None for that of RELAY_WIDGET_URL, else the user's own.
        token: What to show it; None for that of RELAY_WIDGET_TOKEN, or for the user's own.

    Returns:
        The replay, which runs by itself: ``.wait()`` for its end or ``await`` it; ``.stop()`` ends it.

    Raises:
        RecordingError: The recording cannot be read.
        InvalidValueError: ``bad-room``, ``bad-url`` or ``bad-value`` (the speed).
    """
    if not isinstance(speed, (int, float)) or not 0 < speed <= MAX_SPEED:
        raise InvalidValueError("bad-value", f"speed must be a number above 0 and up to {MAX_SPEED}, not {speed!r}.")
    call = recording if isinstance(recording, RecordedCall) else open_recording(recording)
    room = RelayClient(call.room if room is None else room, url=url).room  # checked, before anything runs
    return Replay(call, room, speed, url, token)
