from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from .operations import MAX_OPERATIONS, play


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.binary(min_size=100, max_size=1500))
def test_whatever_happens_the_core_keeps_its_promises(data: bytes) -> None:
    play(data)


def test_long_stories_reach_most_of_what_there_is() -> None:
    seen = set()
    for seed in range(40):
        seen |= set(play(Random(seed).randbytes(8 * MAX_OPERATIONS)))  # noqa: S311 - a story, no secret
    for outcome in (
        "SendMedia",
        "Close",
        "join ok",
        "join room-full",
        "listen ok",
        "listen forbidden",
        "media-chunk ok",
        "media-chunk out-of-order",
        "media-chunk too-fast",
        "impair ok",
        "mute ok",
        "renew ok",
        "end ok",
        "connect relay-full",
    ):
        assert outcome in seen, sorted(seen)
