"""Decoded sound of any rate, layout and format, at its times, as blocks of one kind without a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np

from .encode import BLOCK_MS
from .frame import SAMPLE_RATE, AudioBlock

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_OFF_S = 0.04
"""A frame that begins within this of the end of the one before goes on there: stamps are rounded, ears hear that."""
_BLOCK_SAMPLES = SAMPLE_RATE * BLOCK_MS // 1000
_STEREO = 2


class EvenSound:
    """Frames in, blocks of `BLOCK_MS` at 48 kHz out. A pause between two frames becomes silence of the same length.

    Args:
        channels: 1 or 2; frames of other layouts are mixed into them.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._resampler: Any = None
        self._format: tuple[str, str, int] | None = None
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
            self._flush()
            yield from self._pause(round(ahead_s * SAMPLE_RATE))
            self._due_s = at_s + length_s
        elif ahead_s < -MAX_OFF_S:
            self._skip += round(min(-ahead_s, length_s) * SAMPLE_RATE)
            self._due_s = max(self._due_s, at_s + length_s)
        else:
            self._due_s += length_s
        self._resample(frame)
        yield from self._blocks()

    def end(self) -> Iterator[AudioBlock]:
        """The rest, of which the last block may be shorter."""
        self._flush()
        yield from self._blocks(least=1)

    def _resample(self, frame: Any) -> None:
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if found != self._format:
            self._flush()
            self._format = found
        if self._resampler is None:
            layout = "stereo" if self._channels == _STEREO else "mono"
            self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=SAMPLE_RATE)
        frame.pts = None  # times are kept here
        self._add(self._resampler.resample(frame))

    def _flush(self) -> None:
        if self._resampler is not None:
            self._add(self._resampler.resample(None))
            self._resampler = None

    def _add(self, frames: list[Any]) -> None:
        for frame in frames:
            if frame is None:
                continue
            samples = frame.to_ndarray().astype(np.float32, copy=False)
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
