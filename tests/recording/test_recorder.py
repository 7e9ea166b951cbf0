from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from relay_widget.errors import InvalidValueError, RecordingError, RelayRequestError
from relay_widget.recording.file import open_recording
from relay_widget.recording.recorder import Recorder

from .room import TIMEOUT_S, participant, send, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.relay_process import RelayProcess


async def test_what_is_sent_is_in_the_file(relay: RelayProcess, tmp_path: Path) -> None:
    recorder = Recorder("lab", tmp_path / "talk.relay", url=relay.url)
    async with participant(relay.url) as ada, participant(relay.url, "Bob"):
        await asyncio.to_thread(recorder.start)
        assert repr(recorder) == "<Recorder of room 'lab' to 'talk.relay': recording>"
        assert recorder.start() is recorder
        sent = await send(ada)
        await until(lambda: recorder.objects == len(sent))
        await ada.unpublish("video")
        await until(lambda: open_recording(recorder.path).events[-1][1].__class__.__name__ == "TrackUnpublished")
    await asyncio.to_thread(recorder.stop)
    recorder.stop()
    assert (recorder.error, recorder.dropped, recorder.recording) == (None, 0, False)
    assert recorder.bytes == recorder.path.stat().st_size
    assert recorder.duration_s > 0
    call = open_recording(recorder.path)
    assert (call.complete, call.room) == (True, "lab")
    assert sorted(peer.name for peer in call.peers.values()) == ["Ada", "Bob"]
    found = list(call.objects(call.find("Ada").id, "video"))
    assert [item.data for item in found] == [item.data for item in sent]
    assert [item.header._replace(sent_ms=None) for item in found] == [item.header for item in sent]
    for item in found:
        assert item.header.sent_ms is not None
        assert item.relayed_ms is not None
        assert abs(item.at_ms - item.relayed_ms) < 60_000


async def test_who_records_late_has_the_running_group(relay: RelayProcess, tmp_path: Path) -> None:
    async with participant(relay.url) as ada:
        sent = await send(ada, pause_s=0)
        recorder = Recorder("lab", tmp_path / "talk.relay", url=relay.url)
        await asyncio.to_thread(recorder.start)
        last = [item.data for item in sent if item.header.group == sent[-1].header.group]
        await until(lambda: recorder.objects == 1 + len(last))
        await asyncio.to_thread(recorder.stop)
        call = open_recording(recorder.path)
        assert [item.data for item in call.objects(ada.id, "video")] == [sent[0].data, *last]


async def test_a_relay_that_is_started_again_is_recorded_on(relay: RelayProcess, tmp_path: Path) -> None:
    with Recorder("lab", tmp_path / "talk.relay", url=relay.url) as recorder:
        async with participant(relay.url) as ada:
            first = await send(ada)
            await until(lambda: recorder.objects == len(first))
            back: list[bool] = []
            ada.on_joined = lambda: back.append(True)
            relay.kill()
            relay.start()
            await until(lambda: back and any(peer.name == "Recorder" for peer in ada.peers.values()))
            await send(ada, epoch=2)
            await until(lambda: recorder.objects == 2 * len(first))
    call = open_recording(recorder.path)
    tracks = [track for peer in call.peers.values() for track in peer.tracks.values()]
    assert recorder.error is None
    assert sum(len(track.offsets) for track in tracks) == 2 * len(first)


def test_a_crash_loses_the_last_second_at_most(relay: RelayProcess, tmp_path: Path) -> None:
    code = """if True:
        import asyncio, sys, time
        from relay_widget.recording.recorder import Recorder
        from tests.recording.room import participant, send, until
        async def main(url, path):
            recorder = Recorder("lab", path, url=url)
            await asyncio.to_thread(recorder.start)
            async with participant(url) as ada:
                sent = await send(ada)
                await until(lambda: recorder.objects == len(sent))
                await asyncio.sleep(1.1)
                print(len(sent), flush=True)
                await asyncio.sleep(60)
        asyncio.run(main(*sys.argv[1:]))
    """
    path = tmp_path / "talk.relay"
    with subprocess.Popen([sys.executable, "-c", code, relay.url, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        sent = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    call = open_recording(path)
    assert not call.complete
    assert call.lost_bytes == 0
    [ada] = call.peers.values()
    assert len(ada.tracks["video"].offsets) == sent


async def test_a_full_disk_ends_the_recording_and_not_the_call(relay: RelayProcess, tmp_path: Path) -> None:
    recorder = Recorder("lab", tmp_path / "talk.relay", url=relay.url)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with participant(relay.url) as ada, participant(relay.url, "Bob") as bob:
        heard: list[bytes] = []
        bob.on_object = lambda *args: heard.append(args[3])
        await asyncio.to_thread(recorder.start)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        try:
            sent = await send(ada)
            await until(lambda: recorder.error is not None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        await until(lambda: len(heard) == len(sent))
        await until(lambda: [peer.name for peer in bob.peers.values()] == ["Ada"])  # who records no more is not there
        assert isinstance(recorder.error, RecordingError)
        assert recorder.error.code == "disk-full"
        assert "failed: The disk of" in repr(recorder)
        duration_s = recorder.duration_s
        recorder.stop()
        assert recorder.duration_s == duration_s
        call = open_recording(recorder.path)
        assert call.lost_bytes == 0
        recorded = [item.data for item in call.objects(ada.id, "video")]
        assert 10 < len(recorded) < len(sent)
        assert recorded == [item.data for item in sent][: len(recorded)]


async def test_who_is_removed_says_so(relay: RelayProcess, tmp_path: Path) -> None:
    with Recorder("lab", tmp_path / "talk.relay", url=relay.url) as recorder:
        await asyncio.sleep(0)
        # The same peer comes in on another connection: the relay sends the first one away for good.
        client = recorder._client
        assert client._resume is not None
        token = client._resume[1]
        from relay_widget.client import RelayClient  # noqa: PLC0415

        other = RelayClient("lab", "Recorder", url=relay.url, token=token)
        await other.connect()
        await until(lambda: recorder.error is not None)
        await other.close()
    assert recorder.error is not None
    assert recorder.error.code == "lost-relay"
    assert not recorder.recording
    assert open_recording(recorder.path).room == "lab"


def test_a_file_that_is_there_is_kept(relay: RelayProcess, tmp_path: Path) -> None:
    path = tmp_path / "talk.relay"
    path.write_bytes(b"precious")
    with pytest.raises(RecordingError, match="overwrite=True"):
        Recorder("lab", path, url=relay.url).start()
    assert path.read_bytes() == b"precious"
    with Recorder("lab", path, url=relay.url, overwrite=True):
        pass
    assert open_recording(path).complete


def test_without_a_relay_there_is_no_file(tmp_path: Path) -> None:
    recorder = Recorder("lab", tmp_path / "talk.relay", url="http://127.0.0.1:9")
    with pytest.raises(RelayRequestError):
        recorder.start()
    assert os.listdir(tmp_path) == []  # noqa: PTH208
    assert repr(recorder) == "<Recorder of room 'lab' to 'talk.relay': not started>"
    recorder.stop()


def test_a_room_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError):
        Recorder("", tmp_path / "talk.relay")


def test_it_is_used_from_a_cell_that_is_async_too(relay: RelayProcess, tmp_path: Path) -> None:
    async def cell() -> None:
        with Recorder("lab", tmp_path / "talk.relay", url=relay.url) as recorder:
            async with asyncio.timeout(TIMEOUT_S), participant(relay.url) as ada:
                sent = await send(ada)
                await until(lambda: recorder.objects == len(sent))

    asyncio.run(cell())
    assert open_recording(tmp_path / "talk.relay").complete
