from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from relay_widget import launcher
from relay_widget.errors import RelayStartError

from .waiting import no_monitor_runs, wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process

__all__ = ["no_monitor_runs", "wait_until"]  # other tests' way to them, too


@pytest.fixture
def runtime(own_runtime: Path) -> Path:
    """These tests start, end and lose relays: each has a folder of its own."""
    return own_runtime


def test_no_relay_is_found_where_none_runs(runtime: Path) -> None:
    assert launcher.find_relay() is None


def test_starts_one_relay_and_finds_it_again(runtime: Path) -> None:
    first = launcher.ensure_relay()
    assert launcher.ensure_relay() == first
    assert launcher.find_relay() == first


def test_runtime_file_is_private_and_repr_holds_no_secret(runtime: Path) -> None:
    relay = launcher.ensure_relay()
    assert stat.S_IMODE(launcher.runtime_file().stat().st_mode) == 0o600
    assert relay.secret not in repr(relay)
    assert relay.secret not in (runtime / "relay-widget-1.log").read_text()


def test_two_kernels_starting_at_once_share_one_relay(runtime: Path) -> None:
    code = "from relay_widget.launcher import ensure_relay as e; r = e(); print(r.pid, r.url)"
    kernels = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(4)]
    answers = {kernel.communicate(timeout=60)[0] for kernel in kernels}
    assert len(answers) == 1


def test_ending_the_kernel_that_started_it_leaves_the_relay(runtime: Path) -> None:
    code = (
        "from relay_widget.launcher import ensure_relay as e; print(e().pid, flush=True); import time; time.sleep(60)"
    )
    kernel = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert kernel.stdout is not None
    pid = int(kernel.stdout.readline())
    os.killpg(kernel.pid, signal.SIGKILL)
    kernel.communicate()
    found = launcher.find_relay()
    assert found is not None
    assert found.pid == pid


def test_after_a_crash_it_comes_back_on_the_same_port_with_the_same_secret(runtime: Path) -> None:
    first = launcher.ensure_relay()
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: launcher.find_relay() is None)
    second = launcher.ensure_relay()
    assert (second.url, second.secret) == (first.url, first.secret)
    assert second.pid != first.pid


def test_another_program_on_the_port_is_not_taken_for_the_relay(runtime: Path) -> None:
    first = launcher.ensure_relay()
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: launcher.find_relay() is None)
    port = int(first.url.rstrip("/").rpartition(":")[2])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        second = launcher.ensure_relay()
    assert second.url != first.url


def test_a_broken_runtime_file_is_replaced(runtime: Path) -> None:
    launcher.runtime_file().write_text('{"url": "http://127.0.')
    relay = launcher.ensure_relay()
    assert json.loads(launcher.runtime_file().read_text())["pid"] == relay.pid


def test_a_runtime_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file" / "runtime"))
    with pytest.raises(RelayStartError, match="JUPYTER_RUNTIME_DIR") as refused:
        launcher.ensure_relay()
    assert refused.value.code == "runtime-dir"


def test_another_folder_can_be_named_for_the_runtime_file(
    runtime: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = launcher.ensure_relay()
    monkeypatch.setenv(launcher.RUNTIME_DIR_VARIABLE, str(tmp_path_factory.mktemp("apart")))
    apart = launcher.ensure_relay()
    assert apart.pid != users.pid
    launcher.end_relay()
    assert launcher.find_relay() is None
    monkeypatch.delenv(launcher.RUNTIME_DIR_VARIABLE)
    assert launcher.find_relay() == users


def test_ending_the_relay_leaves_neither_process_nor_file(runtime: Path) -> None:
    relay = launcher.ensure_relay()
    launcher.end_relay()
    assert not launcher.runtime_file().exists()
    wait_until(lambda: not _is_there(relay.pid))
    launcher.end_relay()  # nothing to end is no error


def _is_there(pid: int) -> bool:
    launcher._reap()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="a full disk is made with a tmpfs, as root")
def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(tmp_path)], check=False)
    if mount.returncode != 0:
        pytest.skip("this container may not mount")
    try:
        with pytest.raises(OSError, match="No space"):
            (tmp_path / "filling").write_bytes(b"x" * 100_000)
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
        with pytest.raises(RelayStartError, match="free some space") as refused:
            launcher.ensure_relay()
        assert refused.value.code == "disk-full"
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)
