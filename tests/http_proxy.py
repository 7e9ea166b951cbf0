"""An HTTP proxy between a test and a relay, which lets WebSockets through: a reverse proxy, or one of HTTP_PROXY."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_BYTES = 65_536


@contextlib.contextmanager
def http_proxy(url: str, *, without_path: str | None = None) -> Iterator[str]:
    """Lead everything to the relay at ``url``, whatever host was asked for; 404 for one path. Its own address."""
    with _Server(("127.0.0.1", 0), _Connection) as server:
        server.relay, server.without_path = urlsplit(url).netloc, without_path
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    relay: str
    without_path: str | None


class _Connection(socketserver.BaseRequestHandler):
    """One request, or one WebSocket."""

    def handle(self) -> None:
        server, client = cast("_Server", self.server), cast("socket.socket", self.request)
        head, body = b"", b""
        while b"\r\n\r\n" not in head:
            if not (read := client.recv(_BYTES)):
                return
            head += read
        head, _, body = head.partition(b"\r\n\r\n")
        method, target, *lines = head.decode("latin-1").replace(" ", "\r\n", 2).split("\r\n")
        parts = urlsplit(target)
        if parts.path == server.without_path:
            client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        upgrade = "upgrade: websocket" in head.decode("latin-1").lower()
        replaced = ("host:",) if upgrade else ("host:", "connection:")
        kept = [line for line in lines[1:] if not line.lower().startswith(replaced)]
        told = [f"{method} {path} {lines[0]}", f"Host: {server.relay}", *kept]
        if not upgrade:
            told.append("Connection: close")
        host, _, port = server.relay.rpartition(":")
        with socket.create_connection((host, int(port))) as relay:
            relay.sendall("\r\n".join([*told, "", ""]).encode("latin-1") + body)
            back = threading.Thread(target=_pass_on, args=(relay, client), daemon=True)
            back.start()
            _pass_on(client, relay)
            back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):  # either end may go at any time
        while data := source.recv(_BYTES):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
