"""A pytest plugin: a run that leaves a process behind fails and names it.

Processes are known by a variable that all of them inherit, and by the run's temporary folder in their command line. A
relay, a kernel, a JupyterLab, a Chromium, a Redis or an nginx that outlives its test is a bug of the test or of what it
tests. With pytest-xdist the controller looks, after its workers have ended.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

VARIABLE = "RELAY_WIDGET_TEST_RUN"
END_TIMEOUT_S = 15
"""For how long processes that have been told to end may take."""
_POLL_S = 0.1
_FOUND = pytest.StashKey[dict[int, str]]()
_MARK = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        # A run inside a run (the plugin's own tests) has its own.
        os.environ[VARIABLE] = config.stash[_MARK] = secrets.token_hex(8)


@pytest.hookimpl(wrapper=True, trylast=True)  # after xdist has ended its workers, before the summary is printed
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    yield
    if hasattr(session.config, "workerinput"):
        return
    mark = session.config.stash[_MARK]
    deadline_s = time.monotonic() + END_TIMEOUT_S
    while (found := processes_of(mark)) and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
    if found:
        session.config.stash[_FOUND] = found
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash.get(_FOUND, {})
    if found:
        terminalreporter.section("processes that this run has left behind", red=True)
        for pid, command in found.items():
            terminalreporter.line(f"{pid}: {command}")


def processes_of(mark: str) -> dict[int, str]:
    """The command lines, by pid, of the processes that have this run's mark, but for this one and those above it."""
    wanted, above = f"{VARIABLE}={mark}".encode(), _self_and_ancestors()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            if pid not in above and wanted in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if command:  # one that has ended and is not yet collected has none
                    found[pid] = command
        except OSError:
            continue  # it has ended meanwhile, or is somebody else's
    return found


def _self_and_ancestors() -> set[int]:
    pids, pid = {0}, os.getpid()
    while pid not in pids:
        pids.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pids
