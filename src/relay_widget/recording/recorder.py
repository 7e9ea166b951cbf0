"""Records a room: a listener that writes down all it gets."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Self

from relay_widget.attributes import Alive
from relay_widget.background import OwnProcess, ThreadLoop
from relay_widget.client import RelayClient
from relay_widget.errors import RecordingError, RelayWidgetError
from relay_widget.names import default_name
from relay_widget.paths import as_path
from relay_widget.protocol import Listens, package_version

from .file import RecordingWriter, check_free
from .format import (
    Ended,
    ObjectReceived,
    PeerJoined,
    PeerLeft,
    PeerRenamed,
    Started,
    TrackPublished,
    TrackUnpublished,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from relay_widget.protocol import MediaHeader, PeerInfo

    from .format import Record

SYNC_INTERVAL_S = 0.5
"""How much a crash of the machine may cost, and what the disk takes besides; one of this process costs less."""
MAX_WAITING_BYTES = 64_000_000
"""What may wait for a slow disk before objects are left out: half a minute of a room at 16 Mbit/s."""
_STOP_TIMEOUT_S = 30

_Bytes = bytes  # a property of the recorder has that name
_log = logging.getLogger(__name__)


class Recorder(Alive):
    """Records a room into a ``.relay`` file, once. A context manager; `start` and `stop` do the same.

    It is a listener, not a participant: it has no tile, and everybody in the room sees "recorded by" this name.
    Nothing is decoded: objects are written as they arrive, by threads of its own.

    Args:
        room: The room.
        path: The file, which must not be there yet.
        url: The relay's address; None for that of RELAY_WIDGET_URL, else the user's own.
        token: What to show it; None for that of RELAY_WIDGET_TOKEN, or for the user's own.
        name: Who records, as the others see it. Default: your user name.
        overwrite: Whether a file that is there is replaced.

    Raises:
        InvalidValueError: ``bad-room``, ``bad-name``, ``bad-url`` or ``bad-path``.
    """

    path: Path
    error: RelayWidgetError | None
    """Why it ended before it was stopped, as one sentence: ``disk-full``, ``lost-relay``, …; None if it did not."""
    objects: int
    """How many objects have been written."""
    dropped: int
    """How many have not, because the disk was too slow."""

    def __init__(
        self,
        room: str,
        path: str | os.PathLike[str],
        *,
        url: str | None = None,
        token: str | None = None,
        name: str | None = None,
        overwrite: bool = False,
    ) -> None:
        self.path = as_path(path)
        self._process = OwnProcess()
        self.error = None
        self.objects = 0
        self.dropped = 0
        name = default_name() if name is None else name
        self._make_client = partial(RelayClient, room, name, url=url, token=token, listens=Listens("records"))
        self._client = self._make_client()
        self._overwrite = overwrite
        self._known: dict[str, PeerInfo] = {}
        self._news = threading.Condition()
        self._waiting: deque[Record] = deque()
        self._waiting_bytes = 0
        self._stopping = False  # by `stop`
        self._ending = False
        self._writer: RecordingWriter | None = None
        self._started_s = self._stopped_s = 0.0
        self._threads: list[threading.Thread] = []

    @property
    def id(self) -> str:
        """Its id on the relay; empty before it has joined."""
        return self._client.id

    @property
    def room(self) -> str:
        """The room."""
        return self._client.room

    @property
    def recording(self) -> bool:
        """Whether it is recording now."""
        return bool(self._started_s) and not self._stopped_s

    @property
    def bytes(self) -> int:
        """How long the file is."""
        return 0 if self._writer is None else self._writer.bytes

    @property
    def duration_s(self) -> float:
        """How long it has been recording."""
        return (self._stopped_s or time.monotonic()) - self._started_s if self._started_s else 0.0

    def start(self) -> Self:
        """Join and record from now on; while it records, again is no error. When it has failed it can be tried again.

        Raises:
            RecordingError: ``file-exists``, ``disk-full`` or ``cannot-write``; ``recording-over`` when it has ended.
            RelayRequestError: The relay refused, or does not answer.
            RelayStartError: There is no relay and none could be started.
        """
        if self.recording:
            return self
        if self._started_s:
            raise self.error or RecordingError("recording-over", f"{self.path} is recorded: make another Recorder.")
        check_free(self.path, overwrite=self._overwrite)
        client = self._client
        client.on_peers = self._on_peers
        client.on_peer_left = lambda peer, _: self._on_peer_left(peer)
        client.on_object = self._on_object
        client.on_ended = self._on_ended
        own = ThreadLoop()
        self._loop = own.loop
        self._run(own.serve, "loop")
        try:
            asyncio.run_coroutine_threadsafe(client.connect(), self._loop).result()
            # Now that there is something to record: what is already there is not given up for nothing.
            self._writer = RecordingWriter(self.path, overwrite=self._overwrite)
        except BaseException:
            asyncio.run_coroutine_threadsafe(client.close(), self._loop).result(_STOP_TIMEOUT_S)
            self._end_loop()
            self._client = self._make_client()
            self._known, self._waiting, self._waiting_bytes, self._threads = {}, deque(), 0, []
            raise
        self._started_s = time.monotonic()
        self._run(self._write, "writer")
        return self

    def stop(self) -> None:
        """Leave, and finish the file. Again is no error; neither is stopping one that has failed (see ``error``).

        In a forked child it does nothing: the parent goes on recording.
        """
        if self._process.forked:
            return
        with self._news:
            if not self._started_s or self._stopping or self._ending:
                return
            self._stopping = True
        asyncio.run_coroutine_threadsafe(self._client.close(), self._loop).result(_STOP_TIMEOUT_S)
        with self._news:
            if not self._ending:  # it has not failed meanwhile
                self._waiting.append(Ended(self._client.now_ms()))
                self._ending = True
                self._news.notify()
        self._end_loop()
        for thread in self._threads:
            thread.join(_STOP_TIMEOUT_S)
        self._stopped_s = self._stopped_s or time.monotonic()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "recording" if self.recording else "stopped" if self._started_s else "not started"
        if self.error is not None:
            state = f"failed: {self.error}"
        return f"<Recorder of room {self.room!r} to {self.path.name!r}: {state}>"

    def _run(self, target: Callable[[], None], what: str) -> None:
        thread = threading.Thread(target=target, name=f"relay-widget-recorder-{what}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    # -- on the loop --

    def _on_peers(self) -> None:
        for record in self._changes(self._known, self._client.peers, self._client.now_ms()):
            self._put(record)
        self._known = self._client.peers

    def _changes(self, before: dict[str, PeerInfo], now: dict[str, PeerInfo], at_ms: float) -> Iterator[Record]:
        for peer in now.values():
            known = before.get(peer.id)
            if known is None:
                yield PeerJoined(at_ms, peer.id, peer.name)
            elif known.name != peer.name:
                yield PeerRenamed(at_ms, peer.id, peer.name)
            tracks = {} if known is None else {track.track: track for track in known.tracks}
            for track in peer.tracks:
                if tracks.pop(track.track, None) != track:
                    yield TrackPublished(at_ms, peer.id, track)
            for gone in tracks:
                yield TrackUnpublished(at_ms, peer.id, gone)

    def _on_peer_left(self, peer: str) -> None:
        if peer in self._known:
            self._known = {known: info for known, info in self._known.items() if known != peer}
            self._put(PeerLeft(self._client.now_ms(), peer))

    def _on_object(self, peer: str, header: MediaHeader, relayed_ms: float, data: _Bytes) -> None:
        if self._waiting_bytes + len(data) > MAX_WAITING_BYTES:
            self.dropped += 1  # and with it, for whoever reads the file, the rest of its group
            return
        self._put(ObjectReceived(self._client.now_ms(), peer, header, relayed_ms, data), len(data))

    def _on_ended(self, error: RelayWidgetError | None) -> None:
        if error is not None and self._started_s:  # before, start() raises it
            self._fail(
                RecordingError("lost-relay", f"{error.message.rstrip('.')}: what was recorded until then is kept.")
            )

    def _put(self, record: Record, size: int = 0) -> None:
        with self._news:
            self._waiting.append(record)
            self._waiting_bytes += size
            self._news.notify()

    # -- on the writer's thread --

    def _write(self) -> None:
        writer = self._writer
        assert writer is not None  # noqa: S101 - made by start()
        try:
            by = f"relay-widget {package_version()}"
            writer.append([Started(self._client.now_ms(), self.room, by)])
            synced_s = time.monotonic()
            while True:
                with self._news:
                    if not self._waiting and not self._ending:
                        self._news.wait(max(0, synced_s + SYNC_INTERVAL_S - time.monotonic()))
                    batch, ending = list(self._waiting), self._ending
                    self._waiting.clear()
                    self._waiting_bytes = 0
                writer.append(batch)
                self.objects += sum(isinstance(record, ObjectReceived) for record in batch)
                if ending or time.monotonic() - synced_s >= SYNC_INTERVAL_S:
                    writer.sync()
                    synced_s = time.monotonic()
                if ending:
                    break
            writer.close()
        except RecordingError as error:
            self._fail(error)
        except BaseException as error:  # noqa: BLE001 - it must not look like a recording that goes on
            _log.exception("recording failed")
            self._fail(RecordingError("cannot-write", f"Recording failed ({error!r}): start another one."))

    def _fail(self, error: RecordingError) -> None:
        """It is over; the call goes on without it. On either thread."""
        with self._news:
            if self._stopped_s or self._ending:
                return
            self.error = error
            self._stopped_s = time.monotonic()
            self._ending = True
            self._waiting.clear()
            self._news.notify()
            leaves = not self._stopping  # else `stop` sees to it
        _log.warning("recording %s ended: %s", self.path, error)
        if leaves:
            asyncio.run_coroutine_threadsafe(_leave(self._client), self._loop)


async def _leave(client: RelayClient) -> None:
    """The end of it, and of the loop that this runs on."""
    await client.close()
    asyncio.get_running_loop().stop()
