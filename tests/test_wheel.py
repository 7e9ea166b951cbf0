"""What a user gets: the wheel, built from the sdist, installed into an empty environment and used."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process

ROOT = __import__("pathlib").Path(__file__).parents[1]
SCRIPTS = ("index", "lab", "doctor", "invite")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist: Path = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(ROOT)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    (built,) = dist.glob("*.whl")
    return built


def test_the_wheel_carries_the_browser_part_and_nothing_of_the_workshop(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    built = {f"relay_widget/static/{name}.{suffix}" for name in SCRIPTS for suffix in ("js", "css")}
    page = {f"relay_widget/server/page/join.{suffix}" for suffix in ("html", "js", "css")}
    assert built | page | {"relay_widget/py.typed", "relay_widget/static/still.js"} <= set(names)
    assert all(name.startswith(("relay_widget/", "relay_widget-")) for name in names), names


@pytest.mark.timeout(300)
def test_it_works_in_an_empty_environment_without_node(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env" / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    code = "from relay_widget import Call; c = Call(room='lab', name='Ada'); print(c, len(str(c._esm)) > 20_000)"
    env = {"PATH": "", "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"), "HOME": str(tmp_path)}
    printed = subprocess.check_output([python, "-c", code], cwd=tmp_path, env=env, text=True)
    assert printed.strip() == "Call(room='lab', name='Ada') True"
    version = subprocess.check_output([str(tmp_path / "env" / "bin" / "relay-widget"), "--version"], text=True)
    assert version.strip().endswith(wheel.name.split("-")[1])
