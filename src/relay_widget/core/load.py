"""How full a subscriber's queue is, and what that means for what comes next: video gives way long before sound.

A queue is bounded in bytes and in time. Time is what a viewer feels: half a second of waiting is as much on 300
kbit/s as on 10 Mbit/s, while the bytes differ thirtyfold.
"""

from __future__ import annotations

from typing import Literal

from relay_widget.protocol import MAX_AUDIO_QUEUE_BYTES, MAX_AUDIO_WAIT_MS, MAX_QUEUE_BYTES, MAX_VIDEO_WAIT_MS

RESUME_SHARE = 0.25
"""A track that was dropped resumes when no more than this share of its bounds waits: what is shown then is fresh,
and it does not have to be dropped again at once."""

Load = Literal["free", "busy", "full"]
"""``full``: over a bound, objects are dropped. ``busy``: what flows goes on, what was dropped does not resume."""


def max_wait_ms(*, audio: bool) -> float:
    """How long an object may be made to wait, of an audio-only track or any other."""
    return MAX_AUDIO_WAIT_MS if audio else MAX_VIDEO_WAIT_MS


def load_of(queued_bytes: float, wait_ms: float, *, audio: bool) -> Load:
    """The load of a queue for an object of an audio-only track, or of any other.

    Args:
        queued_bytes: What would go out before it.
        wait_ms: How long that takes.
        audio: Whether its track is audio only.
    """
    used = max(
        queued_bytes / (MAX_AUDIO_QUEUE_BYTES if audio else MAX_QUEUE_BYTES),
        wait_ms / max_wait_ms(audio=audio),
    )
    if used > 1:
        return "full"
    return "busy" if used > RESUME_SHARE else "free"
