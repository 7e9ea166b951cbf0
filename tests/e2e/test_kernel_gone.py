"""A call whose kernel is restarted, killed or shut down under it: real JupyterLab, real browser, real kernels."""

from __future__ import annotations

import os
import signal
import urllib.request
from typing import TYPE_CHECKING

import pytest

from .test_call import cell, joined, plays

if TYPE_CHECKING:
    from collections.abc import Callable

    from .lab import JupyterLab, Notebook

    OpenNotebook = Callable[..., Notebook]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

GONE = "Python has gone. The call goes on without it."


def says_that_python_has_gone(notebook: Notebook) -> None:
    """The call goes on and says so; the lobby says so, names nobody, and does not pretend that one can join."""
    page = notebook.page
    call, lobby = page.locator(".rw").nth(0), page.locator(".rw").nth(1)
    call.get_by_text(GONE).wait_for(timeout=30_000)
    call.get_by_text("without Python").wait_for()
    assert call.get_attribute("data-phase") == "joined"
    lobby.get_by_text("This call has lost its kernel.").wait_for()
    assert lobby.get_by_text("Grace").count() == 0
    lobby.get_by_role("button", name="Join “").click()
    lobby.get_by_text("You cannot join: this call has lost its kernel.").wait_for()
    assert lobby.get_attribute("data-phase") == "idle"


def test_a_restart_leaves_the_call_and_running_the_cell_again_replaces_it(notebook: OpenNotebook) -> None:
    room = "kernel-restarted"
    grace = joined(notebook(cell(room, "Grace")))
    ada = joined(notebook(cell(room, "Ada"), cell(room, "Ada too", auto_join=False)))
    ada.page.locator(".rw").nth(1).get_by_text("Grace").wait_for()  # the lobby's guest list
    grace.wait_python("[peer.name for peer in call.peers] == ['Ada']")
    ada.page.evaluate("() => { void window.jupyterapp.shell.currentWidget.sessionContext.restartKernel(); }")
    says_that_python_has_gone(ada)
    plays(grace)  # what is said is so: the call goes on
    plays(ada)

    ada.forget_kernel()
    ada.page.evaluate("""() => {
        window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0;
        return window.jupyterapp.commands.execute('notebook:run-cell');
    }""")
    grace.wait_python("call.state == 'joined' and [peer.name for peer in call.peers] == ['Ada']")
    ada.wait_python("call.state == 'joined' and [peer.name for peer in call.peers] == ['Grace']")
    assert ada.page.get_by_text(GONE).count() == 0


@pytest.mark.parametrize("end", ["killed", "restarted by another program", "shut down"])
def test_a_kernel_that_ends_is_said(lab: JupyterLab, notebook: OpenNotebook, end: str) -> None:
    room = f"kernel-{end.replace(' ', '-')}"
    ada = joined(notebook(cell(room, "Ada"), cell(room, "Ada too", auto_join=False), own_page=True))
    ada.page.locator(".rw").nth(1).get_by_role("button", name="Join “").wait_for()
    kernel = ada.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.id")
    if end == "killed":
        os.kill(int(ada.python("import os; print(os.getpid())")), signal.SIGKILL)
        ada.page.locator(".jp-Dialog .jp-mod-accept").click()  # JupyterLab says that it restarts the kernel
    elif end == "shut down":
        ada.page.evaluate("() => { void window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    else:
        # The one word that a browser gets of it, "starting", comes too early for it now and then: never, here.
        ada.page.evaluate("""() => {
            window.jupyterapp.shell.currentWidget.sessionContext.statusChanged.emit = () => undefined;
        }""")
        url = f"{lab.url}/api/kernels/{kernel}/restart?token={lab.token}"
        urllib.request.urlopen(urllib.request.Request(url, method="POST", data=b"")).close()  # noqa: S310
    says_that_python_has_gone(ada)
    ada.page.get_by_role("button", name="Leave", exact=True).first.click()
    ada.page.locator(".rw[data-phase=left]").get_by_text("This call has lost its kernel.").wait_for()


def test_a_screen_is_shared_with_the_camera_off(notebook: OpenNotebook) -> None:
    """The screen and the camera are different things: both sides say what is sent, whichever switch was used."""
    room = "screen"
    grace = joined(notebook(cell(room, "Grace")))
    ada = notebook(cell(room, "Ada", camera=False), own_page=True)
    ada.page.evaluate("""() => {
        // A headless browser has no screen to choose: a canvas stands for one.
        navigator.mediaDevices.getDisplayMedia = async () => {
            const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
            const context = canvas.getContext('2d');
            setInterval(() => {
                context.fillStyle = `hsl(${performance.now() / 10 % 360} 60% 50%)`;
                context.fillRect(0, 0, 640, 360);
            }, 40);
            window.shared = canvas.captureStream(25);
            return window.shared;
        };
    }""")
    joined(ada)
    pictures = "[(t['source'], t['video']) for t in call.peers[0].tracks if t['video']]"
    grace.wait_python(f"call.peers and {pictures} == []")
    ada.page.get_by_role("button", name="Share your screen").click()
    grace.wait_python(f"{pictures} == [('screen', True)]")
    plays(grace, sound=False)
    assert ada.python("print(call.source, call.camera)") == "screen False"

    ada.python("call.camera = True")
    ada.python("call.camera = False")
    grace.wait_python(f"{pictures} == [('screen', True)]")
    ada.page.evaluate("() => shared.getTracks()[0].dispatchEvent(new Event('ended'))")  # the browser's own button
    ada.wait_python("call.source == 'pattern' and not call.camera")
    grace.wait_python(f"{pictures} == []")
    assert ada.page.locator(".rw-banner").count() == 0

    ada.python("call.source = 'screen'")
    grace.wait_python(f"{pictures} == [('screen', True)]")
    ada.page.get_by_role("button", name="Camera").first.click()  # it is off while a screen is shared
    ada.wait_python("call.source == 'pattern' and call.camera")
    grace.wait_python(f"{pictures} == [('pattern', True)]")
