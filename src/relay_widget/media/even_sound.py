"""Decoded sound of any rate, layout and format, at its times, as blocks of one kind without a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np

from .encode import BLOCK_MS
from .frame import SAMPLE_RATE, AudioBlock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MAX_OFF_S = 0.04
"""A frame that begins within this of the end of the one before goes on there: stamps are rounded, ears hear that."""
_BLOCK_SAMPLES = SAMPLE_RATE * BLOCK_MS // 1000
_STEREO = 2


class Converter:
    """Makes frames of any rate, layout and format, which may change, arrays of shape (channels, n) at 48 kHz.

    Args:
        channels: 1 or 2; frames of other layouts are mixed into them.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._resampler: Any = None
        self._format: tuple[str, str, int] | None = None

    def convert(self, frame: Any) -> NDArray[np.float32]:
        """What becomes of this frame, and of those before.

        Raises:
            av.FFmpegError: It cannot be converted.
        """
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        before = self._empty() if found == self._format else self.flush()
        self._format = found
        frame.pts = None  # times are kept elsewhere
        after = self._begin(frame) if self._resampler is None else self._samples(self._resampler.resample(frame))
        return np.concatenate([before, after], axis=1) if before.size else after

    def flush(self) -> NDArray[np.float32]:
        """The rest; what comes next does not go on with it."""
        resampler, self._resampler = self._resampler, None
        return self._empty() if resampler is None else self._samples(resampler.resample(None))

    def _begin(self, frame: Any) -> NDArray[np.float32]:
        # FFmpeg has no rule to mix the channels of some layouts, for example of 9 microphones: then it is their mean.
        wanted = "stereo" if self._channels == _STEREO else "mono"
        layouts = [wanted, frame.layout.name]
        for layout in layouts:
            resampler = av.AudioResampler(format="flt", layout=layout, rate=SAMPLE_RATE)
            try:
                frames = resampler.resample(frame)
            except av.FFmpegError:
                if layout is layouts[-1]:
                    raise
            else:
                self._resampler = resampler
                return self._samples(frames)
        raise AssertionError(layouts)

    def _samples(self, frames: list[Any]) -> NDArray[np.float32]:
        # They are packed, not planar: of more than 8 planes PyAV reads memory that is not there.
        arrays = [frame.to_ndarray().reshape(frame.samples, -1).T for frame in frames if frame is not None]
        if not arrays:
            return self._empty()
        samples = np.concatenate(arrays, axis=1)
        if samples.shape[0] != self._channels:
            samples = np.repeat(samples.mean(axis=0, keepdims=True), self._channels, axis=0)
        return np.ascontiguousarray(samples, dtype=np.float32)

    def _empty(self) -> NDArray[np.float32]:
        return np.empty((self._channels, 0), np.float32)


class EvenSound:
    """Frames in, blocks of `BLOCK_MS` at 48 kHz out. A pause between two frames becomes silence of the same length.

    Args:
        channels: 1 or 2; frames of other layouts are mixed into them.

    Attributes:
        left_out: How many frames became silence, because they cannot be converted.
    """

    def __init__(self, channels: int) -> None:
        self.left_out = 0
        self._channels = channels
        self._converter = Converter(channels)
        self._parts: list[Any] = []
        self._waiting = 0  # samples in the parts
        self._skip = 0  # samples to leave out, because they would overlap with those before
        self._start_s: float | None = None
        self._due_s = 0.0  # when the next frame is expected
        self._done = 0  # samples in blocks so far

    def take(self, frame: Any, at_s: float | None) -> Iterator[AudioBlock]:
        """The next frame, and when it begins; None for where the one before ended."""
        length_s = frame.samples / frame.sample_rate
        if at_s is None:
            at_s = self._due_s
        if self._start_s is None:
            self._start_s = self._due_s = at_s
        ahead_s = at_s - self._due_s
        if ahead_s > MAX_OFF_S:
            self._add(self._converter.flush())
            yield from self._pause(round(ahead_s * SAMPLE_RATE))
            self._due_s = at_s + length_s
        elif ahead_s < -MAX_OFF_S:
            self._skip += round(min(-ahead_s, length_s) * SAMPLE_RATE)
            self._due_s = max(self._due_s, at_s + length_s)
        else:
            self._due_s += length_s
        self._convert(frame)
        yield from self._blocks()

    def end(self) -> Iterator[AudioBlock]:
        """The rest, of which the last block may be shorter."""
        self._add(self._converter.flush())
        yield from self._blocks(least=1)

    def _convert(self, frame: Any) -> None:
        try:
            self._add(self._converter.convert(frame))
        except av.FFmpegError:
            self.left_out += 1
            silent = round(frame.samples * SAMPLE_RATE / frame.sample_rate)
            self._add(np.zeros((self._channels, silent), np.float32))

    def _add(self, samples: NDArray[np.float32]) -> None:
        skipped = min(self._skip, samples.shape[1])
        self._skip -= skipped
        self._push(samples[:, skipped:])

    def _push(self, samples: Any) -> None:
        if samples.shape[1]:
            self._parts.append(samples)
            self._waiting += samples.shape[1]

    def _pause(self, samples: int) -> Iterator[AudioBlock]:
        """Silence; block by block, as it may be hours."""
        while samples > 0:
            part = min(samples, _BLOCK_SAMPLES)
            self._push(np.zeros((self._channels, part), np.float32))
            samples -= part
            yield from self._blocks()

    def _blocks(self, least: int = _BLOCK_SAMPLES) -> Iterator[AudioBlock]:
        if self._waiting < least or self._start_s is None:
            return
        samples = np.concatenate(self._parts, axis=1) if len(self._parts) > 1 else self._parts[0]
        at = 0
        while self._waiting - at >= least:
            block = np.ascontiguousarray(samples[:, at : at + _BLOCK_SAMPLES])
            yield AudioBlock(block, (self._start_s + self._done / SAMPLE_RATE) * 1000)
            self._done += block.shape[1]
            at += block.shape[1]
        self._parts = [samples[:, at:]] if at < self._waiting else []
        self._waiting -= at
