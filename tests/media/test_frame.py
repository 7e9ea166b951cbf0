from __future__ import annotations

import av
import numpy as np

from relay_widget.media.frame import AudioBlock, VideoFrame
from relay_widget.media.presentation import AS_DECODED, Presentation

PIXELS = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


def frame(presentation: Presentation = AS_DECODED) -> VideoFrame:
    native = av.VideoFrame.from_ndarray(PIXELS, format="rgb24")
    return VideoFrame(native, media_ms=40, presentation=presentation)


def test_a_picture_is_an_array_and_an_image() -> None:
    assert frame().rgb.dtype == np.uint8
    assert np.array_equal(frame().rgb, PIXELS)
    assert np.array_equal(np.asarray(frame()), PIXELS)
    assert np.asarray(frame(), dtype=np.float32).dtype == np.float32
    assert np.array_equal(np.asarray(frame().image()), PIXELS)
    assert (frame().width, frame().height) == (4, 5)


def test_a_picture_that_was_taken_sideways_is_upright() -> None:
    turned = frame(Presentation(transposed=True, flip_y=True))
    assert (turned.width, turned.height) == (5, 4)
    assert np.array_equal(turned.rgb, np.rot90(PIXELS))


def test_it_says_the_same_each_time() -> None:
    assert repr(frame()) == "VideoFrame(4x5)"
    block = AudioBlock(np.zeros((2, 480), np.float32), 0)
    assert repr(block) == "AudioBlock(2x480 samples at 48000 Hz)"
    assert (block.channels, block.duration_ms) == (2, 10)
