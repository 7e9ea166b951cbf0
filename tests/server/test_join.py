"""The join page, as HTTP. What it does in a browser: tests/e2e/test_join_page.py."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.relay_process import RelayProcess

ASSETS = {
    "/join/join.js": "text/javascript",
    "/join/index.js": "text/javascript",
    "/join/join.css": "text/css",
    "/join/index.css": "text/css",
}


@pytest.mark.parametrize("path", ["/join", *ASSETS])
def test_everything_is_served_with_a_strict_policy(relay: RelayProcess, path: str) -> None:
    status, headers, body = relay.get(path)
    assert status == 200
    assert body
    assert headers["Content-Type"].startswith(ASSETS.get(path, "text/html"))
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-cache"
    assert "Set-Cookie" not in headers


def test_the_page_has_no_script_of_its_own_and_no_address_that_is_not_relative(relay: RelayProcess) -> None:
    page = relay.get("/join")[2].decode()
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == [""]
    assert "style=" not in page
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sorted(addresses) == ["data:,", "join/index.css", "join/join.css", "join/join.js"]


def test_other_paths_below_it(relay: RelayProcess) -> None:
    status, headers, _ = relay.get("/join/")
    assert (status, headers["Location"]) == (302, "../join")
    for name in ("nothing.js", "lab.js", "..%2fjoin.html", "..%2f..%2f__init__.py", "a/b"):
        assert relay.get(f"/join/{name}")[0] == 404, name
    assert relay.log == ""


def test_a_copy_that_is_still_good_is_not_sent_again(relay: RelayProcess) -> None:
    headers = relay.get("/join/index.js")[1]
    status, again, body = relay.get("/join/index.js", {"If-None-Match": headers["Etag"]})
    assert (status, body) == (304, b"")
    assert again["Cache-Control"] == "no-cache"
