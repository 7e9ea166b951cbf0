"""What the doctor's Python half finds, with real relays, and without a page."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import KernelManager

from relay_widget import Call, InvalidValueError, Peer, RelayRequestError, doctor, launcher
from relay_widget.checkup.probes import look
from relay_widget.checkup.rows import rows_of
from relay_widget.relays import TOKEN_VARIABLE, URL_VARIABLE, named_relay
from relay_widget.tokens import mint

from .http_proxy import http_proxy
from .proxy_without_upgrade import proxy_without_upgrade
from .relay_process import RelayProcess

if TYPE_CHECKING:
    from pathlib import Path

    from relay_widget.checkup.rows import Row


def token(relay: RelayProcess) -> str:
    return str(relay.auth()["token"])


def found(url: str | None, given: str | None = None) -> dict[str, Row]:
    return {row.check: row for row in rows_of(look(named_relay(url, given))[0])}


def bad(rows: dict[str, Row]) -> dict[str, str]:
    return {check: row.code for check, row in rows.items() if row.state == "bad"}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "relay_widget", "doctor", *arguments],
        env={**os.environ, "COLUMNS": "100", **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_all_is_well(runtime: Path) -> None:
    rows = found(None)
    assert {row.state for row in rows.values()} == {"good"}
    relay = launcher.find_relay()
    assert relay is not None
    assert relay.url in rows["relay"].message
    assert "relay-widget 0." in rows["versions"].message
    assert "give or take" in rows["kernel clock"].message


def test_wrong_token(relay: RelayProcess) -> None:
    rows = found(relay.url, mint("x" * 43, role="peer", lifetime_s=60))
    assert bad(rows) == {"token": "bad-token"}
    assert rows["relay"].state == rows["protocol"].state == "good"
    assert rows["kernel clock"].state == "unknown"


def test_expired_token(relay: RelayProcess) -> None:
    old = mint(relay.secret, role="peer", lifetime_s=1, now_s=1_000_000_000)
    assert bad(found(relay.url, old)) == {"token": "expired-token"}


@pytest.mark.process
def test_a_relay_of_another_protocol_version() -> None:
    with RelayProcess(module="tests.relay_of_version_2") as newer:
        rows = found(newer.url, token(newer))
    assert bad(rows) == {"protocol": "unsupported-protocol"}
    assert "protocol 2" in rows["protocol"].message
    assert "same version" in rows["protocol"].advice


def test_a_proxy_that_lets_no_websocket_through(relay: RelayProcess) -> None:
    with proxy_without_upgrade(relay.url) as url:
        rows = found(url, token(relay))
    assert bad(rows) == {"kernel websocket": "websocket-blocked"}
    assert rows["token"].state == rows["kernel clock"].state == "good"


def test_a_proxy_that_passes_on_nothing_but_health(relay: RelayProcess) -> None:
    with proxy_without_upgrade(relay.url, without_path="/socket.io/") as url:
        rows = found(url, token(relay))
        ended = run("--url", url, "--token", token(relay))
    assert bad(rows) == {"relay": "socketio-blocked"}
    assert "/socket.io/" in rows["relay"].message
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[-1] == "3 not checked, 1 in the way."


def test_a_proxy_that_passes_on_all_but_health(relay: RelayProcess) -> None:
    with http_proxy(relay.url, without_path="/healthz") as url:
        rows = found(url, token(relay))
        ended = run("--url", url, "--token", token(relay))
    assert bad(rows) == {}
    assert rows["relay"].code == "no-health"
    assert {row.state for check, row in rows.items() if check != "relay"} == {"good"}
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1] == "1 warning."


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "0.0.0.0"])  # noqa: S104 - to ask
def test_this_machine_is_never_reached_through_a_proxy(
    open_relay: RelayProcess, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    url = f"http://{host}:{open_relay.url.rpartition(':')[2]}"
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # where nobody is
    rows = found(url)
    assert "proxy" not in rows["relay"].message
    assert bad(rows).get("relay") in (None, "forbidden"), "the relay itself has spoken"


def test_doctor_and_call_take_the_same_proxy(relay: RelayProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "http://relay.example"  # only the proxy knows where that is
    with http_proxy(relay.url) as proxy:
        monkeypatch.setenv("http_proxy", proxy.replace("http://", "http://me:secret@"))
        monkeypatch.setenv("HTTP_PROXY", proxy)
        rows = found(url, token(relay))
        assert {row.state for row in rows.values()} == {"good"}
        assert f"through the proxy {proxy}" in rows["relay"].message
        with Peer("lab", "Ada", url=url, token=token(relay)) as ada:
            call = Call("lab", "Host", url=url, token=token(relay))
            assert [peer.id for peer in call.wait_for_peers(1)] == [ada.id]
            call.close()
    for variable in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(variable, "http://me:secret@127.0.0.1:9")
    rows = found(url, token(relay))
    assert bad(rows) == {"relay": "relay-unreachable"}
    assert "through the proxy http://127.0.0.1:9" in rows["relay"].message
    assert "NO_PROXY" in rows["relay"].advice
    with pytest.raises(RelayRequestError, match=r"through the proxy http://127\.0\.0\.1:9") as refused:
        Peer("lab", "Ada", url=url, token=token(relay)).connect().wait()
    assert "secret" not in f"{rows} {refused.value}"


def test_nothing_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        rows = found(f"http://127.0.0.1:{probe.getsockname()[1]}", "a token")
    assert bad(rows) == {"relay": "relay-unreachable"}
    assert {row.state for check, row in rows.items() if check in ("protocol", "token", "kernel websocket")} == {
        "unknown"
    }


def test_something_else_is_there(relay: RelayProcess) -> None:
    rows = found(f"{relay.url}/somewhere/else", "a token")
    assert bad(rows) == {"relay": "not-a-relay"}


def test_a_host_that_the_relay_does_not_serve(relay: RelayProcess) -> None:
    port = relay.url.rpartition(":")[2].rstrip("/")
    # Any name for this machine but those of loopback; 0.0.0.0 is one that needs no entry anywhere.
    rows = found(f"http://0.0.0.0:{port}", "a token")
    assert bad(rows)["relay"] == "forbidden"
    assert "--allow-host" in rows["relay"].message


def test_the_relay_cannot_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(launcher.RUNTIME_DIR_VARIABLE, str(tmp_path / "file" / "folder"))
    rows = found(None)
    assert bad(rows) == {"relay": "runtime-dir"}
    assert rows["token"].state == "unknown"


def test_without_a_page_it_says_so_and_does_not_wait(runtime: Path) -> None:
    result = doctor()
    try:
        [page] = [row for row in result.wait() if row.check == "page"]
        assert (page.state, page.code) == ("unknown", "no-page")
        assert "not looked at" in page.message
        assert asyncio.run(_awaited(result)) == result.rows
        assert "[no-page]" in str(result)
        assert repr(result) == "Doctor('Nothing is in the way.')"
    finally:
        result.close()


async def _awaited(result: object) -> object:
    return await result  # type: ignore[misc]


def test_what_has_waited_for_a_cell_does_not_undo_what_came_beside_it(runtime: Path) -> None:
    result = doctor()
    told: list[dict[str, Any]] = []
    result.send = lambda content, _buffers=None: told.append(content)

    def page_says(number: int, page: str = "a", **words: object) -> None:
        result._handle_custom_msg({"page": page, "number": number, **words}, [])

    def row(check: str) -> dict[str, str]:
        return {"check": check, "state": "good", "code": "ok", "message": "Fine.", "advice": ""}

    def of_page() -> list[str]:
        own = len(result._own_rows)
        return [found.check for found in result.rows[own:]]

    try:
        page_says(3, kind="rows", rows=[row("camera"), row("clock")], done=True)
        page_says(1, kind="hello", origin=None)
        page_says(2, kind="rows", rows=[row("camera")], done=False)
        page_says(3, kind="rows", rows=[], done=True)
        assert of_page() == ["camera", "clock"]
        assert [word["number"] for word in told if word["kind"] == "heard"] == [3, 1, 2, 3]
        assert [word["kind"] for word in told if word["kind"] != "heard"] == ["ask"], "the hello has its answer"
        page_says(1, page="b", kind="rows", rows=[row("microphone")], done=True)
        assert of_page() == ["microphone"], "a page that was loaded anew counts from the beginning"
    finally:
        result.close()


def test_a_kernel_without_a_page_says_so(runtime: Path) -> None:
    code = """
from relay_widget import doctor
from relay_widget.checkup import widget
widget._HELLO_S = 1.0
result = doctor()
display(result)
print([row.code for row in await result if row.check == 'page'])
"""
    manager = KernelManager()
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        printed: list[str] = []

        def on_output(message: dict[str, Any]) -> None:
            printed.append(message["content"].get("text", ""))

        reply = client.execute_interactive(code, timeout=60, output_hook=on_output)
        assert reply["content"]["status"] == "ok", reply["content"]
        assert "".join(printed).strip() == "['no-page']"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_no_token_is_in_what_is_saved_shown_or_sent_as_text(relay: RelayProcess) -> None:
    given = token(relay)
    result = doctor(relay.url, given)
    try:
        shown = repr(result) + str(result) + repr(result.get_state()) + repr(result.rows)
        assert given not in shown
        assert relay.secret not in shown
    finally:
        result.close()


def test_an_address_that_is_none() -> None:
    with pytest.raises(InvalidValueError, match="http://localhost:8765"):
        doctor("relay.example")


def test_the_command_prints_a_table_and_ends_with_0_when_all_is_well(relay: RelayProcess) -> None:
    for ended in (
        run("--url", relay.url, "--token", token(relay)),
        run("--url", relay.url, **{TOKEN_VARIABLE: token(relay)}),
        run(**{URL_VARIABLE: relay.url, TOKEN_VARIABLE: token(relay)}),
    ):
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.splitlines()[-1] == "Nothing is in the way."
        assert "ok  relay " in ended.stdout
        assert token(relay) not in ended.stdout


def test_the_command_ends_with_1_when_something_is_in_the_way(relay: RelayProcess) -> None:
    ended = run("--url", relay.url, "--token", "nonsense")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "BAD token " in ended.stdout
    assert "[bad-token]" in ended.stdout
    assert "-> " in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 100
