"""What a page says is heard while a cell runs: beside it, in a subshell. The page's half is js/src/voice.ts."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipywidgets import Widget

_ROUTE = "_reply_subshell_for"
_MAX_REMEMBERED = 256

_log = logging.getLogger(__name__)


def hear_pages(widget: Widget, heard: Callable[[dict[str, Any], Any], None]) -> None:
    """Hear what the pages of a widget say: each thing once, and nothing that has been overtaken.

    What a page says goes beside a running cell only from a moment after its widget has come, when the frontend has
    begun a subshell for it. What it has said before may wait for the cell to end. So it says things until it is told
    that they are heard, and what has waited comes late: after what it has said since.

    Args:
        widget: One that has its comm.
        heard: Called with each message and its buffers, on any thread.
    """
    # ipykernel from 7.4 on does not leave a page's words where the page has sent them. It takes them to the thread
    # that has last said something to the page: after a cell has shown a widget, to the main one, where they wait.
    # It asks the comm where to; what the comm cannot tell stays where it is, as with older ones.
    if hasattr(widget.comm, _ROUTE):
        setattr(widget.comm, _ROUTE, None)
    widget.on_msg(_Hearing(heard))


class _Hearing:
    def __init__(self, heard: Callable[[dict[str, Any], Any], None]) -> None:
        self._heard = heard
        self._lock = threading.Lock()
        self._last: dict[tuple[str, str], int] = {}

    def __call__(self, widget: Widget, content: object, buffers: Any) -> None:
        if not isinstance(content, dict) or not self._is_news(widget, content):
            return
        try:
            self._heard(content, buffers)
        except (SystemExit, GeneratorExit):  # an observer's, which would end the thread that hears the pages
            _log.exception("an observer of %s ended more than itself", widget)

    def _is_news(self, widget: Widget, content: dict[str, Any]) -> bool:
        """Tell the page that it is heard. What has no number is said once, and is news."""
        kind, page, number = content.get("kind"), content.get("page"), content.get("number")
        if not (isinstance(kind, str) and isinstance(page, str) and isinstance(number, int)):
            return True
        widget.send({"kind": "heard", "page": page, "number": number})
        with self._lock:
            if number <= self._last.get((page, kind), 0):
                return False
            self._last[page, kind] = number
            if len(self._last) > _MAX_REMEMBERED:
                del self._last[next(iter(self._last))]
            return True
