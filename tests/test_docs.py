"""What the documents say of the code is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay_widget.cli import main

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
