from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from relay_widget.protocol import MAX_BACKLOG_BYTES
from relay_widget.server import frames
from relay_widget.server.fanout import Fanout, Outlet, abort

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def message(text: str, data: bytes | None = None) -> frames.Message:
    return frames.Message(text.encode(), data)


@contextlib.asynccontextmanager
async def connection() -> AsyncIterator[tuple[asyncio.Transport, socket.socket]]:
    """A real transport, and the socket at its other end, which nobody reads."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    try:
        yield transport, theirs
    finally:
        abort(transport)
        theirs.close()


def outlet(queue: asyncio.Queue[object], *, upgraded: bool) -> Outlet:
    return Outlet(queue, upgraded=upgraded, on_overflow=lambda: pytest.fail("it was given up"))


async def test_it_holds_until_it_is_opened_and_keeps_the_order() -> None:
    async with connection() as (transport, theirs):
        out = outlet(asyncio.Queue(), upgraded=True)
        first, second = message("a"), message("b", b"bytes")
        out.send(first)
        assert out.queued_bytes() == 1
        out.open(transport)
        out.send(second)
        received = await asyncio.get_running_loop().sock_recv(theirs, 1000)
        assert received == first.frames + second.frames


async def test_polling_goes_through_the_queue_and_is_counted() -> None:
    queue: asyncio.Queue[object] = asyncio.Queue()
    out = outlet(queue, upgraded=False)
    out.send(message("text", b"12345"))
    out.send(message("more"))
    assert queue.qsize() == 3
    assert out.queued_bytes() == 13
    queue.get_nowait()
    queue.get_nowait()
    assert out.queued_bytes() == 4
    queue.get_nowait()
    assert out.queued_bytes() == 0


async def test_on_its_way_to_a_websocket_it_holds() -> None:
    queue: asyncio.Queue[object] = asyncio.Queue()
    async with connection() as (transport, theirs):
        out = outlet(queue, upgraded=False)
        out.send(message("by poll"))
        out.hold()
        later = message("by websocket")
        out.send(later)
        assert queue.qsize() == 1
        out.open(transport)
        out.hold()  # too late to matter
        out.send(later)
        received = await asyncio.get_running_loop().sock_recv(theirs, 1000)
        assert received == later.frames * 2


@pytest.mark.parametrize("upgraded", [False, True])
async def test_who_never_reads_is_given_up(upgraded: bool) -> None:
    overflows: list[int] = []
    queue: asyncio.Queue[object] = asyncio.Queue()
    out = Outlet(queue, upgraded=upgraded, on_overflow=lambda: overflows.append(1))
    block = message("x", bytes(1_000_000))
    for _ in range(MAX_BACKLOG_BYTES // 1_000_000 + 5):
        out.send(block)
    assert overflows == [1]
    assert queue.qsize() <= 2 * (MAX_BACKLOG_BYTES // 1_000_000 + 1)


async def test_a_transport_that_does_not_drain_is_given_up() -> None:
    overflows: list[int] = []
    async with connection() as (transport, _):
        out = Outlet(asyncio.Queue(), upgraded=True, on_overflow=lambda: overflows.append(1))
        out.open(transport)
        block = message("x", bytes(1_000_000))
        for _ in range(MAX_BACKLOG_BYTES // 1_000_000 + 5):
            out.send(block)
        assert overflows == [1]
        assert out.queued_bytes() <= MAX_BACKLOG_BYTES + 2 * block.size_bytes


async def test_a_transport_that_has_ended_by_itself_is_aborted_without_a_word() -> None:
    async with connection() as (transport, theirs):
        transport.write(bytes(1_000_000))  # more than the system takes, so that it closes late
        transport.close()
        while transport.get_extra_info("socket").fileno() >= 0:
            with contextlib.suppress(BlockingIOError):
                theirs.recv(1 << 20)
            await asyncio.sleep(0)
        abort(transport)


async def test_a_closed_transport_is_no_error() -> None:
    async with connection() as (transport, _):
        out = outlet(asyncio.Queue(), upgraded=True)
        out.open(transport)
        transport.abort()
        out.send(message("x"))
        out.close()
        out.send(message("x"))
        assert transport.get_write_buffer_size() == 0


async def test_what_a_socket_takes_in_parts_comes_whole_and_in_order() -> None:
    async with connection() as (transport, theirs):
        fanout = Fanout()
        out = outlet(asyncio.Queue(), upgraded=True)
        fanout.add("slow", "session", out)
        out.open(transport)
        fanout.queued_bytes("slow")
        sent = [message(f"{number}", bytes([number]) * 100_000) for number in range(20)]
        for number, one in enumerate(sent):
            if number == 10:  # a frame of Engine.IO's own between them
                transport.write(b"ping")
            fanout.send(("slow",), one)
        assert "slow" in fanout.busy
        wanted = b"".join(one.frames for one in sent[:10]) + b"ping" + b"".join(one.frames for one in sent[10:])
        received = b""
        while len(received) < len(wanted):
            received += await asyncio.get_running_loop().sock_recv(theirs, 1 << 20)
        assert received == wanted
        assert fanout.queued_bytes("slow") == 0
        assert "slow" not in fanout.busy
        fanout.send(("slow",), message("last"))
        assert await asyncio.get_running_loop().sock_recv(theirs, 100) == message("last").frames
        assert "slow" not in fanout.busy


async def test_who_has_gone_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with connection() as (transport, theirs):
        fanout = Fanout()
        out = outlet(asyncio.Queue(), upgraded=True)
        fanout.add("gone", "session", out)
        out.open(transport)
        theirs.close()
        for _ in range(20):
            fanout.send(("gone",), message("x"))
        assert transport.is_closing()
        await asyncio.sleep(0)  # its descriptor is free, and may be another's from here on
        assert transport.get_extra_info("socket").fileno() == -1
        fanout.send(("gone",), message("x"))
    assert not caplog.records


async def test_the_fanout_finds_outlets_by_connection_and_session() -> None:
    fanout = Fanout()
    queue: asyncio.Queue[object] = asyncio.Queue()
    out = outlet(queue, upgraded=False)
    fanout.add("connection", "session", out)
    assert fanout.of_session("session") is out
    fanout.send(("connection", "gone"), message("x"))
    assert queue.qsize() == 1
    assert fanout.queued_bytes("connection") == 1
    assert fanout.queued_bytes("gone") == 0
    assert len(fanout) == 1
    fanout.remove("connection")
    fanout.remove("connection")
    assert fanout.of_session("session") is None
    assert len(fanout) == 0
    out.send(message("x"))
    assert queue.qsize() == 1
