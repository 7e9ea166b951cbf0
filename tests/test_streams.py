from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from relay_widget.background import Background
from relay_widget.media.decode import TrackDecoder
from relay_widget.media.frame import VideoFrame
from relay_widget.protocol import MediaHeader, Track
from relay_widget.streams import Mailbox, Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_S = 60.0


def frame(number: int) -> VideoFrame:
    return VideoFrame(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24"), media_ms=number)


def taken(box: Mailbox[VideoFrame]) -> Iterator[float]:
    while (part := box.take()) is not None:
        yield part.media_ms


@pytest.mark.parametrize(
    ("burst_s", "numbers", "dropped"),
    [
        (LONG_S, [1, 2, 3], 2),  # a burst is taken whole, as far as there is room
        (0.0, [3], 4),  # what is older than that gives way to the newest
        (None, [1, 2, 3], 2),
    ],
)
def test_what_came_in_a_burst_and_what_is_old(burst_s: float | None, numbers: list[float], dropped: int) -> None:
    box = Mailbox(VideoFrame, 3, burst_s)
    for number in (-1, 0, 1, 2, 3):
        box.put(frame(number))
    time.sleep(0.01)
    box.end()
    assert list(taken(box)) == numbers
    assert box.dropped == dropped


async def test_a_poll_that_times_out_leaves_nothing_behind() -> None:
    box = Mailbox(VideoFrame, 3)
    for _ in range(100):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(box.take_async(), 0.0001)
    assert not box._waiting
    box.put(frame(1))
    part = await box.take_async()
    assert part is not None
    assert part.media_ms == 1


@pytest.mark.parametrize("raised", [MemoryError("no room"), SystemExit(3)])
def test_whatever_fails_in_decoding_ends_the_streams_of_it(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr(TrackDecoder, "decode", fail)
    ground = Background()
    box = Mailbox(VideoFrame, 3)
    try:
        receiver = Receiver(Track("video", "video/webm;codecs=vp8", audio=False), ground)
        receiver.listen((box,))
        receiver.feed(MediaHeader("video", 1, 0, 0, "init"), b"")
        with pytest.raises(type(raised)):
            box.take()
    finally:
        ground.stop()
