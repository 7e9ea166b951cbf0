from __future__ import annotations

import pytest

from relay_widget.core.load import RESUME_SHARE, load_of, max_wait_ms
from relay_widget.protocol import MAX_AUDIO_QUEUE_BYTES, MAX_AUDIO_WAIT_MS, MAX_QUEUE_BYTES, MAX_VIDEO_WAIT_MS


@pytest.mark.parametrize(
    ("audio", "max_bytes", "max_ms"),
    [(False, MAX_QUEUE_BYTES, MAX_VIDEO_WAIT_MS), (True, MAX_AUDIO_QUEUE_BYTES, MAX_AUDIO_WAIT_MS)],
)
def test_either_bound_fills_a_queue(audio: bool, max_bytes: int, max_ms: int) -> None:
    assert max_wait_ms(audio=audio) == max_ms
    assert load_of(0, 0, audio=audio) == "free"
    assert load_of(max_bytes, max_ms, audio=audio) == "busy"
    assert load_of(max_bytes + 1, 0, audio=audio) == "full"
    assert load_of(0, max_ms + 1, audio=audio) == "full"
    assert load_of(RESUME_SHARE * max_bytes, RESUME_SHARE * max_ms, audio=audio) == "free"
    assert load_of(RESUME_SHARE * max_bytes + 1, 0, audio=audio) == "busy"


def test_what_is_too_much_for_video_is_nothing_for_sound() -> None:
    assert load_of(0, 2 * MAX_VIDEO_WAIT_MS, audio=True) == "free"
    assert load_of(MAX_QUEUE_BYTES + 1, 0, audio=True) != "full"
