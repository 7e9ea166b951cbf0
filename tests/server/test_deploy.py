"""The files of deploy/, run as far as a machine has what they are for."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from relay_widget.cli import SECRET_VARIABLE
from tests.machine import free_port
from tests.redis_server import INSTALLED, WHY_NOT, RedisServer
from tests.relay_process import END_TIMEOUT_S, RelayProcess

from .clients import TIMEOUT_S, JsClient, sha256
from .test_tls import make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.process

DEPLOY = Path(__file__).parents[2] / "deploy"
RELAY = [sys.executable, "-m", "relay_widget"]


NEEDS_NGINX = pytest.mark.skipif(
    shutil.which("nginx") is None or shutil.which("openssl") is None, reason="nginx is not here"
)


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A relay started by this command, but on a free port."""
    port = free_port()
    command = [str(port) if word == "8765" else word for word in command]
    environment = {**os.environ, SECRET_VARIABLE: "s" * 43}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert "listens on" in process.stdout.readline()
            yield process, port
        finally:
            process.kill()


def ends_cleanly(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(END_TIMEOUT_S) == 0
    assert process.stderr is not None
    assert [json.loads(line)["message"] for line in process.stderr.read().splitlines()][-1] == "totals"


def unit() -> str:
    return (DEPLOY / "relay-widget.service").read_text().replace("\\\n", "")


def test_the_unit_starts_a_relay_with_flags_that_it_knows() -> None:
    [line] = re.findall(r"^ExecStart=(.*)$", unit(), re.MULTILINE)
    program, *arguments = shlex.split(line)
    assert program.endswith("/relay-widget")
    with running([*RELAY, *arguments]) as (process, _):
        ends_cleanly(process)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    (tmp_path / "relay-widget.service").write_text(unit().replace("/opt/relay-widget/bin/relay-widget", sys.executable))
    result = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "relay-widget.service")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    own = [line for line in result.stderr.splitlines() if "relay-widget" in line]
    assert own == []


def test_the_containers_commands_start_check_and_end_a_relay() -> None:
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", "")
    found = {
        name: json.loads(words) for name, words in re.findall(r"(ENTRYPOINT|^CMD|  CMD) (\[.*\])", text, re.MULTILINE)
    }
    with running([*RELAY, *found["ENTRYPOINT"][1:], *found["CMD"]]) as (process, port):
        python, *arguments = found["  CMD"]
        assert python == "python"
        check = [sys.executable, *(word.replace("8765", str(port)) for word in arguments)]
        subprocess.run(check, check=True, timeout=TIMEOUT_S)
        ends_cleanly(process)
        assert subprocess.run(check, check=False, capture_output=True, timeout=TIMEOUT_S).returncode == 1


@contextlib.contextmanager
def nginx(folder: Path, *relay_ports: str) -> Iterator[tuple[int, Path]]:
    """The example, with other ports and a certificate made here, before one relay or two; its port and certificate."""
    certificate, key = make_certificate(folder, "nginx")
    port = free_port()
    site = (DEPLOY / "nginx.conf").read_text()
    for old, new in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/ssl/relay.example.pem", str(certificate)),
        ("/etc/ssl/relay.example.key", str(key)),
        ("127.0.0.1:8765", f"127.0.0.1:{relay_ports[0]}"),
        *(("# server 10.0.0.2:8765", f"server 127.0.0.1:{port}") for port in relay_ports[1:]),
    ):
        assert old in site
        site = site.replace(old, new)
    (folder / "site.conf").write_text(site)
    paths = "".join(
        f"{name}_temp_path {folder / name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = f"daemon off; master_process off; pid {folder / 'pid'};\nevents {{}}\nhttp {{\naccess_log off;\n{paths}"
    (folder / "nginx.conf").write_text(f"{main}include {folder / 'site.conf'};\n}}\n")
    with subprocess.Popen(
        ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    ) as process:
        try:
            while True:
                assert process.poll() is None, (folder / "error.log").read_text()
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    break
            yield port, certificate
        finally:
            process.terminate()


@NEEDS_NGINX
async def test_a_call_through_nginx_under_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        RelayProcess(("--allow-host", "relay.example")) as relay,
        nginx(tmp_path, relay.url.rpartition(":")[2]) as (port, certificate),
    ):
        monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(certificate))
        data = os.urandom(900_000)
        for transports in (["websocket"], ["polling"], ["polling", "websocket"]):
            async with JsClient() as ada, JsClient() as bob:
                for client in (ada, bob):
                    way = {"path": "/call/socket.io/", "transports": transports, "auth": relay.auth()}
                    await client.connect(f"https://localhost:{port}", **way)
                    await client.next("connect")
                    assert (await client.ask("join", {"room": "lab", "name": "x"}))["ok"]
                await ada.tell("media-chunk", data=data)
                _, seen = await bob.next("media-chunk")
                assert seen == {"bytes": len(data), "sha256": sha256(data)}

        def status(path: str, host: str) -> int:
            trust = ssl.create_default_context(cafile=str(certificate))
            connection = http.client.HTTPSConnection("127.0.0.1", port, context=trust, timeout=TIMEOUT_S)
            connection.request("GET", path, headers={"Host": host})
            return connection.getresponse().status

        for path, host, expected in (
            ("/call/healthz", "relay.example", 200),
            ("/call/healthz", "evil.example", 403),  # the relay sees the name that was asked for
            ("/call/metrics", "relay.example", 404),
            ("/metrics", "relay.example", 404),
        ):
            assert await asyncio.to_thread(status, path, host) == expected, (path, host)
        assert relay.log == ""


@NEEDS_NGINX
@pytest.mark.skipif(not INSTALLED, reason=WHY_NOT)
async def test_two_relays_behind_nginx_of_which_one_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {SECRET_VARIABLE: "s" * 43}
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        arguments = ("--allow-host", "relay.example", "--redis", redis.url)
        relays = [stack.enter_context(RelayProcess(arguments, environment)) for _ in range(2)]
        ports = [relay.url.rpartition(":")[2] for relay in relays]
        port, certificate = stack.enter_context(nginx(tmp_path, *ports))
        monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(certificate))
        async with JsClient() as ada, JsClient() as bob:
            for client, transports in ((ada, ["websocket"]), (bob, ["polling"])):
                way = {
                    "path": "/call/socket.io/",
                    "transports": transports,
                    "auth": relays[0].auth(),
                    "reconnection": True,
                }
                await client.connect(f"https://localhost:{port}", **way)
                await client.next("connect")
                assert (await client.ask("join", {"room": "lab", "name": "x"}))["ok"]
            # Both are of one address, and so at one relay.
            [serving] = [relay for relay in relays if b"relay_widget_connections 2.0" in relay.get("/metrics")[2]]
            serving.kill()
            for client in (ada, bob):
                await client.next("connect")  # again, by itself
                assert (await client.ask("join", {"room": "lab", "name": "x"}))["ok"]
            data = os.urandom(100_000)
            await ada.tell("media-chunk", data=data)
            _, seen = await bob.next("media-chunk")
            assert seen == {"bytes": len(data), "sha256": sha256(data)}
