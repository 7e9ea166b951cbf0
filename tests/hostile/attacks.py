"""What attackers do, each for so many seconds: ``python -m tests.hostile.attacks NAME URL SECONDS TOKEN ROOM``.

A process of its own, so that only the relay is shared with those who are measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
import time
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from relay_widget.protocol import MAX_CONNECT_BYTES, MAX_GROUP_BYTES, MAX_TEXT_BYTES, PROTOCOL_VERSION
from tests.core.media import header
from tests.server.clients import RawClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

AT_ONCE = 2_000
EMPTY = bytes([0x80]) + bytes(4)  # the length and the mask of a frame without a payload
CHUNK_BYTES = 900_000


class Attacker:
    """Where it attacks, with what, and until when."""

    def __init__(self, url: str, seconds: float, token: str, room: str) -> None:
        self.url = url
        self.room = room
        self.auth = {"token": token, "protocol": PROTOCOL_VERSION}
        self._until_s = time.monotonic() + seconds

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self._until_s

    async def wait(self) -> None:
        """Do nothing more."""
        await asyncio.sleep(max(0.0, self._until_s - time.monotonic()))

    async def stranger(self) -> RawClient:
        """A WebSocket without a token."""
        return await RawClient().connect(self.url)

    async def participant(self, room: str = "attackers", name: str = "Eve", buffer_bytes: int = 0) -> RawClient:
        client = await RawClient().connect(self.url, receive_buffer_bytes=buffer_bytes)
        await client.join(self.auth, room, name)
        return client

    async def floods(self, client: RawClient, data: bytes) -> None:
        """Send this again and again, whatever comes back; anew on another connection when it is ended."""
        reading = asyncio.create_task(client.ended())
        with contextlib.suppress(ConnectionError):
            while self.goes_on and not reading.done():
                client.write(data)
                await client.drain()
        reading.cancel()


def text_frame(text: str) -> bytes:
    payload = text.encode()
    return bytes([0x81, 0x80 | 127]) + len(payload).to_bytes(8, "big") + bytes(4) + payload


def event(*words: object, ack: str = "") -> str:
    return f"42{ack}{json.dumps(list(words))}"


async def pings(attacker: Attacker) -> None:
    """Empty pings of a stranger."""
    await attacker.floods(await attacker.stranger(), (bytes([0x89]) + EMPTY) * AT_ONCE)


async def pongs(attacker: Attacker) -> None:
    """Empty pongs of a stranger."""
    await attacker.floods(await attacker.stranger(), (bytes([0x8A]) + EMPTY) * AT_ONCE)


async def fragments(attacker: Attacker) -> None:
    """A message of empty fragments that never ends."""
    client = await attacker.stranger()
    client.write(bytes([0x01]) + EMPTY)
    await attacker.floods(client, (bytes([0x00]) + EMPTY) * AT_ONCE)


async def participants_pings(attacker: Attacker) -> None:
    """The same of one who has been let in."""
    await attacker.floods(await attacker.participant(), (bytes([0x89]) + EMPTY) * AT_ONCE)


async def books_before_connect(attacker: Attacker) -> None:
    """Long text without CONNECT, on one connection after another."""
    while attacker.goes_on:
        await attacker.floods(await attacker.stranger(), text_frame(event("x", "y" * 1_000_000)))


async def long_tokens(attacker: Attacker) -> None:
    """CONNECTs whose tokens are as long as they may be, nested and not."""
    for number in itertools.count():
        if not attacker.goes_on:
            return
        token = ("[" if number % 2 else "x") * (MAX_CONNECT_BYTES - 100)
        client = await attacker.stranger()
        with contextlib.suppress(ConnectionError):
            await client.send("40" + json.dumps({"protocol": PROTOCOL_VERSION, "token": token}))
            await client.frame()
        client.hang_up(abort=True)


async def books(attacker: Attacker) -> None:
    """Events as long as they may be."""
    await attacker.floods(await attacker.participant(), text_frame(event("nothing", "y" * (MAX_TEXT_BYTES - 100))))


async def reports(attacker: Attacker) -> None:
    """Reports about people who are not there, as long as they may be, and asking for them again and again."""
    figures = {f"figure_{number}": 0.1 for number in range(35)}
    absent = {f"nobody{number}": figures for number in range(100)}
    said = text_frame(event("report", {"peers": absent, "sent": {}}))
    asked = text_frame(event("watch", {"room": "attackers", "reports": True}, ack="1")) * 20
    await attacker.floods(await attacker.participant(), said + asked)


async def watching(attacker: Attacker) -> None:
    """Asking for the state of the largest room again and again."""
    asked = text_frame(event("watch", {"room": attacker.room, "reports": True}, ack="1"))
    await attacker.floods(await attacker.participant(), asked * 100)


async def renewals(attacker: Attacker) -> None:
    """Renewing with what is no token."""
    odd: list[Any] = [None, 7, [[]], {"a": {}}, "x", "a.b.c", "é" * 500]
    await attacker.floods(
        await attacker.participant(), b"".join(text_frame(event("renew", {"token": one})) for one in odd) * 20
    )


async def compressed(attacker: Attacker) -> None:
    """A megabyte that unpacks to a gigabyte, ten times a second, to every path."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([deflate.compress(bytes(10**6)) for _ in range(1000)] + [deflate.flush()])
    parts = urlsplit(attacker.url)
    for path in itertools.cycle(("/", "/healthz", "/join", "/socket.io/?EIO=4&transport=polling")):
        if not attacker.goes_on:
            return
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Encoding: gzip\r\n"
        writer.write(f"{head}Content-Length: {len(bomb)}\r\nConnection: close\r\n\r\n".encode() + bomb)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        await asyncio.sleep(0.1)


async def headers(attacker: Attacker) -> None:
    """Requests that are none, with long lines and tokens in them."""
    parts = urlsplit(attacker.url)
    token = attacker.auth["token"]
    lines = [f"GET /?token={token} HTTP/9.9", f"Cookie\x00: {token}" + "x" * 7600, "\x01" * 7000]
    for line in itertools.cycle(lines):
        if not attacker.goes_on:
            return
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(f"GET / HTTP/1.1\r\n{line}\r\n\r\n".encode("latin-1"))
        with contextlib.suppress(ConnectionError):
            await reader.read(100)
        writer.close()


async def idle_groups(attacker: Attacker) -> None:
    """Twelve who fill four groups each, and stay."""

    async def fill(number: int) -> None:
        client = await attacker.participant(f"attackers {number}")
        reading = asyncio.create_task(client.ended())
        with contextlib.suppress(ConnectionError):
            for track in "abcd":
                await client.send(event("publish", {"track": track, "mimeType": "video/webm"}))
                objects = [header("init", track=track)]
                objects += [
                    header("delta" if number else "key", track=track, number=number)
                    for number in range(MAX_GROUP_BYTES // CHUNK_BYTES)
                ]
                for label in objects:
                    await client.send(f"451-{json.dumps(['media-chunk', label, {'_placeholder': True, 'num': 0}])}")
                    await client.send(b"i" if label["type"] == "init" else bytes(CHUNK_BYTES))
                    await asyncio.sleep(0.25)  # below what a peer may send
        await attacker.wait()
        reading.cancel()

    await asyncio.gather(*map(fill, range(12)))


async def connections(attacker: Attacker) -> None:
    """Connections that are opened and left, as fast as it goes."""
    while attacker.goes_on:
        clients = await asyncio.gather(*(attacker.stranger() for _ in range(20)), return_exceptions=True)
        for client in clients:
            if isinstance(client, RawClient):
                client.hang_up(abort=True)


async def deaf(attacker: Attacker) -> None:
    """Twenty who join the largest room and read nothing."""
    await asyncio.gather(*(attacker.participant(attacker.room, f"Deaf {one}", 4096) for one in range(20)))
    await attacker.wait()


ATTACKS: dict[str, Callable[[Attacker], Awaitable[None]]] = {
    one.__name__.replace("_", "-"): one
    for one in (
        pings, pongs, fragments, participants_pings, books_before_connect, long_tokens, books, reports, watching,
        renewals, compressed, headers, idle_groups, connections, deaf,
    )
}  # fmt: skip


def main(name: str, url: str, seconds: str, token: str, room: str) -> None:
    attacker = Attacker(url, float(seconds), token, room)

    async def attack() -> None:
        while attacker.goes_on:  # who is ended comes again
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                await ATTACKS[name](attacker)

    asyncio.run(attack())


if __name__ == "__main__":
    main(*sys.argv[1:])
