from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
import venv
from importlib.util import find_spec
from pathlib import Path

import pytest

from relay_widget import Call, MissingExtraError
from relay_widget.extras import _MODULES, require

ROOT = Path(__file__).parents[1]
HEAVY = {"av", "numpy", "PIL", "pytest", "nbval", "matplotlib", "pandas"}


@pytest.mark.parametrize("extra", _MODULES)
def test_an_extra_that_is_installed_is_no_error(extra: str) -> None:
    require(extra)


@pytest.mark.parametrize("extra", _MODULES)
def test_every_extra_that_is_asked_for_can_be_installed(extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = {name.split(">")[0] for name in project["optional-dependencies"][extra]}
    packages = {"av": "av", "numpy": "numpy", "PIL": "pillow", "tqdm": "tqdm", "pytest": "pytest", "nbval": "nbval"}
    assert {packages[module] for module in _MODULES[extra]} <= listed


@pytest.mark.process
def test_in_an_environment_without_them_the_error_names_the_extra(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "src")!r})
from relay_widget.extras import require
try:
    require("media")
except ImportError as error:
    print(type(error).__name__, error.code, error, sep="|")
"""
    # The package reads its own version from its metadata, which an empty environment has not.
    (packages,) = (tmp_path / "env" / "lib").glob("python3.*/site-packages")
    metadata = packages / "relay_widget.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: relay-widget\nVersion: 0\n")
    printed = subprocess.check_output([str(tmp_path / "env" / "bin" / "python"), "-c", code], text=True, cwd=tmp_path)
    assert printed.strip().split("|") == [
        "MissingExtraError",
        "missing-extra",
        (
            "This needs PyAV and NumPy and Pillow and tqdm: "
            'run pip install "relay-widget[media]", then restart the kernel.'
        ),
    ]


def test_only_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"^This needs PyAV: run pip install") as missing:
        require("media")
    assert missing.value.code == "missing-extra"


@pytest.mark.process
@pytest.mark.parametrize(
    "code",
    [
        "from relay_widget import Peer",
        "from relay_widget.peer import Peer",
        "from relay_widget.media.files import MediaFile",
        "from relay_widget.media.pattern import Pattern",
        "from relay_widget.media.frame import VideoFrame",
        "from relay_widget.recording.export import export",
    ],
)
def test_whatever_needs_it_says_so(code: str) -> None:
    blocked = f"import sys; sys.modules['av'] = sys.modules['tqdm'] = None; {code}"
    ended = subprocess.run([sys.executable, "-c", blocked], check=False, capture_output=True, text=True)
    assert ended.stderr.splitlines()[-1].startswith("relay_widget.errors.MissingExtraError: This needs PyAV and tqdm: ")


@pytest.mark.process
def test_so_does_the_command_line(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['av'] = None; from relay_widget.cli import main; "
        f"sys.exit(main(['export', {str(tmp_path / 'talk.relay')!r}, {str(tmp_path / 'talk.webm')!r}]))"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert ended.stderr.startswith("relay-widget: missing-extra: This needs PyAV: run pip install")


def test_so_does_a_call(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    call = Call(room="lab")
    try:
        with pytest.raises(MissingExtraError, match="This needs PyAV: run pip install"):
            call.frames()
    finally:
        call.close()


@pytest.mark.process
def test_a_relay_and_a_call_load_none_of_them() -> None:
    assert all(find_spec(name) for name in HEAVY), "nothing is shown where they are not installed"
    code = (
        "import sys, relay_widget.cli, relay_widget.server.run, relay_widget.monitor, relay_widget.widget; "
        f"print(sorted({HEAVY} & sys.modules.keys()))"
    )
    loaded = ast.literal_eval(subprocess.check_output([sys.executable, "-c", code], text=True))
    assert loaded == []
