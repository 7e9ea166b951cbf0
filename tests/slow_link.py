"""A way to a relay that is as narrow as a test wants it: TCP through a proxy, so that what does not fit waits."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_PIECE_BYTES = 2048
_BUFFER_BYTES = 8192
"""What the proxy's own sockets may hold back unseen."""


class SlowLink:
    """Passes on what comes to `url` to a relay and back; the way there can be narrowed.

    Args:
        url: The relay's address, ``http://host:port``.
    """

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").rpartition(":")
        self._relay = (host, int(port))
        self._rate_bytes_per_s: float | None = None
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)  # those accepted inherit it
        self._listener.bind(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def narrow(self, rate_kbps: float | None) -> None:
        """From now on no more than this passes to the relay; None: whatever comes."""
        self._rate_bytes_per_s = None if rate_kbps is None else rate_kbps * 125

    def __enter__(self) -> Self:
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):  # its other side has gone
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # until it is closed
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._relay)
                far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets += [near, far]
                threading.Thread(target=self._pass_on, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(far, near, False), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, narrowed: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                target.sendall(piece)
                if narrowed and self._rate_bytes_per_s is not None:
                    time.sleep(len(piece) / self._rate_bytes_per_s)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
