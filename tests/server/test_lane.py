"""The short way of media into the relay: nobody can tell it from the long one."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from relay_widget.protocol import MediaHeader, parse_header
from relay_widget.server import lane
from relay_widget.server.adapter import Adapter

from .clients import Client, RawClient, relay_in_this_process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.relay_process import RelayProcess

TEXT, BINARY, MORE, PING, PONG, CLOSE = 0x81, 0x82, 0x80, 0x89, 0x8A, 0x88
NESTED = b'451-["media-chunk",{"more":' + b"[" * 9000 + b"]" * 9000 + b'},{"_placeholder":true,"num":0}]'
TRACK = {"track": "camera", "mimeType": "video/webm;codecs=vp8"}


def label(kind: str, number: int = 0, **more: Any) -> dict[str, Any]:
    return {"track": "camera", "epoch": 1, "group": 1, "object": number, "type": kind, **more}


def chunk(header: dict[str, Any], ack: str = "") -> bytes:
    return f"451-{ack}".encode() + json.dumps(["media-chunk", header, {"_placeholder": True, "num": 0}]).encode()


def event(ack: int, name: str, *args: Any) -> bytes:
    return f"42{ack}{json.dumps([name, *args])}".encode()


@asynccontextmanager
async def publishing(relay: RelayProcess, room: str) -> AsyncIterator[tuple[RawClient, Client]]:
    """One that publishes a track by hand, and one that gets it."""
    async with Client() as other:
        await other.connect(relay.url, relay.auth())
        await other.join(room)
        raw = await RawClient().connect(relay.url)
        await raw.join(relay.auth(), room)
        await raw.send_frames((TEXT, event(2, "publish", TRACK)))
        await raw.until(lambda data: data.startswith(b"432["))
        await raw.send_frames((TEXT, chunk(label("init"))), (BINARY, b"init"))
        assert (await other.next("media-chunk"))[1] == b"init"
        yield raw, other
        await raw.close()


async def test_media_takes_it(monkeypatch: pytest.MonkeyPatch, room: str) -> None:
    """Or it would be as slow as without, and no other test would notice."""
    taken: list[tuple[MediaHeader, bytes]] = []

    def take(self: Adapter, session: str, header: MediaHeader, data: bytes) -> bool:
        taken.append((header, data))
        return session in self._fanout.connections

    monkeypatch.setattr(Adapter, "media_chunk", take)
    async with relay_in_this_process() as url, Client() as client:
        await client.connect(url)
        await client.join(room)
        await client.tell("media-chunk", label("init"), b"labelled")
        assert (await client.ask("clock", 1))["ok"]
    assert taken == [(parse_header(label("init")), b"labelled")]


async def test_with_another_aiohttp_media_goes_the_long_way(monkeypatch: pytest.MonkeyPatch, room: str) -> None:
    def unlike(*_: object, **__: object) -> None:
        raise TypeError("not these arguments")

    def not_taken(*_: object) -> bool:
        raise AssertionError("the short way is open")

    monkeypatch.setattr(lane, "WebSocketReader", unlike)
    monkeypatch.setattr(Adapter, "media_chunk", not_taken)
    async with relay_in_this_process() as url, Client() as ada, Client() as eve:
        for client in (ada, eve):
            await client.connect(url)
            await client.join(room)
        assert (await ada.ask("publish", TRACK))["ok"]
        await ada.tell("media-chunk", label("init"), b"init")
        await ada.tell("media-chunk", label("key"), b"key")
        assert [(await eve.next("media-chunk"))[1] for _ in range(2)] == [b"init", b"key"]


async def test_fragments_with_control_frames_between(relay: RelayProcess, room: str) -> None:
    async with publishing(relay, room) as (raw, other):
        text = chunk(label("key", captured_ms=5))
        await raw.send_frames((0x01, text[:3]), (PING, b"1"), (0x00, text[3:40]), (MORE, text[40:]), (PING, b"2"))
        await raw.send_frames((0x02, b"by"), (PING, b"3"), (MORE, b"tes"), (PONG, b"unasked"))
        header, data = await other.next("media-chunk")
        assert (header["type"], header["captured_ms"], data) == ("key", 5, b"bytes")
        for number in (b"1", b"2", b"3"):
            assert await raw.until(lambda data, number=number: data == number) == number


async def test_everything_keeps_its_order(relay: RelayProcess, room: str) -> None:
    async with publishing(relay, room) as (raw, other):
        await raw.send_frames(
            (TEXT, chunk(label("key"))),
            (BINARY, b"0"),
            (TEXT, event(3, "rename", {"name": "Eve"})),
            (TEXT, chunk(label("delta", 1))),
            (BINARY, b"1"),
            (TEXT, chunk(label("delta", 2))),
            (BINARY, b"2"),
            (TEXT, event(4, "unpublish", {"track": "camera"})),
            (TEXT, event(5, "publish", TRACK)),
            (TEXT, chunk(label("init"))),
            (BINARY, b"again"),
            (TEXT, event(6, "leave")),
        )
        arrived = []
        while (one := await other.next())[0] != "peer-left":
            arrived.append(one[2] if one[0] == "media-chunk" else one[0])
        assert arrived == [b"0", "peer-renamed", b"1", b"2", "track-unpublished", "track-published", b"again"]
        for ack in (b"433", b"434", b"435", b"436"):
            _, payload = await raw.frame()
            assert payload.startswith(ack + b'[{"ok":true')


async def test_many_in_one_read(relay: RelayProcess, room: str) -> None:
    async with publishing(relay, room) as (raw, other):
        frames = [(TEXT, event(7, "clock", 1))]
        for number in range(1000):
            frames += [(TEXT, chunk(label("delta" if number else "key", number))), (BINARY, b"%d" % number)]
        await raw.send_frames(*frames)
        for number in range(1000):
            assert (await other.next("media-chunk"))[1] == b"%d" % number


async def test_who_asks_for_an_answer_gets_one(relay: RelayProcess, room: str) -> None:
    async with publishing(relay, room) as (raw, other):
        await raw.send_frames((TEXT, chunk(label("key"), ack="9")), (BINARY, b"bytes"))
        assert await raw.until(lambda data: data.startswith(b"439")) == b'439[{"ok":true}]'
        assert (await other.next("media-chunk"))[1] == b"bytes"


async def test_a_stamp_that_is_no_number_is_none(relay: RelayProcess, room: str) -> None:
    async with publishing(relay, room) as (raw, other):
        await raw.send_frames((TEXT, chunk(label("key", captured_ms=float("nan")))), (BINARY, b"bytes"))
        header, _ = await other.next("media-chunk")
        assert "captured_ms" not in header


@pytest.mark.parametrize(
    "frames",
    [
        [(TEXT, chunk(label("key"))), (TEXT, event(3, "clock", 1))],
        [(TEXT, chunk(label("key"))), (TEXT, chunk(label("key"))), (BINARY, b"of which?")],
        [
            (TEXT, b'452-["media-chunk",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'),
            (BINARY, b"one"),
            (BINARY, b"two"),
        ],
        [(TEXT, b'451-["media-chunk",{"_placeholder":true,"num":1}]'), (BINARY, b"another's")],
        [(TEXT, b'451-["media-chunk",{"type":'), (BINARY, b"half")],
        [(TEXT, b'451-["media-chunk",]'), (BINARY, b"nothing")],
        [(TEXT, b'451-["media-chunk",1,2,{"_placeholder":true,"num":0}]'), (BINARY, b"more")],
        [(TEXT, chunk(label("key", level=[]))), (BINARY, b"no level")],
        [(TEXT, chunk(label("key", group="\ud800"))), (BINARY, b"half a character")],
        [(TEXT, NESTED), (BINARY, b"without end")],
        [(BINARY, b"belongs to nothing")],
    ],
)
async def test_what_is_not_right_is_refused_and_harms_nothing(
    relay: RelayProcess, room: str, frames: list[tuple[int, bytes]]
) -> None:
    async with publishing(relay, room) as (raw, other):
        await raw.send_frames(*frames)
        answer = await raw.until(lambda data: data.startswith(b'42["error"'))
        assert json.loads(answer[2:])[1]["code"] in ("bad-message", "bad-header")
        await raw.send_frames((TEXT, chunk(label("key"))), (BINARY, b"right"))
        assert (await other.next("media-chunk"))[1] == b"right"


@pytest.mark.parametrize("last", [[(CLOSE, b"")], [(BINARY | 0x70, b"bits that mean nothing")]], ids=["close", "junk"])
async def test_an_end_before_the_bytes(relay: RelayProcess, room: str, last: list[tuple[int, bytes]]) -> None:
    async with publishing(relay, room) as (raw, other):
        await raw.send_frames((TEXT, chunk(label("key"))), *last)
        await raw.ended()
        [left] = await other.next("peer-left")
        assert left["reason"] == "lost"


async def test_none_before_connect(relay: RelayProcess, room: str) -> None:
    bare = b'451-["media-chunk",{"_placeholder":true,"num":0}]'
    async with Client() as other:
        await other.connect(relay.url, relay.auth())
        await other.join(room)
        raw = await RawClient().connect(relay.url)
        await raw.frame()
        await raw.send_frames((TEXT, chunk(label("key"))), (BINARY, b"before"), (TEXT, bare), (BINARY, b"before"))
        await raw.join(relay.auth(), room)
        await raw.send_frames((TEXT, bare), (BINARY, b"after"))
        assert (await other.next("media-chunk"))[1] == b"after"
        await raw.close()
