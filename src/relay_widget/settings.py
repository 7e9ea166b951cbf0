"""Settings of a call that are numbers: what they may be, and how they are refused."""

from __future__ import annotations

import numbers
import reprlib
from typing import Any

import traitlets as t

from .errors import InvalidValueError

MIN_TIMESLICE_MS = 10
MAX_TIMESLICE_MS = 3000
"""A player that has longer ones to wait for is further behind than it will stay (`MAX_TARGET_S` of the page)."""
DEFAULT_TIMESLICE_MS = 20
MIN_TARGET_LATENCY_MS = 60
MAX_TARGET_LATENCY_MS = 4000


class InvalidTraitError(InvalidValueError, t.TraitError):
    """Also a TraitError, so that traitlets puts the old value back when the page sends what cannot be used."""


class Milliseconds(t.TraitType[Any, Any]):
    """A trait of whole milliseconds in a range; anything else is refused with the range, by code ``bad-<name>``."""

    info_text = "a whole number of milliseconds"

    def __init__(self, default_value: int | None, *, min: int, max: int, **options: Any) -> None:  # noqa: A002 - as t.Int
        self.min = min
        self.max = max
        super().__init__(default_value, **options)

    def validate(self, obj: t.HasTraits | None, value: Any) -> int:  # noqa: ARG002 - as traitlets calls it
        """The value, if it can be used."""
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if number and self.min <= value <= self.max and float(value).is_integer():
            return int(value)
        automatic = "None (automatic) or " if self.allow_none else ""
        raise InvalidTraitError(
            f"bad-{str(self.name).replace('_', '-')}",
            f"{self.name} must be {automatic}a whole number of milliseconds from {self.min} to {self.max}, "
            f"not {reprlib.repr(value)}.",
        )


def check_timeslice(timeslice_ms: int, target_latency_ms: int | None) -> int:
    """Refuse a timeslice that is longer than the target latency: a chunk is played only when it is complete."""
    if target_latency_ms is None or timeslice_ms <= target_latency_ms:
        return timeslice_ms
    raise InvalidTraitError(
        "bad-timeslice",
        f"timeslice must be from {MIN_TIMESLICE_MS} to {target_latency_ms} ms while target_latency is "
        f"{target_latency_ms}, not {timeslice_ms}: raise target_latency first, or set it to None.",
    )


def check_target_latency(target_latency_ms: int | None, timeslice_ms: int) -> int | None:
    """Refuse a target latency that is shorter than one timeslice."""
    if target_latency_ms is None or timeslice_ms <= target_latency_ms:
        return target_latency_ms
    raise InvalidTraitError(
        "bad-target-latency",
        f"target_latency must be None (automatic) or from {timeslice_ms} to {MAX_TARGET_LATENCY_MS} ms while "
        f"timeslice is {timeslice_ms}, not {target_latency_ms}: it cannot be below one slice.",
    )
