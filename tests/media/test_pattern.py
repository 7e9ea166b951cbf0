from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from relay_widget.errors import InvalidValueError
from relay_widget.media.decode import TrackDecoder
from relay_widget.media.encode import VideoEncoder
from relay_widget.media.frame import VideoFrame
from relay_widget.media.pattern import STAMP_SPAN, Pattern, draw_stamp, read_stamp


@pytest.mark.parametrize("size", [(640, 480), (320, 240), (161, 121), (81, 61)])
def test_its_number_is_read_after_the_codec(size: tuple[int, int]) -> None:
    pattern = Pattern(*size, seed=3)
    encoder = VideoEncoder(fps=30)
    decoder = TrackDecoder(encoder.track)
    numbers = [*range(20), *(at * 279_620 % STAMP_SPAN for at in range(30))]
    read = [
        read_stamp(frame.rgb)
        for at, number in enumerate(numbers)
        for header, data in encoder.encode(pattern.picture(number), at * 33.3)
        for frame in decoder.decode(header, data)
        if isinstance(frame, VideoFrame)
    ]
    assert read == numbers


def test_the_seed_decides() -> None:
    def made(seed: int) -> tuple[bytes, bytes]:
        pattern = Pattern(320, 240, seed=seed)
        return pattern.picture(9).tobytes(), pattern.sound(9).samples.tobytes()

    assert made(1) == made(1)
    assert made(1)[0] != made(2)[0]


def test_the_tone_goes_on_without_a_click() -> None:
    pattern = Pattern(fps=29.97)
    sound = np.concatenate([pattern.sound(number).samples[0] for number in range(100)])
    at = np.arange(len(sound)) / 48_000
    assert np.allclose(sound, 0.2 * np.sin(2 * np.pi * pattern.pitch_hz * at), atol=1e-4)
    assert pattern.sound(30).media_ms == pytest.approx(30 * 1000 / 29.97, abs=0.02)


def test_no_number_where_there_is_none() -> None:
    picture: Any = np.full((90, 160, 3), 128, np.uint8)
    assert read_stamp(picture) is None
    draw_stamp(picture, STAMP_SPAN + 5)
    assert read_stamp(picture) == 5


def test_too_small_to_be_read() -> None:
    with pytest.raises(InvalidValueError, match="A pattern of 32x32 is too small"):
        Pattern(32, 32)
