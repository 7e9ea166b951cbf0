"""A minute in a hidden tab: how soon is what one sees live again, once the tab is looked at?

Run with ``make bench-hidden``. Playwright tells its pages that they are always looked at, so here Chromium is driven
without it: a second tab is brought in front of the watching one, whose ``document.hidden`` is then true and whose
timers run once a second, as for a user. The sender is in a window of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.bench.latency import DEFAULT_MS
from tests.bench.latency_browser import served, ticket
from tests.bench.latency_diary import Diary
from tests.bench.latency_figures import verdict
from tests.bench.results import save
from tests.e2e.lab import CHROMIUM, CHROMIUM_ARGS
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS = 60
SETTLE_S = 10
AFTER_S = 15
LIVE_AFTER_MS = 1000
LIVE_WITHIN_MS = 100
"""Live is what is no older than it was before, by this much."""
START_TIMEOUT_S = 20
ROOM = "bench-hidden"


class Tab:
    """One tab, by the protocol of Chromium's developer tools."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last = 0

    async def call(self, method: str, **params: Any) -> Any:
        """Call a method, in turn; events are not listened to."""
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": params})
        while True:
            answer = await self._socket.receive_json()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression, once a promise of it is kept."""
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until it is true."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not await self.evaluate(expression):
            assert time.monotonic() < deadline_s, f"not within {START_TIMEOUT_S} s: {expression}"
            await asyncio.sleep(0.05)

    async def join(self, options: dict[str, Any]) -> None:
        """Bring a participant into the room."""
        await self.until("window.probe !== undefined")
        await self.evaluate(f"probe.join({json.dumps(options)})")


class Chromium:
    """A Chromium that nobody tells that it is looked at."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._address = f"127.0.0.1:{port}"

    async def tab(self, url: str, *, window: bool = True) -> Tab:
        """A new tab in front, in a window of its own or in the one that was made last."""
        version = await (await self._session.get(f"http://{self._address}/json/version")).json()
        async with self._session.ws_connect(version["webSocketDebuggerUrl"]) as socket:
            target = await Tab(socket).call("Target.createTarget", url=url, newWindow=window)
        address = f"ws://{self._address}/devtools/page/{target['targetId']}"
        return Tab(await self._session.ws_connect(address, max_msg_size=0))


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Chromium]:
    """Headless, with the fake microphone; ends with all its processes."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        args = ["--headless=new", "--autoplay-policy=no-user-gesture-required", "--remote-debugging-port=0"]
        command = [CHROMIUM, *CHROMIUM_ARGS, *args, f"--user-data-dir={folder}", "about:blank"]
        null = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*command, stdout=null, stderr=null)
        try:
            said = Path(folder) / "DevToolsActivePort"
            deadline_s = time.monotonic() + START_TIMEOUT_S
            while not (said.exists() and said.read_text()):
                assert time.monotonic() < deadline_s, "Chromium does not start"
                await asyncio.sleep(0.05)
            async with aiohttp.ClientSession() as session:
                yield Chromium(session, int(said.read_text().split()[0]))
        finally:
            process.terminate()
            await process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.latency_hidden", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="hidden (default: %(default)s)")
    figures = asyncio.run(_measure(parser.parse_args().seconds))
    print(", ".join(f"{name} {value:.0f}" for name, value in figures.items()))
    print(verdict(_claims(figures)))
    save("hidden", figures)


async def _measure(seconds: float) -> dict[str, float]:
    with RelayProcess() as relay, served("room.ts") as address:
        async with chromium() as browser:
            sender, watcher = await browser.tab(address), await browser.tab(address)
            common = {"room": ROOM, "ticket": ticket(relay)}
            await sender.join({**common, "name": "sender", "timeslice_ms": DEFAULT_MS})
            await watcher.join({**common, "name": "watcher"})
            await watcher.until("probe.sees('watcher')")
            await watcher.evaluate("probe.watch('watcher')")
            await asyncio.sleep(SETTLE_S)
            cover = await browser.tab("about:blank", window=False)
            await watcher.until("document.hidden")
            await asyncio.sleep(seconds)
            assert await watcher.evaluate("document.hidden"), "the tab did not stay hidden"
            assert not await sender.evaluate("document.hidden"), "the sender was hidden too"
            await cover.call("Page.close")
            await watcher.call("Page.bringToFront")
            await asyncio.sleep(AFTER_S)
            hidden: list[tuple[float, bool]] = await watcher.evaluate("probe.hidden")
            return _figures(Diary.of(await watcher.evaluate("probe.diary('watcher')")), hidden)


def _figures(seen: Diary, hidden: list[tuple[float, bool]]) -> dict[str, float]:
    left_ms = next(at_ms for at_ms, is_hidden in hidden if is_hidden)
    back_ms = next(at_ms for at_ms, is_hidden in reversed(hidden) if not is_hidden)
    before_ms = seen.p50_ms(left_ms - 5000, left_ms)
    live_ms = next(
        (at_ms for at_ms, age_ms in seen.pictures if at_ms > back_ms and age_ms <= before_ms + LIVE_WITHIN_MS), math.inf
    )
    return {
        "hidden_s": (back_ms - left_ms) / 1000,
        "before_ms": before_ms,
        "first_picture_ms": seen.first_picture_ms(back_ms) - back_ms,
        "live_ms": live_ms - back_ms,
        "stays_live_ms": seen.settled_ms(back_ms, before_ms + LIVE_WITHIN_MS) - back_ms,
        "after_ms": seen.p50_ms(back_ms + 5000, math.inf),
        "longest_still_ms": seen.longest_still_ms(back_ms, back_ms + 5000),
    }


def _claims(figures: dict[str, float]) -> list[tuple[str, bool]]:
    live_ms = figures["stays_live_ms"]
    seconds = figures["hidden_s"]
    return [(f"live {live_ms:.0f} ms after {seconds:.0f} s hidden <= {LIVE_AFTER_MS} ms", live_ms <= LIVE_AFTER_MS)]


if __name__ == "__main__":
    main()
