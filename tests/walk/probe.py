"""Runs in each kernel of a walk, as an IPython startup file: tells the walker what Python sees, also beside a cell.

One question a connection, on a Unix socket beside the kernel's connection file. It imports nothing of relay_widget:
a kernel in which no cell has run must look as one does.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

MAX_SPIN_S = 600.0
PEER_S = 10.0
_spin_until_s = 0.0


def await_peer(call: Any, name: str) -> None:
    """Wait until somebody of this name is there: in haste, who was just called again is still on the way."""
    deadline_s = time.monotonic() + PEER_S
    while name not in [peer.name for peer in call.peers] and time.monotonic() < deadline_s:
        time.sleep(0.05)


def spin() -> None:
    """Compute for as long as the walker has asked for, once; by default not at all. The busy cell calls it."""
    global _spin_until_s  # noqa: PLW0603 - the probe sets it, too
    try:
        while time.monotonic() < _spin_until_s:
            sum(range(10_000))
    finally:
        _spin_until_s = 0.0  # it may have been interrupted


def _calls() -> list[dict[str, Any]]:
    module = sys.modules.get("relay_widget")
    if module is None:
        return []
    from ipywidgets.widgets import widget  # noqa: PLC0415 - not before the user's own import

    found = []
    for model_id, one in list(widget._instances.items()):
        if isinstance(one, module.Call):
            traits = ("state", "error", "room", "name", "microphone", "camera", "source")
            found.append(
                {"model": model_id, "peers": [peer.name for peer in one.peers]}
                | {trait: getattr(one, trait) for trait in traits}
            )
    return found


def _sockets() -> int:
    """How many this process has, without Jupyter's own: its server speaks to the kernel through some for each page,
    also for a while after a page has gone; and a page with widgets has a subshell, whose event loop has a pair."""
    from ipykernel.connect import get_connection_file  # noqa: PLC0415 - there is one in a kernel only

    connection: dict[str, Any] = json.loads(Path(get_connection_file()).read_text())
    ports = {value for key, value in connection.items() if key.endswith("_port")}
    jupyters = set()
    for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]:
        _, local, _, _, _, _, _, _, _, inode, *_ = line.split()
        if int(local.split(":")[1], 16) in ports:
            jupyters.add(f"socket:[{inode}]")
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(str(entry.readlink()))
    subshells = sum(thread.name.startswith("subshell-") for thread in threading.enumerate())
    return sum(one.startswith("socket:") and one not in jupyters for one in found) - 2 * subshells


def _answer(question: str) -> dict[str, Any]:
    global _spin_until_s  # noqa: PLW0603 - one kernel, one busy cell
    match question.split():
        case ["spin", seconds]:
            _spin_until_s = time.monotonic() + min(float(seconds), MAX_SPIN_S)
        case ["settle"]:  # what is left once all calls are closed
            return {"threads": sorted(thread.name for thread in threading.enumerate()), "sockets": _sockets()}
    return {"pid": os.getpid(), "calls": _calls()}


def _serve(path: str) -> None:
    listening = socket.socket(socket.AF_UNIX)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108 - of this kernel before its restart
    listening.bind(path)
    listening.listen()
    while True:
        connection, _ = listening.accept()
        with connection:
            question = connection.recv(200).decode()
            connection.sendall(json.dumps(_answer(question), default=str).encode())


def start() -> None:
    """Begin to answer, at the address that `driver` knows: that of the kernel's connection file."""
    from ipykernel.connect import get_connection_file  # noqa: PLC0415 - there is one in a kernel only

    path = Path(get_connection_file()).with_suffix(".probe")
    threading.Thread(target=_serve, args=[str(path)], name="walk-probe", daemon=True).start()
