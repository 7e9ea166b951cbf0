"""Tokens: what is in them and which are refused."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, cast

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.lib import pretty

from relay_widget.errors import InvalidValueError, WireError
from relay_widget.grants import Grant
from relay_widget.protocol import Code
from relay_widget.tidy import tidy
from relay_widget.tokens import Token, check_secret, mint, sign, verify

SECRET = "s" * 43


def refused(token: object, secret: str = SECRET, now_s: float | None = None) -> str:
    with pytest.raises(WireError) as caught:
        verify(secret, token, now_s=now_s)
    assert SECRET not in caught.value.message
    return caught.value.code


ROOMS = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=60).map(tidy).filter(bool) | st.sampled_from(
    ["*", "lab-*"]
)
IDS = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=64)


@given(
    grant=st.builds(
        Grant,
        role=st.sampled_from(["peer", "monitor"]),
        room=st.none() | ROOMS,
        publish=st.booleans(),
        subscribe=st.booleans(),
        administers=st.lists(ROOMS, max_size=3).map(tuple),
        name=st.none() | ROOMS,
        call=st.none() | IDS,
        peer=st.none() | IDS,
        expires_s=st.integers(1001, 10**12).map(float),
    )
)
def test_what_is_signed_is_what_is_read(grant: Grant) -> None:
    assert verify(SECRET, sign(SECRET, grant), now_s=1000) == grant


def test_a_plain_token_may_everything_but_administer() -> None:
    grant = verify(SECRET, mint(SECRET, role="peer", lifetime_s=60, now_s=1000), now_s=1000)
    assert grant == Grant("peer", expires_s=1060)
    assert grant.covers("lab")
    assert not grant.is_administrator("lab")


@pytest.mark.parametrize(
    ("pattern", "covered", "foreign"),
    [
        ("lab", ["lab"], ["lab-1", "la", "Lab"]),
        ("lab-*", ["lab-", "lab-1", "lab-*"], ["lab", "my lab-1"]),
        ("*", ["lab", "*"], []),
        ("l*b", ["l*b"], ["lab"]),
    ],
)
def test_patterns_of_rooms(pattern: str, covered: list[str], foreign: list[str]) -> None:
    for room in covered:
        assert Grant(room=pattern).covers(room)
        assert Grant(administers=("x", pattern)).is_administrator(room)
    for room in foreign:
        assert not Grant(room=pattern).covers(room)
        assert not Grant(administers=("x", pattern)).is_administrator(room)


def test_an_administrator_stays_in_its_rooms() -> None:
    assert not Grant(room="lab", administers=("*",)).is_administrator("other")


def test_expired() -> None:
    token = mint(SECRET, role="peer", lifetime_s=60, now_s=1000)
    assert verify(SECRET, token, now_s=1059.9).expires_s == 1060
    assert refused(token, now_s=1060) == Code.EXPIRED_TOKEN
    assert refused(token) == Code.EXPIRED_TOKEN


def test_a_ticket_is_good_for_connecting_soon_and_for_staying_long() -> None:
    ticket = mint(SECRET, role="peer", lifetime_s=3600, connect_within_s=60, now_s=1000)
    assert verify(SECRET, ticket, now_s=1059).expires_s == 4600
    assert refused(ticket, now_s=1060) == Code.EXPIRED_TOKEN


def test_keys_can_be_changed_without_a_break() -> None:
    old, both, new = SECRET, f"2026:{'t' * 43},{SECRET}", f"2026:{'t' * 43}"
    before, after = (mint(secret, role="peer", lifetime_s=60) for secret in (old, both))
    assert jwt.get_unverified_header(after)["kid"] == "2026"
    for token, secret in ((before, old), (before, both), (after, both), (after, new)):
        assert verify(secret, token).role == "peer"
    assert refused(before, new) == refused(after, old) == Code.BAD_TOKEN


def test_a_key_signs_under_its_own_id_only() -> None:
    both = f"a:{'x' * 43},b:{'y' * 43}"
    claims = {"role": "peer", "exp": 9e9}
    assert verify(both, jwt.encode(claims, "y" * 43, headers={"kid": "b"})).role == "peer"
    for kid in ("a", "c", "", None):
        assert refused(jwt.encode(claims, "y" * 43, headers={"kid": kid} if kid else {}), both) == Code.BAD_TOKEN


@pytest.mark.parametrize("secret", ["", "short", f"{SECRET},short", f"a:{SECRET},a:{SECRET}", f"{SECRET},{'t' * 43}"])
def test_secrets_that_cannot_be_used_are_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        check_secret(secret)
    assert caught.value.code == "bad-secret"
    assert SECRET not in str(caught.value)


def test_a_token_shows_itself_only_when_asked() -> None:
    token = Token(mint(SECRET, role="peer", lifetime_s=60))
    for shown in (repr(token), repr([token]), pretty.pretty(token)):  # type: ignore[no-untyped-call]
        assert all(part not in shown for part in token.split("."))
    assert json.loads(json.dumps(token)) == f"{token}" == str(token)


@pytest.mark.parametrize("bad", [None, 1, b"x", [], {}, "", "x", "a.b.c", "\ud800"], ids=repr)
def test_no_token_at_all(bad: object) -> None:
    assert refused(bad) == Code.BAD_TOKEN


def test_another_secret() -> None:
    assert refused(mint("t" * 43, role="peer", lifetime_s=60)) == Code.BAD_TOKEN


def test_unsigned() -> None:
    assert refused(jwt.encode({"role": "peer", "exp": 9e9}, cast("Any", None), algorithm="none")) == Code.BAD_TOKEN


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 9e9},
        {"role": "peer"},
        {"role": "admin", "exp": 9e9},
        {"role": ["peer"], "exp": 9e9},
        {"role": "peer", "exp": 9e9, "call": 1},
        {"role": "peer", "exp": 9e9, "sub": ""},
        {"role": "peer", "exp": 9e9, "sub": "x" * 65},
        {"role": "peer", "exp": "soon"},
        {"role": "peer", "exp": True},
        {"role": "peer", "exp": float("inf")},
        {"role": "peer", "exp": 9e9, "connect_by": None},
        {"role": "peer", "exp": 9e9, "room": ""},
        {"role": "peer", "exp": 9e9, "room": ["lab"]},
        {"role": "peer", "exp": 9e9, "name": "two\nlines"},
        {"role": "peer", "exp": 9e9, "publish": 0},
        {"role": "peer", "exp": 9e9, "subscribe": "no"},
        {"role": "peer", "exp": 9e9, "administer": "*"},
        {"role": "peer", "exp": 9e9, "administer": [1]},
        {"role": "peer", "exp": 9e9, "administer": None},
    ],
    ids=str,
)
def test_signed_but_wrong(claims: dict[str, object]) -> None:
    assert refused(jwt.encode(claims, SECRET, algorithm="HS256")) == Code.BAD_TOKEN


@pytest.mark.process
def test_importing_it_is_cheap() -> None:
    program = "import sys, relay_widget.tokens; sys.exit('jwt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
