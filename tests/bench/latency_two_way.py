"""The hard case: a call between two cells of one notebook in JupyterLab. Two recorders, two players, one browser.

Run with ``make bench-two-way``. Latency is read from the pictures, in both directions.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.latency_browser import Load, bundle_page
from tests.bench.latency_figures import median, seen, table, verdict
from tests.bench.plain_browser import plain_chromium
from tests.bench.results import save
from tests.e2e.lab import JupyterLab

if TYPE_CHECKING:
    from tests.bench.plain_browser import PlainPage

SECONDS = 60
SETTLE_S = 10
START_TIMEOUT_S = 60
SIZE = (1100, 800)
IDLE = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
COLUMNS = {
    "p50_ms": "p50",
    "p95_ms": "p95",
    "p5_ms": "p5",
    "badge_p50_ms": "badge",
    "stalls": "stalls",
    "standstills": "still",
    "dropped_frames": "dropped",
    "fps": "fps",
}
CELL = (
    "from relay_widget import Call\n{call} = Call(room='bench', name='{call}', source='camera', auto_join=True)\n{call}"
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.latency_two_way", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measured (default: %(default)s)")
    parser.add_argument("--set", default="", help="settings of both calls, as in Python: 'timeslice=20'")
    arguments = parser.parse_args()
    raw, cpu = measure(arguments.seconds, arguments.set)
    rows = {f"to {name}": {**seen(one), "badge_p50_ms": median(one["badges_ms"])} for name, one in raw.items()}
    print(table(rows, COLUMNS))
    print("CPU in % of one core: " + ", ".join(f"{name} {percent:.0f}" for name, percent in cpu.items()) + "\n")
    print(verdict([claim for name, row in rows.items() for claim in _claims(name, row)]))
    save("two_way", {"seconds": arguments.seconds, "settings": arguments.set, "rows": rows, "cpu": cpu, "raw": raw})


def measure(seconds: float, settings: str = "") -> tuple[dict[str, Any], dict[str, float]]:
    """What each of the two has seen of the other, and what it cost."""
    cells = [CELL.format(call=call) for call in ("ada", "grace")]
    if settings:
        cells = [cell.replace("auto_join=True", f"auto_join=True, {settings}") for cell in cells]
    with tempfile.TemporaryDirectory() as folder, plain_chromium() as browser:
        lab = JupyterLab(Path(folder))
        lab.start()
        try:
            address = f"{lab.url}/doc/tree/{lab.write('two-way.ipynb', *cells)}?token={lab.token}&reset"
            with browser.page(address, size=SIZE, script=bundle_page("notebook.ts")) as page:
                return _watch(page, lab, seconds)
        finally:
            lab.stop()


def _watch(page: PlainPage, lab: JupyterLab, seconds: float) -> tuple[dict[str, Any], dict[str, float]]:
    page.until(IDLE, timeout_s=START_TIMEOUT_S)
    page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
    page.until("probe.pictures.length === 2", timeout_s=START_TIMEOUT_S)
    load = Load(page, {"relay": lab.relay()["pid"]})
    page.evaluate("probe.watch()")
    time.sleep(SETTLE_S)
    load.begin()
    page.evaluate("probe.begin()")
    time.sleep(seconds)
    raw: dict[str, Any] = page.evaluate("probe.end()")
    # Who sees a peer is the other one.
    return {"grace" if one["name"] == "ada" else "ada": one for one in raw.values()}, load.percent()


def _claims(name: str, row: dict[str, float]) -> list[tuple[str, bool]]:
    p50_ms, p95_ms = row["p50_ms"], row["p95_ms"]
    stalls = row["stalls"] + row["standstills"]
    return [
        (f"{name}: p50 {p50_ms:.0f} ms <= 300 ms", p50_ms <= 300),
        (f"{name}: p95 {p95_ms:.0f} ms <= 1.5 x p50", p95_ms <= 1.5 * p50_ms),
        (f"{name}: {stalls:.0f} stalls and standstills", stalls == 0),
    ]


if __name__ == "__main__":
    main()
