"""Frames in Python beside a browser: the notebook as people run it, and what Python publishes on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .lab import JupyterLab, open_notebook
from .test_call import ROOT, cell, joined, plays, room
from .test_screenshots import in_theme, picture

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from .test_call import OpenNotebook

__all__ = ["room"]  # the fixture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_sound_from_python_is_heard_and_so_is_its_replay(notebook: OpenNotebook, room: str, tmp_path: Path) -> None:
    ada = joined(notebook(cell(room, "Ada")))
    path = tmp_path / "talk.relay"
    ada.python(
        "from relay_widget import Peer, replay\n"
        f"grace = Peer({room!r}, 'Grace').connect().wait()\n"
        "grace.publish_pattern(320, 240, fps=15)"
    )
    grace = ".rw-tile[aria-label='Grace'] video"
    ada.python(f"recorder = call.record({str(path)!r})")
    plays(ada, grace)
    ada.wait_python("recorder.duration_s > 15")
    ada.python("recorder.stop(); grace.close().wait()")
    ada.page.wait_for_selector(grace, state="detached")
    ada.python(f"replaying = replay({str(path)!r})")
    plays(ada, grace)
    ada.python("replaying.stop(); call.close()")


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
