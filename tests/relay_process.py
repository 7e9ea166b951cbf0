"""The real relay, as a process of its own, for tests."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from relay_widget.protocol import PROTOCOL_VERSION
from relay_widget.tokens import mint
from tests.machine import rss_bytes

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from relay_widget.grants import TokenRole

START_TIMEOUT_S = 30
END_TIMEOUT_S = 20
_POLL_S = 0.02


@dataclass
class RelayProcess:
    """A relay on a free port, with its runtime file in a folder of its own. A context manager.

    Args:
        arguments: More arguments of ``relay-widget serve``.
        environment: More variables of its environment.
        folder: Where its runtime file and log are; a temporary one if not given.
        tls: How to check it, if it is told to serve TLS.
        module: What is run, if not the package itself.
    """

    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    tls: ssl.SSLContext | None = None
    module: str = "relay_widget"
    url: str = ""
    secret: str = ""
    _process: subprocess.Popen[bytes] | None = None
    _temporary: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        if self.folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="relay-test-")
            self.folder = Path(self._temporary.name)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        if self._temporary is not None:
            self._temporary.cleanup()

    @property
    def runtime_file(self) -> Path:
        assert self.folder is not None
        return self.folder / "relay.json"

    @property
    def log(self) -> str:
        """What it has written to stdout and stderr."""
        return self.runtime_file.with_suffix(".log").read_text()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", self.module, "serve", "--runtime-file", str(self.runtime_file)]
        with self.runtime_file.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *self.arguments], stdout=log, stderr=log, env={**os.environ, **self.environment}
            )
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            record = self.record()
            if record is not None and record["pid"] == self.process.pid:
                break
            assert self.process.poll() is None, f"the relay ended while starting: {self.log}"
            assert time.monotonic() < deadline_s, f"the relay does not start: {self.log}"
            time.sleep(_POLL_S)
        self.url, self.secret = record["url"], record["secret"]
        assert self.get("/healthz")[0] == 200

    def record(self) -> dict[str, Any] | None:
        """The runtime file's content; None if there is none."""
        try:
            record: dict[str, Any] = json.loads(self.runtime_file.read_bytes())
        except FileNotFoundError:
            return None
        return record

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a GET, with exactly these headers beside Host."""
        scheme, _, address = self.url.partition("://")
        connection = (
            http.client.HTTPConnection(address, timeout=10)
            if scheme == "http"
            else http.client.HTTPSConnection(address, timeout=10, context=self.tls)
        )
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def auth(self, role: TokenRole = "peer", **claims: Any) -> dict[str, Any]:
        """What a client connects with."""
        claims.setdefault("lifetime_s", 3600)
        return {"token": mint(self.secret, role=role, **claims), "protocol": PROTOCOL_VERSION}

    def rss_bytes(self) -> int:
        """The memory it holds now."""
        return rss_bytes(self.process.pid)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end and wait for it; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(END_TIMEOUT_S)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(END_TIMEOUT_S)


def is_empty(url: str) -> bool:
    """Whether nobody is connected to the relay at this address, as its metrics have it."""
    connection = http.client.HTTPConnection(url.removeprefix("http://").rstrip("/"), timeout=10)
    try:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    finally:
        connection.close()
    figures = dict(line.split(" ") for line in lines if line.startswith("relay_widget_") and "{" not in line)
    return float(figures["relay_widget_connections"]) == float(figures["relay_widget_rooms"]) == 0
