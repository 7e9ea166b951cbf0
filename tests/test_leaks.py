"""What is tried again and again, made again and again, or closed leaves nothing behind: no socket, thread or task."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING

import pytest

from .relay_process import RelayProcess

pytestmark = pytest.mark.process

if TYPE_CHECKING:
    from collections.abc import Iterator

PRELUDE = """
import asyncio, gc, json, os, sys, threading, time

def open_sockets():
    kinds = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            kinds.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            pass
    return sum(kind.startswith("socket:") for kind in kinds)

def wait_until(condition, timeout_s=60):
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)

def threads():
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("relay-widget"))
"""


def run(code: str, *arguments: str) -> str:
    """Run a program of its own with all warnings; what it has written to stderr. What it returns is checked in it."""
    command = [sys.executable, "-X", "dev", "-W", "always::ResourceWarning", "-c", PRELUDE + textwrap.dedent(code)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def relay() -> Iterator[RelayProcess]:
    with RelayProcess() as running:
        yield running


@pytest.fixture(scope="module")
def no_relay() -> Iterator[str]:
    """A web server that is no relay."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_attempts_that_fail_leave_nothing(relay: RelayProcess, no_relay: str) -> None:
    """By a call, a participant and the doctor: nobody there, no TLS, no relay, no such path, a bad token."""
    addresses = {
        "refused": ["http://127.0.0.1:9", None],
        "unreachable": ["http://192.0.2.1:80", None],
        "no TLS": [relay.url.replace("http:", "https:"), None],
        "no relay": [no_relay, None],
        "no such path": [f"{relay.url}/nowhere", "x"],
        "bad token": [relay.url, "x"],
    }
    said = run(
        """
        from relay_widget import Call, Peer, RelayWidgetError, following, monitor
        from relay_widget.checkup import probes
        from relay_widget.relays import named_relay

        following.REST_S = following.FAILED_REST_FIRST_S = following.FAILED_REST_MAX_S = 0.01
        monitor._REQUEST_TIMEOUT_S = monitor._CONNECT_TIMEOUT_S = 0.5
        probes._TIMEOUT_S = 0.5
        attempts = []
        connect = monitor.Monitor._connect

        async def counted(self, relay):
            attempts.append(relay.url)
            return await connect(self, relay)

        monitor.Monitor._connect = counted
        import relay_widget.client
        relay_widget.client._CONNECT_TIMEOUT_S = 0.5
        first = Call(url="http://127.0.0.1:9")  # what a process opens once and keeps
        wait_until(lambda: first.error is not None)
        first.close()
        wait_until(lambda: threads() == [])
        before = open_sockets()
        for what, (url, token) in json.loads(sys.argv[1]).items():
            print(what, file=sys.stderr)
            attempts.clear()
            call = Call(url=url, token=token)
            wait_until(lambda: len(attempts) >= 5 and call.error is not None)
            call.close()
            peer = Peer("lab", "Grace", url=url, token=token)
            try:
                peer.connect().wait()
            except RelayWidgetError:
                peer.close().wait()
            else:
                raise AssertionError(f"{what}: it came in")
            probes.look(named_relay(url, token))
            del call
            gc.collect()
            wait_until(lambda: threads() == [])
            wait_until(lambda: open_sockets() == before)
        """,
        json.dumps(addresses),
    )
    assert "Unclosed" not in said
    assert "ResourceWarning" not in said
    assert "never retrieved" not in said


def test_calls_that_are_made_again_leave_nothing(relay: RelayProcess) -> None:
    """Running a cell again makes another call; `close` ends the one before, also while it is on its way."""
    said = run(
        """
        import weakref

        from relay_widget import Call, LatencyLab
        from relay_widget.monitor import shared_monitor
        from relay_widget.relays import named_relay

        url, token = sys.argv[1:]
        before = open_sockets()
        for kind in (Call, LatencyLab):
            kept = kind(url=url, token=token)
            wait_until(lambda: kept._follower.monitor.state == "following")
            with_one = open_sockets()
            for _ in range(20):
                call = kind(url=url, token=token)
                call._handle_custom_msg({"kind": "hello", "origin": "https://lab.example"}, [])
                call.close()
            closed = []
            for _ in range(20):
                call = kind(url=url, token=token)
                call.close()
                closed.append(weakref.ref(call))
            del call
            assert len(kept._follower.monitor._seats) == 1
            wait_until(lambda: open_sockets() == with_one)
            assert threads() == ["relay-widget-monitor"]
            kept.close()
            wait_until(lambda: threads() == [])
            wait_until(lambda: open_sockets() == before)
            gc.collect()
            assert [one() for one in closed if one() is not None] == [], "a closed call is held by something"
        """,
        relay.url,
        relay.auth(room="lab")["token"],
    )
    assert "Unclosed" not in said
    assert "ResourceWarning" not in said
