"""Live WebM, as it goes over the relay: writing one track's epoch, and reading what a browser's recorder made.

Pure: bytes in, values out. Written is what a player can show at once: a Segment of unknown size, no Duration, a Cluster
for each group, one SimpleBlock for each object. Read is what recorders make of it: Clusters that begin anywhere,
BlockGroups, laced blocks, several tracks, objects that end within an element.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from relay_widget.errors import MediaError
from relay_widget.protocol import MediaHeader

from .colour import UNSAID, Colour

if TYPE_CHECKING:
    from collections.abc import Iterator

Codec = Literal["vp8", "vp9", "av1", "h264", "opus", "aac"]

MAX_ELEMENT_BYTES = 16_000_000
"""An element larger than this is not from a recorder: its size was misread."""
MAX_GROUP_MS = 30_000
"""Blocks count from their Cluster's start in 16 bits of milliseconds."""

MAX_TIME_MS = 2**52
"""A block's time beyond this was misread."""

_EBML = 0x1A45DFA3
_DOC_TYPE = 0x4282
_DOC_TYPE_VERSION = 0x4287
_DOC_TYPE_READ_VERSION = 0x4285
_SEGMENT = 0x18538067
_INFO = 0x1549A966
_TIMESTAMP_SCALE = 0x2AD7B1
_MUXING_APP = 0x4D80
_WRITING_APP = 0x5741
_TRACKS = 0x1654AE6B
_TRACK_ENTRY = 0xAE
_TRACK_NUMBER = 0xD7
_TRACK_UID = 0x73C5
_TRACK_TYPE = 0x83
_DEFAULT_DURATION = 0x23E383
_CODEC_ID = 0x86
_CODEC_PRIVATE = 0x63A2
_VIDEO = 0xE0
_PIXEL_WIDTH = 0xB0
_PIXEL_HEIGHT = 0xBA
_COLOUR = 0x55B0
_MATRIX = 0x55B1
_RANGE = 0x55B9
_TRANSFER = 0x55BA
_PRIMARIES = 0x55BB
_PIXEL_CROPS = (0x54CC, 0x54BB, 0x54DD, 0x54AA)
"""Left, top, right, bottom."""
_AUDIO = 0xE1
_SAMPLING_FREQUENCY = 0xB5
_CHANNELS = 0x9F
_CLUSTER = 0x1F43B675
_TIMESTAMP = 0xE7
_SIMPLE_BLOCK = 0xA3
_BLOCK_GROUP = 0xA0
_BLOCK = 0xA1
_REFERENCE_BLOCK = 0xFB

_CODEC_IDS: dict[str, Codec] = {
    "V_VP8": "vp8",
    "V_VP9": "vp9",
    "V_AV1": "av1",
    "V_MPEG4/ISO/AVC": "h264",
    "A_OPUS": "opus",
}
_NAMES = {codec: name for name, codec in _CODEC_IDS.items()}
_RANGES = (None, False, True)
"""What Range says of `Colour.full_range`; 3 is "as the matrix has it"."""
_NS_PER_MS = 1_000_000
_VIDEO_TYPE, _AUDIO_TYPE = 1, 2
_NUMBER = 1
"""Of the only track in what is written."""
_KEY = 0x80
_LACING = 0x06
_XIPH, _FIXED, _EBML_LACING = 0x02, 0x04, 0x06
_UNKNOWN_SIZE = b"\x01\xff\xff\xff\xff\xff\xff\xff"
_MAX_ID_BYTES = 4
_MAX_VINT_BYTES = 8


class MediaObject(NamedTuple):
    """One object of a track, as it is sent."""

    header: MediaHeader
    data: bytes


@dataclass(frozen=True, slots=True)
class TrackFormat:
    """What an init segment says of one track. Sizes in pixels; 0 where it does not apply or is not said."""

    codec: Codec
    width: int = 0
    height: int = 0
    sample_rate: int = 0
    channels: int = 0
    codec_private: bytes = b""
    default_duration_ms: float = 0
    colour: Colour | None = None
    """None where it says nothing."""
    display_matrix: bytes = b""
    """How it is turned and mirrored, in FFmpeg's form."""

    @property
    def is_video(self) -> bool:
        """Whether it is pictures, not sound."""
        return self.codec not in ("opus", "aac")


class Block(NamedTuple):
    """One encoded picture or block of sound. ``time_ms`` counts from the epoch's start."""

    track: int
    time_ms: float
    key: bool
    data: bytes


# ---------------------------------------------------------------------------------------------------------
# Writing


class LiveMuxer:
    """Numbers and wraps the blocks of one track's epoch, an object for each block.

    Args:
        track: The track's id.
        epoch: The epoch's number.
        media: What is in it. (Its ``default_duration_ms`` is not written: after a gap of twice as long, Chromium shows
            no more pictures until the next key.)
    """

    def __init__(self, track: str, epoch: int, media: TrackFormat) -> None:
        self._track = track
        self._epoch = epoch
        self._init = _init_segment(media)
        self._group = 0
        self._object = 0
        self._cluster_ms = 0

    def init(self, captured_ms: float) -> MediaObject:
        """The object that begins the epoch."""
        return MediaObject(MediaHeader(self._track, self._epoch, 0, 0, "init", captured_ms), self._init)

    def push(self, block: bytes, media_ms: int, captured_ms: float, *, key: bool, level: float = 0) -> MediaObject:
        """The next block; ``media_ms`` is when it begins, from the epoch's start, within MAX_GROUP_MS of its key's."""
        head = b""
        if key:
            self._group += 1
            self._object = 0
            self._cluster_ms = media_ms
            head = _id(_CLUSTER) + _UNKNOWN_SIZE + _uint(_TIMESTAMP, media_ms)
        else:
            self._object += 1
        flags = _KEY if key else 0
        payload = struct.pack(">BhB", 0x80 | _NUMBER, media_ms - self._cluster_ms, flags) + block
        header = MediaHeader(
            self._track,
            self._epoch,
            self._group,
            self._object,
            "key" if key else "delta",
            captured_ms,
            level,
            media_ms=media_ms,
        )
        return MediaObject(header, head + _element(_SIMPLE_BLOCK, payload))


def _init_segment(media: TrackFormat) -> bytes:
    if media.is_video:
        kind = _VIDEO_TYPE
        size = _uint(_PIXEL_WIDTH, media.width) + _uint(_PIXEL_HEIGHT, media.height)
        details = _element(_VIDEO, size + (b"" if media.colour is None else _colour_element(media.colour)))
    else:
        kind = _AUDIO_TYPE
        rate = _element(_SAMPLING_FREQUENCY, struct.pack(">d", media.sample_rate))
        details = _element(_AUDIO, rate + _uint(_CHANNELS, media.channels))
    entry = [_uint(_TRACK_NUMBER, _NUMBER), _uint(_TRACK_UID, _NUMBER), _uint(_TRACK_TYPE, kind)]
    entry.append(_element(_CODEC_ID, _NAMES[media.codec].encode()))
    if media.codec_private:
        entry.append(_element(_CODEC_PRIVATE, media.codec_private))
    entry.append(details)
    name = b"relay-widget"
    doc = _element(_DOC_TYPE, b"webm") + _uint(_DOC_TYPE_VERSION, 4) + _uint(_DOC_TYPE_READ_VERSION, 2)
    scale = _uint(_TIMESTAMP_SCALE, _NS_PER_MS)
    info = scale + _element(_MUXING_APP, name) + _element(_WRITING_APP, name)
    return b"".join(
        [
            _element(_EBML, doc),
            _id(_SEGMENT) + _UNKNOWN_SIZE,
            _element(_INFO, info),
            _element(_TRACKS, _element(_TRACK_ENTRY, b"".join(entry))),
        ]
    )


def _colour_element(colour: Colour) -> bytes:
    said = {_MATRIX: colour.matrix, _TRANSFER: colour.transfer, _PRIMARIES: colour.primaries}
    said[_RANGE] = 0 if colour.full_range is None else _RANGES.index(colour.full_range)
    return _element(_COLOUR, b"".join(_uint(kind, value) for kind, value in said.items()))


def _element(element_id: int, body: bytes) -> bytes:
    size = len(body)
    length = next(n for n in range(1, _MAX_VINT_BYTES + 1) if size < (1 << 7 * n) - 1)  # all ones: unknown
    return _id(element_id) + ((1 << 7 * length) | size).to_bytes(length, "big") + body


def _uint(element_id: int, value: int) -> bytes:
    return _element(element_id, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _id(value: int) -> bytes:
    """An id carries its own length: its first byte is never zero."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


# ---------------------------------------------------------------------------------------------------------
# Reading


class WebmReader:
    """Reads one epoch: made of its init segment, then fed its objects' bytes in order.

    Attributes:
        tracks: What the init segment says, by the track's number in it.

    Raises:
        MediaError: The init segment cannot be used.
    """

    def __init__(self, init: bytes) -> None:
        self.tracks: dict[int, TrackFormat] = {}
        self._scale_ms = 1.0
        self._rest = bytearray()
        self._cluster_ms: float | None = None
        self._read_init(init)

    def start_group(self) -> None:
        """What comes next begins a group: whatever is unfinished is forgotten."""
        self._rest.clear()
        self._cluster_ms = None

    def feed(self, data: bytes) -> list[Block]:
        """The blocks that have become whole with these bytes.

        Raises:
            MediaError: The bytes cannot be what they should be; go on with ``start_group``.
        """
        self._rest += data
        blocks: list[Block] = []
        at = 0
        while (element := _header(self._rest, at)) is not None:
            kind, body, size = element
            if kind in (_SEGMENT, _CLUSTER):  # their children follow; where they end does not matter
                if kind == _CLUSTER:
                    self._cluster_ms = None
                at = body
                continue
            end = body + _known(size)
            if end > len(self._rest):
                break
            if kind == _TIMESTAMP:
                self._cluster_ms = _read_uint(self._rest[body:end]) * self._scale_ms
            elif kind == _SIMPLE_BLOCK:
                blocks.extend(self._block(bytes(self._rest[body:end]), key=None))
            elif kind == _BLOCK_GROUP:
                blocks.extend(self._block_group(bytes(self._rest[body:end])))
            at = end
        del self._rest[:at]
        return blocks

    def _read_init(self, init: bytes) -> None:
        children = list(_children(init, "init segment", open_elements=(_SEGMENT,)))
        if [kind for kind, _ in children[:2]] != [_EBML, _SEGMENT]:
            raise MediaError("bad-media", "An init segment is no WebM: wait for the sender's next epoch.")
        for kind, body in children[2:]:
            if kind == _INFO:
                for child, value in _children(body, "Info"):
                    if child == _TIMESTAMP_SCALE:
                        self._scale_ms = _read_uint(value) / _NS_PER_MS
            elif kind == _TRACKS:
                for child, value in _children(body, "Tracks"):
                    if child == _TRACK_ENTRY:
                        number, track = _track_entry(value)
                        self.tracks[number] = track
        if not self.tracks:
            raise MediaError("bad-media", "An init segment has no tracks: wait for the sender's next epoch.")

    def _block_group(self, body: bytes) -> list[Block]:
        block: bytes | None = None
        key = True
        for kind, value in _children(body, "BlockGroup"):
            if kind == _BLOCK:
                block = value
            elif kind == _REFERENCE_BLOCK:
                key = False
        return [] if block is None else self._block(block, key=key)

    def _block(self, body: bytes, *, key: bool | None) -> list[Block]:
        """``key``: of a BlockGroup's block; a SimpleBlock says it itself."""
        if self._cluster_ms is None:
            raise _bad("a block stands outside a cluster, or before its time")
        number, at = _vint(body, 0)
        if len(body) < at + 3:
            raise _bad("a block is shorter than its own header")
        since, flags = struct.unpack_from(">hB", body, at)
        track = self.tracks.get(number)
        if track is None:
            return []  # of a track that the init segment does not know
        time_ms = self._cluster_ms + since * self._scale_ms
        if abs(time_ms) > MAX_TIME_MS:
            raise _bad("a block's time cannot be real")
        is_key = bool(flags & _KEY) if key is None else key
        frames = _frames(body[at + 3 :], flags & _LACING)
        return [
            Block(number, time_ms + index * track.default_duration_ms, is_key, frame)
            for index, frame in enumerate(frames)
        ]


def pixel_crops(data: bytes) -> list[tuple[int, int, int, int]]:
    """How many pixels to leave out at the left, top, right and bottom of each track of pictures, in their order.

    Args:
        data: A Matroska file's beginning.

    Raises:
        MediaError: It is none.
    """
    at = 0
    while (element := _header(data, at)) is not None:
        kind, body, size = element
        if kind == _SEGMENT:
            at = body
            continue
        at = body + _known(size)
        if kind == _TRACKS:
            entries = [dict(_children(entry, "TrackEntry")) for _, entry in _children(data[body:at], "Tracks")]
            videos = [dict(_children(entry[_VIDEO], "Video")) for entry in entries if _VIDEO in entry]
            sides = [[_read_uint(video.get(side, b"")) for side in _PIXEL_CROPS] for video in videos]
            return [(left, top, right, bottom) for left, top, right, bottom in sides]
    return []


def _track_entry(body: bytes) -> tuple[int, TrackFormat]:
    found = dict(_children(body, "TrackEntry"))
    codec_id = found.get(_CODEC_ID, b"").rstrip(b"\0").decode("latin-1")
    codec = _CODEC_IDS.get(codec_id)
    if codec is None:
        raise MediaError("unsupported-codec", f"A track's codec {codec_id[:40]!r} is none that can be read here.")
    video = dict(_children(found.get(_VIDEO, b""), "Video"))
    audio = dict(_children(found.get(_AUDIO, b""), "Audio"))
    return _read_uint(found.get(_TRACK_NUMBER, b"\0")), TrackFormat(
        codec,
        width=_read_uint(video.get(_PIXEL_WIDTH, b"\0")),
        height=_read_uint(video.get(_PIXEL_HEIGHT, b"\0")),
        sample_rate=_read_rate(audio.get(_SAMPLING_FREQUENCY, b"")),
        channels=_read_uint(audio.get(_CHANNELS, b"\x01")) if audio else 0,
        codec_private=found.get(_CODEC_PRIVATE, b""),
        default_duration_ms=_read_uint(found.get(_DEFAULT_DURATION, b"\0")) / _NS_PER_MS,
        colour=None if _COLOUR not in video else _read_colour(video[_COLOUR]),
    )


def _read_colour(body: bytes) -> Colour:
    found = {kind: _read_uint(value) for kind, value in _children(body, "Colour")}
    said = found.get(_RANGE, 0)
    matrix, primaries, transfer = (found.get(kind, UNSAID) & 0xFF for kind in (_MATRIX, _PRIMARIES, _TRANSFER))
    return Colour(matrix, primaries, transfer, _RANGES[said] if said < len(_RANGES) else None)


def _children(body: bytes, what: str, *, open_elements: tuple[int, ...] = ()) -> Iterator[tuple[int, bytes]]:
    """The elements in a whole one; of those that stay open only the header is taken, and their children follow."""
    at = 0
    while at < len(body):
        element = _header(body, at)
        if element is None:
            raise _bad(f"the {what} ends within an element")
        kind, start, size = element
        if kind in open_elements:
            yield kind, b""
            at = start
            continue
        at = start + _known(size)
        if at > len(body):
            raise _bad(f"an element reaches out of the {what} around it")
        yield kind, body[start:at]


def _header(data: bytes | bytearray, at: int) -> tuple[int, int, int | None] | None:
    """Id, where the body begins, and size (None: unknown) of the element there; None while it is not all there."""
    if at >= len(data):
        return None
    id_bytes = _vint_bytes(data[at])
    if id_bytes > _MAX_ID_BYTES:
        raise _bad("no element begins where one should")
    size_at = at + id_bytes
    if size_at >= len(data):
        return None
    size_bytes = _vint_bytes(data[size_at])
    body = size_at + size_bytes
    if body > len(data):
        return None
    size = int.from_bytes(data[size_at:body], "big") - (1 << 7 * size_bytes)
    unknown = size == (1 << 7 * size_bytes) - 1
    return int.from_bytes(data[at:size_at], "big"), body, None if unknown else size


def _known(size: int | None) -> int:
    if size is None:
        raise _bad("an element has no size, which WebM does not allow there")
    if size > MAX_ELEMENT_BYTES:
        raise _bad(f"an element claims {size} bytes, which cannot be real")
    return size


def _vint(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length number, and where it ends."""
    if at >= len(data):
        raise _bad("a number is missing")
    length = _vint_bytes(data[at])
    end = at + length
    if end > len(data):
        raise _bad("a number is cut off")
    return int.from_bytes(data[at:end], "big") - (1 << 7 * length), end


def _vint_bytes(first: int) -> int:
    length = 9 - first.bit_length()
    if length > _MAX_VINT_BYTES:
        raise _bad("no number begins where one should")
    return length


def _read_uint(value: bytes | bytearray) -> int:
    if len(value) > _MAX_VINT_BYTES:
        raise _bad("a number is too large to be real")
    return int.from_bytes(value, "big")


def _read_rate(value: bytes) -> int:
    if len(value) not in (4, 8):
        return 0
    (rate,) = struct.unpack(">f" if len(value) == 4 else ">d", value)  # noqa: PLR2004 - bytes of a float
    return round(rate) if math.isfinite(rate) else 0


def _frames(data: bytes, lacing: int) -> list[bytes]:
    """The frames of a block: one, or several that are laced together."""
    if not lacing:
        return [data]
    if not data:
        raise _bad("a laced block is empty")
    count = data[0] + 1
    at = 1
    if lacing == _FIXED:
        size, over = divmod(len(data) - at, count)
        if over:
            raise _bad("a laced block cannot be divided into its frames")
        sizes = [size] * (count - 1)
    elif lacing == _XIPH:
        sizes, at = _xiph_sizes(data, count - 1)
    else:
        sizes, at = _ebml_sizes(data, count - 1)
    frames = []
    for size in sizes:
        if size < 0 or at + size > len(data):
            raise _bad("a laced frame reaches out of its block")
        frames.append(data[at : at + size])
        at += size
    frames.append(data[at:])
    return frames


def _xiph_sizes(data: bytes, count: int) -> tuple[list[int], int]:
    sizes, at = [], 1
    for _ in range(count):
        size = 0
        while True:
            if at >= len(data):
                raise _bad("the sizes of laced frames are cut off")
            size += data[at]
            at += 1
            if data[at - 1] != 0xFF:  # noqa: PLR2004 - Xiph's sign that the size goes on
                break
        sizes.append(size)
    return sizes, at


def _ebml_sizes(data: bytes, count: int) -> tuple[list[int], int]:
    """The first size, then differences to the one before, shifted to be positive."""
    sizes: list[int] = []
    at = 1
    for _ in range(count):
        value, end = _vint(data, at)
        if sizes:
            value += sizes[-1] - ((1 << 7 * (end - at) - 1) - 1)
        sizes.append(value)
        at = end
    return sizes, at


def _bad(what: str) -> MediaError:
    return MediaError(
        "bad-media", f"Media cannot be read ({what}): it goes on where the sender begins a new group or epoch."
    )
