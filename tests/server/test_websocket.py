"""The WebSocket as it is on the wire."""

from __future__ import annotations

import asyncio
import itertools
import json
import time

import pytest

from tests.core.media import header
from tests.relay_process import RelayProcess

from .clients import TIMEOUT_S, Client, RawClient, read_metrics


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
