"""Drive a real JupyterLab in a real Chromium: what the browser tests, the benchmarks and the pictures share."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import queue
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Protocol

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient
from playwright.sync_api import Error, ViewportSize, sync_playwright

from tests.machine import free_port
from tests.waiting import is_there

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
VIEWPORT: ViewportSize = {"width": 1100, "height": 800}
BLANK = "about:blank"
START_TIMEOUT_S = 60
CELL_TIMEOUT_S = 60


@contextlib.contextmanager
def chromium(*extra_args: str, without: tuple[str, ...] = ()) -> Iterator[Browser]:
    """A headless Chromium with fake devices; autoplay rules as for a user."""
    args = [arg for arg in CHROMIUM_ARGS if arg not in without]
    browser = _playwright().chromium.launch(executable_path=CHROMIUM, args=[*args, *extra_args])
    try:
        yield browser
    finally:
        browser.close()


@functools.cache
def _playwright() -> Playwright:
    """One for the process: a second synchronous one beside it is refused."""
    playwright = sync_playwright().start()
    atexit.register(stop_playwright)
    return playwright


def stop_playwright() -> None:
    """End its process, which the first browser has started."""
    if _playwright.cache_info().currsize:
        _playwright().stop()
        _playwright.cache_clear()


class JupyterLab:
    """A JupyterLab server of its own, with folders of its own: nothing of the user's is touched.

    Args:
        folder: Where they are.
        arguments: More for its command line.
        host: What the browser calls its machine.
        base_url: Its path there.
    """

    app = "lab"
    app_class = "LabApp"
    document_path = "doc/tree"  # one document, no file browser: the notebook has the width

    def __init__(self, folder: Path, *arguments: str, host: str = "127.0.0.1", base_url: str = "/") -> None:
        self.folder = folder
        self._arguments = arguments
        self.notebooks = folder / "notebooks"
        self.runtime = folder / "runtime"
        self.token = secrets.token_hex(16)
        self.port = free_port()
        self._base_path = base_url.rstrip("/")
        self._local_url = f"http://127.0.0.1:{self.port}{self._base_path}"
        self.url = f"http://{host}:{self.port}{self._base_path}"  # as the browser is to know it
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def env(self) -> dict[str, str]:
        """The environment that isolates this server, its kernels and their relay."""
        return {
            **os.environ,
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.folder / "workspaces"),
            "IPYTHONDIR": str(self.folder / "ipython"),
        }

    @property
    def relay_file(self) -> Path:
        return self.runtime / "relay-widget-1.json"

    def relay(self) -> dict[str, Any]:
        """What the runtime file of the running relay says."""
        record: dict[str, Any] = json.loads(self.relay_file.read_text())
        return record

    def start(self) -> None:
        for folder in (self.notebooks, self.runtime):
            folder.mkdir(parents=True, exist_ok=True)
        quiet = self.folder / "settings" / "@jupyterlab" / "apputils-extension"
        quiet.mkdir(parents=True, exist_ok=True)
        news = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
        (quiet / "notification.jupyterlab-settings").write_text(json.dumps(news))
        command = self._command()
        log = (self.folder / "jupyter.log").open("wb")
        self._process = subprocess.Popen(command, env=self.env, stdout=log, stderr=log, start_new_session=True)
        log.close()
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError((self.folder / "jupyter.log").read_text()[-3000:])
            time.sleep(0.1)

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "jupyter", self.app, "--no-browser", "--allow-root"]
        command += [
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.notebooks}",
        ]
        command += [f"--IdentityProvider.token={self.token}", f"--{self.app_class}.expose_app_in_browser=True"]
        command += [f"--ServerApp.base_url={self._base_path}/", *self._arguments]
        return command

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.stop_relay()  # last: a kernel whose relay has gone starts another

    def stop_relay(self) -> None:
        """End the relay cleanly, so that the next call starts cold."""
        if not self.relay_file.exists():
            return
        pid = self.relay()["pid"]
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline_s = time.monotonic() + 10
        while (self.relay_file.exists() or is_there(pid)) and time.monotonic() < deadline_s:
            time.sleep(0.02)

    def write(self, name: str, *cells: str) -> str:
        """A notebook of code cells in the server's folder; returns its path there."""
        notebook: Any = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
        nbformat.write(notebook, self.notebooks / name)  # type: ignore[no-untyped-call]
        return name

    def copy(self, source: Path) -> str:
        shutil.copy(source, self.notebooks / source.name)
        return source.name

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._local_url}/api?token={self.token}", timeout=2):  # noqa: S310
                return True
        except OSError:
            return False


class OnPage(Protocol):
    """A call in a browser page of whatever host."""

    page: Page
    console: list[str]


class Notebook:
    """One notebook open in one browser page, with a line of its own to its kernel."""

    def __init__(self, lab: JupyterLab, page: Page, path: str) -> None:
        self.lab = lab
        self.path = path
        self.page = page
        self.console: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", self._on_page_error)
        self._client: BlockingKernelClient | None = None
        if page.url == BLANK:
            self.open()
        else:
            page.evaluate(
                "(path) => window.jupyterapp.commands.execute('docmanager:open', { path }).then(() => 0)", path
            )
            self._wait_for_kernel()

    def open(self) -> None:
        """Load (or load anew) the page, and wait for the kernel."""
        self.page.goto(f"{self.lab.url}/{self.lab.document_path}/{self.path}?token={self.lab.token}&reset")
        self._wait_for_kernel()

    def _on_console(self, message: ConsoleMessage) -> None:
        self.console.append(f"{message.type}: {message.text}")

    def _on_page_error(self, error: Error) -> None:
        self.console.append(f"pageerror: {error}")

    def _wait_for_kernel(self) -> None:
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell", timeout=60_000)
        self.page.wait_for_function(
            "() => { const p = window.jupyterapp?.shell?.currentWidget;"
            " return p?.sessionContext?.session?.kernel?.status === 'idle'; }",
            timeout=60_000,
        )

    def run_all(self) -> None:
        """Start running all cells; does not wait for them."""
        self.page.evaluate("() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }")

    def save(self) -> dict[str, Any]:
        """Save as a user does, and read the file."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        saved: dict[str, Any] = json.loads((self.lab.notebooks / self.path).read_text())
        return saved

    def python(self, code: str, timeout_s: float = CELL_TIMEOUT_S) -> str:
        """Run code in this notebook's kernel, beside its cells; returns what it printed."""
        lines: list[str] = []

        def on_output(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                lines.append(message["content"]["text"])

        reply = self.kernel.execute_interactive(code, timeout=timeout_s, output_hook=on_output, store_history=False)
        if reply["content"]["status"] != "ok":
            raise AssertionError("\n".join(reply["content"]["traceback"]))
        return "".join(lines).strip()

    def wait_python(self, expression: str, timeout_s: float = 30) -> str:
        """Wait until an expression is true in the kernel; returns it as text."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            answer = self.python(f"_answer = ({expression})\nprint(bool(_answer), repr(_answer))")
            truth, _, text = answer.partition(" ")
            if truth == "True":
                return text
            if time.monotonic() > deadline_s:
                raise AssertionError(f"{expression} stayed {text} for {timeout_s} s; page said {self.console[-8:]}")
            time.sleep(0.1)

    def reply_to(self, message_id: str, within_s: float) -> dict[str, Any] | None:
        """The kernel's answer to an `execute`, or None if it is still running after this long."""
        deadline_s = time.monotonic() + within_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            try:
                reply: dict[str, Any] = self.kernel.get_shell_msg(timeout=left_s)
            except queue.Empty:
                return None
            if reply["parent_header"].get("msg_id") == message_id:
                return reply
        return None

    def output_of(self, message_id: str) -> str:
        """What an `execute` that has been answered printed."""
        printed = ""
        while True:
            news = self.kernel.get_iopub_msg(timeout=10)
            if news["parent_header"].get("msg_id") != message_id:
                continue
            if news["msg_type"] == "stream":
                printed += news["content"]["text"]
            elif news["msg_type"] == "status" and news["content"]["execution_state"] == "idle":
                return printed.strip()

    @property
    def kernel(self) -> BlockingKernelClient:
        if self._client is None:
            self._client = kernel_client(self.kernel_file)
        return self._client

    @property
    def kernel_file(self) -> Path:
        kernel = self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.id",
        )
        return self.lab.runtime / f"kernel-{kernel}.json"

    def forget_kernel(self) -> None:
        """It was restarted: the line to it is made anew when it is needed."""
        if self._client is not None:
            self._client.stop_channels()
        self._client = None

    def interrupt(self) -> None:
        """Interrupt the cell that runs."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")

    def shut_down(self) -> None:
        """End its kernel; the page stays."""
        with contextlib.suppress(Exception):  # a kernel that a test has killed cannot be shut down
            self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        if self._client is not None:
            self._client.stop_channels()

    def close_document(self) -> bool:
        """Close the notebook and leave its page to another one; False if the page is not as it was."""
        try:
            left: int = self.page.evaluate("""async () => {
                window.jupyterapp.shell.currentWidget.dispose();
                localStorage.clear();
                await new Promise((done) => setTimeout(done, 50));
                return document.querySelectorAll(".rw, .jp-NotebookPanel, .jp-Dialog, video, audio").length;
            }""")
        except Error:
            return False
        self.page.remove_listener("console", self._on_console)
        self.page.remove_listener("pageerror", self._on_page_error)
        self.page.set_viewport_size(VIEWPORT)
        self.page.mouse.move(0, 0)
        return left == 0


class Tabs:
    """Pages with a JupyterLab in them that a notebook has left: opening one there takes a fifth of loading a page.

    Args:
        lab: The server.
        browser: Each page has a context of its own in it: no cookies or storage are shared.
    """

    def __init__(self, lab: JupyterLab, browser: Browser) -> None:
        self._lab = lab
        self._browser = browser
        self._free: list[Page] = []

    @contextlib.contextmanager
    def notebook(self, path: str) -> Iterator[Notebook]:
        """Open a notebook; its kernel ends with it."""
        page = self._free.pop() if self._free else self._browser.new_context(viewport=VIEWPORT).new_page()
        notebook = Notebook(self._lab, page, path)
        try:
            yield notebook
        finally:
            notebook.shut_down()
            if notebook.close_document():
                self._free.append(page)
            else:
                page.context.close()


def kernel_client(kernel_file: Path, timeout_s: float = 30) -> BlockingKernelClient:
    """A client of this kernel that hears what it publishes.

    jupyter_client's `wait_for_ready()` also waits until the kernel is silent: for ever, where media go through it.
    There, too, more is published between two looks than ZeroMQ keeps by itself: what the code prints would be lost.
    """
    client = BlockingKernelClient()
    client.context.rcvhwm = 0
    client.load_connection_file(str(kernel_file))
    client.start_channels()
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        client.kernel_info(reply=True, timeout=timeout_s)
        with contextlib.suppress(queue.Empty):
            client.get_iopub_msg(timeout=0.2)
            return client
    raise TimeoutError(f"The kernel has published nothing for {timeout_s} s.")


@contextlib.contextmanager
def open_notebook(
    lab: JupyterLab, browser: Browser, path: str, *, init_script: str = "", **context_options: Any
) -> Iterator[Notebook]:
    """A notebook in a browser context of its own (no cookies or storage shared); its kernel ends with it."""
    page = browser.new_context(viewport=VIEWPORT, **context_options).new_page()
    if init_script:
        page.add_init_script(init_script)
    notebook = Notebook(lab, page, path)
    try:
        yield notebook
    finally:
        notebook.shut_down()
        notebook.page.context.close()


class JoinPage:
    """The relay's own page, opened by a link in a browser context of its own."""

    def __init__(self, browser: Browser, link: str, *, init_script: str = "", **context_options: Any) -> None:
        context_options.setdefault("viewport", {"width": 1100, "height": 800})
        self.page: Page = browser.new_context(**context_options).new_page()
        self.console: list[str] = []
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"pageerror: {error}"))
        if init_script:
            self.page.add_init_script(init_script)
        self.page.goto(link)

    @property
    def troubles(self) -> list[str]:
        """What the browser has refused to the page, or not understood of it."""
        return [line for line in self.console if line.startswith("pageerror") or "Content Security Policy" in line]

    def join(self) -> None:
        self.press("Join")
        self.page.wait_for_selector(".rw[data-phase=joined]", timeout=30_000)

    def press(self, label: str) -> None:
        self.page.get_by_role("button", name=re.compile(f"^{label}")).click()

    def says(self, text: str) -> None:
        """Wait until these words are there."""
        self.page.get_by_text(text).first.wait_for(timeout=30_000)

    def logs(self, text: str) -> None:
        """Wait until the page's console has these words."""
        deadline_s = time.monotonic() + 30
        while not any(text in line for line in self.console):
            assert time.monotonic() < deadline_s, self.console[-8:]
            self.page.wait_for_timeout(100)

    def close(self) -> None:
        self.page.context.close()


# Scripts for the page: what a person would see and hear.

WATCH = """
async ([selector, seconds, enough]) => {
  // Samples one video: does its time move, does its picture change, does it make sound? Ends early if that is enough.
  const find = (root, wanted) => {
    // Some hosts show a widget in a shadow tree.
    const found = root.querySelector(wanted);
    if (found) return found;
    for (const { shadowRoot } of root.querySelectorAll("*")) {
      const deeper = shadowRoot && find(shadowRoot, wanted);
      if (deeper) return deeper;
    }
    return null;
  };
  const video = find(document, selector);
  if (!video) return { found: false };
  const sounding = find(document, `audio[data-peer-id="${video.dataset.peerId}"]`) ?? video;
  const canvas = new OffscreenCanvas(32, 24);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const picture = () => {
    context.drawImage(video, 0, 0, 32, 24);
    return context.getImageData(0, 0, 32, 24).data.join();
  };
  const pictures = new Set();
  const from = video.currentTime, bytes = sounding.webkitAudioDecodedByteCount;
  const frames = video.getVideoPlaybackQuality().totalVideoFrames;
  let loud = 0;
  const audio = new AudioContext();
  let analyser = null;
  try {
    const stream = sounding.captureStream();
    if (stream.getAudioTracks().length) {
      analyser = audio.createAnalyser();
      audio.createMediaStreamSource(stream).connect(analyser);
    }
  } catch {}
  const samples = new Float32Array(2048);
  const end = performance.now() + seconds * 1000;
  let longestStill_ms = 0, last = performance.now(), before = video.currentTime;
  const seen = () => ({ advanced_s: video.currentTime - from, pictures: pictures.size, loud });
  const satisfied = () => enough && Object.entries(seen()).every(([what, value]) => value > (enough[what] ?? -1));
  while (performance.now() < end && !satisfied()) {
    pictures.add(picture());
    if (analyser) { analyser.getFloatTimeDomainData(samples); loud = Math.max(loud, ...samples.map(Math.abs)); }
    await new Promise((r) => setTimeout(r, 50));
    const now = performance.now();
    if (video.currentTime !== before) { before = video.currentTime; last = now; }
    longestStill_ms = Math.max(longestStill_ms, now - last);
  }
  await audio.close();
  return {
    found: true, paused: video.paused, muted: sounding.muted, ...seen(),
    audio_bytes: sounding.webkitAudioDecodedByteCount - bytes, longest_still_ms: longestStill_ms,
    frames: video.getVideoPlaybackQuality().totalVideoFrames - frames, width: video.videoWidth,
  };
}
"""


def watch(
    page: Page, selector: str = "video[data-peer-id]", seconds: float = 2, enough: dict[str, float] | None = None
) -> dict[str, Any]:
    """Look at one video, and listen to the sound of the same peer, for a while.

    With `enough`, no longer than until there was more of each: "advanced_s", "pictures", "loud".
    """
    seen: dict[str, Any] = page.evaluate(WATCH, [selector, seconds, enough])
    return seen
