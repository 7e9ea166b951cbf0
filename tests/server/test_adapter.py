"""The relay as its clients see it: a real process, stock clients in Python and JavaScript."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import socketio

from relay_widget.protocol import MAX_BACKLOG_BYTES, MAX_CHUNK_BYTES, MAX_MESSAGE_BYTES, MAX_QUEUE_BYTES
from relay_widget.tokens import mint, verify
from tests.core.media import header

from .clients import Client, JsClient, RawClient, sha256

if TYPE_CHECKING:
    from tests.relay_process import RelayProcess

PUBLISH = {"track": "camera", "mimeType": "video/webm;codecs=vp8,opus"}
POLL = "/socket.io/?EIO=4&transport=polling"
MEDIA = Path(__file__).parents[1] / "vectors" / "media"


def recording() -> list[tuple[dict[str, Any], bytes]]:
    """A recorded track, cut at its groups and each group in two: headers and bytes in their order."""
    facts = json.loads((MEDIA / "vp8-opus.json").read_text())
    data = (MEDIA / "vp8-opus.webm").read_bytes()
    objects = [(header("init"), data[: facts["init_bytes"]])]
    for group, (start, end) in enumerate(zip(facts["groups"], [*facts["groups"][1:], len(data)], strict=True), 1):
        middle = (start + end) // 2
        objects.append((header("key", group=group), data[start:middle]))
        objects.append((header("delta", group=group, number=1), data[middle:end]))
    return objects


async def peer(relay: RelayProcess, room: str, name: str, **connect: Any) -> Client:
    client = await Client().connect(relay.url, relay.auth(), **connect)
    await client.join(room, name)
    return client


async def test_the_plain_form_between_two_stock_clients(open_relay: RelayProcess, room: str) -> None:
    async with Client() as python, JsClient() as script:
        await python.connect(open_relay.url, transports=("polling", "websocket"))
        await script.connect(open_relay.url)  # as it comes: long polling first, then a WebSocket
        await script.next("connect")
        mine = await python.ask("join", room)
        theirs = await script.ask("join", room)
        assert [other["name"] for other in theirs["peers"]] == ["guest"]
        data = os.urandom(5000)
        await python.tell("media-chunk", data)
        label, seen = await script.next("media-chunk")
        assert seen == {"bytes": 5000, "sha256": sha256(data)}
        assert label.keys() == {"from", "relayed_ms"}
        assert label["from"] == mine["peer"]
        await script.tell("media-chunk", data=data)
        label, got = await python.next("media-chunk")
        assert label["from"] == theirs["peer"]
        assert got == data


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]], ids="-".join)
async def test_a_recording_passes_unchanged_to_early_and_late(
    relay: RelayProcess, room: str, transports: list[str]
) -> None:
    objects = recording()
    async with await peer(relay, room, "Ada") as ada, JsClient() as early, JsClient() as late:
        await early.connect(relay.url, auth=relay.auth(), transports=transports)
        await early.next("connect")
        assert (await early.ask("join", {"room": room, "name": "Early"}))["ok"]
        assert await ada.ask("publish", PUBLISH) == {"ok": True}
        [announced] = await early.next("track-published")
        assert announced["track"]["mimeType"] == PUBLISH["mimeType"]
        for label, data in objects:
            assert await ada.ask("media-chunk", label, data) == {"ok": True}
        for label, data in objects:
            got, seen = await early.next("media-chunk")
            assert got.items() >= label.items()
            assert seen == {"bytes": len(data), "sha256": sha256(data)}

        await late.connect(relay.url, auth=relay.auth(), transports=transports)
        await late.next("connect")
        ack = await late.ask("join", {"room": room, "name": "Late"})
        ada_as_found = next(other for other in ack["peers"] if other["name"] == "Ada")
        assert [track["track"] for track in ada_as_found["tracks"]] == ["camera"]
        last_group = objects[-1][0]["group"]
        live = (header("delta", group=last_group, number=2), os.urandom(100))
        await ada.tell("media-chunk", *live)
        wanted = [objects[0], *(item for item in objects if item[0]["group"] == last_group)][1:]
        for label, data in [objects[0], *wanted, live]:
            got, seen = await late.next("media-chunk")
            assert got.items() >= label.items()
            assert seen["sha256"] == sha256(data)


async def test_a_large_chunk_by_long_polling_comes_whole_however_slowly_its_body_does(
    relay: RelayProcess, room: str
) -> None:
    async with await peer(relay, room, "Bob") as bob:
        data = os.urandom(700_000)
        auth = "40" + json.dumps(relay.auth())
        sid = json.loads(relay.get(POLL)[2][1:])["sid"]
        join = '42["join",' + json.dumps({"room": room, "name": "Ada"}) + "]"
        chunk = '451-["media-chunk",{"_placeholder":true,"num":0}]' + "\x1eb" + base64.b64encode(data).decode()
        for packets in (auth, join, chunk):
            await _post_in_pieces(relay, f"{POLL}&sid={sid}", packets.encode())
        assert (await bob.next("media-chunk"))[1] == data


async def _post_in_pieces(relay: RelayProcess, path: str, body: bytes) -> None:
    host, _, port = relay.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    half = len(body) // 2
    writer.write(body[:half])
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.write(body[half:])
    assert b" 200 OK" in await reader.readline()
    writer.close()


async def test_media_by_long_polling_to_a_stock_python_client(relay: RelayProcess, room: str) -> None:
    async with await peer(relay, room, "Ada") as ada, Client() as bob:
        await bob.connect(relay.url, relay.auth(), transports=("polling",))
        await bob.join(room, "Bob")
        for number in range(5):
            await ada.tell("media-chunk", bytes([number]) * 50_000)
        for number in range(5):
            assert (await bob.next("media-chunk"))[1] == bytes([number]) * 50_000


async def test_a_late_joiner_has_its_answer_before_any_media(relay: RelayProcess, room: str) -> None:
    async with await peer(relay, room, "Ada") as ada:
        await ada.ask("publish", PUBLISH)
        await ada.ask("media-chunk", header("init"), b"init")
        await ada.ask("media-chunk", header("key"), b"key")
        raw = await RawClient().connect(relay.url)
        await raw.send("40" + json.dumps(relay.auth()))
        await raw.until(lambda data: data.startswith(b"40{"))
        await raw.send("421" + json.dumps(["join", {"room": room, "name": "Raw"}]))
        arrived = [await raw.frame() for _ in range(5)]
        assert [payload[:3] for _, payload in arrived] == [b"431", b"451", b"ini", b"451", b"key"]
        await raw.close()


async def test_many_small_chunks_keep_their_order_while_a_client_upgrades(relay: RelayProcess, room: str) -> None:
    async with await peer(relay, room, "Ada") as ada:
        await ada.ask("publish", PUBLISH)
        await ada.ask("media-chunk", header("init"), b"i")
        await ada.ask("media-chunk", header("key"), b"0")
        # The newcomer polls first and moves to a WebSocket while the media flows.
        sending = True

        async def send() -> int:
            number = 0
            while sending:
                number += 1
                await ada.ask("media-chunk", header("delta", number=number), str(number).encode())
            return number

        task = asyncio.create_task(send())
        async with JsClient() as script:
            await script.connect(relay.url, auth=relay.auth(), transports=["polling", "websocket"])
            await script.tell("join", {"room": room, "name": "Script"}, ack=True)  # sent as soon as it can be
            seen: list[int] = []
            upgraded_at = None
            while upgraded_at is None or len(seen) < upgraded_at + 50:
                event, *args = await script.next()
                if event == "upgrade":
                    upgraded_at = len(seen)
                elif event == "media-chunk" and args[0]["type"] == "delta":
                    seen.append(args[0]["object"])
            sending = False
            await task
        assert seen == list(range(1, len(seen) + 1))


async def test_what_waits_for_a_slow_subscriber_is_bounded(relay: RelayProcess, room: str) -> None:
    chunk, objects, groups, publishers = 50_000, 4, 17, 8
    raw = await RawClient().connect(relay.url, receive_buffer_bytes=4096)
    await raw.join(relay.auth(), room, "Slow")  # and from here on it does not read
    async with await peer(relay, room, "Fast") as fast:
        monitor = await Client().connect(relay.url, relay.auth("monitor"))
        before_bytes = relay.rss_bytes()
        received = 0
        for _ in range(publishers):
            async with await peer(relay, room, "Ada") as ada:
                await ada.ask("publish", PUBLISH)
                await ada.tell("media-chunk", header("init"), b"i")
                for group in range(groups):
                    for number in range(objects):
                        kind = "delta" if number else "key"
                        label = header(kind, group=group, number=number)  # type: ignore[arg-type]
                        await ada.ask("media-chunk", label, bytes(chunk))
                for _ in range(groups * objects + 1):
                    _, data = await fast.next("media-chunk")
                    received += len(data)
        assert received == publishers * (groups * objects * chunk + 1)  # nothing is lost to who reads
        grown_bytes = relay.rss_bytes() - before_bytes
        assert grown_bytes < received / 2, "the relay keeps what it cannot send"
        state = await monitor.ask("watch", {"room": room})
        dropped = {one["name"]: one["dropped_groups"] for one in state["peers"]}
        assert dropped["Fast"] == 0
        assert dropped["Slow"] > groups

        # It reads again: what waited is whole groups, it is told what it lost, and from the next group on it is served.
        async with await peer(relay, room, "Eve") as eve:
            await eve.ask("publish", PUBLISH)
            await eve.ask("media-chunk", header("init"), b"i")
            await eve.ask("media-chunk", header("key"), b"lost")
            labels, news = await _read_waiting(raw)
            for earlier, label in pairwise(labels):
                if label["type"] == "delta":
                    assert label["object"] == earlier["object"] + 1
                    assert (label["from"], label["group"]) == (earlier["from"], earlier["group"])
            # Of what each publisher sent it was told as it began to lose it; of the last, too.
            assert len({told["from"] for told in news}) == publishers + 1
            assert news[-1].items() >= {"track": "camera", "dropped_groups": 1, "dropped_objects": 1}.items()
            await eve.ask("media-chunk", header("key", group=2), b"again")
            first = json.loads((await raw.until(lambda data: data.startswith(b"451-")))[4:])[1]
            assert first["type"] == "init"
        await monitor.close()
    await raw.close()


async def _read_waiting(raw: RawClient) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All that waits, up to the answer to a question asked now: labels of media, and what it is told it lost."""
    await raw.send('429["clock",1]')
    labels: list[dict[str, Any]] = []
    news: list[dict[str, Any]] = []
    while True:
        _, payload = await raw.frame()
        if payload.startswith(b"439"):
            return labels, news
        if payload.startswith(b"451-"):
            labels.append(json.loads(payload[4:])[1])
        elif payload.startswith(b'42["groups-dropped"'):
            news.append(json.loads(payload[2:])[1])


async def test_who_never_reads_its_answers_is_disconnected(relay: RelayProcess, room: str) -> None:
    long_name = "video/" + "x" * 120
    async with Client() as ada:
        await ada.connect(relay.url, relay.auth())
        await ada.ask("join", {"room": room, "name": "Ada", "plays": [long_name] * 16})
        before_bytes = relay.rss_bytes()
        deaf = await RawClient().connect(relay.url, receive_buffer_bytes=4096)
        await deaf.send("40" + json.dumps(relay.auth("monitor")))
        await deaf.until(lambda data: data.startswith(b"40{"))
        with pytest.raises(ConnectionError):  # noqa: PT012
            while True:  # 2 kB of answer each, of which it reads nothing
                await deaf.send('421["watch",{"room":"' + room + '"}]')
        assert relay.rss_bytes() - before_bytes < 3 * MAX_BACKLOG_BYTES
        await deaf.close()
        assert (await ada.ask("clock", 1))["ok"]


@pytest.mark.parametrize(
    ("event", "args", "code"),
    [
        ("nonsense", (), "bad-message"),
        ("nonsense", (b"bytes",), "bad-message"),
        ("connect", ({},), "bad-message"),
        ("disconnect", (), "bad-message"),
        ("join", (), "bad-message"),
        ("join", (1,), "bad-message"),
        ("join", ({"room": "", "name": "x"},), "bad-room"),
        ("join", ({"room": "x", "name": ["x"]},), "bad-name"),
        ("join", ({"room": "x", "name": "x"}, 1), "bad-message"),
        ("join", (b"lab",), "bad-message"),
        ("publish", ({"track": "a b", "mimeType": "video/webm"},), "bad-track"),
        ("publish", ([[[1]]],), "bad-message"),
        ("unpublish", ({"track": "none"},), "unknown-track"),
        ("rename", ({"name": "x" * 65},), "bad-name"),
        ("clock", ("now",), "bad-message"),
        ("leave", (1,), "bad-message"),
        ("watch", ({"room": " "},), "bad-room"),
        ("unwatch", ({"room": 3},), "bad-room"),
        ("impair", (), "bad-message"),
        ("impair", ("x",), "bad-message"),
        ("impair", ({"room": "x"},), "forbidden"),
        ("impair", ({"room": "x", "delay_ms": -1},), "bad-impairment"),
        ("impair", ({"room": "x", "rate_kbps": "fast"},), "bad-impairment"),
        ("media-chunk", (), "bad-message"),
        ("media-chunk", ("text",), "bad-message"),
        ("media-chunk", (header("init"), "text"), "bad-message"),
        ("media-chunk", (header("init"),), "bad-message"),
        ("media-chunk", (header("init"), b"x", b"y"), "bad-message"),
        ("media-chunk", (b"x", b"y"), "bad-header"),
        ("media-chunk", ({**header("init"), "type": "video"}, b"x"), "bad-header"),
        ("media-chunk", ({**header("init"), "epoch": "1"}, b"x"), "bad-header"),
        ("media-chunk", (header("init", track="none"), b"x"), "unknown-track"),
        ("media-chunk", (header("delta", number=1), b"x"), "out-of-order"),
        ("media-chunk", (header("init"), bytes(64_001)), "init-too-large"),
        ("media-chunk", (header("init"), bytes(MAX_CHUNK_BYTES + 1)), "chunk-too-large"),
        ("media-chunk", (bytes(MAX_CHUNK_BYTES + 1),), "chunk-too-large"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_bad_input_is_refused_by_name_and_hurts_nobody(
    relay: RelayProcess, room: str, event: str, args: tuple[Any, ...], code: str
) -> None:
    async with await peer(relay, room, "Bob") as bob, await peer(relay, room, "Ada") as ada:
        await bob.next("peer-joined")
        await ada.ask("publish", PUBLISH)
        await bob.next("track-published")
        if event == "join":
            await ada.ask("leave")
            await bob.next("peer-left")
        answer = await ada.ask(event, *args)
        assert (answer["ok"], answer["error"]["code"]) == (False, code)
        await ada.tell(event, *args)
        [error] = await ada.next("error")
        assert (error["code"], error["event"]) == (code, event)
        assert (await bob.ask("clock", 1))["ok"]
        assert bob.arrived.empty()


async def test_a_bad_report_is_refused_where_it_is_asked_about(relay: RelayProcess, room: str) -> None:
    bad = {"peers": {"p": {"x": "y"}}}
    async with await peer(relay, room, "Ada") as ada, Client() as monitor:
        assert (await ada.ask("report", bad))["error"]["code"] == "bad-message"
        await monitor.connect(relay.url, relay.auth("monitor"))
        others: list[Any] = [[1], None, {"peers": {"a b": {}}}]
        for report in (bad, *others):
            await ada.tell("report", report)
            assert (await ada.ask("clock", 1))["ok"]
            state = await monitor.ask("watch", {"room": room, "reports": True})
            assert state["reports"] == {}
        assert state["peers"][0]["refused"]["bad-message"] >= 3
        assert (await ada.ask("clock", 1))["ok"]


async def test_a_flood_of_errors_is_answered_once_a_second(relay: RelayProcess, room: str) -> None:
    async with await peer(relay, room, "Ada") as ada:
        for _ in range(500):
            await ada.tell("media-chunk", header("init"), b"x")
        await ada.ask("clock", 1)
        errors = []
        while not ada.arrived.empty():
            errors.append(await ada.next("error"))
        assert 1 <= len(errors) < 100


async def test_a_message_far_too_large_ends_its_sender_only(relay: RelayProcess, room: str) -> None:
    async with await peer(relay, room, "Bob") as bob, await peer(relay, room, "Ada") as ada:
        await bob.next("peer-joined")
        await ada.tell("media-chunk", header("init"), bytes(MAX_MESSAGE_BYTES + 1))
        [left] = await bob.next("peer-left")
        assert left["reason"] == "lost"
        assert (await bob.ask("clock", 1))["ok"]


async def refusal(relay: RelayProcess, auth: Any, transports: tuple[str, ...] = ("websocket",)) -> dict[str, Any]:
    client = Client()
    refusals: list[dict[str, Any]] = []

    async def on_error(data: dict[str, Any]) -> None:
        refusals.append(data)

    client.sio.on("connect_error", on_error)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(relay.url, auth)
    assert refusals[0]["message"] == refusals[0]["data"]["message"]
    data: dict[str, Any] = refusals[0]["data"]
    return data


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        (None, "bad-token"),
        ("token", "bad-token"),
        ([1], "bad-token"),
        ({"protocol": 1}, "bad-token"),
        ({"protocol": 1, "token": 5}, "bad-token"),
        ({"protocol": 1, "token": "x.y.z"}, "bad-token"),
        ({"protocol": 2, "token": "x.y.z"}, "unsupported-protocol"),
        ({"protocol": "1", "token": "x.y.z"}, "unsupported-protocol"),
        ({"token": "x.y.z"}, "unsupported-protocol"),
    ],
    ids=str,
)
async def test_who_may_not_connect(relay: RelayProcess, auth: Any, code: str) -> None:
    assert (await refusal(relay, auth))["code"] == code


async def test_tokens_of_others_and_of_old(relay: RelayProcess) -> None:
    other = mint("o" * 43, role="peer", lifetime_s=60)
    assert (await refusal(relay, {"token": other, "protocol": 1}))["code"] == "bad-token"
    old = relay.auth(now_s=1_000_000)
    assert (await refusal(relay, old))["code"] == "expired-token"


async def test_a_stock_javascript_client_hears_why(relay: RelayProcess) -> None:
    async with JsClient() as script:
        await script.connect(relay.url)
        message, data = await script.next("connect_error")
        assert data == {"code": "bad-token", "message": message}


async def test_an_open_relay_refuses_other_protocols_only(open_relay: RelayProcess, room: str) -> None:
    assert (await refusal(open_relay, {"protocol": 2}))["code"] == "unsupported-protocol"
    async with Client() as client:
        await client.connect(open_relay.url, {"token": "of another relay", "protocol": 1})
        await client.join(room)
        state = await client.ask("watch", {"room": room})
        assert [one["name"] for one in state["peers"]] == ["Ada"]


async def test_an_open_relay_honours_a_token(open_relay: RelayProcess, room: str) -> None:
    async with Client() as client:
        await client.connect(open_relay.url, open_relay.auth(call="c1", peer="p1"))
        assert (await client.join(room))["peer"] == "p1"
        state = await client.ask("watch", {"room": room})
        assert state["peers"][0]["call"] == "c1"


async def test_coming_back_under_the_same_id(relay: RelayProcess, room: str) -> None:
    async with await peer(relay, room, "Bob") as bob, Client() as old, Client() as new:
        await old.connect(relay.url, relay.auth(call="c1"))
        first = await old.join(room)
        grant = verify(relay.secret, first["resume"])
        assert (grant.role, grant.peer, grant.call) == ("peer", first["peer"], "c1")
        await bob.next("peer-joined")

        await new.connect(relay.url, {"token": first["resume"], "protocol": 1})
        second = await new.join(room)
        assert second["peer"] == first["peer"]
        assert [other["name"] for other in second["peers"]] == ["Bob"]
        [error] = await old.next("error")
        assert error["code"] == "replaced"
        await old.next("disconnect")
        assert (await bob.next())[:2] == ("peer-left", {"peer": first["peer"], "reason": "replaced"})
        assert (await bob.next())[0] == "peer-joined"

        await new.close()
        [left] = await bob.next("peer-left")
        assert left == {"peer": first["peer"], "reason": "lost"}
        third = await Client().connect(relay.url, {"token": second["resume"], "protocol": 1})
        assert (await third.join(room))["peer"] == first["peer"]
        await third.close()


async def test_leaving_and_moving(relay: RelayProcess, room: str) -> None:
    async with await peer(relay, room, "Bob") as bob, await peer(relay, room, "Ada") as ada:
        await bob.next("peer-joined")
        await ada.ask("rename", {"name": "Ada L."})
        [renamed] = await bob.next("peer-renamed")
        assert renamed["name"] == "Ada L."
        assert await ada.ask("leave") == {"ok": True}
        [left] = await bob.next("peer-left")
        assert left["reason"] == "left"
        assert (await ada.join(room + " b"))["peers"] == []


async def test_a_monitor_sees_a_room_live(relay: RelayProcess, room: str) -> None:
    async with Client() as monitor:
        await monitor.connect(relay.url, relay.auth("monitor"))
        ack = await monitor.ask("watch", {"room": room, "reports": ["c1"]})
        assert (ack["ok"], ack["room"], ack["peers"]) == (True, room, [])
        ada = await Client().connect(relay.url, relay.auth(call="c1"))
        await ada.join(room)
        [state] = await monitor.next("room")
        assert [(one["name"], one["call"]) for one in state["peers"]] == [("Ada", "c1")]
        own = state["peers"][0]["id"]
        await ada.tell("report", {"peers": {own: {"queue_depth": 4}, "p": {"stalls": 1}}, "sent": {"bytes": 9}})
        [told] = await monitor.next("reports")
        assert told["reports"] == {own: {"peers": {own: {"queue_depth": 4}}, "sent": {"bytes": 9}}}
        await ada.close()
        while state["peers"]:
            [state] = await monitor.next("room")
        assert (await monitor.ask("join", room))["error"]["code"] == "forbidden"
        assert (await monitor.ask("unwatch", {"room": room}))["ok"]


VIDEO = {"track": "video", "mimeType": "video/webm", "audio": False}
AUDIO = {"track": "audio", "mimeType": "audio/webm", "video": False}


async def test_an_impaired_peer_gets_everything_late_and_in_order(relay: RelayProcess, room: str) -> None:
    async with (
        await peer(relay, room, "Ada") as ada,
        await peer(relay, room, "Cy") as cy,
        Client() as bob,
        Client() as teacher,
    ):
        await bob.connect(relay.url, relay.auth())
        bob_id = (await bob.join(room, "Bob"))["peer"]
        await teacher.connect(relay.url, relay.auth("monitor", administers=(room,)))
        trouble = {"delay_ms": 60, "jitter_ms": 60, "rate_kbps": 2000, "stall_ms": 100, "stall_every_ms": 400}
        assert await teacher.ask("impair", {"room": room, "peer": bob_id, **trouble}) == {"ok": True}
        state = await teacher.ask("watch", {"room": room})
        assert {one["name"]: one["impaired"] for one in state["peers"]} == {"Ada": None, "Bob": trouble, "Cy": None}
        await ada.ask("publish", VIDEO)
        sent = [header("init", track="video"), header("key", track="video")]
        sent += [header("delta", number=number, track="video") for number in range(1, 60)]
        for label in sent:
            await ada.tell("media-chunk", label, bytes(1000))
        for client in (cy, bob):
            for label in sent:
                got, _ = await client.next("media-chunk")
                assert got.items() >= label.items()


async def test_what_is_held_waits_for_the_link_but_answers_and_news_do_not(relay: RelayProcess, room: str) -> None:
    async with await peer(relay, room, "Ada") as ada, await peer(relay, room, "Bob") as bob, Client() as teacher:
        await teacher.connect(relay.url, relay.auth("monitor", administers=("*",)))
        held = {"stall_ms": 29_000, "stall_every_ms": 600_000}
        assert (await teacher.ask("impair", {"room": room, **held}))["ok"]  # the room, and who comes later
        async with await peer(relay, room, "Cy") as cy:
            await ada.tell("media-chunk", b"held")
            await ada.ask("publish", PUBLISH)
            for client in (bob, cy):
                await client.next("track-published")
                assert (await client.ask("clock", 1))["ok"]
                assert client.arrived.empty()
            assert (await teacher.ask("impair", {"room": room}))["ok"]
            for client in (bob, cy):
                assert (await client.next())[2] == b"held"


async def test_who_may_not_impair_a_room(relay: RelayProcess, open_relay: RelayProcess, room: str) -> None:
    async with await peer(relay, room, "Ada") as ada, Client() as watcher, Client() as other, Client() as anybody:
        await watcher.connect(relay.url, relay.auth("monitor"))
        await other.connect(relay.url, relay.auth("monitor", administers=("another room",)))
        for client in (ada, watcher, other):
            assert (await client.ask("impair", {"room": room, "delay_ms": 1}))["error"]["code"] == "forbidden"
        await anybody.connect(open_relay.url)
        await anybody.join(room)
        assert (await anybody.ask("impair", {"room": room, "delay_ms": 1}))["error"]["code"] == "forbidden"
        administrator = await Client().connect(open_relay.url, open_relay.auth("monitor", administers=(room,)))
        assert (await administrator.ask("impair", {"room": room, "delay_ms": 1}))["ok"]
        assert (await administrator.ask("impair", {"room": room, "peer": "x"}))["error"]["code"] == "unknown-peer"
        await administrator.close()


async def test_who_reads_slowly_keeps_the_sound_and_loses_video_from_some_object_of_a_group_on(
    relay: RelayProcess, room: str
) -> None:
    raw = await RawClient().connect(relay.url, receive_buffer_bytes=4096)
    await raw.join(relay.auth(), room, "Slow")
    got: dict[str, list[dict[str, Any]]] = {"video": [], "audio": []}
    dropped: list[dict[str, Any]] = []

    async def read(bytes_per_s: float, last: int) -> None:
        while not got["audio"] or got["audio"][-1]["object"] < last:
            _, payload = await raw.frame()
            if payload.startswith(b"451-"):
                label = json.loads(payload[4:])[1]
                got[label["track"]].append(label)
            elif payload.startswith(b'42["groups-dropped"'):
                dropped.append(json.loads(payload[2:])[1])
            await asyncio.sleep(len(payload) / bytes_per_s)

    # 1 Mbit/s of video and 48 kbit/s of sound, for a client that takes 400 kbit/s.
    seconds = 6
    async with await peer(relay, room, "Ada") as ada:
        for track in (VIDEO, AUDIO):
            await ada.ask("publish", track)
            await ada.tell("media-chunk", header("init", track=str(track["track"])), b"i")
        reading = asyncio.create_task(read(50_000, last=seconds * 16 - 1))
        start_s = time.monotonic()
        for number in range(seconds * 400):
            if number % 16 == 0:
                group, index = divmod(number // 16, 25)
                label = header("delta" if index else "key", group=group, number=index, track="video")
                await ada.tell("media-chunk", label, bytes(5000))
            if number % 25 == 0:
                label = header("delta" if number else "key", number=number // 25, track="audio")
                await ada.tell("media-chunk", label, bytes(360))
            await asyncio.sleep(max(0.0, start_s + number / 400 - time.monotonic()))
        await asyncio.wait_for(reading, 60)
        lag = [await ada.next("track-lag")]
        assert lag[0][0] == {"track": "video", "subscribers": 1, "lagging": 1}
    await raw.close()
    assert [label["object"] for label in got["audio"] if label["type"] != "init"] == list(range(seconds * 16))
    video = [label for label in got["video"] if label["type"] != "init"]
    assert len(video) < seconds * 25
    assert dropped
    for earlier, label in pairwise(video):
        if label["type"] == "delta":
            assert (label["group"], label["object"]) == (earlier["group"], earlier["object"] + 1)


async def test_the_clock_is_the_walls(relay: RelayProcess) -> None:
    async with Client() as client:
        await client.connect(relay.url, relay.auth())
        first = await client.ask("clock", 1.5)
        second = await client.ask("clock", 2)
        assert first["t0"] == 1.5
        assert first["now_ms"] <= second["now_ms"]
        assert isinstance(first["now_ms"], float)


def test_the_queue_limit_is_worth_several_camera_groups() -> None:
    assert MAX_QUEUE_BYTES >= 3 * 2_500_000 / 8
