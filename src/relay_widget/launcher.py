"""Find this user's relay process, or start it: one per user, met by all their kernels.

The relay is a process of its own, because a thread of the kernel stands still while a cell computes. It is
found by its runtime file, next to the kernels' own; it is started detached and under a lock, so that two
kernels never start two; and it ends by itself when nobody has used it for a while. After a crash the file is
still there: the next relay reads port and secret from it, so browsers come back to the same address.
"""

from __future__ import annotations

import errno
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .errors import RelayStartError
from .protocol import PROTOCOL_VERSION

RUNTIME_DIR_VARIABLE = "RELAY_WIDGET_RUNTIME_DIR"
"""Names another folder for the runtime file than Jupyter's: whoever has the same one shares a relay."""
IDLE_TIMEOUT_S = 300
"""How long the relay stays when nobody uses it: long enough to restart a kernel or reload a page."""
START_TIMEOUT_S = 30
"""How long a start may take; about 1 s on an idle machine, more while a notebook server starts too."""
END_TIMEOUT_S = 10
"""How long a relay that is asked to end may take, before it is made to."""
_HEALTH_TIMEOUT_S = 2
_POLL_S = 0.03
_PROBE_BYTES = 64_000
_SLOW_RELAY_S = 8

_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class RelayAddress:
    """Where the relay answers and the secret its tokens are signed with (never shown)."""

    url: str
    secret: str
    pid: int
    instance: str

    def __repr__(self) -> str:
        return f"RelayAddress(url={self.url!r}, pid={self.pid})"


def runtime_file() -> Path:
    """The relay's runtime file. One per protocol version: relays of two versions can live side by side."""
    from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415 - 40 ms that `import relay_widget` saves

    folder = os.environ.get(RUNTIME_DIR_VARIABLE) or jupyter_runtime_dir()
    return Path(folder) / f"relay-widget-{PROTOCOL_VERSION}.json"


def find_relay() -> RelayAddress | None:
    """The relay that is running and answers, or None."""
    address = read_runtime_file(runtime_file())
    return address if address is not None and _answers(address) else None


def ensure_relay() -> RelayAddress:
    """The running relay, started if there is none. Blocks until it answers.

    Raises:
        RelayStartError: It could not be started; the message says what to do.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - 20 ms that `import relay_widget` saves

    _reap()
    path = runtime_file()
    try:
        found = find_relay()
        if found is not None:
            return found
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(path.with_suffix(".lock"), timeout=START_TIMEOUT_S):
            return _patiently_find(path) or _start(path)
    except Timeout:
        message = f"Another program has been starting the relay for {START_TIMEOUT_S} s: try again."
        raise RelayStartError("relay-start", message) from None
    except OSError as error:
        raise _os_error(error, path.parent) from error


def end_relay(path: Path | None = None) -> None:
    """End the relay of this runtime file, if there is one, and wait until it has gone.

    Args:
        path: The file; None for that of the relay that `ensure_relay` finds or starts.
    """
    path = path or runtime_file()
    address = _patiently_find(path)
    if address is None:
        return
    os.kill(address.pid, signal.SIGTERM)
    deadline_s = time.monotonic() + END_TIMEOUT_S
    while read_runtime_file(path) == address:  # the last thing that a relay does is to take its file away
        if time.monotonic() > deadline_s:
            os.kill(address.pid, signal.SIGKILL)
            break
        time.sleep(_POLL_S)
    _reap()


def _patiently_find(path: Path) -> RelayAddress | None:
    """The relay of the runtime file; one that is alive but slow is waited for, lest there be two."""
    deadline_s = time.monotonic() + _SLOW_RELAY_S
    while (address := read_runtime_file(path)) is not None:
        if _answers(address):
            return address
        if not _is_alive(address) or time.monotonic() > deadline_s:
            return None
        time.sleep(_POLL_S)
    return None


def _is_alive(address: RelayAddress) -> bool:
    """Whether its process is there and listens; one that was killed and not yet collected does not listen."""
    try:
        os.kill(address.pid, 0)
        host, _, port = address.url.removeprefix("http://").rstrip("/").rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=_HEALTH_TIMEOUT_S).close()
    except (OSError, ValueError):
        return False
    return True


def _start(path: Path) -> RelayAddress:
    with tempfile.TemporaryFile(dir=path.parent) as probe:
        probe.write(bytes(_PROBE_BYTES))  # a full disk is better said now than by half a runtime file
    command = [sys.executable, "-m", "relay_widget", "serve"]
    command += ["--runtime-file", str(path), "--idle-timeout", str(IDLE_TIMEOUT_S)]
    with path.with_suffix(".log").open("w+b") as log:
        # A session of its own: interrupting or ending the kernel must not reach other people's call.
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=path.parent,
        )
        _children.append(process)
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            address = read_runtime_file(path)
            if address is not None and address.pid == process.pid and _answers(address):
                return address
            if process.poll() is not None:
                raise _start_error(log, path.parent)
            time.sleep(_POLL_S)
        process.terminate()
    message = f"The relay did not answer within {START_TIMEOUT_S} s: see {path.with_suffix('.log')}."
    raise RelayStartError("relay-start", message)


def read_runtime_file(path: Path) -> RelayAddress | None:
    """What a relay's file says of it, whether it answers or not; None if there is none."""
    try:
        record = json.loads(path.read_bytes())
        return RelayAddress(record["url"], record["secret"], int(record["pid"]), record["instance"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return None  # half a file of a full disk: the next relay writes it anew


def _answers(address: RelayAddress) -> bool:
    """Whether our relay, not some other program on the same port, answers at this address."""
    host = address.url.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(host, timeout=_HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        health = json.loads(connection.getresponse().read(4096))
        return isinstance(health, dict) and health.get("instance") == address.instance
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def _start_error(log: IO[bytes], folder: Path) -> RelayStartError:
    """The error that the ended relay process wrote as its last line, ``relay-widget: <code>: <sentence>``."""
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    words = lines[-1].split(": ", 2) if lines else []
    if len(words) == 3 and words[0] == "relay-widget":  # noqa: PLR2004 - the three parts named above
        return RelayStartError(words[1], words[2])
    last = lines[-1] if lines else "it said nothing"
    return RelayStartError("relay-start", f"The relay ended while starting ({last}): see the log in {folder}.")


def _os_error(error: OSError, folder: Path) -> RelayStartError:
    if error.errno == errno.ENOSPC:
        return RelayStartError("disk-full", f"The disk of {folder} is full: free some space, then run the cell again.")
    return RelayStartError(
        "runtime-dir",
        f"relay-widget cannot write to {folder}: make it writable, or set JUPYTER_RUNTIME_DIR to a folder that is.",
    )


def _reap() -> None:
    """Collect relays started here that have ended, so that none stays as a zombie of the kernel."""
    _children[:] = [process for process in _children if process.poll() is None]
