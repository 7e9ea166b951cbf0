"""The latency lab as people have it. Also takes its pictures for the README (``make screenshots``)."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from .lab import JupyterLab, chromium, open_notebook
from .test_call import ROOT, joined, plays, room
from .test_screenshots import in_theme, picture, ripen

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser

    from .lab import Notebook

    OpenNotebook = Callable[..., Notebook]

__all__ = ["room"]  # the fixture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WIDGETS = "application/vnd.jupyter.widget-state+json"
STILL = ".relay-widget-still figcaption + svg"


def cell(room: str) -> str:
    return f"from relay_widget import LatencyLab\nlab = LatencyLab(room={room!r}, name='Ada', auto_join=True)\nlab"


def measuring(notebook: Notebook) -> Notebook:
    joined(notebook)
    known = "set(lab.latency.get(lab.peers[0].id, ()))"
    notebook.wait_python(f"lab.wait_for_page(0) and {known} >= {{'record', 'play', 'total'}}")
    return notebook


def slide(notebook: Notebook, label: str, key: str) -> None:
    notebook.page.get_by_label(label, exact=True).press(key)


def test_one_cell_measures_alone_and_its_knobs_act_both_ways(notebook: OpenNotebook, room: str) -> None:
    ada = measuring(notebook(cell(room)))
    plays(ada, sound=False)
    (own,) = ada.python("print(lab.peers[0].id)").split()
    assert ada.page.locator(f"audio[data-peer-id='{own}']").evaluate_all("all => all.every(a => a.volume === 0)")
    # It draws: each of the five hops has its colour somewhere in the chart.
    ada.page.wait_for_function(
        """() => {
          const canvas = document.querySelector('.rw-plot-latency canvas');
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          const seen = new Set();
          for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
          return seen.has(0x5e9ad6) && seen.has(0xc879a8);
        }"""
    )
    slide(ada, "Timeslice", "End")
    ada.wait_python("lab.timeslice == 3000")
    slide(ada, "Target", "Home")
    ada.python("lab.timeslice = 100")
    ada.page.wait_for_function(
        "() => document.querySelector('.rw-slider output').textContent === '100 ms'",
    )
    slide(ada, "Delay", "End")
    ada.wait_python("lab.delay_ms == 1000")
    ada.wait_python("lab.latency.get(lab.peers[0].id, {}).get('downlink', {}).get('p50', 0) > 500")
    ada.page.get_by_role("button", name="none").click()
    ada.wait_python("lab.delay_ms == 0")
    # The head tells what WebRTC takes, and Python knows.
    ada.wait_python("lab.webrtc_ms")
    ada.page.get_by_text("WebRTC here:").wait_for()
    ada.page.get_by_role("button", name="Leave", exact=True).click()
    ada.wait_python("lab.state == 'left' and lab.last_chart.startswith('<svg')")
    ada.page.get_by_role("button", name="Measure again").click()
    ada.wait_python("lab.state == 'joined'")
    assert not [line for line in ada.console if line.startswith("pageerror")]


def test_a_sweep_runs_in_one_cell_and_leaves_its_curve(notebook: OpenNotebook, room: str) -> None:
    ada = notebook(cell(room), "await lab.sweep(delay_ms=[0, 300], seconds=2, settle=1)")
    ada.run_all()
    ada.page.wait_for_function(
        "() => document.querySelectorAll('.jp-OutputArea-output table').length > 0", timeout=180_000
    )
    assert ada.python("print(lab.delay_ms)") == "0.0"
    assert ada.page.locator(".rw-sweep svg").count() == 1
    (_, swept) = [cell for cell in ada.save()["cells"] if cell["cell_type"] == "code"]
    outputs = [output["data"] for output in swept["outputs"]]
    assert any("<svg" in "".join(data.get("text/html", "")) for data in outputs)
    assert not any("widget-view" in kind for data in outputs for kind in data)


def test_the_last_chart_outlives_the_kernel(lab: JupyterLab, notebook: OpenNotebook, room: str) -> None:
    """Also where JupyterLab has been told to save widgets' states itself; test_still.py has it where it has not."""
    settings = lab.folder / "settings" / "@jupyter-widgets" / "jupyterlab-manager"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "plugin.jupyterlab-settings").write_text(json.dumps({"saveState": True}))
    try:
        ada = measuring(notebook(cell(room)))
        ada.page.wait_for_timeout(2000)  # a curve to look at
        saved: dict[str, Any] = ada.save()
        states = saved["metadata"]["widgets"][WIDGETS]["state"]
        stills = [state for state in states.values() if "last_chart" in state["state"]]
        assert len(stills) == 1
        assert len(json.dumps(stills)) < 50_000
        assert lab.relay()["secret"] not in json.dumps(saved)
        ada.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        ada.page.get_by_text("The kernel has gone").wait_for()
        for _ in range(2):  # saving what was reopened must not lose it
            ada.open()
            ada.page.wait_for_selector(STILL)
            ada.page.get_by_text("A latency lab was here").wait_for()
            ada.save()
        assert not [line for line in ada.console if line.startswith("pageerror")]
    finally:
        (settings / "plugin.jupyterlab-settings").unlink()


def test_a_chart_out_of_a_notebook_runs_nothing(lab: JupyterLab, browser: Browser, room: str) -> None:
    """A notebook from somebody else, even one that is trusted: its chart is shown, and what else is in it is not."""
    path = lab.write("foreign.ipynb", cell(room))
    with open_notebook(lab, browser, path) as ada:
        measuring(ada)
        ada.page.wait_for_timeout(2000)
        notebook = ada.save()
    bad = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9' onload='window.bad = 1'>"
        "<script>window.bad = 1</script><a href='javascript:window.bad=1'><text>x</text></a>"
        "<path d='M0 0' onclick='window.bad = 1'/>"
        "<foreignObject><img src='x' onerror='window.bad = 1'/></foreignObject></svg>"
    )
    for state in notebook["metadata"]["widgets"][WIDGETS]["state"].values():
        state["state"]["last_chart"] = bad
    (lab.notebooks / path).write_text(json.dumps(notebook))
    trust = [sys.executable, "-m", "jupyter", "trust", str(lab.notebooks / path)]
    subprocess.run(trust, env=lab.env, check=True, capture_output=True)
    with open_notebook(lab, browser, path) as reopened:
        reopened.page.wait_for_selector(STILL)
        assert reopened.page.locator(f"{STILL} path").count() == 1
        for forbidden in ("script", "a", "foreignObject", "img", "[onload]", "[onclick]"):
            assert reopened.page.locator(f"{STILL} {forbidden}").count() == 0
        assert reopened.page.evaluate("window.bad") is None


def test_pictures_light_and_dark_wide_and_narrow(lab: JupyterLab, room: str) -> None:
    """No part sticks out, and what is taken here is what the README shows."""
    with chromium() as own:
        path = lab.write("lesson.ipynb", cell(room))
        with open_notebook(lab, own, path) as ada:
            ada.page.set_viewport_size({"width": 1100, "height": 900})
            in_theme(ada, "JupyterLab Light")
            measuring(ada)
            ada.page.wait_for_function(
                "() => /WebRTC here: \\d+ ms/.test(document.querySelector('.rw-head').textContent)", timeout=60_000
            )
            ripen(ada.page, 25)  # a curve to look at
            picture(ada, "lab")
            in_theme(ada, "JupyterLab Dark")
            ripen(ada.page, 15)
            picture(ada, "lab-dark")
            in_theme(ada, "JupyterLab Light")
            ada.page.set_viewport_size({"width": 1100, "height": 1300})
            ada.page.add_style_tag(content=".rw { max-width: 400px; }")
            outside = (
                "() => { const root = document.querySelector('.rw'), edge = root.getBoundingClientRect().right + 1;"
                " return [...root.querySelectorAll('button, .rw-tile, .rw-slider, .rw-plot, .rw-lab-legend > span')]"
                ".filter((e) => e.getBoundingClientRect().right > edge).map((e) => e.outerHTML.slice(0, 80)); }"
            )
            for _ in range(50):  # the charts follow their place a moment later
                if ada.page.evaluate(outside) == []:
                    break
                ada.page.wait_for_timeout(100)
            assert ada.page.evaluate(outside) == []
            ripen(ada.page, 1.5)
            picture(ada, "lab-narrow")


def test_the_lesson_runs_all(lab: JupyterLab, browser: Browser) -> None:
    path = lab.copy(ROOT / "notebooks" / "02-latency-lab.ipynb")
    with open_notebook(lab, browser, path) as lesson:
        lesson.page.set_viewport_size({"width": 1100, "height": 900})
        lesson.run_all()
        lesson.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.content.widgets.filter((c) => c.model.type === 'code')"
            ".every((c) => c.model.executionCount !== null && c.model.executionState === 'idle')",
            timeout=280_000,
        )
        saved = lesson.save()
        outputs = [output for cell in saved["cells"] for output in cell.get("outputs", [])]
        assert [output for output in outputs if output["output_type"] == "error"] == []
        assert sum("<svg" in str(output.get("data", {}).get("text/html")) for output in outputs) >= 2
