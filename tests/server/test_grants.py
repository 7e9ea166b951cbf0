"""Tokens and what they allow, against the real relay: expired, replayed, for another room, with too little right."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
import socketio

from relay_widget.tokens import mint, verify
from tests.core.media import header
from tests.relay_process import RelayProcess

from .clients import Client, JsClient, RawClient
from .test_adapter import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLISH = {"track": "camera", "mimeType": "video/webm;codecs=vp8,opus"}


@pytest.fixture(scope="module")
def talkative() -> Iterator[RelayProcess]:
    """A relay that logs all it can."""
    with RelayProcess(("--log-level", "debug")) as process:
        yield process
        assert process.process.poll() is None, process.log
        assert "Traceback" not in process.log


async def refused(relay: RelayProcess, token: str) -> str:
    error = await refusal(relay, {"token": token, "protocol": 1})
    assert token not in error["message"]
    return str(error["code"])


async def code(client: Client | JsClient, event: str, *args: Any) -> str:
    ack = await client.ask(event, *args)
    assert not ack["ok"], ack
    return str(ack["error"]["code"])


async def test_expired_and_forged_tokens_do_not_connect(relay: RelayProcess) -> None:
    expired = mint(relay.secret, role="peer", lifetime_s=60, now_s=time.time() - 61)
    assert await refused(relay, expired) == "expired-token"
    late_ticket = mint(relay.secret, role="peer", lifetime_s=3600, connect_within_s=60, now_s=time.time() - 61)
    assert await refused(relay, late_ticket) == "expired-token"
    good = mint(relay.secret, role="peer", lifetime_s=60)
    other = mint(relay.secret, role="peer", lifetime_s=60, administers=("*",))
    head, _, signature = good.split(".")
    assert await refused(relay, f"{head}.{other.split('.')[1]}.{signature}") == "bad-token"


async def test_a_token_in_the_address_is_none(relay: RelayProcess) -> None:
    token = mint(relay.secret, role="peer", lifetime_s=60)
    client, refusals = Client(), asyncio.Queue[dict[str, Any]]()
    client.sio.on("connect_error", refusals.put)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(f"{relay.url}/?token={token}", {"protocol": 1})
    assert refusals.get_nowait()["data"]["code"] == "bad-token"


async def test_a_token_replayed_for_another_room_or_for_more(relay: RelayProcess, room: str) -> None:
    async with Client() as viewer, Client() as again:
        await viewer.connect(relay.url, relay.auth(room=room, publish=False, name="Vera"))
        ack = await viewer.join(room, "Somebody else")
        assert await code(viewer, "publish", PUBLISH) == "forbidden"
        assert await code(viewer, "media-chunk", header("init"), b"x") == "forbidden"
        assert await code(viewer, "impair", {"room": room, "delay_ms": 1}) == "forbidden"
        assert await code(viewer, "rename", {"name": "Somebody else"}) == "forbidden"
        assert (await viewer.ask("watch", {"room": room}))["ok"]
        assert await code(viewer, "watch", {"room": f"{room} b"}) == "forbidden"
        # What it is given to come back with allows no more and lasts no longer.
        grant, resume = verify(relay.secret, ack["resume"]), ack["resume"]
        assert (grant.room, grant.publish, grant.name, grant.peer) == (room, False, "Vera", ack["peer"])
        assert grant.expires_s <= ack["expires_ms"] / 1000 + 1
        await again.connect(relay.url, {"token": resume, "protocol": 1})
        assert await code(again, "join", {"room": f"{room} b", "name": "Vera"}) == "forbidden"
        assert (await again.join(room))["peer"] == ack["peer"]
        assert await code(again, "publish", PUBLISH) == "forbidden"
        assert (await viewer.next("error"))[0]["code"] == "replaced"


async def test_a_resume_token_of_an_administrator_still_administers(relay: RelayProcess, room: str) -> None:
    async with Client() as host, Client() as again:
        await host.connect(relay.url, relay.auth(administers=(room,)))
        resume = (await host.join(room))["resume"]
        await again.connect(relay.url, {"token": resume, "protocol": 1})
        await again.join(room)
        assert await again.ask("impair", {"room": room, "delay_ms": 1}) == {"ok": True}


async def test_a_token_that_expires_ends_the_connection(relay: RelayProcess, room: str) -> None:
    async with Client() as ada, Client() as bob:
        await bob.connect(relay.url, relay.auth())
        await bob.join(room)
        await ada.connect(relay.url, relay.auth(lifetime_s=3))
        ack = await ada.join(room)
        assert 0 < ack["expires_ms"] - ack["now_ms"] <= 3000
        [error] = await ada.next("error")
        assert error["code"] == "expired-token"
        await ada.next("disconnect")
        assert (await bob.next("peer-left")) == ({"peer": ack["peer"], "reason": "expired"},)
        assert await refused(relay, ack["resume"]) == "expired-token"


async def test_one_that_will_not_go_is_hung_up_on(relay: RelayProcess, room: str) -> None:
    raw = await RawClient().connect(relay.url)
    await raw.join(relay.auth(lifetime_s=2), room)
    await raw.ended()  # it answers nothing and closes nothing itself
    await raw.close()


async def test_a_fresh_token_prolongs_the_stay(relay: RelayProcess, room: str) -> None:
    async with Client() as ada:
        await ada.connect(relay.url, relay.auth(lifetime_s=3))
        first = await ada.join(room)
        renewed = await ada.ask("renew", {"token": relay.auth(lifetime_s=60)["token"]})
        assert renewed["ok"]
        assert renewed["expires_ms"] > first["expires_ms"] + 50_000
        grant = verify(relay.secret, renewed["resume"])
        assert grant.peer == first["peer"]
        assert grant.expires_s == pytest.approx(renewed["expires_ms"] / 1000, abs=2)
        assert await code(ada, "renew", {"token": relay.auth(publish=False)["token"]}) == "forbidden"
        assert await code(ada, "renew", {"token": "x"}) == "bad-token"
        assert await code(ada, "renew", "x") == "bad-message"
        # Its first token ends; a connection that comes after it and is ended says that this one was spared.
        async with Client() as later:
            await later.connect(relay.url, relay.auth(lifetime_s=4))
            await later.next("error")
        assert (await ada.ask("clock", 0))["now_ms"] > first["expires_ms"]


@pytest.mark.process
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_no_log_holds_a_token_or_the_secret(talkative: RelayProcess, room: str, transport: str) -> None:
    relay = talkative
    tokens = [relay.auth(publish=False)["token"], relay.auth(lifetime_s=60, publish=False)["token"]]
    forged = mint("t" * 43, role="peer", lifetime_s=60)
    async with JsClient() as client:
        await client.connect(relay.url, auth={"token": tokens[0], "protocol": 1}, transports=[transport])
        await client.next("connect")
        tokens.append((await client.ask("join", {"room": room, "name": "Ada"}))["resume"])
        tokens.append((await client.ask("renew", {"token": tokens[1]}))["resume"])
        for wrong in (forged, {"token": forged}, [forged]):
            assert await code(client, "renew", {"token": wrong}) == "bad-token"
        # Where it does not belong.
        assert await code(client, "join", {"room": forged, "name": "x"}) == "bad-room"
        assert await code(client, "rename", {"name": forged}) == "bad-name"
        assert await code(client, forged) == "bad-message"
        assert await code(client, "publish", PUBLISH) == "forbidden"
    assert await refused(relay, forged) == "bad-token"
    assert 'refused code="forbidden" event="publish" reason="This token is for watching' in relay.log
    assert 'refused code="bad-token"' in relay.log
    for token in (*tokens, forged):
        _, claims, signature = token.split(".")
        assert claims[:20] not in relay.log
        assert signature[:20] not in relay.log
    assert relay.secret not in relay.log


async def test_a_listener_is_seen_by_all_and_does_no_more_than_listen(relay: RelayProcess, room: str) -> None:
    async with Client() as host, Client() as ada, Client() as rec, Client() as late, Client() as sender:
        await host.connect(relay.url, relay.auth(administers=(room,)))
        await ada.connect(relay.url, relay.auth())
        await ada.join(room)
        await ada.ask("publish", PUBLISH)
        await ada.ask("media-chunk", header("init"), b"init")
        await rec.connect(relay.url, relay.auth(publish=False))
        joins = {"room": room, "name": "Rita", "listener": {"does": "records"}}
        answer = await rec.ask("join", joins)
        seen = {"id": answer["peer"], "name": "Rita", "does": "records", "of": None}
        assert await ada.next() == ("listener-joined", {"listener": seen})
        assert (await rec.next("media-chunk"))[1] == b"init"
        await late.connect(relay.url, relay.auth())
        there = await late.join(room, "Late")
        assert ([peer["name"] for peer in there["peers"]], there["listeners"]) == (["Ada"], [seen])
        for act in (("publish", PUBLISH), ("media-chunk", header("init"), b"init"), ("media-chunk", b"plain")):
            assert await code(rec, *act) == "forbidden"
        await sender.connect(relay.url, relay.auth(subscribe=False))
        assert await code(sender, "join", joins) == "forbidden"
        await rec.close()
        assert await ada.next("listener-left") == ({"listener": seen["id"], "reason": "lost"},)
        back = Client()
        async with back:
            await back.connect(relay.url, {**relay.auth(), "token": answer["resume"]})
            assert (await back.ask("join", joins))["peer"] == seen["id"]
            assert (await host.ask("remove", {"room": room, "peer": seen["id"]}))["ok"]
            assert (await back.next("error"))[0]["code"] == "removed"
        assert await late.next("listener-left") == ({"listener": seen["id"], "reason": "lost"},)
        assert await late.next("listener-left") == ({"listener": seen["id"], "reason": "removed"},)


async def test_acts_of_an_administrator(relay: RelayProcess, room: str) -> None:
    async with Client() as host, Client() as ada, Client() as bob, Client() as late:
        await host.connect(relay.url, relay.auth(administers=(room,)))
        await ada.connect(relay.url, relay.auth())
        await bob.connect(relay.url, relay.auth())
        me = (await ada.join(room))["peer"]
        await bob.join(room, "Bob")
        await ada.ask("publish", PUBLISH)
        await bob.next("track-published")
        for act in ("mute", "remove", "lock", "end"):
            assert await code(bob, act, {"room": room, "peer": me}) == "forbidden"

        assert await host.ask("mute", {"room": room, "peer": me, "track": "camera"}) == {"ok": True}
        assert await ada.next("track-muted") == ({"track": "camera", "muted": True},)
        assert await bob.next() == ("track-unpublished", {"from": me, "track": "camera", "muted": True})
        await ada.ask("media-chunk", header("init"), b"init")
        await ada.ask("media-chunk", header("key"), b"unheard")
        assert (await host.ask("mute", {"room": room, "peer": me, "muted": False}))["ok"]
        await ada.ask("media-chunk", header("key", group=2), b"heard")
        assert (await bob.next())[0] == "track-published"
        assert [(await bob.next())[2] for _ in range(2)] == [b"init", b"heard"]

        assert (await host.ask("lock", {"room": room}))["ok"]
        await late.connect(relay.url, relay.auth())
        assert await code(late, "join", {"room": room, "name": "Late"}) == "room-locked"

        assert (await host.ask("remove", {"room": room, "peer": me}))["ok"]
        assert (await ada.next("error"))[0]["code"] == "removed"
        await ada.next("disconnect")
        assert (await bob.next()) == ("peer-left", {"peer": me, "reason": "removed"})

        assert (await host.ask("end", {"room": room}))["ok"]
        assert (await bob.next("error"))[0]["code"] == "room-ended"
        await bob.next("disconnect")
        assert (await late.join(room, "Late"))["peers"] == []
