"""``doctor()``: the rows in a cell, those of its page among them."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets as t
from comm import DummyComm

from relay_widget.errors import FrontendMissingError, InvalidValueError

from .probes import STATIC, look
from .rows import Row, as_text, no_page, row_of_page, rows_of, verdict

if TYPE_CHECKING:
    from collections.abc import Generator

    from .rows import Facts

DEFAULT_WAIT_S = 60.0
"""How long to wait for the page's rows unless told otherwise: where nothing answers, each way takes its time."""
_HELLO_S = 15.0
"""A page that has not shown itself by then is taken for none: under nbval, or in a host that shows no widgets."""
_WAIT_SLICE_S = 0.2
_MAX_ROWS = 64


def doctor(url: str | None = None, token: str | None = None, *, capture: bool = False) -> Doctor:
    """Look for what is in the way of a call: in this Python, at the relay, and in the page that shows the result.

    The last expression of a cell shows a table: what was looked at, what was found, and what to do. The page's rows
    come when a page shows it; ``result.wait()`` waits for them, and ``print(result)`` is the table as text.

    Args:
        url: The relay to look at; None for your own, which is started if need be.
        token: What to show it, if it needs one.
        capture: Whether the page also opens camera and microphone for a moment, without a click. The browser may ask.

    Returns:
        The result, with its ``rows``.

    Raises:
        InvalidValueError: ``bad-url``.
        FrontendMissingError: The JavaScript of the package has not been built. ``relay-widget doctor`` goes without.
    """
    if url is not None and not url.startswith(("http://", "https://")):
        raise InvalidValueError("bad-url", f"url must be a relay's address, as in http://localhost:8765, not {url!r}.")
    if not (STATIC / "doctor.js").is_file():
        message = "The browser part of relay-widget is not built: run `make build` in the checkout."
        raise FrontendMissingError("frontend-missing", message)
    facts, ticket = look(url, token)
    return Doctor(facts, ticket, capture=capture)


class Doctor(anywidget.AnyWidget):
    """What `doctor` has found. It does not look again: call `doctor` once more for that.

    Args:
        facts: What Python has seen.
        token: What the page is to show the relay. It is never a trait: traits are saved in notebooks.
        capture: Whether the page is to open camera and microphone by itself.
    """

    _kernel_rows = t.List(t.Dict()).tag(sync=True)

    if (STATIC / "doctor.js").is_file():
        _esm = STATIC / "doctor.js"
        _css = STATIC / "doctor.css"

    def __init__(self, facts: Facts, token: str | None, *, capture: bool = False) -> None:
        self._lock = threading.Condition()
        self._facts = facts
        self._token = token
        self._capture = capture
        self._own_rows = rows_of(facts)
        self._page_rows: tuple[Row, ...] = ()
        self._page_seen = self._page_done = self._waited = False
        super().__init__(_kernel_rows=[row.as_json() for row in self._own_rows])
        self.on_msg(self._on_page_message)

    @property
    def rows(self) -> tuple[Row, ...]:
        """What was found, Python's own first: `Row` objects with check, state, code, message and advice."""
        with self._lock:
            of_page = self._page_rows if self._page_done else (*self._page_rows, no_page(waited=self._waited))
            return (*self._own_rows, *of_page)

    def wait(self, timeout: float = DEFAULT_WAIT_S) -> tuple[Row, ...]:
        """Wait for the page's rows, but not for a page that never comes.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            All rows; without a page, one with the code ``no-page`` stands for its own.
        """
        began_s = time.monotonic()
        with self._lock:
            while not self._page_done:
                waited_s = time.monotonic() - began_s
                if waited_s >= timeout or (not self._page_seen and (self._no_kernel() or waited_s >= _HELLO_S)):
                    self._waited = True
                    break
                self._lock.wait(_WAIT_SLICE_S)  # in slices, so that interrupting the kernel is heard
        return self.rows

    def __await__(self) -> Generator[Any, None, tuple[Row, ...]]:
        """As `wait`."""
        return asyncio.to_thread(self.wait).__await__()

    def __repr__(self) -> str:
        # What is the same each time that a notebook runs where all is well; print() shows the rest.
        return f"Doctor({verdict(self.rows)!r})"

    def __str__(self) -> str:
        return as_text(self.rows)

    def _no_kernel(self) -> bool:
        """Plain Python: there is nobody that a page could talk to."""
        return self.comm is None or isinstance(self.comm, DummyComm)

    def _on_page_message(self, _widget: object, content: object, _buffers: object) -> None:
        if not isinstance(content, dict):
            return
        if content.get("kind") == "hello":
            with self._lock:
                self._page_seen, self._waited = True, False
            self.send(
                {
                    "kind": "ask",
                    "url": self._facts.url,
                    "token": None if self._token is None else str(self._token),
                    "explicit": self._facts.named,
                    "tunnel": False,
                    "capture": self._capture,
                }
            )
        elif content.get("kind") == "rows" and isinstance(content.get("rows"), list):
            rows = tuple(row for given in content["rows"][:_MAX_ROWS] if (row := row_of_page(given)) is not None)
            with self._lock:
                self._page_rows, self._page_done = rows, content.get("done") is True
                self._lock.notify_all()
