"""What the relay puts off for a moment, for who does not read at once: it comes, and in its order."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from relay_widget.core.room import MAX_AT_ONCE
from relay_widget.server import adapter, frames
from tests.core.media import header

from .clients import Client, relay_in_this_process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

TRACK = {"track": "camera", "mimeType": "video/webm;codecs=vp8"}


@asynccontextmanager
async def crowd(url: str, room: str) -> AsyncIterator[tuple[Client, list[Client]]]:
    """One that publishes, and so many others that what they are not just sent is put off: the beginning of a track."""
    async with AsyncExitStack() as stack:
        ada, *others = [await stack.enter_async_context(Client()) for _ in range(MAX_AT_ONCE + 2)]
        for client in (ada, *others):
            await client.connect(url)
            await client.join(room)
        assert (await ada.ask("publish", TRACK))["ok"]
        yield ada, others


async def test_it_comes_by_itself(room: str) -> None:
    async with relay_in_this_process() as url, crowd(url, room) as (ada, others):
        await ada.tell("media-chunk", header("init"), b"init")
        for other in others:
            assert (await other.next("media-chunk"))[1] == b"init"


async def test_it_comes_before_anything_else_is_heard(monkeypatch: pytest.MonkeyPatch, room: str) -> None:
    monkeypatch.setattr(adapter, "_PAUSE_S", 3600)
    async with relay_in_this_process() as url, crowd(url, room) as (ada, (bob, *others)):
        await ada.tell("media-chunk", header("init"), b"init")
        await ada.tell("media-chunk", header("key"), b"key")
        await bob.close()  # what is put off is for him too
        await ada.tell("media-chunk", header("delta", number=1), b"delta")
        await ada.ask("unpublish", {"track": "camera"})
        for other in others:
            for data in (b"init", b"key", b"delta"):
                assert (await other.next("media-chunk"))[1] == data
            assert await other.next("track-unpublished")


async def test_what_fails_then_is_logged_and_harms_no_other_event(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, room: str
) -> None:
    monkeypatch.setattr(adapter, "_PAUSE_S", 3600)
    async with relay_in_this_process() as url, crowd(url, room) as (ada, others):
        await ada.tell("media-chunk", header("init"), b"init")
        assert (await ada.ask("clock", 1))["ok"]
        with monkeypatch.context() as patch:
            patch.setattr(frames, "media", None)
            await ada.tell("media-chunk", header("key"), b"key")
            assert (await others[0].ask("clock", 1))["ok"]
    assert "what media lead to failed" in caplog.messages
