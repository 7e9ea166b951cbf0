"""Several real relays that share rooms over a real Redis."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relay_widget.cli import REDIS_VARIABLE, SECRET_VARIABLE
from relay_widget.core.sharing import CONTROL
from relay_widget.server.redis_bus import RedisBus
from tests.redis_server import INSTALLED, WHY_NOT, RedisServer
from tests.relay_process import RelayProcess

from .clients import TIMEOUT_S, Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

pytestmark = pytest.mark.skipif(not INSTALLED, reason=WHY_NOT)

ENVIRONMENT = {SECRET_VARIABLE: "s" * 43}
TRACK = {"track": "camera", "mimeType": "video/webm", "audio": False}

SOUND = {"track": "camera", "mimeType": "audio/webm", "video": False}


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def pair(redis: RedisServer) -> Iterator[tuple[RelayProcess, RelayProcess]]:
    """Two relays. Whatever the tests do to them, they must not stumble."""
    with node(redis) as a, node(redis) as b:
        yield a, b
        for one in (a, b):
            assert one.process.poll() is None, one.log
            assert one.log == ""


def node(redis: RedisServer, *arguments: str) -> RelayProcess:
    return RelayProcess(("--redis", redis.url, *arguments), ENVIRONMENT)


def metric(relay: RelayProcess, name: str) -> float:
    [value] = re.findall(rf"^relay_widget_{re.escape(name)} (\S+)$", relay.get("/metrics")[2].decode(), re.MULTILINE)
    return float(value)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - it looks at another process
            await asyncio.sleep(0.05)


async def acquainted(*relays: RelayProcess) -> None:
    """Wait until all of them know each other."""
    for relay in relays:
        await until(lambda relay=relay: metric(relay, "nodes") == len(relays) - 1)  # type: ignore[misc]


@contextlib.asynccontextmanager
async def inside(relay: RelayProcess, room: str, name: str = "Ada", **claims: Any) -> AsyncIterator[Client]:
    async with Client() as client:
        await client.connect(relay.url, relay.auth(**claims))
        await client.join(room, name)
        yield client


def label(kind: str, group: int = 0, number: int = 0, epoch: int = 1) -> dict[str, Any]:
    return {"track": "camera", "epoch": epoch, "group": group, "object": number, "type": kind}


async def publish(client: Client, track: dict[str, Any] = TRACK) -> None:
    assert (await client.ask("publish", track))["ok"]
    await client.tell("media-chunk", label("init"), b"init")


async def send_group(client: Client, group: int, deltas: int = 4) -> None:
    await client.tell("media-chunk", label("key", group), f"{group} 0".encode())
    for number in range(1, deltas + 1):
        await client.tell("media-chunk", label("delta", group, number), f"{group} {number}".encode())


async def media(client: Client, count: int) -> list[bytes]:
    return [(await client.next("media-chunk"))[1] for _ in range(count)]


def group_bytes(group: int, deltas: int = 4) -> list[bytes]:
    return [f"{group} {number}".encode() for number in range(deltas + 1)]


async def test_a_call_over_two_relays(pair: tuple[RelayProcess, RelayProcess], room: str) -> None:
    a, b = pair
    await acquainted(a, b)
    async with inside(a, room) as ada, inside(b, room, "Bob") as bob:
        [joined] = await ada.next("peer-joined")
        assert joined["peer"]["name"] == "Bob"
        await publish(ada)
        assert (await bob.next("track-published"))[0]["from"] != joined["peer"]["id"]
        await send_group(ada, 1)
        assert await media(bob, 6) == [b"init", *group_bytes(1)]
        async with inside(b, room, "Cleo") as late, inside(a, room, "Dora") as here:
            expected = [b"init", *group_bytes(1)]
            assert await media(late, 6) == expected
            assert await media(here, 6) == expected
        data = bytes(900_000)
        await bob.tell("media-chunk", data)
        assert await media(ada, 1) == [data]
        await bob.ask("rename", {"name": "Bob the second"})
        assert (await ada.next("peer-renamed"))[0]["name"] == "Bob the second"
    async with inside(a, room) as ada:
        assert (await ada.ask("leave"))["ok"]


async def test_a_late_joiner_on_a_node_that_did_not_listen(pair: tuple[RelayProcess, RelayProcess], room: str) -> None:
    a, b = pair
    async with inside(a, room) as ada:
        await publish(ada)
        await send_group(ada, 1)
        assert (await ada.ask("clock", 1))["ok"]
        for _ in range(3):  # again after nobody listened for a while
            async with inside(b, room, "Bob") as bob:
                assert await media(bob, 6) == [b"init", *group_bytes(1)]


async def test_who_comes_while_media_flows_lacks_nothing_and_gets_nothing_twice(
    pair: tuple[RelayProcess, RelayProcess], room: str
) -> None:
    a, b = pair
    async with inside(a, room) as ada, contextlib.AsyncExitStack() as stack:
        await publish(ada, SOUND)  # of which nothing is dropped although this process reads slowly
        late = []
        for group in range(1, 25):
            await send_group(ada, group, deltas=20)
            if group % 4 == 0:
                late.append(await stack.enter_async_context(inside(b if group % 8 else a, room, "late")))
        for client in late:
            [first, *rest] = await media(client, 1)
            assert first == b"init"
            while rest[-1:] != [b"24 20"]:
                rest += await media(client, 1)
            seen = [tuple(map(int, data.split())) for data in rest]
            assert seen[0][1] == 0
            assert seen == [(group, number) for group in range(seen[0][0], 25) for number in range(21)]


async def test_a_node_without_members_gets_no_media(
    redis: RedisServer, pair: tuple[RelayProcess, RelayProcess], room: str
) -> None:
    a, b = pair
    with node(redis) as idle, redis.client() as client:
        await acquainted(a, b, idle)

        def channels() -> list[str]:
            return [name for name in client.pubsub_channels() if name.endswith(f":{room}")]

        async with inside(a, room) as ada:
            await publish(ada)
            sent = metric(a, 'redis_sent_bytes_total{kind="media"}')
            await send_group(ada, 1)
            assert (await ada.ask("clock", 1))["ok"]
            assert metric(a, 'redis_sent_bytes_total{kind="media"}') == sent  # nobody is elsewhere
            async with inside(b, room, "Bob") as bob:
                await media(bob, 6)
                assert [number for _, number in client.pubsub_numsub(*channels())] == [1, 1]  # one each way
                assert metric(b, 'redis_received_bytes_total{kind="media"}') > 0
            await until(lambda: channels() == [])
        assert metric(idle, 'redis_received_bytes_total{kind="media"}') == 0


async def test_redis_keeps_nothing(redis: RedisServer, pair: tuple[RelayProcess, RelayProcess], room: str) -> None:
    a, b = pair
    async with inside(a, room) as ada, inside(b, room) as bob:
        await publish(ada)
        await bob.next("track-published")
        with redis.client() as client:
            assert client.dbsize() == 0


async def test_administrators_rule_over_peers_of_other_nodes(
    pair: tuple[RelayProcess, RelayProcess], room: str
) -> None:
    a, b = pair
    async with inside(a, room) as ada, Client() as teacher:
        await publish(ada)
        await teacher.connect(b.url, b.auth("monitor", administers=(room,)))
        await until_known(teacher, room, 1)
        [peer] = (await teacher.ask("watch", {"room": room}))["peers"]
        who = {"room": room, "peer": peer["id"]}
        assert await teacher.ask("mute", {**who, "track": "camera"}) == {"ok": True}
        assert await ada.next("track-muted") == ({"track": "camera", "muted": True},)
        assert await teacher.ask("impair", {**who, "delay_ms": 5}) == {"ok": True}
        assert await teacher.ask("lock", {"room": room}) == {"ok": True}
        assert await teacher.ask("remove", who) == {"ok": True}
        assert (await ada.next("error"))[0]["code"] == "removed"
        await ada.next("disconnect")


async def until_known(monitor: Client, room: str, count: int) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        state = await monitor.ask("watch", {"room": room})
        while len(state["peers"]) != count:
            [state] = await monitor.next("room")


async def test_monitors_see_the_figures_of_other_nodes(pair: tuple[RelayProcess, RelayProcess], room: str) -> None:
    a, b = pair
    async with inside(a, room) as ada, Client() as monitor:
        await monitor.connect(b.url, b.auth("monitor"))
        await until_known(monitor, room, 1)
        await monitor.ask("watch", {"room": room, "reports": True})
        await publish(ada)
        report = {"peers": {}, "sent": {"chunks": 7}}
        await ada.tell("report", report)
        [told] = await monitor.next("reports")
        assert list(told["reports"].values()) == [report]
        await ada.ask("rename", {"name": "Ada L."})
        while True:
            [state] = await monitor.next("room")
            if state["peers"][0]["name"] == "Ada L." and state["peers"][0]["chunks"] == 1:
                break


@pytest.mark.process
async def test_a_limit_of_a_room_is_one_over_all_nodes(room: str) -> None:
    with RedisServer() as redis, node(redis, "--max-room-peers", "2") as a, node(redis, "--max-room-peers", "2") as b:
        async with inside(a, room) as ada, inside(b, room, "Bob"), Client() as third:
            await ada.next("peer-joined")
            await third.connect(a.url, a.auth())
            refused = await third.ask("join", {"room": room, "name": "Cleo"})
            assert refused["error"]["code"] == "room-full"


@pytest.mark.process
async def test_a_node_that_dies_takes_nobody_else_down(room: str) -> None:
    with RedisServer() as redis, node(redis) as a, node(redis) as b:
        await acquainted(a, b)
        async with inside(b, room, "Bob") as bob, contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(inside(a, room, name)) for name in ("Ada", "Cleo")]
            ids = [(await bob.next("peer-joined"))[0]["peer"]["id"] for _ in clients]
            await publish(bob)
            await media(clients[0], 1)
            ack = await clients[1].ask("renew", {"token": a.auth()["token"]})
            resume = ack["resume"]
            a.kill()
            # One comes back, at the other node and as the same peer; the other one does not.
            again = await stack.enter_async_context(Client())
            await again.connect(b.url, {"token": resume, "protocol": 1})
            assert (await again.join(room, "Cleo"))["peer"] == ids[1]
            assert await bob.next("peer-left") == ({"peer": ids[1], "reason": "replaced"},)
            await publish(again)
            await send_group(bob, 1)
            assert await media(again, 6) == [b"init", *group_bytes(1)]
            assert await media(bob, 1) == [b"init"]
            assert await bob.next("peer-left") == ({"peer": ids[0], "reason": "lost"},)


@pytest.mark.process
async def test_a_node_that_ends_says_so(room: str) -> None:
    with RedisServer() as redis, node(redis) as a, node(redis) as b:
        await acquainted(a, b)
        async with inside(b, room, "Bob"):
            assert a.end() == 0
            await until(lambda: metric(b, "nodes") == 0)
            assert a.log == b.log == ""


@pytest.mark.process
async def test_without_redis_a_relay_goes_on_and_it_heals(room: str) -> None:
    with RedisServer() as redis, node(redis) as a, node(redis) as b:
        await acquainted(a, b)
        async with inside(a, room) as ada, inside(a, room, "Alan") as alan, inside(b, room, "Bob") as bob:
            await publish(ada)
            await send_group(ada, 1)
            await media(alan, 6)
            await media(bob, 6)
            redis.kill()
            await until(lambda: health(a) == health(b) == "unreachable")
            await send_group(ada, 2)
            assert await media(alan, 5) == group_bytes(2)
            assert (await alan.next("peer-left"))[0]["reason"] == "lost"  # Bob, as far as anybody here can know
            assert (await bob.next("peer-left"))[0]["reason"] == "lost"
            assert metric(a, "redis_connected") == 0
            assert a.log.count("Redis cannot be reached") == 1
            redis.start()
            await until(lambda: health(a) == health(b) == "connected")
            assert (await alan.next("peer-joined"))[0]["peer"]["name"] == "Bob"
            await send_group(ada, 3)
            seen: list[bytes] = []
            while seen[-1:] != [b"3 4"]:
                seen += await media(bob, 1)
            assert seen[-5:] == group_bytes(3)
            assert await media(alan, 5) == group_bytes(3)
            assert a.log.count("Redis is back") == 1


def health(relay: RelayProcess) -> str:
    status, _, body = relay.get("/healthz")
    assert status == 200
    return str(json.loads(body)["redis"])


@pytest.mark.process
async def test_a_relay_starts_without_its_redis(room: str) -> None:
    with RedisServer() as late:
        late.kill()
        with node(late) as relay:
            assert health(relay) == "unreachable"
            async with inside(relay, room) as ada:
                late.start()
                await until(lambda: health(relay) == "connected")
                with node(late) as other:
                    async with inside(other, room, "Bob"):
                        assert (await ada.next("peer-joined"))[0]["peer"]["name"] == "Bob"


@pytest.mark.process
async def test_what_waits_for_a_redis_that_hangs_is_bounded_and_local_media_flows(room: str) -> None:
    with RedisServer() as redis, node(redis) as a, node(redis) as b:
        await acquainted(a, b)
        async with inside(a, room) as ada, inside(a, room, "Alan") as alan, inside(b, room, "Bob") as bob:
            await publish(ada)
            await media(bob, 1)
            await media(alan, 1)
            redis.pause()
            chunk = bytes(100_000)
            for number in range(60):
                kind = "delta" if number % 10 else "key"
                await ada.tell("media-chunk", label(kind, 1 + number // 10, number % 10), chunk)
                assert await media(alan, 1) == [chunk]
                assert metric(a, "redis_queue_bytes") < 17_000_000
                await asyncio.sleep(0.03)
            assert metric(a, "redis_dropped_chunks_total") > 0
            redis.resume()
            await until(lambda: health(a) == health(b) == "connected")
            await until(lambda: metric(a, "nodes") == metric(b, "nodes") == 1)
            await send_group(ada, 100)
            while (await bob.next("media-chunk"))[0]["group"] != 100:
                pass
            assert await media(bob, 4) == group_bytes(100)[1:]


@pytest.mark.process
async def test_a_node_that_stands_still_hurts_nobody_and_comes_back(room: str) -> None:
    """Redis hangs up on who does not read."""
    bound = ("--client-output-buffer-limit", "pubsub", "1mb", "512kb", "5")
    fast = ("--max-peer-bytes-per-s", "100000000")
    with RedisServer(bound) as redis, node(redis, *fast) as a, node(redis) as b, node(redis) as c:
        await acquainted(a, b, c)
        async with inside(a, room) as ada, inside(b, room, "Bob") as bob, inside(c, room, "Cleo") as cleo:
            await publish(ada)
            assert await media(bob, 1) == await media(cleo, 1) == [b"init"]
            b.process.send_signal(signal.SIGSTOP)
            chunk = bytes(500_000)
            with redis.client() as client:
                number = 0
                while any(one["name"] == subscriber_name(b) and one["sub"] != "0" for one in client.client_list()):
                    kind = "delta" if number else "key"
                    await ada.tell("media-chunk", label(kind, 1, number), chunk)
                    assert await media(cleo, 1) == [chunk]
                    number += 1
                    assert number < 100
            b.process.send_signal(signal.SIGCONT)
            await until(lambda: metric(b, "redis_disconnects_total") == 1 and health(b) == "connected")
            await acquainted(a, b, c)
            await send_group(ada, 2)
            assert await media(cleo, 5) == group_bytes(2)
            while (await bob.next("media-chunk"))[0]["group"] != 2:
                pass
            assert await media(bob, 4) == group_bytes(2)[1:]


def subscriber_name(relay: RelayProcess) -> str:
    record = relay.record()
    assert record is not None
    return f"relay-widget-{record['instance']}"


@pytest.mark.process
async def test_what_no_relay_says_is_logged_once_and_harms_nobody(room: str) -> None:
    with RedisServer() as redis, node(redis) as a, node(redis) as b, redis.client() as client:
        await acquainted(a, b)
        [channel] = client.pubsub_channels("relay-widget:*:control")
        bus = RedisBus(redis.url, "stranger", ENVIRONMENT[SECRET_VARIABLE])
        for payload in (b"", b"\xff\xff\xff\xffx", b"\0\0\0\2[]", b'\0\0\0\x18{"node":"x","kind":"??"}', b"\0\0\0\2{}"):
            assert client.publish(channel, bus.signed(CONTROL, payload)) == 2
        async with inside(a, room) as ada, inside(b, room, "Bob"):
            await ada.next("peer-joined")
        assert a.log.count("could not be used") == 1
        assert metric(a, "redis_unusable_messages_total") == metric(b, "redis_unusable_messages_total") >= 4


@pytest.mark.process
async def test_who_does_not_have_the_secret_says_nothing_to_anybody(room: str) -> None:
    with RedisServer() as redis, node(redis) as a, node(redis) as b, redis.client() as client:
        await acquainted(a, b)
        [channel] = client.pubsub_channels("relay-widget:*:control")
        stranger = RedisBus(redis.url, "stranger", "t" * 43)
        pipeline = client.pipeline(transaction=False)
        for number in range(20_000):
            hello = {"kind": "hello", "node": f"n{number}", "fresh": True, "number": 0, "ahead_ms": 0, "rooms": []}
            head = json.dumps({**hello, "watching": []}).encode()
            pipeline.publish(channel, stranger.signed(CONTROL, len(head).to_bytes(4, "big") + head))
        pipeline.execute()
        await until(lambda: metric(a, "redis_unusable_messages_total") == 20_000)
        assert metric(a, "nodes") == metric(b, "nodes") == 1
        assert a.log == b.log == ""
        with RelayProcess(("--redis", redis.url), {SECRET_VARIABLE: "t" * 43}) as other:
            async with inside(other, room), inside(a, room, "Bob"):
                assert metric(other, "nodes") == 0


@pytest.mark.process
async def test_a_node_that_stood_still_is_whole_again(room: str) -> None:
    """For as long as a lid is closed, or Redis and everybody else take for its end."""
    with RedisServer() as redis, node(redis) as a, node(redis) as b:
        for number, pause_s in enumerate((1.0, 3.5, 4.0)):
            await acquainted(a, b)
            async with inside(a, f"{room} {number}") as ada, inside(b, f"{room} {number}", "Bob") as bob:
                await publish(ada)
                assert await media(bob, 1) == [b"init"]
                a.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(pause_s)
                a.process.send_signal(signal.SIGCONT)
                await acquainted(a, b)
                # It is no miracle that what is sent on comes; that what is told is heard is what was lost.
                await bob.ask("rename", {"name": "Bob, still"})
                while (await ada.next("peer-renamed"))[0]["name"] != "Bob, still":
                    pass


async def test_a_room_is_counted_where_somebody_is(pair: tuple[RelayProcess, RelayProcess], room: str) -> None:
    a, b = pair
    await acquainted(a, b)
    async with inside(a, room):
        async with inside(b, room, "Bob") as bob:
            await until(lambda: metric(b, "rooms") == metric(a, "rooms") == 1)
            await bob.ask("leave")
        await until(lambda: metric(b, "rooms") == 0 and metric(a, "rooms") == 1)


async def test_databases_keep_relays_apart(redis: RedisServer, pair: tuple[RelayProcess, RelayProcess]) -> None:
    await acquainted(*pair)
    with RelayProcess((), {**ENVIRONMENT, REDIS_VARIABLE: redis.url[:-1] + "7"}) as other:
        assert health(other) == "connected"
        async with inside(other, "lab"), inside(pair[0], "lab") as ada:
            ack = await ada.ask("clock", 1)
            assert ack["ok"]
        assert metric(other, "nodes") == 0
        assert metric(pair[0], "nodes") == 1


@pytest.mark.process
async def test_a_user_that_may_do_nothing_else_will_do(room: str) -> None:
    """The one in docs/security.md."""
    text = (Path(__file__).parents[2] / "docs/security.md").read_text()
    [rule] = re.findall(r"`ACL (SETUSER relay on >… .*)`", text)
    with RedisServer() as redis, redis.client() as client:
        client.execute_command("ACL", *rule.replace(">…", ">secret-of-redis").split())
        address = redis.url.replace("redis://", "redis://relay:secret-of-redis@")
        with RelayProcess(("--redis", address), ENVIRONMENT) as a, RelayProcess(("--redis", address), ENVIRONMENT) as b:
            await acquainted(a, b)
            async with inside(a, room) as ada, inside(b, room, "Bob") as bob:
                await publish(ada)
                assert await media(bob, 1) == [b"init"]
            client.execute_command("ACL", "DELUSER", "relay")
            await until(lambda: health(a) == "unreachable")
            assert "secret-of-redis" not in a.log


@pytest.mark.process
@pytest.mark.parametrize(
    ("before", "address", "environment", "said"),
    [
        ("", "redis://127.0.0.1:1", {}, "Relays that share rooms have one secret: give the same to all of them in"),
        ("", "nowhere", ENVIRONMENT, "That is no address of a Redis server: write it as in redis://host:6379/0."),
        ("sys.modules['redis'] = None; ", "redis://x", ENVIRONMENT, "pip install 'relay-widget[redis]'"),
    ],
)
def test_what_is_missing_is_said(before: str, address: str, environment: dict[str, str], said: str) -> None:
    code = f"import sys; {before}from relay_widget.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "serve", "--port", "0", "--redis", address]
    clean = {name: value for name, value in os.environ.items() if name != SECRET_VARIABLE}
    done = subprocess.run(
        command, env={**clean, **environment}, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("relay-widget: redis: ")
    assert said in line
