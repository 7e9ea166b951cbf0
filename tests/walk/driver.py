"""Does a step in a real JupyterLab, in a real Chromium; and looks: at the pages, into the kernels, at the relay."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import socketio

from relay_widget.peer import Peer
from relay_widget.tokens import mint
from tests.e2e.lab import JupyterLab, Notebook

from .model import PEER, ROOMS, Model
from .network import Network
from .seen import Seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Locator

    from .model import Step

FPS = 8
"""Of the test picture and the fake camera: with more, three calls in five views would take more than two cores."""
BROWSER_ARGUMENTS = ("--autoplay-policy=no-user-gesture-required", f"--use-fake-device-for-media-stream=fps={FPS}")
"""Whether sound waits for a click is another test's concern: here a reload would silence all that follows."""
PROBE = Path(__file__).with_name("probe.py")
STARTUP = f"""
import importlib.util as _util
_spec = _util.spec_from_file_location("walk_probe", {str(PROBE)!r})
_probe = _util.module_from_spec(_spec)
_spec.loader.exec_module(_probe)
_probe.start()
spin = _probe.spin
"""
CLICK_TIMEOUT_MS = 10_000
JUPYTERLAB_BACK_MS = 40_000
LOOK_AGAIN_S = 0.1
SPIN_S = 600.0
"""How long the busy cell computes, if nothing ends it before."""

PANEL = """
const app = window.jupyterapp;
const all = [...app.shell.widgets("main")];
const panel = all.find((one) => one.context && one.content?.widgets);
const others = all.filter((one) => one !== panel && one.content?.node.querySelector(".jp-OutputArea"));
const cells = panel?.content.widgets ?? [];
const titleOf = (cell) => cell.model.sharedModel.getSource().split("\\n")[0].replace("# ", "");
const cellOf = (title) => cells.find((cell) => titleOf(cell) === title);
const activate = (title) => {
  panel.content.activeCellIndex = cells.indexOf(cellOf(title));
  panel.content.mode = "command";
};
"""

LOOK = f"""() => {{ {PANEL}
  const mediaOf = (tile) => {{
    const video = tile.querySelector("video");
    const id = tile.dataset.peer;
    const sounds = [...document.querySelectorAll(`audio[data-peer-id="${{id}}"]`), ...(video ? [video] : [])];
    return {{
      id, name: tile.getAttribute("aria-label"), frames: video?.getVideoPlaybackQuality().totalVideoFrames ?? -1,
      time_s: video?.currentTime ?? -1, face: tile.querySelector(".rw-face") !== null,
      note: tile.querySelector(".rw-tile-note")?.textContent ?? "",
      sound_bytes: Math.max(-1, ...sounds.map((one) => one.webkitAudioDecodedByteCount ?? 0)),
    }};
  }};
  const pressed = (root, label) =>
    root.querySelector(`button[aria-label^="${{label}}"]`)?.getAttribute("aria-pressed") ?? null;
  const viewOf = (root) => ({{
    phase: root.dataset.phase, chip: root.querySelector(".rw-head .rw-chip")?.textContent ?? "",
    room: root.querySelector(".rw-room")?.textContent ?? root.querySelector("input[name=rw-room]")?.value ?? null,
    name: root.querySelector("input[name=rw-name]")?.value ?? null, text: root.innerText.slice(0, 600),
    tiles: [...root.querySelectorAll("li[data-peer]")].map(mediaOf),
    microphone: pressed(root, "Microphone"), camera: pressed(root, "Camera"),
    banners: [...root.querySelectorAll(".rw-banner, .rw-end b")].map((one) => one.textContent.slice(0, 200)),
  }});
  const outputOf = (output) => ({{
    type: output.output_type, text: [output.text ?? output.ename ?? ""].flat().join("").slice(0, 300),
    model: output.data?.["application/vnd.jupyter.widget-view+json"]?.model_id ?? null,
  }});
  const roots = [...document.querySelectorAll(".rw")];
  return {{
    open: panel !== undefined,
    kernel: panel?.sessionContext.session?.kernel?.id ?? null,
    cells: Object.fromEntries(cells.map((cell) => [titleOf(cell), {{
      outputs: (cell.model.type === "code" ? cell.model.outputs.toJSON() : []).map(outputOf),
      views: roots.filter((root) => cell.node.contains(root)).map(viewOf),
      text: cell.outputArea?.node.innerText.slice(0, 400) ?? "",
    }}])),
    mirrors: roots.filter((root) => !cells.some((cell) => cell.node.contains(root))).map(viewOf),
    dialogs: [...document.querySelectorAll(".jp-Dialog")].map((one) => one.innerText.slice(0, 200)),
    recorders: window.__walk_recorders?.().length ?? 0,
  }};
}}"""

PAGE_SCRIPT = f"""
(() => {{
  // The test picture, as the fake camera: what is looked at are calls, not how many pictures two cores can take.
  const {{ captureStream }} = HTMLCanvasElement.prototype;
  HTMLCanvasElement.prototype.captureStream = function () {{ return captureStream.call(this, {FPS}); }};
  const all = [];
  const Native = window.MediaRecorder;
  window.MediaRecorder = class extends Native {{
    constructor(...args) {{ super(...args); all.push(new WeakRef(this)); }}
  }};
  window.__walk_recorders = () => all.map((one) => one.deref()).filter((one) => one && one.state !== "inactive");
}})();
"""


CLOSE_ALL = """
import sys
from ipywidgets.widgets import widget as _widget
for _one in list(_widget._instances.values()):
    if "relay_widget" in sys.modules and isinstance(_one, sys.modules["relay_widget"].Call):
        _one.close()
"""
LEFT_WITHIN_S = 15.0
"""How soon after all calls are closed nothing of them may be left."""


class RelayView:
    """The relay's own view, as it gives it to monitors."""

    def __init__(self, lab: JupyterLab) -> None:
        self._lab = lab
        self._instance = ""
        self._client: socketio.Client | None = None

    def look(self) -> dict[str, list[dict[str, Any]]] | None:
        """The peers of each room; None while no relay answers."""
        try:
            record = self._lab.relay()
            if self._client is None or not self._client.connected or record["instance"] != self._instance:
                self._connect(record)
            assert self._client is not None
            return {room: self._client.call("watch", {"room": room}, timeout=2)["peers"] for room in ROOMS}
        except (OSError, ValueError, socketio.exceptions.SocketIOError):
            return None

    def _connect(self, record: dict[str, Any]) -> None:
        self.close()
        client = socketio.Client(reconnection=False)
        token = mint(record["secret"], role="monitor", lifetime_s=3600)
        client.connect(record["url"], auth={"token": token, "protocol": 1}, transports=["websocket"], wait_timeout=2)
        self._client, self._instance = client, record["instance"]

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()


class WideLab(JupyterLab):
    """JupyterLab as people have it, with tabs side by side; each kernel tells the walker what Python sees."""

    document_path = "lab/tree"

    def start(self) -> None:
        startup = self.folder / "ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True, exist_ok=True)
        (startup / "00-walk.py").write_text(STARTUP)
        super().start()


def cell_code(name: str, *, room: str, auto_join: bool) -> str:
    """A cell that makes and shows a call."""
    variable = name.lower()
    arguments = f'room="{room}", name="{name}", source="pattern", auto_join={auto_join}'
    return f"# {name}\nfrom relay_widget import Call\n{variable} = Call({arguments})\n{variable}"


class Tab:
    """One notebook in a browser context of its own, with a network of its own."""

    def __init__(self, lab: JupyterLab, browser: Browser, model: Model, name: str) -> None:
        self.name = name
        self._lab = lab
        cells = [
            cell_code(cell.name, room=cell.room, auto_join=cell.auto_join)
            for cell in model.notebooks[name].cells.values()
        ]
        path = lab.write(f"walk-{name}.ipynb", *cells, f"# {name}0\nspin()")
        self.network = Network().__enter__()
        context = browser.new_context(viewport={"width": 1000, "height": 1700}, proxy={"server": self.network.url})
        context.add_init_script(PAGE_SCRIPT)
        self.notebook = Notebook(lab, context.new_page(), path)
        self.page = self.notebook.page
        self.js('app.commands.execute("application:toggle-left-area")')
        self.kernel_id: str | None = None
        self.note_kernel()
        self._sockets: int = (self.ask("settle") or {"sockets": 0})["sockets"]

    def js(self, body: str, **values: Any) -> Any:
        """Run a script that knows `app`, `panel`, `cellOf`, and these values."""
        names = ", ".join(values)
        return self.page.evaluate(f"async ({{ {names} }}) => {{ {PANEL} {body} }}", values)

    def command(self, name: str, cell: str = "") -> None:
        """One of JupyterLab's, on this cell."""
        self.js("if (cell) activate(cell); await app.commands.execute(name)", name=name, cell=cell)

    def python(self, code: str) -> str:
        """Run code in the kernel, as another cell would."""
        # What comes right after a cell was interrupted is not run at all, "aborted": a person runs it again.
        status, text = self.js(
            """
            let status, text;
            do {
              const future = panel.sessionContext.session.kernel.requestExecute({ code, store_history: false });
              text = "";
              future.onIOPub = ({ content }) => { text += content.text ?? (content.traceback ?? []).join("\\n"); };
              status = (await future.done).content.status;
            } while (status === "aborted");
            return [status, text];
            """,
            code=code,
        )
        if status != "ok":
            raise AssertionError(f"{code!r} in {self.name}: {text}")
        return str(text).strip()

    def view(self, cell: str) -> Locator:
        """The call that the cell shows."""
        self.js(
            """
            for (const one of document.querySelectorAll("[data-walk]")) delete one.dataset.walk;
            for (const one of cellOf(cell).node.querySelectorAll(".rw")) one.dataset.walk = cell;
            """,
            cell=cell,
        )
        return self.page.locator(f'[data-walk="{cell}"]')

    def dismiss(self) -> None:
        """Close what JupyterLab itself says of a lost network."""
        said = self.page.locator('dialog[aria-label^="Server Connection Error"] button').first
        while said.is_visible():
            said.click(timeout=CLICK_TIMEOUT_MS)

    def await_jupyterlab(self) -> None:
        """Until JupyterLab itself has its kernel again: it tries at times of its own, the fifth up to 15 s later."""
        found = "const { kernel } = panel?.sessionContext.session ?? {};"
        body = f"{{ {PANEL} {found} return !kernel || kernel.connectionStatus === 'connected'; }}"
        self.page.wait_for_function(f"() => {body}", timeout=JUPYTERLAB_BACK_MS)

    def press(self, cell: str, button: str) -> None:
        """Click a button of the call: that of this label, or of these words and perhaps a room's name in quotes."""
        self.dismiss()
        buttons = self.view(cell).locator("button")
        worded = buttons.filter(has_text=re.compile(f"^\\s*{button}( \u201c.*)?\\s*$"))
        found = self.view(cell).locator(f'button[aria-label="{button}"]').or_(worded).first
        found.click(timeout=CLICK_TIMEOUT_MS)

    def note_kernel(self) -> None:
        """Which kernel the notebook has now."""
        self.kernel_id = self.js("return panel.sessionContext.session.kernel.id")

    def ask(self, question: str = "look") -> dict[str, Any] | None:
        """What the kernel's probe answers; None if there is no kernel."""
        path = self._lab.runtime / f"kernel-{self.kernel_id}.probe"
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(5)
                line.connect(str(path))
                line.sendall(question.encode())
                answer = b"".join(iter(lambda: line.recv(65_536), b""))
        except OSError:
            return None
        return dict(json.loads(answer)) if answer else None

    def look(self) -> dict[str, Any]:
        """What the page shows."""
        self.dismiss()
        seen: dict[str, Any] = self.page.evaluate(LOOK)
        if seen["kernel"] is not None:
            self.kernel_id = seen["kernel"]
        return seen

    def leftovers(self) -> list[str]:
        """Threads and sockets that the kernel has more than before the first call."""
        left = self.ask("settle")
        if left is None:
            return []
        threads = [thread for thread in left["threads"] if thread.startswith("relay-widget")]
        more = left["sockets"] - self._sockets
        return [f"{self.name}: the thread {thread} is left" for thread in threads] + (
            [f"{self.name}: {more} sockets are left"] if more > 0 else []
        )

    def troubles(self) -> list[str]:
        """Errors of the page."""
        return [line for line in self.notebook.console if line.startswith("pageerror")]

    def close(self) -> None:
        """Also with the network down and a cell running: the next walk opens a notebook of this name."""
        self.ask("spin 0")
        self.page.context.close()
        self.network.__exit__()
        url = f"{self._lab.url}/api/kernels/{self.kernel_id}?token={self._lab.token}"
        with contextlib.suppress(urllib.error.HTTPError):  # it has been shut down
            urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=30).close()  # noqa: S310


class Driver:
    """Does steps, and looks. A context manager."""

    def __init__(self, lab: JupyterLab, browser: Browser, model: Model) -> None:
        self.lab = lab
        self.model = model
        self.relay = RelayView(lab)
        self.tabs = {name: Tab(lab, browser, model, name) for name in model.notebooks}
        self._peer: Peer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._peer_goes()
        self.relay.close()
        for tab in self.tabs.values():
            tab.close()

    def do(self, step: Step) -> None:
        """Do a step, as a person does; the model has not taken it yet."""
        act: Callable[..., None] = getattr(self, f"_{step.action}")
        act(*step.words)

    def look(self) -> Seen:
        """What all sides say now."""
        relay = self.relay.look()
        pages = {name: tab.look() for name, tab in self.tabs.items()}
        kernels = {name: tab.ask() for name, tab in self.tabs.items()}
        troubles = [f"{name}: {line}" for name, tab in self.tabs.items() for line in tab.troubles()]
        return Seen(pages, kernels, relay, troubles)

    def leftovers(self) -> list[str]:
        """What is left in the kernels and at the relay once all calls are closed; the notebooks are of no use then."""
        self._peer_goes()
        wrong = []
        for name, tab in self.tabs.items():
            if self.model.notebooks[name].open and self.model.notebooks[name].kernel:
                tab.ask("spin 0")
                tab.python(CLOSE_ALL)
                wrong += _until_none(tab.leftovers)
            tab.close()
        self.tabs = {}
        return wrong + _until_none(self._people_left)

    def _people_left(self) -> list[str]:
        rooms = self.relay.look() or {}
        return [f"{room}: {peer['name']} is there, and no page" for room, peers in rooms.items() for peer in peers]

    def now_s(self) -> float:
        """The time, from somewhen on."""
        return time.monotonic()

    def pause(self) -> None:
        """Let a moment pass before the next look."""
        time.sleep(LOOK_AGAIN_S)

    def pictures(self, folder: Path) -> list[Path]:
        """Screenshots of the pages."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, tab in self.tabs.items():
            path = folder / f"{name}.png"
            with contextlib.suppress(Exception):  # a page that hangs has no picture; what failed is told all the same
                tab.page.screenshot(path=path, timeout=5000)
                paths.append(path)
        return paths

    def _tab(self, cell: str) -> Tab:
        return self.tabs[cell[0]]

    # -- the notebook --

    def _run(self, cell: str) -> None:
        self._tab(cell).command("notebook:run-cell", cell)

    _run_again = _run

    def _run_all(self, name: str) -> None:
        self.tabs[name].command("notebook:run-all-cells")

    def _clear(self, cell: str) -> None:
        self._tab(cell).command("notebook:clear-cell-output", cell)

    def _delete(self, cell: str) -> None:
        self._tab(cell).command("notebook:delete-cell", cell)

    def _cut(self, cell: str) -> None:
        self._tab(cell).command("notebook:cut-cell", cell)

    def _undo(self, cell: str) -> None:
        self._tab(cell).command("notebook:undo-cell-action")

    def _paste(self, cell: str) -> None:
        self._tab(cell).command("notebook:paste-cell-below")

    def _second_view(self, cell: str) -> None:
        self._tab(cell).command("notebook:create-output-view", cell)

    def _close_second_view(self, cell: str) -> None:
        self._tab(cell).js("others.forEach((one) => one.close())")

    def _reload(self, name: str) -> None:
        tab = self.tabs[name]
        tab.command("docmanager:save")
        tab.notebook.open()

    def _close_tab(self, name: str) -> None:
        tab = self.tabs[name]
        tab.command("docmanager:save")
        tab.js("others.forEach((one) => one.close()); panel.close()")

    def _open_tab(self, name: str) -> None:
        tab = self.tabs[name]
        tab.js('await app.commands.execute("docmanager:open", { path })', path=tab.notebook.path)
        tab.page.wait_for_function(
            f"() => {{ {PANEL} return panel?.sessionContext.session?.kernel?.status === 'idle'; }}"
        )

    def _busy(self, name: str) -> None:
        tab = self.tabs[name]
        assert tab.ask(f"spin {SPIN_S}") is not None, "the kernel's probe does not answer"
        tab.js('activate(cell); void app.commands.execute("notebook:run-cell")', cell=f"{name}0")
        tab.page.wait_for_function(f"() => {{ {PANEL} return panel.sessionContext.session.kernel.status === 'busy'; }}")

    def _finish(self, name: str) -> None:
        tab = self.tabs[name]
        tab.ask("spin 0")
        self._await_idle(tab)

    def _interrupt(self, name: str) -> None:
        tab = self.tabs[name]
        tab.command("notebook:interrupt-kernel")
        self._await_idle(tab)

    def _await_idle(self, tab: Tab) -> None:
        tab.page.wait_for_function(
            f"() => {{ {PANEL} return panel.sessionContext.session?.kernel?.status === 'idle'; }}"
        )

    def _restart(self, name: str) -> None:
        tab = self.tabs[name]
        tab.js("await panel.sessionContext.session.kernel.restart()")
        self._await_idle(tab)

    def _shut_down(self, name: str) -> None:
        self.tabs[name].js("await panel.sessionContext.shutdown()")

    def _start_kernel(self, name: str) -> None:
        tab = self.tabs[name]
        tab.js('await panel.sessionContext.changeKernel({ name: "python3" })')
        self._await_idle(tab)
        tab.note_kernel()

    # -- the call --

    def _python(self, cell: str, code: str) -> None:
        self._tab(cell).python(f"{cell.lower()}.{code}")

    def _join(self, cell: str, side: str) -> None:
        if side == "python":
            self._python(cell, "join()")
        else:
            self._tab(cell).press(cell, "Join")

    def _rejoin(self, cell: str, side: str) -> None:
        if side == "python":
            self._python(cell, "join()")
        else:
            self._tab(cell).press(cell, "Rejoin")

    def _leave(self, cell: str, side: str) -> None:
        if side == "python":
            self._python(cell, "leave()")
        else:
            self._tab(cell).press(cell, "Leave")

    def _microphone(self, cell: str, side: str) -> None:
        if side == "python":
            self._python(cell, f"microphone = {not self.model.call(cell).microphone}")
        else:
            self._tab(cell).press(cell, "Microphone")

    def _camera(self, cell: str, side: str) -> None:
        if side == "python":
            self._python(cell, f"camera = {not self.model.call(cell).camera}")
        else:
            self._tab(cell).press(cell, "Camera")

    def _source(self, cell: str) -> None:
        other = "camera" if self.model.call(cell).source == "pattern" else "pattern"
        self._python(cell, f"source = {other!r}")

    def _room(self, cell: str, side: str, where: str) -> None:
        if side == "python":
            self._python(cell, f"room = {where!r}")
        else:
            field = self._tab(cell).view(cell).locator("input[name=rw-room]")
            field.fill(where, timeout=CLICK_TIMEOUT_MS)
            field.blur()

    def _rename(self, cell: str, side: str, to: str) -> None:
        if side == "python":
            self._python(cell, f"name = {to!r}")
        else:
            self._tab(cell).view(cell).locator("input[name=rw-name]").fill(to, timeout=CLICK_TIMEOUT_MS)

    # -- Python --

    def _frames(self, cell: str, of: str) -> None:
        call = cell.lower()
        code = f"_probe.await_peer({call}, {of!r}); _stream = {call}.frames({of!r}); "
        code += "print(next(iter(_stream)).rgb.shape); _stream.close()"
        shape = self._tab(cell).python(code)
        assert shape.endswith(", 3)"), shape

    def _record(self, cell: str) -> None:
        path = self.lab.folder / f"{cell}.relay"
        self._tab(cell).python(f"_recorder = {cell.lower()}.record({str(path)!r}, overwrite=True)")

    def _end_recording(self, cell: str) -> None:
        self._tab(cell).python("_recorder.stop()")
        assert (self.lab.folder / f"{cell}.relay").stat().st_size > 0

    # -- the world around --

    def _end_relay(self, how: str) -> None:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(self.lab.relay()["pid"], signal.SIGKILL if how == "KILL" else signal.SIGTERM)

    def _drop_network(self, name: str, how: str, seconds: str) -> None:
        network = self.tabs[name].network
        network.set("cut" if how == "cut" else "hold")
        time.sleep(float(seconds))  # the point: how long the network is gone
        network.set("up")
        self.tabs[name].await_jupyterlab()

    def _peer_comes(self, where: str) -> None:
        record = self.lab.relay()
        token = mint(record["secret"], role="peer", lifetime_s=3600, publish=True, subscribe=True)
        self._peer = Peer(where, PEER, url=record["url"], token=token)
        self._peer.connect().wait()
        self._peer.publish_pattern(160, 120, fps=10)

    def _peer_goes(self) -> None:
        peer, self._peer = self._peer, None
        if peer is not None:
            peer.close().wait()


def _until_none(look: Callable[[], list[str]]) -> list[str]:
    """What is still wrong when nothing should be any more."""
    deadline_s = time.monotonic() + LEFT_WITHIN_S
    while (wrong := look()) and time.monotonic() < deadline_s:
        time.sleep(LOOK_AGAIN_S)
    return wrong


def processes_of(lab: JupyterLab) -> list[str]:
    """Command lines of processes that this server or its kernels have started, and that are still there."""
    mark = f"JUPYTER_RUNTIME_DIR={lab.runtime}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found
