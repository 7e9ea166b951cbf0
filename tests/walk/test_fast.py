"""The walk without a browser: the relay's real core in virtual time, by fixed seeds."""

from __future__ import annotations

import pytest

from .model import Model, Step
from .virtual import VirtualDriver
from .walk import Chooser, Walk, WalkFailed, parse, shrink

STEPS = 300
NOTEBOOKS = {"A": 2, "B": 1}


def walk(seed: int) -> Walk:
    return Walk(VirtualDriver(Model.of(**NOTEBOOKS), seed), say=lambda _line: None)


def follow(seed: int, steps: list[Step]) -> WalkFailed | None:
    try:
        walk(seed).follow(steps)
    except WalkFailed as failure:
        return failure
    return None


@pytest.mark.parametrize("seed", [*range(10), 148, 151, 153])
def test_a_walk(seed: int) -> None:
    try:
        walk(seed).wander(Chooser(seed, thrift=0), lambda steps: steps >= STEPS)
    except WalkFailed as failure:
        steps = shrink(failure.steps, Model.of(**NOTEBOOKS), lambda steps: follow(seed, steps) is not None)
        raise (follow(seed, steps) or failure) from None


@pytest.mark.parametrize(
    ("seed", "steps"),
    [
        (0, "run A1; leave A1 page!; rejoin A1 page!; leave A1 page!; rejoin A1 page"),
        # A snapshot that shows the participant comes after its page's word that it has left.
        (148, "run_all A; run_again A1!; leave A1 python"),
        (
            151,
            "run A2; join A2 page; room A2 python walk-2; leave A2 page!; room A2 python walk-1; room A2 python walk-2",
        ),
        # The page says nothing to its kernel when its tab is closed; the relay says that it has left.
        (3, "run A1; close_tab A"),
        (3, "run B1; cut B1; end_relay TERM; paste B1; close_tab B"),
    ],
)
def test_named(seed: int, steps: str) -> None:
    failure = follow(seed, parse(steps))
    assert failure is None, failure
