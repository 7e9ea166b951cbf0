"""A pytest plugin: a run that leaves a process behind fails and names it.

Processes are known by a variable that all of them inherit. A relay, a kernel, a JupyterLab, a Chromium, a Redis or an
nginx that outlives its run is a bug of a test or of what it tests. With pytest-xdist the controller looks, after its
workers have ended. Where there is no /proc (macOS), nothing is looked for.
"""

from __future__ import annotations

import os
import secrets
import time
from functools import partial
from pathlib import Path

import pytest

VARIABLE = "RELAY_WIDGET_TEST_RUN"
END_TIMEOUT_S = 15
"""For how long processes that have been told to end may take."""
_POLL_S = 0.1


@pytest.hookimpl(tryfirst=True)  # the first to be asked is the last to clean up: after the plugins that end a relay
def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        # A run inside a run (the plugin's own tests) has its own.
        os.environ[VARIABLE] = mark = secrets.token_hex(8)
        config.add_cleanup(partial(_look, mark))


def _look(mark: str) -> None:
    deadline_s = time.monotonic() + END_TIMEOUT_S
    while (found := processes_of(mark)) and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
    if found:
        lines = "\n".join(f"{pid}: {command}" for pid, command in found.items())
        raise SystemExit(f"This run has left processes behind:\n{lines}")  # printed, and the exit code is 1


def processes_of(mark: str) -> dict[int, str]:
    """The command lines, by pid, of the processes that have this run's mark, but for this one and those above it."""
    found: dict[int, str] = {}
    if not Path("/proc/self/environ").exists():
        return found
    wanted, above = f"{VARIABLE}={mark}".encode(), _self_and_ancestors()
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
