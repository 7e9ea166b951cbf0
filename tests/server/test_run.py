"""The relay as a process: what it takes over, and how it ends."""

from __future__ import annotations

import asyncio
import signal
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from relay_widget.server.run import DEFAULT_PORT, IdleTimer, ServeSettings, _ports, _url
from relay_widget.server.runtime_file import Previous
from tests.relay_process import END_TIMEOUT_S, RelayProcess

from .clients import Client

if TYPE_CHECKING:
    from pathlib import Path


def test_which_ports_are_tried(tmp_path: Path) -> None:
    managed = ServeSettings(runtime_file=tmp_path / "relay.json")
    assert _ports(ServeSettings(), None) == [DEFAULT_PORT]
    assert _ports(ServeSettings(port=0), None) == [0]
    assert _ports(managed, None) == [0]
    assert _ports(managed, Previous(4321, "s")) == [4321, 0]
    assert _ports(ServeSettings(port=5, runtime_file=tmp_path), Previous(4321, "s")) == [5]


def test_addresses() -> None:
    assert _url("127.0.0.1", 80) == "http://127.0.0.1:80"
    assert _url("::1", 80) == "http://[::1]:80"
    assert _url("0.0.0.0", 80) == "http://127.0.0.1:80"  # noqa: S104


async def test_idle_means_nobody_for_a_while() -> None:
    ended = asyncio.Event()
    timer = IdleTimer(0.01, ended.set)
    timer.connections(0)
    timer.connections(1)
    timer.connections(2)
    assert timer._timer is None
    timer.connections(0)
    await asyncio.wait_for(ended.wait(), 10)
    never = IdleTimer(None, ended.set)
    never.connections(0)
    assert never._timer is None


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    with RelayProcess() as relay:
        assert stat.S_IMODE(relay.runtime_file.stat().st_mode) == 0o600
        assert relay.end(number) == 0
        assert relay.record() is None
        assert relay.log == ""


@pytest.mark.process
async def test_it_ends_cleanly_under_its_clients() -> None:
    with RelayProcess() as relay:
        async with Client() as websocket, Client() as polling:
            await websocket.connect(relay.url, relay.auth())
            await polling.connect(relay.url, relay.auth(), ("polling",))
            await websocket.join("lab")
            await polling.join("lab")
            assert await asyncio.to_thread(relay.end) == 0
            await websocket.next("disconnect")
        assert relay.record() is None
        assert relay.log == ""


@pytest.mark.process
async def test_it_ends_by_itself_when_nobody_is_left() -> None:
    with RelayProcess(("--idle-timeout", "1")) as relay:
        async with Client() as client:
            await client.connect(relay.url, relay.auth())
            await client.join("lab")
        assert await asyncio.to_thread(relay.process.wait, END_TIMEOUT_S) == 0
        assert relay.record() is None
        assert relay.log == ""


@pytest.mark.process
async def test_after_a_crash_the_next_takes_over_port_secret_and_peers() -> None:
    with RelayProcess() as relay:
        async with Client() as client:
            await client.connect(relay.url, relay.auth())
            ack = await client.join("lab")
            before = relay.record()
            relay.kill()
            await client.next("disconnect")
        assert relay.record() == before
        await asyncio.to_thread(relay.start)
        after = relay.record()
        assert before is not None
        assert after is not None
        assert (after["port"], after["secret"]) == (before["port"], before["secret"])
        assert after["instance"] != before["instance"]
        async with Client() as client:
            await client.connect(relay.url, {"token": ack["resume"], "protocol": 1})
            assert (await client.join("lab"))["peer"] == ack["peer"]


@pytest.mark.process
def test_a_port_that_was_taken_meanwhile_is_another_ones() -> None:
    with RelayProcess() as relay:
        before = relay.record()
        assert before is not None
        relay.kill()
        with socket.create_server(("127.0.0.1", before["port"])):
            relay.start()
            after = relay.record()
        assert after is not None
        assert after["port"] != before["port"]
        assert after["secret"] == before["secret"]


@pytest.mark.process
def test_it_leaves_another_relays_file_alone() -> None:
    with RelayProcess() as relay:
        text = relay.runtime_file.read_text()
        record = relay.record()
        assert record is not None
        relay.runtime_file.write_text(text.replace(record["instance"], "another"))
        assert relay.end() == 0
        assert relay.record() is not None


async def test_delivery_is_not_delayed_by_the_network_stack() -> None:
    # aiohttp sets it on every connection; without it small chunks would wait for acknowledgements.
    from aiohttp import web  # noqa: PLC0415

    seen: list[int] = []

    async def page(request: web.Request) -> web.Response:
        assert request.transport is not None
        sock = request.transport.get_extra_info("socket")
        seen.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return web.Response()

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
    await reader.read()
    writer.close()
    await runner.cleanup()
    assert seen == [1]
