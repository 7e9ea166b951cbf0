"""The file by which a user's programs find their relay, and the next relay takes over from a dead one."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from relay_widget.errors import InvalidValueError, RelayStartError
from relay_widget.tokens import check_secret

if TYPE_CHECKING:
    from pathlib import Path

_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class RuntimeRecord:
    """What the file holds. It is as private as the secret in it: mode 0600."""

    pid: int
    host: str
    port: int
    url: str
    secret: str
    instance: str
    protocol: int
    version: str
    started_at: str

    def __repr__(self) -> str:
        return f"RuntimeRecord(pid={self.pid}, url={self.url!r})"


@dataclass(frozen=True, slots=True)
class Previous:
    """What is taken over from a relay that left its file behind."""

    port: int
    secret: str

    def __repr__(self) -> str:
        return f"Previous(port={self.port})"


def read_previous(path: Path) -> Previous | None:
    """Port and secret of the relay that was here before; None if there is nothing to take over."""
    try:
        record = json.loads(path.read_bytes())
        port, secret = record["port"], record["secret"]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _start_error(path, error) from error
    except (ValueError, KeyError, TypeError):
        return None  # half a file of a full disk
    if type(port) is not int or not 0 < port <= _MAX_PORT:
        return None
    try:
        return Previous(port, check_secret(secret)) if isinstance(secret, str) else None
    except InvalidValueError:
        return None


def write(path: Path, record: RuntimeRecord) -> None:
    """Write the file, whole or not at all.

    Raises:
        RelayStartError: ``disk-full`` or ``runtime-dir``.
    """
    part = path.with_name(f"{path.name}.{record.pid}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(record), file)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _start_error(path, error) from error


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
