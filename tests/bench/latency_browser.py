"""What the latency benchmarks share: the bundled page on a server of its own, and what the browser costs."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.machine import machine_s, process_s

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.bench.plain_browser import PlainBrowser, PlainPage
    from tests.relay_process import RelayProcess

ROOT = Path(__file__).parents[2]
PAGE = Path(__file__).parent / "latency_page"
TOKEN_LIFETIME_S = 2 * 3600
SIZE = (900, 700)
"""Of the page, px."""


def bundle(source: Path, **constants: str) -> str:
    """A TypeScript file and all it imports as one script; `constants` are texts it uses without importing them."""
    command = [str(ROOT / "js/node_modules/.bin/esbuild"), str(source), "--bundle", "--format=iife", "--target=es2022"]
    command += [f"--define:{name}={json.dumps(text)}" for name, text in constants.items()]
    # The product's packages are looked for from the file that imports them, which is not below js/.
    env = {**os.environ, "NODE_PATH": str(ROOT / "js/node_modules")}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout


def bundle_page(source: str) -> str:
    """A script of the latency page, with the texts of its camera's and its microphone's worker in it."""
    camera, microphone = (bundle(PAGE / f"{device}_worker.ts") for device in ("camera", "microphone"))
    return bundle(PAGE / source, CAMERA_WORKER=camera, MICROPHONE_WORKER=microphone)


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Keep the terminal to the benchmark."""


def ticket(relay: RelayProcess) -> dict[str, str]:
    """What a page needs to come in."""
    return {"url": relay.url, "token": relay.auth(lifetime_s=TOKEN_LIFETIME_S)["token"]}


@contextlib.contextmanager
def served(source: str) -> Iterator[str]:
    """The address of a page that runs this script."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        shutil.copy(PAGE / "index.html", folder)
        (Path(folder) / "page.js").write_text(bundle_page(source))
        handler = functools.partial(_QuietHandler, directory=folder)
        server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        yield f"http://127.0.0.1:{server.server_port}/index.html"


@contextlib.contextmanager
def open_page(
    browser: PlainBrowser, source: str = "page.ts", complaints: list[str] | None = None, query: str = ""
) -> Iterator[PlainPage]:
    """A page of this script, ready.

    Errors, exceptions and unhandled rejections are printed in the end, and put into the list.
    """
    with served(source) as address, browser.page(address + query, size=SIZE) as page:
        page.call("Runtime.enable")
        page.until("window.probe !== undefined")
        yield page
        page.call("Runtime.disable")  # what it has said until now has come before the answer
        found = [text for event in page.events if (text := _complaint(event)) is not None]
        for text in found:
            print(f"page: {text}")
        if complaints is not None:
            complaints += found


def _complaint(event: dict[str, Any]) -> str | None:
    """What an event of the page complains of, if it does."""
    match event:
        case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
            return str(details.get("exception", {}).get("description", details["text"]))
        case {"method": "Runtime.consoleAPICalled", "params": {"type": "error", "args": args}}:
            return " ".join(str(arg.get("value", arg.get("description"))) for arg in args)
    return None


class Load:
    """CPU time since it was made, or begun anew, in % of one core.

    Args:
        page: Its browser's processes are counted, and the time its main thread had work.
        pids: Other processes, by the name they get in the result.
    """

    def __init__(self, page: PlainPage, pids: Mapping[str, int] | None = None) -> None:
        self._page = page
        page.call("Performance.enable", timeDomain="timeTicks")
        self._pids = dict(pids or {})
        self.begin()

    def begin(self) -> None:
        """Count from here on."""
        self._before = self._now()

    def percent(self) -> dict[str, float]:
        """By `renderer`, `browser` (all of its processes), `main_thread`, and the other processes' names.

        `other` is everything else on this machine, `stolen` what its host gave to other machines: with more than some
        20 or 5 % the figures tell little about what was measured.
        """
        before, now = self._before, self._now()
        elapsed_s = now.pop("clock") - before["clock"]
        # A process that has ended meanwhile takes its time with it.
        spent = {name: max(0.0, 100 * (spent_s - before.get(name, 0)) / elapsed_s) for name, spent_s in now.items()}
        known = spent["browser"] + sum(spent[name] for name in self._pids)
        spent["other"] = max(0.0, spent.pop("machine") - known)
        return spent

    def _now(self) -> dict[str, float]:
        metrics = {one["name"]: one["value"] for one in self._page.call("Performance.getMetrics")["metrics"]}
        processes = self._page.browser.call("SystemInfo.getProcessInfo")["processInfo"]
        spent_s = {name: process_s(pid) for name, pid in self._pids.items()}
        spent_s["renderer"] = sum(one["cpuTime"] for one in processes if one["type"] == "renderer")
        spent_s["browser"] = sum(one["cpuTime"] for one in processes)
        spent_s["main_thread"] = metrics["TaskDuration"]
        spent_s["machine"], spent_s["stolen"] = machine_s()
        spent_s["clock"] = metrics["Timestamp"]
        return spent_s
