"""What the documents say of the code is there."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from contextlib import ExitStack
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest
from IPython.display import display
from IPython.utils.capture import capture_output
from ipywidgets.widgets import widget as widget_module

from relay_widget import Call, LatencyLab, Peer, sweep
from relay_widget.cli import main
from relay_widget.still import StillWidget

from .test_lab import MeasuringPage

ROOT = Path(__file__).parents[1]


def test_every_row_about_bad_input_has_its_test() -> None:
    rows = [line for line in (ROOT / "docs/security.md").read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 24
    for row in rows:
        tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert tests, row
        for path, name in tests:
            assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE), (path, name)


def test_every_flag_in_the_documents_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    serving = (ROOT / "docs/deploy.md").read_text()
    others = {"--now", "--wheel", "--read-only", "--memory", "--max-", "--help"}
    assert set(re.findall(r"--[a-z][a-z-]*", serving)) - others <= known


def test_metrics_are_all_explained() -> None:
    names = re.findall(
        r'^\s+\(?"([a-z_]+)", "[A-Z]', (ROOT / "src/relay_widget/server/metrics.py").read_text(), re.MULTILINE
    )
    assert names
    text = (ROOT / "docs/deploy.md").read_text()
    for name in names:
        assert f"`{name}" in text, name


def snippets(document: str) -> list[tuple[int, str]]:
    """The Python of a document: each block with its line, in order."""
    text = (ROOT / document).read_text()
    return [
        (text[: block.start(1)].count("\n"), block[1])
        for block in re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    ]


async def run(line: int, source: str, names: dict[str, Any]) -> None:
    """Run a block as a cell, in these names; what a line's comment says it is, it is."""
    for statement in ast.parse("\n" * line + source).body:
        text = "\n".join(source.splitlines()[statement.lineno - 1 - line : (statement.end_lineno or 0) - line])
        said = re.search(r"# ('[^']*')$", text)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        if said is not None and isinstance(statement, ast.Expr):
            value = eval(compile(ast.Expression(statement.value), "README.md", "eval"), names)  # noqa: S307
            assert value == ast.literal_eval(said[1])
            continue
        result = eval(compile(ast.Module([statement], []), "README.md", "exec", flags), names)  # noqa: S307
        if inspect.isawaitable(result):
            await result


def close_all() -> None:
    """Close every widget that is open, as a snippet may not have kept it."""
    for widget in [one for one in widget_module._instances.values() if isinstance(one, StillWidget)]:
        widget.close()


@pytest.mark.timeout(240)
async def test_every_snippet_of_the_readme_runs_in_its_order(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a newcomer would run them, with Grace in the room, and something that measures in the lab's page."""
    monkeypatch.chdir(tmp_path)
    # The real thing, but not for minutes: a loop over frames has an end, a sweep is short.
    frames = Call.frames
    monkeypatch.setattr(Call, "frames", lambda call, peer: itertools.islice(frames(call, peer), 3))
    monkeypatch.setattr(LatencyLab, "sweep", partialmethod(LatencyLab.sweep, seconds=1, settle=0))
    monkeypatch.setattr(sweep, "STEADY_S", 0.5)
    monkeypatch.setattr(sweep, "MIN_REPORTS", 2)
    names: dict[str, Any] = {"__name__": "readme", "display": display, "token": "a token of theirs"}
    blocks = snippets("README.md")
    assert len(blocks) >= 10
    with ExitStack() as around, capture_output():
        around.callback(close_all)
        grace = around.enter_context(Peer("lab", "Grace"))
        grace.publish_pattern(320, 240, fps=15)
        for line, source in blocks:
            await run(line, source, names)
            if "LatencyLab(" in source:
                around.enter_context(MeasuringPage(names["lab"]))
        names["test_somebody_is_there"](
            "another-room", lambda name, **_: around.enter_context(Peer("another-room", name))
        )
        names["call"].close()
        names["lab"].close()
    assert (tmp_path / "talk.relay").stat().st_size > 0
