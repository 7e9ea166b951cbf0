"""The notebook walker by fixed seeds, and walks that once failed. `make walk` walks for longer."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.waiting import wait_until
from tests.walk.driver import BROWSER_ARGUMENTS, Driver, WideLab, processes_of
from tests.walk.model import Model
from tests.walk.walk import Chooser, Walk, WalkFailed, parse

from .lab import chromium

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SEEDS = int(os.environ.get("WALK_SEEDS", "10"))
"""Others are for whoever has more time."""
STEPS = 20
WITHIN_S = 30.0
"""So busy is a machine that runs tests."""


class Walks:
    """One JupyterLab and one browser; one seed after the other walks in the same notebooks, until one fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lab = WideLab(folder)
        self._lab.start()
        self._chromium = chromium(*BROWSER_ARGUMENTS)
        self._browser = self._chromium.__enter__()
        self._walk: Walk | None = None

    def wander(self, seed: int) -> None:
        walk = self._current()
        end = len(walk.steps) + STEPS
        self._try(walk, lambda: walk.wander(Chooser(seed, thrift=1), lambda count: count >= end))

    def follow(self, steps: str) -> None:
        self.end()
        walk = self._current()
        self._try(walk, lambda: walk.follow(parse(steps)))

    def end(self) -> None:
        walk, self._walk = self._walk, None
        if walk is None:
            return
        driver = walk.driver
        assert isinstance(driver, Driver)
        with driver:
            left = driver.leftovers()
        assert left == [], walk.steps

    def stop(self) -> None:
        """End all of it: the kernels first, for one that is left would start another relay."""
        try:
            self.end()
        finally:
            self._chromium.__exit__(None, None, None)
            self._lab.stop()
        wait_until(lambda: not processes_of(self._lab))

    def _current(self) -> Walk:
        if self._walk is None:
            self._walk = Walk(Driver(self._lab, self._browser, Model.of(A=2, B=1)), within_s=WITHIN_S)
        return self._walk

    def _try(self, walk: Walk, what: Callable[[], None]) -> None:
        try:
            what()
        except WalkFailed:
            driver = walk.driver
            assert isinstance(driver, Driver)
            driver.pictures(Path(__file__).with_name("out") / "walk")
            driver.__exit__()
            self._walk = None
            raise


@pytest.fixture(scope="module")
def walks() -> Iterator[Walks]:
    with tempfile.TemporaryDirectory(prefix="walk-") as folder:
        walks = Walks(Path(folder))
        yield walks
        walks.stop()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_twenty_steps(walks: Walks, seed: int) -> None:
    walks.wander(seed)


def test_nothing_is_left_of_all_of_them(walks: Walks) -> None:
    walks.end()


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param("run A1; run A2; join A2 page", id="second_call_of_a_kernel_joins"),
        pytest.param("run A1; run_again A1", id="cell_run_again_joins"),
    ],
)
def test_walks_that_failed_once(walks: Walks, steps: str) -> None:
    walks.follow(steps)
