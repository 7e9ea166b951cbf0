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


@pytest.mark.parametrize("seed", range(10))
def test_a_walk(seed: int) -> None:
    try:
        walk(seed).wander(Chooser(seed, thrift=0), lambda steps: steps >= STEPS)
    except WalkFailed as failure:
        steps = shrink(failure.steps, Model.of(**NOTEBOOKS), lambda steps: follow(seed, steps) is not None)
        raise (follow(seed, steps) or failure) from None


@pytest.mark.parametrize("steps", ["run A1; leave A1 page!; rejoin A1 page!; leave A1 page!; rejoin A1 page"])
def test_named(steps: str) -> None:
    failure = follow(0, parse(steps))
    assert failure is None, failure
