"""A call between two cells of one notebook whose page has no way to the relay but the kernel's messages.

Run with ``make bench-tunnel``. First with an idle kernel, then with one that computes for some seconds: as JupyterLab
does it, which hands the page's messages to the kernel beside the running cell (subshells), and as where they wait for
it. Latency is read from the pictures; kbit/s are those the page has handed to the tunnel, and those it has decoded.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.latency_browser import Load, bundle_page
from tests.bench.latency_figures import seen, table, verdict
from tests.bench.results import save
from tests.e2e.lab import JupyterLab, Notebook, chromium, open_notebook

SECONDS = 30
SETTLE_S = 10
BUSY_S = 5
AFTER_S = 10
LIVE_MS = 500
MIN_KBPS = 500
MAX_RECOVERY_S = 2
COLUMNS = {
    "up_kbps": "up kbit/s",
    "down_kbps": "down",
    "p50_ms": "p50",
    "p95_ms": "p95",
    "stalls": "stalls",
    "standstills": "still",
    "longest_ms": "longest",
    "dropped_frames": "dropped",
    "fps": "fps",
    "level": "level",
}
CALLS = ("ada", "grace")
CELL = (
    "from relay_widget import Call\n{call} = Call(room='bench', name='{call}', source='camera', auto_join=True)\n{call}"
)
BUSY = "import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: sum(range(1000))"
NO_PROXY = '--ServerApp.jpserver_extensions={"jupyter_server_proxy": False}'


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.latency_tunnel", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measured, idle (default: %(default)s)")
    arguments = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    claims: list[tuple[str, bool]] = []
    cpu: dict[str, dict[str, float]] = {}
    for subshells in (True, False):
        how = "subshells" if subshells else "no subshells"
        idle, busy, cpu[how] = measure(arguments.seconds, subshells=subshells)
        for name, row in idle.items():
            rows[f"{how}, idle: to {name}"] = row
            claims += _idle_claims(f"{how}, idle, to {name}", row)
        for name, recovery_s in busy.items():
            rows[f"{how}, busy {BUSY_S} s: to {name}"] = {"recovery_s": recovery_s}
            claims.append(
                (
                    f"{how}, to {name}: live again {recovery_s:.1f} s after a cell of {BUSY_S} s <= {MAX_RECOVERY_S} s",
                    recovery_s <= MAX_RECOVERY_S,
                )
            )
    print(table(rows, {**COLUMNS, "recovery_s": "recovery"}, {"recovery_s": 1}))
    for how, percents in cpu.items():
        print(f"{how}, CPU in % of one core: " + ", ".join(f"{name} {spent:.0f}" for name, spent in percents.items()))
    print("\n" + verdict(claims))
    save("tunnel", {"seconds": arguments.seconds, "rows": rows, "cpu": cpu})


def measure(
    seconds: float, *, subshells: bool
) -> tuple[dict[str, dict[str, float]], dict[str, float], dict[str, float]]:
    """What each has seen of the other while the kernel was idle; seconds until live again; what it cost."""
    with tempfile.TemporaryDirectory() as folder:
        lab = JupyterLab(Path(folder), "--ServerApp.allow_remote_access=True", NO_PROXY, host="lab.example")
        if not subshells:
            _without_subshells(lab)
        lab.start()
        rules = ("--host-resolver-rules=MAP lab.example 127.0.0.1",)
        try:
            with (
                chromium(*rules, f"--unsafely-treat-insecure-origin-as-secure={lab.url}") as browser,
                open_notebook(lab, browser, lab.write("t.ipynb", *(CELL.format(call=c) for c in CALLS))) as notebook,
            ):
                notebook.page.add_init_script(bundle_page("notebook.ts"))
                notebook.open()
                return _watch(notebook, seconds)
        finally:
            lab.stop()


def _without_subshells(lab: JupyterLab) -> None:
    settings = lab.folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    file = settings / "kernels-settings.jupyterlab-settings"
    file.write_text(json.dumps({"commsOverSubshells": "disabled"}))


def _watch(
    notebook: Notebook, seconds: float
) -> tuple[dict[str, dict[str, float]], dict[str, float], dict[str, float]]:
    page = notebook.page
    notebook.run_all()
    page.wait_for_function("probe.pictures.length === 2", timeout=60_000)
    for call in CALLS:
        notebook.wait_python(f"{call}.transport == 'tunnel'")
    senders = {notebook.python(f"print({call}.peers[0].id)"): call for call in CALLS}
    others = dict(zip(CALLS, reversed(CALLS), strict=True))
    kernel = int(notebook.python("import os; print(os.getpid())"))
    load = Load(page, {"relay": notebook.lab.relay()["pid"], "kernel": kernel})
    page.evaluate("probe.watch()")
    page.wait_for_timeout(SETTLE_S * 1000)

    load.begin()
    page.evaluate("probe.begin()")
    before, begun_s = _bytes(notebook), time.monotonic()
    time.sleep(seconds)
    passed_s = time.monotonic() - begun_s
    after = _bytes(notebook)
    cpu = load.percent()
    raw: dict[str, Any] = page.evaluate("probe.end()")
    idle = {}
    for peer, one in raw.items():
        call = senders[peer]
        idle[call] = {
            **seen(one),
            "longest_ms": max(one["standstills_ms"], default=math.nan),
            # What is sent to this call is what the other one hands to its tunnel.
            "up_kbps": (after["sent"][others[call]] - before["sent"][others[call]]) * 8 / 1000 / passed_s,
            "down_kbps": (after["decoded"][peer] - before["decoded"][peer]) * 8 / 1000 / passed_s,
            "level": after["level"][others[call]],
        }

    page.evaluate("probe.watch(); probe.begin()")
    cell = notebook.kernel.execute(BUSY.format(seconds=BUSY_S), store_history=False)
    if notebook.reply_to(cell, within_s=60) is None:
        raise RuntimeError("the cell does not end")
    ended_ms: float = page.evaluate("performance.now()")
    page.wait_for_timeout(AFTER_S * 1000)
    busy: dict[str, Any] = page.evaluate("probe.end()")
    return idle, {senders[peer]: _recovery_s(one, ended_ms) for peer, one in busy.items()}, cpu


def _bytes(notebook: Notebook) -> dict[str, Any]:
    calls = ", ".join(f"'{call}': {call}" for call in CALLS)
    what = "{n: (c.stats['sent_bytes'], c.stats['sent_level']) for n, c in {" + calls + "}.items()}"
    told: dict[str, list[float]] = json.loads(notebook.python(f"import json; print(json.dumps({what}))"))
    return {
        "sent": {name: sent for name, (sent, _) in told.items()},
        "level": {name: level for name, (_, level) in told.items()},
        "decoded": notebook.page.evaluate("probe.decoded_bytes"),
    }


def _recovery_s(raw: dict[str, Any], ended_ms: float) -> float:
    """From the end of the cell to the first picture from which on all are live, and none is long in coming."""
    shown = [(at_ms, age_ms) for at_ms, age_ms in zip(raw["shown_ms"], raw["latencies_ms"], strict=True)]
    if not shown or shown[-1][1] > LIVE_MS:
        return math.inf
    late = [
        next_ms
        for (at_ms, age_ms), (next_ms, _) in itertools.pairwise(shown)
        if next_ms > ended_ms and (age_ms > LIVE_MS or next_ms - max(at_ms, ended_ms) > LIVE_MS)
    ]
    return max(0.0, max(late, default=ended_ms) - ended_ms) / 1000


def _idle_claims(name: str, row: dict[str, float]) -> list[tuple[str, bool]]:
    stalls = row["stalls"] + row["standstills"]
    return [
        (f"{name}: {row['up_kbps']:.0f} kbit/s up >= {MIN_KBPS}", row["up_kbps"] >= MIN_KBPS),
        (f"{name}: {row['down_kbps']:.0f} kbit/s down >= {MIN_KBPS}", row["down_kbps"] >= MIN_KBPS),
        (f"{name}: p50 {row['p50_ms']:.0f} ms <= {LIVE_MS} ms", row["p50_ms"] <= LIVE_MS),
        (f"{name}: {stalls:.0f} stalls and standstills", stalls == 0),
    ]


if __name__ == "__main__":
    main()
