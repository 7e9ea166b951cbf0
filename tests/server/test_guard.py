from __future__ import annotations

import json

import pytest

from relay_widget.protocol import Code
from relay_widget.server.guard import Guard
from tests.relay_process import RelayProcess

from .clients import RawClient, read_metrics

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
    assert Guard().allows_origin(origin)


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
    assert not Guard().allows_origin(origin)


def test_origins_of_the_command_line() -> None:
    guard = Guard(origins=("https://Lab.example/",))
    assert guard.allows_origin("https://lab.example")
    assert not guard.allows_origin("https://lab.example:444")
    assert not guard.allows_origin("http://lab.example")


@pytest.mark.parametrize("path", ["/", "/healthz", HANDSHAKE, "/nothing"])
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


def test_what_it_refuses_is_counted_and_logged_with_its_reason() -> None:
    with RelayProcess(("--log-level", "info")) as relay:
        for path, headers in (
            ("/", {"Host": "evil.example"}),
            ("/", {"Origin": "https://evil.example"}),
            (HANDSHAKE + "&j=0", {}),
            ("/metrics", {"X-Forwarded-For": "127.0.0.1"}),
        ):
            assert relay.get(path, headers)[0] == 403
        assert read_metrics(relay)["refusals_total forbidden"] == 4
        assert 'reason="host"' in relay.log


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
