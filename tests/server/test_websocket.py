"""The WebSocket as it is on the wire."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from .clients import Client, RawClient, read_metrics

if TYPE_CHECKING:
    from tests.relay_process import RelayProcess


async def test_nothing_is_compressed(relay: RelayProcess) -> None:
    client = await RawClient().connect(
        relay.url, headers=("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",)
    )
    assert client.response.startswith(b"HTTP/1.1 101")
    assert b"sec-websocket-extensions" not in client.response.lower()
    first, payload = await client.frame()
    assert first == 0x81  # whole, text, and no bit that says compressed
    assert payload.startswith(b"0{")
    await client.close()


@pytest.mark.parametrize(
    "text",
    ["", "x", "b!!!", "7", "4null", "4[[[[", "4" + "[" * 100_000, "4 " + "[" * 100_000, "2{", "3\t[", "4²", "\u00b2"],
    ids=lambda text: repr(text[:12]),
)
async def test_what_is_no_packet_ends_the_connection_in_order(relay: RelayProcess, room: str, text: str) -> None:
    async with Client() as other:
        await other.connect(relay.url, relay.auth())
        await other.join(room)
        client = await RawClient().connect(relay.url)
        await client.join(relay.auth(), room)
        await other.next("peer-joined")
        await client.send(text)
        await client.ended()
        [left] = await other.next("peer-left")
        assert left["reason"] == "lost"


@pytest.mark.parametrize(
    "text",
    [
        "4",
        "42",
        "42{}",
        "42[",
        "49",
        "43[]",
        "44{}",
        "450-[]",
        '451-["x"',
        '4599-["x"]',
        "42" + "[" * 50_000,
    ],
    ids=lambda text: text[:12],
)
async def test_what_is_no_event_is_answered_with_an_error(relay: RelayProcess, room: str, text: str) -> None:
    client = await RawClient().connect(relay.url)
    await client.join(relay.auth(), room)
    await client.send(text)
    answer = await client.until(lambda data: data.startswith(b'42["error"'))
    assert json.loads(answer[2:])[1]["code"] == "bad-message"
    await client.close()


async def test_bytes_that_belong_to_nothing(relay: RelayProcess, room: str) -> None:
    client = await RawClient().connect(relay.url)
    await client.join(relay.auth(), room)
    for data in (b"", b"bytes", b"4bytes"):
        await client.send(data)
    answer = await client.until(lambda data: data.startswith(b'42["error"'))
    assert json.loads(answer[2:])[1]["code"] == "bad-message"
    await client.close()


async def test_an_attachment_that_does_not_come(relay: RelayProcess, room: str) -> None:
    half = '451-["media-chunk",{"_placeholder":true,"num":0}]'
    async with Client() as other:
        await other.connect(relay.url, relay.auth())
        await other.join(room)
        client = await RawClient().connect(relay.url)
        await client.join(relay.auth(), room)
        await client.send(half)
        await client.send('421["join","elsewhere"]')  # taken for what was announced
        await client.send('422["clock",1]')
        answer = await client.until(lambda data: data.startswith(b"42"))
        assert json.loads(answer[2:])[1]["code"] == "bad-message"
        await client.until(lambda data: data.startswith(b'432[{"ok":true'))
        await client.send(half)
        await client.close()
        assert [(await other.next())[0] for _ in range(2)] == ["peer-joined", "peer-left"]


async def test_answers_wait_for_the_connect_answer(relay: RelayProcess, room: str) -> None:
    client = await RawClient().connect(relay.url)
    await client.send("40" + json.dumps(relay.auth()))
    await client.send('421["join","' + room + '"]')  # without waiting
    await client.until(lambda data: data.startswith(b"40{"))
    _, payload = await client.frame()
    assert payload.startswith(b"431[")
    await client.close()


async def test_before_connect_nothing_is_served(relay: RelayProcess, room: str) -> None:
    async with Client() as other:
        await other.connect(relay.url, relay.auth())
        await other.join(room)
        client = await RawClient().connect(relay.url)
        await client.frame()
        await client.send('421["join","' + room + '"]')
        await client.send('451-["media-chunk",{"_placeholder":true,"num":0}]')
        await client.send(b"x")
        await client.send("41")
        await client.send("40{}")
        _, payload = await client.frame()
        assert payload.startswith(b"44{")
        assert json.loads(payload[2:])["data"]["code"] == "bad-token"
        await client.close()
        await other.ask("clock", 1)
        assert other.arrived.empty()


async def test_a_session_has_one_websocket(relay: RelayProcess, room: str) -> None:
    _, _, body = relay.get("/socket.io/?EIO=4&transport=polling")
    session = json.loads(body[1:])["sid"]
    first = await RawClient().connect(relay.url, session=session)
    second = await RawClient().connect(relay.url, session=session)
    assert second.response.startswith(b"HTTP/1.1 400")
    refused = (await asyncio.to_thread(read_metrics, relay))["refusals_total bad-message"]
    await first.send("2probe")
    assert await first.frame() == (0x81, b"3probe")
    await first.send("5")
    await first.join(relay.auth(), room)
    third = await RawClient().connect(relay.url, session=session)
    assert third.response.startswith(b"HTTP/1.1 400")
    assert (await asyncio.to_thread(read_metrics, relay))["refusals_total bad-message"] == refused + 1
    for client in (first, second, third):
        await client.close()


async def test_who_goes_while_it_is_greeted_leaves_no_trace(relay: RelayProcess) -> None:
    host, _, port = relay.url.removeprefix("http://").partition(":")
    for _ in range(200):
        _, writer = await asyncio.open_connection(host, int(port))
        head = (
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        writer.write(head.encode())
        writer.transport.abort()
    assert await asyncio.to_thread(relay.get, "/healthz")
    assert relay.log == ""
