"""Frames in Python beside a browser: the notebook as people run it, and what Python publishes on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .lab import JupyterLab, open_notebook
from .test_call import ROOT, plays
from .test_screenshots import in_theme, picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_the_notebook_shows_the_street_and_its_edges(lab: JupyterLab, browser: Browser) -> None:
    with open_notebook(lab, browser, lab.copy(ROOT / "notebooks/03-frames-in-python.ipynb")) as notebook:
        page = notebook.page
        notebook.run_all()
        page.wait_for_selector(".rw[data-phase=joined]")
        page.wait_for_function("document.querySelectorAll('video[data-peer-id]').length === 2", timeout=90_000)
        notebook.wait_python("'made' in globals()", timeout_s=90)
        for name, size in (("Grace", [640, 272]), ("Grace (edges)", [639, 271])):
            video = f".rw-tile[aria-label='{name}'] video"
            page.wait_for_function("selector => document.querySelector(selector)?.currentTime > 0", arg=video)
            shown = page.evaluate(
                "selector => { const v = document.querySelector(selector); return [v.videoWidth, v.videoHeight]; }",
                video,
            )
            assert shown == size
        plays(notebook, sound=False)
        page.locator(".rw").first.scroll_into_view_if_needed()
        for width in (1100, 480):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_timeout(500)
            picture(notebook, f"frames-{width}")
        in_theme(notebook, "JupyterLab Dark")
        picture(notebook, "frames-dark")
        assert not [line for line in notebook.console if line.startswith("pageerror")]
        notebook.python("call.close(); grace.close().wait()")
