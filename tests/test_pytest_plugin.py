"""The plugin as its users have it: a pytest of their own, started anew."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbval.plugin import get_sanitize_patterns

from relay_widget import cli
from relay_widget.still import Still, as_html

from .waiting import is_there

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.process

FIVE_LINES = """
from relay_widget import Call

def test_somebody_is_there(call_room, fake_peer):
    fake_peer("Ada")
    peers = Call(room=call_room).wait_for_peers(1, timeout=30)
    assert repr(peers) == "(RemotePeer(name='Ada'),)"
"""


@pytest.fixture(autouse=True)
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The user's own runtime folder, which no run may touch."""
    folder = tmp_path / "users"
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    # The plugin is found by its entry point, and by nothing else.
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    yield folder
    assert list(folder.glob("relay-widget*")) == []
    assert list(tmp_path.glob("relay-widget-*")) == []


def ends(pid: int) -> bool:
    deadline_s = time.monotonic() + 20
    while is_there(pid) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return not is_there(pid)


def notebook(path: Path, *cells: tuple[str, str | dict[str, str]]) -> None:
    """A notebook of cells and the text that they are remembered to show."""
    made = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    for number, (source, text) in enumerate(cells, start=1):
        outputs = []
        if text:
            data = {"text/plain": text} if isinstance(text, str) else text
            outputs = [nbformat.v4.new_output("execute_result", data, execution_count=number)]  # type: ignore[no-untyped-call]
        cell = nbformat.v4.new_code_cell(source, outputs=outputs, execution_count=number)  # type: ignore[no-untyped-call]
        made.cells.append(cell)
    nbformat.write(made, path)  # type: ignore[no-untyped-call]


def test_the_plugin_is_found_by_its_entry_point() -> None:
    points = metadata.entry_points(group="pytest11", name="relay_widget")
    assert {point.value for point in points} == {"relay_widget.pytest_plugin"}


def test_a_users_five_lines_pass(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FIVE_LINES)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_the_relay_is_the_runs_own_and_ends_with_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import json, pathlib
        from relay_widget import Call, launcher

        def test_one(relay, call_room, request):
            assert launcher.find_relay() == relay
            pathlib.Path("one.json").write_text(json.dumps([relay.pid, call_room]))

        def test_two(relay, call_room):
            pid, room = json.loads(pathlib.Path("one.json").read_text())
            assert (relay.pid, room == call_room) == (pid, False)
            Call(room=call_room)  # is left open
    """)
    pytester.runpytest_subprocess().assert_outcomes(passed=2)
    pid, room = json.loads((pytester.path / "one.json").read_text())
    assert ends(pid)
    pytester.runpytest_subprocess("-k", "one").assert_outcomes(passed=1, deselected=1)
    again = json.loads((pytester.path / "one.json").read_text())
    assert again[1] == room, "a test's room is the same each time"
    assert ends(again[0])


def test_a_test_that_changes_the_environment_costs_the_user_nothing(pytester: pytest.Pytester, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "precious").write_text("kept")
    pytester.makepyfile(f"""
        import os, pathlib

        def test_it(relay):
            pathlib.Path("pid").write_text(str(relay.pid))
            os.environ["RELAY_WIDGET_RUNTIME_DIR"] = {str(mine)!r}
    """)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
    assert (mine / "precious").read_text() == "kept"
    assert ends(int((pytester.path / "pid").read_text()))


def test_a_seed_decides_what_a_fake_peer_sends(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import numpy as np, pytest
        from relay_widget.media.pattern import Pattern, read_stamp
        from relay_widget.peer import Peer

        @pytest.mark.parametrize("seed", [1, 2])
        def test_it(call_room, fake_peer, seed):
            fake_peer("Ada", seed=seed)
            with Peer(call_room, "Grace") as grace:
                frame = next(iter(grace.video(of="Ada", timeout_s=30)))
            sent = {known: Pattern(320, 240, fps=15, seed=known).picture(read_stamp(frame.rgb)) for known in (1, 2)}
            far = {known: np.abs(frame.rgb.astype(int) - picture).mean() for known, picture in sent.items()}
            assert far[seed] < 10 < far[3 - seed], far
    """)
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_fixtures_of_the_users_own_come_first(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.fixture
        def relay():
            return "mine"

        def test_it(relay):
            assert relay == "mine"
    """)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_loading_it_loads_nothing_else(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import sys

        def test_it():
            ours = {name for name in sys.modules if name.startswith("relay_widget.")}
            assert ours == {"relay_widget.pytest_plugin"}
            assert not {"av", "numpy", "PIL", "socketio", "aiohttp", "anywidget"} & sys.modules.keys()
    """)
    pytester.runpytest_subprocess("-p", "no:nbval").assert_outcomes(passed=1)


def test_without_the_media_extra_only_the_fake_peer_fails_and_says_why(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import sys; sys.modules['av'] = None")
    pytester.makepyfile("""
        from relay_widget import Call

        def test_call(call_room):
            assert Call(room=call_room).peers == ()

        def test_peer(fake_peer):
            fake_peer()
    """)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(['*pip install "relay-widget?media?"*'])


def test_under_nbval_a_call_is_apart_and_its_outputs_compare(pytester: pytest.Pytester, users: Path) -> None:
    card = Still("Call · room lab", "A call was here. Run the cell to open it.", closed="", picture="call")
    call = "from relay_widget import Call, launcher\ncall = Call(room='lab', name='Ada')\ncall"
    notebook(
        pytester.path / "call.ipynb",
        (call, {"text/plain": "Call(room='lab', name='Ada')", "text/html": as_html(card)}),
        ("launcher.ensure_relay()", "RelayAddress(url='http://127.0.0.1:1', pid=2)"),
        (f"open({str(pytester.path / 'pid')!r}, 'w').write(str(launcher.find_relay().pid)) > 0", "True"),
        ("call.wait_for_peers(0)", "()"),
    )
    file = subprocess.check_output([sys.executable, "-m", "relay_widget", "sanitize-file"], text=True).strip()
    for _ in range(2):
        result = pytester.runpytest_subprocess("--nbval", "--nbval-sanitize-with", file, "call.ipynb")
        result.assert_outcomes(passed=4)
        assert ends(int((pytester.path / "pid").read_text()))


def test_what_differs_from_run_to_run_is_sanitized_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["sanitize-file"])
    patterns = get_sanitize_patterns(Path(capsys.readouterr().out.strip()).read_text())

    def sanitized(text: str) -> str:
        for pattern, replacement in patterns:
            text = re.sub(pattern, replacement, text)
        return text

    same = [
        ("RelayAddress(url='http://127.0.0.1:8765', pid=12)", "RelayAddress(url='http://[::1]:1', pid=7)"),
        ("{'Qk1_b-9xYz01': 3}", "{'abcdefghijk7': 3}"),
        ("{'Qk1_b-9xYz01': 3}", '{"7bc_ef-hijkl": 3}'),
        ("{'Qk1_b-9xYz01': 3}", "{'abcdEfghijkl': 3}"),
        ("{'Qk1_b-9xYz01': 3}", "{'py-0123456789abcdef': 3}"),
        ("Ada is 183.2 ms behind, 29.8 fps", "Ada is 97 ms behind, 30 fps"),
        ("at 2026-01-02 03:04:05.678+00:00", "at 2027-12-31 23:59"),
        ("<object at 0x7f01>", "<object at 0xff>"),
        ("eyJhbGci.eyJyb2xl.Sig-_1", "eyJhbGci.eyJyb2xx.other"),
    ]
    for one, other in same:
        assert sanitized(one) == sanitized(other)
        assert sanitized(one) != one
    for differs in (
        "RemotePeer(name='Ada')",
        "Call(room='lab', name='Grace')",
        "(240, 320, 3) uint8",
        "3 chunks",
        "joined",
        "'reconnecting'",
        "'unknown-peer'",
        "'unknown-room'",
        "'queue_depths'",
        "'Alessandrina'",
    ):
        assert sanitized(differs) == differs
