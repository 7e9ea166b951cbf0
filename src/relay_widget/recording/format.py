"""The ``.relay`` file: what a peer of a room got, as it got it. Bytes in, records out (docs/recording.md).

A file is a head and records, each with its lengths and a checksum, and is only ever appended to. So wherever writing
stopped, or whatever has come behind it, everything before is good: reading ends at the first record that is not whole.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from relay_widget.errors import RecordingError, WireError
from relay_widget.protocol import MediaHeader, Track, parse_header, parse_publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

FORMAT_VERSION = 1
MAX_FIELDS_BYTES = 64_000
"""The JSON of one record: a label is some 250 bytes."""
MAX_DATA_BYTES = 64_000_000
"""The bytes of one record; `protocol.MAX_CHUNK_BYTES` is what relays take unless told otherwise."""

_MAGIC = b"\x89relay\r\n"
_HEAD = struct.Struct(">8sI")  # magic, version
_LENGTHS = struct.Struct(">III")  # of the JSON, of the data; checksum of both lengths, JSON and data
_LENGTHS_ALONE = struct.Struct(">II")
HEAD_BYTES = _HEAD.size


@dataclass(frozen=True, slots=True)
class Started:
    """The recording began. Times ``at_ms`` are when the recorder heard of it, in the relay's clock."""

    at_ms: float
    room: str
    by: str
    """The program that recorded it, for example ``"relay-widget 0.1.0"``."""


@dataclass(frozen=True, slots=True)
class PeerJoined:
    """A peer came, or was there when the recording began."""

    at_ms: float
    peer: str
    name: str


@dataclass(frozen=True, slots=True)
class PeerRenamed:
    """A peer has another name now."""

    at_ms: float
    peer: str
    name: str


@dataclass(frozen=True, slots=True)
class PeerLeft:
    """A peer went."""

    at_ms: float
    peer: str


@dataclass(frozen=True, slots=True)
class TrackPublished:
    """A peer publishes a track, or describes it anew."""

    at_ms: float
    peer: str
    track: Track


@dataclass(frozen=True, slots=True)
class TrackUnpublished:
    """A peer publishes a track no longer."""

    at_ms: float
    peer: str
    track: str


class ObjectReceived(NamedTuple):
    """An object arrived: its label, when the relay passed it on (None: it did not say), and its bytes, untouched."""

    at_ms: float
    peer: str
    header: MediaHeader
    relayed_ms: float | None
    data: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The recording was stopped. A file without it was cut off, or is still being written."""

    at_ms: float


Record = Started | PeerJoined | PeerRenamed | PeerLeft | TrackPublished | TrackUnpublished | ObjectReceived | Ended


class Placed(NamedTuple):
    """A record and where in the file it stands."""

    start: int
    end: int
    record: Record


def encode_head() -> bytes:
    """What a file begins with."""
    return _HEAD.pack(_MAGIC, FORMAT_VERSION)


def encode_record(record: Record) -> bytes:
    """One record, to be appended."""
    data = b""
    fields: dict[str, Any] = {"kind": _KINDS_BY_TYPE[type(record)], "at_ms": record.at_ms}
    if isinstance(record, ObjectReceived):
        data = record.data
        fields |= {"peer": record.peer, "relayed_ms": record.relayed_ms, "header": record.header.as_json()}
    elif isinstance(record, Started):
        fields |= {"room": record.room, "by": record.by}
    elif isinstance(record, (PeerJoined, PeerRenamed)):
        fields |= {"peer": record.peer, "name": record.name}
    elif isinstance(record, TrackPublished):
        fields |= {"peer": record.peer, "track": record.track.as_json()}
    elif isinstance(record, TrackUnpublished):
        fields |= {"peer": record.peer, "track": record.track}
    elif isinstance(record, PeerLeft):
        fields |= {"peer": record.peer}
    text = msgspec.json.encode(fields)
    return _LENGTHS.pack(len(text), len(data), _checksum(text, data)) + text + data


def read_records(file: BinaryIO, size: int) -> Iterator[Placed]:
    """The records of a file that is at its beginning, up to the first that is not whole.

    Records of a kind that this version does not know are passed over.

    Args:
        file: What to read from.
        size: How many bytes it has: lengths that lead beyond it are not believed.

    Raises:
        RecordingError: ``not-a-recording`` or ``newer-recording``.
    """
    head = file.read(HEAD_BYTES)
    _check_head(head)
    position = len(head)
    while (found := _read_one(file, size - position)) is not None:
        start, position = position, position + found[0]
        record = _parse(found[1], found[2])
        if record is not None:
            yield Placed(start, position, record)


def read_record_at(file: BinaryIO, size: int, position: int) -> Record | None:
    """The record that `read_records` found at this position; None if it is not there any more."""
    file.seek(position)
    found = _read_one(file, size - position)
    return None if found is None else _parse(found[1], found[2])


def _check_head(head: bytes) -> None:
    magic = head[: len(_MAGIC)]
    if magic != _MAGIC[: len(magic)]:
        raise RecordingError("not-a-recording", "This file is no recording of a call: choose one that ends in .relay.")
    if len(head) == HEAD_BYTES and (version := _HEAD.unpack(head)[1]) > FORMAT_VERSION:
        raise RecordingError(
            "newer-recording",
            f"This recording has format {version}, this version of relay-widget reads up to {FORMAT_VERSION}: "
            "pip install --upgrade relay-widget.",
        )


def _read_one(file: BinaryIO, left: int) -> tuple[int, bytes, bytes] | None:
    """The length, JSON and data of the record here; None if there is no whole one."""
    lengths = file.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    text_bytes, data_bytes, checksum = _LENGTHS.unpack(lengths)
    whole = _LENGTHS.size + text_bytes + data_bytes
    if text_bytes > MAX_FIELDS_BYTES or data_bytes > MAX_DATA_BYTES or whole > left:
        return None
    text, data = file.read(text_bytes), file.read(data_bytes)
    if len(text) < text_bytes or len(data) < data_bytes or _checksum(text, data) != checksum:
        return None
    return whole, text, data


def _checksum(text: bytes, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(text, zlib.crc32(_LENGTHS_ALONE.pack(len(text), len(data)))))


def _parse(text: bytes, data: bytes) -> Record | None:
    try:
        fields = msgspec.json.decode(text)
        return _PARSERS[fields["kind"]](fields, data)
    except (msgspec.DecodeError, RecursionError, ValueError, KeyError, TypeError, WireError):
        return None


def _ms(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError
    return float(value)


def _object(fields: dict[str, Any], data: bytes) -> ObjectReceived:
    relayed_ms = fields["relayed_ms"]
    return ObjectReceived(
        at_ms=_ms(fields["at_ms"]),
        peer=str(fields["peer"]),
        header=parse_header(fields["header"]),
        relayed_ms=None if relayed_ms is None else _ms(relayed_ms),
        data=data,
    )


_PARSERS: dict[str, Callable[[dict[str, Any], bytes], Record]] = {
    "started": lambda fields, _: Started(_ms(fields["at_ms"]), str(fields["room"]), str(fields["by"])),
    "peer-joined": lambda fields, _: PeerJoined(_ms(fields["at_ms"]), str(fields["peer"]), str(fields["name"])),
    "peer-renamed": lambda fields, _: PeerRenamed(_ms(fields["at_ms"]), str(fields["peer"]), str(fields["name"])),
    "peer-left": lambda fields, _: PeerLeft(_ms(fields["at_ms"]), str(fields["peer"])),
    "track-published": lambda fields, _: TrackPublished(
        _ms(fields["at_ms"]), str(fields["peer"]), parse_publish(fields["track"])
    ),
    "track-unpublished": lambda fields, _: TrackUnpublished(
        _ms(fields["at_ms"]), str(fields["peer"]), str(fields["track"])
    ),
    "object": _object,
    "ended": lambda fields, _: Ended(_ms(fields["at_ms"])),
}
_KINDS_BY_TYPE: dict[type, str] = {
    Started: "started",
    PeerJoined: "peer-joined",
    PeerRenamed: "peer-renamed",
    PeerLeft: "peer-left",
    TrackPublished: "track-published",
    TrackUnpublished: "track-unpublished",
    ObjectReceived: "object",
    Ended: "ended",
}
