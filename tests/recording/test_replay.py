from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import pytest
from msgspec import structs

from relay_widget.errors import InvalidValueError, RecordingError, RelayRequestError
from relay_widget.recording.format import Ended, PeerJoined, PeerLeft, PeerRenamed, Record, TrackPublished
from relay_widget.recording.replay import replay

from .media import browser_objects, browser_track
from .records import CAMERA, START_MS, opening, received, write
from .room import TIMEOUT_S, participant, until

if TYPE_CHECKING:
    from pathlib import Path

    from relay_widget.client import RelayClient
    from relay_widget.protocol import MediaHeader
    from tests.relay_process import RelayProcess

NAME = "vp8-opus"


class Heard(NamedTuple):
    name: str
    header: MediaHeader
    relayed_ms: float
    data: bytes


def listen(client: RelayClient) -> list[Heard]:
    heard: list[Heard] = []

    def on_object(peer: str, header: MediaHeader, relayed_ms: float, data: bytes) -> None:
        heard.append(Heard(client.peers[peer].name, header, relayed_ms, data))

    client.on_object = on_object
    return heard


def talk(path: Path) -> Path:
    """Ada sends from the beginning, Bob comes a second later and goes before the end; all stamped."""
    ada = [
        item._replace(header=structs.replace(item.header, captured_ms=item.at_ms - 50))
        for item in browser_objects(NAME)
    ]
    bob = [
        item._replace(at_ms=item.at_ms + 1200, relayed_ms=item.at_ms + 1200)
        for item in browser_objects("vp8-canvas", peer="bob")
        if item.at_ms < START_MS + 1500
    ]
    come: list[Record] = [
        PeerJoined(START_MS + 1200, "bob", "Bob"),
        TrackPublished(START_MS + 1200, "bob", browser_track("vp8-canvas")),
    ]
    later: list[Record] = sorted([*come, *ada, *bob, PeerLeft(START_MS + 3000, "bob")], key=lambda record: record.at_ms)
    return write(path, [*opening(browser_track(NAME)), *later, Ended(START_MS + 3300)])


async def test_the_same_peers_send_the_same_objects_when_they_did(relay: RelayProcess, tmp_path: Path) -> None:
    path = talk(tmp_path / "talk.relay")
    async with participant(relay.url, "Eve", "again") as eve:
        heard = listen(eve)
        names: list[tuple[str, ...]] = []
        eve.on_peers = lambda: names.append(tuple(sorted(peer.name for peer in eve.peers.values())))
        playing = replay(path, "again", url=relay.url)
        assert repr(playing) == "<Replay of 'talk.relay' in room 'again': playing>"
        async with asyncio.timeout(TIMEOUT_S):
            assert await playing
        await until(lambda: not eve.peers)
        assert [name for number, name in enumerate(names) if name != (names[number - 1] if number else None)] == [
            ("Ada",),
            ("Ada", "Bob"),
            ("Ada",),
            (),
        ]
        sent = browser_objects(NAME)
        ada = [item for item in heard if item.name == "Ada"]
        assert [item.data for item in ada] == [item.data for item in sent]
        assert [structs.astuple(item.header)[:5] for item in ada] == [structs.astuple(item.header)[:5] for item in sent]
        assert (playing.left_out, playing.sent, playing.progress) == (0, len(heard), 1.0)
        bob = [item.data for item in heard if item.name == "Bob"]
        assert bob == [item.data for item in browser_objects("vp8-canvas") if item.at_ms < START_MS + 1500]
        # None is sent before its time, and captured_ms is moved with it: the 50 ms from capture to relay, and what
        # this machine added.
        first = ada[0]
        for item, before in zip(ada, sent, strict=True):
            assert item.header.captured_ms is not None
            assert first.header.captured_ms is not None
            moved_ms = item.header.captured_ms - first.header.captured_ms
            assert moved_ms == pytest.approx(before.at_ms - START_MS, abs=20)
            assert item.relayed_ms - item.header.captured_ms > 40


async def test_faster(relay: RelayProcess, tmp_path: Path) -> None:
    path = talk(tmp_path / "talk.relay")
    async with participant(relay.url, "Eve") as eve:
        heard = listen(eve)
        playing = replay(path, url=relay.url, speed=4)
        assert playing.room == "lab"
        async with asyncio.timeout(TIMEOUT_S):
            await playing
        ada = [item for item in heard if item.name == "Ada"]
        assert [item.data for item in ada] == [item.data for item in browser_objects(NAME)]
        captured = [item.header.captured_ms for item in ada if item.header.captured_ms is not None]
        assert captured[-1] - captured[0] == pytest.approx(3300 / 4, abs=120)


async def test_it_can_be_stopped(relay: RelayProcess, tmp_path: Path) -> None:
    path = talk(tmp_path / "talk.relay")
    async with participant(relay.url, "Eve") as eve:
        playing = replay(path, url=relay.url, speed=0.01)
        await until(lambda: eve.peers)
        assert not playing.wait(0.01)
        await asyncio.to_thread(playing.stop)
        playing.stop()
        await until(lambda: not eve.peers)
        assert playing.wait(0)
        assert repr(playing) == "<Replay of 'talk.relay' in room 'lab': over>"


async def test_who_came_back_plays_on(relay: RelayProcess, tmp_path: Path) -> None:
    group = [received("init"), received("key"), received("delta", number=1)]
    back = [PeerLeft(START_MS, "ada"), *opening()[1:]]
    path = write(tmp_path / "talk.relay", [*opening(), *group, *back, *group, received("init", 2), received("key", 2)])
    async with participant(relay.url, "Eve") as eve:
        heard = listen(eve)
        async with asyncio.timeout(TIMEOUT_S):
            await replay(path, url=relay.url)
        once = [b"init 1 0 0", b"key 1 1 0", b"delta 1 1 1"]
        await until(lambda: [item.data for item in heard] == [*once, *once, b"init 2 0 0", b"key 2 2 0"[:4] + b"2 1 0"])


async def test_who_was_renamed_is_renamed_again(relay: RelayProcess, tmp_path: Path) -> None:
    path = write(tmp_path / "talk.relay", [*opening(), PeerRenamed(START_MS + 300, "ada", "Ada L."), Ended(START_MS)])
    async with participant(relay.url, "Eve") as eve:
        names: list[str] = []
        eve.on_peers = lambda: names.extend(peer.name for peer in eve.peers.values())
        async with asyncio.timeout(TIMEOUT_S):
            await replay(path, url=relay.url)
        await until(lambda: not eve.peers)
    assert list(dict.fromkeys(names)) == ["Ada", "Ada L."]


async def test_a_burst_is_spread_so_that_the_relay_takes_it(relay: RelayProcess, tmp_path: Path) -> None:
    burst = [received("delta", number=number, data=bytes(20_000)) for number in range(1, 200)]
    path = write(tmp_path / "talk.relay", [*opening(CAMERA), received("init"), received("key"), *burst])
    async with participant(relay.url, "Eve") as eve:
        heard = listen(eve)
        playing = replay(path, url=relay.url, speed=100)
        async with asyncio.timeout(TIMEOUT_S):
            await playing
        assert (playing.sent, playing.left_out) == (201, 0)
        await until(lambda: len(heard) == 201)


def test_a_cell_that_is_not_async_waits(relay: RelayProcess, tmp_path: Path) -> None:
    path = write(tmp_path / "talk.relay", [*opening(), received("init"), received("key"), Ended(START_MS + 100)])
    assert replay(path, url=relay.url).wait(TIMEOUT_S)


def test_an_empty_recording_is_over_at_once(relay: RelayProcess, tmp_path: Path) -> None:
    (tmp_path / "empty.relay").write_bytes(b"")
    assert replay(tmp_path / "empty.relay", "lab", url=relay.url).wait(TIMEOUT_S)


def test_without_a_relay_it_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.relay", opening())
    playing = replay(path, url="http://127.0.0.1:9")
    with pytest.raises(RelayRequestError) as caught:
        playing.wait(TIMEOUT_S)
    assert caught.value.code == "no-answer"
    assert playing.error is caught.value
    assert "failed: No relay answers at http://127.0.0.1:9" in repr(playing)


def test_what_cannot_be_replayed(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.relay", opening())
    for speed in (0, -1, 101, float("nan"), "fast"):
        with pytest.raises(InvalidValueError, match="speed must be"):
            replay(path, speed=speed)  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError):
        replay(path, "")
    with pytest.raises(RecordingError):
        replay(tmp_path / "none.relay")
