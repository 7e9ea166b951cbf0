"""Fuzz the relay: ``python -m tests.fuzz --minutes 10``.

Three at once, for all of the time: what the core makes of any story, what the readers of the wire make of any bytes
(both guided by coverage), and a real relay with clients that misbehave. Ends with 1 if anything raised, if the relay
logged anything, if the two who behave lost anything, or if memory grew.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.machine import rss_bytes
from tests.relay_process import RelayProcess

from . import OUT
from .live import Live

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRESS_S = 10
FLAT_FROM_S = 60
GROWTH = 1.25
"""What a process may have grown to, from minute 1 on; twice the noise that is seen."""
TARGETS = ("core", "wire")


@dataclass
class Watched:
    """A process that is fuzzed."""

    name: str
    rss: Callable[[], int]
    rss_bytes: list[tuple[float, int]] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)

    def look(self, at_s: float) -> None:
        with contextlib.suppress(OSError):  # it has just ended
            self.rss_bytes.append((at_s, self.rss()))

    def line(self) -> str:
        figures = ", ".join(f"{value:,} {name}" for name, value in self.figures.items())
        return f"{self.name}: {figures}, {self.rss_bytes[-1][1] / 1e6:.0f} MB" if self.rss_bytes else self.name

    def memory(self) -> tuple[float, float]:
        """MB at minute 1 (or the middle of a shorter run), and at the end."""
        last_s, last_bytes = self.rss_bytes[-1]
        from_s = min(FLAT_FROM_S, last_s / 2)
        return next(size for at_s, size in self.rss_bytes if at_s >= from_s) / 1e6, last_bytes / 1e6


async def _guided(name: str, seconds: float, seed: int, watched: list[Watched]) -> list[str]:
    OUT.mkdir(exist_ok=True)
    log = OUT / f"{name}.log"
    command = [sys.executable, "-m", "tests.fuzz.guided", name, str(int(seconds)), str(seed)]
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=stderr)
    this = Watched(name, lambda: rss_bytes(process.pid))
    watched.append(this)
    assert process.stdout is not None
    async for line in process.stdout:
        if line.startswith(b"{"):
            this.figures = json.loads(line)
    code = await process.wait()
    return [f"{name} ended with {code}: see {log} and the bytes in {OUT}"] if code else []


async def _live(relay: RelayProcess, until_s: float, seed: int, watched: list[Watched]) -> list[str]:
    live = Live(relay, seed)
    this = Watched("live", relay.rss_bytes)
    watched.append(this)

    async def count() -> None:
        while True:
            this.figures = {
                "connections": live.connections,
                "messages": live.messages,
                "codes": len(live.codes),
                "of the two": live.passed,
            }
            await asyncio.sleep(1)

    counting = asyncio.create_task(count())
    wrong = []
    try:
        await live.run(until_s)
    except* Exception as group:  # noqa: BLE001 - whatever it is, it is what was looked for
        wrong = ["".join(traceback.format_exception(error)) for error in group.exceptions]
    counting.cancel()
    print(f"\ncodes: {', '.join(f'{code} {times:,}' for code, times in live.codes.most_common())}")
    return wrong


async def _progress(started_s: float, watched: list[Watched]) -> None:
    said_s = started_s
    while True:
        await asyncio.sleep(1)
        now_s = time.monotonic()
        for one in watched:
            one.look(now_s - started_s)
        if now_s - said_s >= PROGRESS_S:
            said_s = now_s
            minutes, seconds = divmod(int(now_s - started_s), 60)
            print(f"{minutes}:{seconds:02}  " + " | ".join(one.line() for one in watched), flush=True)


async def _run(minutes: float, seed: int) -> list[str]:
    watched: list[Watched] = []
    started_s = time.monotonic()
    with RelayProcess() as relay:
        progress = asyncio.create_task(_progress(started_s, watched))
        ended = await asyncio.gather(
            *(_guided(name, minutes * 60, seed, watched) for name in TARGETS),
            _live(relay, started_s + minutes * 60, seed, watched),
        )
        progress.cancel()
        wrong = [each for some in ended for each in some]
        if relay.process.poll() is not None or relay.log:
            wrong.append(f"the relay logged:\n{relay.log[-8000:]}")
    print(f"\n{'':8}{'MB, minute 1':>14}{'MB, end':>10}  executions, or what was sent; distinct outcomes")
    for one in watched:
        early, late = one.memory()
        print(f"{one.name:8}{early:14.0f}{late:10.0f}  {', '.join(f'{n:,} {name}' for name, n in one.figures.items())}")
        if late > GROWTH * early:
            wrong.append(f"{one.name} grew from {early:.0f} to {late:.0f} MB")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the relay.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))  # noqa: S311 - no secret
    options = parser.parse_args()
    print(f"fuzzing for {options.minutes:g} minutes, seed {options.seed}", flush=True)
    wrong = asyncio.run(_run(options.minutes, options.seed))
    print("\n".join(wrong) or "nothing raised, nothing lost, memory flat")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
