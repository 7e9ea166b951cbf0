"""A client that is slow, but reads, is not taken for gone: a ping comes to it behind what waits."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from tests.core.media import header
from tests.relay_process import RelayProcess

from .clients import TIMEOUT_S, Client, RawClient

pytestmark = pytest.mark.process

SLOW_BYTES_PER_S = 100_000
PING_S, PONG_S = 2, 2


async def test_who_reads_slowly_outlives_its_pings() -> None:
    with RelayProcess(("--max-ping-s", str(PING_S), "--max-pong-s", str(PONG_S))) as relay:
        slow = await RawClient().connect(relay.url, receive_buffer_bytes=4096)
        await slow.join(relay.auth(), "lab")
        async with Client() as ada, asyncio.timeout(3 * TIMEOUT_S), asyncio.TaskGroup() as tasks:
            await ada.connect(relay.url, relay.auth())
            await ada.join("lab")
            await ada.ask("publish", {"track": "mic", "mimeType": "audio/webm", "video": False})
            await ada.ask("media-chunk", header("init", track="mic"), b"i")
            reporting = tasks.create_task(speak_up(slow))
            await slow.until(lambda data: data == b"2")
            await slow.send("3")
            speaking = tasks.create_task(speak(ada))
            begun_s = ponged_s = time.monotonic()
            late, read_bytes = 0, 0
            while late < 2:
                _, payload = await slow.frame()
                read_bytes += len(payload)
                await asyncio.sleep(max(0.0, begun_s + read_bytes / SLOW_BYTES_PER_S - time.monotonic()))
                if payload == b"2":
                    await slow.send("3")
                    since_s, ponged_s = time.monotonic() - ponged_s, time.monotonic()
                    late += since_s > PING_S + PONG_S  # so long nobody may take who has nothing waiting
            speaking.cancel()
            reporting.cancel()
        await slow.close()


async def speak(client: Client) -> None:
    """Publish three seconds' worth of what the slow one reads at once, and then as much as it reads."""
    due_s = time.monotonic() - 3
    for group in itertools.count():
        await client.tell("media-chunk", header("key", group=group, track="mic"), bytes(SLOW_BYTES_PER_S // 10))
        due_s += 0.1
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))


async def speak_up(client: RawClient) -> None:
    """Say something now and then, as receivers do: who says nothing for long is taken for gone."""
    while True:
        await client.send('42["report",{}]')
        await asyncio.sleep(0.3)
