from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

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
    assert [structs.replace(item.header, sent_ms=None) for item in found] == [item.header for item in sent]
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
            await until(lambda: back and any(one.does == "records" for one in ada.listeners.values()))
            await send(ada, epoch=2)
            await until(lambda: recorder.objects == 2 * len(first))
    call = open_recording(recorder.path)
    tracks = [track for peer in call.peers.values() for track in peer.tracks.values()]
    assert recorder.error is None
    assert sum(len(track.offsets) for track in tracks) == 2 * len(first)


def test_a_crash_loses_the_last_second_at_most(relay: RelayProcess, tmp_path: Path) -> None:
    code = """if True:
        import asyncio, os, sys, time
        from msgspec import structs
        from relay_widget.recording.recorder import Recorder
        from tests.recording.media import browser_objects, browser_track
        from tests.recording.room import participant

        def fsync(file, sync=os.fsync):
            sync(file)
            os.write(1, f"synced {os.fstat(file).st_size}\\n".encode())
        os.fsync = fsync

        async def main(url, path):
            recorder = Recorder("lab", path, url=url)
            await asyncio.to_thread(recorder.start)
            async with participant(url) as ada:
                await ada.publish(browser_track("vp8-canvas"))
                for epoch in range(1, 1000):
                    for item in browser_objects("vp8-canvas"):
                        assert ada.send(structs.replace(item.header, epoch=epoch), item.data)
                        os.write(1, f"sent {time.monotonic()}\\n".encode())
                        await asyncio.sleep(0.02)
        asyncio.run(main(*sys.argv[1:]))
    """
    path = tmp_path / "talk.relay"
    sent_s: list[float] = []
    synced = 0
    with subprocess.Popen(
        [sys.executable, "-c", code, relay.url, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ended_s = 0.0
        for line in process.stdout:
            what, figure = line.split()
            if what == "synced":
                synced = int(figure)
            else:
                sent_s.append(float(figure))
            if not ended_s and sent_s and sent_s[-1] - sent_s[0] > 2.5:
                process.send_signal(signal.SIGKILL)  # in the middle of it
                ended_s = time.monotonic()
    os.truncate(path, synced)  # what a crash of the whole machine leaves: the disk has no more for certain
    call = open_recording(path)
    assert not call.complete
    assert call.lost_bytes == 0
    [ada] = call.peers.values()
    assert len(ada.tracks["video"].offsets) >= sum(at_s < ended_s - 1 for at_s in sent_s) > 10


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


def test_without_a_relay_the_recording_that_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "talk.relay"
    path.write_bytes(b"precious")
    recorder = Recorder("lab", path, url="http://127.0.0.1:9", overwrite=True)
    for _ in range(2):  # and trying again is not silence
        with pytest.raises(RelayRequestError):
            recorder.start()
    assert path.read_bytes() == b"precious"
    assert not recorder.recording


async def test_what_could_not_begin_can_be_tried_again_and_what_is_over_cannot(
    relay: RelayProcess, tmp_path: Path
) -> None:
    folder = tmp_path / "talks"
    recorder = Recorder("lab", folder / "talk.relay", url=relay.url)
    async with participant(relay.url) as ada:
        with pytest.raises(RecordingError) as refused:
            await asyncio.to_thread(recorder.start)
        assert refused.value.code == "cannot-write"
        await until(lambda: not ada.peers)
        folder.mkdir()
        await asyncio.to_thread(recorder.start)
        sent = await send(ada)
        await until(lambda: recorder.objects == len(sent))
        await asyncio.to_thread(recorder.stop)
        assert [len(peer.tracks) for peer in open_recording(recorder.path).peers.values()] == [1]
        with pytest.raises(RecordingError, match="make another Recorder") as over:
            recorder.start()
        assert over.value.code == "recording-over"
    assert open_recording(recorder.path).complete


def test_it_may_fail_while_it_is_stopped(relay: RelayProcess, tmp_path: Path) -> None:
    recorder = Recorder("lab", tmp_path / "talk.relay", url=relay.url).start()
    relay.process.send_signal(signal.SIGSTOP)  # so that leaving takes its time
    try:
        stopping = threading.Thread(target=recorder.stop)
        stopping.start()
        time.sleep(0.2)
        recorder._fail(RecordingError("disk-full", "The disk is full: free some space."))
        stopping.join(TIMEOUT_S)
        assert not stopping.is_alive()
    finally:
        relay.process.send_signal(signal.SIGCONT)
    assert (recorder.recording, recorder.error is None) == (False, False)
    assert open_recording(recorder.path).room == "lab"


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
