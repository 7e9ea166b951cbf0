"""Which requests reach the relay: the Host they name and the Origin they come from.

A page of any site can make a browser send requests to a loopback address. By Origin the relay knows which
pages it serves; by Host it knows that the page was not given the relay's address under a name of its own
(DNS rebinding).

Beside what it was started with, the relay serves the pages that its kernels know of: a kernel says of which origin a
page of its calls is, which has told it so over the kernel's own, authenticated connection. A request with such an
origin is served whatever Host it names, since a proxy (jupyter-server-proxy) passes on the one that the browser used,
or another: a page cannot choose the Origin that its browser sends.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from relay_widget.protocol import MAX_ALLOWED_ORIGINS, Code

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

_LOOPBACK_NAMES = frozenset({"localhost"})


class Guard:
    """The allow-lists.

    Args:
        hosts: Host names or addresses, beside loopback, under which the relay may be addressed.
        origins: Origins, beside loopback's and that of the relay's own page, whose pages may use it
            ("https://lab.example").
        on_refused: Called with the address a refused request came from, and what it was refused for, in a word.
    """

    def __init__(
        self,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        on_refused: Callable[[str | None, str], None] = lambda _address, _reason: None,
    ) -> None:
        self._on_refused = on_refused
        self._hosts = frozenset(host_name(host) for host in hosts)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._told: dict[str, dict[str, None]] = {}  # origins by who told them, the oldest first

    def allow(self, teller: str, origin: str) -> None:
        """Serve pages of this origin (in lower case), too, until `forget`."""
        told = self._told.setdefault(teller, {})
        told.pop(origin, None)
        told[origin] = None
        if len(told) > MAX_ALLOWED_ORIGINS:
            del told[next(iter(told))]

    def forget(self, teller: str) -> None:
        """What this one has told holds no longer."""
        self._told.pop(teller, None)

    def allows_host(self, header: str | None) -> bool:
        """Whether a Host header names this relay."""
        if not header:
            return False
        name = host_name(header)
        return is_loopback(name) or name in self._hosts or name in self._told_hosts()

    def allows_origin(self, origin: str | None, host: str | None = None) -> bool:
        """Whether a page of this origin may use this relay.

        Args:
            origin: The Origin header.
            host: The request's Host header: the relay's own join page is of that name and port.
        """
        if not origin:
            return False
        if origin.lower() in self._origins or self._is_told(origin):
            return True
        try:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https"):
                return False
            own = (host or "").strip().lower()
            if host_name(own) in self._hosts and parts.netloc.lower() == own:
                return True
            return is_loopback((parts.hostname or "").rstrip("."))
        except ValueError:
            return False

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Refuse what is not allowed before anything else sees it."""
        objection = self._objection(request)
        if objection is None:
            return await handler(request)
        reason, message = objection
        self._on_refused(request.remote, reason)
        return web.json_response({"code": Code.FORBIDDEN, "message": message}, status=403)

    def _objection(self, request: web.Request) -> tuple[str, str] | None:
        host = request.headers.get("Host")
        if not self._is_told(request.headers.get("Origin", "")) and not self.allows_host(host):
            return "host", "This relay does not serve that host name: start it with --allow-host to add it."
        if "Origin" in request.headers and not self.allows_origin(request.headers["Origin"], host):
            return "origin", "This relay does not serve pages of that origin: start it with --allow-origin to add it."
        if "j" in request.query:
            # JSONP, with which a <script> could read answers across origins; no client of today uses it.
            return "jsonp", "JSONP is not served: use long polling or a WebSocket."
        return None

    def _is_told(self, origin: str) -> bool:
        return any(origin.lower() in origins for origins in self._told.values())

    def _told_hosts(self) -> set[str]:
        return {host_name(origin.partition("://")[2]) for origins in self._told.values() for origin in origins}


def host_name(header: str) -> str:
    """The host of a Host header or of an address given by hand, without port."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    name, colon, _ = text.partition(":")
    return (text if colon and ":" in text[len(name) + 1 :] else name).rstrip(".")


def is_loopback(name: str) -> bool:
    """Whether this is a name or an address of this machine to itself."""
    if name in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
