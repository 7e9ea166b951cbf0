"""Clips made here, as files."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from relay_widget.media.pattern import Pattern

if TYPE_CHECKING:
    from pathlib import Path


def make(
    path: Path, *, fps: Fraction | int = 30, size: tuple[int, int] = (320, 240), rate: int = 0, seconds: float = 0.5
) -> Path:
    """A pattern, with a tone of 440 Hz if there is a `rate`; no width for sound alone."""
    pattern = Pattern(*(size if size[0] else (320, 240)))
    with av.open(str(path), "w") as container:
        video: Any = None
        audio: Any = None
        if size[0]:
            video = container.add_stream("libvpx", rate=Fraction(fps))
            video.width, video.height = size
            video.pix_fmt = "yuv420p"
            video.options = {"deadline": "realtime", "lag-in-frames": "0", "crf": "10"}
        if rate:
            audio = container.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=rate, layout="mono")
        if video:
            for number in range(int(fps * seconds)):
                container.mux(video.encode(av.VideoFrame.from_ndarray(pattern.picture(number), format="rgb24")))
            container.mux(video.encode(None))
        if audio:
            sound = np.sin(np.arange(int(rate * seconds)) * (2 * np.pi * 440 / rate)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(0.25 * sound[np.newaxis], format="fltp", layout="mono")
            frame.sample_rate = rate
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path
