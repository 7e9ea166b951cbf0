"""Tokens: who may connect to a relay, signed with its secret (JWT, HS256).

A token says a role (``peer`` or ``monitor``), and may say the id of the notebook's call and the peer id it
stands for. It is made by whoever knows the relay's secret: the kernel for its page, the relay for a peer
that wants to come back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal, cast

from .errors import WireError
from .protocol import Code

MIN_SECRET_CHARS = 32
"""HS256 is as strong as its secret; ``secrets.token_urlsafe()`` gives 43 characters."""
_ALGORITHM = "HS256"
_MAX_ID_CHARS = 64

TokenRole = Literal["peer", "monitor"]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token allows.

    ``call`` is the id of the notebook's call it was made for, ``peer`` the peer id its holder had before,
    ``administers`` the names of the rooms its holder may impair, or ``*`` for all.
    """

    role: TokenRole
    call: str | None = None
    peer: str | None = None
    administers: tuple[str, ...] = ()


def mint(
    secret: str,
    *,
    role: TokenRole,
    lifetime_s: float,
    call: str | None = None,
    peer: str | None = None,
    administers: tuple[str, ...] = (),
    now_s: float | None = None,
) -> str:
    """Make a token.

    Args:
        secret: The relay's.
        role: What its holder may do.
        lifetime_s: How long it can be used to connect.
        call: The id of a notebook's call; monitors see it.
        peer: The peer id its holder gets.
        administers: Names of the rooms its holder may impair, or ``*`` for all.
        now_s: The time it is made at, if not now.
    """
    import jwt  # noqa: PLC0415 - it brings the cryptography package along: 60 ms that few imports need

    made_s = time.time() if now_s is None else now_s
    claims: dict[str, Any] = {"role": role, "iat": int(made_s), "exp": int(made_s + lifetime_s)}
    if call is not None:
        claims["call"] = call
    if peer is not None:
        claims["sub"] = peer
    if administers:
        claims["administer"] = list(administers)
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def verify(secret: str, token: object) -> Grant:
    """Check a token.

    Raises:
        WireError: ``bad-token`` or ``expired-token``.
    """
    import jwt  # noqa: PLC0415 - as above

    if not isinstance(token, str):
        raise WireError(Code.BAD_TOKEN, "This relay needs a token: connect with the one its owner gave you.")
    try:
        claims = jwt.decode(token, secret, algorithms=[_ALGORITHM], options={"require": ["exp", "role"]})
    except jwt.ExpiredSignatureError:
        raise WireError(Code.EXPIRED_TOKEN, "The token has expired: ask for a new one.") from None
    except (jwt.InvalidTokenError, ValueError):
        raise _bad_token() from None
    role, call, peer, rooms = claims["role"], claims.get("call"), claims.get("sub"), claims.get("administer", [])
    if role not in ("peer", "monitor") or not _is_id(call) or not _is_id(peer) or not _are_rooms(rooms):
        raise _bad_token()
    return Grant(cast("TokenRole", role), call, peer, tuple(rooms))


def _is_id(value: object) -> bool:
    return value is None or (isinstance(value, str) and 0 < len(value) <= _MAX_ID_CHARS)


def _are_rooms(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(room, str) for room in value)


def _bad_token() -> WireError:
    return WireError(Code.BAD_TOKEN, "The token is not one of this relay's: ask its owner for a new one.")
