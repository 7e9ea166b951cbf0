"""A walk: chooses steps by a seed, does them, looks after each; replays, and shrinks what failed."""

from __future__ import annotations

import copy
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from .invariants import complaints, may_wait
from .model import ACTIONS, Model, Step, enabled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .seen import Seen

WITHIN_S = 10.0
"""How soon after a step everything must be as it should be."""
PATIENCE_S = 35.0
"""For how much longer a kernel may wait for a page that has gone in haste: it, or its relay, may not have come to say
that it leaves."""
HASTE = 0.3
ENDS = (2, 4, 8, 16, 32)
"""How many steps before a failure are tried first, of calls that have just been made."""
"""How often a step is followed by the next before anything is looked at."""


class WalkFailed(AssertionError):  # noqa: N818 - a failure, not an error of the walker
    """After these steps something was not as it should be."""

    def __init__(self, steps: list[Step], complaints: list[str]) -> None:
        self.steps = steps
        self.complaints = complaints
        told = "\n".join(f"  {complaint}" for complaint in complaints)
        super().__init__(f"after {'; '.join(map(str, steps))}\n{told}")


@dataclass
class Statistics:
    """What a walk did."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def note(self, step: Step, seconds: float) -> None:
        self.counts[step.action] += 1
        self.seconds[step.action].append(seconds)

    def __str__(self) -> str:
        lines = [f"{sum(self.counts.values())} steps in {sum(sum(s) for s in self.seconds.values()):.0f} s"]
        for action in ACTIONS:
            times = self.seconds.get(action, [])
            about = f"{sum(times) / len(times):5.1f} s each, {max(times):5.1f} s at most" if times else ""
            lines.append(f"  {action:18} {self.counts[action]:4} {about}")
        return "\n".join(lines)


class Chooser:
    """Chooses steps by a seed. What was done seldom so far is more likely; `thrift` keeps away from what takes long."""

    def __init__(self, seed: int, thrift: float = 0.5, haste: float = HASTE, skip: set[str] | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a walk has no secrets
        self._thrift = thrift
        self._haste = haste
        self._skip = skip or set()
        self._done: Counter[str] = Counter()

    def choose(self, model: Model) -> Step:
        possible = enabled(model)
        names = [name for name in possible if name not in self._skip]
        name = self._random.choices(names, [self._weight(name) for name in names])[0]
        self._done[name] += 1
        hasty = self._random.random() < self._haste
        return Step(name, tuple(self._random.choice(possible[name])), hasty)

    def _weight(self, name: str) -> float:
        action = ACTIONS[name]
        cost: float = action.cost_s**self._thrift
        return action.weight / (1 + self._done[name] / action.weight) / cost


class Driving(Protocol):
    """What does the steps, and looks: `driver.Driver` in a browser, `virtual.VirtualDriver` without."""

    model: Model

    def do(self, step: Step) -> None:
        """Do a step, before the model takes it."""

    def look(self) -> Seen:
        """What all sides say now."""
        ...

    def now_s(self) -> float:
        """The time, from somewhen on."""
        ...

    def pause(self) -> None:
        """Let a moment pass before the next look."""


class Walk:
    """Steps in the notebooks of one driver."""

    def __init__(self, driver: Driving, say: Callable[[str], None] = print, within_s: float = WITHIN_S) -> None:
        self.driver = driver
        self.model = driver.model
        self.steps: list[Step] = []
        self.statistics = Statistics()
        self._waits: dict[str, float] = {}
        self._hasty_s = float("-inf")
        self._say = say
        self._within_s = within_s

    def step(self, step: Step) -> None:
        """Do a step, and look.

        Raises:
            WalkFailed: Something is not as it should be.
        """
        began_s = time.monotonic()
        self.steps.append(step)
        try:
            self.driver.do(step)
        except Exception as error:
            raise WalkFailed(self.steps, [f"{step} could not be done: {error}", *self._look_once()]) from error
        step.apply(self.model)
        if step.hasty:
            self._hasty_s = self.driver.now_s()
        looks = 0
        if not step.hasty:
            looks = self.settle()
        took_s = time.monotonic() - began_s
        self.statistics.note(step, took_s)
        self._say(f"{len(self.steps):4} {step!s:40} {took_s:5.1f} s  {looks} looks")

    def settle(self) -> int:
        """Wait until all is as it should be. Returns how often it looked."""
        first = self.driver.look()
        deadline_s = self.driver.now_s() + self._within_s
        looks = 1
        while wrong := self._wrong(first):
            looks += 1
            if self.driver.now_s() > deadline_s:
                raise WalkFailed(self.steps, wrong)
            self.driver.pause()
        self.model.settled()
        return looks

    def _wrong(self, first: Seen) -> list[str]:
        """What is wrong now; what may wait is wrong only once it has been so for long, over however many steps."""
        now_s = self.driver.now_s()
        wrong = complaints(self.model, first, self.driver.look())
        in_haste = now_s - self._hasty_s < self._within_s
        waits = [one for one in wrong if may_wait(one) and (in_haste or one in self._waits)]
        self._waits = {one: self._waits.get(one, now_s) for one in waits}
        late = [one for one, since_s in self._waits.items() if now_s - since_s > self._within_s + PATIENCE_S]
        return late + [one for one in wrong if one not in self._waits]

    def _look_once(self) -> list[str]:
        seen = self.driver.look()
        return complaints(self.model, seen, seen)

    def follow(self, steps: Iterable[Step]) -> None:
        """Do these steps; those that make no sense are left out. The last one is looked at."""
        listed = list(steps)
        for index, step in enumerate(listed):
            if step.possible(self.model):
                self.step(step.patient() if index == len(listed) - 1 else step)

    def wander(self, chooser: Chooser, until: Callable[[int], bool]) -> None:
        """Do steps that the chooser chooses, until this says so of their number."""
        while not until(len(self.steps)):
            self.step(chooser.choose(self.model))


def parse(text: str) -> list[Step]:
    """Steps as `WalkFailed` prints them."""
    return [Step.parse(one) for one in text.replace("\n", ";").split(";") if one.strip()]


def meaningful(steps: Iterable[Step], model: Model) -> list[Step]:
    """Those of the steps that make sense, one after the other, from this model on."""
    model = copy.deepcopy(model)
    left = []
    for step in steps:
        if step.possible(model):
            step.apply(model)
            left.append(step)
    return left


def shrink(steps: list[Step], model: Model, fails: Callable[[list[Step]], bool]) -> list[Step]:
    """Leave out what does not matter: all but the end, big pieces, single steps; as long as it still fails."""
    runs = [step for step in steps if step.action == "run"]
    for length in ENDS:
        end = meaningful([*runs, *steps[-length:]], model)
        if len(end) < len(steps) and fails(end):
            steps = end
            break
    size = max(1, len(steps) // 2)
    while True:
        for shorter in _without_pieces(steps, size):
            candidate = meaningful(shorter, model)
            if len(candidate) < len(steps) and fails(candidate):
                steps = candidate
                break
        else:
            if size == 1:
                return steps
            size = max(1, size // 2)


def _without_pieces(steps: list[Step], size: int) -> Iterator[list[Step]]:
    for start in range(0, len(steps) - 1, size):  # the last step is where it failed
        end = min(start + size, len(steps) - 1)
        yield steps[:start] + steps[end:]
