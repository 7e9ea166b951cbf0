"""What holds for all tests: the relays that they share, and which of them start processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy.testing  # noqa: F401 - before any test: in NumPy 2.0 its import starts lscpu
import pytest
from hypothesis import HealthCheck, settings

from relay_widget import launcher
from relay_widget.launcher import RUNTIME_DIR_VARIABLE

from .relay_process import RelayProcess, is_empty
from .waiting import no_monitor_runs, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# A shell has what it runs in the background ignore the one, nohup the other, and so would the commands that tests end.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if os.name == "posix" and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

EMPTY_TIMEOUT_S = 5
"""How long the connections of a test that has ended may take to end; a relay that keeps them is not shared further."""
PROCESS_FIXTURES = {"_token_relay", "_open_relay", "_runtime_folder", "own_runtime", "redis", "browser"}
STARTING = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec"}

_rooms = count(1)


# ---- one relay for many tests ----------------------------------------------------------------------------


def _emptied(empty: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + EMPTY_TIMEOUT_S
    while not empty():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(scope="session")
def _token_relay() -> Iterator[RelayProcess]:
    with RelayProcess() as process:
        yield process
        assert process.log == ""


@pytest.fixture(scope="session")
def _open_relay() -> Iterator[RelayProcess]:
    with RelayProcess(("--no-auth", "--allow-origin", "https://lab.example", "--allow-host", "lab.example")) as process:
        yield process
        assert process.log == ""


def _handed_out(process: RelayProcess) -> Iterator[RelayProcess]:
    """Lend a shared relay to a test. No test may make it stumble, and none finds another's participants on it."""
    yield process
    ended = process.process.poll() is not None
    if ended or not _emptied(lambda: is_empty(process.url)):
        log = process.log
        process.end()
        process.start()
        assert not ended, log


@pytest.fixture
def relay(_token_relay: RelayProcess) -> Iterator[RelayProcess]:
    """A relay that wants tokens, with nobody on it. It is shared: to end or stop one, start a RelayProcess."""
    yield from _handed_out(_token_relay)


@pytest.fixture
def open_relay(_open_relay: RelayProcess) -> Iterator[RelayProcess]:
    """A relay that wants no token, with nobody on it. It is shared: to end or stop one, start a RelayProcess."""
    yield from _handed_out(_open_relay)


@pytest.fixture
def room() -> str:
    """A room that no other test uses."""
    return f"room {next(_rooms)}"


@pytest.fixture(scope="session")
def _runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("runtime")
    yield folder
    launcher.end_relay(folder / launcher.runtime_file().name)


@pytest.fixture
def runtime(_runtime_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user whose relay runs already, if a test before has needed it; nobody is on it. A folder of this test's own.

    A test may kill the relay: the next one has a new one.
    """
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(_runtime_folder))
    yield tmp_path
    wait_until(no_monitor_runs)
    if not _emptied(lambda: (found := launcher.find_relay()) is None or is_empty(found.url)):
        launcher.end_relay()


@pytest.fixture
def own_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user with no relay yet, with a runtime folder of this test's own. Whatever relay it has at the end is ended."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv(RUNTIME_DIR_VARIABLE, raising=False)
    yield tmp_path
    wait_until(no_monitor_runs)
    found = launcher.find_relay()
    if found is not None:
        os.kill(found.pid, signal.SIGTERM)
        wait_until(lambda: not launcher.runtime_file().exists())


# ---- which tests start processes -------------------------------------------------------------------------

_running: list[pytest.Item] = []
_started: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark browser tests, and those whose fixtures start processes; others that do say so themselves."""
    for item in items:
        if item.get_closest_marker("e2e") or PROCESS_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("process")


def _heed(event: str, arguments: tuple[Any, ...]) -> None:
    if event in STARTING and _running and not _running[0].get_closest_marker("process"):
        _started.append(f"{event}{arguments}"[:300])


sys.addaudithook(_heed)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    _running[:] = [item]
    try:
        return (yield)
    finally:
        _running.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    try:
        return (yield)
    finally:
        started = list(_started)
        _started.clear()
        assert not started, f"This test starts a process: mark it with pytest.mark.process. {started}"
