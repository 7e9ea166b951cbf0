"""The other programs that show a notebook with a call: each started for real, with folders of its own."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.machine import free_port

from .lab import JupyterLab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext

START_TIMEOUT_S = 60
PROXY = Path(__file__).parents[2] / "js" / "node_modules" / ".bin" / "configurable-http-proxy"
USER = "ada"


class Notebook7(JupyterLab):
    """The classic application's successor: one document a page."""

    app = "notebook"
    app_class = "JupyterNotebookApp"
    document_path = "notebooks"


class JupyterHub(JupyterLab):
    """A hub under a path prefix, whose user has a JupyterLab of their own behind its proxy.

    To the browser it is on another machine, as a hub is: nothing of it is at the browser's 127.0.0.1.
    """

    HOST = "hub.example"
    PREFIX = "/campus"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.token = ""  # who has logged in needs none
        self.home = f"http://{self.HOST}:{self.port}{self.PREFIX}"
        self.url = f"{self.home}/user/{USER}"

    @property
    def chromium_args(self) -> tuple[str, ...]:
        """For the browser to find this machine under that name, and to let its pages use a camera."""
        origin = f"http://{self.HOST}:{self.port}"
        rules = f"--host-resolver-rules=MAP {self.HOST} 127.0.0.1"
        return (rules, f"--unsafely-treat-insecure-origin-as-secure={origin}")

    def _command(self) -> list[str]:
        singleuser = ["--allow-root", f"--ServerApp.root_dir={self.notebooks}"]
        singleuser += [f"--{self.app_class}.expose_app_in_browser=True"]
        environment = {name: value for name, value in self.env.items() if "JUPYTER" in name or name == "IPYTHONDIR"}
        (self.folder / "jupyterhub_config.py").write_text(f"""
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{self.port}{self.PREFIX}/"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{free_port()}"
c.JupyterHub.db_url = "sqlite:///{self.folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{self.folder}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.cleanup_servers = True
c.ConfigurableHTTPProxy.command = ["{PROXY}"]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
c.ConfigurableHTTPProxy.pid_file = "{self.folder}/proxy.pid"
c.Authenticator.allow_all = True
c.SimpleLocalProcessSpawner.home_dir_template = "{self.folder}/home"
c.Spawner.cmd = ["{sys.executable}", "-m", "jupyterhub.singleuser"]
c.Spawner.args = {singleuser!r}
c.Spawner.environment = {environment!r}
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = c.Spawner.http_timeout = {START_TIMEOUT_S}
""")
        (self.folder / "home").mkdir(exist_ok=True)
        return [sys.executable, "-m", "jupyterhub", "-f", str(self.folder / "jupyterhub_config.py")]

    def _answers(self) -> bool:
        # Its proxy is there before the hub, and knows of nothing then.
        return answers(f"http://127.0.0.1:{self.port}{self.PREFIX}/hub/api", refuses=False)

    def log_in(self, context: BrowserContext) -> None:
        """As a student does; their server is started by it."""
        page = context.new_page()
        page.goto(f"{self.home}/hub/login")
        page.locator("#username_input").fill(USER)
        page.locator("#password_input").fill("anything")
        page.locator("#login_submit").click()
        page.wait_for_url(re.compile(f"^{re.escape(self.url)}/lab"), timeout=START_TIMEOUT_S * 1000)
        page.close()


@contextlib.contextmanager
def serving(folder: Path, browser: Browser, url: str, *command: str) -> Iterator[BrowserContext]:
    """A program that serves one page by itself (Voilà, marimo), in an environment apart; and a browser for it."""
    apart = JupyterLab(folder)
    for made in (apart.notebooks, apart.runtime):
        made.mkdir(parents=True, exist_ok=True)
    env = {**apart.env, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_STATE_HOME": str(folder)}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env=env, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    try:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not answers(url):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError((folder / "server.log").read_text()[-3000:])
            time.sleep(0.1)
        yield context
    finally:
        context.close()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        apart.stop_relay()


def answers(url: str, *, refuses: bool = True) -> bool:
    """Whether something is served there; be it a no, unless that does not count."""
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310
            return True
    except urllib.error.HTTPError as error:
        return refuses and error.code < 500
    except OSError:
        return False


def notebook_file(folder: Path, *cells: str) -> Path:
    """A notebook of these cells, for Voilà."""
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    code: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        for n, source in enumerate(cells)
    ]
    path = folder / "call.ipynb"
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": code}
    path.write_text(json.dumps(content))
    return path
