"""A two-way call in each program that shows notebooks; JupyterLab 4 is what all other browser tests run in."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.machine import free_port

from .hosts import PROXY, JupyterHub, Notebook7, notebook_file, serving
from .lab import Notebook, chromium
from .test_call import cell, joined, plays
from .test_keys import LETTERS, MOVES, keys_stay_inside

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

    from .lab import JupyterLab

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

# A marimo notebook is a program. It shows what Python knows of the call, for the page to be asked.
MARIMO_APP = """
import marimo
app = marimo.App()

@app.cell
def _():
    import marimo as mo
    from relay_widget import Call
    ada = Call("ROOM", "Ada", source="pattern", auto_join=True)
    grace = Call("ROOM", "Grace", source="pattern", auto_join=True)
    mo.vstack([mo.ui.anywidget(ada), mo.ui.anywidget(grace)])
    return ada, grace, mo

@app.cell
def _(mo):
    again = mo.ui.refresh(default_interval="1s")
    again
    return (again,)

@app.cell
def _(ada, again, grace, mo):
    again
    mo.md(f"Ada is {ada.state} by {ada.transport}, Grace has a microphone: {grace.microphone}. Ada has {ada.peers}.")
    return
"""


class Person:
    """Somebody who has opened a page."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page = context.new_page()
        self.console: list[str] = []
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"pageerror: {error}"))
        self.page.goto(url)

    def joined(self, calls: int = 1) -> Person:
        """Wait until the calls on the page are in their room."""
        try:
            self.page.locator(".rw[data-phase=joined]").nth(calls - 1).wait_for(timeout=60_000)
        except PlaywrightTimeoutError:
            raise AssertionError(f"not joined; page said {self.console[-15:]}") from None
        return self

    def shot(self, name: str) -> None:
        """A picture for a person to look at, if one is wanted."""
        folder = os.environ.get("SCREENSHOTS_OF_HOSTS")
        if folder:
            self.page.screenshot(path=Path(folder) / f"{name}.png")


def two_notebooks(lab: JupyterLab, context: BrowserContext, room: str, rung: str) -> None:
    """Ada and Grace, each with a notebook and a kernel, see and hear each other; Python knows of it, and is heard."""
    with ExitStack() as stack:
        people = []
        for name in ("Ada", "Grace"):
            path = lab.write(f"{name}.ipynb", cell(room, name))
            person = Notebook(lab, context.new_page(), path)
            stack.callback(person.shut_down)
            people.append(joined(person))
        for person in people:
            plays(person)
        ada, grace = people
        ada.wait_python(f"call.transport == {rung!r} and [peer.name for peer in call.peers] == ['Grace']")
        # Notebook 7 listens to keys before they arrive in the call, JupyterLab after that.
        keys_stay_inside(ada.page, ada.page.get_by_role("button", name="Figures"), *LETTERS, *MOVES)
        grace.python("call.microphone = False")
        ada.wait_python("all(track['muted'] for track in call.peers[0].tracks if track['audio'])")
        folder = os.environ.get("SCREENSHOTS_OF_HOSTS")
        if folder:
            ada.page.screenshot(path=Path(folder) / f"{room}.png")


def test_notebook_7(browser: Browser, tmp_path: Path) -> None:
    server = Notebook7(tmp_path)
    server.start()
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    try:
        two_notebooks(server, context, "notebook7", "direct")
    finally:
        context.close()
        server.stop()


@pytest.mark.skipif(not PROXY.exists(), reason="configurable-http-proxy is not here: npm ci in js brings it")
def test_jupyterhub_with_its_proxy_under_a_path(tmp_path: Path) -> None:
    hub = JupyterHub(tmp_path)
    hub.start()
    try:
        with chromium(*hub.chromium_args) as browser:
            context = browser.new_context(viewport={"width": 1100, "height": 800})
            hub.log_in(context)
            two_notebooks(hub, context, "hub", "proxy")
            context.close()
    finally:
        hub.stop()


def test_voila(browser: Browser, tmp_path: Path) -> None:
    """Every visitor has a kernel of their own, runs the notebook, and sees no code."""
    path = notebook_file(tmp_path, cell("app", "Visitor"))
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    arguments = ("voila", str(path), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1", "--show_tracebacks=True")
    with serving(tmp_path, browser, url, *arguments) as context:
        people = [Person(context, url).joined() for _ in range(2)]
        for person in people:
            plays(person)
        people[0].shot("voila")
        people[1].page.get_by_role("button", name="Leave", exact=True).click()
        people[0].page.locator("video[data-peer-id]").wait_for(state="detached")


@pytest.mark.parametrize("mode", ["edit", "run"])
def test_marimo(browser: Browser, tmp_path: Path, mode: str) -> None:
    """Its own runtime has the kernel, in `run` a thread of the server; it knows anywidget by itself."""
    (tmp_path / "app.py").write_text(MARIMO_APP.replace("ROOM", f"marimo-{mode}"))
    (tmp_path / "marimo").mkdir()
    (tmp_path / "marimo" / "marimo.toml").write_text("[runtime]\nauto_instantiate = true\n")  # run all on opening
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    arguments = ("marimo", "-q", mode, "app.py", "--headless", "--no-token", f"--port={port}")
    with serving(tmp_path, browser, url, *arguments) as context:
        person = Person(context, url)
        try:
            person.joined(2)
            videos = person.page.locator("video[data-peer-id]")
            videos.nth(1).wait_for()
            for video in videos.all():
                plays(person, f'video[data-peer-id="{video.get_attribute("data-peer-id")}"]')
            person.page.get_by_text("Ada is joined by direct, Grace has a microphone: True").wait_for()
            person.page.get_by_role("button", name="Microphone", exact=True).nth(1).click()
            person.page.get_by_text("Grace has a microphone: False").wait_for()
            person.page.get_by_text("(RemotePeer(name='Grace'),)").wait_for()
        finally:
            person.shot(f"marimo-{mode}")
