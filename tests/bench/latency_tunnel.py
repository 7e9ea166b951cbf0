"""A call in a notebook whose page has no way to the relay but the kernel's messages, with a camera that takes all bits.

Run with ``make bench-tunnel``. The other participant sends back what it gets, so that what is seen has been through the
tunnel both ways, and is as late as between two people who both sit behind one. First with an idle kernel, then with one
that computes for some seconds: as JupyterLab does it, which hands the page's messages to the kernel beside the running
cell (subshells), and as where they wait for it. Latency is read from the pictures; kbit/s are those the page has handed
to the tunnel, and those it has decoded.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from relay_widget.background import Background
from relay_widget.client import RelayClient
from relay_widget.tokens import mint
from tests.bench.latency_browser import Load, bundle_page
from tests.bench.latency_figures import seen, table, verdict
from tests.bench.latency_trouble import FRESH_MS
from tests.bench.latency_two_way import IDLE, SIZE, START_TIMEOUT_S
from tests.bench.plain_browser import plain_chromium
from tests.bench.results import save
from tests.e2e.lab import JupyterLab, kernel_client

if TYPE_CHECKING:
    from relay_widget.protocol import MediaHeader, Track
    from tests.bench.plain_browser import PlainPage

SECONDS = 30
SETTLE_S = 10
BUSY_S = 5
AFTER_S = 10
MAX_P50_MS = 500
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
    "recovery_s": "recovery",
}
CELL = "from relay_widget import Call\ncall = Call(room='bench', name='Ada', source='camera', auto_join=True)\ncall"
BUSY = "import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: sum(range(1000))"
NO_PROXY = '--ServerApp.jpserver_extensions={"jupyter_server_proxy": False}'


Measured = tuple[dict[str, float], dict[str, float], list[tuple[float, int]]]
"""Figures; CPU in %; of each picture when it was shown, in s after the end of the cell, and how old it was, in ms."""


class Echo:
    """A participant that publishes what another one does."""

    def __init__(self, lab: JupyterLab) -> None:
        relay = lab.relay()
        token = mint(relay["secret"], role="peer", lifetime_s=3600)
        self._background = Background()
        self._client = RelayClient("bench", "Echo", url=relay["url"], token=token)
        self._client.on_peers = self._publish
        self._client.on_object = self._send_back
        self._published: set[Track] = set()
        self._background.submit(self._client.connect(), "joining").wait(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._background.submit(self._client.close(), "leaving").wait(30)
        self._background.stop()

    def _send_back(self, _peer: str, header: MediaHeader, _relayed_ms: float, data: bytes) -> None:
        self._client.send(header, data)

    def _publish(self) -> None:
        tracks = {track for peer in self._client.peers.values() for track in peer.tracks}
        for track in tracks - self._published:
            self._background.submit(self._client.publish(track), "publishing")
        self._published = tracks


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.latency_tunnel", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measured, idle (default: %(default)s)")
    arguments = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    claims: list[tuple[str, bool]] = []
    cpu: dict[str, dict[str, float]] = {}
    busy: dict[str, list[tuple[float, int]]] = {}
    for subshells in (True, False):
        how = "subshells" if subshells else "no subshells"
        rows[how], cpu[how], busy[how] = measure(arguments.seconds, subshells=subshells)
        claims += _claims(how, rows[how])
    print(table(rows, COLUMNS, {"recovery_s": 1}))
    for how, percents in cpu.items():
        print(f"{how}, CPU in % of one core: " + ", ".join(f"{name} {spent:.0f}" for name, spent in percents.items()))
    print("\n" + verdict(claims))
    save("tunnel", {"seconds": arguments.seconds, "rows": rows, "cpu": cpu, "busy": busy})


def measure(seconds: float, *, subshells: bool) -> Measured:
    """What has been seen, what it cost in CPU, and each picture of the busy kernel."""
    with tempfile.TemporaryDirectory() as folder:
        lab = JupyterLab(Path(folder), "--ServerApp.allow_remote_access=True", NO_PROXY, host="lab.example")
        if not subshells:
            _without_subshells(lab)
        lab.start()
        rules = ("--host-resolver-rules=MAP lab.example 127.0.0.1",)
        address = f"{lab.url}/doc/tree/{lab.write('tunnel.ipynb', CELL)}?token={lab.token}&reset"
        script = "window.restlessCamera = true;" + bundle_page("notebook.ts")
        try:
            with (
                plain_chromium(*rules, f"--unsafely-treat-insecure-origin-as-secure={lab.url}") as browser,
                browser.page(address, size=SIZE, script=script) as page,
            ):
                page.until(IDLE, timeout_s=START_TIMEOUT_S)
                page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
                kernel = Kernel(lab, page)
                kernel.until("'call' in globals() and call.transport == 'tunnel'")
                with Echo(lab):
                    # Only what is published from now on comes back.
                    kernel.run("call.leave()")
                    kernel.until("call.state == 'left'")
                    kernel.run("call.join()")
                    return _watch(lab, page, kernel, seconds)
        finally:
            lab.stop()


class Kernel:
    """A line of one's own to the kernel of the page's notebook."""

    def __init__(self, lab: JupyterLab, page: PlainPage) -> None:
        kernel = page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.id")
        self._client = kernel_client(lab.runtime / f"kernel-{kernel}.json", START_TIMEOUT_S)

    def run(self, code: str) -> str:
        """Run code beside the cells; what it printed."""
        said: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            said.append(message["content"].get("text", ""))

        reply = self._client.execute_interactive(code, timeout=60, output_hook=hear, store_history=False)
        assert reply["content"]["status"] == "ok", reply
        return "".join(said).strip()

    def until(self, expression: str) -> None:
        """Wait until it is true."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while self.run(f"print(bool({expression}))") != "True":
            assert time.monotonic() < deadline_s, f"not within {START_TIMEOUT_S} s: {expression}"
            time.sleep(0.1)


def _without_subshells(lab: JupyterLab) -> None:
    settings = lab.folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    file = settings / "kernels-settings.jupyterlab-settings"
    file.write_text(json.dumps({"commsOverSubshells": "disabled"}))


def _watch(lab: JupyterLab, page: PlainPage, kernel: Kernel, seconds: float) -> Measured:
    page.until("probe.pictures.length === 1", timeout_s=START_TIMEOUT_S)
    kernel.until("call.transport == 'tunnel'")
    load = Load(page, {"relay": lab.relay()["pid"], "kernel": int(kernel.run("import os; print(os.getpid())"))})
    page.evaluate("probe.watch()")
    time.sleep(SETTLE_S)

    load.begin()
    page.evaluate("probe.begin()")
    before, begun_s = _bytes(page, kernel), time.monotonic()
    time.sleep(seconds)
    passed_s = time.monotonic() - begun_s
    after = _bytes(page, kernel)
    cpu = load.percent()
    (raw,) = page.evaluate("probe.end()").values()
    row = {
        **seen(raw),
        "longest_ms": max(raw["standstills_ms"], default=math.nan),
        "up_kbps": (after["sent"] - before["sent"]) * 8 / 1000 / passed_s,
        "down_kbps": (after["decoded"] - before["decoded"]) * 8 / 1000 / passed_s,
        "level": after["level"],
    }
    hops = json.loads(kernel.run("import json; print(json.dumps(list(call.latency.values())[0]))"))
    print("p50 by hop in ms: " + ", ".join(f"{hop} {spread['p50']:.0f}" for hop, spread in hops.items()))

    page.evaluate("(probe.watch(), probe.begin())")
    kernel.run(BUSY.format(seconds=BUSY_S))
    ended_ms: float = page.evaluate("performance.now()")
    time.sleep(AFTER_S)
    (busy,) = page.evaluate("probe.end()").values()
    after_busy = [
        (round((at_ms - ended_ms) / 1000, 2), round(age_ms))
        for at_ms, age_ms in zip(busy["shown_ms"], busy["latencies_ms"], strict=True)
    ]
    return {**row, "recovery_s": _recovery_s(busy, ended_ms)}, cpu, after_busy


def _bytes(page: PlainPage, kernel: Kernel) -> dict[str, float]:
    told = "import json; print(json.dumps([call.stats['sent_bytes'], call.stats['sent_level']]))"
    sent, level = json.loads(kernel.run(told))
    decoded = page.evaluate("Object.values(probe.decoded_bytes).reduce((sum, bytes) => sum + bytes, 0)")
    return {"sent": sent, "level": level, "decoded": decoded}


def _recovery_s(raw: dict[str, Any], ended_ms: float) -> float:
    """From the end of the cell to the first picture from which on all are live, and none is long in coming."""
    shown = [(at_ms, age_ms) for at_ms, age_ms in zip(raw["shown_ms"], raw["latencies_ms"], strict=True)]
    if not shown or shown[-1][1] > FRESH_MS:
        return math.inf
    late = [
        next_ms
        for (at_ms, age_ms), (next_ms, _) in itertools.pairwise(shown)
        if next_ms > ended_ms and (age_ms > FRESH_MS or next_ms - max(at_ms, ended_ms) > FRESH_MS)
    ]
    return max(0.0, max(late, default=ended_ms) - ended_ms) / 1000


def _claims(how: str, row: dict[str, float]) -> list[tuple[str, bool]]:
    stalls, recovery_s = row["stalls"] + row["standstills"], row["recovery_s"]
    return [
        (f"{how}: {row['up_kbps']:.0f} kbit/s up >= {MIN_KBPS}", row["up_kbps"] >= MIN_KBPS),
        (f"{how}: {row['down_kbps']:.0f} kbit/s down >= {MIN_KBPS}", row["down_kbps"] >= MIN_KBPS),
        (f"{how}: p50 {row['p50_ms']:.0f} ms <= {MAX_P50_MS} ms", row["p50_ms"] <= MAX_P50_MS),
        (f"{how}: {stalls:.0f} stalls and standstills", stalls == 0),
        (
            f"{how}: live again {recovery_s:.1f} s after a cell of {BUSY_S} s <= {MAX_RECOVERY_S} s",
            recovery_s <= MAX_RECOVERY_S,
        ),
    ]


if __name__ == "__main__":
    main()
