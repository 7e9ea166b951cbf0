"""Invite from the cell, and a call where its place is small: an output view, a scrolled output. Real JupyterLab."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from .lab import JoinPage, Notebook
from .test_call import cell, joined, plays
from .test_join_page import shot

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser

    OpenNotebook = Callable[..., Notebook]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ROOM = 'it\'s a "quoted" \\ room, 李雷'
SHEET = '.rw-sheet[aria-label="Invite"]'

IN_SIGHT = """
(place) => {
  const outer = document.querySelector(place).getBoundingClientRect();
  const seen = (label) => {
    const button = document.querySelector(`${place} .rw-bar [aria-label="${label}"]`);
    if (button === null) return `${label} is missing`;
    const { top, bottom, height } = button.getBoundingClientRect();
    const inside = height > 0 && top >= outer.top && bottom <= outer.bottom && bottom <= innerHeight;
    return inside ? "" : `${label} is cut off: ${top} to ${bottom} in ${outer.top} to ${outer.bottom}`;
  };
  return ["Microphone", "Leave", "Invite"].map(seen).filter((words) => words !== "");
}
"""


def controls_in_sight(of: Notebook, place: str) -> None:
    """Wait until no control of the call that this place shows is cut off."""
    of.page.wait_for_selector(f"{place} .rw-bar")
    of.page.wait_for_function(f"(place) => ({IN_SIGHT})(place).length === 0", arg=place, timeout=10_000)


def run(of: Notebook, command: str) -> None:
    of.page.evaluate("command => window.jupyterapp.commands.execute(command)", command)


def copied(of: Notebook, selector: str) -> str:
    of.page.locator(selector).first.click()
    of.page.get_by_text("Copied").or_(of.page.get_by_label("Copied")).first.wait_for()
    text: str = of.page.evaluate("navigator.clipboard.readText()")
    return text


def test_an_invite_from_the_cell_lets_a_guest_in_and_leaves_nothing(notebook: OpenNotebook, browser: Browser) -> None:
    ada = notebook(cell(ROOM, "Ada"), permissions=["clipboard-read", "clipboard-write"])
    joined(ada)
    snippet = copied(ada, ".rw-snippet button")
    ada.python(f"other = {snippet}")
    assert ada.python("print(other.room == call.room, other._named is call._named)") == "True True"
    ada.python("other.close()")

    ada.page.locator(".rw-empty").get_by_role("button", name="Invite").click()
    sheet = ada.page.locator(SHEET)
    sheet.get_by_alt_text("QR code of the invite link").wait_for()
    assert sheet.get_by_alt_text("QR code of the invite link").evaluate(
        "image => image.decode().then(() => image.naturalWidth > 0)"
    )
    code = sheet.get_by_alt_text("QR code of the invite link").get_attribute("src") or ""
    assert len(code) > 1000
    sheet.get_by_text("works on this computer only").wait_for()
    assert ada.page.evaluate("document.activeElement.closest('.rw-sheet') !== null"), "it has the focus"
    controls_in_sight(ada, ".rw")
    shot(ada, "invite-in-call", ".rw")
    link = copied(ada, f"{SHEET} .rw-copy-whole")
    sheet.get_by_label("Watch and listen only").click()
    sheet.get_by_text("A guest may watch and listen").wait_for()
    watching = copied(ada, f"{SHEET} .rw-copy-whole")
    assert watching != link
    ada.page.keyboard.press("Escape")
    sheet.wait_for(state="detached")
    assert ada.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Invite"

    saved = json.dumps(ada.save())
    for secret in (link.partition("#token=")[2], watching.partition("#token=")[2], code[100:200]):
        assert secret not in saved
    assert not re.search(r"eyJ[\w-]{10,}\.", saved), "a JSON web token"

    grace = JoinPage(browser, link)
    grace.page.get_by_label("Your name").fill("Grace")
    grace.join()
    ada.wait_python("[peer.name for peer in call.peers] == ['Grace']")
    plays(ada)
    plays(grace)
    assert grace.page.get_by_label("Invite").count() == 0, "a guest makes no links"
    grace.close()
    mary = JoinPage(browser, watching)
    mary.says("You watch and listen.")
    mary.close()
    assert not [line for line in ada.console if line.startswith("pageerror")]


def test_an_output_view_and_a_scrolled_output_show_the_controls(notebook: OpenNotebook) -> None:
    both = notebook(cell("small", "Ada"), cell("small", "Grace").replace("call", "other"))
    joined(both)
    plays(both)
    ada = ".jp-Notebook .jp-Cell:first-child .jp-Cell-outputArea"
    both.page.locator(".jp-Notebook .jp-Cell").first.locator(".jp-InputArea").click()
    tall_px = height(both, f"{ada} .rw")
    run(both, "notebook:enable-output-scrolling")
    both.page.wait_for_selector(".jp-Cell.jp-mod-outputsScrolled")
    controls_in_sight(both, ada)
    assert height(both, f"{ada} .rw") < tall_px
    shot(both, "scrolled-output", ada)
    run(both, "notebook:disable-output-scrolling")
    both.page.wait_for_function(
        "([selector, px]) => document.querySelector(selector).offsetHeight === px", arg=[f"{ada} .rw", tall_px]
    )

    both.page.evaluate("() => { window.jupyterapp.shell.mode = 'multiple-document'; }")
    run(both, "notebook:create-output-view")
    view = ".jp-LinkedOutputView"
    for height_px in (800, 480):  # the view has half of it, less the tabs
        both.page.set_viewport_size({"width": 1100, "height": height_px})
        controls_in_sight(both, view)
        both.page.wait_for_function(
            "view => { const scrolls = (e) => e.scrollHeight > e.clientHeight + 1;"
            " const outer = document.querySelector(view);"
            " return outer.clientHeight - document.querySelector(`${view} .rw`).offsetHeight < 40"
            " && ![outer, ...outer.querySelectorAll('.jp-OutputArea, .jp-OutputArea-output')].some(scrolls); }",
            arg=view,
            timeout=10_000,
        )
        shot(both, f"output-view-{height_px}", view)
    assert not [line for line in both.console if line.startswith("pageerror")]


def height(of: Notebook, selector: str) -> int:
    px: int = of.page.locator(selector).first.evaluate("element => element.offsetHeight")
    return px
