"""Unit and media tests with the lowest and the newest version of every dependency, on every Python that is here.

`python -m tests.versions` makes an environment for each, runs the tests in it, and prints the versions in a table.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from uv import find_uv_bin

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}
EXTRAS = "lab,media,proxy,redis,test"
"""All that users may ask for."""
UNIT = ["tests", "--ignore", "tests/e2e", "--ignore", "tests/test_wheel.py", "-m", "not process"]
MEDIA = ["tests/media", "tests/test_without_frontend.py", "tests/test_background.py"]
"""With the processes they start: among them one that ends, and is to be silent about it."""


class StepFailedError(Exception):
    """A step went wrong; its output is the message."""


@dataclass
class Outcome:
    """The result of the tests on one Python with one set of versions."""

    python: str
    versions_of: str
    said: str = ""
    failed: bool = False
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.python} {self.versions_of}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.versions", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", nargs="+", default=PYTHONS, metavar="3.x", help="only these (all that are here)")
    parser.add_argument("--set", nargs="+", choices=list(RESOLUTIONS), default=list(RESOLUTIONS), dest="sets")
    parser.add_argument("--quick", action="store_true", help="only the tests that start no process")
    asked = parser.parse_args()
    outcomes = []
    for python in asked.python:
        path = interpreter(python)
        if path is None:
            print(f"== Python {python}: not here, left out", flush=True)
            continue
        for versions_of in asked.sets:
            outcome = Outcome(python, versions_of)
            outcomes.append(outcome)
            print(f"== Python {outcome.name}", flush=True)
            try:
                run(outcome, path, quick=asked.quick)
            except StepFailedError as error:
                outcome.failed = True
                print(error, flush=True)
    print(table(outcomes))
    for outcome in outcomes:
        print(f"{outcome.name}: {'FAILED' if outcome.failed else outcome.said}")
    if not outcomes:
        print("None of these Pythons is here: install one, or name others with --python.", file=sys.stderr)
    return int(not outcomes or any(outcome.failed for outcome in outcomes))


def interpreter(version: str) -> str | None:
    """A Python of this version: the one that runs this, pyenv's, what uv finds, or what uv can install."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    for found in sorted(pyenv.glob(f"versions/{version}.*/bin/python3")):
        return str(found)
    for find in (["python", "find", version], ["python", "install", version], ["python", "find", version]):
        asked = subprocess.run([find_uv_bin(), *find], capture_output=True, text=True, check=False)
        if asked.returncode == 0 and find[1] == "find":
            return asked.stdout.strip()
    return None


def run(outcome: Outcome, python: str, *, quick: bool) -> None:
    """Make the environment, and run the tests in it."""
    env = ROOT / ".make" / "versions" / outcome.name.replace(" ", "-")
    into = ["uv", "pip", "install", "--python", str(env)]
    step("environment", ["uv", "venv", "--clear", "--python", python, str(env)])
    # Wheels only: a version without one for this Python would need a compiler.
    wheels = ["--only-binary", ":all:", "--no-binary", "relay-widget"]
    asked = ["--resolution", RESOLUTIONS[outcome.versions_of], *wheels, "-e", f".[{EXTRAS}]", "--group", "tests"]
    step("packages", [*into, *asked])
    listed = json.loads(step("versions", ["uv", "pip", "list", "--python", str(env), "--format", "json"]))
    outcome.versions = {one["name"].lower(): one["version"] for one in listed}
    # Newer Pythons have no wheels of some lower ends.
    if outcome.versions_of == "lowest" and outcome.python == PYTHONS[0]:
        installed = {
            name: (low, outcome.versions[name]) for name, low in lower_ends().items() if name in outcome.versions
        }
        higher = {name: pair for name, pair in installed.items() if not same(*pair)}
        if higher:
            raise StepFailedError(f"The lowest that can be had is higher than what pyproject.toml says: {higher}")
    pytest = [str(env / "bin" / "pytest"), "-q", "-n", "2", "--dist", "worksteal", "--no-header"]
    outcome.said = last_line(step("unit tests", [*pytest, *UNIT]))
    if not quick:
        outcome.said += f"; media: {last_line(step('media tests', [*pytest, *MEDIA]))}"


def step(name: str, command: list[str]) -> str:
    """Run a command, and say how long it took.

    Raises:
        StepFailedError: It ended with an error.
    """
    print(f"   {name:12}", end="", flush=True)
    began_s = time.monotonic()
    # No browser part is built for it; and the system's certificates are believed, as pip does, also a company's own.
    environment = {"UV_SYSTEM_CERTS": "1", **os.environ, "HATCH_JUPYTER_BUILDER_SKIP_NPM": "1"}
    environment.pop("VIRTUAL_ENV", None)
    program = [find_uv_bin(), *command[1:]] if command[0] == "uv" else command
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    print(f"{time.monotonic() - began_s:6.1f} s", flush=True)
    if done.returncode:
        raise StepFailedError(f"{' '.join(command)}\n{done.stdout[-8000:]}{done.stderr[-4000:]}")
    return done.stdout


def requirements() -> list[str]:
    """The requirements of the package and its extras, as pyproject.toml has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    of_extras = [one for extra in project["optional-dependencies"].values() for one in extra]
    return [one for one in project["dependencies"] + of_extras if not one.startswith("relay-widget")]


def lower_ends() -> dict[str, str]:
    """The lowest version of each dependency that is declared."""
    ends = {}
    for one in requirements():
        found = re.match(r"([\w.-]+)(?:\[\w+])?>=([\w.]+)", one)
        if found is None:
            raise StepFailedError(f"{one} in pyproject.toml has no lower end: declare the oldest that works.")
        ends[found[1].lower().replace("_", "-")] = found[2]
    return ends


def same(declared: str, installed: str) -> bool:
    """Whether 17.0.0 is 17."""
    return re.fullmatch(re.escape(declared) + r"(\.0)*", installed) is not None


def last_line(said: str) -> str:
    return said.strip().splitlines()[-1].strip("= ")


def table(outcomes: list[Outcome]) -> str:
    """A row for each dependency, a column for each environment."""
    rows = [["", *(outcome.name for outcome in outcomes)]]
    rows += [[name, *(outcome.versions.get(name, "-") for outcome in outcomes)] for name in sorted(lower_ends())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n" + "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
