"""The keyboard in a call: what is pressed in it stays in it, and everything can be reached with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .test_call import cell, joined

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    from .lab import Notebook

    OpenNotebook = Callable[..., Notebook]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

# In command mode each of these changes a notebook, moves to another cell or runs one.
LETTERS = ("m", "m", "v", "v", "a", "b", "c", "x", "d", "d", "y", "r", "j", "k", "z", "1", "Shift+m", "Shift+l")
MOVES = ("ArrowDown", "ArrowUp", "Home", "End", "Shift+ArrowDown")
RUNS = ("Control+Enter", "Shift+Enter", "Alt+Enter", "Enter")

# What a key could have changed: the cells, which of them is active, the mode, and what has run.
NOTEBOOK = """() => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const cells = notebook.widgets.map(({ model }) =>
    [model.type, model.sharedModel.source, model.type === 'code' ? model.executionCount : null]);
  return { cells, active: notebook.activeCellIndex, mode: notebook.mode, selected: notebook.selectedCells.length };
}"""


FOCUSED = "() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"


def focused(page: Page) -> str:
    """What the element with the focus says."""
    words: str = page.evaluate(FOCUSED)
    return words


def notebook_state(page: Page) -> dict[str, Any]:
    seen: dict[str, Any] = page.evaluate(NOTEBOOK)
    return seen


def keys_stay_inside(page: Page, element: Locator, *keys: str) -> None:
    """Press keys with the focus on this element, and see that the notebook has heard none of them."""
    element.focus()
    before = notebook_state(page)
    for key in keys:
        page.keyboard.press(key)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert notebook_state(page) == before, f"one of {keys} on {element}"


def test_no_key_reaches_the_notebook(notebook: OpenNotebook, room: str) -> None:
    """In command mode with the focus on each button of the call, of the doctor and of an invitation."""
    ada = notebook(cell(room, "Ada"), "import relay_widget\nrelay_widget.doctor()", "call.invite_link()")
    joined(ada)
    page = ada.page
    page.get_by_role("button", name="Copy link").wait_for()
    page.get_by_role("button", name="Try again").wait_for()
    for widget in page.locator(".rw").all():
        for button in widget.get_by_role("button").all():
            keys_stay_inside(page, button, *LETTERS, *MOVES)
    keys_stay_inside(page, page.get_by_role("button", name="Figures"), *RUNS)
    ada.wait_python("call.state == 'joined'")


def test_the_keyboard_alone_leads_through_a_call(notebook: OpenNotebook, room: str) -> None:
    """Lobby, join, controls, another name, leave, rejoin, lobby: the focus is never lost to the notebook."""
    ada = notebook(f"from relay_widget import Call\ncall = Call(room={room!r}, name='Ada', source='pattern')\ncall")
    ada.run_all()
    page = ada.page
    page.get_by_role("button", name=f"Join “{room}”").focus()
    before = notebook_state(page)
    page.keyboard.press("Enter")
    page.wait_for_selector(".rw[data-phase=joined]")
    assert focused(page) == "Microphone"

    page.keyboard.press("m")
    ada.wait_python("call.microphone is False")
    page.keyboard.press("v")
    ada.wait_python("call.camera is False")
    page.keyboard.down(" ")
    ada.wait_python("call.microphone is True")
    page.keyboard.up(" ")
    ada.wait_python("call.microphone is False")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Keys").wait_for(state="detached")
    assert focused(page) == "Microphone"

    page.keyboard.press("Shift+Tab")  # one stop back from the controls: the tiles
    page.keyboard.press("Home")
    assert focused(page) == "Ada (you) · test picture: change your name"
    page.keyboard.press("Enter")
    page.keyboard.type("Mina")  # letters, not keys of the call
    page.keyboard.press("Enter")
    ada.wait_python("call.name == 'Mina' and call.microphone is False")
    assert focused(page) == "Mina (you) · test picture: change your name"

    page.keyboard.press("f")
    page.wait_for_selector(".rw:fullscreen")
    page.keyboard.press("f")
    page.wait_for_selector(".rw:not(:fullscreen)")

    page.keyboard.press("Tab")
    assert focused(page) == "Microphone"
    page.keyboard.press("End")
    assert focused(page) == "Leave"
    page.keyboard.press("Enter")
    page.wait_for_selector(".rw[data-phase=left]")
    assert focused(page) == "Rejoin"
    page.keyboard.press("Enter")
    page.wait_for_selector(".rw[data-phase=joined]")
    assert focused(page) == "Microphone"
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_selector(".rw[data-phase=left]")
    page.keyboard.press("Tab")
    assert focused(page) == "Back to the lobby"
    page.keyboard.press("Enter")
    page.wait_for_selector(".rw[data-phase=idle]")
    assert focused(page) == f"Join “{room}”"
    ada.wait_python("call.state == 'idle'")
    assert notebook_state(page) == before

    # A person who types in a cell goes on typing, whatever happens in the call.
    page.keyboard.press("Enter")
    page.wait_for_selector(".rw[data-phase=joined]")
    page.locator(".jp-Cell .cm-content").first.click()
    ada.python("call.leave()")
    page.wait_for_selector(".rw[data-phase=left]")
    assert page.evaluate("document.activeElement.closest('.cm-content') !== null")


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)[:60]
