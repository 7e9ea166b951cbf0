"""The cold start: from Run to the first remote frame with no relay running; the import; the bundle's size.

Run with ``make bench-start``. Every round ends the relay and restarts the kernel, so that Python's imports, the
relay's start and the bundle's load all count. Two calls of the one notebook meet.
"""

from __future__ import annotations

import gzip
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.results import save
from tests.e2e.lab import JupyterLab, chromium, open_notebook

ROUNDS = 7
IMPORTS = 10
BUNDLE = Path(__file__).parents[2] / "src" / "relay_widget" / "static" / "index.js"
CELLS = (
    "from relay_widget import Call\nada = Call(room='bench', name='Ada', source='pattern', auto_join=True)\nada",
    "grace = Call(room='bench', name='Grace', source='pattern', auto_join=True)\ngrace",
)

RUN = """
async () => {
  const from_ms = performance.now();
  void window.jupyterapp.commands.execute("notebook:run-all-cells");
  const video = await new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      const found = document.querySelector("video[data-peer-id]");
      if (found) { observer.disconnect(); resolve(found); }
    });
    observer.observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  return performance.now() - from_ms;
}
"""
RESTART = """
async () => {
  const session = window.jupyterapp.shell.currentWidget.sessionContext.session;
  await window.jupyterapp.commands.execute("notebook:clear-all-cell-outputs");
  await session.kernel.restart();
  while (session.kernel.status !== "idle") await new Promise((resolve) => setTimeout(resolve, 50));
}
"""


def cold_starts_ms() -> list[float]:
    waits_ms: list[float] = []
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        lab = JupyterLab(Path(folder))
        lab.start()
        try:
            with open_notebook(lab, browser, lab.write("start.ipynb", *CELLS)) as notebook:
                for number in range(1, ROUNDS + 1):
                    waits_ms.append(notebook.page.evaluate(RUN))
                    print(f"\rcold start {number} of {ROUNDS}: {waits_ms[-1]:.0f} ms   ", end="", file=sys.stderr)
                    notebook.page.evaluate(RESTART)
                    lab.stop_relay()
                    notebook.page.wait_for_timeout(1500)
        finally:
            lab.stop()
    print(file=sys.stderr)
    return waits_ms


def import_s(statement: str) -> float:
    """The median time of one import in a fresh interpreter, the interpreter's own start left out."""
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    times = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(IMPORTS)]
    return statistics.median(times)


def main() -> None:
    package_s, call_s = import_s("import relay_widget"), import_s("from relay_widget import Call")
    bundle_bytes = len(gzip.compress(BUNDLE.read_bytes()))
    print(
        f"import relay_widget: {package_s:.3f} s; from relay_widget import Call: {call_s:.3f} s (median of {IMPORTS})"
    )
    print(f"bundle: {bundle_bytes / 1000:.1f} kB gzipped")
    waits_ms = cold_starts_ms()
    print(
        f"cold start, Run to first remote frame, {ROUNDS} runs: median {statistics.median(waits_ms):.0f} ms, ", end=""
    )
    print(f"max {max(waits_ms):.0f} ms")
    save(
        "start",
        {"cold_start_ms": waits_ms, "import_s": package_s, "import_call_s": call_s, "bundle_bytes": bundle_bytes},
    )


if __name__ == "__main__":
    main()
