"""Chromium as a user has it, for measuring: Playwright has every page tell it of each WebSocket message.

That took a fifth of a core in a two-way call, and only from those who are measured over WebSockets. Playwright also
tells its pages that they are always looked at. So Chromium is driven here with no more of the protocol of its developer
tools than the benchmarks need.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from websocket import WebSocket, create_connection

from tests.e2e.lab import CHROMIUM, CHROMIUM_ARGS

if TYPE_CHECKING:
    from collections.abc import Iterator

START_TIMEOUT_S = 20
ANSWER_TIMEOUT_S = 120
QUIET = "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup"
"""A browser just started prepares its omnibox in four pages, and collects their garbage half a minute later: 0.2 s of
both cores, in the middle of what is measured."""
_NOTHING = object()


class Devtools:
    """A line to Chromium or to one of its pages."""

    def __init__(self, address: str) -> None:
        self._socket: WebSocket = create_connection(address, timeout=ANSWER_TIMEOUT_S, suppress_origin=True)
        self._last = 0
        self.events: list[dict[str, Any]] = []
        """What it said unasked, of what was enabled."""

    def call(self, method: str, **params: Any) -> Any:
        """Call a method and wait for its answer."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._last:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def close(self) -> None:
        self._socket.close()


class PlainPage(Devtools):
    """One page."""

    def __init__(self, browser: PlainBrowser, address: str) -> None:
        super().__init__(address)
        self.browser = browser

    def evaluate(self, script: str, argument: Any = _NOTHING) -> Any:
        """The value of an expression, or of a function of one argument, once a promise of it is kept."""
        expression = script if argument is _NOTHING else f"({script})({json.dumps(argument)})"
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script: str, argument: Any = _NOTHING, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until it is true."""
        deadline_s = time.monotonic() + timeout_s
        while not self.evaluate(script, argument):
            assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {script}"
            time.sleep(0.05)


class PlainBrowser(Devtools):
    """A Chromium that nobody tells that it is looked at."""

    def __init__(self, port: int) -> None:
        self._host = f"127.0.0.1:{port}"
        with urllib.request.urlopen(f"http://{self._host}/json/version") as answer:
            super().__init__(json.load(answer)["webSocketDebuggerUrl"])

    @contextlib.contextmanager
    def page(
        self, url: str, *, window: bool = True, size: tuple[int, int] | None = None, script: str = ""
    ) -> Iterator[PlainPage]:
        """A new page in front, in a window of its own or in the one that was made last.

        Args:
            url: Its address.
            window: Whether in a window of its own.
            size: Its width and height, px.
            script: Is run before the page's own.
        """
        target = self.call("Target.createTarget", url="about:blank", newWindow=window)["targetId"]
        page = PlainPage(self, f"ws://{self._host}/devtools/page/{target}")
        try:
            if size is not None:
                width, height = size
                metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
                page.call("Emulation.setDeviceMetricsOverride", **metrics)
            if script:
                page.call("Page.enable")  # scripts are for pages that are enabled
                page.call("Page.addScriptToEvaluateOnNewDocument", source=script)
            page.call("Page.navigate", url=url)
            yield page
        finally:
            page.close()
            self.call("Target.closeTarget", targetId=target)


@contextlib.contextmanager
def plain_chromium(*extra_args: str) -> Iterator[PlainBrowser]:
    """Headless, with fake devices; ends with all its processes."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        args = ["--headless=new", "--remote-debugging-port=0", f"--user-data-dir={folder}", *extra_args]
        command = [CHROMIUM, *CHROMIUM_ARGS, QUIET, *args, "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            said = Path(folder) / "DevToolsActivePort"
            deadline_s = time.monotonic() + START_TIMEOUT_S
            while not (said.exists() and said.read_text()):
                assert time.monotonic() < deadline_s, "Chromium does not start"
                time.sleep(0.05)
            browser = PlainBrowser(int(said.read_text().split()[0]))
            yield browser
            browser.close()
        finally:
            process.terminate()
            process.wait()
