"""Which relay a call, or a participant, uses and what opens it: the user's own, or one that was named by its address.

The user's own is found or started, and its secret makes whatever token is needed. Of another's only the address is
known, and the one token that its owner has given: it is shown wherever one is asked for.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from . import launcher
from .errors import InvalidValueError, RelayRequestError
from .protocol import RESUME_LIFETIME_S, TICKET_LIFETIME_S
from .tidy import tidy

if TYPE_CHECKING:
    import aiohttp

    from .launcher import RelayAddress

URL_VARIABLE = "RELAY_WIDGET_URL"
"""Names a relay for every call and participant that is not told of another."""
TOKEN_VARIABLE = "RELAY_WIDGET_TOKEN"  # noqa: S105 - the name of one
"""The token for a relay that is named."""
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_SCHEMES = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class OwnRelay:
    """The user's own, which answers at this address."""

    address: RelayAddress

    explicit = False
    """Whether the user has named the address."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.address.url

    def token_to_watch(self, lifetime_s: float) -> str:
        """For the kernel's own connection, which administers every room."""
        from .tokens import mint  # noqa: PLC0415 - what belongs to the monitor's thread, not to the cell

        return mint(
            self.address.secret,
            role="monitor",
            lifetime_s=lifetime_s,
            connect_within_s=TICKET_LIFETIME_S,
            administers=("*",),
        )

    def ticket(self, call_id: str) -> dict[str, str]:
        """What a page of this call comes in with."""
        from .tokens import mint  # noqa: PLC0415 - as above

        token = mint(
            self.address.secret,
            role="peer",
            lifetime_s=RESUME_LIFETIME_S,
            connect_within_s=TICKET_LIFETIME_S,
            call=call_id,
        )
        return {"token": token}


@dataclass(frozen=True, slots=True)
class NamedRelay:
    """One that was named, at this address, without a slash at its end; None for no token."""

    url: str
    token: str | None = field(repr=False)

    explicit = True

    def token_to_watch(self, _lifetime_s: float) -> str | None:
        """Its only token: what may join a room may watch it."""
        return self.token

    def ticket(self, call_id: str) -> dict[str, str]:
        """What a page of this call comes in with: the only token, and a word by which the kernel knows the page."""
        return {"token": self.token or "", "call": call_id}


Relay = OwnRelay | NamedRelay


def named_relay(url: str | None, token: str | None) -> NamedRelay | None:
    """The relay that is named, by these arguments or by the environment; None for the user's own.

    A whole invite link in place of the token says the address, too.

    Raises:
        InvalidValueError: ``bad-url`` or ``bad-token``.
    """
    if url is None:
        url = _apart(token)[0] or os.environ.get(URL_VARIABLE) or None
    if url is None:
        return None
    return NamedRelay(check_url(url), bare_token(token) or bare_token(os.environ.get(TOKEN_VARIABLE)))


def bare_token(given: object) -> str | None:
    """A token without what copying it has brought along: line breaks, quotes, the rest of a link; None for none.

    Raises:
        InvalidValueError: ``bad-token``; the message does not show it.
    """
    if given is None:
        return None
    text = given.decode(errors="replace") if isinstance(given, bytes) else given
    if not isinstance(text, str):
        raise InvalidValueError("bad-token", f"A token is text, as call.invite() makes it, not {type(given).__name__}.")
    _, of_link = _apart(text)
    token = of_link or "".join(tidy(text).removeprefix("Bearer ").split()).strip("\"'`<>")
    if token and not _TOKEN.fullmatch(token):
        raise InvalidValueError(
            "bad-token",
            "A token is one word of letters, digits, dots, - and _, or the whole invite link: copy it again.",
        )
    return token or None


def _apart(link: object) -> tuple[str | None, str | None]:
    """The relay's address and the token of an invite link, as in ``https://relay.example/join#token=…``."""
    if not isinstance(link, str):
        return None, None
    text = "".join(tidy(link).split()).strip("\"'`<>")
    if "%23token" in text:  # as some programs rewrite links
        text = unquote(text)
    address, mark, token = text.partition("#token=")
    if not mark or not address.startswith(("http://", "https://")):
        return None, None
    address = address.partition("?")[0].rstrip("/").removesuffix("/join")
    return address, bare_token(token.partition("&")[0])


def find_or_start(named: NamedRelay | None) -> Relay:
    """The relay that is named, or the user's own, which is started if need be: that may take a moment.

    Raises:
        RelayStartError: There is none and none could be started.
    """
    return OwnRelay(launcher.ensure_relay()) if named is None else named


def socketio_path(url: str) -> str:
    """The path of the relay's Socket.IO, for python-socketio, which leaves the path of an address aside."""
    return f"{urlsplit(url).path.strip('/')}/socket.io".lstrip("/")


def http_session(url: str, **options: Any) -> aiohttp.ClientSession:
    """Return a session for requests and WebSockets to a relay. All that Python asks of relays goes through one.

    Args:
        url: The relay's address, which decides about the proxy.
        **options: As for `aiohttp.ClientSession`.
    """
    import aiohttp  # noqa: PLC0415 - 0.3 s that importing the package need not take

    return aiohttp.ClientSession(proxy=proxy_for(url), **options)


def proxy_for(url: str) -> str | None:
    """Return the proxy that leads to a relay: that of HTTP_PROXY or HTTPS_PROXY, or the system's; None for none.

    Hosts of NO_PROXY, and this machine's own addresses whatever the variables say, are reached without one; proxies
    that are not HTTP proxies are not used.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_this_machine(host) or proxy_bypass(host):
        return None
    proxy = getproxies().get(parts.scheme, "")
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    return proxy if proxy.startswith("http://") else None


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine's loopback, by any of its names and spellings."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(name))  # 127.1
        except OSError:
            return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def shown_proxy(url: str) -> str:
    """Return the proxy of an address as it can be shown, without a password; empty for none."""
    proxy = proxy_for(url)
    return "" if proxy is None else f"http://{urlsplit(proxy).netloc.rpartition('@')[2]}"


def no_answer(url: str, error: BaseException) -> RelayRequestError:
    """The relay at this address could not be reached because of this error, in words for the user."""
    reason: BaseException | None = error
    while reason is not None:
        if isinstance(reason, ssl.SSLCertVerificationError) and hasattr(
            reason, "verify_message"
        ):  # aiohttp's have none
            return RelayRequestError(
                "untrusted-certificate",
                f"The certificate of {url} is not trusted here ({reason.verify_message}): set SSL_CERT_FILE to the "
                "certificates that vouch for it, before the kernel starts.",
            )
        reason = reason.__cause__ or reason.__context__
    proxy = shown_proxy(url)
    if proxy:
        return RelayRequestError(
            "no-answer",
            f"No relay answers at {url} through the proxy {proxy}: check the address and that the relay runs; if it is "
            "reached without the proxy, name its host in NO_PROXY before the kernel starts.",
        )
    return RelayRequestError(
        "no-answer", f"No relay answers at {url}: check the address, that the relay runs, and that this machine may."
    )


def check_url(url: object) -> str:
    """A relay's address, without a slash at its end.

    Raises:
        InvalidValueError: ``bad-url``.
    """
    text = url.strip() if isinstance(url, str) else ""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:  # a port that is none
        parts, good = urlsplit(""), None
    if parts.scheme in _SCHEMES:
        meant = f"{_SCHEMES[parts.scheme]}{text[len(parts.scheme) :]}"
        raise InvalidValueError("bad-url", f"A relay's address begins with http:// or https://: write {meant!r}.")
    if not good:
        raise InvalidValueError(
            "bad-url", f"url must be a relay's address, as in http://localhost:8765, not {_shown(url)}."
        )
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidValueError(
            "bad-url",
            "url is the relay's address alone, as in https://relay.example/path: give a token as token, also a whole "
            "link, and nothing behind a ? or a #.",
        )
    return text.rstrip("/")


def _shown(url: object) -> str:
    return repr(url if isinstance(url, str) else type(url).__name__)
