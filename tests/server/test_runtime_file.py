from __future__ import annotations

import errno
import json
import os
import stat
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from relay_widget.errors import RelayStartError
from relay_widget.server import runtime_file
from relay_widget.server.runtime_file import Keeper, Previous, RuntimeRecord

RECORD = RuntimeRecord(
    pid=os.getpid(),
    host="127.0.0.1",
    port=4321,
    url="http://127.0.0.1:4321",
    secret="s" * 43,
    instance="mine",
    protocol=1,
    version="0.1.0",
    started_at="2026-01-01T00:00:00+00:00",
)


def test_it_is_private_and_says_it_all(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "relay.json"
    runtime_file.write(path, RECORD)
    runtime_file.write(path, RECORD)
    assert json.loads(path.read_text()) == asdict(RECORD)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert runtime_file.read_previous(path) == Previous(4321, "s" * 43)


def test_the_secret_is_not_shown() -> None:
    assert RECORD.secret not in repr(RECORD)
    assert RECORD.secret not in repr(Previous(1, RECORD.secret))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        '{"port":"1","secret":"x"}',
        '{"port":70000,"secret":"' + "s" * 43 + '"}',
        '{"port":1,"secret":"short"}',
    ],
)
def test_half_a_file_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "relay.json"
    path.touch(0o600)
    path.write_text(text)
    assert runtime_file.read_previous(path) is None


WHOLE = json.dumps(asdict(RECORD))


def damaged(**fields: object) -> str:
    return json.dumps({**asdict(RECORD), **fields})


DAMAGED = [
    b"",
    WHOLE[:50].encode(),
    WHOLE.encode() * 2,
    WHOLE.encode("utf-16")[:-7],
    b"\0" * 200,
    b"\xff\xfe{}",
    b"[" * 100_000,
    b'{"a":' * 3000,
    b" " * 10**6 + WHOLE.encode(),
    *(
        damaged(**{name: value}).encode()
        for name, values in {
            "url": (
                None,
                7,
                "",
                "http://[",
                "http://127.0.0.1",
                "ftp://127.0.0.1:1",
                "http://127.0.0.1:99999",
                "é:1",
            ),
            "pid": (None, "7", 0, -1, 2**40, 1.5, True, [7]),
            "port": (None, "7", 0, 70_000),
            "secret": (None, 7, "a\nb", "x" * 5000),
            "instance": (None, 7, {"a": 1}),
            "boot": (7,),
            "pid_space": ([],),
            "machine": ("a\nb",),
        }.items()
        for value in values
    ),
]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_damage_of_any_kind_is_no_record(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "relay.json"
    path.touch(0o600)
    path.write_bytes(content)
    assert runtime_file.read(path) is None
    Keeper(path, RECORD).begin()
    assert runtime_file.read(path) == asdict(RECORD)


def test_a_record_of_a_later_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "relay.json"
    path.touch(0o600)
    path.write_text(damaged(colours=["red"], protocol="2 or 3"))
    assert runtime_file.read(path) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o660, 0o606, 0o666, 0o777, 0o700 | 0o001])
def test_a_file_that_is_open_to_others_is_not_believed(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "relay.json"
    runtime_file.write(path, RECORD)
    path.chmod(mode)
    assert runtime_file.read(path) is None
    assert runtime_file.read_previous(path) is None
    Keeper(path, replace(RECORD, instance="next")).begin()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "relay.json"
    runtime_file.write(path, RECORD)
    os.chown(path, 12345, 12345)
    assert runtime_file.read(path) is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither")
def test_what_is_no_file_is_not_believed_and_nobody_waits_for_it(tmp_path: Path) -> None:
    target, link, pipe = tmp_path / "target.json", tmp_path / "link.json", tmp_path / "pipe.json"
    runtime_file.write(target, RECORD)
    link.symlink_to(target)
    os.mkfifo(pipe, 0o600)
    for path in (link, pipe):
        assert runtime_file.read(path) is None
        Keeper(path, replace(RECORD, instance="next")).begin()
    assert runtime_file.read(target) == asdict(RECORD), "what a link leads to is left alone"
    folder = tmp_path / "folder.json"
    folder.mkdir()
    with pytest.raises(RelayStartError, match=r"cannot write .*folder\.json"):
        Keeper(folder, RECORD).begin()


def test_no_file_is_none(tmp_path: Path) -> None:
    assert runtime_file.read_previous(tmp_path / "relay.json") is None


def test_only_its_own_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "relay.json"
    runtime_file.remove_own(path, "mine")
    runtime_file.write(path, RECORD)
    runtime_file.remove_own(path, "another")
    assert path.exists()
    runtime_file.remove_own(path, "mine")
    assert not path.exists()


def test_a_relay_that_ends_while_it_is_used_leaves_port_and_secret_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "relay.json"
    keeper = Keeper(path, RECORD)
    keeper.begin()
    keeper.end(in_use=True)
    assert runtime_file.read(path) is None, "nobody takes it for a relay that runs"
    [left] = tmp_path.iterdir()
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    assert runtime_file.read_previous(path) == Previous(RECORD.port, RECORD.secret)
    Keeper(path, replace(RECORD, instance="next")).begin()
    assert list(tmp_path.iterdir()) == [path]


def test_a_relay_that_another_has_taken_over_from_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "relay.json"
    keeper = Keeper(path, RECORD)
    keeper.begin()
    runtime_file.write(path, replace(RECORD, instance="another"))
    keeper.end(in_use=True)
    assert list(tmp_path.iterdir()) == [path]


def test_a_relay_that_nobody_uses_leaves_nothing(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "relay.json", RECORD)
    keeper.begin()
    keeper.end()
    assert list(tmp_path.iterdir()) == []


def test_what_machines_leave_behind_is_removed_after_a_week(tmp_path: Path) -> None:
    path = tmp_path / "relay.json"
    old, new = time.time() - 8 * 24 * 3600, time.time()
    for name in ("relay.0a.json", "relay.0a.log", "relay.log", "relay.lock", "kernel-1.json", "relay-2.0a.json"):
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_text("{}")
        os.utime(tmp_path / name, (old, old))
    (tmp_path / "relay.0b.json").touch(0o600)
    (tmp_path / "relay.0b.json").write_text("{}")
    os.utime(tmp_path / "relay.0b.json", (new, new))
    Keeper(path, RECORD).begin()
    assert {file.name for file in tmp_path.iterdir()} == {
        *("relay.json", "relay.0b.json", "relay.log", "relay.lock", "kernel-1.json", "relay-2.0a.json")
    }


def test_a_reader_of_windows_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [PermissionError(13, "The process cannot access the file")] * 3

    def busy() -> str:
        if refusals:
            raise refusals.pop()
        return "done"

    with pytest.raises(PermissionError):
        runtime_file._despite_others(busy)
    monkeypatch.setattr("sys.platform", "win32")
    assert runtime_file._despite_others(busy) == "done"


def test_machines_without_linux_have_an_identity() -> None:
    assert len(runtime_file.this_machine()) == 12
    assert runtime_file._other_facts("plan9") == []  # then it is the name of the machine
    assert runtime_file._other_facts("win32") == [] or os.name == "nt"


def test_a_full_disk_says_so() -> None:
    path = Path("/dev/full")
    error = runtime_file._start_error(path, OSError(errno.ENOSPC, "No space left on device"))
    assert error.code == "disk-full"


def test_a_folder_that_cannot_be_one_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RelayStartError) as caught:
        runtime_file.write(tmp_path / "file" / "relay.json", RECORD)
    assert caught.value.code == "runtime-dir"
