"""Tokens: who may connect to a relay and what they may do there, signed with its secret (JWT, HS256).

A token carries a `Grant`. It is made by whoever knows the relay's secret: the kernel for its page and for those
it invites, the relay for a peer that wants to come back. A secret is one key, or several to change them without a
break: ``new:…,old:…`` are two with their ids. The first one signs, all of them are good.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, cast

from .errors import InvalidValueError, WireError
from .grants import Grant, TokenRole
from .protocol import Code, check_name, check_room

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_SECRET_CHARS = 32
"""HS256 is as strong as its key; ``secrets.token_urlsafe()`` gives 43 characters."""
_ALGORITHM = "HS256"
MAX_TOKEN_CHARS = 8192
"""As much as a web server takes in a header; a token of ours has a few hundred."""
_MAX_ID_CHARS = 64
_KEY = re.compile(r"(?:([A-Za-z0-9_.-]{1,32}):)?(.+)", re.DOTALL)

__all__ = ["MIN_SECRET_CHARS", "Token", "check_secret", "mint", "sign", "verify"]


class Token(str):
    """A token to be handed over: a str, only that its repr, which notebooks save, keeps it to itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<a token of relay-widget: print() shows it>"


@dataclass(frozen=True, slots=True)
class _Key:
    id: str | None
    secret: str

    def __repr__(self) -> str:
        return f"_Key({self.id!r})"


def check_secret(secret: str) -> str:
    """A secret that can be used.

    Raises:
        InvalidValueError: ``bad-secret``; the message does not show it.
    """
    _keys(secret)
    return secret


def mint(
    secret: str,
    *,
    role: TokenRole,
    lifetime_s: float,
    connect_within_s: float | None = None,
    now_s: float | None = None,
    **rights: Any,
) -> str:
    """Make a token.

    Args:
        secret: The relay's.
        role: What its holder may do.
        lifetime_s: How long it is good, connected or not.
        connect_within_s: How soon it must be used, if not within all of its lifetime.
        now_s: The time it is made at, if not now.
        **rights: The rest of the `Grant`.
    """
    made_s = time.time() if now_s is None else now_s
    grant = Grant(role, **rights, expires_s=made_s + lifetime_s)
    return sign(secret, grant, connect_by_s=None if connect_within_s is None else made_s + connect_within_s)


def sign(secret: str, grant: Grant, *, connect_by_s: float | None = None) -> str:
    """Make a token of this grant, which must have a role and an end.

    Args:
        secret: The relay's.
        grant: What it allows.
        connect_by_s: When it can no longer be used to connect, if before its end.
    """
    import jwt  # noqa: PLC0415 - it brings the cryptography package along: 60 ms that few imports need

    claims: dict[str, Any] = {"role": grant.role, "exp": int(grant.expires_s)}
    optional = {"room": grant.room, "name": grant.name, "call": grant.call, "sub": grant.peer}
    claims |= {name: value for name, value in optional.items() if value is not None}
    if not grant.publish:
        claims["publish"] = False
    if not grant.subscribe:
        claims["subscribe"] = False
    if grant.administers:
        claims["administer"] = list(grant.administers)
    if connect_by_s is not None:
        claims["connect_by"] = int(connect_by_s)
    key = _keys(secret)[0]
    headers = None if key.id is None else {"kid": key.id}
    return jwt.encode(claims, key.secret, algorithm=_ALGORITHM, headers=headers)


def verify(secret: str, token: object, *, now_s: float | None = None) -> Grant:
    """Check a token.

    Args:
        secret: The relay's.
        token: As it came.
        now_s: The time, if not now.

    Raises:
        WireError: ``bad-token`` or ``expired-token``.
    """
    import jwt  # noqa: PLC0415 - as above

    if not isinstance(token, str):
        raise WireError(Code.BAD_TOKEN, "This relay needs a token: connect with the one its owner gave you.")
    if len(token) > MAX_TOKEN_CHARS:
        raise _bad_token()
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        key = next((key for key in _keys(secret) if key.id == kid), None)
        if key is None:
            raise _bad_token()
        # Its end is looked at below: it is to be told from what is merely wrong, and to be kept.
        claims = jwt.decode(token, key.secret, algorithms=[_ALGORITHM], options={"verify_exp": False})
        grant, connect_by_s = _read(claims)
    # RecursionError: JSON nested without end.
    except (jwt.InvalidTokenError, ValueError, TypeError, KeyError, RecursionError):
        raise _bad_token() from None
    if not (time.time() if now_s is None else now_s) < min(grant.expires_s, connect_by_s):
        raise WireError(Code.EXPIRED_TOKEN, "The token has expired: ask for a new one.")
    return grant


def _read(claims: Mapping[str, Any]) -> tuple[Grant, float]:
    """The grant in a token's claims, and when it must have been used; anything odd is an error."""
    if claims["role"] not in ("peer", "monitor"):
        raise ValueError
    rooms = claims.get("administer", [])
    if not isinstance(rooms, list):
        raise TypeError
    try:
        grant = Grant(
            role=cast("TokenRole", claims["role"]),
            room=None if claims.get("room") is None else check_room(claims["room"]),
            publish=_flag(claims.get("publish", True)),
            subscribe=_flag(claims.get("subscribe", True)),
            administers=tuple(check_room(room) for room in rooms),
            name=None if claims.get("name") is None else check_name(claims["name"]),
            call=_id(claims.get("call")),
            peer=_id(claims.get("sub")),
            expires_s=_time(claims["exp"]),
        )
    except WireError:
        raise ValueError from None
    return grant, _time(claims["connect_by"]) if "connect_by" in claims else inf


def _id(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= _MAX_ID_CHARS):
        raise ValueError
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _time(value: object) -> float:
    if type(value) not in (int, float) or not isfinite(cast("float", value)):
        raise ValueError
    return float(cast("float", value))


@lru_cache(maxsize=8)
def _keys(secret: str) -> tuple[_Key, ...]:
    keys = []
    for part in secret.split(","):
        match = _KEY.fullmatch(part.strip())
        if match is None or len(match[2]) < MIN_SECRET_CHARS:
            raise InvalidValueError(
                "bad-secret",
                f"The secret is too short: give it, or each key of it, at least {MIN_SECRET_CHARS} characters.",
            )
        keys.append(_Key(match[1], match[2]))
    if len({key.id for key in keys}) < len(keys):
        raise InvalidValueError("bad-secret", "Two keys of the secret have the same id: give each its own, as in id:…")
    return tuple(keys)


def _bad_token() -> WireError:
    return WireError(Code.BAD_TOKEN, "The token is not one of this relay's: ask its owner for a new one.")
