"""The three commands, as processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from relay_widget.cli import main
from relay_widget.errors import RecordingError
from relay_widget.recording.file import open_recording

from .media import browser_objects, browser_track
from .records import START_MS, opening, write
from .room import TIMEOUT_S, participant, send, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relay_widget.client import RelayClient
    from relay_widget.recording.format import ObjectReceived
    from tests.relay_process import RelayProcess


@contextlib.contextmanager
def start(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "relay_widget", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()  # a test that has failed meanwhile must not wait for its end


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, out, err


def recorded(path: Path, peer: str) -> int:
    """How many pictures of this peer are in the file; none as long as there is no file or nothing of the peer in it."""
    try:
        return len(open_recording(path).peers[peer].tracks["video"].offsets)
    except (RecordingError, KeyError):
        return 0


async def record(relay: RelayProcess, ada: RelayClient, path: Path, ends: list[signal.Signals]) -> list[ObjectReceived]:
    """What Ada sends, in a recording that these signals end, and that is whole then."""
    with start("record", "lab", path, "--url", relay.url) as recording:
        await until(lambda: any(one.does == "records" for one in ada.listeners.values()))
        sent = await send(ada)
        await until(lambda: recorded(path, ada.id) == len(sent))
        for number in ends:
            recording.send_signal(number)
        code, out, err = finish(recording)
    assert (code, err) == (0, "")
    assert f"{len(sent)} objects" in out
    assert open_recording(path).complete
    return sent


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
async def test_whatever_ends_a_recording_its_file_is_finished(
    relay: RelayProcess, tmp_path: Path, number: signal.Signals
) -> None:
    async with participant(relay.url) as ada:
        await record(relay, ada, tmp_path / "talk.relay", [number] * 3)  # who ends it is in a hurry


@pytest.mark.process
def test_what_is_ended_before_it_has_begun_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections and says nothing
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with start("record", "lab", tmp_path / "talk.relay", "--url", url) as recording:
            connection, _ = silent.accept()
            recording.send_signal(signal.SIGTERM)
            code, out, err = finish(recording)
            connection.close()
    assert (code, out, err) == (130, "", "relay-widget: interrupted.\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.process
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp932", "utf-8"])
def test_any_console_shows_names_as_well_as_it_can(tmp_path: Path, encoding: str) -> None:
    name = "Zoë 王 🎥"
    folder = tmp_path / "čaj"
    folder.mkdir()
    track = browser_track("vp8-canvas")
    path = write(folder / "talk.relay", [*opening(track, name=name), *browser_objects("vp8-canvas")])
    ended = subprocess.run(
        [sys.executable, "-m", "relay_widget", "export", str(path), str(folder / "talk.webm")],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    said = ended.stdout.decode(encoding).encode("ascii", "backslashreplace").decode()
    assert name.encode("ascii", "backslashreplace").decode() in said


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere files may be called anything")
def test_a_system_that_takes_ascii_names_only_has_its_files_too(tmp_path: Path) -> None:
    opened = opening(browser_track("vp8-canvas"), name="Zoë 王")
    path = write(tmp_path / "talk.relay", [*opened, *browser_objects("vp8-canvas")])
    ended = subprocess.run(
        [sys.executable, "-m", "relay_widget", "export", str(path), str(tmp_path / "talk.webm")],
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert (tmp_path / "talk-Zo.webm").exists()
    assert b"Zo\\xeb \\u738b" in ended.stdout


@pytest.mark.process
def test_a_sentence_about_a_name_is_shown_on_any_console(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "relay_widget", "export", str(tmp_path / "王.relay"), str(tmp_path / "王.webm")],
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"relay-widget: cannot-read: ")
    assert b"\\u738b.relay" in ended.stderr


@pytest.mark.process
def test_a_reader_that_has_had_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "relay_widget", "sanitize-file"], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")


async def test_record_export_and_replay(relay: RelayProcess, tmp_path: Path) -> None:
    path = tmp_path / "talk.relay"
    async with participant(relay.url) as ada:
        sent = await record(relay, ada, path, [signal.SIGINT])

        with start("export", path, tmp_path / "talk.webm") as exporting:
            code, out, err = finish(exporting)
        assert (code, err) == (0, "")
        assert str(tmp_path / "talk-Ada.webm") in out

        with start("replay", path, "--url", relay.url, "--room", "lab", "--speed", "10") as replaying:
            await until(lambda: any(peer.name == "Ada" for peer in ada.peers.values()))
            code, out, err = await asyncio.to_thread(finish, replaying)
        assert (code, err) == (0, "")
        assert f"{len(sent)} objects sent, 0 left out" in out


@pytest.mark.process
def test_what_goes_wrong_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.relay").write_text("hello")
    for arguments, word in (
        (["export", tmp_path / "text.relay", tmp_path / "out.webm"], "not-a-recording"),
        (["export", tmp_path / "none.relay", tmp_path / "out.webm"], "cannot-read"),
        (["replay", tmp_path / "none.relay"], "cannot-read"),
        (["record", "lab", tmp_path / "text.relay"], "file-exists"),
    ):
        with start(*arguments) as process:
            code, out, err = finish(process)
        assert (code, out) == (1, "")
        assert err.startswith(f"relay-widget: {word}: ")
        assert len(err.splitlines()) == 1


def test_an_interrupted_export_says_that_there_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "talk.relay", [*opening(browser_track("vp8-canvas")), *browser_objects("vp8-canvas")])

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("relay_widget.recording.export._copy", interrupt)
    with pytest.raises(SystemExit) as ended:
        main(["export", str(path), str(tmp_path / "talk.webm")])
    assert ended.value.code == 130
    assert capsys.readouterr().err.startswith("relay-widget: interrupted: ")
    assert [one.name for one in tmp_path.iterdir()] == ["talk.relay"]


def test_an_interrupted_replay_ends_cleanly(relay: RelayProcess, tmp_path: Path) -> None:
    path = write(tmp_path / "talk.relay", [*opening(browser_track("vp8-canvas")), *browser_objects("vp8-canvas")])
    assert open_recording(path).started_ms == START_MS
    with start("replay", path, "--url", relay.url, "--speed", "0.01") as process:
        assert process.stdout is not None
        assert "Ctrl-C" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        code, _, err = finish(process)
    assert (code, err) == (0, "")
