"""Frames in Python: how many arrive as arrays, how old they are, and how old what Python publishes is on a screen.

Run with ``make bench-frames``. Every age is read from the pictures: each carries the time it was made. Publishers in
Python and the browser are processes of their own; who reads arrays is this process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any

from relay_widget import Call, Peer, launcher
from relay_widget.media.pattern import STAMP_SPAN, read_stamp
from relay_widget.tokens import mint
from tests.bench.frames_source import pictures
from tests.bench.latency_browser import TOKEN_LIFETIME_S, open_page
from tests.bench.latency_figures import median, percentiles, seen, table, verdict
from tests.bench.plain_browser import plain_chromium
from tests.bench.results import save
from tests.machine import rss_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from relay_widget.launcher import RelayAddress
    from relay_widget.media.frame import VideoFrame
    from relay_widget.streams import VideoStream
    from tests.bench.plain_browser import PlainPage

SECONDS = 20
SETTLE_S = 4
TIMESLICE_MS = 20
WORK_S = 0.005
"""What the processed picture costs the function."""
PAUSE_S = 1.0
CROWD = 8
CROWD_FPS = 15
COLUMNS = {"fps": "fps", "p50_ms": "p50", "p95_ms": "p95", "p5_ms": "p5", "dropped": "dropped", "memory_mb": "+MB"}
LEGEND = """\
p50, p95, p5: age of the picture when the array, or the screen, has it, ms; dropped: frames that were passed over
because a newer one was there; +MB: what this process's memory grew by"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.frames", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measured for each row (default: %(default)s)")
    parser.add_argument("--only", help=f"rows, with commas between: {', '.join(ROWS)}")
    given = parser.parse_args()
    wanted = given.only.split(",") if given.only else list(ROWS)
    if unknown := set(wanted) - set(ROWS):
        parser.error(f"there are no rows {', '.join(sorted(unknown))}")
    rows: dict[str, dict[str, Any]] = {}
    claims: list[tuple[str, bool]] = []
    with own_relay() as relay, plain_chromium("--autoplay-policy=no-user-gesture-required") as browser:
        for name in wanted:
            print(f"\r{name} …{' ' * 20}", end="", file=sys.stderr, flush=True)
            with open_page(browser, "frames.ts") as page:
                found, promised = ROWS[name](page, relay, given.seconds)
            rows |= found
            claims += promised
    print("\r" + table(rows, COLUMNS, {"fps": 1, "memory_mb": 1}) + f"\n\n{LEGEND}\n\n{verdict(claims)}")
    save("frames", {"seconds": given.seconds, "rows": rows})


Found = tuple[dict[str, dict[str, Any]], list[tuple[str, bool]]]


def from_browser(page: PlainPage, relay: RelayAddress, seconds: float) -> Found:
    with sending_page(page, relay, "browser"), Peer("browser", "reader") as reader:
        row = read(reader.video(of="page"), seconds)
    return {"browser to array": row}, [fast_enough("browser to array", row), young_enough("browser to array", row, 150)]


def from_python(page: PlainPage, relay: RelayAddress, seconds: float) -> Found:
    with sending_python("python"), Peer("python", "reader") as reader:
        row = read(reader.video(of="source"), seconds)
    return {"Python to array": row}, [fast_enough("Python to array", row), young_enough("Python to array", row, 60)]


def slow_consumer(page: PlainPage, relay: RelayAddress, seconds: float) -> Found:
    with sending_python("slow"), Peer("slow", "reader") as reader:
        row = read(reader.video(of="source"), max(seconds, 12 * PAUSE_S), pause_s=PAUSE_S)
    title = f"array, {PAUSE_S:g} s for each frame"
    newest = (f"{title}: the newest frame, {row['p50_ms']:.0f} ms old <= 100 ms", row["p50_ms"] <= 100)
    return {title: row}, [
        newest,
        (f"{title}: memory grew by {row['memory_mb']:.1f} MB <= 10 MB", row["memory_mb"] <= 10),
    ]


def to_browser(page: PlainPage, relay: RelayAddress, seconds: float) -> Found:
    with sending_python("screen"):
        row = watched(page, relay, "screen", seconds, "source")["source"]
    return {"array to screen": row}, [young_enough("array to screen", row, 250)]


def processed(page: PlainPage, relay: RelayAddress, seconds: float) -> Found:
    def five_milliseconds(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        end_s = time.perf_counter() + WORK_S
        result = picture.copy()
        result[-40:] = 255 - result[-40:]  # below the stamp
        while time.perf_counter() < end_s:
            pass
        return result

    call = Call(room="processed", name="Ada")
    try:
        with sending_python("processed"):
            call.wait_for_peers(1, timeout=10)
            call.publish_processed(five_milliseconds, of="source", name="processed")
            both = watched(page, relay, "processed", seconds, "source", "processed")
    finally:
        call.close()
    added_ms = both["processed"]["p50_ms"] - both["source"]["p50_ms"]
    rows = {"as it is, to screen": both["source"], "processed, to screen": both["processed"]}
    return rows, [(f"processed: adds {added_ms:.0f} ms <= 120 ms", added_ms <= 120)]


def crowd(page: PlainPage, relay: RelayAddress, seconds: float) -> Found:
    """Each publishes, gets what all the others send, and reads its neighbour's arrays."""
    row = asyncio.run(_crowd(seconds))
    title = f"{CROWD} peers of one process"
    slowest = row.pop("slowest_fps")
    return {title: row}, [(f"{title}: {slowest:.1f} >= {CROWD_FPS} - 0.5 fps of each", slowest >= CROWD_FPS - 0.5)]


async def _crowd(seconds: float) -> dict[str, Any]:
    ages_ms: dict[int, list[float]] = {}

    async def look(stream: VideoStream, reader: int) -> None:
        async for frame in stream:
            if (age := age_ms(frame)) is not None:
                ages_ms.setdefault(reader, []).append(age)

    async with contextlib.AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(Peer("crowd", f"peer {number}")) for number in range(CROWD)]
        for peer in peers:
            peer.publish(pictures(320, 240), fps=CROWD_FPS)
        await asyncio.sleep(1)
        looking = [
            asyncio.create_task(look(reader.video(of=peers[number - 1].id), number))
            for number, reader in enumerate(peers)
        ]
        await asyncio.sleep(SETTLE_S)
        ages_ms.clear()
        begun_s = time.monotonic()
        await asyncio.sleep(seconds)
        measured_s = time.monotonic() - begun_s
        found = {reader: list(ages) for reader, ages in ages_ms.items()}
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
    rates = [len(found.get(reader, [])) / measured_s for reader in range(CROWD)]
    return {
        **percentiles([age for ages in found.values() for age in ages]),
        "fps": median(rates),
        "slowest_fps": min(rates),
    }


ROWS: dict[str, Callable[[PlainPage, RelayAddress, float], Found]] = {
    "browser": from_browser,
    "python": from_python,
    "slow": slow_consumer,
    "screen": to_browser,
    "processed": processed,
    "crowd": crowd,
}


def fast_enough(title: str, row: dict[str, Any]) -> tuple[str, bool]:
    return f"{title}: {row['fps']:.1f} >= 29.5 fps", row["fps"] >= 29.5


def young_enough(title: str, row: dict[str, Any], most_ms: float) -> tuple[str, bool]:
    return f"{title}: p50 {row['p50_ms']:.0f} ms <= {most_ms} ms", row["p50_ms"] <= most_ms


def age_ms(frame: VideoFrame) -> float | None:
    """How long ago a picture was made, now that it is an array; None if it does not say."""
    made = read_stamp(frame.rgb)
    if made is None:
        return None
    age = (time.time() * 1000 - made) % STAMP_SPAN
    return age - STAMP_SPAN if age > STAMP_SPAN / 2 else age


def read(stream: VideoStream, seconds: float, pause_s: float = 0) -> dict[str, Any]:
    """Take frames as arrays for so long, and see how old each is when it is one."""
    ages_ms: list[float] = []
    memory = [math.nan, math.nan]
    begin_s = time.monotonic() + SETTLE_S
    give_up = threading.Timer(SETTLE_S + seconds + 10, stream.close)
    give_up.start()
    dropped = 0
    for frame in stream:
        age, now_s = age_ms(frame), time.monotonic()
        if now_s > begin_s + seconds:
            break
        if now_s >= begin_s and age is not None:
            if not ages_ms:
                memory[0], dropped = rss_bytes(os.getpid()), stream.dropped
            ages_ms.append(age)
            memory[1] = rss_bytes(os.getpid())
        time.sleep(pause_s)
    give_up.cancel()
    dropped = stream.dropped - dropped
    stream.close()
    return {
        **percentiles(ages_ms),
        "fps": len(ages_ms) / seconds,
        "dropped": dropped,
        "memory_mb": (memory[1] - memory[0]) / 1e6,
    }


def watched(page: PlainPage, relay: RelayAddress, room: str, seconds: float, *names: str) -> dict[str, dict[str, Any]]:
    """What a page shows of these people."""
    joined(page, relay, room)
    for name in names:
        page.until("name => probe.sees(name)", name)
    page.evaluate("names => probe.watch(names)", list(names))
    time.sleep(SETTLE_S)
    page.evaluate("probe.begin()")
    time.sleep(seconds)
    found = page.evaluate("probe.seen()")
    ahead_ms = ahead_of_python_ms(page)
    page.evaluate("probe.leave()")
    for one in found.values():
        one["latencies_ms"] = [latency_ms - ahead_ms for latency_ms in one["latencies_ms"]]
    return {name: {**seen(one), "dropped": one["dropped_frames"]} for name, one in found.items()}


def ahead_of_python_ms(page: PlainPage) -> float:
    """How far the page's clock is ahead of this process's, by the quickest of some questions."""
    asked = []
    for _ in range(20):
        before_ms = time.time() * 1000
        theirs_ms = page.evaluate("probe.now_ms()")
        after_ms = time.time() * 1000
        asked.append((after_ms - before_ms, theirs_ms - (before_ms + after_ms) / 2))
    return float(min(asked)[1])


def joined(page: PlainPage, relay: RelayAddress, room: str, **options: Any) -> None:
    ticket = {"url": relay.url, "token": mint(relay.secret, role="peer", lifetime_s=TOKEN_LIFETIME_S)}
    page.evaluate("options => probe.join(options)", {"room": room, "name": "page", "ticket": ticket, **options})


@contextlib.contextmanager
def sending_page(page: PlainPage, relay: RelayAddress, room: str) -> Iterator[None]:
    joined(page, relay, room, timeslice_ms=TIMESLICE_MS)
    yield
    page.evaluate("probe.leave()")


@contextlib.contextmanager
def sending_python(room: str) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.bench.frames_source", "--room", room, "--name", "source"]
    source = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert source.stdin is not None
    assert source.stdout is not None
    try:
        assert source.stdout.readline() == "sending\n"
        yield
    finally:
        source.stdin.close()
        try:
            source.wait(10)
        except subprocess.TimeoutExpired:
            source.kill()
            source.wait()


@contextlib.contextmanager
def own_relay() -> Iterator[RelayAddress]:
    """A relay that everybody here finds, and no one else's."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JUPYTER_RUNTIME_DIR"] = folder
        relay = launcher.ensure_relay()
        try:
            yield relay
        finally:
            os.kill(relay.pid, signal.SIGTERM)
            while launcher.runtime_file().exists():
                time.sleep(0.02)


if __name__ == "__main__":
    main()
