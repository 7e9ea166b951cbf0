"""The call on real footage: Big Buck Bunny as the camera. Takes the pictures of the README.

ffmpeg makes Chromium's fake camera of the clip.
``make screenshots`` writes the pictures into docs/images, a plain test run into tests/e2e/out.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.footage import clip

from .lab import JoinPage, JupyterLab, Notebook, chromium, open_notebook
from .test_call import cell, joined, plays

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

OUT = Path(os.environ.get("SCREENSHOTS") or Path(__file__).parent / "out")


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as motion JPEG, which Chromium takes for a camera."""
    camera: Path = tmp_path_factory.mktemp("footage") / "camera.mjpeg"
    convert = ["ffmpeg", "-loglevel", "error", "-i", str(clip("bigbuckbunny")), "-vf", "scale=640:360,fps=30"]
    subprocess.run([*convert, "-pix_fmt", "yuvj420p", "-q:v", "3", str(camera)], check=True)
    return camera


@pytest.fixture(scope="module")
def cinema(footage: Path) -> Iterator[Browser]:
    with chromium(f"--use-file-for-fake-video-capture={footage}") as browser:
        yield browser


def ripen(page: Page, seconds: float) -> None:
    """Wait until there is something to look at, if somebody is going to: a test sees it at once."""
    if "SCREENSHOTS" in os.environ:
        page.wait_for_timeout(seconds * 1000)


def picture(of: Notebook | JoinPage, name: str, selector: str = ".rw") -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    of.page.locator(selector).first.screenshot(path=OUT / f"{name}.png")


def in_theme(notebook: Notebook, theme: str) -> None:
    notebook.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    notebook.page.wait_for_selector(f'body[data-jp-theme-name="{theme}"]', state="attached")
    # JupyterLab takes its splash away 0.2 s later, and fails if another theme has come by then.
    notebook.page.wait_for_selector("#jupyterlab-splash", state="detached")
    ripen(notebook.page, 1)  # the theme's own transitions


def test_a_call_on_real_footage(lab: JupyterLab, cinema: Browser) -> None:
    room = "lab"
    ada_path = lab.write("ada.ipynb", cell(room, "Ada", source="camera"))
    grace_path = lab.write("grace.ipynb", cell(room, "Grace"))
    with open_notebook(lab, cinema, ada_path) as ada, open_notebook(lab, cinema, grace_path) as grace:
        joined(ada)
        joined(grace)
        plays(grace)
        plays(ada, sound=True)
        seen = grace.page.evaluate(
            "() => { const v = document.querySelector('video[data-peer-id]'); return [v.videoWidth, v.videoHeight]; }",
        )
        assert seen == [640, 360]
        grace.page.get_by_role("button", name="Figures").click()
        ripen(grace.page, 10)  # a curve to look at
        picture(grace, "call")
        in_theme(grace, "JupyterLab Dark")
        picture(grace, "call-dark")
        in_theme(grace, "JupyterLab Light")
        assert not [line for line in grace.console if line.startswith("pageerror")]


def test_the_lobby_with_a_preview(lab: JupyterLab, cinema: Browser) -> None:
    path = lab.write("lobby.ipynb", "from relay_widget import Call\ncall = Call(room='lab', name='Ada Lovelace')\ncall")
    with open_notebook(lab, cinema, path) as ada:
        ada.run_all()
        ada.page.get_by_role("button", name="Show preview").click()
        ada.page.wait_for_function("document.querySelector('video[data-self]')?.currentTime > 0.3")
        picture(ada, "lobby")


def test_a_guest_on_a_phone(lab: JupyterLab, cinema: Browser) -> None:
    shown = cell("lab", "Ada", source="camera").removesuffix("\ncall")
    path = lab.write("inviting.ipynb", f"{shown}\ncall", "call.invite_link('Grace', url='https://relay.example')")
    with open_notebook(lab, cinema, path) as ada:
        joined(ada)
        ada.page.get_by_alt_text("QR code of the invite link").wait_for()
        picture(ada, "invite", ".rw-invite")
        phone: dict[str, Any] = {"viewport": {"width": 390, "height": 640}, "device_scale_factor": 2, "has_touch": True}
        grace = JoinPage(cinema, ada.python("print(call.invite_link('Grace'))"), **phone)
        grace.page.get_by_role("combobox").first.select_option("pattern")
        grace.join()
        plays(ada)
        plays(grace)
        ripen(grace.page, 8)  # until it is as live as it gets
        picture(grace, "join", "body")
        grace.close()


@pytest.mark.parametrize("width", [320, 480, 1600])
def test_it_fits_narrow_and_wide(lab: JupyterLab, browser: Browser, width: int) -> None:
    """No part sticks out of the cell at any width."""
    path = lab.write(f"fits-{width}.ipynb", cell("fits", "Ada"), cell("fits", "Grace").replace("call", "other"))
    with open_notebook(lab, browser, path) as both:
        both.page.set_viewport_size({"width": max(width + 140, 700), "height": 1000})
        both.page.add_style_tag(content=f".rw {{ max-width: {width}px; }}")
        joined(both)
        both.page.wait_for_function("document.querySelectorAll('video[data-peer-id]').length === 2")
        plays(both)
        sticking_out = both.page.evaluate(
            "() => { const root = document.querySelector('.rw'), edge = root.getBoundingClientRect().right + 1;"
            " return [...root.querySelectorAll('button, .rw-tile, .rw-tag, .rw-badge')]"
            ".filter((e) => e.getBoundingClientRect().right > edge).map((e) => e.outerHTML.slice(0, 80)); }",
        )
        assert sticking_out == []
        picture(both, f"fits-{width}")
