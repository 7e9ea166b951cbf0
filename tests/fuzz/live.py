"""Clients that misbehave at a real relay, over WebSockets and long polling, beside two that do not.

Each comes, says well-formed and broken things in any order, reads or does not, and goes with or without a word. The two
exchange numbered chunks all the time: none may be lost or out of order.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

from relay_widget.protocol import Event
from tests.core.operations import ODD
from tests.server.clients import Client, RawClient

if TYPE_CHECKING:
    from tests.relay_process import RelayProcess

HOSTILE_CLIENTS = 12
CHUNK_INTERVAL_S = 0.05
ANSWER_TIMEOUT_S = 10
LOST_AFTER_S = 20
CODE = re.compile(rb'"code":\s*"([a-z-]+)"')
ROOM = "the two"
ROOMS = ("fuzz-1", "fuzz-2", ROOM)
EVENTS = (*tuple(Event)[:17], "connect", "disconnect", "client-event", "nothing")
PIECES = ('"', "[", "]", "{", "}", ",", "\\ud800", "\x00", "\x1e", "null", "1e999", "-", "²", "\U0001f600", "9" * 400)
PACKETS = (
    "",
    "0",
    "1",
    "2",
    "2probe",
    "3",
    "5",
    "6",
    "40",
    "41",
    "40/other,",
    "4null",
    "4 [",
    "45",
    "451-",
    "46",
    "44{}",
)
HEADERS = (
    "Origin: https://evil.example",
    "Host: evil.example",
    "Sec-WebSocket-Extensions: permessage-deflate",
    "X-Forwarded-For: 10.0.0.1",
    "Cookie: " + "x" * 5000,
)


class Live:
    """A live run against this relay."""

    def __init__(self, relay: RelayProcess, seed: int) -> None:
        self._relay = relay
        self._random = Random(seed)  # noqa: S311 - stories, no secrets
        self.connections = 0
        self.messages = 0
        self.passed = 0
        self.codes: Counter[str] = Counter()
        tokens = [relay.auth(administers=("fuzz-*",)), relay.auth(), relay.auth("monitor"), relay.auth(publish=False)]
        self._auths: list[Any] = [
            *tokens,
            *tokens,
            relay.auth(peer="same"),
            {"token": "x", "protocol": 1},
            {},
            None,
            [1],
        ]

    async def run(self, until_s: float) -> None:
        """Until this time (monotonic), or the first thing that must not be."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._two_who_behave(until_s))
            group.create_task(self._health(until_s))
            for number in range(HOSTILE_CLIENTS):
                group.create_task(self._hostile(Random(self._random.random()), until_s, polls=number % 3 == 0))  # noqa: S311

    async def _two_who_behave(self, until_s: float) -> None:
        async with Client() as ada, Client() as bob:
            for client in (ada, bob):
                await client.connect(self._relay.url, self._relay.auth())
                await client.join(ROOM)
            assert (await ada.ask("publish", {"track": "camera", "mimeType": "video/webm"}))["ok"]
            label = {"track": "camera", "epoch": 1}
            await ada.tell("media-chunk", {**label, "group": 0, "object": 0, "type": "init"}, b"init")
            sending = asyncio.create_task(self._send(ada, label, until_s))
            data, numbered = b"", 0
            while data != b"end":
                async with asyncio.timeout(LOST_AFTER_S):
                    header, data = await bob.next("media-chunk")
                if header.get("track") == "camera" and header["type"] == "delta":
                    assert data in (b"ours %d" % numbered, b"end"), (data, numbered)
                    numbered += data != b"end"
                    self.passed = numbered
            assert numbered == await sending

    async def _send(self, ada: Client, label: dict[str, Any], until_s: float) -> int:
        """Groups of 20 numbered chunks, each after its key; how many."""
        number = 0
        while time.monotonic() < until_s or number % 20:
            group, place = divmod(number, 20)
            if place == 0:
                await ada.tell("media-chunk", {**label, "group": group, "object": 0, "type": "key"}, b"key")
            place_label = {**label, "group": group, "object": place + 1, "type": "delta"}
            await ada.tell("media-chunk", place_label, b"ours %d" % number)
            number += 1
            await asyncio.sleep(CHUNK_INTERVAL_S)
        end = {**label, "group": (number - 1) // 20, "object": 21, "type": "delta"}
        await ada.tell("media-chunk", end, b"end")
        return number

    async def _health(self, until_s: float) -> None:
        while time.monotonic() < until_s:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                status, _, _ = await asyncio.to_thread(self._relay.get, "/healthz")
            assert status == 200, status
            assert self._relay.process.poll() is None, "the relay has ended"
            await asyncio.sleep(1)

    async def _hostile(self, random: Random, until_s: float, *, polls: bool) -> None:
        while time.monotonic() < until_s:
            self.connections += 1
            # What the relay does to it is its own affair: being hung up on at any time, being refused, no answer.
            with contextlib.suppress(
                OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, ValueError, IndexError
            ):
                async with asyncio.timeout(random.choice((0.3, 1, 5))):
                    await (self._poll(random) if polls else self._websocket(random))

    async def _websocket(self, random: Random) -> None:
        client = RawClient()
        reading = None
        try:
            await client.connect(
                self._relay.url,
                headers=(random.choice(HEADERS),) if random.random() < 0.1 else (),
                receive_buffer_bytes=random.choice((0, 0, 4096)),
            )
            if random.random() < 0.85:
                reading = asyncio.create_task(self._listen(client))
            for text in self._story(random):
                self.messages += 1
                if random.random() < 0.03:
                    client.write(random.randbytes(random.randrange(40)))  # no frame
                await client.send(text)
                await asyncio.sleep(random.choice((0, 0, 0.001, 0.02)))
        finally:
            if reading is not None:
                reading.cancel()
            client.hang_up(abort=random.random() < 0.5)

    async def _listen(self, client: RawClient) -> None:
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            while True:
                self._note((await client.frame())[1])

    async def _poll(self, random: Random) -> None:
        status, body = await self._request("GET", "")
        if status != 200:
            return
        session = "&sid=" + json.loads(body[1:])["sid"]
        story = [text for text in self._story(random) if isinstance(text, str)]
        while story:
            count = random.randrange(1, 6)
            packets, story = story[:count], story[count:]
            self.messages += len(packets)
            await self._request("POST", session, "\x1e".join(packets), short=random.random() < 0.05)
            if random.random() < 0.5:
                self._note((await self._request("GET", session, abrupt=random.random() < 0.2))[1])
            if random.random() < 0.05:
                client = await RawClient().connect(self._relay.url, session=session.removeprefix("&sid="))
                for text in ("2probe", "5", *packets):
                    await client.send(text)
                client.hang_up(abort=random.random() < 0.5)

    async def _request(
        self, method: str, session: str, body: str = "", *, short: bool = False, abrupt: bool = False
    ) -> tuple[int, bytes]:
        host, _, port = self._relay.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            payload = body.encode(errors="replace")
            writer.write(
                f"{method} /socket.io/?EIO=4&transport=polling{session} HTTP/1.1\r\nHost: {host}:{port}\r\n"
                f"Connection: close\r\nContent-Length: {len(payload) + 9 * short}\r\n\r\n".encode()
                + payload
            )
            if short or abrupt:
                return 0, b""
            head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
            return int(head.split()[1]), answer
        finally:
            writer.transport.abort() if abrupt else writer.close()

    def _story(self, random: Random) -> list[str | bytes]:
        """What one of them says."""
        story: list[str | bytes] = []
        if random.random() < 0.9:
            story.append("40" + json.dumps(random.choice(self._auths)))
        counter = [0, 0, 0]
        if random.random() < 0.8:
            join = ["join", {"room": random.choice(ROOMS), "name": "Eve", "loopback": random.random() < 0.2}]
            story += [
                "421" + json.dumps(join),
                "422" + json.dumps(["publish", {"track": "t", "mimeType": "video/webm"}]),
            ]
        for _ in range(random.randrange(40)):
            story += self._message(random, counter)
        return [self._mutated(random, text) if random.random() < 0.1 else text for text in story]

    def _message(self, random: Random, counter: list[int]) -> list[str | bytes]:
        kind = random.random()
        if kind < 0.4:
            return _media(random, counter)
        if kind < 0.5:
            return [random.choice(PACKETS)] * random.choice((1, 1, 1, 50))
        if kind < 0.55:
            return [random.randbytes(random.choice((0, 1, 100, 70_000)))]
        name, ack = random.choice(EVENTS), random.choice(("", "7"))
        body = {
            field: random.choice((value, value, _odd(random)))
            for field, value in {
                "room": random.choice(ROOMS),
                "name": "Eve",
                "peer": "same",
                "track": "t",
                "mimeType": "audio/webm",
                "delay_ms": random.choice((0, 30)),
                "rate_kbps": random.choice((None, 100)),
                "token": "x",
            }.items()
        }
        args = random.choice(([body], [body], [], [_odd(random)], [1], [body, body], ["x" * 100_000]))
        return [f"42{ack}" + json.dumps([name, *args])]

    def _mutated(self, random: Random, text: str | bytes) -> str | bytes:
        if isinstance(text, bytes) or not text:
            return text
        at = random.randrange(len(text))
        return text[:at] + random.choice(PIECES) * random.choice((1, 1, 1, 2000)) + text[at + random.randrange(4) :]

    def _note(self, data: bytes) -> None:
        self.codes.update(code.decode() for code in CODE.findall(data))


def _media(random: Random, counter: list[int]) -> list[str | bytes]:
    kind = random.choice(("init", "key", "delta", "delta", "delta"))
    counter[0] += kind == "init"
    counter[1] += kind == "key"
    counter[2] = counter[2] + 1 if kind == "delta" else 0
    label = dict(zip(("epoch", "group", "object"), counter, strict=True))
    if random.random() < 0.1:
        label[random.choice(tuple(label))] = _odd(random)
    event = ["media-chunk", {"track": "t", "type": kind, **label}, {"_placeholder": True, "num": 0}]
    data = [bytes(random.choice((0, 1, 4000, 60_000)))] * random.choice((0, 1, 1, 1, 1, 1, 2))
    return ["451-" + json.dumps(event), *data]


def _odd(random: Random) -> Any:
    return random.choice([value for value in ODD if not isinstance(value, bytes)])
