"""One target under atheris, which looks for bytes that reach new code: ``python -m tests.fuzz.guided core 60``.

Says every second, as a line of JSON, how far it is. What raises ends it; the bytes are then in ``out/``.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["relay_widget", "socketio.packet"]):
    from tests.core.operations import play
    from tests.server.wire import SEEDS, read

from . import OUT

MAX_INPUT_BYTES = 2048
MAX_RUN_S = 20
REPORT_S = 1


class Target:
    """What atheris calls with bytes."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._executions = 0
        self._outcomes: Counter[str] = Counter()
        self._said_s = 0.0

    def __call__(self, data: bytes) -> None:
        self._outcomes.update(play(data) if self._name == "core" else {read(data): 1})
        self._executions += 1
        if time.monotonic() - self._said_s >= REPORT_S:
            self._said_s = time.monotonic()
            print(json.dumps({"executions": self._executions, "outcomes": len(self._outcomes)}), flush=True)


def main() -> None:
    name, seconds, seed = sys.argv[1:4]
    random = Random(int(seed))  # noqa: S311 - stories, no secrets
    seeds = [random.randbytes(MAX_INPUT_BYTES) for _ in range(8)] if name == "core" else SEEDS
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(seeds):
            (Path(corpus) / str(number)).write_bytes(data)
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={MAX_INPUT_BYTES}",
            f"-timeout={MAX_RUN_S}",
            f"-seed={seed}",
            f"-artifact_prefix={OUT}/{name}-",
            corpus,
        ]
        atheris.Setup([sys.argv[0], *options], Target(name))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
