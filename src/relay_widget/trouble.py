"""Tells the relay what is to be wrong on a lab's line, whenever its settings or its place in the room change.

From a thread of its own: the relay's answer is waited for, and traits change on the kernel's main thread as well as
on the monitor's, which must not wait.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from .errors import RelayWidgetError
from .protocol import Impairment

if TYPE_CHECKING:
    from collections.abc import Callable

    from .lab import LatencyLab

STALL_EVERY_MS = 10_000
"""How often the lab's stalls come back."""
_DEBOUNCE_S = 0.1
_RETRY_S = 2.0

_log = logging.getLogger(__name__)


class Trouble:
    """Keeps the relay's impairment of a lab's own participants in step with the lab's traits.

    Args:
        lab: The lab.
        own_peers: Tells their ids: one for each page that shows the lab. Who is first in the room may be somebody else.
    """

    def __init__(self, lab: LatencyLab, own_peers: Callable[[], tuple[str, ...]]) -> None:
        self._lab = lab
        self._own_peers = own_peers
        self._lock = threading.Lock()
        self._told: tuple[tuple[str, ...], Impairment] | None = None
        self._refused: tuple[tuple[str, ...], Impairment] | None = None
        self._ever = False
        self._closed = False
        self._pending: threading.Timer | None = None

    def changed(self, _change: object = None) -> None:
        """A setting, or who is in the room, has changed. Cheap while there is nothing to tell."""
        self._look(_DEBOUNCE_S)

    @property
    def in_step(self) -> bool:
        """Whether the relay does what the settings say now. True while there is nothing to tell."""
        wanted = self._wanted()
        with self._lock:
            untouched = not self._ever and self._pending is None and wanted is not None and wanted[1].is_none
            return wanted is None or wanted == self._told or untouched

    def close(self) -> None:
        """Tell nothing any more. The relay forgets a peer's trouble with its room."""
        with self._lock:
            self._closed = True
            if self._pending is not None:
                self._pending.cancel()

    def _look(self, delay_s: float) -> None:
        wanted = self._wanted()  # before the lock: who tells of changes holds the call's own, which this takes
        with self._lock:
            if wanted is None:
                self._told = None  # a relay that was started anew knows nothing
            if self._closed or self._pending is not None or wanted in (None, self._told):
                return
            if wanted[1].is_none and not self._ever:
                return
            self._pending = threading.Timer(delay_s, self._tell)
            self._pending.daemon = True
            self._pending.start()

    def _tell(self) -> None:
        with self._lock:
            self._pending = None
        wanted = self._wanted()  # as above
        with self._lock:
            if wanted is None or self._closed:
                return
            self._ever = True
        delay_s = _DEBOUNCE_S
        try:
            self._lab.impair(peer="me", **wanted[1].as_json())
            with self._lock:
                self._told = wanted
        except RelayWidgetError as error:
            # It is tried again and again, and said once: the sliders show what does not hold.
            level = logging.INFO if wanted == self._refused else logging.WARNING
            _log.log(level, "what the lab's sliders say does not hold yet: %s", error)
            self._refused = wanted
            delay_s = _RETRY_S
        self._look(delay_s)  # it may have changed meanwhile

    def _wanted(self) -> tuple[tuple[str, ...], Impairment] | None:
        """Whom to impair, and how; None while the lab is in no room."""
        lab = self._lab
        own = self._own_peers()
        if lab.state != "joined" or not own:
            return None
        return own, Impairment(
            delay_ms=lab.delay_ms,
            jitter_ms=lab.jitter_ms,
            rate_kbps=lab.rate_kbps or None,
            stall_ms=lab.stall_ms,
            stall_every_ms=STALL_EVERY_MS,
        )
