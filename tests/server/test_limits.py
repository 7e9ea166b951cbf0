"""The limits of a relay whose operator has set them low, at the real process."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest
import socketio

from relay_widget.protocol import MAX_CONNECT_BYTES, MAX_PACKETS_PER_S, MAX_TEXT_BYTES
from relay_widget.server.door import SPARE_SOCKETS
from tests.core.media import header
from tests.relay_process import RelayProcess

from .clients import TIMEOUT_S, Client, RawClient, read_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

POLL = "/socket.io/?EIO=4&transport=polling&sid="
PUBLISH = {"track": "camera", "mimeType": "video/webm"}


@contextlib.contextmanager
def relay_with(**limits: int) -> Iterator[RelayProcess]:
    flags = [str(word) for name, limit in limits.items() for word in (f"--max-{name.replace('_', '-')}", limit)]
    with RelayProcess(tuple(flags)) as relay:
        yield relay
        assert relay.process.poll() is None, relay.log
        assert relay.log == ""


def begun_poll(connection: http.client.HTTPConnection) -> str:
    """The id of a new session on long polling."""
    connection.request("GET", "/socket.io/?EIO=4&transport=polling")
    return str(json.loads(connection.getresponse().read()[1:])["sid"])


def post(connection: http.client.HTTPConnection, session: str, body: str) -> int:
    connection.request("POST", POLL + session, body)
    response = connection.getresponse()
    response.read()
    return response.status


async def refused_by_name(relay: RelayProcess) -> str:
    client, refusals = Client(), asyncio.Queue[dict[str, Any]]()
    client.sio.on("connect_error", refusals.put)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(relay.url, relay.auth())
    return str((await refusals.get())["data"]["code"])


def is_served(sock: socket.socket) -> bool:
    try:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return sock.recv(4096).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False


async def code(client: Client, event: str, *args: Any) -> str:
    answer = await client.ask(event, *args)
    assert not answer["ok"]
    return str(answer["error"]["code"])


@pytest.mark.process
async def test_connections_rooms_peers_and_tracks() -> None:
    with relay_with(connections=3, rooms=2, room_peers=2, room_listeners=1, peer_tracks=2, room_tracks=3) as relay:
        async with Client() as ada, Client() as bob, Client() as cy:
            for client in (ada, bob, cy):
                await client.connect(relay.url, relay.auth())
            assert await refused_by_name(relay) == "relay-full"
            await ada.join("one")
            await bob.join("one")
            assert await code(cy, "join", {"room": "one", "name": "Cy"}) == "room-full"
            listens = {"room": "one", "name": "Cy", "listener": {"does": "watches", "of": []}}
            assert (await cy.ask("join", listens))["ok"]
            await cy.ask("leave")
            await bob.ask("leave")
            await bob.ask("join", {**listens, "name": "Bob"})
            assert await code(cy, "join", listens) == "room-full"
            await bob.ask("leave")
            await bob.join("one")
            await cy.join("two")
            await bob.ask("leave")
            assert await code(bob, "join", {"room": "three", "name": "Bob"}) == "too-many-rooms"
            await bob.join("one")
            for client, tracks in ((ada, 2), (bob, 1)):
                for number in range(tracks):
                    assert (await client.ask("publish", {**PUBLISH, "track": f"t{number}"}))["ok"]
            for client in (ada, bob):  # one has all its own, the other finds the room's taken
                assert await code(client, "publish", {**PUBLISH, "track": "more"}) == "too-many-tracks"
            assert (await ada.ask("publish", {**PUBLISH, "track": "t0", "muted": True}))["ok"]
        async with Client() as late:  # there is a place again
            await late.connect(relay.url, relay.auth())


@pytest.mark.process
async def test_chunks_and_init_segments() -> None:
    with relay_with(chunk_bytes=2000, init_bytes=1000, peer_chunks_per_s=20) as relay:
        async with Client() as ada, Client() as fast:
            await ada.connect(relay.url, relay.auth())
            await ada.join("lab")
            await ada.ask("publish", PUBLISH)
            assert await code(ada, "media-chunk", header("init"), bytes(1001)) == "init-too-large"
            assert await code(ada, "media-chunk", header("init"), bytes(2001)) == "chunk-too-large"
            assert (await ada.ask("media-chunk", header("init"), bytes(1000)))["ok"]
            await fast.connect(relay.url, relay.auth())
            await fast.join("lab")
            for _ in range(200):
                await fast.tell("media-chunk", b"x")
            [error] = await fast.next("error")
            assert error["code"] == "too-fast"
            await ada.tell("media-chunk", bytes(8001))  # four times a chunk: not even by name
            [left] = await fast.next("peer-left")
            assert left["reason"] == "lost"


@pytest.mark.process
async def test_bytes_a_second() -> None:
    with relay_with(peer_bytes_per_s=100_000) as relay:
        async with Client() as ada, Client() as bob:
            for client in (ada, bob):
                await client.connect(relay.url, relay.auth())
                await client.join("lab")
            await ada.ask("publish", PUBLISH)
            assert (await ada.ask("media-chunk", header("init"), b"i"))["ok"]
            assert (await ada.ask("media-chunk", header("key"), bytes(1_000_000)))["ok"]  # the last may overdraw it
            assert await code(ada, "media-chunk", header("key", group=2), b"k") == "too-fast"
            assert [len((await bob.next("media-chunk"))[1]) for _ in range(2)] == [1, 1_000_000]
            assert (await bob.ask("clock", 1))["ok"]  # each has its own


@pytest.mark.process
async def test_groups_are_given_up_and_people_let_in_when_the_memory_is_taken() -> None:
    with relay_with(memory_bytes=100_000) as relay:
        async with Client() as ada, Client() as bob:
            await ada.connect(relay.url, relay.auth())
            await bob.connect(relay.url, relay.auth())
            await ada.join("lab")
            await ada.ask("publish", PUBLISH)
            await ada.ask("media-chunk", header("init"), b"i")
            assert (await ada.ask("media-chunk", header("key"), bytes(200_000)))["ok"]
            async with asyncio.timeout(TIMEOUT_S):  # it looks twice a second
                while (metrics := await asyncio.to_thread(read_metrics, relay))["held_bytes"] > 100_000:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            assert metrics["given_up_groups_total"] == 1
            assert (await bob.ask("join", {"room": "lab", "name": "Bob"}))["ok"]
            assert (await ada.ask("media-chunk", header("key", group=2), b"k"))["ok"]  # who is in goes on
            assert [(await bob.next("media-chunk"))[1] for _ in range(2)] == [b"i", b"k"]


@pytest.mark.process
async def test_who_connects_and_says_nothing_is_ended() -> None:
    with relay_with(connect_s=1) as relay:
        host, _, port = relay.url.removeprefix("http://").partition(":")
        async with Client() as ada:
            await ada.connect(relay.url, relay.auth())
            wordless, writer = await asyncio.open_connection(host, int(port))
            halfway, half_writer = await asyncio.open_connection(host, int(port))
            half_writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            websocket = await RawClient().connect(relay.url)
            status, _, body = relay.get("/socket.io/?EIO=4&transport=polling")
            assert status == 200
            session = body.decode().partition('"sid":"')[2].partition('"')[0]
            async with asyncio.timeout(TIMEOUT_S):
                assert await wordless.read() == b""
                assert await halfway.read() == b""
                await websocket.ended()
            poll = f"/socket.io/?EIO=4&transport=polling&sid={session}"
            while (await asyncio.to_thread(relay.get, poll))[0] == 200:
                pass
            for one in (writer, half_writer):
                one.close()
            await websocket.close()
            assert (await ada.ask("clock", 1))["ok"]


@pytest.mark.process
async def test_sessions_that_are_only_begun_are_bounded_too() -> None:
    with relay_with(connections=2, connect_s=5) as relay:
        most = 2 + SPARE_SOCKETS
        async with Client() as ada:
            await ada.connect(relay.url, relay.auth())
            connection = http.client.HTTPConnection(relay.url.removeprefix("http://"), timeout=TIMEOUT_S)

            def begin() -> int:
                connection.request("GET", "/socket.io/?EIO=4&transport=polling")
                response = connection.getresponse()
                body = response.read()
                assert response.status == 200 or json.loads(body)["code"] == "relay-full"
                return response.status

            begun = await asyncio.to_thread(lambda: [begin() for _ in range(most + 20)])
            assert begun == [200] * (most - 1) + [503] * 21
            async with asyncio.timeout(TIMEOUT_S):  # they say nothing more, and are forgotten
                while await asyncio.to_thread(begin) != 200:
                    pass
            connection.close()
            assert (await ada.ask("clock", 1))["ok"]


@pytest.mark.process
async def test_one_address_has_so_many_sockets() -> None:
    with relay_with(address_sockets=5) as relay:
        host, _, port = relay.url.removeprefix("http://").partition(":")
        async with Client() as ada:
            await ada.connect(relay.url, relay.auth())
            crowd = [socket.create_connection((host, int(port)), timeout=TIMEOUT_S) for _ in range(50)]
            assert sum(map(is_served, crowd)) == 4
            assert (await ada.ask("clock", 1))["ok"]
            for one in crowd:
                one.close()
            async with asyncio.timeout(TIMEOUT_S), Client() as bob:
                while True:  # their places are free as soon as the relay has seen them go
                    with contextlib.suppress(socketio.exceptions.ConnectionError):
                        await bob.connect(relay.url, relay.auth())
                        break
                    await asyncio.sleep(0.1)


@pytest.mark.process
async def test_a_flood_of_connections_costs_only_those_who_flood() -> None:
    with relay_with(connections=10) as relay:
        host, _, port = relay.url.removeprefix("http://").partition(":")
        async with Client() as ada, Client() as bob:
            await ada.connect(relay.url, relay.auth())
            await bob.connect(relay.url, relay.auth())
            await ada.join("lab", "Ada")
            await bob.join("lab", "Bob")
            before_bytes = relay.rss_bytes()
            crowd = []
            for _ in range(3000):
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(host, int(port))
                    crowd.append(writer)
                if len(crowd) % 100 == 0:
                    await ada.tell("media-chunk", b"through")
                    assert (await bob.next("media-chunk"))[1] == b"through"
            assert relay.rss_bytes() - before_bytes < 50_000_000
            for writer in crowd:
                writer.close()
            assert (await ada.ask("clock", 1))["ok"]
            assert (await metrics_once_there_is_a_place(relay))["refusals_total relay-full"] > 2000


async def metrics_once_there_is_a_place(relay: RelayProcess) -> dict[str, float]:
    """They come by the same door as everybody."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return await asyncio.to_thread(read_metrics, relay)
            await asyncio.sleep(0.1)


@pytest.mark.process
async def test_who_reads_nothing_is_ended_and_told(room: str) -> None:
    with RelayProcess(("--max-read-s", "1", "--log-level", "info")) as relay:
        raw = await RawClient().connect(relay.url, receive_buffer_bytes=4096)
        await raw.join(relay.auth(), room)
        async with Client() as ada:
            await ada.connect(relay.url, relay.auth())
            await ada.join(room)
            async with asyncio.timeout(TIMEOUT_S):
                while "not-reading" not in relay.log:
                    await ada.tell("media-chunk", bytes(10_000))
                    await asyncio.sleep(0.01)
            told = await raw.until(lambda data: data.startswith(b'42["error"'))
            assert json.loads(told[2:])[1]["code"] == "not-reading"
            first, payload = await raw.frame()
            assert (first, payload[2:]) == (0x88, b"not-reading")
            await raw.ended()
            assert (await ada.next("peer-left"))[0]["reason"] == "lost"
            assert 'reason="not-reading"' in relay.log


async def floods(client: RawClient, text: str) -> None:
    """Say the same for as long as the relay listens, and never read."""
    with contextlib.suppress(ConnectionError):
        while True:
            await client.send_many(text, 1000)


@pytest.mark.process
async def test_who_floods_engineio_and_never_reads_is_ended() -> None:
    with relay_with(read_s=3600) as relay:  # nothing else is to end it; a ping that is not answered would say so
        client = await RawClient().connect(relay.url, receive_buffer_bytes=4096)
        await client.join(relay.auth(), "lab")
        flood = asyncio.create_task(floods(client, "40/other,"))
        ended: dict[str, float] = {}
        async with asyncio.timeout(2 * TIMEOUT_S):
            while not ended:
                await asyncio.sleep(0.1)
                figures = await asyncio.to_thread(read_metrics, relay)
                ended = {name: value for name, value in figures.items() if name.startswith("ended_connections_total")}
        assert ended == {"ended_connections_total transport-close": 1}
        flood.cancel()
        await client.close()


FLOOD = 4 * MAX_PACKETS_PER_S
FLOOD_S = 2
"""No flood of so much is read sooner, however fast the machine: the first second's worth comes at once."""
FLOOD_OF_CHUNKS_S = 1
"""The same of chunks, of which twice as many may come."""
CHUNK = [(0x81, b'451-["media-chunk",{"_placeholder":true,"num":0}]'), (0x82, b"x")]


@pytest.mark.parametrize(
    ("packets", "at_least_s"),
    [
        ([(0x81, b"3")], FLOOD_S),
        ([(0x81, b"40/other,")], FLOOD_S),
        ([(0x81, b"42")], FLOOD_S),
        ([(0x82, b"x")], FLOOD_S),
        (CHUNK, FLOOD_OF_CHUNKS_S),
        ([(0x89, b"")], FLOOD_S),
        ([(0x8A, b"")], FLOOD_S),
    ],
    ids=["pongs", "connects", "no events", "bytes", "chunks", "WebSocket's pings", "WebSocket's pongs"],
)
async def test_a_flood_is_read_at_a_pace(
    relay: RelayProcess, room: str, packets: list[tuple[int, bytes]], at_least_s: float
) -> None:
    async with Client() as ada:
        await ada.connect(relay.url, relay.auth())
        client = await RawClient().connect(relay.url)
        await client.join(relay.auth(), room)
        begun_s = time.monotonic()
        for _ in range(FLOOD // 1000):
            await client.send_frames(*(packets * 1000))
            assert (await ada.ask("clock", 1))["ok"]
        await client.send('429["clock",1]')
        await client.until(lambda data: data.startswith(b"439"))
        assert time.monotonic() - begun_s >= at_least_s
        await client.close()


async def test_a_ping_is_answered(relay: RelayProcess) -> None:
    client = await RawClient().connect(relay.url)
    await client.send_frames((0x89, b"here?"))
    first, payload = await client.frame()
    while first != 0x8A:
        first, payload = await client.frame()
    assert payload == b"here?"
    await client.close()


EMPTY_PART = bytes([0x00, 0x80]) + bytes(4)
TEXT_BEGINS = bytes([0x01, 0x80]) + bytes(4)


async def test_until_it_is_let_in_a_client_is_read_slowly(relay: RelayProcess) -> None:
    client = await RawClient().connect(relay.url)
    begun_s = time.monotonic()
    client.write(TEXT_BEGINS + EMPTY_PART * (3 * MAX_CONNECT_BYTES // len(EMPTY_PART)))
    client.write(bytes([0x80, 0x81]) + bytes(4) + b"3")
    await client.send("40" + json.dumps(relay.auth()))
    await client.until(lambda data: data.startswith(b"40{"))
    assert time.monotonic() - begun_s >= 2, "the first second's worth comes at once"
    await client.close()


@pytest.mark.parametrize("length", [MAX_CONNECT_BYTES + 1, MAX_CONNECT_BYTES // 2])
async def test_a_token_may_not_be_a_book(relay: RelayProcess, length: int) -> None:
    client = await RawClient().connect(relay.url)
    await client.send("40" + json.dumps({"protocol": 1, "token": "x" * length}))
    if length > MAX_CONNECT_BYTES:
        await client.ended()
    else:
        refused = await client.until(lambda data: data.startswith(b"44{"))
        assert json.loads(refused[2:])["data"]["code"] == "bad-token"
    await client.close()


@pytest.mark.parametrize("event", ["42", "421"])
async def test_text_that_is_too_long_ends_the_connection(relay: RelayProcess, room: str, event: str) -> None:
    async with Client() as ada:
        await ada.connect(relay.url, relay.auth())
        await ada.join(room)
        client = await RawClient().connect(relay.url)
        await client.join(relay.auth(), room)
        await client.send(event + json.dumps(["rename", {"name": "x" * (MAX_TEXT_BYTES - 1000)}]))
        await client.until(lambda data: b"bad-name" in data)
        await client.send(event + json.dumps(["rename", {"name": "x" * MAX_TEXT_BYTES}]))
        await client.ended()
        assert (await ada.ask("clock", 1))["ok"]
        await client.close()


@pytest.mark.parametrize(("let_in", "length"), [(False, MAX_CONNECT_BYTES), (True, MAX_TEXT_BYTES)])
def test_a_poll_may_not_bring_a_book(relay: RelayProcess, *, let_in: bool, length: int) -> None:
    connection = http.client.HTTPConnection(relay.url.removeprefix("http://"), timeout=TIMEOUT_S)
    session = begun_poll(connection)
    if let_in:
        assert post(connection, session, "40" + json.dumps(relay.auth())) == 200
    assert post(connection, session, "42" + json.dumps(["x", "x" * length])) == 400
    connection.close()


@pytest.mark.process
@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/join", "/socket.io/?EIO=4&transport=polling"])
def test_what_is_compressed_is_not_unpacked(path: str) -> None:
    with relay_with() as relay:
        before_bytes = relay.rss_bytes()
        deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
        bomb = b"".join([deflate.compress(bytes(10**6)) for _ in range(1000)] + [deflate.flush()])
        connection = http.client.HTTPConnection(relay.url.removeprefix("http://"), timeout=TIMEOUT_S)
        connection.request("POST", path, bomb, {"Content-Encoding": "gzip", "Content-Type": "text/plain"})
        response = connection.getresponse()
        response.read()
        assert 400 <= response.status < 500
        assert relay.rss_bytes() < before_bytes + 20_000_000
        connection.close()


def test_polls_that_flood_are_read_at_a_pace_too(relay: RelayProcess) -> None:
    connection = http.client.HTTPConnection(relay.url.removeprefix("http://"), timeout=TIMEOUT_S)
    session = begun_poll(connection)
    flood = "\x1e".join(["41"] * 1000)
    begun_s = time.monotonic()
    assert [post(connection, session, flood) for _ in range(FLOOD // 1000)] == [200] * (FLOOD // 1000)
    assert time.monotonic() - begun_s >= FLOOD_S
    connection.close()


@pytest.mark.parametrize("has_polled", [False, True])
async def test_who_changes_to_a_websocket_twice_is_ended(relay: RelayProcess, room: str, *, has_polled: bool) -> None:
    session = json.loads(relay.get("/socket.io/?EIO=4&transport=polling")[2][1:])["sid"] if has_polled else ""
    client = await RawClient().connect(relay.url, session=session)
    if has_polled:
        await client.send("2probe")
        await client.until(lambda data: data == b"3probe")
        await client.send("5")
    await client.join(relay.auth(), room)
    await client.send("5")
    await client.ended()
    await client.close()


def test_polls_that_flood_engineio_and_never_read_are_ended(relay: RelayProcess) -> None:
    connection = http.client.HTTPConnection(relay.url.removeprefix("http://"), timeout=TIMEOUT_S)
    session = begun_poll(connection)
    flood = "\x1e".join(["5"] * 1000)
    assert [post(connection, session, flood) for _ in range(12)] == [200] * 11 + [400]
    connection.close()


def test_a_poll_that_sends_what_is_no_packet_is_answered_and_ended(relay: RelayProcess) -> None:
    connection = http.client.HTTPConnection(relay.url.removeprefix("http://"), timeout=TIMEOUT_S)
    session = begun_poll(connection)
    assert [post(connection, session, body) for body in ("6", "3")] == [400, 400]
    connection.close()


async def test_who_is_disconnected_and_does_not_read_keeps_no_socket(relay: RelayProcess, room: str) -> None:
    client = await RawClient().connect(relay.url, receive_buffer_bytes=4096)
    await client.join(relay.auth(), room)
    question = '421["clock",1]'
    for _ in range(6):  # more than the system takes from the relay, less than what makes it hang up
        await client.send_many(question, 1000)
        await asyncio.sleep(0.02)
    await client.send("6nonsense")
    async with asyncio.timeout(2 * TIMEOUT_S):
        with contextlib.suppress(ConnectionError):
            while True:  # it learns by writing: it reads nothing
                await client.send("3")
                await asyncio.sleep(0.2)
    await client.close()


def test_a_body_that_comes_when_its_session_has_ended(relay: RelayProcess) -> None:
    slow, quick = (http.client.HTTPConnection(relay.url.removeprefix("http://"), timeout=TIMEOUT_S) for _ in range(2))
    session = begun_poll(quick)
    slow.putrequest("POST", POLL + session)
    slow.putheader("Content-Length", "1")
    slow.endheaders()
    time.sleep(0.2)  # its headers are there, mostly
    assert [post(quick, session, text) for text in ("1", "")] == [200, 400]
    slow.send(b"9")
    response = slow.getresponse()
    response.read()
    assert response.status < 500
    for connection in (slow, quick):
        connection.close()
