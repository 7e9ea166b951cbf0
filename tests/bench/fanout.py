"""What a delivery costs: the relay against Node's socket.io, under the same loads.

Run with ``make bench-fanout``. Both are started anew for every load, one after the other, and driven by the same
generator of raw clients. ``--only`` takes some of the loads, ``--seconds`` and ``--repeats`` are for trying.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import resource
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.fanout_load import Load, Task
from tests.bench.latency_figures import table, verdict
from tests.bench.results import save
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 8.0
REPEATS = 3
TOKEN_LIFETIME_S = 600
NODE_SERVER = Path(__file__).with_name("fanout_server.mjs")
LARGE_BYTES = 65_536
LOADS = {
    "1 to 100": Load(viewers=100),
    "1 to 200": Load(viewers=200),
    "1 to 500": Load(viewers=500),
    "1 to 1000": Load(viewers=1000),
    "mesh of 10": Load(publishers=10),
    "50 rooms of 4": Load(rooms=50, publishers=4),
    "1 to 100, 64 KB": Load(viewers=100, chunk_bytes=LARGE_BYTES),
    "mesh of 10, 64 KB": Load(publishers=10, chunk_bytes=LARGE_BYTES),
}
MAX_CPU_RATIO = {"1 to 100": 0.4, "mesh of 10": 0.5, "1 to 1000": 0.35}
CROWD = "1 to 1000"
MAX_CROWD_P99_MS = 50
MIN_ACHIEVED = 0.99
"""So much of what was due has to be delivered within the time measured; the rest was still on its way."""
MAX_GENERATOR_PERCENT = 90
"""A generator that is busier measures itself."""
TRACK = {"track": "camera", "mimeType": "video/webm;codecs=vp8", "video": True, "timeslice_ms": 33}
COLUMNS = {
    "cpu_us": "CPU us",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "rss_mb": "RSS MB",
    "lost": "lost",
    "out_of_order": "disorder",
    "deliveries_per_s": "per s",
    "server_percent": "server %",
    "generator_percent": "load %",
    "stolen_percent": "stolen %",
}
DECIMALS = {"cpu_us": 1, "p50_ms": 1, "p99_ms": 1}

Figures = dict[str, float]


@contextlib.contextmanager
def relay(load: Load, seconds: float) -> Iterator[Task]:
    """The relay, with tokens and labelled media."""
    with RelayProcess(module="tests.bench.fanout_relay") as process:
        port = int(process.url.rpartition(":")[2])
        auth = process.auth(lifetime_s=TOKEN_LIFETIME_S)
        yield Task(load, seconds, port, process.process.pid, auth, TRACK)


@contextlib.contextmanager
def node(load: Load, seconds: float) -> Iterator[Task]:
    """Node's socket.io, the obvious way."""
    with subprocess.Popen(["node", str(NODE_SERVER)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield Task(load, seconds, int(process.stdout.readline()), process.pid)
        finally:
            process.kill()


SERVERS: dict[str, Callable[[Load, float], contextlib.AbstractContextManager[Task]]] = {"relay": relay, "node": node}


def measure(server: str, load: Load, seconds: float) -> Figures:
    """One load on one server, which is started for it."""
    with SERVERS[server](load, seconds) as task:
        command = [sys.executable, "-m", "tests.bench.fanout_load"]
        done = subprocess.run(command, input=json.dumps(asdict(task)), stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"The load generator failed against the {server}: what it said is above.")
        figures: Figures = json.loads(done.stdout)
        return figures


def show(title: str, figures: Figures) -> None:
    """One line of the table, at once."""
    print(table({title: figures}, COLUMNS, DECIMALS).splitlines()[1], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fanout", description=__doc__)
    parser.add_argument("--only", action="append", choices=LOADS, metavar="LOAD", help=f"of {', '.join(LOADS)}")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measured of each load (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of each load (default: %(default)s)")
    arguments = parser.parse_args()
    # Servers and generator inherit it: a thousand connections are more than the 1024 files of most shells.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    runs: dict[str, dict[str, list[Figures]]] = {}
    print(table({}, COLUMNS))
    for name in arguments.only or LOADS:
        runs[name] = {server: [] for server in SERVERS}
        for number in range(arguments.repeats):
            for server in list(SERVERS) if number % 2 == 0 else reversed(SERVERS):
                runs[name][server].append(measure(server, LOADS[name], arguments.seconds))
                show(f"{name}, {server}", runs[name][server][-1])
    medians = {name: {server: _medians(figures) for server, figures in of.items()} for name, of in runs.items()}
    print(f"\nMedians of {arguments.repeats}:")
    rows = {f"{name}, {server}": row for name, of in medians.items() for server, row in of.items()}
    print(table(rows, COLUMNS, DECIMALS))
    claims = list(_claims(medians, runs))
    print("\n" + verdict(claims))
    for name, of in runs.items():
        busy = max(figures["generator_percent"] for figures in of["relay"] + of["node"])
        if busy > MAX_GENERATOR_PERCENT:
            print(f"{name}: the generator took {busy:.0f} % of a core and was a bottleneck itself.")
    kept = [{"claim": claim, "holds": holds} for claim, holds in claims]
    save("fanout", {"seconds": arguments.seconds, "runs": runs, "medians": medians, "claims": kept})


def _medians(runs: list[Figures]) -> Figures:
    """The median of each figure; of what must not happen at all, all of it."""
    totals = {"lost", "out_of_order", "closed"}
    return {
        name: (sum if name in totals else statistics.median)([figures[name] for figures in runs]) for name in runs[0]
    }


def _claims(medians: dict[str, dict[str, Figures]], runs: Any) -> Iterator[tuple[str, bool]]:
    for name, of in medians.items():
        ours, theirs = of["relay"], of["node"]
        ratio = ours["cpu_us"] / theirs["cpu_us"]
        bound = MAX_CPU_RATIO.get(name, math.inf)
        wanted = f" <= {bound}" if name in MAX_CPU_RATIO else ""
        yield f"{name}: CPU of a delivery, relay to Node, {ratio:.2f}{wanted}", ratio <= bound
        p99_ms, node_p99_ms = ours["p99_ms"], theirs["p99_ms"]
        yield f"{name}: p99 {p99_ms:.1f} ms <= {node_p99_ms:.1f} ms, Node's", p99_ms <= node_p99_ms
        lost, disordered = ours["lost"], ours["out_of_order"]
        yield f"{name}: {lost:.0f} lost, {disordered:.0f} out of order", lost == disordered == 0
    if CROWD in medians:
        ours, due_per_s = medians[CROWD]["relay"], LOADS[CROWD].deliveries_per_s
        achieved, p99_ms = ours["deliveries_per_s"] / due_per_s, ours["p99_ms"]
        claim = (
            f"{CROWD}: {100 * achieved:.1f} % of {due_per_s} a second on {ours['server_percent']:.0f} % of a core, "
            f"p99 {p99_ms:.1f} ms <= {MAX_CROWD_P99_MS} ms"
        )
        yield claim, achieved >= MIN_ACHIEVED and p99_ms <= MAX_CROWD_P99_MS


if __name__ == "__main__":
    main()
