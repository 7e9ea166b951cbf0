"""``doctor()``: the rows in a cell, those of its page among them."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import traitlets as t
from comm import DummyComm

from relay_widget.attributes import KnownAttributes
from relay_widget.errors import FrontendMissingError, WireError
from relay_widget.monitor import shared_monitor
from relay_widget.protocol import check_origin
from relay_widget.relays import named_relay
from relay_widget.still import Still, StillWidget
from relay_widget.subshells import hear_pages
from relay_widget.tunnel import Tunnels

from .probes import STATIC, look
from .rows import Row, as_text, no_page, row_of_page, rows_of, verdict

if TYPE_CHECKING:
    from collections.abc import Generator

    from relay_widget.relays import NamedRelay

DEFAULT_WAIT_S = 60.0
"""How long to wait for the page's rows unless told otherwise: where nothing answers, each way takes its time."""
_HELLO_S = 15.0
"""A page that has not shown itself by then is taken for none: under nbval, or in a host that shows no widgets."""
_SERVE_S = 5.0
"""So long the relay has to learn of the page; then the page tries it anyway."""
_WAIT_SLICE_S = 0.2
_MAX_ROWS = 64


def doctor(url: str | None = None, token: str | None = None, *, capture: bool = False) -> Doctor:
    """Look for what is in the way of a call: in this Python, at the relay, and in the page that shows the result.

    The last expression of a cell shows a table: what was looked at, what was found, and what to do. The page's rows
    come when a page shows it; ``result.wait()`` waits for them, and ``print(result)`` is the table as text.

    Args:
        url: The relay to look at. Default: the environment variable RELAY_WIDGET_URL; else your own, which is started
            if need be.
        token: What to show it, if it needs one. Default: RELAY_WIDGET_TOKEN.
        capture: Whether the page also opens camera and microphone for a moment, without a click. The browser may ask.

    Returns:
        The result, with its ``rows``.

    Raises:
        InvalidValueError: ``bad-url``.
        FrontendMissingError: The JavaScript of the package has not been built. ``relay-widget doctor`` goes without.
    """
    named = named_relay(url, token)
    if not (STATIC / "doctor.js").is_file():
        message = "The browser part of relay-widget is not built: run `make build` in the checkout."
        raise FrontendMissingError("frontend-missing", message)
    return Doctor(named, capture=capture)


class Doctor(KnownAttributes, StillWidget):
    """What `doctor` has found. *Try again* in the cell looks once more.

    Args:
        named: The relay that was named; None for the user's own.
        capture: As in `doctor`.
    """

    _kernel_rows = t.List(t.Dict()).tag(sync=True)

    if (STATIC / "doctor.js").is_file():
        _esm = (STATIC / "doctor.js").read_text("utf-8")
        _css = (STATIC / "doctor.css").read_text("utf-8")

    def __init__(self, named: NamedRelay | None = None, *, capture: bool = False) -> None:
        self._changed = threading.Condition()
        self._named = named
        self._capture = capture
        self._page_rows: tuple[Row, ...] = ()
        self._page_seen = self._page_done = self._waited = False
        self._following = _Following()
        self._tunnels = Tunnels(self.send, lambda: self._relay.url if self._relay else None)
        facts, self._relay = look(named)  # what to show the relay is no trait: traits are saved in notebooks
        self._own_rows = rows_of(facts)
        super().__init__(_kernel_rows=[row.as_json() for row in self._own_rows])
        hear_pages(self, self._on_page_message)

    @property
    def rows(self) -> tuple[Row, ...]:
        """What was found, Python's own first: `Row` objects with check, state, code, message and advice."""
        with self._changed:
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
        with self._changed:
            while self._goes_on(began_s, timeout):
                self._changed.wait(_WAIT_SLICE_S)  # in slices, so that interrupting the kernel is heard
        return self.rows

    def __await__(self) -> Generator[Any, None, tuple[Row, ...]]:
        """As `wait`."""
        return self._awaited().__await__()

    async def _awaited(self) -> tuple[Row, ...]:
        began_s = time.monotonic()
        while self._goes_on(began_s, DEFAULT_WAIT_S):  # noqa: ASYNC110 - who polls it with a timeout leaves no thread
            await asyncio.sleep(_WAIT_SLICE_S)
        return self.rows

    def _goes_on(self, began_s: float, timeout_s: float) -> bool:
        """Whether the page's rows may still come."""
        waited_s = time.monotonic() - began_s
        with self._changed:
            if self._page_done:
                return False
            if waited_s >= timeout_s or (not self._page_seen and (self._no_kernel() or waited_s >= _HELLO_S)):
                self._waited = True
                return False
        return True

    def close(self) -> None:
        """Stop looking. The cell says so."""
        self._following.end()
        self._tunnels.close()
        super().close()

    def _words(self) -> Still:
        return Still(
            title="Doctor",
            saved="The doctor looked here for what is in the way of a call. Run the cell to look again.",
            closed="The doctor has left. Run the cell to look again.",
            picture="doctor",
        )

    def __repr__(self) -> str:
        # What is the same each time that a notebook runs where all is well; print() shows the rest.
        # So it is about the page only when that has answered: that there was none is in the table.
        return f"Doctor({verdict(self.rows if self._page_done else self._own_rows)!r})"

    def __str__(self) -> str:
        return as_text(self.rows)

    def _no_kernel(self) -> bool:
        """Plain Python: there is nobody that a page could talk to."""
        return self.comm is None or isinstance(self.comm, DummyComm)

    # -- what the page tells (the kernel's main thread, or a subshell's) --

    def _on_page_message(self, content: dict[str, Any], buffers: Any) -> None:
        if content.get("kind") == "tunnel":
            self._tunnels.hear(content, buffers)
        elif content.get("kind") == "hello":
            self._page_is_there(again=content.get("again") is True)
            self._serve(content.get("origin"))
        elif content.get("kind") == "rows" and isinstance(content.get("rows"), list):
            rows = tuple(row for given in content["rows"][:_MAX_ROWS] if (row := row_of_page(given)) is not None)
            done = content.get("done") is True
            with self._changed:
                self._page_rows, self._page_done = rows, done
                self._changed.notify_all()
            if done:
                self._following.end()

    def _page_is_there(self, *, again: bool) -> None:
        with self._changed:
            self._page_seen, self._waited = True, False
            if again:
                self._page_done = False
        if again:
            facts, self._relay = look(self._named)
            with self._changed:
                self._own_rows = rows_of(facts)
            self._kernel_rows = [row.as_json() for row in self._own_rows]

    def _serve(self, origin: object) -> None:
        """Tell the page where the relay is, once its own relay knows that it is to serve such pages, as in a call."""
        try:
            known = check_origin(origin)
        except WireError:
            known = ""  # it has none that a relay could know it by
        if self._relay is None or self._relay.explicit or not known:
            self._send_way()
        else:
            self._following.allow(known, self._send_way)

    def _send_way(self) -> None:
        relay = self._relay
        self.send(
            {
                "kind": "ask",
                "url": "" if relay is None else relay.url,
                "token": None if relay is None else relay.ticket("doctor")["token"],
                "explicit": relay is not None and relay.explicit,
                "tunnel": True,
                "capture": self._capture,
            }
        )


class _Following:
    """What keeps the user's own relay followed while a page looks: it serves a page's origin only for so long."""

    room = "doctor"  # whoever follows a relay follows a room; nobody need be in it
    call = None

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def allow(self, origin: str, then: Any) -> None:
        """Have pages of this origin served until `end`, and call ``then`` when they are, or cannot be."""
        self.end()
        self._timer = threading.Timer(_SERVE_S, then)
        self._timer.daemon = True
        self._timer.start()
        shared_monitor().add(self)
        shared_monitor().allow_origin(self, origin, then)

    def end(self) -> None:
        """No longer."""
        shared_monitor().remove(self)
        if self._timer is not None:
            self._timer.cancel()

    def on_relay(self, relay: object) -> None:
        """Not our business, as all that follows."""

    def on_snapshot(self, snapshot: dict[str, Any]) -> None:
        """See `on_relay`."""

    def on_lost(self) -> None:
        """See `on_relay`."""

    def on_failed(self, error: Exception) -> None:
        """See `on_relay`."""

    def on_tick(self) -> None:
        """See `on_relay`."""

    def standing(self) -> None:
        """See `on_relay`."""
