from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from relay_widget import Call, Peer, launcher
from relay_widget.errors import RelayStartError

from .waiting import is_there, no_monitor_runs, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.process
PACKAGE = Path(launcher.__file__).parent
KERNEL = "from relay_widget.launcher import ensure_relay as e; r = e(); print(r.pid, r.url)"

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


@pytest.mark.skipif(sys.platform == "win32", reason="links are for administrators there")
def test_the_log_is_never_what_a_link_leads_to(runtime: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("precious")
    log = launcher.runtime_file().with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    log.symlink_to(theirs)
    launcher.ensure_relay()
    assert theirs.read_text() == "precious"
    assert not log.is_symlink()


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
    return is_there(pid)


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


@pytest.mark.parametrize("variable", [launcher.RUNTIME_DIR_VARIABLE, "JUPYTER_RUNTIME_DIR"])
@pytest.mark.parametrize("text", ["run", "./run", "~/run", "$HOME/run", "../home/run"])
def test_a_folder_is_named_in_any_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, variable: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.chdir(home)
    monkeypatch.setenv(launcher.RUNTIME_DIR_VARIABLE, "")
    monkeypatch.setenv(variable, text)
    relay = launcher.ensure_relay()
    try:
        assert launcher.runtime_file().parent == home / "run"
        monkeypatch.chdir(tmp_path)  # os.chdir() in a notebook
        assert launcher.ensure_relay() == relay
    finally:
        launcher.end_relay()
    assert not (home / "run" / "run").exists()


@pytest.mark.parametrize("text", ["~nobody-is-called-this/run", "gone"])
def test_a_folder_that_cannot_be_meant_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    monkeypatch.setenv(launcher.RUNTIME_DIR_VARIABLE, text)
    with pytest.raises(RelayStartError, match="write the") as refused:
        launcher.ensure_relay()
    assert refused.value.code == "runtime-dir"


def test_the_relay_finds_the_package_where_the_notebook_has_it(runtime: Path, tmp_path: Path) -> None:
    notebooks = tmp_path / "note:books"
    notebooks.mkdir()
    for neighbour in ("aiohttp.py", "socket.py", "relay_widget.py"):
        (notebooks / neighbour).write_text("raise SystemExit('a neighbour of the notebook')")
    site = next(entry for entry in sys.path if entry.endswith("site-packages"))
    code = f"""
import sys, pathlib
sys.path += {[str(PACKAGE.parent), site]!r}
import relay_widget.monitor
sys.path.remove({str(PACKAGE.parent)!r})
sys.path[:0] = ["", pathlib.Path("a path"), "relative"]
from relay_widget.launcher import ensure_relay
print(ensure_relay().pid)
"""
    python = getattr(sys, "_base_executable", sys.executable)
    kernel = subprocess.run(
        [python, "-I", "-c", code], cwd=notebooks, capture_output=True, text=True, timeout=60, check=False
    )
    assert kernel.stderr == ""
    found = launcher.find_relay()
    assert found is not None
    assert found.pid == int(kernel.stdout)


def test_a_folder_that_is_deleted_under_a_live_relay_comes_back(own_runtime: Path) -> None:
    relay = launcher.ensure_relay()
    shutil.rmtree(own_runtime)
    wait_until(lambda: launcher.find_relay() is not None)
    assert launcher.ensure_relay() == relay
    launcher.runtime_file().write_text("{")
    wait_until(lambda: launcher.find_relay() == relay)


def test_kernels_meet_although_the_folder_is_deleted_again_and_again(own_runtime: Path) -> None:
    launcher.ensure_relay()
    kernels = []
    for _ in range(4):
        shutil.rmtree(own_runtime, ignore_errors=True)
        kernels.append(subprocess.Popen([sys.executable, "-c", KERNEL], stdout=subprocess.PIPE))
    assert all(kernel.wait(60) == 0 for kernel in kernels)
    for kernel in kernels:
        kernel.communicate()
    wait_until(lambda: _relays(own_runtime) == [_found()])


def test_of_two_relays_one_gives_way(own_runtime: Path) -> None:
    first = launcher.ensure_relay()
    os.kill(first.pid, signal.SIGSTOP)  # as a machine that was asleep
    launcher.runtime_file().unlink()
    try:
        second = launcher.ensure_relay()
    finally:
        os.kill(first.pid, signal.SIGCONT)
    wait_until(lambda: _relays(own_runtime) == [second.pid])
    assert launcher.find_relay() == second != first


def test_those_at_a_relay_that_gives_way_meet_the_others(own_runtime: Path) -> None:
    with Peer("lab", "Ada") as ada:
        call = Call("lab", "Host")
        assert [peer.id for peer in call.wait_for_peers(1)] == [ada.id]
        first = launcher.find_relay()
        assert first is not None
        os.kill(first.pid, signal.SIGSTOP)
        launcher.runtime_file().unlink()
        try:
            grace = Peer("lab", "Grace").connect().wait(60)
        finally:
            os.kill(first.pid, signal.SIGCONT)
        wait_until(lambda: [peer.name for peer in ada.peers] == ["Grace"])
        wait_until(lambda: sorted(peer.name for peer in call.peers) == ["Ada", "Grace"])
        wait_until(lambda: not _is_there(first.pid))
        call.close()
        grace.close().wait()


def test_a_relay_does_not_take_the_file_of_one_that_answers(own_runtime: Path) -> None:
    relay = launcher.ensure_relay()
    command = [sys.executable, "-m", "relay_widget", "serve", "--runtime-file", str(launcher.runtime_file())]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert second.stderr == (
        f"relay-widget: relay-runs: A relay is there already, at {relay.url}: use that one, or give this one another "
        "file.\n"
    )
    assert launcher.find_relay() == relay


def test_many_kernels_starting_at_once_share_one_relay(own_runtime: Path) -> None:
    kernels = [subprocess.Popen([sys.executable, "-c", KERNEL], stdout=subprocess.PIPE) for _ in range(20)]
    answers = {kernel.communicate(timeout=110)[0] for kernel in kernels}
    assert len(answers) == 1
    assert _relays(own_runtime) == [_found()] == [int(answers.pop().split()[0])]


def test_one_user_on_two_machines_has_a_relay_on_each(own_runtime: Path, other_machine: list[str]) -> None:
    here = launcher.ensure_relay()
    code = f"{KERNEL}; from relay_widget import launcher as l; print(l.other_machines()); print(l.sharing_advice())"
    answers = [
        subprocess.run([*other_machine, sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    there, machines, advice = answers[0].stdout.splitlines()
    assert answers[1].stdout == answers[0].stdout
    assert int(there.split()[0]) != here.pid
    assert machines == f"('{platform.node()}',)"
    assert "RELAY_WIDGET_URL" in advice
    assert answers[0].stderr.strip() == advice, "the one who starts it is told"
    assert answers[1].stderr == ""
    assert launcher.ensure_relay() == here
    assert launcher.other_machines() == (platform.node(),)
    os.kill(int(there.split()[0]), signal.SIGTERM)
    wait_until(lambda: launcher.other_machines() == ())
    os.kill(here.pid, signal.SIGTERM)
    wait_until(lambda: not list(own_runtime.glob("*.json")))


def test_machines_that_begin_at_once_have_a_relay_each(own_runtime: Path, other_machine: list[str]) -> None:
    kernels = [
        [subprocess.Popen([*where, sys.executable, "-c", KERNEL], stdout=subprocess.PIPE) for _ in range(4)]
        for where in ([], other_machine)
    ]
    pids = [{int(kernel.communicate(timeout=60)[0].split()[0]) for kernel in one} for one in kernels]
    assert [len(one) for one in pids] == [1, 1]
    try:
        assert pids[0] != pids[1]
        assert pids[0] == {_found()}
    finally:
        os.kill(pids[1].pop(), signal.SIGTERM)
        wait_until(lambda: launcher.other_machines() == ())


def test_a_record_of_a_machine_that_is_no_more_is_taken_over(own_runtime: Path) -> None:
    relay = launcher.ensure_relay()
    path = launcher.runtime_file()
    record = json.loads(path.read_text())
    os.kill(relay.pid, signal.SIGKILL)
    wait_until(lambda: launcher.find_relay() is None)
    path.write_text(json.dumps({**record, "boot": "another start", "machine": "desk"}))
    assert launcher.other_machines() == ("desk",)
    os.utime(path, (time.time() - 3600,) * 2)  # nobody has touched it for an hour
    assert launcher.other_machines() == ()
    again = launcher.ensure_relay()
    assert launcher.runtime_file() == path
    assert (again.url, again.secret) == (relay.url, relay.secret)


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="root makes a nameless user with setpriv (util-linux)"
)
def test_a_user_without_home_and_name_is_told_in_one_sentence() -> None:
    code = """
from relay_widget import Call, RelayStartError
call = Call()
try:
    call.wait_for_peers(timeout=30)
except RelayStartError as error:
    print(call.name, error.code, call.error["code"], error, call.error["message"], sep="\\n")
"""
    # It may read this checkout all the same, wherever that is.
    nobody = "setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps +dac_read_search --ambient-caps"
    ended = subprocess.run(
        [*nobody.split(), "+dac_read_search", sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"]},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    name, error_code, shown_code, sentence, message = ended.stdout.splitlines()
    assert (name, error_code, shown_code) == ("Guest", "runtime-dir", "runtime-dir")
    assert sentence == message
    assert "set HOME, or RELAY_WIDGET_RUNTIME_DIR" in sentence


def test_a_relay_that_does_not_end_is_made_to_and_leaves_no_file(
    own_runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = launcher.ensure_relay()
    monkeypatch.setattr(psutil.Process, "terminate", lambda _process: None)
    monkeypatch.setattr(launcher, "END_TIMEOUT_S", 0.1)
    launcher.end_relay()
    wait_until(lambda: not _is_there(relay.pid))
    assert not launcher.runtime_file().exists(), "as on Windows, where no process is asked to end"


def test_the_process_of_another_container_is_left_alone(own_runtime: Path) -> None:
    relay = launcher.ensure_relay()
    path = launcher.runtime_file()
    text = path.read_text()
    path.write_text(json.dumps({**json.loads(text), "pid": os.getpid(), "pid_space": "pid:[1]"}))
    assert launcher.ensure_relay().url == relay.url, "it is met all the same"
    with pytest.raises(RelayStartError, match="another container"):
        launcher.end_relay()
    path.write_text(text)


def test_windows_has_its_own_way_to_detach_a_process() -> None:
    assert launcher._detached("win32") == {"creationflags": 0x08000200}
    assert launcher._detached("linux") == launcher._detached("darwin") == {"start_new_session": True}


def _relays(folder: Path) -> list[int | None]:
    """The pids of all relays that were started for this folder and are still there."""
    launcher._reap()
    path = str(folder / launcher.runtime_file().name)
    return [process.pid for process in psutil.process_iter() if path in _command(process)]


def _command(process: psutil.Process) -> list[str]:
    try:
        command: list[str] = process.cmdline()
    except psutil.Error:  # it has just ended
        return []
    return command


def _found() -> int | None:
    found = launcher.find_relay()
    return None if found is None else found.pid


@pytest.fixture
def other_machine() -> Iterator[list[str]]:
    """What runs a command on another machine: one with its own loopback, and the same files."""
    if shutil.which("ip") is None:
        pytest.skip("the command ip (iproute2) is not here")
    name = f"rw{secrets.token_hex(4)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"this container may make no network namespaces ({made.stderr.strip()})")
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield ["ip", "netns", "exec", name]
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
