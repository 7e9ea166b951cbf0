"""What reports and kernels that watch cost the relay: ``python -m tests.bench.watched``.

So many peers in a room, each of which reports about all others, a kernel for each of three of them that watches it, and
one speaker. Of the relay's CPU time the share of a core, and of the speaker's media the delay.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

from relay_widget.protocol import REPORT_INTERVAL_MS, report_interval_ms
from tests.hostile.__main__ import Delays, Member
from tests.machine import process_s
from tests.relay_process import RelayProcess
from tests.server.clients import Client, RawClient

KERNELS = 3
SPOKEN_PER_S = 50
FIGURES = {
    f"{hop}_{part}_ms": 12.5
    for hop in ("record", "uplink", "downlink", "queue", "play", "total")
    for part in ("p50", "p95")
} | {"queue_depth": 3, "buffered_s": 0.125, "latency_ms": 210.5, "stalls": 0, "dropped_frames": 1, "rate": 1}
SETTLE_S = 3.0


async def measure(peers: int, interval_ms: float, seconds: float) -> tuple[float, tuple[float, float]]:
    """The share of a core, and median and 99th percentile of the speaker's delay in ms."""
    with RelayProcess(("--max-room-peers", str(peers + 1))) as relay:
        delays = Delays()
        speaker, hearer = Member(delays), Member(delays)
        await hearer.come(relay, "spoken", "Hearer")
        await speaker.come(relay, "spoken", "Speaker", SPOKEN_PER_S)
        ids, tasks, kernels = [], [], []
        for number in range(peers):
            client = await RawClient().connect(relay.url)
            await client.send("40" + json.dumps(relay.auth(call=f"call{number}")))
            await client.until(lambda data: data.startswith(b"40{"))
            await client.send("421" + json.dumps(["join", {"room": "hall", "name": f"Peer {number}"}]))
            ack = await client.until(lambda data: data.startswith(b"431["))
            ids.append(json.loads(ack[3:])[0]["peer"])
            tasks += [asyncio.create_task(_read(client)), asyncio.create_task(_report(client, ids, interval_ms))]
        for number in range(KERNELS):
            kernel = await Client().connect(relay.url, relay.auth("monitor"))
            await kernel.ask("watch", {"room": "hall", "reports": [f"call{number}"]})
            kernels.append(kernel)
        await asyncio.sleep(SETTLE_S)
        delays.figures()
        before_s, began_s = process_s(relay.process.pid), time.monotonic()
        await asyncio.sleep(seconds)
        share = (process_s(relay.process.pid) - before_s) / (time.monotonic() - began_s)
        took = delays.figures()
        for task in tasks:
            task.cancel()
        for kernel in kernels:
            await kernel.close()
        await speaker.go()
        await hearer.go()
    return share, took


async def _read(client: RawClient) -> None:
    while True:
        first, payload = await client.frame(timeout_s=None)
        if first == 0x81 and payload == b"2":
            await client.send("3")


async def _report(client: RawClient, ids: list[str], interval_ms: float) -> None:
    about, text = 0, ""
    while True:
        await asyncio.sleep(interval_ms / 1000)
        if about != len(ids):  # once, for the same each time
            about = len(ids)
            text = "42" + json.dumps(["report", {"peers": dict.fromkeys(ids, FIGURES), "sent": {"bytes": 9}}])
        await client.send(text)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.watched", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    print(f"{'peers':>6}{'report every':>14}{'relay, % of a core':>20}{'p50':>8}{'p99 ms':>8}")
    for peers in options.peers:
        for interval_ms in (report_interval_ms(peers), REPORT_INTERVAL_MS):
            share, (median, late) = asyncio.run(measure(peers, interval_ms, options.seconds))
            print(f"{peers:6}{interval_ms / 1000:12.2f} s{100 * share:20.0f}{median:8.1f}{late:8.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
