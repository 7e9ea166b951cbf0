"""What a cell shows when its widget is not running: closed, without a kernel, out of a saved notebook, in HTML."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from .hosts import Notebook7
from .lab import open_notebook
from .test_call import joined, room
from .test_screenshots import in_theme

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

    from .lab import JupyterLab, Notebook

    OpenNotebook = Callable[..., Notebook]

__all__ = ["room"]  # the fixture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WIDGETS = "application/vnd.jupyter.widget-state+json"
CARD = ".relay-widget-still"
SAVED = (
    "A call was here. Run the cell to open it.",
    "A latency lab was here. Run the cell to measure again.",
    "The doctor looked here",
    "An invite link is not kept in the notebook.",
)
CLOSED = ("This call was closed.", "This lab was closed.", "The doctor has left.", "This card was closed.")


def cells(room: str) -> tuple[str, ...]:
    imports = "from relay_widget import Call, LatencyLab, doctor"
    return (
        f"{imports}\ncall = Call({room!r}, 'Ada', source='pattern', auto_join=True)\ncall",
        f"lab = LatencyLab({room!r} + '-lab', 'Ada', auto_join=True)\nlab",
        "checkup = doctor()\ncheckup",
        "link = call.invite_link('Grace')\nlink",
    )


def running(notebook: Notebook) -> Notebook:
    joined(notebook)
    notebook.wait_python("lab.wait_for_page(0) and checkup._page_done")
    notebook.page.get_by_role("button", name="Copy link").wait_for()
    return notebook


def says(page: Page, sentences: tuple[str, ...]) -> None:
    """Wait until each of these is on a card, and there are no others."""
    for sentence in sentences:
        page.locator(CARD, has_text=sentence).first.wait_for()
    page.wait_for_function(f"() => document.querySelectorAll('{CARD}').length === {len(sentences)}")
    assert page.get_by_text("model not found").count() == 0


def look(page: Page, name: str) -> None:
    """A picture for a person to look at, if one is wanted."""
    folder = os.environ.get("SCREENSHOTS_OF_STILLS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def looks(notebook: Notebook, name: str) -> None:
    """Light and dark, wide and narrow; nothing sticks out."""
    page = notebook.page
    for theme in ("Light", "Dark"):
        in_theme(notebook, f"JupyterLab {theme}")
        look(page, f"{name}-{theme.lower()}")
    in_theme(notebook, "JupyterLab Light")
    page.set_viewport_size({"width": 360, "height": 1300})
    look(page, f"{name}-narrow")
    wider = "all => all.filter((e) => e.scrollWidth > e.clientWidth + 1).length"
    assert page.locator(CARD).evaluate_all(wider) == 0
    page.set_viewport_size({"width": 1100, "height": 1500})


def troubles(notebook: Notebook) -> list[str]:
    """Page errors, and errors in the console that are ours."""
    return [line for line in notebook.console if line.startswith("pageerror") or "relay-widget: a" in line]


def states(saved: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry["state"] for entry in saved["metadata"]["widgets"][WIDGETS]["state"].values()]


def test_a_closed_widget_says_so_in_every_view_and_after_a_reload(notebook: OpenNotebook, room: str) -> None:
    ada = notebook(*cells(room))
    ada.page.set_viewport_size({"width": 1100, "height": 1500})
    running(ada)
    ada.page.evaluate(
        "async () => { const { commands, shell } = window.jupyterapp;"
        " shell.currentWidget.content.activeCellIndex = 0;"
        " await commands.execute('notebook:create-output-view'); }"
    )
    ada.page.wait_for_function("() => document.querySelectorAll('.rw[aria-label=Call]').length === 2")
    ada.python("call.close(); lab.close(); checkup.close(); link.card.close()")
    for sentence in CLOSED:
        ada.page.locator(CARD, has_text=sentence).first.wait_for(state="attached")  # the first may be behind the second
    look(ada.page, "closed-second-view")
    ada.page.wait_for_function(f"() => document.querySelectorAll('{CARD}').length === 5")  # the call has two views
    assert ada.page.locator("video, audio").count() == 0
    ada.page.locator(f"{CARD} svg title", has_text="Latency by hop").wait_for(state="attached")
    ada.save()
    ada.open()
    says(ada.page, CLOSED)
    looks(ada, "closed")
    ada.save()
    ada.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    ada.open()
    says(ada.page, CLOSED)
    assert troubles(ada) == []


def test_a_notebook_without_its_kernel_says_what_was_there(
    lab: JupyterLab, notebook: OpenNotebook, browser: Browser, room: str, tmp_path: Path
) -> None:
    ada = notebook(*cells(room))
    ada.page.set_viewport_size({"width": 1100, "height": 1500})
    running(ada)
    link = ada.python("print(link)")
    ada.wait_python("lab.last_chart")
    saved = ada.save()
    nbformat.validate(nbformat.from_dict(saved))  # type: ignore[no-untyped-call]
    assert len(states(saved)) == len(SAVED)
    text = json.dumps(saved)
    for secret in (lab.relay()["secret"], link, link.partition("#token=")[2], str(lab.relay()["port"]), "eyJ"):
        assert secret not in text
    ada.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    for _ in range(2):  # saving what was reopened must not lose it
        ada.open()
        says(ada.page, SAVED)
        assert ada.page.locator(f"{CARD} svg title").count() == 1  # the lab's last chart
        ada.save()
    looks(ada, "saved")
    assert troubles(ada) == []

    # In Notebook 7.
    classic = Notebook7(tmp_path / "classic")
    classic.start()
    try:
        (classic.notebooks / ada.path).write_text(json.dumps(saved))
        with open_notebook(classic, browser, ada.path) as reopened:
            says(reopened.page, SAVED)
            look(reopened.page, "saved-notebook7")
    finally:
        classic.stop()

    # Where nothing shows widgets, as on GitHub: without their states, and without scripts.
    del saved["metadata"]["widgets"]
    read = nbformat.reads(json.dumps(saved), as_version=4)  # type: ignore[no-untyped-call]
    html, _ = HTMLExporter().from_notebook_node(read)  # type: ignore[no-untyped-call]
    (tmp_path / "saved.html").write_text(html)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1100, "height": 1500})
    page = context.new_page()
    page.goto((tmp_path / "saved.html").as_uri())
    for sentence in SAVED:
        assert page.get_by_text(sentence).is_visible()
    look(page, "saved-html")
    context.close()


def test_a_restart_and_cleared_outputs_raise_no_error_of_ours(notebook: OpenNotebook, room: str) -> None:
    ada = notebook(*cells(room))
    running(ada)
    ada.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    ada.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
    )
    ada.page.get_by_text("The kernel has gone").first.wait_for()
    ada.save()
    ada.page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    ada.page.wait_for_function(f"() => document.querySelectorAll('.rw, {CARD}').length === 0")
    saved = ada.save()
    assert states(saved) == [] if "widgets" in saved["metadata"] else True
    ada.page.wait_for_timeout(4000)  # what a view leaves behind ends a moment after it
    assert troubles(ada) == []
