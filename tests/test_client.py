from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from relay_widget import launcher
from relay_widget.client import MAX_UPLINK_BYTES, RelayClient, _Outbox
from relay_widget.errors import InvalidValueError, RelayRequestError
from relay_widget.protocol import Code, Event, MediaHeader, Report, Track

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay_widget.errors import RelayWidgetError
    from relay_widget.protocol import LeftReason, ObjectType

    from .relay_process import RelayProcess

VIDEO = Track("video", "video/webm;codecs=vp8", source="pattern", audio=False, timeslice_ms=33)


class Participant(RelayClient):
    """A client that writes down what it hears."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heard: list[str] = []
        self.objects: list[tuple[str, MediaHeader, float, bytes]] = []
        self.ended_with: RelayWidgetError | None = None
        self.on_joined = lambda: self.heard.append("joined")
        self.on_lost = lambda: self.heard.append("lost")
        self.on_ended = self._note_end
        self.on_peer_left = self._note_left
        self.on_object = lambda *news: self.objects.append(news)
        self.on_refused = lambda error, track: self.heard.append(f"{error.code} {track}")

    def _note_end(self, error: RelayWidgetError | None) -> None:
        self.heard.append("ended")
        self.ended_with = error

    def _note_left(self, peer_id: str, reason: LeftReason) -> None:
        self.heard.append(f"{peer_id} {reason}")

    @property
    def names(self) -> list[str]:
        return [peer.name for peer in self.peers.values()]


def participant(relay: RelayProcess, name: str, room: str = "lab", **claims: Any) -> Participant:
    return Participant(room, name, url=relay.url, token=relay.auth(**claims)["token"])


async def until(condition: Callable[[], object], timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - it is other people's condition
            await asyncio.sleep(0.02)


def send_group(client: RelayClient, group: int, *, epoch: int = 1, objects: int = 3) -> None:
    for number in range(objects):
        kind: ObjectType = "key" if number == 0 else "delta"
        header = MediaHeader("video", epoch, group, number, kind, captured_ms=client.now_ms(), media_ms=40.0 * number)
        assert client.send(header, bytes([group, number]))


async def test_they_see_each_other_and_their_objects(relay: RelayProcess) -> None:
    ada, bob = participant(relay, "Ada"), participant(relay, "Bob")
    await ada.connect()
    await bob.connect()
    await until(lambda: ada.names == ["Bob"])
    assert bob.names == ["Ada"]
    await ada.publish(VIDEO)
    await until(lambda: bob.peers[ada.id].tracks == (VIDEO,))
    before_ms = ada.now_ms()
    ada.send(MediaHeader("video", 1, 0, 0, "init"), b"init")
    send_group(ada, 1)
    await until(lambda: len(bob.objects) == 4)
    assert [(header.type, data) for _, header, _, data in bob.objects] == [
        ("init", b"init"),
        ("key", bytes([1, 0])),
        ("delta", bytes([1, 1])),
        ("delta", bytes([1, 2])),
    ]
    from_id, header, relayed_ms, _ = bob.objects[-1]
    assert from_id == ada.id
    assert header.media_ms == 80
    assert header.captured_ms is not None
    assert header.sent_ms is not None
    slack_ms = ada.clock.error_ms + 1
    assert before_ms <= header.captured_ms <= header.sent_ms <= relayed_ms + slack_ms
    await ada.unpublish("video")
    await until(lambda: bob.peers[ada.id].tracks == ())
    await ada.close()
    await until(lambda: f"{ada.id} left" in bob.heard)
    assert bob.peers == {}
    await bob.close()
    assert ada.heard == ["joined", "lost", "ended"]
    assert ada.ended_with is None


async def test_who_comes_late_gets_init_and_the_current_group(relay: RelayProcess) -> None:
    ada, bob = participant(relay, "Ada"), participant(relay, "Bob")
    await ada.connect()
    await ada.publish(VIDEO)
    ada.send(MediaHeader("video", 1, 0, 0, "init"), b"init")
    send_group(ada, 1)
    send_group(ada, 2)
    await ada.publish(VIDEO)  # its answer comes when the relay has had all of it
    await bob.connect()
    await until(lambda: len(bob.objects) == 4)
    assert [data for *_, data in bob.objects] == [b"init", bytes([2, 0]), bytes([2, 1]), bytes([2, 2])]
    await ada.close()
    await bob.close()


async def test_the_relays_clock_is_known(relay: RelayProcess) -> None:
    ada = participant(relay, "Ada")
    await ada.connect()
    first_ms = ada.clock.error_ms
    await until(lambda: ada.clock.error_ms < first_ms)
    assert ada.now_ms() == pytest.approx(ada.clock.now_ms(), abs=50)
    await ada.close()


async def test_a_refusal_is_the_relays_code_and_sentence(relay: RelayProcess) -> None:
    for client, code in (
        (participant(relay, "Ada", room="other"), Code.FORBIDDEN),
        (Participant("lab", "Ada", url=relay.url, token="nonsense"), Code.BAD_TOKEN),  # noqa: S106
        (Participant("lab", "Ada", url=relay.url), Code.BAD_TOKEN),
        (participant(relay, "Ada", lifetime_s=-10), Code.EXPIRED_TOKEN),
    ):
        if client.room == "other":
            client._token = relay.auth(room="lab")["token"]
        with pytest.raises(RelayRequestError) as refused:
            await client.connect()
        assert refused.value.code == code
        assert client.ended_with is refused.value
        assert not client.joined


async def test_what_a_token_does_not_allow_is_refused(relay: RelayProcess) -> None:
    ada, bob = participant(relay, "Ada", publish=False), participant(relay, "Bob", subscribe=False)
    await ada.connect()
    await bob.connect()
    with pytest.raises(RelayRequestError) as refused:
        await ada.publish(VIDEO)
    assert refused.value.code == Code.FORBIDDEN
    assert not ada.send(MediaHeader("video", 1, 0, 0, "init"), b"init")  # it is not published
    await bob.publish(VIDEO)
    bob.send(MediaHeader("video", 1, 0, 0, "init"), b"init")
    await until(lambda: ada.objects)
    assert bob.objects == []
    await ada.close()
    await bob.close()


async def test_what_is_out_of_order_is_told(relay: RelayProcess) -> None:
    ada = participant(relay, "Ada")
    await ada.connect()
    await ada.publish(VIDEO)
    ada.send(MediaHeader("video", 1, 1, 0, "key"), b"before any init")
    await until(lambda: "out-of-order video" in ada.heard)
    assert ada.joined
    await ada.close()


async def test_what_cannot_be_is_said_before_anything_happens(relay: RelayProcess) -> None:
    for arguments, code in (
        ({"room": ""}, "bad-room"),
        ({"name": "x" * 65}, "bad-name"),
        ({"url": "localhost"}, "bad-url"),
    ):
        with pytest.raises(InvalidValueError) as refused:
            Participant(**arguments)
        assert refused.value.code == code
    ada = participant(relay, "Ada")
    await ada.connect()
    with pytest.raises(InvalidValueError) as refused:
        await ada.publish(Track("my camera", "video/webm"))
    assert refused.value.code == "bad-track"
    with pytest.raises(RelayRequestError, match="make another client"):
        await ada.connect()
    await ada.close()


async def test_where_no_relay_is_one_sentence_says_so(relay: RelayProcess) -> None:
    client = Participant(url="http://127.0.0.1:9", token="nonsense")  # noqa: S106
    with pytest.raises(RelayRequestError, match="check the address") as refused:
        await client.connect()
    assert refused.value.code == "no-answer"


async def test_who_is_removed_or_replaced_does_not_come_back(relay: RelayProcess) -> None:
    ada = participant(relay, "Ada", peer="ada")
    await ada.connect()
    again = participant(relay, "Ada", peer="ada")
    await again.connect()
    await until(lambda: "ended" in ada.heard)
    assert ada.ended_with is ada.error
    assert ada.error is not None
    assert ada.error.code == Code.REPLACED
    chief = participant(relay, "Chief", administers=("lab",))
    await chief.connect()
    await chief._ask(Event.REMOVE, {"room": "lab", "peer": "ada"})
    await until(lambda: "ended" in again.heard)
    assert again.ended_with is not None
    assert again.ended_with.code == Code.REMOVED
    await chief.close()


async def test_a_report_reaches_monitors(relay: RelayProcess) -> None:
    import socketio  # noqa: PLC0415

    ada = participant(relay, "Ada", room="reported")
    await ada.connect()
    ada.report(Report(sent={"bitrate_kbps": 900.0}))
    monitor = socketio.AsyncClient()
    await monitor.connect(relay.url, auth=relay.auth("monitor"))

    async def reported() -> dict[str, float]:
        room = await monitor.call(Event.WATCH, {"room": "reported", "reports": True})
        return next((dict(report["sent"]) for report in room["reports"].values()), {})

    async with asyncio.timeout(20):
        while await reported() != {"bitrate_kbps": 900.0}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await monitor.disconnect()
    await ada.close()


async def test_a_listener_that_fails_hurts_nobody(relay: RelayProcess) -> None:
    ada, bob = participant(relay, "Ada"), participant(relay, "Bob")
    ada.on_peers = lambda: 1 / 0  # type: ignore[assignment]
    await ada.connect()
    await bob.connect()
    await until(lambda: ada.names == ["Bob"])
    await bob.close()
    await until(lambda: f"{bob.id} left" in ada.heard)
    await ada.close()


async def test_the_relay_is_started_killed_and_found_again(runtime: Path) -> None:
    ada, bob = Participant(name="Ada"), Participant(name="Bob", subscribe=False)
    await ada.connect()
    await bob.connect()
    await bob.publish(VIDEO)
    ids = ada.id, bob.id
    os.kill((await asyncio.to_thread(launcher.ensure_relay)).pid, signal.SIGKILL)
    await until(lambda: ada.heard.count("joined") == bob.heard.count("joined") == 2)
    assert (ada.id, bob.id) == ids
    await until(lambda: bob.id in ada.peers and ada.peers[bob.id].tracks == (VIDEO,))
    bob.send(MediaHeader("video", 1, 0, 0, "init"), b"init")
    send_group(bob, 1)
    await until(lambda: len(ada.objects) == 4)
    await ada.publish(VIDEO)
    ada.send(MediaHeader("video", 1, 0, 0, "init"), b"init")
    await ada.unpublish("video")
    assert bob.objects == []  # it asked for none
    await ada.close()
    await bob.close()


async def test_a_relay_that_ends_is_left_and_found_again(runtime: Path) -> None:
    ada = Participant(name="Ada")
    await ada.connect()
    own_id = ada.id
    pid = (await asyncio.to_thread(launcher.ensure_relay)).pid
    os.kill(pid, signal.SIGTERM)
    await until(lambda: ada.heard == ["joined", "lost", "joined"])
    assert ada.id == own_id
    assert (await asyncio.to_thread(launcher.ensure_relay)).pid != pid
    await ada.close()


async def test_the_users_own_token_is_renewed(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay_widget.client.RESUME_LIFETIME_S", 4)
    ada = Participant(name="Ada")
    await ada.connect()
    await asyncio.sleep(6)
    assert ada.heard == ["joined"]
    assert ada.joined
    await ada.close()


async def test_nothing_is_left_running(relay: RelayProcess) -> None:
    before = asyncio.all_tasks()
    ada = participant(relay, "Ada")
    await ada.connect()
    assert asyncio.all_tasks() > before
    await ada.close()
    await ada.close()
    await until(lambda: asyncio.all_tasks() == before)
    connecting = asyncio.create_task(participant(relay, "Bob").connect())
    await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    await until(lambda: asyncio.all_tasks() == before)


class TestWhatWaits:
    def put(self, outbox: _Outbox, group: int, number: int, size_bytes: int, *, audio_only: bool = False) -> bool:
        track = "audio" if audio_only else "video"
        kind: ObjectType = "key" if number == 0 else "delta"
        return outbox.put_object(MediaHeader(track, 1, group, number, kind), bytes(size_bytes), audio_only=audio_only)

    def test_video_is_left_out_in_whole_groups(self) -> None:
        outbox = _Outbox()
        assert self.put(outbox, 1, 0, MAX_UPLINK_BYTES + 1)
        assert not self.put(outbox, 1, 1, 10)
        assert not self.put(outbox, 2, 0, 10)
        assert len(outbox.take()) == 1
        assert not self.put(outbox, 2, 1, 10)  # taken is not yet gone
        outbox.sent()
        assert not self.put(outbox, 2, 2, 10)  # in the midst of a group
        assert self.put(outbox, 3, 0, 10)
        assert self.put(outbox, 3, 1, 10)

    def test_sound_and_events_pass_video_that_waits(self) -> None:
        outbox = _Outbox()
        assert self.put(outbox, 1, 0, MAX_UPLINK_BYTES + 1)
        assert not self.put(outbox, 1, 1, 10)
        assert self.put(outbox, 1, 0, 10, audio_only=True)
        assert outbox.put_object(MediaHeader("video", 2, 0, 0, "init"), b"init", audio_only=False)
        outbox.put(Event.REPORT, {})
        assert len(outbox.take()) == 4
