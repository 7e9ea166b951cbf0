"""Whom and what `Call.impair` means."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from relay_widget import InvalidValueError, RemotePeer
from relay_widget.impair import checked, whom
from relay_widget.protocol import Impairment

ADA, BOB, BOB2 = RemotePeer("a1", "Ada"), RemotePeer("b1", "Bob"), RemotePeer("b2", "Bob")


def test_everybody_one_and_me() -> None:
    assert whom(None, "lab", [ADA, BOB], []) == [None]
    assert whom("Ada", "lab", [ADA, BOB], []) == ["a1"]
    assert whom("b1", "lab", [ADA, BOB, BOB2], []) == ["b1"]
    assert whom(BOB, "lab", [ADA, BOB, BOB2], []) == ["b1"]
    assert whom("me", "lab", [ADA], ["m1", "m2"]) == ["m1", "m2"]
    assert whom("m1", "lab", [ADA], ["m1"]) == ["m1"]
    assert whom("l1", "lab", [ADA], [], ["l1"]) == ["l1"]


@pytest.mark.parametrize(
    ("peer", "code", "words"),
    [
        ("me", "not-joined", "join"),
        ("Bob", "ambiguous-peer", "2 peers"),
        ("bob", "unknown-peer", "'Ada', 'Bob', 'Bob'"),
        ("", "unknown-peer", "''"),
        (RemotePeer("x", "Eve"), "unknown-peer", "'Eve'"),
        (3, "unknown-peer", "of type int"),
        (["Ada"], "unknown-peer", "of type list"),
    ],
)
def test_who_cannot_be_meant_is_said_with_who_can(peer: object, code: str, words: str) -> None:
    with pytest.raises(InvalidValueError, match=words) as refused:
        whom(peer, "lab", [ADA, BOB, BOB2], [])
    assert refused.value.code == code


def test_an_empty_room_says_so() -> None:
    with pytest.raises(InvalidValueError, match="nobody else"):
        whom("Ada", "lab", [], [])


def test_any_real_number_will_do() -> None:
    assert checked({"delay_ms": Fraction(1, 2), "rate_kbps": 300}) == Impairment(delay_ms=0.5, rate_kbps=300)


@pytest.mark.parametrize("bad", [Decimal(1), 1j, "1", True, [1], object()], ids=lambda bad: type(bad).__name__)
def test_no_real_number_will_not(bad: object) -> None:
    with pytest.raises(InvalidValueError, match="from 0 to 10000"):
        checked({"delay_ms": bad})
