"""Where the groups of a recording start, found the plain way: whole file in memory, one pass.

It shares nothing with the incremental segmenters in ``js/src/segment``, so that the two can check each other.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EBML, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
TRACKS, TRACK_ENTRY, TRACK_NUMBER, TRACK_TYPE = 0x1654AE6B, 0xAE, 0xD7, 0x83
SIMPLE_BLOCK, BLOCK_GROUP, BLOCK, REFERENCE_BLOCK = 0xA3, 0xA0, 0xA1, 0xFB
LEVEL_1 = {CLUSTER, TRACKS, 0x114D9B74, 0x1549A966, 0x1C53BB6B, 0x1254C367, 0x1941A469, 0x1043A770}
VIDEO_TYPE = 1
NON_SYNC_SAMPLE = 0x10000


@dataclass
class Block:
    """One frame in a WebM cluster."""

    is_video: bool
    is_key: bool
    in_block_group: bool


@dataclass
class Chunk:
    """A Cluster (WebM) or a moof (MP4): the only places where a group may start."""

    offset: int
    blocks: list[Block] = field(default_factory=list)
    opens_group: bool = False


@dataclass
class Layout:
    """What a recording consists of."""

    init_bytes: int
    chunks: list[Chunk]

    @property
    def groups(self) -> list[int]:
        """Byte offset of each group's start. A recording's first chunk always opens its first group."""
        return [chunk.offset for index, chunk in enumerate(self.chunks) if index == 0 or chunk.opens_group]


def layout(packaging: str, data: bytes) -> Layout:
    """Find init, chunks and groups of a whole recording."""
    chunks = list(_webm_clusters(data) if packaging == "webm" else _moofs(data))
    return Layout(init_bytes=chunks[0].offset, chunks=chunks)


def _vint(data: bytes, at: int, *, keep_marker: bool) -> tuple[int, int, bool]:
    """A variable-length integer: its value, where it ends, and whether it means "unknown"."""
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length], "big")
    bits = value & ((1 << 7 * length) - 1)
    return (value if keep_marker else bits), at + length, bits == (1 << 7 * length) - 1


def _elements(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Elements from ``at`` on as (id, start, body, end); Segment and Cluster are entered, not skipped."""
    while at < end:
        start = at
        name, at, _ = _vint(data, at, keep_marker=True)
        size, at, unknown = _vint(data, at, keep_marker=False)
        yield name, start, at, (end if unknown else min(at + size, end))
        if name not in (SEGMENT, CLUSTER):
            at += size


def _webm_clusters(data: bytes) -> Iterator[Chunk]:
    video: set[int] = set()
    cluster: Chunk | None = None
    for name, start, body, end in _elements(data, 0, len(data)):
        if name in LEVEL_1 and cluster is not None:
            yield cluster
            cluster = None
        if name == TRACKS:
            video = _video_tracks(data, body, end)
        elif name == CLUSTER:
            cluster = Chunk(start)
        elif name in (SIMPLE_BLOCK, BLOCK_GROUP) and cluster is not None:
            block = _block(data, name, body, end, video)
            if not video or (block.is_video and not any(b.is_video for b in cluster.blocks)):
                cluster.opens_group = block.is_key or not video
            cluster.blocks.append(block)
    if cluster is not None:
        yield cluster


def _video_tracks(data: bytes, at: int, end: int) -> set[int]:
    numbers: set[int] = set()
    for name, _, body, entry_end in _elements(data, at, end):
        if name == TRACK_ENTRY:
            values = {n: int.from_bytes(data[b:e], "big") for n, _, b, e in _elements(data, body, entry_end)}
            if values[TRACK_TYPE] == VIDEO_TYPE:
                numbers.add(values[TRACK_NUMBER])
    return numbers


def _block(data: bytes, name: int, body: int, end: int, video: set[int]) -> Block:
    if name == SIMPLE_BLOCK:
        track, at, _ = _vint(data, body, keep_marker=False)
        return Block(track in video, bool(data[at + 2] & 0x80), in_block_group=False)
    parts = {n: b for n, _, b, _ in _elements(data, body, end)}
    track, _, _ = _vint(data, parts[BLOCK], keep_marker=False)
    return Block(track in video, REFERENCE_BLOCK not in parts, in_block_group=True)


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Boxes as (type, start, body, end)."""
    while at + 8 <= end:
        start = at
        size, name = struct.unpack_from(">I4s", data, at)
        at += 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at)
            at += 8
        box_end = end if size == 0 else start + size
        yield name, start, at, box_end
        at = box_end


def _child(data: bytes, path: str, at: int, end: int) -> tuple[int, int]:
    """Body of the first box at ``path``."""
    for step in path.split("/"):
        at, end = next((b, e) for n, _, b, e in _boxes(data, at, end) if n == step.encode())
    return at, end


def _moofs(data: bytes) -> Iterator[Chunk]:
    video: set[int] = set()
    default_flags: dict[int, int] = {}
    for name, start, body, end in _boxes(data, 0, len(data)):
        if name == b"moov":
            for child, _, trak, trak_end in _boxes(data, body, end):
                if child == b"trak":
                    header, _ = _child(data, "tkhd", trak, trak_end)
                    handler, _ = _child(data, "mdia/hdlr", trak, trak_end)
                    if data[handler + 8 : handler + 12] == b"vide":
                        video |= {struct.unpack_from(">I", data, header + (20 if data[header] else 12))[0]}
            extends, extends_end = _child(data, "mvex", body, end)
            for child, _, trex, _ in _boxes(data, extends, extends_end):
                if child == b"trex":
                    track, _, _, _, flags = struct.unpack_from(">5I", data, trex + 4)
                    default_flags[track] = flags
        elif name == b"moof":
            yield Chunk(start, opens_group=not video or _moof_is_key(data, body, end, video, default_flags))


def _moof_is_key(data: bytes, at: int, end: int, video: set[int], defaults: dict[int, int]) -> bool:
    for name, _, traf, traf_end in _boxes(data, at, end):
        if name != b"traf":
            continue
        header, header_end = _child(data, "tfhd", traf, traf_end)
        present, track = struct.unpack_from(">2I", data, header)
        if track not in video:
            continue
        flags = struct.unpack_from(">I", data, header_end - 4)[0] if present & 0x20 else defaults[track]
        run, _ = _child(data, "trun", traf, traf_end)
        (present,) = struct.unpack_from(">I", data, run)
        at = run + 8 + (4 if present & 0x1 else 0)
        if present & 0x4:
            (flags,) = struct.unpack_from(">I", data, at)
        elif present & 0x400:
            at += (4 if present & 0x100 else 0) + (4 if present & 0x200 else 0)
            (flags,) = struct.unpack_from(">I", data, at)
        return not flags & NON_SYNC_SAMPLE
    return False
