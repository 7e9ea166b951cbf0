from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from relay_widget.server.pulse import PULSE_S, Pulse

from .clients import TIMEOUT_S

if TYPE_CHECKING:
    import pytest


async def test_a_beat_that_fails_is_logged_and_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    beats, third = 0, asyncio.Event()

    def end_stalled(within_s: float) -> None:
        nonlocal beats
        assert within_s == PULSE_S
        beats += 1
        if beats == 1:
            raise RuntimeError
        if beats == 3:
            third.set()

    pulse = Pulse(
        lambda: (), lambda _: None, 1, on_lag=lambda _: None, end_stalled=end_stalled, free_memory=lambda: None
    )
    task = asyncio.create_task(pulse.run())
    async with asyncio.timeout(TIMEOUT_S):
        await third.wait()
    task.cancel()
    assert [record.message for record in caplog.records] == ["a beat of the relay failed"]
