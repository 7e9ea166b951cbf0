"""Children that are forked while there are participants, and objects that are sent to other processes."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from relay_widget import (
    Call,
    InvalidValueError,
    Peer,
    PeersTimeoutError,
    Recorder,
    RelayWidgetError,
    RemotePeer,
    UnknownAttributeError,
    VideoFrame,
    open_recording,
)
from relay_widget.by_peer import ByPeer
from relay_widget.errors import ForkedError, UnknownFiguresError, UnpicklableError
from relay_widget.media.frame import AudioBlock
from relay_widget.media.presentation import Presentation
from relay_widget.protocol import PeerInfo

from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHILD_TIMEOUT_S = 20


def in_a_child(function: Callable[[], object]) -> str:
    """What a forked child has to say: the class of what the function raises, or nothing if it returns."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(CHILD_TIMEOUT_S)  # a child that hangs is killed, and then it has said nothing that is expected
        said = "done"
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent is told
            said = type(error).__name__
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")


def test_a_child_ends_at_once_and_leaves_the_parent_in_its_room(runtime: Path, tmp_path: Path) -> None:
    path = tmp_path / "talk.relay"
    with Peer("lab", "Ada") as ada, Peer("lab", "Grace") as grace, Recorder("lab", path) as recorder:
        call = Call("lab", "Host")
        (seen,) = [peer for peer in grace.peers if peer.name == "Ada"]
        publication = ada.publish_pattern(160, 120)
        stream = grace.video(of=seen)
        assert next(stream) is not None
        call.wait_for_peers(2)

        def close_all() -> None:
            began_s = time.monotonic()
            stream.close()
            publication.stop()
            recorder.stop()
            call.close()
            for peer in (ada, grace):
                peer.close().wait()
            assert time.monotonic() - began_s < 1

        assert in_a_child(close_all) == "done"
        waits: list[Callable[[], object]] = [
            publication.wait,
            lambda: next(stream),
            lambda: call.wait_for_peers(9),
            lambda: call.impair(delay_ms=5),
        ]
        assert [in_a_child(wait) for wait in waits] == ["ForkedError"] * len(waits)
        assert in_a_child(lambda: Peer("lab", "Child").connect().wait().close().wait()) == "done"

        before = recorder.objects
        wait_until(lambda: recorder.objects > before + 10)
        assert next(stream) is not None
        assert ada.joined
        assert grace.joined
        assert publication.running
        assert [peer.name for peer in call.peers] == ["Ada", "Grace"]
        call.close()
    assert open_recording(path).complete


def test_a_child_that_ends_as_a_program_does_leaves_the_parent_alone(runtime: Path) -> None:
    program = """
import os, sys
from relay_widget import Call, Peer
with Peer("lab", "Ada") as ada:
    call = Call("lab", "Host")
    call.wait_for_peers(1)
    pid = os.fork()
    if pid == 0:
        sys.exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), ada.joined, call.wait_for_peers(1))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=CHILD_TIMEOUT_S, check=False
    )
    assert (ended.stdout, ended.stderr) == ("7 True (RemotePeer(name='Ada'),)\n", "")


def _brightness(frame: VideoFrame) -> float:
    return float(np.asarray(frame).mean())


@pytest.mark.process
def test_frames_go_to_other_processes() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    native = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    frame = VideoFrame(native, media_ms=20.0, captured_ms=1000.0, epoch=3, presentation=Presentation(transposed=True))
    for again in (pickle.loads(pickle.dumps(frame)), copy.copy(frame), copy.deepcopy(frame)):  # noqa: S301 - ours
        assert np.array_equal(again.rgb, frame.rgb)
        assert (again.width, again.height, again.media_ms, again.captured_ms, again.epoch) == (48, 64, 20.0, 1000.0, 3)
    assert len({frame, frame}) == 1
    with ProcessPoolExecutor(1) as pool:
        assert pool.submit(_brightness, frame).result(60) == pytest.approx(pixels.mean())


def test_values_are_pickled_and_hashed() -> None:
    grace = RemotePeer("a1", "Grace", ({"track": "video", "audio": False},), {"stalls": 1.0})
    depths = ByPeer({"a1": 2}, "lab", (grace,))
    block = AudioBlock(np.zeros((1, 960), np.float32), 0.0)
    info = PeerInfo("a1", "Grace", (), ())
    for value in (grace, depths, info):
        assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - ours
    assert depths.__reduce__() is not None
    assert copy.deepcopy(depths)["Grace"] == 2
    assert pickle.loads(pickle.dumps(block)).duration_ms == 20  # noqa: S301 - ours
    renamed = RemotePeer("a1", "Grace H.")
    assert {grace: 1, renamed: 2}[RemotePeer("a1", "Grace", grace.tracks, grace.figures)] == 1
    assert {info, info} == {info}


@pytest.mark.parametrize(
    "error",
    [
        RelayWidgetError("a-code", "A sentence."),
        InvalidValueError("bad-room", "A sentence."),
        PeersTimeoutError("peers-timeout", "A sentence."),
        UnknownFiguresError("no-figures", "A sentence."),
        UnknownAttributeError("unknown-attribute", "A sentence.", name="x", obj=None),
        ForkedError("It"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_come_back_from_other_processes(error: RelayWidgetError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - ours
    assert type(again) is type(error)
    assert (again.code, again.message, str(again)) == (error.code, error.message, str(error))


def test_what_cannot_be_pickled_says_so(tmp_path: Path) -> None:
    for alive in (Peer("lab", "Ada"), Recorder("lab", tmp_path / "talk.relay")):
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(UnpicklableError, match="make one there") as refused:
                attempt(alive)
            assert refused.value.code == "unpicklable"
            assert isinstance(refused.value, TypeError)
