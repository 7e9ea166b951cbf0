"""Two machines, as far as the network can tell: the relay is in one network namespace, the notebook in another."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from relay_widget.cli import SECRET_VARIABLE
from tests.server.test_tls import make_certificate

from .lab import JupyterLab, open_notebook
from .test_call import joined, plays

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PORT = 8443
CELL = """
from relay_widget import Call
call = Call("class", "Ada", source="pattern", auto_join=True)
call
"""
FAR_PERSON = """
import sys
from relay_widget import Peer
with Peer("class", "Grace") as grace:
    grace.publish_pattern(width=320, height=240, fps=15)
    for count, frame in enumerate(grace.video(of="Ada", timeout_s=None), 1):
        print(count, *frame.rgb.shape, flush=True)
"""


class Machine:
    """Another machine at the other end of a cable, with an address of its own."""

    def __init__(self) -> None:
        self.name = f"rw{secrets.token_hex(4)}"
        subnet = f"10.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}"
        self.here, self.address = f"{subnet}.1", f"{subnet}.2"

    def connect(self) -> None:
        """Raises CalledProcessError where one may not make such a thing."""
        near, far = f"{self.name}n", f"{self.name}f"
        _ip("netns", "add", self.name)
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", self.name)
        _ip("addr", "add", f"{self.here}/24", "dev", near)
        _ip("link", "set", near, "up")
        _ip("-n", self.name, "addr", "add", f"{self.address}/24", "dev", far)
        _ip("-n", self.name, "link", "set", far, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")

    def disconnect(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("netns", "del", self.name)  # the cable goes with it

    @contextlib.contextmanager
    def running(self, *command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """A program on that machine, whose output can be read."""
        with subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def machine() -> Iterator[Machine]:
    if shutil.which("ip") is None or shutil.which("openssl") is None:
        pytest.skip("the commands ip (iproute2) and openssl are not both here")
    made = Machine()
    try:
        try:
            made.connect()
        except subprocess.CalledProcessError as refused:
            pytest.skip(f"network namespaces cannot be made here: {refused.stderr.strip()}")
        yield made
    finally:
        made.disconnect()


def test_a_call_between_two_machines_over_tls(
    machine: Machine, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(tmp_path, "relay", machine.address)
    secret, url = secrets.token_urlsafe(), f"https://{machine.address}:{PORT}/"
    relay_command = [sys.executable, "-m", "relay_widget", "serve", "--host", machine.address, "--port", str(PORT)]
    relay_command += ["--tls-cert", str(certificate), "--tls-key", str(key)]
    token_command = [sys.executable, "-m", "relay_widget", "token", "--room", "class"]
    with machine.running(*relay_command, **{SECRET_VARIABLE: secret}) as relay:
        assert relay.stdout is not None
        assert relay.stdout.readline().strip().endswith(f"{machine.address}:{PORT}")
        token = subprocess.run(
            token_command, env={**os.environ, SECRET_VARIABLE: secret}, check=True, capture_output=True, text=True
        ).stdout.strip()
        monkeypatch.setenv("RELAY_WIDGET_URL", url)
        monkeypatch.setenv("RELAY_WIDGET_TOKEN", token)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        lab = JupyterLab(tmp_path / "lab")
        lab.start()
        try:
            path = lab.write("class.ipynb", CELL, "print([peer.name for peer in call.wait_for_peers(1)])")
            # The browser is to trust this certificate, as the kernel does: its own list of authorities it has from the
            # system.
            with (
                open_notebook(lab, browser, path, ignore_https_errors=True) as ada,
                machine.running(sys.executable, "-c", FAR_PERSON) as grace,
            ):
                joined(ada)
                plays(ada)
                assert grace.stdout is not None
                seen = [grace.stdout.readline() for _ in range(20)]
                assert seen[-1].startswith("20 "), seen
                ada.wait_python("call.state == 'joined' and call.transport == 'url'")
                ada.wait_python("[p.name for p in call.peers] == ['Grace']")
                ada.wait_python("call.peers[0].figures.get('latency_ms', -1) > 0")
                saved = str(ada.save())
                assert "['Grace']" in saved
                assert token not in saved
                assert not lab.relay_file.exists()  # nobody needed one of their own
        finally:
            lab.stop()
