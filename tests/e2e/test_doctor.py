"""The doctor in a real page: each thing in the way is really there, and is named. Takes its picture for the README."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from relay_widget.tokens import mint
from tests.proxy_without_upgrade import proxy_without_upgrade
from tests.relay_process import RelayProcess

from .lab import JupyterLab, chromium, open_notebook
from .test_screenshots import in_theme, picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .lab import Notebook

    OpenNotebook = Callable[..., Notebook]
    Rows = dict[str, dict[str, str]]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ASKS_NOBODY = ("--use-fake-ui-for-media-stream",)
NO_DEVICES = ("--use-fake-device-for-media-stream",)
GIVEN = "way: given address"
DIRECT = "way: relay's port"
KERNEL = "way: via the kernel"


def cell(*arguments: object, **settings: object) -> str:
    given = ", ".join([*map(repr, arguments), *(f"{key}={value!r}" for key, value in settings.items())])
    return f"from relay_widget import doctor\nresult = doctor({given})\nresult"


def shown(notebook: Notebook) -> Rows:
    """The rows as Python has them once the page has answered; the page shows the same."""
    notebook.run_all()
    notebook.page.locator(".rw-doctor").wait_for(timeout=60_000)
    rows: Rows = json.loads(
        notebook.python("import json; print(json.dumps({row.check: row.as_json() for row in result.wait()}))")
    )
    assert "page" not in rows, f"no page answered; it said {notebook.console[-8:]}"
    in_page = notebook.page.eval_on_selector_all(
        ".rw-row", "rows => rows.map((row) => [row.dataset.check, row.dataset.code])"
    )
    assert sorted(in_page) == sorted([row["check"], row["code"]] for row in rows.values())
    assert not [line for line in notebook.console if line.startswith("pageerror")]
    return rows


def states(rows: Rows, state: str) -> dict[str, str]:
    return {check: row["code"] for check, row in rows.items() if row["state"] == state}


def token(relay: RelayProcess) -> str:
    return str(relay.auth()["token"])


def test_all_is_well(notebook: OpenNotebook) -> None:
    ada = notebook(cell())
    rows = shown(ada)
    assert states(rows, "bad") == states(rows, "warning") == {}
    for check in ("secure page", "camera", "microphone", "codecs both ways", DIRECT, KERNEL, "clock", "relay", "token"):
        assert rows[check]["state"] == "good", rows[check]
    assert "VP8" in rows["codecs both ways"]["message"]
    assert re.search(r"give or take \d+\.\d ms", rows["clock"]["message"])
    ada.page.get_by_text("Nothing is in the way").wait_for()

    # It fits, light and dark, wide and narrow; and there is nothing in the notebook that lets anybody in.
    picture(ada, "doctor-well")
    for width in (320, 480):
        ada.page.add_style_tag(content=f".rw-doctor {{ max-width: {width}px; }}")
        overhang = ada.page.evaluate(
            "() => { const root = document.querySelector('.rw-doctor'), edge = root.getBoundingClientRect().right + 1;"
            " return [...root.querySelectorAll('button, td, th, .rw-chip')]"
            ".filter((e) => e.getBoundingClientRect().right > edge).map((e) => e.outerHTML.slice(0, 90)); }"
        )
        picture(ada, f"doctor-{width}")
        assert overhang == []
    saved = json.dumps(ada.save())
    assert "eyJ" not in saved  # what every token begins with
    assert ada.lab.relay()["secret"] not in saved


def test_one_cell_may_wait_for_its_own_page(notebook: OpenNotebook) -> None:
    code = (
        "from relay_widget import doctor\n"
        "result = doctor()\n"
        "display(result)\n"
        "answered = {row.check for row in await result}"
    )
    ada = notebook(code)
    ada.run_all()
    ada.wait_python("'camera' in globals().get('answered', ())", timeout_s=90)


def test_the_next_cell_may_wait_for_the_page(notebook: OpenNotebook) -> None:
    """As *Run all* has it: from when the page first speaks, the kernel's main thread waits for it."""
    ada = notebook(cell(), "rows = {row.check: row.state for row in result.wait()}")
    ada.run_all()
    ada.wait_python("'camera' in globals().get('rows', ())", timeout_s=90)
    assert "bad" not in ada.python("print(rows)")


def test_camera_and_microphone_are_denied(lab: JupyterLab) -> None:
    path = lab.write("denied.ipynb", cell(capture=True))
    with (
        chromium("--deny-permission-prompts", without=ASKS_NOBODY) as strict,
        open_notebook(lab, strict, path) as ada,
    ):
        rows = shown(ada)
    for device in ("camera", "microphone"):
        assert (rows[device]["state"], rows[device]["code"]) == ("bad", "permission-denied")
        assert "blocked" in rows[device]["message"]
        assert "address bar" in rows[device]["advice"]
    assert rows["secure page"]["state"] == rows[DIRECT]["state"] == "good"


def test_permission_that_was_refused_before_is_seen_without_asking(lab: JupyterLab) -> None:
    path = lab.write("refused.ipynb", cell())
    with chromium(without=ASKS_NOBODY) as strict, open_notebook(lab, strict, path) as ada:
        ada.page.context.grant_permissions(["clipboard-write"])  # which takes all others away
        rows = shown(ada)
    assert rows["camera"]["code"] == rows["microphone"]["code"] == "permission-denied"


def test_there_is_no_camera(lab: JupyterLab) -> None:
    path = lab.write("bare.ipynb", cell(capture=True))
    with chromium(without=NO_DEVICES) as bare, open_notebook(lab, bare, path) as ada:
        rows = shown(ada)
    assert (rows["camera"]["state"], rows["camera"]["code"]) == ("warning", "no-camera")
    assert (rows["microphone"]["state"], rows["microphone"]["code"]) == ("warning", "no-microphone")
    assert states(rows, "bad") == {}


def test_http_on_an_address_that_is_not_local(tmp_path: Path) -> None:
    far = JupyterLab(tmp_path, "--ServerApp.allow_remote_access=True", host="lab.test")
    far.start()
    try:
        path = far.write("far.ipynb", cell())
        with (
            chromium("--host-resolver-rules=MAP lab.test 127.0.0.1") as browser,
            open_notebook(far, browser, path) as ada,
        ):
            rows = shown(ada)
            assert ada.page.evaluate("window.isSecureContext") is False
            ada.page.get_by_role("button", name="Copy as text").click()
            ada.page.get_by_text("Copied", exact=True).wait_for()  # also where there is no clipboard
    finally:
        far.stop()
    assert (rows["secure page"]["state"], rows["secure page"]["code"]) == ("bad", "insecure-page")
    assert "https://" in rows["secure page"]["advice"]
    assert rows["camera"]["code"] == rows["microphone"]["code"] == "insecure-page"
    assert rows[DIRECT]["code"] == "other-machine"
    assert rows["relay"]["state"] == rows[KERNEL]["state"] == "good"


def test_a_wrong_token(notebook: OpenNotebook, relay: RelayProcess) -> None:
    rows = shown(notebook(cell(relay.url, mint("x" * 43, role="peer", lifetime_s=60))))
    assert states(rows, "bad") == {GIVEN: "bad-token", KERNEL: "bad-token", "token": "bad-token"}
    assert rows["relay"]["state"] == "good"


def test_a_relay_of_another_protocol_version(notebook: OpenNotebook) -> None:
    with RelayProcess(module="tests.relay_of_version_2") as newer:
        rows = shown(notebook(cell(newer.url, token(newer))))
    assert states(rows, "bad") == dict.fromkeys((GIVEN, KERNEL, "protocol"), "unsupported-protocol")
    assert "different versions" in rows[GIVEN]["message"]
    assert "protocol 2" in rows[GIVEN]["advice"]


def test_a_blocked_websocket(notebook: OpenNotebook, relay: RelayProcess) -> None:
    with proxy_without_upgrade(relay.url) as url:
        ada = notebook(cell(url, token(relay)))
        rows = shown(ada)
        picture(ada, "doctor-blocked")
    assert states(rows, "warning") == {GIVEN: "websocket-blocked"}
    assert states(rows, "bad") == {"kernel websocket": "websocket-blocked"}
    assert rows["clock"]["state"] == "good"  # plain requests carry


def test_a_relay_that_ends_while_one_looks_is_seen_by_trying_again(notebook: OpenNotebook) -> None:
    with RelayProcess() as relay:
        ada = notebook(cell(relay.url, token(relay)))
        rows = shown(ada)
        assert rows[GIVEN]["state"] == "good"
        relay.end()
        ada.page.get_by_role("button", name="Try again").click()
        ada.page.locator(f".rw-row[data-check='{GIVEN}'][data-code=relay-unreachable]").wait_for()
        ada.wait_python(f"{{row.check: row.code for row in result.rows}}[{GIVEN!r}] == 'relay-unreachable'")


def test_trying_the_devices_asks_and_answers(lab: JupyterLab) -> None:
    path = lab.write("asking.ipynb", cell())
    allowed = ["camera", "microphone"]
    with chromium(without=ASKS_NOBODY) as asking, open_notebook(lab, asking, path, permissions=allowed) as ada:
        assert shown(ada)["camera"]["message"].startswith("Allowed")
        ada.page.get_by_role("button", name="Try camera and microphone").click()
        ada.wait_python("'It opens' in {row.check: row.message for row in result.rows}['camera']")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_its_picture(lab: JupyterLab, relay: RelayProcess, theme: str) -> None:
    """What people see when something is in the way: no camera allowed, and a proxy that blocks WebSockets."""
    with proxy_without_upgrade(relay.url) as url, chromium("--deny-permission-prompts", without=ASKS_NOBODY) as strict:
        path = lab.write("picture.ipynb", cell(url, token(relay), capture=True))
        with open_notebook(lab, strict, path) as ada:
            ada.page.set_viewport_size({"width": 1100, "height": 900})
            shown(ada)
            if theme == "dark":
                in_theme(ada, "JupyterLab Dark")
            picture(ada, "doctor" if theme == "light" else "doctor-dark")
            if theme == "dark":
                in_theme(ada, "JupyterLab Light")
