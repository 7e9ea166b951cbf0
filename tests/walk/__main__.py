"""``python -m tests.walk``: walk for some minutes, or replay steps; what fails is shrunk and printed."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.lab import chromium

from .driver import BROWSER_ARGUMENTS, Driver, WideLab, processes_of
from .model import Model
from .walk import Chooser, Walk, WalkFailed, parse, shrink

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser

    from .model import Step

OUT = Path(__file__).with_name("out")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--minutes", type=float, default=20)
    arguments.add_argument("--seed", type=int, default=None)
    arguments.add_argument("--steps", help="replay these instead, as they are printed: 'run A1; leave A1 page'")
    arguments.add_argument("--within", type=float, default=10, help="seconds in which all must be well after a step")
    arguments.add_argument("--shrink", type=float, default=10, help="minutes to shrink for; 0: not at all")
    arguments.add_argument("--skip", default="", help="actions to leave out, with commas")
    arguments.add_argument("--cells", default="A2B1", help="notebooks, and how many calls each makes")
    given = arguments.parse_args()
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    notebooks = dict(zip(given.cells[::2], map(int, given.cells[1::2]), strict=True))
    with tempfile.TemporaryDirectory(prefix="walk-") as folder, chromium(*BROWSER_ARGUMENTS) as browser:
        walker = Walker(WideLab(Path(folder)), browser, notebooks, given.within)
        walker.lab.start()
        try:
            if given.steps:
                failure = walker.walk(lambda walk: walk.follow(parse(given.steps)))
            else:
                print(f"seed {seed}, {given.minutes:g} minutes", flush=True)
                end_s = time.monotonic() + 60 * given.minutes
                chooser = Chooser(seed, skip=set(given.skip.split(",")))
                failure = walker.walk(lambda walk: walk.wander(chooser, lambda _count: time.monotonic() > end_s))
            if failure is None:
                return 0
            print(f"\nFAILED {failure}", flush=True)
            if given.shrink > 0:
                walker.shrink(failure, given.shrink)
        finally:
            walker.lab.stop()
            orphans = processes_of(walker.lab)
            print("\n".join(f"LEFT {orphan}" for orphan in orphans), flush=True)
    return 1


@dataclass
class Walker:
    """Walks in one JupyterLab and one browser, each time in fresh notebooks."""

    lab: WideLab
    browser: Browser
    notebooks: dict[str, int]
    within_s: float

    def walk(self, steps: Callable[[Walk], None]) -> WalkFailed | None:
        """One walk; what failed, with pictures and figures."""
        with Driver(self.lab, self.browser, Model.of(**self.notebooks)) as driver:
            walk = Walk(driver, _say, self.within_s)
            try:
                steps(walk)
                left = driver.leftovers()
                if left:
                    return WalkFailed(walk.steps, left)
            except WalkFailed as failure:
                print("\n".join(map(str, driver.pictures(OUT))))
                return failure
            finally:
                print(walk.statistics, flush=True)
        return None

    def shrink(self, failure: WalkFailed, minutes: float) -> None:
        """Print the fewest steps that are found in this time and still fail."""
        end_s = time.monotonic() + 60 * minutes
        found = failure

        def fails(steps: list[Step]) -> bool:
            nonlocal found
            if time.monotonic() > end_s:
                return False
            again = self.walk(lambda walk: walk.follow(steps))
            found = again or found
            print(f"-- {len(steps)} steps {'fail' if again else 'pass'}", flush=True)
            return again is not None

        steps = shrink(failure.steps, Model.of(**self.notebooks), fails)
        print(f"\nSHRUNK to {'; '.join(map(str, steps))}\n{found}", flush=True)


def _say(line: str) -> None:
    print(line, flush=True)


sys.exit(main())
