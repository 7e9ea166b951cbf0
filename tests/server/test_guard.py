from __future__ import annotations

import json
import time
from typing import Any, cast

import pytest

from relay_widget.protocol import MAX_ALLOWED_ORIGINS, Code
from relay_widget.server.guard import Guard
from tests.relay_process import RelayProcess

from .clients import Client, RawClient, read_metrics

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


@pytest.mark.process
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


def test_origins_that_kernels_name() -> None:
    guard = Guard()
    guard.allow("one", "https://hub.example:8443")
    guard.allow("one", "vscode-webview://1a2b")
    guard.allow("other", "https://hub.example:8443")
    assert guard.allows_origin("https://Hub.example:8443", "127.0.0.1:8765")
    assert guard.allows_origin("vscode-webview://1a2b", "127.0.0.1:8765")
    assert not guard.allows_origin("https://hub.example", "127.0.0.1:8765")
    assert not guard.allows_origin("https://evil.example", "127.0.0.1:8765")
    assert guard.allows_host("hub.example:80")
    assert not guard.allows_host("evil.example")
    guard.forget("one")
    assert guard.allows_origin("https://hub.example:8443", "127.0.0.1:8765")
    assert not guard.allows_origin("vscode-webview://1a2b", "127.0.0.1:8765")
    guard.forget("other")
    assert not guard.allows_origin("https://hub.example:8443", "127.0.0.1:8765")
    assert not guard.allows_host("hub.example")


def test_only_the_newest_origins_of_one_kernel_hold() -> None:
    guard = Guard()
    for number in range(MAX_ALLOWED_ORIGINS + 1):
        guard.allow("one", f"https://{number}.example")
        guard.allow("one", "https://often.example")
    assert not guard.allows_origin("https://0.example", "127.0.0.1:8765")
    assert guard.allows_origin(f"https://{MAX_ALLOWED_ORIGINS}.example", "127.0.0.1:8765")
    assert guard.allows_origin("https://often.example", "127.0.0.1:8765")


async def test_an_origin_is_served_as_long_as_the_kernel_that_named_it_is_there(relay: RelayProcess) -> None:
    origin = "https://hub.example"
    page = {"Origin": origin, "Host": "hub.example"}
    behind_another_name = {"Origin": origin, "Host": "jupyter-ada:8888"}
    async with Client() as kernel:
        await kernel.connect(relay.url, relay.auth("monitor", administers=("*",)))
        assert relay.get(HANDSHAKE, page)[0] == 403
        assert await kernel.ask("allow-origin", {"origin": "https://HUB.example"}) == {"ok": True}
        for headers in (page, behind_another_name, {"Host": "hub.example"}):
            assert relay.get(HANDSHAKE, headers)[0] == 200
        websocket = await RawClient().connect(relay.url, headers=("Origin: https://hub.example", "Host: hub.example"))
        assert websocket.response.startswith(b"HTTP/1.1 101")
        await websocket.close()
        for headers in ({**page, "Origin": "https://evil.example"}, {"Host": "jupyter-ada:8888"}):
            assert relay.get(HANDSHAKE, headers)[0] == 403
    deadline_s = time.monotonic() + 20
    while relay.get(HANDSHAKE, page)[0] != 403:
        assert time.monotonic() < deadline_s


async def test_who_may_not_name_an_origin(relay: RelayProcess) -> None:
    for role, rights in (
        ("peer", {}),
        ("monitor", {}),
        ("monitor", {"administers": ("lab",)}),
        ("monitor", {"administers": ("*",), "room": "lab"}),
    ):
        async with Client() as client:
            await client.connect(relay.url, relay.auth(cast("Any", role), **cast("dict[str, Any]", rights)))
            ack = await client.ask("allow-origin", {"origin": "https://evil.example"})
            assert ack["error"]["code"] == Code.FORBIDDEN
    assert relay.get(HANDSHAKE, {"Origin": "https://evil.example"})[0] == 403


@pytest.mark.parametrize(
    "origin",
    [
        None,
        5,
        "",
        "null",
        "*",
        "https://*",
        "hub.example",
        "https://hub.example/",
        "https://a b",
        "https://a@b",
        "x" * 301,
    ],
    ids=str,
)
async def test_what_is_no_origin(relay: RelayProcess, origin: object) -> None:
    async with Client() as kernel:
        await kernel.connect(relay.url, relay.auth("monitor", administers=("*",)))
        ack = await kernel.ask("allow-origin", {"origin": origin})
        assert ack["error"]["code"] == Code.BAD_MESSAGE
