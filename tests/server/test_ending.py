"""How a relay ends while there are clients: it says so, waits a moment, and goes."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING

import pytest

from relay_widget.cli import SECRET_VARIABLE
from relay_widget.protocol import RECONNECT_SPREAD_MS
from tests.machine import free_port
from tests.relay_process import END_TIMEOUT_S, RelayProcess
from tests.waiting import wait_until

from .clients import TIMEOUT_S, Client, JsClient, RawClient, read_metrics

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process

LONG = ("--grace", "600")
HANDSHAKE = "/socket.io/?EIO=4&transport=polling"


async def test_clients_are_told_and_closed_as_going_away() -> None:
    with RelayProcess(("--grace", "0.1")) as relay:
        raw = await RawClient().connect(relay.url)
        await raw.join(relay.auth(), "lab")
        relay.process.send_signal(signal.SIGTERM)
        told = await raw.until(lambda data: data.startswith(b'42["relay-ending"'))
        payload = json.loads(told[2:])[1]
        assert payload["message"].endswith(".")
        assert payload["reconnect_ms"] == RECONNECT_SPREAD_MS
        first, closing = await raw.frame()
        while first != 0x88:
            first, closing = await raw.frame()
        assert int.from_bytes(closing[:2], "big") == 1001
        await raw.ended()
        assert await asyncio.to_thread(relay.process.wait, END_TIMEOUT_S) == 0
        assert relay.log == ""
        await raw.close()


async def test_until_it_has_ended_it_carries_media_and_lets_nobody_in() -> None:
    with RelayProcess((*LONG, "--port", str(free_port()))) as relay:
        async with Client() as ada, Client() as bob:
            for client in (ada, bob):
                await client.connect(relay.url, relay.auth())
                await client.join("lab")
            relay.process.send_signal(signal.SIGTERM)
            await ada.next("relay-ending")
            await ada.tell("media-chunk", b"still here")
            assert (await bob.next("media-chunk"))[1] == b"still here"
            status, _, body = relay.get("/healthz")
            assert (status, json.loads(body)["status"]) == (503, "ending")
            status, headers, body = relay.get(HANDSHAKE)
            assert (status, json.loads(body)["code"]) == (503, "relay-ending")
            assert headers["Retry-After"] == "1"
            assert (await asyncio.to_thread(read_metrics, relay))["refusals_total relay-ending"] == 1
            assert relay.record() is None
        # And when the last has gone it does not wait for the rest of its time.
        assert await asyncio.to_thread(relay.process.wait, END_TIMEOUT_S) == 0
        assert relay.log == ""


async def test_the_next_relay_has_its_port_while_clients_are_still_there(tmp_path: Path) -> None:
    with RelayProcess(LONG, folder=tmp_path) as relay:
        ending, url = relay.process, relay.url
        async with Client() as ada, Client() as bob:
            await ada.connect(url, relay.auth())
            await ada.join("lab")
            ending.send_signal(signal.SIGTERM)
            await ada.next("relay-ending")
            await asyncio.to_thread(wait_until, lambda: relay.record() is None)
            await asyncio.to_thread(relay.start)
            assert relay.url == url
            await bob.connect(url, relay.auth())
            assert ending.poll() is None
        assert await asyncio.to_thread(ending.wait, END_TIMEOUT_S) == 0


async def test_a_client_on_long_polling_is_told_and_let_go() -> None:
    with RelayProcess(("--grace", "0.1")) as relay:
        async with Client() as ada:
            await ada.connect(relay.url, relay.auth(), ("polling",))
            await ada.join("lab")
            relay.process.send_signal(signal.SIGTERM)
            await ada.next("relay-ending")
            await ada.next("disconnect")
        assert await asyncio.to_thread(relay.process.wait, END_TIMEOUT_S) == 0
        assert relay.log == ""


async def test_who_does_not_read_does_not_hold_it_up() -> None:
    with RelayProcess(("--grace", "0.1")) as relay:
        raw = await RawClient().connect(relay.url, receive_buffer_bytes=4096)
        await raw.join(relay.auth(), "lab")
        async with Client() as ada:
            await ada.connect(relay.url, relay.auth())
            await ada.join("lab")
            for _ in range(20):
                await ada.tell("media-chunk", bytes(100_000))
            await ada.ask("clock", 1)
        assert await asyncio.to_thread(relay.end) == 0
        assert relay.log == ""
        await raw.close()


async def test_a_stock_client_comes_back_to_the_next_relay_at_the_same_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, "s" * 43)
    with RelayProcess(("--grace", "0.1")) as relay:
        port = relay.url.rpartition(":")[2]
        async with JsClient() as script:
            await script.connect(relay.url, auth=relay.auth(), reconnection=True)
            await script.next("connect")
            assert await asyncio.to_thread(relay.end) == 0
            await script.next("disconnect")
            relay.arguments = ("--port", port)
            await asyncio.to_thread(relay.start)
            async with asyncio.timeout(TIMEOUT_S):
                await script.next("connect")
            assert (await script.ask("join", {"room": "lab", "name": "Script"}))["ok"]
