"""Find this user's relay process, or start it: one per user and machine, met by all their kernels there.

The relay is a process of its own, because a thread of the kernel stands still while a cell computes. It is
found by its runtime file, next to the kernels' own; it is started detached and under a lock, so that two
kernels never start two; and it ends by itself when nobody has used it for a while. After a crash the file is
still there: the next relay reads port and secret from it, so browsers come back to the same address. The relay sees
to its file itself (`server.runtime_file`), and nothing that a notebook changes about its own process, the working
directory or ``sys.path``, decides which relay is found or whether it starts.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from .errors import RelayStartError
from .protocol import PROTOCOL_VERSION
from .server import runtime_file as files

RUNTIME_DIR_VARIABLE = "RELAY_WIDGET_RUNTIME_DIR"
"""Names another folder for the runtime file than Jupyter's: whoever has the same one shares a relay."""
IDLE_TIMEOUT_S = 300
"""How long the relay stays when nobody uses it: long enough to restart a kernel or reload a page."""
START_TIMEOUT_S = 30
"""How long a start may take; about 1 s on an idle machine, more while a notebook server starts too."""
LOCK_TIMEOUT_S = 2 * START_TIMEOUT_S
"""How long another program may be starting the relay."""
END_TIMEOUT_S = 10
"""How long a relay that is asked to end may take, before it is made to."""
_CONNECT_TIMEOUT_S = 2
_POLL_S = 0.03
_LOCK_SLICE_S = 0.25
_PROBE_BYTES = 64_000
_SLOW_RELAY_S = 8
_NEW_PROCESS_GROUP, _NO_WINDOW = 0x200, 0x8000000  # of Windows; subprocess has them there only
_RUN = """
import importlib.util, json, sys
init, sys.path[:] = json.loads(sys.argv.pop(1))
spec = importlib.util.spec_from_file_location("relay_widget", init)
sys.modules["relay_widget"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
from relay_widget.cli import main
sys.exit(main())
"""
"""The program of the relay's process: this package and its dependencies, from where this process has them."""

_log = logging.getLogger(__name__)
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class RelayAddress:
    """Where the relay answers and the secret its tokens are signed with (never shown)."""

    url: str
    secret: str
    pid: int
    instance: str
    pid_space: str = ""

    def __repr__(self) -> str:
        return f"RelayAddress(url={self.url!r}, pid={self.pid})"


def runtime_file() -> Path:
    """Return the path of the relay's runtime file.

    There is one per protocol version, so that relays of two versions can live side by side; and one per machine where
    several have the same folder.

    Raises:
        RelayStartError: ``runtime-dir``: this user has no folder that it could be in.
    """
    try:
        return files.for_this_machine(_shared_file())
    except OSError as error:
        raise _os_error(error, _folder()) from error


def other_machines() -> tuple[str, ...]:
    """Return the names of the other machines that have a relay of this user, whose rooms are others than here."""
    return files.others(_shared_file())


def sharing_advice() -> str:
    """Return how to meet the people on the user's other machines; empty if there are no relays on others."""
    machines = other_machines()
    if not machines:
        return ""
    return (
        f"This user has a relay of its own on {' and on '.join(machines)}, too, and each machine has its own rooms: to "
        "meet, run relay-widget serve on one of them and set RELAY_WIDGET_URL and RELAY_WIDGET_TOKEN on all "
        "(docs/machines.md)."
    )


def _shared_file() -> Path:
    """The runtime file as the first machine has it."""
    return _folder() / f"relay-widget-{PROTOCOL_VERSION}.json"


def _folder() -> Path:
    """The folder of runtime files, as an absolute path."""
    named = os.environ.get(RUNTIME_DIR_VARIABLE)
    text = named or _jupyters_folder()
    folder = _absolute(text, RUNTIME_DIR_VARIABLE if named else "JUPYTER_RUNTIME_DIR")
    if str(folder) != text:
        # From now on it means the same folder in this process, wherever it goes, and in those that it starts.
        os.environ[RUNTIME_DIR_VARIABLE] = str(folder)
    return folder


def _jupyters_folder() -> str:
    from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415 - 40 ms that `import relay_widget` saves

    try:
        return str(jupyter_runtime_dir())
    except (RuntimeError, KeyError) as error:
        raise RelayStartError(
            "runtime-dir",
            f"This user has no home folder for the relay's file: set HOME, or {RUNTIME_DIR_VARIABLE} to a folder that "
            "you can write to, before the kernel starts.",
        ) from error


def _absolute(text: str, variable: str) -> Path:
    expanded = os.path.expanduser(os.path.expandvars(text))  # noqa: PTH111 - Path's raises where there is no such user
    if expanded.startswith("~"):
        raise RelayStartError(
            "runtime-dir",
            f"There is no home folder {Path(expanded).parts[0]} (in {variable}): write the folder's whole path.",
        )
    try:
        return Path(os.path.abspath(expanded))  # noqa: PTH100 - the same, and no link in it is followed
    except FileNotFoundError as error:
        raise RelayStartError(
            "runtime-dir",
            f"{variable} is {text!r}, and the working directory that this begins in is gone: write the whole path.",
        ) from error


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
    shared = _shared_file()
    deadline_s = time.monotonic() + LOCK_TIMEOUT_S
    try:
        while True:
            found = find_relay()
            if found is not None:
                return found
            try:
                shared.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with FileLock(shared.with_suffix(".lock"), timeout=_LOCK_SLICE_S):
                    return _patiently_find(runtime_file()) or _start()
            except Timeout:  # the one that another program starts meanwhile is looked for without the lock
                if time.monotonic() > deadline_s:
                    message = f"Another program has been starting the relay for {LOCK_TIMEOUT_S} s: try again."
                    raise RelayStartError("relay-start", message) from None
            except FileNotFoundError:  # the folder is being tidied away
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(_POLL_S)
    except OSError as error:
        raise _os_error(error, shared.parent) from error


def end_relay(path: Path | None = None) -> None:
    """End the relay of this runtime file, if there is one, and wait until it has gone.

    Args:
        path: The file; None for that of the relay that `ensure_relay` finds or starts.

    Raises:
        RelayStartError: It runs in another container, which has to end it.
    """
    import psutil  # noqa: PLC0415 - as the other imports in here

    path = runtime_file() if path is None else files.for_this_machine(path)
    address = _patiently_find(path)
    if address is None:
        return
    if not _has_our_pids(address):
        message = f"The relay at {address.url} runs in another container: end it there."
        raise RelayStartError("relay-start", message)
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(address.pid)
        process.terminate()
        deadline_s = time.monotonic() + END_TIMEOUT_S
        while read_runtime_file(path) == address and process.is_running():  # the last thing it does is to take it away
            if time.monotonic() > deadline_s:
                process.kill()
                break
            time.sleep(_POLL_S)
    files.remove_own(path, address.instance)  # Windows ends a process without asking it
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
    if _has_our_pids(address) and not _runs(address.pid):
        return False
    try:
        parts = urlsplit(address.url)
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=_CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError):
        return False
    return True


def _runs(pid: int) -> bool:
    import psutil  # noqa: PLC0415 - as above

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _has_our_pids(address: RelayAddress) -> bool:
    return address.pid_space in ("", files.this_pid_space())


def _start() -> RelayAddress:
    shared = _shared_file()
    before = read_runtime_file(runtime_file())
    with tempfile.TemporaryFile(dir=shared.parent) as probe:
        probe.write(bytes(_PROBE_BYTES))  # a full disk is better said now than by half a runtime file
    if not sys.executable:
        raise RelayStartError(
            "relay-start",
            "This program has no Python of its own to start the relay with: run relay-widget serve, and set "
            "RELAY_WIDGET_URL to its address.",
        )
    command = [sys.executable, "-P", "-c", _RUN, json.dumps(_import_path())]
    command += ["serve", "--runtime-file", str(shared), "--idle-timeout", str(IDLE_TIMEOUT_S)]
    log_file = runtime_file().with_suffix(".log")
    with _open_log(log_file) as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=shared.anchor,  # which is never tidied away
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            **_detached(),
        )
        _children.append(process)
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            ended = process.poll() is not None  # before the look: what it has found is there by then
            address = read_runtime_file(runtime_file())
            # It may be another one, which had lost its file and has written it again.
            if address is not None and (ended or address != before) and _answers(address):
                if advice := sharing_advice():
                    _log.warning(advice)
                return address
            if ended:
                raise _start_error(log, shared.parent)
            time.sleep(_POLL_S)
        process.terminate()
    message = f"The relay did not answer within {START_TIMEOUT_S} s: see {log_file}."
    raise RelayStartError("relay-start", message)


def _open_log(path: Path) -> IO[bytes]:
    """The relay's log, begun anew; never what a link of its name leads to."""
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        path.unlink(missing_ok=True)
        descriptor = os.open(path, flags | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "w+b")


def _detached(platform: str = sys.platform) -> dict[str, Any]:
    """Arguments of `subprocess.Popen` that keep the kernel's interrupts and its end from other people's call."""
    if platform == "win32":
        return {"creationflags": _NEW_PROCESS_GROUP | _NO_WINDOW}
    return {"start_new_session": True}


def _import_path() -> tuple[str, list[str]]:
    """Where this process has this package, and where it finds all others.

    The working directory comes last, so that no neighbour of a notebook is taken for a module.
    """
    try:
        here = str(Path.cwd())
    except FileNotFoundError:
        here = ""
    entries = [os.path.join(here, entry) for entry in sys.path if isinstance(entry, str) and entry]  # noqa: PTH118
    entries = [entry for entry in entries if entry != here]
    return str(Path(__file__).with_name("__init__.py").absolute()), [*entries, *([here] if here else [])]


def read_runtime_file(path: Path) -> RelayAddress | None:
    """What a relay's file says of it, whether it answers or not; None if there is none, or it is another machine's."""
    record: Any = files.read(path)
    if record is None or files.is_elsewhere(record):
        return None
    try:
        return RelayAddress(
            record["url"], record["secret"], record["pid"], record["instance"], record.get("pid_space", "")
        )
    except KeyError:
        return None  # the next relay writes it anew


def _answers(address: RelayAddress) -> bool:
    return files.answers(address.url, address.instance)


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
    variable = RUNTIME_DIR_VARIABLE if os.environ.get(RUNTIME_DIR_VARIABLE) else "JUPYTER_RUNTIME_DIR"
    return RelayStartError(
        "runtime-dir",
        f"relay-widget cannot write to {folder} ({error.strerror}): make it writable, or set {variable} to a "
        "folder that is.",
    )


def _reap() -> None:
    """Collect relays started here that have ended, so that none stays as a zombie of the kernel."""
    _children[:] = [process for process in _children if process.poll() is None]
