from __future__ import annotations

import json
import socket
from importlib import metadata
from typing import TYPE_CHECKING

import engineio
import engineio.async_drivers.aiohttp

from relay_widget.protocol import PROTOCOL_VERSION
from relay_widget.server.app import AppSettings, RelayApp

from .clients import RawClient

if TYPE_CHECKING:
    from tests.relay_process import RelayProcess


def test_health(relay: RelayProcess) -> None:
    status, headers, body = relay.get("/healthz")
    record = relay.record()
    assert record is not None
    assert status == 200
    assert headers["Cache-Control"] == "no-store"
    assert json.loads(body) == {
        "service": "relay-widget",
        "protocol": PROTOCOL_VERSION,
        "version": metadata.version("relay-widget"),
        "instance": record["instance"],
        "status": "ready",
    }


def test_the_front_page_is_a_sentence(relay: RelayProcess) -> None:
    status, headers, body = relay.get("/")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain")
    assert body.decode().count("\n") == 1


def test_polls_are_not_compressed(relay: RelayProcess) -> None:
    _, headers, _ = relay.get("/socket.io/?EIO=4&transport=polling", {"Accept-Encoding": "gzip, deflate"})
    assert "Content-Encoding" not in headers


def test_engineio_still_chooses_its_driver_where_we_replace_it() -> None:
    driver = engineio.async_drivers.aiohttp._async["websocket"]
    assert driver is engineio.async_drivers.aiohttp.WebSocket
    assert engineio.AsyncServer(async_mode="aiohttp")._async["websocket"] is driver
    translate = engineio.async_drivers.aiohttp._async["translate_request"]
    assert translate is engineio.async_drivers.aiohttp.translate_request
    RelayApp(AppSettings(secret="s" * 43, instance="i"))
    assert engineio.async_drivers.aiohttp._async["websocket"] is driver  # one server's, not everybody's


async def test_nonsense_on_the_port_is_no_trouble(relay: RelayProcess) -> None:
    host, _, port = relay.url.removeprefix("http://").partition(":")
    for nonsense in (
        b"\x16\x03\x01\x02\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=10) as sock:
            sock.sendall(nonsense)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass
    for path in (
        "/socket.io/",
        "/socket.io/?EIO=3&transport=polling",
        "/socket.io/?EIO=4&transport=polling&sid=gone",
    ):
        assert relay.get(path)[0] == 400
    client = await RawClient().connect(relay.url)  # and it goes without another word
    await client.close()
    assert relay.get("/healthz")[0] == 200
