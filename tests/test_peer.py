from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import booleans, integers, sampled_from

from relay_widget import InvalidValueError, Peer, PeersTimeoutError, RelayRequestError, launcher, peer
from relay_widget.background import MAX_WORKERS
from relay_widget.media.encode import VideoEncoder
from relay_widget.media.frame import VideoFrame
from relay_widget.media.pattern import read_stamp
from relay_widget.protocol import Event

from .test_background import threads
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from relay_widget.protocol import MediaHeader, Track

    from .relay_process import RelayProcess


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    wait_until(lambda: not threads())


def participant(relay: RelayProcess, name: str, room: str = "lab", **claims: Any) -> Peer:
    return Peer(room, name, url=relay.url, token=relay.auth(**claims)["token"])


def still(value: int = 128, width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    return np.full((height, width, 3), value, np.uint8)


def endless() -> Iterator[NDArray[np.uint8]]:
    while True:
        yield still()


def test_frames_come_as_arrays_with_the_time_they_were_taken(relay: RelayProcess) -> None:
    with participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        before_ms = ada.now_ms()
        ada.publish_pattern(160, 96, fps=20, sound=False)
        with bob.video(of="Ada") as stream:
            frames = [next(stream) for _ in range(5)]
        for frame in frames:
            assert frame.rgb.shape == (96, 160, 3)
            assert frame.rgb.dtype == np.uint8
            assert frame.captured_ms is not None
            assert before_ms <= frame.captured_ms <= bob.now_ms() + ada.clock_error_ms + bob.clock_error_ms
        numbers = [read_stamp(frame.rgb) for frame in frames]
        assert numbers == sorted(set(numbers))  # type: ignore[type-var]
        assert [known.name for known in bob.peers] == ["Ada"]


@pytest.mark.parametrize("off_ms", [30 * 24 * 3600e3, -3600e3, float("nan")], ids=["ahead", "old", "no-number"])
def test_a_frame_of_another_time_is_of_now_when_it_is_published(relay: RelayProcess, off_ms: float) -> None:
    def frames() -> Iterator[VideoFrame]:
        while True:
            native = av.VideoFrame.from_ndarray(still(), format="rgb24")
            yield VideoFrame(native, media_ms=0, captured_ms=ada.now_ms() + off_ms)

    with participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        before_ms = ada.now_ms()
        ada.publish(frames(), fps=20)
        captured_ms = next(bob.video(of="Ada")).captured_ms
        assert captured_ms is not None
        assert before_ms <= captured_ms <= bob.now_ms() + ada.clock_error_ms + bob.clock_error_ms


async def test_it_has_an_async_face_too(relay: RelayProcess) -> None:
    async with participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        publication = ada.publish_pattern(160, 96, fps=20, frames=60)
        seen = heard = 0
        async for frame in bob.video(of=bob.peers[0]):
            assert frame.width == 160
            seen += 1
            if seen == 3:
                break
        async for block in bob.audio(of=ada.id):
            assert block.samples.dtype == np.float32
            assert block.samples.shape[0] == 1
            heard += 1
            if heard == 3:
                break
        await publication
        assert publication.stats["frames"] + publication.stats["dropped_frames"] == 60


async def test_waiting_for_a_frame_can_be_cancelled(relay: RelayProcess) -> None:
    async with participant(relay, "Ada"), participant(relay, "Bob") as bob:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(bob.video(of="Ada")), 0.2)


def test_interrupting_is_heard_while_waiting(relay: RelayProcess) -> None:
    with participant(relay, "Ada"), participant(relay, "Bob") as bob:
        main = threading.main_thread().ident
        assert main is not None
        threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            next(bob.video(of="Ada"))


def test_who_is_slow_gets_the_newest_frame_and_the_rest_is_counted(relay: RelayProcess) -> None:
    with participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        ada.publish_pattern(96, 64, fps=50, sound=False)
        stream = bob.video(of="Ada")
        first = read_stamp(next(stream).rgb)
        assert first is not None
        wait_until(lambda: stream.dropped >= 20)
        newest = read_stamp(next(stream).rgb)
        assert newest is not None
        assert newest - first > 20


def test_what_nobody_looks_at_is_not_decoded(relay: RelayProcess) -> None:
    with participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        ada.publish(endless(), fps=20)
        for _ in bob.video(of="Ada"):
            break
        (receiver,) = bob._receivers.values()
        wait_until(lambda: not receiver.boxes)
        assert not bob._wishes
        next(bob.video(of="Ada"))  # and begins again at once


def test_a_peer_that_is_not_there_is_waited_for(relay: RelayProcess) -> None:
    with participant(relay, "Bob") as bob:
        with pytest.raises(PeersTimeoutError, match=r"no peer 'Ada' in room 'lab' within 0\.1 s, but nobody else"):
            next(bob.video(of="Ada", timeout_s=0.1))
        stream = bob.video(of="Ada")
        with participant(relay, "Ada") as ada:
            ada.publish(endless())
            next(stream)
        assert len(list(stream)) <= 1  # it has left: the last frame, and the end


def test_two_of_one_name_are_told_apart(relay: RelayProcess) -> None:
    with participant(relay, "Ada"), participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        wait_until(lambda: len(bob.peers) == 2)
        with pytest.raises(InvalidValueError, match="2 peers in room 'lab' are called 'Ada'") as refused:
            bob.video(of="Ada")
        assert refused.value.code == "ambiguous-peer"
        ada.publish(endless())
        next(bob.video(of=ada.id))


def test_closing_ends_whoever_waits(relay: RelayProcess) -> None:
    with participant(relay, "Ada"), participant(relay, "Bob") as bob:
        stream = bob.video(of="Ada")
        threading.Timer(0.2, stream.close).start()
        assert list(stream) == []
        other = bob.video(of="Ada")
        threading.Timer(0.2, bob.close).start()
        assert list(other) == []
        assert list(bob.video(of="Ada")) == []  # it has left
        with pytest.raises(RelayRequestError, match="make another Peer"):
            bob.publish(endless())


def test_frames_may_change_their_size(relay: RelayProcess) -> None:
    sizes = [(96, 64), (128, 96)]

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for count in range(10**6):
            width, height = sizes[count // 10 % 2]
            yield still(width=width, height=height)

    with participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        ada.publish(pictures(), fps=30)
        seen: dict[tuple[int, int], set[int]] = {}
        for frame in bob.video(of="Ada"):
            seen.setdefault((frame.width, frame.height), set()).add(frame.epoch)
            if len(seen) == 2:
                break
        assert not set.intersection(*seen.values())


def test_sound_is_sent_as_one_array_or_in_pieces(relay: RelayProcess) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000 * 3) / 48_000)).astype(np.float32)
    with participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        for audio in (np.stack([tone, tone]), iter([tone[np.newaxis]] * 3)):
            publication = ada.publish(audio=audio)
            with bob.audio(of="Ada") as stream:
                blocks = [next(stream) for _ in range(10)]
            samples = np.concatenate([block.samples for block in blocks[2:]], axis=1)
            assert float(np.sqrt(np.mean(samples**2))) == pytest.approx(0.35, abs=0.1)
            blocks_later = np.diff([block.captured_ms for block in blocks]) / 40
            # One each; more where a decoder that was late, on a busy machine, went on at the newest.
            assert blocks_later == pytest.approx(np.maximum(1, blocks_later.round()), abs=0.025)
            publication.stop().wait(20)


async def test_async_iterables_run_where_they_were_given(relay: RelayProcess) -> None:
    queue: asyncio.Queue[NDArray[np.uint8]] = asyncio.Queue()

    async def pictures() -> AsyncIterator[NDArray[np.uint8]]:
        while True:
            yield await queue.get()

    async with participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        publication = ada.publish(pictures(), fps=None)
        stream = bob.video(of="Ada")
        for value in (40, 200):
            queue.put_nowait(still(value))
            frame = await anext(stream)
            assert frame.rgb.mean() == pytest.approx(value, abs=8)
        await publication.stop()


def test_what_an_iterable_raises_is_raised_to_who_waits(relay: RelayProcess) -> None:
    def pictures() -> Iterator[NDArray[np.uint8]]:
        yield still()
        raise ValueError("the camera has gone")

    with participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        for _ in range(2):  # and it can be done again
            with pytest.raises(ValueError, match="the camera has gone") as raised:
                ada.publish(pictures()).wait(20)
            assert raised.traceback[-1].name == "pictures"
        wait_until(lambda: bob.peers[0].tracks == ())
        assert ada.joined


class Unusual(BaseException):
    """What a library may have raised by its own way out."""


ENDINGS: list[BaseException] = [
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError(),
    concurrent.futures.CancelledError(),
    concurrent.futures.TimeoutError(),
    StopIteration(),
    StopAsyncIteration(),
    Unusual("by its own way"),
    BaseExceptionGroup("several", [SystemExit(1), ValueError()]),
    MemoryError(),
    RecursionError(),
    OSError(5, "unplugged"),
    ValueError("the camera has gone"),
]


class Source:
    """An iterable of a user's own that raises at a place of its choice: asked to begin, or for one of its parts."""

    def __init__(self, part: object, good: int, raised: BaseException) -> None:
        self.part, self.left, self.raised = part, good, raised

    def __iter__(self) -> Self:
        if self.left < 0:
            raise self.raised
        return self

    def __next__(self) -> object:
        if not self.left:
            raise self.raised
        self.left -= 1
        return self.part


class AsyncSource(Source):
    """The same for ``async for``."""

    __iter__ = None  # type: ignore[assignment]

    def __aiter__(self) -> Self:
        if self.left < 0:
            raise self.raised
        return self

    async def __anext__(self) -> object:
        return Source.__next__(self)


def generated(part: object, good: int, raised: BaseException) -> Iterator[object]:
    for _ in range(good):
        yield part
    raise raised


KINDS: list[Any] = [Source, AsyncSource, generated]


def is_told(ended: BaseException | None, raised: BaseException) -> bool:
    """Whether it is what was raised; Python itself makes RuntimeError of a StopIteration in a generator."""
    return ended is raised or (isinstance(ended, RuntimeError) and raised in (ended.__cause__, ended.__context__))


def test_whatever_a_source_raises_ends_its_publication(relay: RelayProcess) -> None:
    """At its beginning, at a part, or from a generator; in the thread of a publication, or its event loop."""
    with participant(relay, "Ada") as ada:

        @settings(max_examples=60)
        @given(
            raised=sampled_from(ENDINGS),
            kind=sampled_from(KINDS),
            good=integers(-1, 3),
            audio=booleans(),
        )
        def ends(raised: BaseException, kind: Any, good: int, audio: bool) -> None:
            part = np.zeros((1, 480), np.float32) if audio else still()
            source = kind(part, good, raised)
            publication = ada.publish(None if audio else source, None, source if audio else None)
            if good >= 0 and (kind, type(raised)) in ((Source, StopIteration), (AsyncSource, StopAsyncIteration)):
                publication.wait(20)  # that is how iterators end
                return
            with pytest.raises(BaseException) as ended:  # noqa: PT011 - it is looked at
                publication.wait(20)
            assert is_told(ended.value, raised)
            assert not publication.running

        ends()
        assert ada.joined
        ada.publish_pattern(96, 64, frames=2).wait(20)


@pytest.mark.parametrize("raised", ENDINGS, ids=lambda raised: type(raised).__name__)
async def test_it_can_be_awaited_too_and_the_loop_goes_on(relay: RelayProcess, raised: BaseException) -> None:
    async def pictures() -> AsyncIterator[NDArray[np.uint8]]:
        yield still()
        raise raised

    async with participant(relay, "Ada") as ada:
        publication = ada.publish(pictures())
        with pytest.raises(BaseException) as ended:  # noqa: PT011 - it is looked at
            await publication
        assert is_told(ended.value, raised)


async def test_a_source_that_hangs_keeps_nobody(relay: RelayProcess) -> None:
    never = threading.Event()

    async def hangs() -> AsyncIterator[NDArray[np.uint8]]:
        yield still()
        await asyncio.Event().wait()

    def hangs_too() -> Iterator[NDArray[np.uint8]]:
        yield still()
        never.wait(60)

    async with participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        publications = ada.publish(hangs()), bob.publish(hangs_too())
        await asyncio.to_thread(wait_until, lambda: all(one.stats["frames"] for one in publications))
        await publications[0].stop()
    assert not publications[1].running
    never.set()


def test_what_a_thread_s_async_source_waits_for_is_cancelled_with_it(relay: RelayProcess) -> None:
    reached, given_up = threading.Event(), threading.Event()

    async def hangs() -> AsyncIterator[NDArray[np.uint8]]:
        yield still()
        try:
            reached.set()
            await asyncio.Event().wait()
        finally:
            given_up.set()

    with participant(relay, "Ada") as ada:
        publication = ada.publish(hangs())
        assert reached.wait(20)
        publication.stop().wait(20)
        assert given_up.wait(20)


def test_what_a_source_raises_after_the_end_is_logged(relay: RelayProcess, caplog: pytest.LogCaptureFixture) -> None:
    def clings() -> Iterator[NDArray[np.uint8]]:
        try:
            yield from endless()
        finally:
            sys.exit("I close the program")

    with participant(relay, "Ada") as ada:
        publication = ada.publish(clings())
        wait_until(lambda: publication.stats["frames"])
        publication.stop().wait(20)
        wait_until(lambda: "I close the program" in caplog.text)


def test_what_cannot_be_published_says_why(relay: RelayProcess) -> None:
    with participant(relay, "Ada") as ada:
        for pictures in ([still().astype(np.float32)], ["a picture"], [still()[..., 0]]):
            with pytest.raises(InvalidValueError) as refused:
                ada.publish(pictures).wait(20)  # type: ignore[arg-type]
            assert refused.value.code == "bad-picture"
        with pytest.raises(InvalidValueError, match="NaN"):
            ada.publish(audio=[np.full((1, 4800), np.nan, np.float32)]).wait(20)
        for wrong in (None, 5):
            with pytest.raises(InvalidValueError) as refused:
                ada.publish(wrong)  # type: ignore[arg-type]
            assert refused.value.code == "bad-source"
        ada.publish(endless())
        with pytest.raises(InvalidValueError, match="stop"):
            ada.publish(endless())


@pytest.mark.parametrize("fps", [0, -1, 241, float("nan"), "fast", True])
def test_as_many_pictures_as_cannot_be_is_one_sentence(relay: RelayProcess, fps: Any) -> None:
    with participant(relay, "Ada") as ada:
        sentence = r"fps must be a number from 0\.1 to 240, not"
        with pytest.raises(InvalidValueError, match=sentence) as refused:
            ada.publish(endless(), fps=fps)
        assert refused.value.code == "bad-media-setting"
        with pytest.raises(InvalidValueError, match=sentence):
            ada.publish_pattern(fps=fps)
        ada.publish(endless(), fps=0.5)


@pytest.mark.parametrize("shape", [(4800, 2), (4800, 1)])
def test_sound_with_its_axes_swapped_says_how_to_turn_it(relay: RelayProcess, shape: tuple[int, int]) -> None:
    samples = np.zeros(shape, np.float32)
    with participant(relay, "Ada") as ada:
        for audio in (samples, [samples]):
            sentence = rf"shape \({shape[1]}, n\).*, not float32 of shape \(4800, {shape[1]}\): use `samples\.T`"
            with pytest.raises(InvalidValueError, match=sentence):
                ada.publish(audio=audio).wait(20)


def test_whatever_fails_in_encoding_ends_the_publication_and_is_told(relay: RelayProcess) -> None:
    class Broken(VideoFrame):
        @property
        def rgb(self) -> NDArray[np.uint8]:
            raise MemoryError("no room for it")

    native = av.VideoFrame.from_ndarray(still(), format="rgb24")
    with participant(relay, "Ada") as ada:
        publication = ada.publish(Broken(native, media_ms=0) for _ in range(10**6))
        with pytest.raises(MemoryError, match="no room"):
            publication.wait(20)
        assert not publication.running


def test_what_is_stopped_before_its_first_picture_is_encoded_leaves_no_track(relay: RelayProcess) -> None:
    gate = threading.Event()

    def hold() -> None:
        gate.wait(20)

    with participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        for _ in range(MAX_WORKERS):
            ada._ground().compute(hold)
        publication = ada.publish(endless(), fps=30)
        track = publication.tracks["video"]
        wait_until(lambda: track.taken)
        publication.stop().wait(20)
        gate.set()
        wait_until(lambda: not track.lane.busy)
        ada.publish(audio=[np.zeros((1, 48_000), np.float32)] * 10)  # is told of after it
        wait_until(lambda: bob.peers[0].tracks)
        assert [known.track for known in bob.peers[0].tracks] == ["audio"]


def test_a_single_picture_goes_out_before_the_end(relay: RelayProcess) -> None:
    with participant(relay, "Ada") as ada:
        for _ in range(10):
            publication = ada.publish([still()])
            publication.wait(20)
            assert publication.stats["frames"] == 1


def test_the_last_bit_of_sound_goes_out_too(relay: RelayProcess) -> None:
    with participant(relay, "Ada") as ada:
        publication = ada.publish(audio=np.full((1, 1920 * 10 + 100), 0.1, np.float32))
        publication.wait(20)
        assert publication.stats["blocks"] == 11


def test_what_comes_as_the_relay_says_yes_does_not_overtake(
    relay: RelayProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = VideoEncoder(fps=30)
    first, *later = [encoder.encode(still(), 1000.0 + 33 * number) for number in range(3)]
    never = threading.Event()
    heard: list[str] = []
    with participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        bob._client.on_object = lambda _peer, header, _relayed_ms, _data: heard.append(header.type)
        publication = ada.publish(still() for _ in iter(lambda: never.wait(20), None))
        track = publication.tracks["video"]
        track.track = encoder.track
        announce = ada._client.publish

        async def and_more_comes(described: Track) -> None:
            await announce(described)
            for objects in later:
                asyncio.get_running_loop().call_soon(publication.send, track, objects, publication.entered)

        async def begin() -> None:
            publication.send(track, first, publication.entered)

        monkeypatch.setattr(ada._client, "publish", and_more_comes)
        ada._ground().submit(begin(), "sending").wait(20)
        wait_until(lambda: len(heard) == 4)
        assert heard == ["init", "key", "delta", "delta"]
        never.set()


def test_a_pattern_is_stamped_by_its_numbers_sound_and_picture_alike(relay: RelayProcess) -> None:
    heard: list[MediaHeader] = []
    with participant(relay, "Ada") as ada, participant(relay, "Bob") as bob:
        bob._client.on_object = lambda _peer, header, _relayed_ms, _data: heard.append(header)
        ada.publish_pattern(96, 64, fps=15, frames=30).wait(20)
        wait_until(lambda: len({header.track for header in heard}) == 2)
    stamps = {
        kind: [header.captured_ms for header in heard if header.track == kind and header.captured_ms is not None]
        for kind in ("video", "audio")
    }
    begun_ms = stamps["video"][0]
    for kind, spacing_ms in (("video", 1000 / 15), ("audio", 40)):
        numbers = (np.array(stamps[kind]) - begun_ms) / spacing_ms
        assert len(numbers) > 10
        assert numbers == pytest.approx(np.round(numbers), abs=0.01)


def test_what_fails_at_the_very_last_is_told_too(relay: RelayProcess) -> None:
    with participant(relay, "Ada", publish=False) as ada:
        for _ in range(5):
            with pytest.raises(RelayRequestError) as refused:
                ada.publish([still()], fps=None).wait(20)  # it has run out before the relay says no
            assert refused.value.code == "forbidden"


def test_tokens_that_allow_half_of_it(relay: RelayProcess) -> None:
    with (
        participant(relay, "Ada", publish=False) as ada,
        participant(relay, "Bob", subscribe=False) as bob,
    ):
        with pytest.raises(RelayRequestError) as refused:
            ada.publish(endless()).wait(20)
        assert refused.value.code == "forbidden"
        bob.publish(endless())
        next(ada.video(of="Bob"))
    with pytest.raises(RelayRequestError) as refused, Peer("lab", url=relay.url, token="nonsense"):  # noqa: S106
        pytest.fail("it is refused")
    assert refused.value.code == "bad-token"


def test_a_slow_source_is_sent_as_it_comes_and_does_not_burst(relay: RelayProcess) -> None:
    taken: list[float] = []

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for count in range(20):
            if count == 5:
                time.sleep(0.5)
            taken.append(time.monotonic())
            yield still()

    with participant(relay, "Ada") as ada:
        ada.publish(pictures(), fps=20).wait(20)
    assert min(np.diff(taken)[6:]) > 0.025  # after the pause at the pace again, not at once


def test_a_relay_that_is_killed_interrupts_and_ends_nothing(runtime: Path) -> None:
    with Peer(name="Ada") as ada, Peer(name="Bob") as bob:
        publication = ada.publish_pattern(96, 64, fps=20)
        stream = bob.video(of="Ada")
        epoch = next(stream).epoch
        os.kill(launcher.ensure_relay().pid, signal.SIGKILL)
        for frame in stream:
            if frame.epoch > epoch:
                break
        assert not stream.closed
        assert publication.running


def test_a_peer_that_is_lost_and_stays_away_ends_its_streams(
    relay: RelayProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "AWAY_KEPT_S", 0.3)
    code = (
        f"from relay_widget import Peer; peer = Peer('lab', 'Ada', url={relay.url!r}, token={relay.auth()['token']!r})"
        ".connect().wait(); peer.publish_pattern(96, 64).wait()"
    )
    other = subprocess.Popen([sys.executable, "-c", code])
    try:
        with participant(relay, "Bob") as bob:
            stream = bob.video(of="Ada", timeout_s=None)
            next(stream)
            other.kill()
            assert sum(1 for _ in stream) < 1000
    finally:
        other.kill()
        other.wait()


def test_who_is_removed_is_told_why(relay: RelayProcess) -> None:
    with participant(relay, "Ada") as ada, participant(relay, "Chief", administers=("lab",)) as chief:
        publication = ada.publish(endless())
        stream = chief.video(of="Ada")
        next(stream)
        waiting = ada.video(of="Chief")
        ask = chief._client._ask(Event.REMOVE, {"room": "lab", "peer": ada.id})
        chief._ground().submit(ask, "removing").wait(20)
        with pytest.raises(RelayRequestError) as removed:
            next(waiting)
        assert removed.value.code == "removed"
        with pytest.raises(RelayRequestError):
            publication.wait(20)
        assert ada.error is removed.value


def test_its_own_figures_are_told(relay: RelayProcess) -> None:
    with participant(relay, "Ada", room="told") as ada, participant(relay, "Bob", room="told") as bob:
        ada.publish(endless())
        stream = bob.video(of="Ada")
        next(stream)
        monitor = asyncio.run(_watch(relay, "told"))
        wait_until(lambda: any(ada.id in one for one in monitor()))
        (figures,) = (one[ada.id] for one in monitor() if ada.id in one)
        assert figures["latency_ms"] < 20_000
        assert figures["queue_depth"] >= 0


async def _watch(relay: RelayProcess, room: str) -> Any:
    import socketio  # noqa: PLC0415

    def look() -> list[dict[str, dict[str, float]]]:
        with socketio.SimpleClient() as client:
            client.connect(relay.url, auth=relay.auth("monitor"), transports=["websocket"])
            state = client.call(Event.WATCH, {"room": room, "reports": True})
        return [report["peers"] for report in state["reports"].values()]

    return look


def test_it_must_be_connected_and_says_so() -> None:
    lonely = Peer()
    for act in (lambda: lonely.video(of="Ada"), lambda: lonely.publish(endless()), lonely.close):
        with pytest.raises(RelayRequestError) as refused:
            act()
        assert refused.value.code == "not-joined"
    assert repr(lonely) == "Peer(room='lab', name='Python')"
