"""Who may import whom."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "relay_widget"
STDLIB = sys.stdlib_module_names
NOT_IN_CORE = {"asyncio", "socket", "time", "logging", "threading", "datetime", "random", "secrets", "os"}


def imports(path: Path) -> set[str]:
    """What a file imports, anywhere in it: our own modules as ``.name``, everything else by its top name."""
    package = ["relay_widget", *path.relative_to(PACKAGE).parent.parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module or "").split(".")] if node.module else base
            names = [".".join([*module, alias.name]) for alias in node.names]
        else:
            continue
        for name in names:
            top, *rest = name.split(".")
            found.add(f".{rest[0]}" if top == "relay_widget" and rest else top)
    return found


def own(path: Path) -> set[str]:
    return {name for name in imports(path) if name.startswith(".")}


def files(folder: str) -> list[Path]:
    found = sorted((PACKAGE / folder).glob("*.py"))
    assert found
    return found


@pytest.mark.parametrize("path", files("core"), ids=lambda path: path.name)
def test_core_is_pure(path: Path) -> None:
    assert own(path) <= {".core", ".protocol", ".tidy", ".errors", ".grants"}
    foreign = {name for name in imports(path) if not name.startswith(".")}
    assert foreign <= STDLIB - NOT_IN_CORE | {"msgspec"}


@pytest.mark.parametrize("path", files("server"), ids=lambda path: path.name)
def test_server_stands_on_core(path: Path) -> None:
    assert own(path) <= {".server", ".core", ".protocol", ".ending", ".errors", ".grants", ".tokens"}
    foreign = {name for name in imports(path) if not name.startswith(".")}
    assert foreign <= STDLIB | {"socketio", "engineio", "aiohttp", "msgspec", "prometheus_client", "redis", "uvloop"}


@pytest.mark.parametrize("path", files("media"), ids=lambda path: path.name)
def test_media_knows_no_socket(path: Path) -> None:
    assert own(path) <= {".media", ".protocol", ".paths", ".errors", ".extras"}
    foreign = {name for name in imports(path) if not name.startswith(".")}
    heavy = set() if path.name in ("__init__.py", "webm.py") else {"av", "numpy", "PIL"}
    assert foreign <= (STDLIB - {"asyncio", "socket", "threading"}) | heavy


@pytest.mark.parametrize(
    "name", ["monitor", "client", "background", "streams", "publication", "peer", "tunnel", "subshells"]
)
def test_clients_know_no_relay(name: str) -> None:
    assert not own(PACKAGE / f"{name}.py") & {".core", ".server", ".widget", ".cli"}


@pytest.mark.parametrize("path", files("recording"), ids=lambda path: path.name)
def test_recordings_stand_on_the_client_and_media(path: Path) -> None:
    assert own(path) <= {
        ".recording",
        ".client",
        ".background",
        ".media",
        ".names",
        ".protocol",
        ".tidy",
        ".paths",
        ".attributes",
        ".errors",
        ".extras",
    }


@pytest.mark.parametrize("path", files("checkup"), ids=lambda path: path.name)
def test_the_doctor_knows_no_relay(path: Path) -> None:
    assert not own(path) & {".core", ".server", ".widget", ".cli"}


def test_what_the_doctor_says_does_no_io() -> None:
    assert own(PACKAGE / "checkup" / "rows.py") <= {".protocol"}
    assert imports(PACKAGE / "checkup" / "rows.py") - {".protocol"} <= STDLIB - NOT_IN_CORE


def test_the_recording_format_does_no_io() -> None:
    foreign = {name for name in imports(PACKAGE / "recording" / "format.py") if not name.startswith(".")}
    assert foreign <= STDLIB - NOT_IN_CORE | {"msgspec"}


def test_the_wire_needs_nothing_but_a_reader_of_json() -> None:
    assert own(PACKAGE / "protocol.py") == {".errors", ".tidy"}
    assert imports(PACKAGE / "protocol.py") - {".errors", ".tidy"} <= STDLIB | {"msgspec"}
    assert imports(PACKAGE / "tidy.py") <= STDLIB
    assert imports(PACKAGE / "errors.py") <= STDLIB
    assert imports(PACKAGE / "grants.py") <= STDLIB


@pytest.mark.parametrize("word", ["os.kill", "os.killpg", "signal.SIGKILL", "os.getuid", "os.geteuid", "preexec_fn"])
def test_nothing_is_used_that_windows_lacks_or_means_otherwise(word: str) -> None:
    using = [path.name for path in PACKAGE.rglob("*.py") if re.search(rf"{re.escape(word)}\b", path.read_text())]
    assert not using, "psutil has it for every system"
