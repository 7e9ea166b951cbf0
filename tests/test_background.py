from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import logging
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from relay_widget import background
from relay_widget.background import Lane, Outcome
from relay_widget.errors import WaitTimeoutError

from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class User:
    """Somebody who uses the background."""

    def close(self) -> Outcome[None]:
        over: Future[None] = Future()
        over.set_result(None)
        return Outcome(over, "closing")


@pytest.fixture
def ground() -> Iterator[background.Background]:
    user = User()
    yield background.enter(user)
    background.leave(user)


def threads() -> set[str]:
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if name.startswith(("relay-widget-peers", "relay-widget-worker"))}


async def _answer(value: int) -> int:
    return value


def test_all_share_one_and_it_ends_with_the_last() -> None:
    first, second = User(), User()
    assert background.enter(first) is background.enter(second)
    assert threads()
    background.leave(first)
    assert threads()
    background.leave(second)
    wait_until(lambda: not threads())


def test_an_outcome_can_be_waited_for_and_awaited(ground: background.Background) -> None:
    outcome = ground.submit(_answer(5), "five")
    assert outcome.wait(20) == 5

    async def awaiting() -> int:
        return await ground.submit(_answer(6), "six")

    assert asyncio.run(awaiting()) == 6


def test_what_a_librarys_task_fails_with_is_not_shown_in_a_cell(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError("half an event")

    source = "async def ours():\n    raise ValueError('a mistake')"
    defined: dict[str, Any] = {}
    exec(compile(source, background.__file__, "exec"), defined)  # noqa: S102 - as if it stood in the package

    async def begin() -> None:
        tasks = [asyncio.ensure_future(work()) for work in (fails, defined["ours"])]
        await asyncio.wait(tasks)

    with caplog.at_level(logging.INFO):
        background.ThreadLoop().run(begin())
        gc.collect()
    shown = {(record.name, record.levelname, str(record.exc_info and record.exc_info[1])) for record in caplog.records}
    assert ("asyncio", "ERROR", "a mistake") in shown
    assert ("relay_widget.background", "INFO", "half an event") in shown
    assert len(shown) == 2


def test_what_takes_too_long_goes_on(ground: background.Background) -> None:
    go = threading.Event()

    async def slow() -> str:
        await asyncio.to_thread(go.wait)
        return "done"

    outcome = ground.submit(slow(), "something")
    with pytest.raises(WaitTimeoutError, match=r"something was not over after 0\.05 s"):
        outcome.wait(0.05)
    go.set()
    assert outcome.wait(20) == "done"


async def test_who_no_longer_awaits_does_not_undo_it(ground: background.Background) -> None:
    go = threading.Event()

    async def slow() -> str:
        await asyncio.to_thread(go.wait)
        return "done"

    outcome = ground.submit(slow(), "something")

    async def awaiting() -> str:
        return await outcome

    task = asyncio.create_task(awaiting())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    assert await outcome == "done"


def test_a_lane_keeps_its_order_and_lanes_run_beside_each_other(ground: background.Background) -> None:
    done: dict[str, list[int]] = {"a": [], "b": []}
    lanes = {name: Lane(ground, done[name].append) for name in done}
    for number in range(200):
        for lane in lanes.values():
            lane.put(number)
    wait_until(lambda: not any(lane.busy for lane in lanes.values()))
    assert done["a"] == done["b"] == list(range(200))


def test_what_waits_can_be_replaced(ground: background.Background) -> None:
    go, done = threading.Event(), list[int]()

    def work(number: int) -> None:
        go.wait(20)
        done.append(number)

    lane = Lane(ground, work)
    lane.put(0)
    wait_until(lambda: len(lane) == 0)
    for number in (1, 2):
        lane.put(number)
    assert lane.put(3, instead=lambda number: number == 1) == 1
    go.set()
    wait_until(lambda: not lane.busy)
    assert done == [0, 2, 3]


def test_work_that_fails_stops_nothing(ground: background.Background, caplog: pytest.LogCaptureFixture) -> None:
    done = []

    def work(number: int) -> None:
        done.append(1 / number)

    lane = Lane(ground, work)
    for number in (1, 0, 2):
        lane.put(number)
    wait_until(lambda: not lane.busy)
    assert done == [1, 0.5]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_nothing_that_is_raised_ends_the_thread_or_a_worker(
    ground: background.Background, caplog: pytest.LogCaptureFixture, raised: BaseException
) -> None:
    def fails(*_: object) -> None:
        raise raised

    async def fails_too() -> None:
        raise raised

    for _ in range(2 * background.MAX_WORKERS):
        ground.compute(fails)
    ground.call(fails)
    with pytest.raises(type(raised)):
        ground.submit(fails_too(), "something").wait(20)
    done = list[int]()
    lane = Lane(ground, done.append)
    lane.put(1)
    wait_until(lambda: done == [1])
    assert ground.submit(_answer(5), "five").wait(20) == 5
    assert caplog.text.count("a worker failed") == 2 * background.MAX_WORKERS


@pytest.mark.parametrize("raised", [StopIteration(1), asyncio.CancelledError(), concurrent.futures.CancelledError()])
async def test_what_a_coroutine_cannot_raise_is_wrapped(raised: BaseException) -> None:
    over: Future[int] = Future()
    over.set_exception(raised)
    with pytest.raises(RuntimeError, match="something ended with") as wrapped:
        await Outcome(over, "something")
    assert wrapped.value.__cause__ is raised


def test_a_process_whose_user_forgot_to_leave_ends_and_leaves(runtime: Path) -> None:
    code = (
        "from relay_widget import Peer; peer = Peer('forgotten').connect().wait(); peer.publish_pattern(96, 96); "
        "other = Peer('forgotten', 'Other').connect().wait(); next(other.video(of='Python')); print(len(other.peers))"
    )
    begun_s = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.strip() == "1"
    assert ended.stderr == ""
    assert time.monotonic() - begun_s < 60


@pytest.mark.parametrize("timeout_s", [0, 0.001])
async def test_who_gives_up_waiting_leaves_nothing_behind(timeout_s: float) -> None:
    future: Future[int] = Future()
    outcome = Outcome(future, "a poll")
    for _ in range(100):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(outcome, timeout_s)
    assert len(future._done_callbacks) == 1  # type: ignore[attr-defined]
    assert not outcome._waiting
    waiting = [asyncio.ensure_future(_await(outcome)) for _ in range(3)]
    await asyncio.sleep(0)
    assert len(outcome._waiting) == 3
    future.set_result(7)
    assert await asyncio.gather(*waiting) == [7, 7, 7]
    assert await outcome == 7
    assert not outcome._waiting


async def _await(outcome: Outcome[int]) -> int:
    return await outcome
