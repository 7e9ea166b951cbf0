"""The command line, as the process that people and the launcher start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from relay_widget.cli import SECRET_VARIABLE, main
from relay_widget.grants import Grant
from relay_widget.tokens import verify

if TYPE_CHECKING:
    from pathlib import Path

    from .relay_process import RelayProcess

pytestmark = pytest.mark.process

SECRET = "s" * 43
TIMEOUT_S = 30


def run(*arguments: str, secret: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({} if secret is None else {SECRET_VARIABLE: secret})}
    return subprocess.run(
        [sys.executable, "-m", "relay_widget", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def last_line(result: subprocess.CompletedProcess[str]) -> list[str]:
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()[-1].split(": ", 2)


def serve(*arguments: str, secret: str | None = None, lines: int) -> list[str]:
    """Start one that is meant for people, take what it prints, end it."""
    environment = {**os.environ, **({} if secret is None else {SECRET_VARIABLE: secret})}
    with subprocess.Popen(
        [sys.executable, "-m", "relay_widget", "serve", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        printed = [process.stdout.readline().strip() for _ in range(lines)]
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""
    return printed


def test_it_says_where_it_is_and_shows_a_token_when_asked() -> None:
    address, label, token = serve("--port", "0", "--print-token", secret=SECRET, lines=3)
    assert address.startswith("relay-widget listens on http://127.0.0.1:")
    assert "12 hours" in label
    assert verify(SECRET, token).role == "peer"


def test_nobody_at_the_screen_is_shown_no_token() -> None:
    [_, hint] = serve("--port", "0", lines=2)
    assert "--print-token" in hint
    assert len(serve("--port", "0", secret=SECRET, lines=1)) == 1


def test_the_first_of_several_keys_signs() -> None:
    keys = f"new:{'n' * 43},{SECRET}"
    [*_, token] = serve("--port", "0", "--print-token", secret=keys, lines=3)
    assert verify(f"new:{'n' * 43}", token).role == "peer"


def test_without_tokens_it_says_so() -> None:
    [_, warning] = serve("--port", "0", "--no-auth", lines=2)
    assert "no token" in warning


def test_a_busy_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        result = run("serve", "--port", str(busy.getsockname()[1]))
    name, code, sentence = last_line(result)
    assert (name, code) == ("relay-widget", "port-in-use")
    assert "--port" in sentence
    assert len(result.stderr.splitlines()) == 1


def test_a_host_that_is_not_here() -> None:
    assert last_line(run("serve", "--host", "192.0.2.1", "--port", "0"))[1] == "relay-start"
    assert last_line(run("serve", "--host", "no.such.host.invalid", "--port", "0"))[1] == "relay-start"


def test_a_secret_too_short() -> None:
    result = run("serve", "--port", "0", secret="short-one")  # noqa: S106 - not a real one
    assert last_line(result)[1] == "relay-start"
    assert "short-one" not in result.stderr


def test_a_runtime_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert last_line(run("serve", "--runtime-file", str(tmp_path / "file" / "relay.json")))[1] == "runtime-dir"


def test_a_full_disk(tmp_path: Path) -> None:
    # A file system of its own, too small for the file.
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("cannot mount a small file system here")
    try:
        (folder / "filler").write_bytes(bytes(4096))
        assert last_line(run("serve", "--runtime-file", str(folder / "relay.json")))[1] == "disk-full"
        assert [path.name for path in folder.iterdir()] == ["filler"]
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["serve", "--port", "65536"],
        ["serve", "--port", "x"],
        ["serve", "--idle-timeout", "0"],
        ["serve", "--idle-timeout", "nan"],
        ["serve", "--log-level", "loud"],
        ["nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: relay-widget" in capsys.readouterr().err


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for argument in ("--help", "--version"):
        with pytest.raises(SystemExit) as caught:
            main([argument])
        assert caught.value.code == 0
    assert capsys.readouterr().out


def token(*arguments: str, secret: str | None = SECRET) -> Grant:
    printed = run("token", *arguments, secret=secret)
    assert (printed.returncode, printed.stderr) == (0, "")
    return verify(secret or SECRET, printed.stdout.strip())


def test_a_token_says_what_was_asked_for() -> None:
    grant = token("--room", "lab", "--name", "Ada", "--no-publish", "--expires", "90s")
    assert 0 < grant.expires_s - time.time() <= 90
    assert replace(grant, expires_s=0) == Grant(room="lab", name="Ada", publish=False, expires_s=0)
    grant = token("--room", "lab-*", "--no-subscribe", "--administer", "--expires", "7d")
    assert 6 * 86400 < grant.expires_s - time.time() <= 7 * 86400
    assert (grant.subscribe, grant.room, grant.administers) == (False, "lab-*", ("lab-*",))
    assert token("--administer").administers == ("*",)
    assert 3500 < token().expires_s - time.time() <= 3600


def test_a_token_for_the_relay_that_runs_here(relay: RelayProcess) -> None:
    printed = run("token", "--runtime-file", str(relay.runtime_file), secret="")
    assert verify(relay.secret, printed.stdout.strip()).role == "peer"


def test_no_secret_no_token(tmp_path: Path) -> None:
    [name, code, message] = last_line(run("token", "--runtime-file", str(tmp_path / "none.json"), secret=""))
    assert (name, code) == ("relay-widget", "relay-start")
    assert SECRET_VARIABLE in message


@pytest.mark.parametrize(
    "bad", ["--expires 0s", "--expires 1", "--expires -1h", "--expires 1w", "--room=", "--name=", "--secret x"]
)
def test_tokens_that_cannot_be_made(bad: str) -> None:
    result = run("token", *bad.split(), secret=SECRET)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
