"""Reading fragmented MP4, which Safari's recorder makes, fragment by fragment."""

from __future__ import annotations

import io
import struct

import av

from relay_widget.errors import MediaError

from .boxes import display_matrix, within
from .opening import open_input
from .webm import MAX_ELEMENT_BYTES, Block, Codec, TrackFormat

_CODECS: dict[str, Codec] = {"h264": "h264", "av1": "av1", "vp9": "vp9", "opus": "opus", "aac": "aac"}
_HEADER_BYTES = 8
_MAX_BOXES = 100
"""Before the one that completes a fragment; browsers write one or two."""


class Fmp4Reader:
    """Reads one epoch: made of its init segment, then fed its objects' bytes in order. Same face as ``WebmReader``."""

    def __init__(self, init: bytes) -> None:
        self._init = init
        self._rest = bytearray()
        self.tracks: dict[int, TrackFormat] = {}
        try:
            with open_input(io.BytesIO(init), container_format="mp4") as container:
                shown = [display_matrix(track) for track in within(init, b"moov", b"trak")]
                for stream in container.streams:
                    context = stream.codec_context
                    codec = _CODECS.get(context.name) if context is not None else None
                    if codec is None:
                        raise MediaError("unsupported-codec", "A track's codec is none that can be read here.")
                    matrix = shown[stream.index] if stream.index < len(shown) else b""
                    self.tracks[stream.index] = TrackFormat(
                        codec, codec_private=bytes(context.extradata or b""), display_matrix=matrix
                    )
        except av.FFmpegError as error:
            raise MediaError("bad-media", "An init segment is no MP4: wait for the sender's next epoch.") from error
        if not self.tracks:
            raise MediaError("bad-media", "An init segment has no tracks: wait for the sender's next epoch.")

    def start_group(self) -> None:
        """What comes next begins a group: whatever is unfinished is forgotten."""
        self._rest.clear()

    def feed(self, data: bytes) -> list[Block]:
        """The blocks of the fragments that have become whole with these bytes.

        Raises:
            MediaError: The bytes cannot be what they should be; go on with ``start_group``.
        """
        self._rest += data
        end = _end_of_fragments(self._rest)
        if len(self._rest) - end > MAX_ELEMENT_BYTES:
            raise _bad()
        if end == 0:
            return []
        fragments = bytes(self._rest[:end])
        del self._rest[:end]
        blocks = []
        try:
            with open_input(io.BytesIO(self._init + fragments), container_format="mp4") as container:
                for packet in container.demux():
                    if packet.pts is None or packet.stream_index not in self.tracks:
                        continue  # the demuxer's sign that it is at the end
                    time_ms = float(packet.pts * packet.time_base * 1000)
                    blocks.append(Block(packet.stream_index, time_ms, packet.is_keyframe, bytes(packet)))
        except av.FFmpegError as error:
            raise _bad() from error
        return blocks


def _end_of_fragments(data: bytearray) -> int:
    """Where the last box ends that completes a fragment: its mdat."""
    at = end = boxes = 0
    while at + _HEADER_BYTES <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        boxes += 1
        if not _HEADER_BYTES <= size <= MAX_ELEMENT_BYTES or boxes > _MAX_BOXES:
            raise _bad()
        at += size
        if kind == b"mdat" and at <= len(data):
            end, boxes = at, 0
    return end


def _bad() -> MediaError:
    return MediaError("bad-media", "Media cannot be read: it goes on at the sender's next key picture.")
