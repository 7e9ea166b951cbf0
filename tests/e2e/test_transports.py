"""Each rung of the ladder carries a two-way call when those above it are blocked: real JupyterLab, Chromium, relay.

A page that Chromium loads from http://lab.example is, to page, server and relay, one from another machine: nothing is
at its 127.0.0.1 for it.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from .lab import JupyterLab, Notebook, chromium, open_notebook
from .test_call import cell, joined, plays
from .test_screenshots import in_theme, picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

REMOTE_HOST = "lab.example"
BUSY = "while True: sum(range(1000))"
NO_PROXY = '--ServerApp.jpserver_extensions={"jupyter_server_proxy": False}'


@contextmanager
def remote_lab(folder: Path, *arguments: str) -> Iterator[tuple[JupyterLab, Browser]]:
    """A JupyterLab that is on another machine than the browser, as far as that can see, and behind a path prefix."""
    server = JupyterLab(
        folder,
        "--ServerApp.allow_remote_access=True",
        *arguments,
        host=REMOTE_HOST,
        base_url="/user/ada/",
    )
    server.start()
    origin = server.url.removesuffix("/user/ada")
    try:
        with chromium(
            f"--host-resolver-rules=MAP {REMOTE_HOST} 127.0.0.1",
            f"--unsafely-treat-insecure-origin-as-secure={origin}",
        ) as browser:
            yield server, browser
    finally:
        server.stop()


@pytest.fixture(scope="module")
def with_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[JupyterLab, Browser]]:
    with remote_lab(tmp_path_factory.mktemp("remote")) as both:
        yield both


@pytest.fixture(scope="module")
def without_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[JupyterLab, Browser]]:
    with remote_lab(tmp_path_factory.mktemp("closed"), NO_PROXY) as both:
        yield both


@contextmanager
def two_way(lab: JupyterLab, browser: Browser, room: str) -> Iterator[tuple[Notebook, Notebook]]:
    """Two people, each with a notebook and a kernel, who see and hear each other."""
    with ExitStack() as stack:
        people = []
        for name in ("Ada", "Grace"):
            path = lab.write(f"{room}-{name}.ipynb", cell(room, name))
            people.append(joined(stack.enter_context(open_notebook(lab, browser, path))))
        for person in people:
            plays(person)
        yield people[0], people[1]


def test_with_everything_open_media_go_straight(notebook: Callable[..., Notebook]) -> None:
    ada = joined(notebook(cell("open", "Ada")))
    grace = joined(notebook(cell("open", "Grace")))
    for person in (ada, grace):
        plays(person)
        person.wait_python("call.transport == 'direct'")
    ada.page.locator(".rw-path-direct").first.wait_for()


def test_a_page_from_elsewhere_goes_by_the_notebook_servers_address(with_proxy: tuple[JupyterLab, Browser]) -> None:
    lab, browser = with_proxy
    with two_way(lab, browser, "proxied") as people:
        for person in people:
            person.wait_python("call.transport == 'proxy'")


def test_without_a_proxy_it_goes_through_the_kernel(without_proxy: tuple[JupyterLab, Browser]) -> None:
    lab, browser = without_proxy
    with two_way(lab, browser, "tunnelled") as people:
        for person in people:
            person.wait_python("call.transport == 'tunnel'")
            person.page.get_by_text("through the kernel: slower").first.wait_for()
        picture(people[0], "tunnel")
        in_theme(people[0], "JupyterLab Dark")
        picture(people[0], "tunnel-dark")
        people[0].page.set_viewport_size({"width": 460, "height": 800})
        people[0].page.get_by_role("button", name="About the connection").click()
        picture(people[0], "tunnel-narrow")


def test_the_tunnel_goes_on_while_a_cell_runs(without_proxy: tuple[JupyterLab, Browser]) -> None:
    """In JupyterLab what a page says reaches a kernel with subshells beside a running cell."""
    lab, browser = without_proxy
    with two_way(lab, browser, "busy") as (ada, grace):
        cell_id = ada.kernel.execute(BUSY, store_history=False)
        ada.page.wait_for_timeout(3000)  # what was on its way before has come
        plays(grace)
        plays(ada)
        assert ada.reply_to(cell_id, within_s=0.1) is None, "the cell has ended: nothing has been shown"
        ada.interrupt()
        assert ada.reply_to(cell_id, within_s=30) is not None
        ada.wait_python("call.state == 'joined' and call.transport == 'tunnel'")


@pytest.mark.parametrize("way", ["proxy", "tunnel"])
def test_a_call_comes_up_while_the_next_cell_runs(request: pytest.FixtureRequest, way: str) -> None:
    """*Run all*, and the second cell keeps Python busy from before the page has said where it comes from."""
    lab, browser = request.getfixturevalue("with_proxy" if way == "proxy" else "without_proxy")
    with open_notebook(lab, browser, lab.write(f"next-{way}.ipynb", cell("next", "Ada"), BUSY)) as ada:
        joined(ada)
        assert ada.page.locator(".jp-InputPrompt").nth(1).inner_text() == "[*]:", "the cell has ended"
        ada.interrupt()
        ada.wait_python(f"call.state == 'joined' and call.transport == {way!r}")


def test_a_port_that_swallows_everything_is_gone_around(lab: JupyterLab, browser: Browser) -> None:
    """The page's machine has something at the relay's port that takes connections and never answers."""
    with open_notebook(lab, browser, lab.write("first.ipynb", cell("hole", "Ada"))) as ada:
        joined(ada)
        port = lab.relay()["url"].rpartition(":")[2]
        with socket.create_server(("127.0.0.1", 0)) as hole:
            rule = f"MAP 127.0.0.1:{port} 127.0.0.1:{hole.getsockname()[1]}"
            with (
                chromium(f"--host-resolver-rules={rule}") as elsewhere,
                open_notebook(lab, elsewhere, lab.write("second.ipynb", cell("hole", "Grace"))) as grace,
            ):
                joined(grace)
                grace.wait_python("call.transport == 'proxy'")
                plays(grace)
                plays(ada)
