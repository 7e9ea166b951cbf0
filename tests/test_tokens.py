"""Tokens: what is in them and which are refused."""

from __future__ import annotations

import subprocess
import sys

import jwt
import pytest

from relay_widget.errors import WireError
from relay_widget.protocol import Code
from relay_widget.tokens import Grant, mint, verify

SECRET = "s" * 43


def refused(token: object, secret: str = SECRET) -> str:
    with pytest.raises(WireError) as caught:
        verify(secret, token)
    assert SECRET not in caught.value.message
    return caught.value.code


def test_round_trip() -> None:
    token = mint(SECRET, role="peer", lifetime_s=60, call="c1", peer="p1")
    assert verify(SECRET, token) == Grant("peer", "c1", "p1")
    assert verify(SECRET, mint(SECRET, role="monitor", lifetime_s=60)) == Grant("monitor")
    token = mint(SECRET, role="monitor", lifetime_s=60, administers=("*", "lab"))
    assert verify(SECRET, token) == Grant("monitor", administers=("*", "lab"))


def test_expired() -> None:
    assert refused(mint(SECRET, role="peer", lifetime_s=60, now_s=1_000_000)) == Code.EXPIRED_TOKEN


def test_lifetime_counts_from_the_given_time() -> None:
    claims = jwt.decode(mint(SECRET, role="peer", lifetime_s=60, now_s=1000), options={"verify_signature": False})
    assert (claims["iat"], claims["exp"]) == (1000, 1060)


@pytest.mark.parametrize("bad", [None, 1, b"x", [], {}, "", "x", "a.b.c", "\ud800"], ids=repr)
def test_no_token_at_all(bad: object) -> None:
    assert refused(bad) == Code.BAD_TOKEN


def test_another_secret() -> None:
    assert refused(mint("t" * 43, role="peer", lifetime_s=60)) == Code.BAD_TOKEN


def test_unsigned() -> None:
    assert refused(jwt.encode({"role": "peer", "exp": 9e9}, None, algorithm="none")) == Code.BAD_TOKEN


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
        {"role": "peer", "exp": 9e9, "administer": "*"},
        {"role": "peer", "exp": 9e9, "administer": [1]},
        {"role": "peer", "exp": 9e9, "administer": None},
    ],
    ids=str,
)
def test_signed_but_wrong(claims: dict[str, object]) -> None:
    assert refused(jwt.encode(claims, SECRET, algorithm="HS256")) == Code.BAD_TOKEN


def test_importing_it_is_cheap() -> None:
    program = "import sys, relay_widget.tokens; sys.exit('jwt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
