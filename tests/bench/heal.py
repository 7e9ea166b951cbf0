"""How long a call is dark after ``kill -9`` of its relay: until both sides show new pictures again, over 10 kills.

Run with ``make bench-heal``. Two notebooks with two kernels; nobody clicks.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.results import save
from tests.e2e.lab import JupyterLab, Notebook, chromium, open_notebook

KILLS = 10
CELL = "from relay_widget import Call\ncall = Call(room='bench', name={name!r}, source='pattern', auto_join=True)\ncall"

# Armed before the kill: resolves when, after "reconnecting", the call is joined and a new picture is shown.
ARM = """
() => {
  const root = document.querySelector(".rw");
  const until = (found) => new Promise((resolve) => {
    const observer = new MutationObserver(() => { if (found()) { observer.disconnect(); resolve(); } });
    observer.observe(root, { subtree: true, childList: true, attributes: true });
  });
  const look = () => root.querySelector("video[data-peer-id]");
  const before = look();
  window.healed = (async () => {
    await until(() => root.dataset.phase === "reconnecting");
    const from_ms = performance.now();
    await until(() => root.dataset.phase === "joined");
    const end_s = before.buffered.end(before.buffered.length - 1);
    // Pictures of the old connection may still be shown: wait for one beyond what was buffered then.
    for (;;) {
      const video = look();
      if (video !== null && video.currentTime > (video === before ? end_s : 0)) return performance.now() - from_ms;
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  })();
}
"""


def main() -> None:
    waits_ms: list[float] = []
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        lab = JupyterLab(Path(folder))
        lab.start()
        try:
            paths = [lab.write(f"{name}.ipynb", CELL.format(name=name)) for name in ("Ada", "Grace")]
            with open_notebook(lab, browser, paths[0]) as ada, open_notebook(lab, browser, paths[1]) as grace:
                both: list[Notebook] = [ada, grace]
                for one in both:
                    one.run_all()
                for one in both:
                    one.page.wait_for_function("document.querySelector('video[data-peer-id]')?.currentTime > 1")
                for number in range(1, KILLS + 1):
                    for one in both:
                        one.page.evaluate(ARM)
                    os.kill(lab.relay()["pid"], signal.SIGKILL)
                    waits_ms += [one.page.evaluate("() => window.healed") for one in both]
                    print(f"\rkill {number} of {KILLS}: {max(waits_ms[-2:]):.0f} ms   ", end="", file=sys.stderr)
                    ada.page.wait_for_timeout(2000)
        finally:
            lab.stop()
    print(file=sys.stderr)
    print(
        f"kill -9 to new pictures on both sides, {KILLS} kills: median {statistics.median(waits_ms):.0f} ms, ", end=""
    )
    print(f"max {max(waits_ms):.0f} ms")
    save("heal", {"kill_to_new_pictures_ms": waits_ms})


if __name__ == "__main__":
    main()
