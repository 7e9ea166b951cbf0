"""What PyAV does not tell of a container: how an MP4 or a Matroska file wants its pictures cropped, and turned."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from relay_widget.errors import MediaError

from .presentation import Crop
from .webm import pixel_crops

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

MAX_HEAD_BYTES = 1_000_000
"""Of a Matroska file: its tracks are described within."""
MAX_MOOV_BYTES = 64_000_000
_BOX = struct.Struct(">I4s")
_LARGE = struct.Struct(">Q")
_ENTRY_BYTES = 78
"""The fields of a picture's sample entry, before its boxes."""
_STSD_BYTES = 8
_CLAP = struct.Struct(">IIIIiIiI")
_MATRIX_AT = {0: 40, 1: 52}
"""Where the matrix is in a track's header, by the version of that."""
_MATRIX_BYTES = 36


def crops_of(path: Path, container_format: str) -> list[Crop]:
    """What to leave out of the pictures of a file's video tracks, in their order; [] where it says nothing."""
    try:
        with path.open("rb") as file:
            if "matroska" in container_format:
                return [Crop(*crop) for crop in pixel_crops(file.read(MAX_HEAD_BYTES))]
            if "mp4" in container_format:
                return [_clean_aperture(track) for track in within(_moov(file), b"trak") if _is_video(track)]
    except (OSError, MediaError, struct.error):
        pass  # FFmpeg reads it all the same, and that counts
    return []


def display_matrix(track: bytes) -> bytes:
    """How a track of an MP4 (its ``trak``) is shown, as FFmpeg's display matrix; b"" if it does not say."""
    header = next(within(track, b"tkhd"), b"")
    at = _MATRIX_AT.get(header[0], len(header)) if header else 0
    matrix = header[at : at + _MATRIX_BYTES]
    return struct.pack("=9i", *struct.unpack(">9i", matrix)) if len(matrix) == _MATRIX_BYTES else b""


def within(data: bytes, *path: bytes) -> Iterator[bytes]:
    """The bodies of the boxes at this path, for example ``b"moov", b"trak"``."""
    at = 0
    while at + _BOX.size <= len(data):
        size, kind = _BOX.unpack_from(data, at)
        head = _BOX.size
        if size == 1 and at + 16 <= len(data):
            size, head = _LARGE.unpack_from(data, at + head)[0], 16
        size = size or len(data) - at  # up to the end
        if size < head:
            return
        if kind == path[0]:
            body = data[at + head : at + size]
            yield from within(body, *path[1:]) if path[1:] else (body,)
        at += size


def _moov(file: BinaryIO) -> bytes:
    """The first one of the file, at whatever end of it."""
    while len(head := file.read(_BOX.size)) == _BOX.size:
        size, kind = _BOX.unpack(head)
        left = size - _BOX.size
        if size == 1:
            left = _LARGE.unpack(file.read(_LARGE.size))[0] - 2 * _BOX.size
        if size == 0:
            left = MAX_MOOV_BYTES  # up to the end
        if left < 0:
            break
        if kind == b"moov":
            return file.read(min(left, MAX_MOOV_BYTES))
        file.seek(left, 1)
    return b""


def _is_video(track: bytes) -> bool:
    return any(handler[8:12] == b"vide" for handler in within(track, b"mdia", b"hdlr"))


def _clean_aperture(track: bytes) -> Crop:
    for description in within(track, b"mdia", b"minf", b"stbl", b"stsd"):
        entry = description[_STSD_BYTES + _BOX.size :]
        for body in within(entry[_ENTRY_BYTES:], b"clap"):
            width, height = struct.unpack_from(">HH", entry, 24)
            values = _CLAP.unpack_from(body)
            if not all(values[1::2]):
                return Crop()
            wide, high, x, y = (above / below for above, below in zip(values[::2], values[1::2], strict=True))
            left, top = round((width - wide) / 2 + x), round((height - high) / 2 + y)
            crop = Crop(left, top, width - left - round(wide), height - top - round(high))
            return crop if min(crop) >= 0 else Crop()
    return Crop()
