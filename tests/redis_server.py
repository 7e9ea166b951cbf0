"""A real Redis for tests: on a free port of this machine, in a folder of its own, keeping nothing."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from redis import Redis
from redis.exceptions import ConnectionError as RedisDown

from tests.machine import free_port

if TYPE_CHECKING:
    from types import TracebackType

INSTALLED = shutil.which("redis-server") is not None
WHY_NOT = "redis-server is not installed: sudo apt-get install redis-server"
START_TIMEOUT_S = 20


@dataclass
class RedisServer:
    """A context manager; it can be killed and started again on the same port."""

    arguments: tuple[str, ...] = ()
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _folder: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="redis-test-")
        self.port = free_port()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        if self._folder is not None:
            self._folder.cleanup()

    def client(self) -> Redis:
        return Redis(port=self.port, decode_responses=True)

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert self._folder is not None
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._folder.name]
        command += ["--save", "", "--appendonly", "no", *self.arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            assert self._process.poll() is None, "redis-server ended while starting"
            assert time.monotonic() < deadline_s, "redis-server does not start"
            try:
                with self.client() as client:
                    client.ping()
            except RedisDown:
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """It takes and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
