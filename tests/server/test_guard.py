from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from relay_widget.protocol import Code
from relay_widget.server.guard import Guard

from .clients import RawClient

if TYPE_CHECKING:
    from tests.relay_process import RelayProcess

HANDSHAKE = "/socket.io/?EIO=4&transport=polling"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8765", "127.8.9.1:1", "localhost", "LocalHost.:80", "[::1]", "[::1]:8765"],
)
def test_loopback_hosts(host: str) -> None:
    assert Guard().allows_host(host)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "evil.example:8765",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0:8765",
        "192.168.1.5:8765",
        "[::2]:8765",
        "[",
        ":8765",
        "lab",
    ],
)
def test_other_hosts(host: str | None) -> None:
    assert not Guard().allows_host(host)


def test_hosts_of_the_command_line() -> None:
    guard = Guard(hosts=("Lab.example", "10.0.0.7", "fe80::1"))
    for host in ("lab.example:8765", "10.0.0.7:8765", "[fe80::1]:8765"):
        assert guard.allows_host(host)
    assert not guard.allows_host("www.lab.example")


@pytest.mark.parametrize(
    "origin", ["http://localhost:8888", "https://localhost", "http://127.0.0.1:8888", "http://[::1]:8888"]
)
def test_loopback_origins(origin: str) -> None:
    assert Guard().allows_origin(origin, "127.0.0.1:8765")


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "https://evil.example",
        "http://localhost.evil.example",
        "http://evil.example/localhost",
        "ftp://localhost",
        "localhost",
        "file://",
        "http://[",
        "vscode-webview://abc",
    ],
)
def test_other_origins(origin: str | None) -> None:
    assert not Guard().allows_origin(origin, "127.0.0.1:8765")


def test_origins_of_the_command_line() -> None:
    guard = Guard(origins=("https://Lab.example/",))
    assert guard.allows_origin("https://lab.example", "127.0.0.1:8765")
    assert not guard.allows_origin("https://lab.example:444", "127.0.0.1:8765")
    assert not guard.allows_origin("http://lab.example", "127.0.0.1:8765")


def test_the_origin_of_the_relay_s_own_page() -> None:
    guard = Guard(hosts=("lab.example",))
    for origin, host in (
        ("https://lab.example", "lab.example"),
        ("http://lab.example:8765", "lab.example:8765"),
        ("http://LAB.example:8765", "lab.example:8765"),
    ):
        assert guard.allows_origin(origin, host)
    assert not guard.allows_origin("https://lab.example", None)
    for origin, host in (
        ("http://lab.example:9000", "lab.example:8765"),  # another program of that machine
        ("https://www.lab.example", "lab.example"),
        ("https://evil.example", "evil.example"),  # a name that is not the relay's: DNS rebinding
        ("ftp://lab.example", "lab.example"),
    ):
        assert not guard.allows_origin(origin, host)


@pytest.mark.parametrize("path", ["/", "/healthz", "/join", HANDSHAKE, "/nothing"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8765", "X-Forwarded-Host": "127.0.0.1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_the_relay_refuses_what_its_guard_does(relay: RelayProcess, path: str, headers: dict[str, str]) -> None:
    status, answer, body = relay.get(path, headers)
    assert status == 403
    assert json.loads(body)["code"] == Code.FORBIDDEN
    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.parametrize(
    "line",
    ["Host: evil.example", "Origin: https://evil.example", "Origin: null", "Origin: http://localhost.evil.example"],
)
async def test_no_websocket_either(relay: RelayProcess, line: str) -> None:
    client = await RawClient().connect(relay.url, headers=(line,))
    assert client.response.startswith(b"HTTP/1.1 403")
    await client.close()


def test_allowed_origins_may_read_the_answers(open_relay: RelayProcess) -> None:
    for origin in ("http://localhost:8888", "https://lab.example"):
        status, headers, _ = open_relay.get(HANDSHAKE, {"Origin": origin})
        assert status == 200
        assert headers["Access-Control-Allow-Origin"] == origin
        assert "Access-Control-Allow-Credentials" not in headers
    assert open_relay.get(HANDSHAKE, {"Host": "lab.example:80"})[0] == 200


def test_no_script_tag_may_read_them(open_relay: RelayProcess) -> None:
    assert open_relay.get(HANDSHAKE + "&j=0")[0] == 403
