"""The join page: the call's UI as a page of its own, for who has a link and no notebook.

It is the bundle that notebooks load, and three small files. All its addresses are relative, so that it works below any
path that a proxy gives it. The token is in the link's fragment, which browsers keep to themselves: nothing served here
is secret.
"""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

PATH = "/join"
_PAGE = Path(__file__).parent / "page"
_STATIC = Path(__file__).parents[1] / "static"
_ASSETS = {name: _PAGE / name for name in ("join.js", "join.css")}
_ASSETS |= {name: _STATIC / name for name in ("index.js", "index.css")}
_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"}
"""Said here, because systems differ in what they know of a suffix, and browsers are told not to guess."""
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "media-src": "'self' blob:",  # Media Source Extensions
    "worker-src": "blob:",  # the worker that keeps time in a hidden tab
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",  # no other page may lay its own over a button that opens a camera
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # kept, but asked for: an updated relay has an updated page
}


def add_join_page(router: web.UrlDispatcher) -> None:
    """Serve the page and what it loads."""
    router.add_get(PATH, _page)
    router.add_get(f"{PATH}/", _without_slash)
    router.add_get(f"{PATH}/{{name}}", _asset)


async def _page(_: web.Request) -> web.StreamResponse:
    if not _ASSETS["index.js"].is_file():
        raise web.HTTPNotFound(
            text="The browser part of relay-widget is not built: run `make build` in the checkout.\n"
        )
    return _file(_PAGE / "join.html")


async def _without_slash(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("../join")  # relative, and with it the browser keeps the fragment


async def _asset(request: web.Request) -> web.StreamResponse:
    path = _ASSETS.get(request.match_info["name"])
    if path is None or not path.is_file():
        raise web.HTTPNotFound
    return _file(path)


def _file(path: Path) -> web.StreamResponse:
    return web.FileResponse(path, headers={**HEADERS, "Content-Type": _TYPES[path.suffix]})
