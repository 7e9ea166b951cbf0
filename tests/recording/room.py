"""A room with participants in it, to be recorded."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from msgspec import structs

from relay_widget.client import RelayClient

from .media import browser_objects, browser_track

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from relay_widget.recording.format import ObjectReceived

TIMEOUT_S = 20


@asynccontextmanager
async def participant(url: str, name: str = "Ada", room: str = "lab") -> AsyncIterator[RelayClient]:
    client = RelayClient(room, name, url=url)
    await client.connect()
    try:
        yield client
    finally:
        await client.close()


async def send(
    client: RelayClient, name: str = "vp8-canvas", pause_s: float = 0.005, epoch: int = 1
) -> list[ObjectReceived]:
    """Publish what a browser recorded; the objects, as they were sent."""
    await client.publish(browser_track(name))
    objects = []
    for item in browser_objects(name):
        header = structs.replace(item.header, captured_ms=client.now_ms(), epoch=epoch)
        assert client.send(header, item.data)
        objects.append(item._replace(header=header))
        await asyncio.sleep(pause_s)
    return objects


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():  # noqa: ASYNC110 - conditions of all kinds
            await asyncio.sleep(0.01)
