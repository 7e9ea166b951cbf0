"""A ``.relay`` file on a disk: written by one who only appends, opened as the call that is in it."""

from __future__ import annotations

import errno
import os
import zlib
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relay_widget.attributes import KnownAttributes
from relay_widget.errors import RecordingError
from relay_widget.paths import as_path
from relay_widget.tidy import tidy

from . import format as relay_file
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
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from relay_widget.protocol import MediaHeader, Track

    from .format import Record

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class RecordingWriter:
    """Appends records to a new file. When writing fails it cuts the file to its last whole record and closes it.

    Args:
        path: The file; its folder must be there.
        overwrite: Whether it may take the place of one that is there.

    Raises:
        RecordingError: ``file-exists``, ``disk-full`` or ``cannot-write``; so do its methods.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self.path = path
        self.bytes = 0
        try:
            if overwrite:
                path.unlink(missing_ok=True)  # whoever still writes to it does so to no harm
            self._file = path.open("xb", buffering=0)
        except FileExistsError:
            raise exists_error(path) from None
        except OSError as error:
            raise write_error(error, path) from error
        try:
            self._write(relay_file.encode_head())
        except RecordingError:
            path.unlink(missing_ok=True)
            raise

    def append(self, records: Iterable[Record]) -> None:
        """Hand these to the system, which writes them when it likes; see `sync`."""
        self._write(b"".join(relay_file.encode_record(record) for record in records))

    def sync(self) -> None:
        """Wait until all of it is on the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._give_up(error) from error

    def close(self) -> None:
        """End writing; again is no error."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise self._give_up(error) from error
        self.bytes += len(data)

    def _give_up(self, error: OSError) -> RecordingError:
        try:
            self._file.truncate(self.bytes)
        except OSError:
            pass  # whoever reads it stops before what is not whole
        finally:
            self._file.close()
        return write_error(error, self.path)


def check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse to record into a file that is there, before anything is done.

    Raises:
        RecordingError: ``file-exists``.
    """
    if path.exists() and not overwrite:
        raise exists_error(path)


def exists_error(path: Path) -> RecordingError:
    """Why a file is not made."""
    return RecordingError(
        "file-exists",
        f"{path} is there already: choose another name, or say overwrite=True (in a terminal --overwrite).",
    )


def write_error(error: Exception, path: Path) -> RecordingError:
    """Why a file cannot be written, in a sentence."""
    if getattr(error, "errno", None) in _DISK_FULL:
        return RecordingError(
            "disk-full", f"The disk of {path} is full: free some space. What was recorded until then is kept."
        )
    return RecordingError(
        "cannot-write", f"{path} cannot be written ({getattr(error, 'strerror', error)}): choose another place."
    )


@dataclass
class RecordedTrack:
    """What a peer published under one id, as it was recorded: its last description, and where its objects are."""

    peer: str
    info: Track
    published_ms: float
    offsets: array[int] = field(default_factory=lambda: array("Q"), repr=False)
    bytes: int = 0

    @property
    def id(self) -> str:
        """The publisher's name for it."""
        return self.info.track


@dataclass
class RecordedPeer:
    """A peer, under the name it had last."""

    id: str = field(repr=False)
    name: str
    tracks: dict[str, RecordedTrack] = field(default_factory=dict)


class RecordedCall(KnownAttributes):
    """A recording that was opened: who was there, what they published, and each object of it.

    Attributes:
        path: The file.
        room: The room that was recorded.
        started_ms, ended_ms: Its first and last record, in the relay's clock.
        peers: Who took part, by peer id, in the order they came.
        events: Everything but media, in its order, with where in the file each stands.
        complete: Whether it was stopped, rather than cut off (or still being written).
        lost_bytes: How much at the file's end is of no use.
    """

    path: Path
    room: str
    started_ms: float
    ended_ms: float
    peers: dict[str, RecordedPeer]
    events: list[tuple[int, Record]]
    complete: bool
    lost_bytes: int

    def __init__(self, path: Path) -> None:
        self.path = path
        self.room = ""
        self.started_ms = self.ended_ms = 0.0
        self.peers = {}
        self.events = []
        self.complete = False
        self._orders: dict[tuple[str, str], _Order] = {}
        try:
            self._size = path.stat().st_size
            end = min(self._size, relay_file.HEAD_BYTES)
            with path.open("rb") as file:
                for placed in relay_file.read_records(file, self._size):
                    self._take(placed.start, placed.record)
                    end = placed.end
        except OSError as error:
            raise RecordingError(
                "cannot-read", f"{path} cannot be read ({error.strerror}): check its name and folder."
            ) from None
        except RecordingError as error:
            raise RecordingError(error.code, f"{path}: {error.message}") from None
        self.lost_bytes = self._size - end
        self._orders.clear()

    @property
    def duration_s(self) -> float:
        """From the first record to the last."""
        return max(0.0, self.ended_ms - self.started_ms) / 1000

    def objects(self, peer: str, track: str, start: int = 0, stop: int | None = None) -> Iterator[ObjectReceived]:
        """A track's objects: init segments, and groups from their key on, each without a hole and nothing twice.

        Args:
            peer: A peer's id.
            track: The id of one of its tracks.
            start: The first of them, by number.
            stop: Where to stop; at the end if not given.
        """
        with self.path.open("rb") as file:
            for offset in self.peers[peer].tracks[track].offsets[start:stop]:
                record = relay_file.read_record_at(file, self._size, offset)
                if not isinstance(record, ObjectReceived):
                    raise RecordingError("cannot-read", f"{self.path} has changed since it was opened: open it again.")
                yield record

    def find(self, of: str) -> RecordedPeer:
        """The peer of this name or id.

        Raises:
            RecordingError: ``unknown-peer`` or ``ambiguous-peer``; the message says who is there.
        """
        if of in self.peers:
            return self.peers[of]
        named = [peer for peer in self.peers.values() if tidy(peer.name) == tidy(of)]
        if len(named) == 1:
            return named[0]
        if named:
            ids = " or ".join(repr(peer.id) for peer in named)
            raise RecordingError(
                "ambiguous-peer", f"{len(named)} peers in {self.path} are called {of}: say which by its id, {ids}."
            )
        names = ", ".join(peer.name for peer in self.peers.values()) or "nobody"
        raise RecordingError("unknown-peer", f"{of} is not in {self.path}, which has {names}.")

    def __repr__(self) -> str:
        names = ", ".join(
            f"{peer.name} ({', '.join(peer.tracks)})" if peer.tracks else peer.name for peer in self.peers.values()
        )
        return f"<RecordedCall {self.path.name!r} of room {self.room!r}: {self.duration_s:.1f} s, {names or 'nobody'}>"

    def _take(self, start: int, record: Record) -> None:
        if not isinstance(record, ObjectReceived):
            self.events.append((start, record))
        self.started_ms = self.started_ms or record.at_ms
        self.ended_ms = max(self.ended_ms, record.at_ms)
        self.complete = isinstance(record, Ended)
        match record:
            case Started():
                self.room = record.room
            case PeerJoined():
                known = self.peers.setdefault(record.peer, RecordedPeer(record.peer, record.name))
                known.name = record.name
                self._forget(record.peer)
            case PeerRenamed() if record.peer in self.peers:
                self.peers[record.peer].name = record.name
            case PeerLeft():
                self._forget(record.peer)
            case TrackPublished() if record.peer in self.peers:
                tracks = self.peers[record.peer].tracks
                if record.track.track in tracks:
                    tracks[record.track.track].info = record.track
                else:
                    tracks[record.track.track] = RecordedTrack(record.peer, record.track, record.at_ms)
            case TrackUnpublished():
                self._orders.pop((record.peer, record.track), None)
            case ObjectReceived():
                self._take_object(start, record)

    def _take_object(self, start: int, record: ObjectReceived) -> None:
        peer = self.peers.get(record.peer)
        track = None if peer is None else peer.tracks.get(record.header.track)
        if track is None:
            return
        order = self._orders.setdefault((record.peer, record.header.track), _Order())
        if order.takes(record.header, record.data):
            track.offsets.append(start)
            track.bytes += len(record.data)

    def _forget(self, peer: str) -> None:
        for key in [key for key in self._orders if key[0] == peer]:
            del self._orders[key]


class _Order:
    """Which objects of a track can be used: the relay's own rules, so that a replay is taken by a relay again.

    A recorder that has lost its relay and come back gets the running group once more; a subscriber that was slow
    misses the ends of groups.
    """

    def __init__(self) -> None:
        self._init: tuple[int, int] | None = None  # epoch and checksum
        self._group = -1
        self._next_object = 0

    def takes(self, header: MediaHeader, data: bytes) -> bool:
        if header.type == "init":
            init = (header.epoch, zlib.crc32(data))
            fresh = init != self._init
            if fresh:
                self._init, self._group = init, -1
            return fresh
        if self._init is None or header.epoch != self._init[0]:
            return False
        if header.type == "key":
            if header.group <= self._group:
                return False
            self._group = header.group
        elif header.group != self._group or header.object != self._next_object:
            return False
        self._next_object = header.object + 1
        return True


def open_recording(path: str | os.PathLike[str]) -> RecordedCall:
    """Open a recording; one that was cut off opens too, and has what is whole of it.

    Raises:
        RecordingError: ``cannot-read``, ``not-a-recording`` or ``newer-recording``.
        InvalidValueError: (``bad-path``) It is no path.
    """
    return RecordedCall(as_path(path))
