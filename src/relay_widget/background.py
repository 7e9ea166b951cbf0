"""Where Python participants run: one daemon thread with an asyncio loop for all of a process, and a few workers.

So a busy cell, or an event loop of the user's own, keeps nobody waiting; and what computes (decoding, encoding) never
stands in the way of what is sent and heard. All of it starts with the first participant and ends with the last.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import queue
import threading
import time
from collections import deque
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .ending import end
from .errors import ForkedError, WaitTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

T = TypeVar("T")
Item = TypeVar("Item")

MAX_WORKERS = 4
_WAIT_SLICE_S = 0.5
_END_TIMEOUT_S = 3.0
_PACKAGE = Path(__file__).parent

_log = logging.getLogger(__name__)


class OwnProcess:
    """The process that an object was made in. A forked child has a copy of the object, and none of its threads."""

    def __init__(self) -> None:
        self._pid = os.getpid()

    @property
    def forked(self) -> bool:
        """Whether this is such a child."""
        return self._pid != os.getpid()

    def check(self, what: object) -> None:
        """Refuse what only the parent can do.

        Raises:
            ForkedError: This is a forked child.
        """
        if self.forked:
            raise ForkedError(what)


class Outcome(Generic[T]):
    """Something that will have happened: ``await`` it in any event loop, or `wait` for it where there is none."""

    def __init__(self, future: Future[T], what: str) -> None:
        self._future = future
        self._what = what
        self._process = OwnProcess()
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = set()
        future.add_done_callback(self._wake)

    @property
    def done(self) -> bool:
        """Whether it has happened, or failed."""
        return self._future.done()

    def wait(self, timeout_s: float | None = None) -> T:
        """Wait for it, interruptibly. What has failed raises its error.

        Args:
            timeout_s: Seconds to wait at most; None for as long as it takes.

        Raises:
            WaitTimeoutError: It has not happened by then; it goes on.
            ForkedError: It happens in the process that this one was forked from.
        """
        self._check_process()
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left_s = _WAIT_SLICE_S if deadline_s is None else min(_WAIT_SLICE_S, deadline_s - time.monotonic())
            try:
                # In slices, so that interrupting is heard on every system.
                return self._future.result(max(0, left_s))
            except NotYet:
                if self._future.done():
                    raise  # a TimeoutError of its own
                if deadline_s is not None and time.monotonic() >= deadline_s:
                    raise WaitTimeoutError(
                        "wait-timeout", f"{self._what} was not over after {timeout_s:g} s: wait longer, or stop it."
                    ) from None

    async def settled(self) -> None:
        """Wait in an event loop until it has happened or failed, and raise nothing of it."""
        self._check_process()
        loop = asyncio.get_running_loop()
        waiting = (loop, loop.create_future())
        with self._lock:  # a future never forgets a callback, so it has one, and who waits is kept here
            if self._future.done():
                return
            self._waiting.add(waiting)
        try:
            await waiting[1]
        finally:
            with self._lock:
                self._waiting.discard(waiting)

    def __await__(self) -> Generator[Any, None, T]:
        return self._result().__await__()  # who no longer waits does not undo it

    async def _result(self) -> T:
        await self.settled()
        try:
            return self._future.result()
        except (StopIteration, asyncio.CancelledError, CancelledError) as error:
            # Raised in a coroutine these would say something of the coroutine.
            raise RuntimeError(f"{self._what} ended with {error!r}") from error

    def _wake(self, _: object) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, set()
        for loop, future in waiting:
            try:
                loop.call_soon_threadsafe(settle, future)
            except RuntimeError:
                _log.debug("an event loop that waited for %s is closed", self._what)

    def _check_process(self) -> None:
        if not self._future.done():
            self._process.check(self._what)

    def __repr__(self) -> str:
        return f"<{self._what}: {'over' if self.done else 'under way'}>"


def done(what: str) -> Outcome[None]:
    """Return the outcome of something that takes no time."""
    future: Future[None] = Future()
    future.set_result(None)
    return Outcome(future, what)


class ThreadLoop:
    """The event loop of a thread of ours: `serve` or `run` it there, once.

    Unlike that of ``asyncio.run``, its end needs no new thread: at the interpreter's end there is none.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(_on_unretrieved)
        self._executor = ThreadPoolExecutor(thread_name_prefix="asyncio")
        self.loop.set_default_executor(self._executor)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this on it, then end it.

        Returns:
            What ``work`` returns.
        """
        asyncio.set_event_loop(self.loop)
        try:
            return self.loop.run_until_complete(work)
        finally:
            self._end()

    def serve(self) -> None:
        """Run it until it is stopped, then end it.

        A loop lets SystemExit and KeyboardInterrupt out, which end a program and not one thread of it: they are logged.
        """
        asyncio.set_event_loop(self.loop)
        try:
            while True:
                try:
                    self.loop.run_forever()
                except BaseException:  # noqa: BLE001 - logged; whatever else the loop does goes on
                    _log.exception("something on %s failed", threading.current_thread().name)
                else:
                    return
        finally:
            self._end()

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Have it call something, from whatever thread; nothing happens once it has ended."""
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            _log.debug("too late for %s", function)

    def _end(self) -> None:
        try:
            self.loop.run_until_complete(self._cancel_all())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self._executor.shutdown()
            asyncio.set_event_loop(None)
            self.loop.close()

    async def _cancel_all(self) -> None:
        await end(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()))


def _on_unretrieved(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Something failed that nobody waits for. Of a library it is no business of the cell that would show it.

    python-socketio, for instance, stumbles over the second half of an event whose connection ended after the first.
    """
    coroutine = getattr(context.get("future"), "get_coro", lambda: None)()
    code = getattr(coroutine, "cr_code", None)
    if code is None or Path(code.co_filename).is_relative_to(_PACKAGE):
        loop.default_exception_handler(context)
    else:
        _log.info("%s (%s)", context["message"], code.co_qualname, exc_info=context.get("exception"))


class Background:
    """The thread and the workers of one process. Get it with `enter`, give it back with `leave`."""

    def __init__(self) -> None:
        self._own = ThreadLoop()
        self.loop = self._own.loop
        self._process = OwnProcess()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._own.serve, name="relay-widget-peers", daemon=True)
        count = max(1, min(MAX_WORKERS, os.cpu_count() or 1))
        # Daemons, unlike those of an executor: the end of the process is not to wait for them.
        self._workers = [
            threading.Thread(target=self._work, name=f"relay-widget-worker-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in (self._thread, *self._workers):
            thread.start()

    @property
    def forked(self) -> bool:
        """Whether this is a forked child, where none of its threads are."""
        return self._process.forked

    def submit(self, work: Coroutine[Any, Any, T], what: str) -> Outcome[T]:
        """Have the loop do something.

        Raises:
            ForkedError: The loop is that of the process that this one was forked from.
        """
        if self.forked:
            work.close()
            raise ForkedError(what)
        return Outcome(asyncio.run_coroutine_threadsafe(work, self.loop), what)

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Have the loop call something, from whatever thread; nothing happens once it has ended, or in a child."""
        if not self.forked:
            self._own.call(function, *args)

    def compute(self, job: Callable[[], None]) -> None:
        """Have a worker do something."""
        self._jobs.put(job)

    def stop(self) -> None:
        """End the thread and the workers, from any thread; not waited for."""
        self.call(self.loop.stop)
        for _ in self._workers:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except BaseException:  # noqa: BLE001 - it is logged, and the others' work goes on
                _log.exception("a worker failed")
            del job  # not to be kept while waiting for the next


def settle(future: asyncio.Future[Any], result: object = None) -> None:
    """It has happened, if anybody still waits for it."""
    if not future.done():
        future.set_result(result)


class Lane(Generic[Item]):
    """Items that workers take one at a time, in their order.

    Args:
        background: Whose workers.
        work: What is done with each.
    """

    def __init__(self, background: Background, work: Callable[[Item], None]) -> None:
        self._background = background
        self._work = work
        self._lock = threading.Lock()
        self._waiting: deque[Item] = deque()
        self._busy = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether any waits or is just being worked on."""
        return self._busy

    def put(self, item: Item, *, instead: Callable[[Item], bool] | None = None) -> int:
        """Add one, in place of those waiting that ``instead`` is true of; how many those were."""
        with self._lock:
            before = len(self._waiting)
            if instead is not None and before:
                self._waiting = deque(one for one in self._waiting if not instead(one))
            replaced = before - len(self._waiting)
            self._waiting.append(item)
            if self._busy:
                return replaced
            self._busy = True
        self._background.compute(self._step)
        return replaced

    def _step(self) -> None:
        with self._lock:
            item = self._waiting.popleft()
        try:
            self._work(item)
        finally:
            with self._lock:
                self._busy = bool(self._waiting)
            if self._busy:  # behind the other lanes' work
                self._background.compute(self._step)


_lock = threading.Lock()
_shared: Background | None = None
_users: set[Any] = set()


def enter(user: Any) -> Background:
    """This process's background, for one who uses it until `leave`. Its ``close()`` is called at the process's end."""
    global _shared  # noqa: PLW0603 - one per process is the point
    with _lock:
        if _shared is None:
            _shared = Background()
        _users.add(user)
        return _shared


def leave(user: Any) -> None:
    """It is used no longer; with the last user it ends."""
    global _shared  # noqa: PLW0603
    with _lock:
        _users.discard(user)
        ended = None if _users else _shared
        if ended is not None:
            _shared = None
    if ended is not None:
        ended.stop()


def _forget() -> None:
    """A forked child has none of the threads, and the lock may be held by one of them."""
    global _lock, _shared  # noqa: PLW0603
    _lock = threading.Lock()
    _shared = None
    _users.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@atexit.register
def _end() -> None:
    """Leave the rooms that the user has not left."""
    closing = [user.close() for user in list(_users)]
    deadline_s = time.monotonic() + _END_TIMEOUT_S
    for outcome in closing:
        try:
            outcome.wait(max(0, deadline_s - time.monotonic()))
        except (Exception, CancelledError) as error:  # noqa: BLE001 - the process ends either way
            _log.info("leaving at the end: %s", error)
