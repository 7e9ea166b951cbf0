"""What each attack costs a call of three and a room of fifty beside it: ``python -m tests.hostile --minutes 4``.

One relay, real processes. Before and during each attack the delay of everybody's media is measured, from when it was
sent to when it is read; beside it the relay's memory, its log and its open files. Ends with 1 if an attack costs more
than it may.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.machine import process_s, rss_bytes
from tests.relay_process import RelayProcess
from tests.server.clients import RawClient

from .attacks import ATTACKS

MEMORY_BYTES = 100_000_000
OWN_BYTES = 60_000_000
"""What a relay takes beside what it holds for clients."""
CROWD = 50
CALL_PER_S, CROWD_PER_S = 40, 10
CHUNK = bytes(2_000)
FACTOR, MOST_MS, LOG_BYTES_PER_S = 2.0, 50.0, 1_000
QUIET_S = 4.0
SETTLE_S = 1.0


@dataclass
class Delays:
    """How long media took, in ms."""

    taken_ms: list[float] = field(default_factory=list)

    def figures(self) -> tuple[float, float]:
        """Median and 99th percentile since the last time."""
        taken, self.taken_ms = sorted(self.taken_ms), []
        if not taken:
            return float("inf"), float("inf")
        return statistics.median(taken), taken[min(len(taken) - 1, int(0.99 * len(taken)))]


class Member:
    """Somebody in a room, who sends or not, and notes how late what it gets is."""

    def __init__(self, delays: Delays) -> None:
        self._delays = delays
        self._client = RawClient()
        self._tasks: list[asyncio.Task[None]] = []

    async def come(self, relay: RelayProcess, room: str, name: str, per_s: float = 0) -> None:
        await self._client.connect(relay.url)
        await self._client.join(relay.auth(), room, name)
        self._tasks.append(asyncio.create_task(self._read()))
        if per_s:
            await self._client.send('42["publish",{"track":"t","mimeType":"audio/webm","video":false}]')
            self._tasks.append(asyncio.create_task(self._speak(per_s)))

    async def go(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    async def _read(self) -> None:
        while True:
            first, payload = await self._client.frame(timeout_s=None)
            if first == 0x81 and payload == b"2":
                await self._client.send("3")
            elif payload.startswith(b"451-") and (at := payload.find(b'"captured_ms":')) > 0:
                sent_ms = float(payload[at + 14 :].split(b",", 1)[0].rstrip(b"}]"))
                self._delays.taken_ms.append(1000 * time.monotonic() - sent_ms)

    async def _speak(self, per_s: float) -> None:
        due_s = time.monotonic()
        label: dict[str, Any] = {"track": "t", "epoch": 1, "group": 0, "object": 0, "type": "init"}
        while True:
            label["captured_ms"] = 1000 * time.monotonic()
            text = f"451-{json.dumps(['media-chunk', label, {'_placeholder': True, 'num': 0}])}"
            await self._client.send_frames((0x81, text.encode()), (0x82, CHUNK))
            label = {**label, "type": "key", "group": label["group"] + 1}
            due_s += 1 / per_s
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))


@dataclass
class Costs:
    """What there was while something went on."""

    call_ms: tuple[float, float]
    crowd_ms: tuple[float, float]
    busy: float
    memory_bytes: int
    log_bytes_per_s: float
    files: int


class Watch:
    """Measures the others and the relay."""

    def __init__(self, relay: RelayProcess, call: Delays, crowd: Delays) -> None:
        self._relay = relay
        self._call, self._crowd = call, crowd

    async def measure(self, seconds: float) -> Costs:
        pid, log = self._relay.process.pid, self._relay.runtime_file.with_suffix(".log")
        self._call.figures(), self._crowd.figures()
        before_s, before_bytes, began_s, most_bytes = process_s(pid), log.stat().st_size, time.monotonic(), 0
        while time.monotonic() - began_s < seconds:
            await asyncio.sleep(0.25)
            most_bytes = max(most_bytes, rss_bytes(pid))
        took_s = time.monotonic() - began_s
        return Costs(
            self._call.figures(),
            self._crowd.figures(),
            (process_s(pid) - before_s) / took_s,
            most_bytes,
            (log.stat().st_size - before_bytes) / took_s,
            _open_files(pid),
        )


def _open_files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def wrong(quiet: Costs, under: Costs) -> list[str]:
    """What an attack costs that it may not."""
    found = []
    for who, before, now in (("call", quiet.call_ms, under.call_ms), ("room", quiet.crowd_ms, under.crowd_ms)):
        if now[1] > MOST_MS or now[1] > FACTOR * max(before[1], 1.0):
            found.append(f"{who} {now[1]:.0f} ms")
    if under.memory_bytes > 1.2 * MEMORY_BYTES + OWN_BYTES:
        found.append(f"{under.memory_bytes / 1e6:.0f} MB")
    if under.log_bytes_per_s > LOG_BYTES_PER_S:
        found.append(f"{under.log_bytes_per_s:.0f} B/s of log")
    return found


def row(name: str, costs: Costs, verdict: str = "") -> str:
    (call_50, call_99), (crowd_50, crowd_99) = costs.call_ms, costs.crowd_ms
    return (
        f"{name:24}{call_50:7.1f}{call_99:7.1f} {crowd_50:7.1f}{crowd_99:7.1f} {100 * costs.busy:6.0f}"
        f"{costs.memory_bytes / 1e6:7.0f}{costs.log_bytes_per_s:8.0f}{costs.files:7}  {verdict}"
    )


async def run(minutes: float, names: list[str]) -> int:
    seconds = max(5.0, 60 * minutes / len(names) - QUIET_S - SETTLE_S)
    failures = 0
    print(f"{'':24}{'call':>14} {f'room of {CROWD}':>14} {'CPU':>6}{'MB':>7}{'log':>8}{'files':>7}")
    print(f"{'':24}{'p50':>7}{'p99 ms':>7} {'p50':>7}{'p99 ms':>7} {'%':>6}{'':>7}{'B/s':>8}", flush=True)
    with RelayProcess(("--max-memory-bytes", str(MEMORY_BYTES))) as relay:
        call, crowd = Delays(), Delays()
        members = [Member(call) for _ in range(3)] + [Member(crowd) for _ in range(CROWD)]
        for number, member in enumerate(members):
            if number < 3:
                await member.come(relay, "call", f"Caller {number}", CALL_PER_S)
            else:
                await member.come(relay, "crowd", f"Member {number}", CROWD_PER_S if number == 3 else 0)
        watch = Watch(relay, call, crowd)
        await asyncio.sleep(SETTLE_S)
        for name in names:
            quiet = await watch.measure(QUIET_S)
            token = relay.auth(role="peer")["token"]
            attack = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.hostile.attacks", name, relay.url, str(seconds), token, "crowd"),
                cwd=Path(__file__).parents[2],
            )
            under = await watch.measure(seconds)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(attack.wait(), 10)
            if attack.returncode is None:
                attack.kill()
                await attack.wait()
            found = wrong(quiet, under)
            failures += bool(found)
            print(row("", quiet))
            print(row(name, under, "" if not found else "TOO MUCH: " + ", ".join(found)), flush=True)
            await asyncio.sleep(SETTLE_S)
        for member in members:
            await member.go()
        if relay.process.poll() is not None:
            print(f"the relay ended: {relay.log[-2000:]}")
            failures += 1
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--only", nargs="+", choices=list(ATTACKS), default=list(ATTACKS))
    options = parser.parse_args()
    return int(asyncio.run(run(options.minutes, options.only)) > 0)


if __name__ == "__main__":
    sys.exit(main())
