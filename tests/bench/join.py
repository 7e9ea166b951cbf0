"""How long a late joiner waits: from "joined" to the first decoded remote frame, over 20 joins.

Run with ``make bench-join``. One participant publishes all the time; the other, in a second browser context
with its own kernel, joins and leaves again and again.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.results import save
from tests.e2e.lab import JupyterLab, chromium, open_notebook

JOINS = 20
CELL = (
    "from relay_widget import Call\ncall = Call(room='bench', name={name!r}, source='pattern', auto_join={auto})\ncall"
)

JOIN = """
async () => {
  const until = (found) => new Promise((resolve) => {
    const look = () => { const value = found(); if (value) { observer.disconnect(); resolve(value); } };
    const observer = new MutationObserver(look);
    observer.observe(document.body, { subtree: true, childList: true, attributes: true });
    look();
  });
  const root = document.querySelector(".rw");
  [...root.querySelectorAll("button")].find((b) => /join/i.test(b.textContent)).click();
  await until(() => root.dataset.phase === "joined");
  const joined_ms = performance.now();
  const video = await until(() => root.querySelector("video[data-peer-id]"));
  await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  return performance.now() - joined_ms;
}
"""

LEAVE = "() => document.querySelector('.rw button[aria-label=Leave]').click()"


def main() -> None:
    waits_ms: list[float] = []
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        lab = JupyterLab(Path(folder))
        lab.start()
        try:
            publisher = lab.write("publisher.ipynb", CELL.format(name="Ada", auto=True))
            joiner = lab.write("joiner.ipynb", CELL.format(name="Grace", auto=False))
            with open_notebook(lab, browser, publisher) as ada, open_notebook(lab, browser, joiner) as grace:
                ada.run_all()
                ada.page.wait_for_selector(".rw[data-phase=joined]")
                grace.run_all()
                grace.page.wait_for_selector(".rw button")
                for number in range(1, JOINS + 1):
                    grace.page.wait_for_timeout(300 + 137 * (number % 7))  # at every point of a group
                    waits_ms.append(grace.page.evaluate(JOIN))
                    grace.page.wait_for_timeout(300)
                    grace.page.evaluate(LEAVE)
                    grace.page.wait_for_selector(".rw[data-phase=left]")
                    print(f"\rjoin {number} of {JOINS}: {waits_ms[-1]:.0f} ms   ", end="", file=sys.stderr)
        finally:
            lab.stop()
    print(file=sys.stderr)
    p95_ms = statistics.quantiles(waits_ms, n=20, method="inclusive")[18]
    print(f"joined to first remote frame, {JOINS} joins: median {statistics.median(waits_ms):.0f} ms, ", end="")
    print(f"p95 {p95_ms:.0f} ms, max {max(waits_ms):.0f} ms")
    save("join", {"joined_to_first_frame_ms": waits_ms})


if __name__ == "__main__":
    main()
