"""The check that no run of pytest leaves a process behind, in runs of their own."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[1]
STARTS = """
import subprocess, sys

def test_it():
    process = subprocess.Popen([sys.executable, "-c", "import time; print(1, flush=True); time.sleep(600)"],
                               stdout=subprocess.PIPE, start_new_session=True)
    process.stdout.readline()
    {end}
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run(end: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(STARTS.format(end=end))
        pytester.makeconftest("import tests.leftovers\ntests.leftovers.END_TIMEOUT_S = 0.5\n")
        return pytester.runpytest_subprocess("-p", "tests.leftovers", *arguments)

    return run


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_a_process_that_is_left_fails_the_run_and_is_named(
    run: Callable[..., pytest.RunResult], workers: tuple[str, ...]
) -> None:
    result = run("pass", *workers)
    (pid,) = re.findall(r"(?m)^(\d+): .*time\.sleep\(600\)", result.stderr.str())
    os.kill(int(pid), signal.SIGKILL)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1)


def test_a_run_that_leaves_none_passes(run: Callable[..., pytest.RunResult]) -> None:
    result = run("process.kill(); process.wait(); process.stdout.close()")
    assert result.ret == pytest.ExitCode.OK
