"""Several tracks as one picture and one sound: tiles side by side, what is heard at one time added up."""

from __future__ import annotations

import heapq
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import av
import numpy as np

from relay_widget.media.colour import BT601, as_bt601
from relay_widget.media.frame import SAMPLE_RATE, VideoFrame

from .format import PeerLeft, TrackUnpublished

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from relay_widget.media.frame import AudioBlock

    from .file import RecordedCall, RecordedTrack
    from .tracks import TrackSource

JUMP_SAMPLES = SAMPLE_RATE // 50
"""Sound that begins within 20 ms of where the block before ended goes on there: stamps are rounded, ears hear that."""
_LATE_MS = 200
"""Tracks are merged by time; within one that holds both, sound may stand behind a later picture."""
_CHUNK_SAMPLES = SAMPLE_RATE
_BLACK, _GREY = 16, 128


class Tile(NamedTuple):
    """Where a track's pictures go, in pixels; all even."""

    left: int
    top: int
    width: int
    height: int


class _Item(NamedTuple):
    """``content`` is None when there is no picture any more."""

    at_ms: float
    source: int
    content: VideoFrame | AudioBlock | None


class Composer:
    """Pictures and sound of some tracks as frames to be encoded, in the order of their times.

    Args:
        call: The recording.
        tracks: Which of its tracks.
        sources: The same, to be read.
        size: Width and height of the whole picture; None for that of the largest picture of the only track with video.
        tick_ms: Changes within so much time are one picture, where there are several tracks with video.

    Attributes:
        size: Width and height of the picture; None without video.
        has_sound: Whether there is a sound.
        start_ms, end_ms: From where to where it reaches, in the relay's clock, as far as it has been read.
    """

    def __init__(
        self,
        call: RecordedCall,
        tracks: Sequence[RecordedTrack],
        sources: Sequence[TrackSource],
        *,
        size: tuple[int, int] | None,
        tick_ms: float,
    ) -> None:
        shown = [number for number, source in enumerate(sources) if "video" in source.formats]
        self.has_sound = any("audio" in source.formats for source in sources)
        self.size = None
        if shown:
            self.size = size or _even(max(sources[number].picture_size() for number in shown))
        self.start_ms = self.end_ms = 0.0
        self._call = call
        self._tracks = tracks
        self._sources = sources
        self._tick_ms = tick_ms if len(shown) > 1 else 0.0
        self._canvas = _Canvas(self.size) if self.size is not None else None
        self._tiles = dict(zip(shown, tiles(len(shown), self.size), strict=True)) if self.size is not None else {}

    def frames(self) -> Iterator[av.VideoFrame | av.AudioFrame]:
        """Pictures with their time in ms (a time base of 1/1000), and stereo sound at 48 kHz without a gap."""
        mixer = Mixer()
        canvas = self._canvas
        changed_ms: float | None = None  # since when a picture is due
        started = False
        for at_ms, source, content in self._items():
            if not started:
                if content is None:
                    continue
                self.start_ms = self.end_ms = at_ms
                started = True
            since_ms = max(0.0, at_ms - self.start_ms)
            if changed_ms is not None and canvas is not None and since_ms >= changed_ms + self._tick_ms:
                yield canvas.frame(changed_ms)
                changed_ms = None
            if self.has_sound:
                yield from mixer.take(since_ms - _LATE_MS)
            if content is None or isinstance(content, VideoFrame):
                if canvas is not None and source in self._tiles:
                    canvas.show(self._tiles[source], content)
                    changed_ms = since_ms if changed_ms is None else changed_ms
            else:
                mixer.add(source, since_ms, content.samples)
            length_ms = 0.0 if content is None or isinstance(content, VideoFrame) else content.duration_ms
            self.end_ms = max(self.end_ms, at_ms + length_ms)
        if changed_ms is not None and canvas is not None:
            yield canvas.frame(changed_ms)
        if self.has_sound:
            yield from mixer.take(self.end_ms - self.start_ms)

    def _items(self) -> Iterator[_Item]:
        def contents(number: int, source: TrackSource) -> Iterator[_Item]:
            return (_Item(at_ms, number, content) for at_ms, content in source.parts())

        return heapq.merge(
            *(contents(*one) for one in enumerate(self._sources)), self._ends(), key=lambda item: item.at_ms
        )

    def _ends(self) -> list[_Item]:
        """When there was no picture of a track any more."""
        ends = []
        for _, event in self._call.events:
            for number, track in enumerate(self._tracks):
                unpublished = isinstance(event, TrackUnpublished) and (event.peer, event.track) == (
                    track.peer,
                    track.id,
                )
                left = isinstance(event, PeerLeft) and event.peer == track.peer
                if unpublished or left:
                    ends.append(_Item(event.at_ms, number, None))
        return ends


def tiles(count: int, size: tuple[int, int]) -> list[Tile]:
    """Equal places for so many pictures, row by row."""
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns) if count else 0
    return [
        Tile(
            size[0] * (number % columns) // columns // 2 * 2,
            size[1] * (number // columns) // rows // 2 * 2,
            size[0] // columns // 2 * 2,
            size[1] // rows // 2 * 2,
        )
        for number in range(count)
    ]


class _Canvas:
    """The whole picture, as planes of YUV 4:2:0."""

    def __init__(self, size: tuple[int, int]) -> None:
        width, height = size
        self._planes = [np.full((height, width), _BLACK, np.uint8)]
        self._planes += [np.full((height // 2, width // 2), _GREY, np.uint8) for _ in range(2)]
        self._last = -1

    def show(self, tile: Tile, picture: VideoFrame | None) -> None:
        """Put a picture into a tile, whole and in its proportions, or make the tile black."""
        self._fill(tile, [np.array(_BLACK), np.array(_GREY), np.array(_GREY)])
        if picture is None:
            return
        scale = min(tile.width / picture.width, tile.height / picture.height)
        width, height = _even((picture.width * scale, picture.height * scale))
        width, height = min(width, tile.width), min(height, tile.height)
        native = av.VideoFrame.from_ndarray(picture.rgb, format="rgb24")
        scaled = as_bt601(native, width, height).to_ndarray()
        middle = Tile(
            tile.left + (tile.width - width) // 4 * 2, tile.top + (tile.height - height) // 4 * 2, width, height
        )
        quarter = width * height // 4
        flat = scaled.reshape(-1)
        chroma = [flat[4 * quarter + n * quarter :][:quarter].reshape(height // 2, width // 2) for n in range(2)]
        self._fill(middle, [scaled[:height], *chroma])

    def frame(self, at_ms: float) -> av.VideoFrame:
        """What it shows now, to be shown from then on."""
        whole = np.concatenate([plane.reshape(-1) for plane in self._planes])
        height, width = self._planes[0].shape
        frame = av.VideoFrame.from_ndarray(whole.reshape(height * 3 // 2, width), format="yuv420p")
        self._last = max(round(at_ms), self._last + 1)
        BT601.describe(frame)
        frame.pts = self._last
        frame.time_base = Fraction(1, 1000)
        return frame

    def _fill(self, tile: Tile, planes: Sequence[NDArray[Any]]) -> None:
        for plane, pixels, shift in zip(self._planes, planes, (0, 1, 1), strict=True):
            top, left = tile.top >> shift, tile.left >> shift
            plane[top : top + (tile.height >> shift), left : left + (tile.width >> shift)] = pixels


class Mixer:
    """Adds up sound that comes in pieces, each with its time."""

    def __init__(self) -> None:
        self._sum = np.zeros((2, 2 * _CHUNK_SAMPLES), np.float32)
        self._from = 0  # the sample that the sum begins with
        self._next: dict[int, int] = {}

    def add(self, source: int, at_ms: float, samples: NDArray[np.float32]) -> None:
        """A piece of a source's sound: shape (channels, n). What is before all that was taken is left out."""
        at = round(at_ms * SAMPLE_RATE / 1000)
        due = self._next.get(source)
        if due is not None and abs(at - due) <= JUMP_SAMPLES:
            at = due
        self._next[source] = at + samples.shape[1]
        start = at - self._from
        samples = samples[:2, max(0, -start) :]
        start = max(0, start)
        missing = start + samples.shape[1] - self._sum.shape[1]
        if missing > 0:
            self._sum = np.pad(self._sum, ((0, 0), (0, missing + _CHUNK_SAMPLES)))
        self._sum[:, start : start + samples.shape[1]] += samples

    def take(self, until_ms: float) -> Iterator[av.AudioFrame]:
        """All up to this time, in frames of at most a second."""
        until = round(until_ms * SAMPLE_RATE / 1000)
        while (count := min(until - self._from, _CHUNK_SAMPLES)) > 0:
            part = np.ascontiguousarray(np.clip(self._sum[:, :count], -1, 1))
            self._sum = np.concatenate([self._sum[:, count:], np.zeros((2, count), np.float32)], axis=1)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate = SAMPLE_RATE
            frame.time_base = Fraction(1, SAMPLE_RATE)
            frame.pts = self._from
            self._from += count
            yield frame


def _even(size: tuple[float, float]) -> tuple[int, int]:
    return max(2, round(size[0] / 2) * 2), max(2, round(size[1] / 2) * 2)
