"""The file by which a user's programs find their relay, and the next relay takes over from a dead one.

A home folder may be shared by several machines, and 127.0.0.1 is another place on each of them. So a record says on
which machine its relay runs, since which start of that machine. The first machine has the plain file; the others have
files of their own beside it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import http.client
import json
import os
import platform
import ssl
import stat
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from relay_widget.errors import InvalidValueError, RelayStartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

KEEP_S = 1.0
"""How often a relay looks whether its file is still there."""
_TOUCH_S = 30.0
"""How often it says on the file that it is alive, for other machines, which cannot reach it."""
_FRESH_S = 150.0
"""Another machine's record counts as a living relay's when it is no older than this."""
_LITTER_S = 7 * 24 * 3600
"""A file that a machine left behind, and that nobody has touched for so long, is removed."""
_PREVIOUS = "previous"
"""How the name of the file ends that a relay leaves behind which ends while it is used."""
_READERS_S = 1.0
"""How long to try again where Windows lets nobody read a file that is being replaced, nor replace one that is read."""
_READERS_POLL_S = 0.01
_HEALTH_TIMEOUT_S = 2
_own_id = getattr(os, "geteuid", int)  # Windows has none
_MAX_PORT = 65535
_MAX_PID = 2**31 - 1
_MAX_WORD_CHARS = 1000
_MAX_FILE_BYTES = 20_000
_MAX_HEALTH_BYTES = 4096


Result = TypeVar("Result")


def this_machine() -> str:
    """What tells this machine, since it was last started, from all others that see the same files.

    Machines are apart where 127.0.0.1 is: two containers, or two network namespaces, are two machines.
    """
    facts = _linux_facts() if sys.platform == "linux" else _other_facts(sys.platform)
    return hashlib.sha256(" ".join(facts or [platform.node()]).encode()).hexdigest()[:12]


def _linux_facts() -> list[str]:
    with contextlib.suppress(OSError):
        return [
            Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip(),
            str(Path("/proc/self/ns/net").readlink()),
        ]
    return []


def _other_facts(system: str) -> list[str]:
    """The session of macOS since its start; on Windows the machine, whose starts are not told apart."""
    with contextlib.suppress(OSError, AttributeError, ImportError):
        if system == "darwin":
            text, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
            if ctypes.CDLL(None).sysctlbyname(b"kern.bootsessionuuid", text, ctypes.byref(size), None, 0) == 0:
                return [text.value.decode()]
        if system == "win32":
            import winreg  # noqa: PLC0415 - Windows only

            key = winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography")  # type: ignore[attr-defined,unused-ignore]
            with key:
                return [str(winreg.QueryValueEx(key, "MachineGuid")[0]), platform.node()]  # type: ignore[attr-defined,unused-ignore]
    return []


def this_pid_space() -> str:
    """Where the pids of this process mean something: containers have their own."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class RuntimeRecord:
    """What the file holds. It is as private as the secret in it: mode 0600.

    ``machine`` is the machine's name for people; ``boot`` tells it, and its present run, from others.
    """

    pid: int
    host: str
    port: int
    url: str
    secret: str
    instance: str
    protocol: int
    version: str
    started_at: str
    machine: str = field(default_factory=platform.node)
    boot: str = field(default_factory=this_machine)
    pid_space: str = field(default_factory=this_pid_space)

    def __repr__(self) -> str:
        return f"RuntimeRecord(pid={self.pid}, url={self.url!r})"


@dataclass(frozen=True, slots=True)
class Previous:
    """What is taken over from a relay that left its file behind."""

    port: int
    secret: str

    def __repr__(self) -> str:
        return f"Previous(port={self.port})"


def read(path: Path) -> Mapping[str, object] | None:
    """What the file says; None if there is none that can be believed.

    That is one that a relay of this user, or of root, has written: whole, and open to nobody else. It holds the secret,
    and who could write it could send all calls elsewhere.

    Raises:
        OSError: It is there and may not be read.
    """
    try:
        record = json.loads(_despite_others(lambda: _read_own(path)))
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and all(map(_is_sound, record, record.values())) else None


def _read_own(path: Path) -> bytes:
    """The bytes of a file that only this user can write and read.

    Raises:
        ValueError: It is another's, or no file, or too large.
    """
    # Not waiting for who writes into a pipe.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
            raise ValueError from error
        raise
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not is_private(status):
            raise ValueError
        content = file.read(_MAX_FILE_BYTES + 1)
    if len(content) > _MAX_FILE_BYTES:
        raise ValueError
    return content


def is_private(status: os.stat_result) -> bool:
    """Whether a file is this user's (or root's) alone, as ssh asks it of keys. Windows has no such modes."""
    if sys.platform == "win32":
        return True
    return status.st_uid in (_own_id(), 0) and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def _is_sound(name: str, value: object) -> bool:
    """Whether this is what a relay would write under this name. Others may be anything: of a later version."""
    match name:
        case "pid" | "port":
            return type(value) is int and 0 < value <= (_MAX_PORT if name == "port" else _MAX_PID)
        case "url":
            return isinstance(value, str) and _is_address(value)
        case "secret" | "instance" | "machine" | "boot" | "pid_space":
            return isinstance(value, str) and len(value) <= _MAX_WORD_CHARS and value.isprintable()
    return True


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port is not None and url.isascii()
    except ValueError:
        return False


def _despite_others(action: Callable[[], Result]) -> Result:
    """Do something with a file that others read and replace."""
    deadline_s = time.monotonic() + _READERS_S
    while True:
        try:
            return action()
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > deadline_s:
                raise
        time.sleep(_READERS_POLL_S)


def is_elsewhere(record: Mapping[str, object]) -> bool:
    """Whether it is of a relay on another machine. A relay of an older version does not say: it counts as here."""
    return record.get("boot", this_machine()) != this_machine()


def for_this_machine(path: Path) -> Path:
    """The file of this machine's relay: this one, unless a relay of another machine has it."""
    own = path.with_name(f"{path.stem}.{this_machine()}{path.suffix}")
    if own.exists():
        return own
    record = read(path)
    return own if record is not None and is_elsewhere(record) and _is_fresh(path) else path


def others(path: Path) -> tuple[str, ...]:
    """The names of the other machines that have a relay with a file beside this one."""
    return tuple(sorted(set(_names_of_others(path))))


def _names_of_others(path: Path) -> Iterator[str]:
    for file in (path, *path.parent.glob(f"{path.stem}.*{path.suffix}")):
        with contextlib.suppress(OSError):
            record = read(file)
            if record is not None and is_elsewhere(record) and _is_fresh(file):
                yield str(record.get("machine") or "another machine")


def _is_fresh(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < _FRESH_S
    except FileNotFoundError:
        return False


def read_previous(path: Path) -> Previous | None:
    """Port and secret of the relay that was here before; None if there is nothing to take over."""
    from relay_widget.tokens import check_secret  # noqa: PLC0415 - the launcher, which reads this file, needs no tokens

    try:
        own = for_this_machine(path)
        record = read(own) or read(_left_behind(own))
    except OSError as error:
        raise _start_error(path, error) from error
    if record is None:
        return None
    port, secret = record.get("port"), record.get("secret")
    try:
        return Previous(port, check_secret(secret)) if isinstance(port, int) and isinstance(secret, str) else None
    except InvalidValueError:
        return None


def answers(url: str, instance: str) -> bool:
    """Whether our relay, not some other program on the same port, answers at this address."""
    if not _is_address(url):
        return False
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        whoever = ssl.create_default_context()
        whoever.check_hostname, whoever.verify_mode = False, ssl.CERT_NONE  # it is only asked which one it is
        connection = http.client.HTTPSConnection(parts.netloc, timeout=_HEALTH_TIMEOUT_S, context=whoever)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=_HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        health = json.loads(connection.getresponse().read(_MAX_HEALTH_BYTES))
        return isinstance(health, dict) and health.get("instance") == instance
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


class Keeper:
    """Keeps a relay's file as long as the relay runs: a folder may be tidied away, or another relay may come.

    Args:
        path: The file, as all machines are told of it.
        record: What it is to say.
    """

    def __init__(self, path: Path, record: RuntimeRecord) -> None:
        self._base = path
        self._record = record
        self._lock = threading.Lock()
        self._over = False
        self._path: Path | None = None
        self._touched_s = 0.0
        self._silent = ""  # the instance that has this file and did not answer when it was last asked

    def begin(self) -> None:
        """Write the file.

        Raises:
            RelayStartError: ``relay-runs`` (another relay has it, and answers), ``disk-full`` or ``runtime-dir``.
        """
        path, rival = self._look()
        if rival is not None and answers(str(rival.get("url")), str(rival.get("instance"))):
            raise RelayStartError(
                "relay-runs",
                f"A relay is there already, at {rival.get('url')}: use that one, or give this one another file.",
            )
        self._write(path)
        _tidy(self._base)

    def keep(self) -> str | None:
        """Write the file anew if it is gone; blocks.

        Returns:
            The address of another relay of this machine that has the file now, and answers; None if there is none.

        Raises:
            RelayStartError: As `begin`, but for ``relay-runs``.
        """
        path, rival = self._look()
        if rival is None or (rival.get("instance") != self._record.instance and self._has_given_up(rival)):
            self._write(path)
        elif rival.get("instance") != self._record.instance:
            url, instance = str(rival.get("url")), str(rival.get("instance"))
            if answers(url, instance):
                return url
            self._silent = instance
        elif time.monotonic() - self._touched_s > _TOUCH_S:
            try:
                os.utime(path)
            except FileNotFoundError:
                return None  # the next look finds that, too
            except OSError as error:
                raise _start_error(path, error) from error
            self._touched_s = time.monotonic()
        return None

    def end(self, *, in_use: bool = False) -> None:
        """Remove the file, unless it is another relay's by now; from here on it is not written any more.

        Args:
            in_use: Whether somebody is connected. Then port and secret are left behind in another file, for the relay
                that comes next: at that one everybody is who they were.
        """
        with self._lock:
            self._over = True
            path = self._path
        if path is None:
            return
        with contextlib.suppress(OSError, RelayStartError):  # they come back as somebody new
            if in_use and (read(path) or {}).get("instance") == self._record.instance:
                _write(_left_behind(path), {"port": self._record.port, "secret": self._record.secret})
        remove_own(path, self._record.instance)

    def _look(self) -> tuple[Path, Mapping[str, object] | None]:
        try:
            path = for_this_machine(self._base)
            return path, read(path)
        except OSError as error:
            raise _start_error(self._base, error) from error

    def _has_given_up(self, rival: Mapping[str, object]) -> bool:
        """Whether what has the file has been silent twice in a row, and is so still."""
        url, instance = str(rival.get("url")), str(rival.get("instance"))
        return self._silent == instance and not answers(url, instance)

    def _write(self, path: Path) -> None:
        with self._lock:
            if self._over:
                return
            write(path, self._record)
            with contextlib.suppress(OSError):  # it only says again what this one says
                _left_behind(path).unlink(missing_ok=True)
            self._path, self._touched_s, self._silent = path, time.monotonic(), ""


def _tidy(path: Path) -> None:
    """Remove what machines that are no more have left beside this file: each container has a name of its own."""
    for file in path.parent.glob(f"{path.stem}.*"):
        machine, _, kind = file.name.removeprefix(f"{path.stem}.").partition(".")
        if kind in ("json", "log", _PREVIOUS) and machine != this_machine():
            with contextlib.suppress(OSError):  # another relay may do the same
                if time.time() - file.stat().st_mtime > _LITTER_S:
                    file.unlink()


def _left_behind(path: Path) -> Path:
    return path.with_name(f"{path.stem}.{_PREVIOUS}")


def write(path: Path, record: RuntimeRecord) -> None:
    """Write the file, whole or not at all.

    Raises:
        RelayStartError: ``disk-full`` or ``runtime-dir``.
    """
    _write(path, asdict(record))


def _write(path: Path, content: dict[str, object]) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file)
            _check_private(part)
            _despite_others(lambda: part.replace(path))
        except (OSError, RelayStartError):
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _start_error(path, error) from error


def _check_private(path: Path) -> None:
    if not is_private(path.stat()):
        raise RelayStartError(
            "runtime-dir",
            f"Files in {path.parent} are open to other users, and the relay's holds a secret: choose a folder on a "
            "disk that keeps permissions.",
        )


def remove_own(path: Path, instance: str) -> None:
    """Remove the file, unless it is another relay's by now."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads(path.read_bytes())["instance"] == instance:
            path.unlink()


def _start_error(path: Path, error: OSError) -> RelayStartError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RelayStartError("disk-full", f"The disk of {path.parent} is full: free some space, then try again.")
    return RelayStartError(
        "runtime-dir",
        f"The relay cannot write {path} ({error.strerror}): make the folder writable, or choose another one.",
    )
