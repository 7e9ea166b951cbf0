"""Waiting for a condition, in tests."""

from __future__ import annotations

import os
import threading
import time


def wait_until(condition: object, timeout_s: float = 20) -> None:
    """Wait until a condition holds; a test that needs longer fails."""
    assert callable(condition)
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.02)


def is_there(pid: int) -> bool:
    """Whether a process runs, or has ended and was not collected."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def no_monitor_runs() -> bool:
    """A monitor that is just starting a relay would leave one behind, and follow it into the next test."""
    return all(thread.name != "relay-widget-monitor" for thread in threading.enumerate())
