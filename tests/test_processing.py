"""What a call does with frames in Python, on a real relay with real codecs and no browser."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from relay_widget import (
    Call,
    InvalidValueError,
    NothingReceivedError,
    Peer,
    RelayRequestError,
    open_recording,
    processing,
)
from relay_widget.monitor import shared_monitor
from relay_widget.protocol import Event

from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from relay_widget.media.frame import VideoFrame
    from relay_widget.processing import FrameLoop, ProcessedVideo

HEIGHT, WIDTH = 120, 160
GREY = 90
GROUP_MS = 2000
"""How often a peer in Python sends a key picture."""


def grey() -> Iterator[NDArray[np.uint8]]:
    """The same picture for ever: its colour survives every codec."""
    while True:
        yield np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)


@pytest.fixture
def call(runtime: Path) -> Iterator[Call]:
    made = Call(room="lab", name="Ada")
    yield made
    made.close()


@pytest.fixture
def grace(call: Call) -> Iterator[Peer]:
    """Somebody who sends grey pictures."""
    with Peer("lab", "Grace") as peer:
        peer.publish(grey(), fps=30)
        call.wait_for_peers(1, timeout=20)
        yield peer


def inverted(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return 255 - rgb


def close_to(rgb: NDArray[np.uint8], level: int) -> bool:
    return bool(abs(float(rgb.mean()) - level) < 8)


def test_frames_are_arrays_of_the_only_other_one(call: Call, grace: Peer) -> None:
    stream = call.frames()
    frame = next(iter(stream))
    assert frame.rgb.shape == (HEIGHT, WIDTH, 3)
    assert frame.rgb.dtype == np.uint8
    assert close_to(frame.rgb, GREY)
    assert frame.captured_ms is not None
    assert 0 <= grace.now_ms() - frame.captured_ms < 60_000
    stream.close()
    assert list(stream) == []


def test_a_stream_ends_when_its_peer_leaves(call: Call) -> None:
    with Peer("lab", "Grace") as grace:
        grace.publish(grey(), fps=30)
        stream = call.frames(call.wait_for_peers(1, timeout=20)[0])
        next(iter(stream))
    for _ in stream:
        pass


async def test_frames_are_there_for_async_for_too(call: Call, grace: Peer) -> None:
    async for frame in call.frames("Grace"):
        assert frame.width == WIDTH
        break


def test_who_is_meant_and_who_is_not_there(call: Call) -> None:
    with pytest.raises(InvalidValueError, match="Nobody else is in room 'lab'") as nobody:
        call.frames()
    assert nobody.value.code == "unknown-peer"
    with pytest.raises(InvalidValueError, match="join it first"):
        call.frames("me")
    with Peer("lab", "Grace"), Peer("lab", "Joan"):
        wait_until(lambda: len(call.peers) == 2)
        with pytest.raises(InvalidValueError, match="'Grace', 'Joan'") as several:
            call.frames()
        assert several.value.code == "ambiguous-peer"
        with pytest.raises(InvalidValueError, match="no peer 'Ada'"):
            call.frames("Ada")


def told_of(peer: Peer | Call) -> list[tuple[str, str, tuple[str, ...] | None]]:
    """Who listens, as this one knows it: whose it is, what it does, and of whom."""
    return sorted((one.name, one.does, one.of) for one in peer.listeners)


def test_who_watches_whom_is_seen_by_all_and_nobody_is_added(call: Call, grace: Peer) -> None:
    with Peer("lab", "Joan") as joan:
        call.wait_for_peers(2, timeout=20)
        stream = call.frames("Grace")
        next(iter(stream))
        for one in (grace, joan, call):
            wait_until(lambda one=one: told_of(one) == [("Ada", "watches", (grace.id,))])
        assert [peer.name for peer in grace.peers] == ["Joan"]
        assert sorted(peer.name for peer in call.peers) == ["Grace", "Joan"]
        with Peer("lab", "Late") as late:
            assert told_of(late) == [("Ada", "watches", (grace.id,))]
        stream.close()
        wait_until(lambda: told_of(joan) == [("Ada", "watches", ())])
    call.room = "elsewhere"
    wait_until(lambda: not grace.listeners)
    assert call.listeners == ()


def test_frames_are_of_the_running_group_when_they_are_asked_for_again(call: Call, grace: Peer) -> None:
    stream = call.frames("Grace")
    first_ms = next(iter(stream)).captured_ms
    stream.close()
    wait_until(lambda: told_of(grace) == [("Ada", "watches", ())])
    assert first_ms is not None
    with Peer("lab", "Joan") as joan:
        for frame in joan.video(of="Grace"):
            if (frame.captured_ms or 0) > first_ms + 2 * GROUP_MS:
                break
    again_ms = next(iter(call.frames("Grace"))).captured_ms
    assert again_ms is not None
    assert again_ms > first_ms + GROUP_MS / 2


def test_several_watch_and_record_and_the_other_one_is_still_the_other_one(
    runtime: Path, call: Call, grace: Peer
) -> None:
    other = Call(room="lab", name="Bob")
    try:
        watched = other.frames("Grace")
        with call.record(runtime / "mine.relay"), other.record(runtime / "other.relay"):
            records = [("Ada", "records", None), ("Bob", "records", None)]
            wait_until(lambda: told_of(grace) == [*records, ("Bob", "watches", (grace.id,))])
            assert close_to(next(iter(call.frames())).rgb, GREY)
            assert close_to(np.asarray(call.snapshot()), GREY)
            assert [peer.name for peer in call.peers] == ["Grace"]
            assert grace.peers == ()
        watched.close()
        wait_until(lambda: [one for one in told_of(grace) if one[1] == "records"] == [])
    finally:
        other.close()


def test_the_lobby_is_told_who_records(runtime: Path, call: Call, grace: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, object]] = []
    monkeypatch.setattr(call, "send", lambda content, _buffers=None: told.append(content))
    with call.record(runtime / "talk.relay"):
        wait_until(lambda: {"kind": "people", "names": ["Grace"], "recorders": ["Ada"]} in told)
    wait_until(lambda: {"kind": "people", "names": ["Grace"], "recorders": []} in told)


def test_a_peer_that_listens_is_none_of_the_peers_and_publishes_nothing(call: Call, grace: Peer) -> None:
    with Peer("lab", "gaze", listens=True) as gaze:
        assert [peer.name for peer in gaze.peers] == ["Grace"]
        stream = gaze.video(of="Grace")
        assert close_to(next(iter(stream)).rgb, GREY)
        assert grace.peers == ()
        with pytest.raises(RelayRequestError) as refused:
            gaze.publish(grey())
        assert refused.value.code == "forbidden"
        wait_until(lambda: told_of(call) == [("gaze", "watches", (grace.id,))])
        call.remove(call.listeners[0])
        wait_until(lambda: gaze.error is not None)
        assert gaze.error is not None
        assert gaze.error.code == "removed"


def test_peers_without_a_name_are_numbered(call: Call) -> None:
    with Peer("lab") as first, Peer("lab") as second, Peer("lab", "Python") as named:
        assert [peer.name for peer in (first, second, named)] == ["Python", "Python 2", "Python"]
        names = sorted(peer.name for peer in call.wait_for_peers(3, timeout=20))
        assert names == ["Python", "Python", "Python 2"]


def test_a_recorder_alone_is_nobody_to_wait_for(runtime: Path, call: Call) -> None:
    with call.record(runtime / "talk.relay") as recorder:
        with Peer("lab", "Joan"):
            assert [peer.name for peer in call.wait_for_peers(1, timeout=20)] == ["Joan"]
        wait_until(lambda: not call.peers)
        with pytest.raises(InvalidValueError, match="Nobody else"):
            call.frames()
        assert recorder.recording


def test_a_call_that_goes_elsewhere_ends_its_recordings(runtime: Path, call: Call, grace: Peer) -> None:
    recorder = call.record(runtime / "talk.relay")
    wait_until(lambda: recorder.objects > 3)
    call.room = "elsewhere"
    assert not recorder.recording
    assert open_recording(runtime / "talk.relay").complete


def test_a_snapshot_is_an_image(call: Call, grace: Peer) -> None:
    image = call.snapshot("Grace")
    assert image.size == (WIDTH, HEIGHT)
    assert close_to(np.asarray(image), GREY)
    assert image._repr_png_()


def test_a_snapshot_of_somebody_who_sends_nothing_is_one_sentence(call: Call) -> None:
    with Peer("lab", "Grace"):
        call.wait_for_peers(1, timeout=20)
        with pytest.raises(NothingReceivedError, match=r"No picture came within 0\.2 s") as nothing:
            call.snapshot("Grace", timeout=0.2)
    assert nothing.value.code == "no-picture"


def test_a_snapshot_of_somebody_who_leaves_says_that(call: Call) -> None:
    with Peer("lab", "Grace") as grace:
        call.wait_for_peers(1, timeout=20)
        threading.Timer(0.3, grace.close).start()
        with pytest.raises(NothingReceivedError, match="has left before one came"):
            call.snapshot("Grace", timeout=60)


def test_a_function_is_given_frames_until_it_is_stopped(call: Call, grace: Peer) -> None:
    seen: list[VideoFrame] = []

    @call.on_frame(of="Grace")
    def look(frame: VideoFrame) -> None:
        seen.append(frame)

    wait_until(lambda: len(seen) > 3)
    assert "look, running" in repr(look)
    look.stop()
    count = len(seen)
    assert not look.running
    with pytest.raises(InvalidValueError):
        call.frames("nobody")  # the call goes on
    assert len(seen) == count == look.frames


def test_a_function_that_raises_is_reported_once_and_goes_on(
    call: Call, grace: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "relay_widget"):

        @call.on_frame
        def fail(frame: VideoFrame) -> None:
            raise ZeroDivisionError

        wait_until(lambda: fail.errors > 2)
        fail.stop()
    assert isinstance(fail.error, ZeroDivisionError)
    assert [record.getMessage() for record in caplog.records] == ["fail failed at a frame and is given the next ones:"]


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()])
@pytest.mark.parametrize("use", [Call.on_frame, Call.publish_processed])
def test_a_function_that_raises_what_is_no_exception_ends_and_says_so(
    call: Call,
    grace: Peer,
    caplog: pytest.LogCaptureFixture,
    use: Callable[..., FrameLoop | ProcessedVideo],
    raised: BaseException,
) -> None:
    """``sys.exit()`` in a thread would else be silence."""

    def leave(picture: object) -> object:
        raise raised

    leaving = use(call, leave)
    assert leaving.wait(20)
    wait_until(lambda: leaving.error is raised)
    assert f"leave is given no more frames: {raised!r}" in caplog.text
    wait_until(lambda: [one.name for one in call.peers] == ["Grace"])
    assert close_to(np.asarray(call.snapshot("Grace")), GREY)  # the call goes on


def test_a_function_that_hangs_keeps_nobody_waiting(
    call: Call, grace: Peer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processing, "STOP_TIMEOUT_S", 0.1)
    never, hanging = threading.Event(), threading.Semaphore(0)

    def hangs(picture: object) -> None:
        hanging.release()
        never.wait(60)

    loop, processed = call.on_frame(hangs), call.publish_processed(hangs, "Grace")
    for _ in range(2):
        assert hanging.acquire(timeout=20)
    loop.stop(0.05)
    assert "hangs has not returned from its last frame" in caplog.text
    call.close()
    assert processed.wait(20)
    never.set()
    assert loop.wait(20)


@pytest.mark.parametrize("use", [Call.on_frame, Call.publish_processed])
def test_whoever_is_removed_says_why_there_are_no_more_frames(
    call: Call, grace: Peer, caplog: pytest.LogCaptureFixture, use: Callable[..., FrameLoop | ProcessedVideo]
) -> None:
    def look(picture: object) -> object:
        return getattr(picture, "rgb", picture)

    looking = use(call, look)
    # A participant of its own is published by; what only watches is a listener.
    wait_until(lambda: looking.frames > 0 and (grace.peers if hasattr(looking, "id") else grace.listeners))
    who = looking.id if hasattr(looking, "id") else grace.listeners[0].id
    shared_monitor().request(Event.REMOVE, {"room": "lab", "peer": who})
    assert looking.wait(20)
    wait_until(lambda: looking.error is not None)
    assert isinstance(looking.error, RelayRequestError)
    assert looking.error.code == "removed"
    assert "look is given no more frames" in caplog.text


def test_a_function_may_stop_itself(call: Call, grace: Peer) -> None:
    named = threading.Event()

    @call.on_frame
    def once(frame: VideoFrame) -> None:
        named.wait(20)  # the first frame may come before the name stands for what can be stopped
        once.stop()

    named.set()
    assert once.wait(20)
    assert once.frames == 1


def test_what_a_function_makes_is_published_with_the_time_of_its_source(call: Call, grace: Peer) -> None:
    stamps_ms = []
    given = threading.Event()

    def invert(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        given.set()
        rgb[:] = 255 - rgb  # it is the function's own
        return rgb

    processed = call.publish_processed(invert)
    wait_until(lambda: "Grace (invert)" in [peer.name for peer in call.peers])
    with Peer("lab", "Joan") as joan:
        sources_ms = set()
        source = joan.video(of="Grace")
        for frame in source:
            sources_ms.add(frame.captured_ms)
            if len(sources_ms) == 1:
                result = joan.video(of="Grace (invert)")
            if len(sources_ms) > 60:
                break
        for frame in result:
            assert close_to(frame.rgb, 255 - GREY)
            stamps_ms.append(frame.captured_ms)
            if len(stamps_ms) > 2:
                break
    assert given.is_set()
    assert all(stamp_ms is not None for stamp_ms in stamps_ms)
    processed.stop()
    wait_until(lambda: [peer.name for peer in call.peers] == ["Grace"])


def test_the_processed_is_not_the_other_one_of_its_own_call(call: Call, grace: Peer) -> None:
    call.publish_processed(inverted, name="Negative")
    wait_until(lambda: len(call.peers) == 2)
    assert close_to(next(iter(call.frames())).rgb, GREY)
    assert close_to(next(iter(call.frames("Negative"))).rgb, 255 - GREY)


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (np.zeros((4, 4), np.uint8), r"\(height, width, 3\)"),
        (np.zeros((4, 4, 3)), "uint8"),
        ("text", "str"),
    ],
)
def test_what_is_no_picture_is_one_sentence_and_ends_nothing(
    call: Call, grace: Peer, caplog: pytest.LogCaptureFixture, result: object, sentence: str
) -> None:
    def wrong(rgb: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        return result if wrongly.is_set() else rgb  # type: ignore[return-value]

    wrongly = threading.Event()
    wrongly.set()
    with caplog.at_level(logging.ERROR, "relay_widget"):
        processed = call.publish_processed(wrong)
        wait_until(lambda: processed.errors > 2)
        assert isinstance(processed.error, InvalidValueError)
        assert processed.error.code == "bad-picture"
        wrongly.clear()
        wait_until(lambda: "Grace (wrong)" in [peer.name for peer in call.peers])
        assert close_to(np.asarray(call.snapshot("Grace (wrong)")), GREY)
    (record,) = caplog.records
    assert record.exc_info is not None
    with pytest.raises(InvalidValueError, match=sentence):
        raise processed.error


def test_none_publishes_nothing(call: Call, grace: Peer) -> None:
    given = []

    def nothing(rgb: NDArray[np.uint8]) -> None:
        given.append(rgb)

    processed = call.publish_processed(nothing)
    wait_until(lambda: len(given) > 3)
    assert processed.errors == 0
    with pytest.raises(NothingReceivedError):
        call.snapshot("Grace (nothing)", timeout=0.2)


def test_it_ends_with_its_source(call: Call) -> None:
    with Peer("lab", "Grace") as grace:
        grace.publish(grey(), fps=30)
        call.wait_for_peers(1, timeout=20)
        processed = call.publish_processed(inverted)
        wait_until(lambda: len(call.peers) == 2)
    assert processed.wait(20)
    wait_until(lambda: not call.peers)


def test_a_recording_has_what_was_sent(runtime: Path, call: Call, grace: Peer) -> None:
    with call.record(runtime / "talk.relay") as recorder:
        wait_until(lambda: recorder.objects > 10)
    recording = open_recording(runtime / "talk.relay")
    (objects,) = [list(recording.objects(grace.id, track)) for track in ("video",)]
    assert [item.header.type for item in objects[:2]] == ["init", "key"]
    assert len(objects) == recorder.objects


def test_closing_a_call_ends_all_of_it(runtime: Path, call: Call, grace: Peer) -> None:
    looking = call.on_frame(id)
    processed = call.publish_processed(inverted)
    stream = call.frames()
    wait_until(lambda: len(grace.peers) == len(grace.listeners) == 1)
    recorder = call.record(runtime / "talk.relay")
    call.close()
    assert list(stream) == []
    assert not recorder.recording
    assert looking.wait(20)
    assert processed.wait(20)
    wait_until(lambda: not grace.peers and not grace.listeners)
