"""Calls and participants at a relay that is not the user's own, of which they know an address and a token."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import socketio

from relay_widget import Call, InvalidValueError, LatencyLab, Peer, Recorder, RelayRequestError, launcher
from relay_widget.client import RelayClient
from relay_widget.relays import named_relay, proxy_for, socketio_path
from relay_widget.tokens import mint

from .relay_process import RelayProcess
from .server.test_deploy import NEEDS_NGINX, nginx
from .server.test_tls import make_certificate
from .test_widget import heard
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


@pytest.fixture(autouse=True)
def _no_relay_of_ones_own(own_runtime: Path) -> Iterator[None]:
    yield
    assert not launcher.runtime_file().exists(), "a relay of the user's own was started"


def token(relay: RelayProcess, room: str | None = "lab", **rights: Any) -> str:
    return mint(relay.secret, role="peer", lifetime_s=rights.pop("lifetime_s", 600), room=room, **rights)


@contextmanager
def page(ticket: dict[str, Any], name: str, room: str = "lab") -> Iterator[socketio.SimpleClient]:
    """Stands in for a call's page, which comes with this ticket."""
    client = socketio.SimpleClient()
    auth = {"token": ticket["token"], "protocol": 1}
    client.connect(ticket["url"], auth=auth, transports=["websocket"], socketio_path=socketio_path(ticket["url"]))
    try:
        ack = client.call("join", {"room": room, "name": name, "call": ticket["call"]})
        assert ack["ok"], ack
        yield client
    finally:
        client.disconnect()


@contextmanager
def called(*arguments: Any, **settings: Any) -> Iterator[Call]:
    call = Call(*arguments, **settings)
    try:
        yield call
    finally:
        call.close()


def test_a_call_lives_on_a_token_alone(relay: RelayProcess) -> None:
    """Who is there, its own page, and the figures: as at the user's own relay."""
    with (
        called("lab", "Ada", url=f"{relay.url}/", token=token(relay)) as call,
        Peer("lab", "Grace", url=relay.url, token=token(relay)),
    ):
        ticket = heard(call, "ticket")
        assert (ticket["url"], ticket["explicit"]) == (relay.url, True)
        assert [peer.name for peer in call.wait_for_peers(1, timeout=20)] == ["Grace"]
        assert call.state == "idle"
        with page(ticket, "Ada") as ada:
            wait_until(lambda: call.state == "joined")
            [grace] = call.peers
            ada.emit(
                "report",
                {
                    "peers": {grace.id: {"queue_depth": 3, "latency_ms": 90, "total_p50_ms": 90, "total_p95_ms": 99}},
                    "sent": {},
                },
            )
            wait_until(lambda: call.queue_depth == 3)
            assert call.latency == {grace.id: {"total": {"p50": 90, "p95": 99}}}
            assert [peer.name for peer in call.peers] == ["Grace"]
        assert len(call.latency_frame()) > 0


def test_two_calls_of_one_token_are_two_people(relay: RelayProcess) -> None:
    with (
        called("lab", "Ada", url=relay.url, token=token(relay)) as ada,
        called("lab", "Bob", url=relay.url, token=token(relay)) as bob,
        page(heard(ada, "ticket"), "Ada"),
        page(heard(bob, "ticket"), "Bob"),
    ):
        wait_until(lambda: ada.state == bob.state == "joined")
        assert [peer.name for peer in ada.wait_for_peers(1, timeout=20)] == ["Bob"]
        assert [peer.name for peer in bob.wait_for_peers(1, timeout=20)] == ["Ada"]


def test_the_token_is_in_nothing_that_is_saved_or_shown(relay: RelayProcess) -> None:
    secret = token(relay)
    with called("lab", "Ada", url=relay.url, token=secret) as call:
        shown = (call.get_state(), call.trait_values(), call, call._repr_mimebundle_(), named_relay(relay.url, secret))
        assert secret not in repr(shown)


def test_the_environment_names_a_relay(relay: RelayProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_WIDGET_URL", relay.url)
    monkeypatch.setenv("RELAY_WIDGET_TOKEN", token(relay))
    with called("lab", "Ada") as call, Peer("lab", "Grace"):
        call.wait_for_peers(1, timeout=20)
        with Peer("lab", "Heidi", url=relay.url):
            call.wait_for_peers(2, timeout=20)


def test_frames_and_recordings_come_from_there(relay: RelayProcess, tmp_path: Path) -> None:
    where: dict[str, Any] = {"url": relay.url, "token": token(relay)}
    with called("lab", "Ada", **where) as call, Peer("lab", "Grace", **where) as grace:
        grace.publish_pattern(width=160, height=120, fps=10)
        call.wait_for_peers(1, timeout=20)
        assert call.snapshot("Grace", timeout=20).size == (160, 120)
        with call.record(tmp_path / "talk.relay") as recorder:
            wait_until(lambda: recorder.objects > 5)
        wait_until(lambda: [peer.name for peer in call.peers] == ["Grace"])
    with Recorder("lab", tmp_path / "more.relay", **where):
        pass


def test_who_administers_does_so_there(relay: RelayProcess) -> None:
    with Peer("lab", "Grace", url=relay.url, token=token(relay)):
        with called("lab", "Ada", url=relay.url, token=token(relay)) as call:
            call.wait_for_peers(1, timeout=20)
            with pytest.raises(RelayRequestError) as refused:
                call.lock()
            assert refused.value.code == "forbidden"
        with called("lab", "Ada", url=relay.url, token=token(relay, administers=("lab",))) as call:
            call.wait_for_peers(1, timeout=20)
            call.lock()
            call.unlock()


def test_only_its_owner_makes_tokens(relay: RelayProcess) -> None:
    with called("lab", "Ada", url=relay.url, token=token(relay)) as call, pytest.raises(RelayRequestError) as refused:
        call.invite()
    assert refused.value.code == "forbidden"
    assert relay.url in refused.value.message


def test_a_lab_measures_there(relay: RelayProcess) -> None:
    lab = LatencyLab("lab", "Ada", url=relay.url, token=token(relay, administers=("lab",)))
    try:
        assert heard(lab, "ticket")["url"] == relay.url
    finally:
        lab.close()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (None, "bad-token"),
        ("nonsense", "bad-token"),
        ({"lifetime_s": -10}, "expired-token"),
        ({"room": "other"}, "forbidden"),
    ],
    ids=str,
)
def test_a_token_that_does_not_do_is_named(relay: RelayProcess, given: Any, code: str) -> None:
    made = token(relay, **given) if isinstance(given, dict) else given
    with called("lab", "Ada", url=relay.url, token=made) as call:
        with pytest.raises(RelayRequestError) as refused:
            call.wait_for_peers(1, timeout=20)
        assert refused.value.code == code
        assert call.error == {"code": code, "message": refused.value.message}


def test_a_move_to_a_room_that_the_token_is_for_is_over_it(relay: RelayProcess) -> None:
    with (
        called("other", "Ada", url=relay.url, token=token(relay)) as call,
        Peer("lab", "Grace", url=relay.url, token=token(relay)),
    ):
        wait_until(lambda: (call.error or {}).get("code") == "forbidden")
        call.room = "lab"
        call.wait_for_peers(1, timeout=20)
        assert call.error is None


def test_nobody_at_that_address() -> None:
    with called("lab", "Ada", url="http://127.0.0.1:1", token="t") as call:  # noqa: S106
        with pytest.raises(RelayRequestError) as failed:
            call.wait_for_peers(1, timeout=30)
        assert failed.value.code == "no-answer"
        assert "http://127.0.0.1:1" in failed.value.message


@pytest.mark.process
def test_a_relay_that_was_away_is_found_again(tmp_path: Path) -> None:
    with RelayProcess(folder=tmp_path) as relay, called("lab", "Ada", url=relay.url, token=token(relay)) as call:
        with page(heard(call, "ticket"), "Ada"):
            wait_until(lambda: call.state == "joined")
            relay.kill()
            wait_until(lambda: call.state == "reconnecting")
        relay.start()
        with Peer("lab", "Grace", url=relay.url, token=token(relay)):
            wait_until(lambda: call.error is None and [peer.name for peer in call.peers] == ["Grace"], 40)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("wss://relay.example/call", "https://relay.example/call"),
        ("ws://relay.example", "http://relay.example"),
        ("relay.example", "http://localhost:8765"),
        ("", "http://localhost:8765"),
        ("ftp://relay.example", "http://localhost:8765"),
        ("https://", "http://localhost:8765"),
        ("https://relay.example:port", "http://localhost:8765"),
        ("https://relay.example/join#token=x", "give a token as token"),
        ("https://relay.example/?token=x", "give a token as token"),
        ("https://me:secret@relay.example", "give a token as token"),
        (8765, "http://localhost:8765"),
    ],
)
def test_addresses_that_are_none(url: Any, says: str) -> None:
    for made in (lambda: Call("lab", url=url, token="t"), lambda: RelayClient("lab", url=url)):  # noqa: S106
        with pytest.raises(InvalidValueError, match="address") as refused:
            made()
        assert refused.value.code == "bad-url"
        assert says in refused.value.message
        assert "secret" not in refused.value.message


def test_a_token_without_an_address_is_for_no_relay() -> None:
    with pytest.raises(InvalidValueError, match="url") as refused:
        Call("lab", token="t")  # noqa: S106
    assert refused.value.code == "missing-url"


MEET = """
from relay_widget import Call, Peer
call = Call("lab", "Ada")
with Peer("lab", "Grace"):
    print(call.wait_for_peers(1, timeout=30))
"""


def meet(url: str, given: str, certificate: Path) -> str:
    """What a program says in which Ada's call meets Grace, and which trusts this certificate from its start."""
    named = {"RELAY_WIDGET_URL": url, "RELAY_WIDGET_TOKEN": given, "SSL_CERT_FILE": str(certificate)}
    command = [sys.executable, "-c", MEET]
    done = subprocess.run(command, env={**os.environ, **named}, capture_output=True, text=True, timeout=90, check=False)
    return done.stdout.strip() or done.stderr


@pytest.mark.process
@NEEDS_NGINX
def test_under_a_path_and_behind_tls(tmp_path: Path) -> None:
    with RelayProcess() as relay, nginx(tmp_path, relay.url.rpartition(":")[2]) as (port, certificate):
        said = meet(f"https://localhost:{port}/call/", token(relay), certificate)
        assert said == "(RemotePeer(name='Grace'),)"


@pytest.mark.process
@NO_OPENSSL
def test_a_certificate_that_nobody_vouches_for_is_named(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "relay")
    command = [sys.executable, "-m", "relay_widget", "serve", "--port", "0", "--no-auth"]
    command += ["--tls-cert", str(certificate), "--tls-key", str(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().split()[-1]
            with called("lab", "Ada", url=url) as call, pytest.raises(RelayRequestError) as failed:
                call.wait_for_peers(1, timeout=30)
            assert failed.value.code == "untrusted-certificate"
            assert "SSL_CERT_FILE" in failed.value.message
            with pytest.raises(RelayRequestError) as failed, Peer("lab", url=url):
                pass
            assert failed.value.code == "untrusted-certificate"
            assert meet(url, "", certificate) == "(RemotePeer(name='Grace'),)"
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://relay.example:8765", "http://proxy:3128"),
        ("https://relay.example/call", "http://secure:3128"),
        ("http://10.0.0.7", None),
        ("http://inside.lab.example", None),
        ("http://127.0.0.1:8765", None),
        ("http://127.8.9.1:8765", None),
        ("http://127.1:8765", None),
        ("http://localhost:8765", None),
        ("http://LocalHost.:8765", None),
        ("http://notebook.localhost", None),
        ("https://[::1]:8765", None),
        ("http://[::ffff:127.0.0.1]:8765", None),
        ("http://0.0.0.0:8765", None),
    ],
)
def test_the_proxy_is_that_of_the_environment(url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "proxy:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://secure:3128")
    monkeypatch.setenv("NO_PROXY", "10.0.0.7,.lab.example")
    assert proxy_for(url) == proxy


def test_a_proxy_of_another_kind_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:9050")
    assert proxy_for("http://relay.example") is None
