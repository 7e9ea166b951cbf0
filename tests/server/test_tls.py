"""The relay with a certificate of its own, made here."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest
import socketio

from relay_widget.errors import RelayStartError
from relay_widget.server.tls import tls_context
from tests.core.media import header
from tests.relay_process import RelayProcess

from .clients import TIMEOUT_S, Client

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")
PUBLISH = {"track": "camera", "mimeType": "video/webm"}


def make_certificate(folder: Path, name: str, address: str = "127.0.0.1") -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subject = ["-subj", "/CN=relay", "-addext", f"subjectAltName=IP:{address},DNS:localhost"]
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(key), "-out", str(certificate), "-days", "2"]
    subprocess.run(["openssl", "req", "-x509", *new_key, *subject, *files], check=True, capture_output=True)
    return certificate, key


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), "relay")


def flags(pair: tuple[Path, Path]) -> tuple[str, ...]:
    return ("--tls-cert", str(pair[0]), "--tls-key", str(pair[1]))


async def connect(relay: RelayProcess) -> Client:
    """A client that trusts this certificate and no other."""
    client = Client()
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=relay.tls or False))
    client.sio.eio.http = session
    client.sio.eio.external_http = False
    await client.connect(relay.url, relay.auth())
    return client


@pytest.mark.process
async def test_a_call_over_tls(pair: tuple[Path, Path]) -> None:
    trust = ssl.create_default_context(cafile=str(pair[0]))
    with RelayProcess(flags(pair), tls=trust) as relay:
        assert relay.url.startswith("https://127.0.0.1:")
        async with await connect(relay) as ada, await connect(relay) as bob:
            await ada.join("lab")
            await bob.join("lab")
            data = os.urandom(300_000)
            await ada.tell("media-chunk", data)
            assert (await bob.next("media-chunk"))[1] == data
        assert await asyncio.to_thread(relay.end) == 0
        assert relay.log == ""


@pytest.mark.process
async def test_what_waits_for_who_does_not_read_is_bounded_over_tls_too(pair: tuple[Path, Path]) -> None:
    trust = ssl.create_default_context(cafile=str(pair[0]))
    with RelayProcess(flags(pair), tls=trust) as relay:
        async with await connect(relay) as ada, await connect(relay) as slow:
            await ada.join("lab", "Ada")
            await slow.join("lab", "Slow")
            transport = slow.sio.eio.ws._conn.transport
            transport.pause_reading()
            await ada.ask("publish", PUBLISH)
            await ada.ask("media-chunk", header("init"), b"i")
            for group in range(150):
                assert (await ada.ask("media-chunk", header("key", group=group), bytes(20_000)))["ok"]
                if group % 50 == 49:
                    await asyncio.sleep(0.5)
            metrics = (await asyncio.to_thread(relay.get, "/metrics"))[2].decode()
            dropped = [line for line in metrics.splitlines() if line.startswith("relay_widget_dropped_groups_total")]
            assert float(dropped[0].split()[1]) > 0
            transport.resume_reading()


@pytest.mark.process
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
async def test_it_speaks_no_old_tls_and_no_plain_http(pair: tuple[Path, Path]) -> None:
    trust = ssl.create_default_context(cafile=str(pair[0]))
    with RelayProcess(flags(pair), tls=trust) as relay:
        host, _, port = relay.url.removeprefix("https://").partition(":")
        with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as sock:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert not sock.recv(100).startswith(b"HTTP")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.load_verify_locations(pair[0])
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with (
            socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as sock,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            old.wrap_socket(sock, server_hostname="localhost")
        with pytest.raises(socketio.exceptions.ConnectionError):
            await Client().connect(relay.url, relay.auth())  # it does not trust what it does not know
        assert relay.get("/healthz")[0] == 200
        assert relay.log == ""


def refusal(certificate: Path | None, key: Path | None) -> str:
    with pytest.raises(RelayStartError) as caught:
        tls_context(certificate, key)
    assert caught.value.code == "tls"
    assert caught.value.message.endswith(".")
    return caught.value.message


@pytest.mark.process
def test_files_that_cannot_be_used_are_one_sentence(pair: tuple[Path, Path], tmp_path: Path) -> None:
    certificate, key = pair
    assert tls_context(None, None) is None
    assert "--tls-key" in refusal(certificate, None)
    assert "--tls-cert" in refusal(None, key)
    assert "No such file" in refusal(tmp_path / "none.pem", key)
    _, other = make_certificate(tmp_path, "other")
    assert "not the key of" in refusal(certificate, other)
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    assert "not a certificate" in refusal(nonsense, key)
    encrypted = tmp_path / "encrypted.key"
    subprocess.run(
        ["openssl", "ec", "-aes256", "-passout", "pass:x1y2", "-in", str(key), "-out", str(encrypted)],
        check=True,
        capture_output=True,
    )
    assert "not encrypted" in refusal(certificate, encrypted)


@pytest.mark.process
def test_the_command_line_says_it_too(pair: tuple[Path, Path]) -> None:
    command = [sys.executable, "-m", "relay_widget", "serve", "--port", "0", "--tls-cert", str(pair[0])]
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("relay-widget: tls: ")
    assert len(result.stderr.splitlines()) == 1
