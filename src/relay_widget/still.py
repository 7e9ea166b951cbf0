"""The card that a widget leaves in its cell: in a notebook without its kernel, and after ``close()``."""

from __future__ import annotations

import base64
import threading
import uuid
from collections import deque
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets as t

from .background import OwnProcess

_STATIC = Path(__file__).parent / "static"
MAX_CLOSED_CARDS = 64
"""Closed widgets whose cells keep a card. The oldest one beyond that goes blank until the notebook is loaded again."""


@dataclass(frozen=True, slots=True)
class Still:
    """The words of a card. They are saved with the notebook: no tokens, no addresses, no ids, no names of people.

    Attributes:
        title: What was here, as in "Call · room lab".
        saved: A sentence for a notebook without its kernel, and how to get the widget back.
        closed: A sentence after ``close()``.
        picture: Which drawing goes with it: ``"call"``, ``"lab"``, ``"doctor"`` or ``"invite"``. A drawing: pictures of
            people are never saved.
    """

    title: str
    saved: str
    closed: str
    picture: str


class StillWidget(anywidget.AnyWidget):
    """A widget whose cell never goes blank: the base of every widget of this package.

    Its page (js/src/still) writes the card into the notebook with each save. Viewers that show no widgets at all
    show the card as HTML.
    """

    _own_id = t.Unicode().tag(sync=True)
    """The model's id, by which a notebook's metadata know it: a model's program is not told otherwise."""

    _still = t.Dict().tag(sync=True)
    _closed = t.Bool(default_value=False).tag(sync=True)

    def __init__(self, **settings: Any) -> None:
        # Given before the comm is made: some hosts (marimo) make it themselves, under the id that they find.
        self._process = OwnProcess()
        own_id = uuid.uuid4().hex
        super().__init__(model_id=own_id, _own_id=own_id, **settings)

    def close(self) -> None:
        """Close the widget. Its cell says so."""
        if self.comm is None or self._process.forked:
            return  # it was closed, or this is a forked child: the page is the parent's
        self._closed = True  # the page stops, and shows the card
        _ClosedCard.take_over(self)

    def _words(self) -> Still:
        """The words of the card as they are now."""
        raise NotImplementedError

    def _chart(self) -> str:
        """An SVG to show below the words; empty for none."""
        return ""

    def _refresh_still(self, _change: object = None) -> None:
        self._still = asdict(self._words())

    @t.default("_still")
    def _first_still(self) -> dict[str, str]:
        return asdict(self._words())

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        html = as_html(self._words(), closed=self._closed, chart=self._chart())
        if self.comm is None:  # closed
            return {"text/plain": repr(self), "text/html": html}
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return bundle
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "text/html": html}, metadata


class _ClosedCard(anywidget.AnyWidget):
    """Takes the place of a closed widget under the same id, so that pages that load later find its card.

    The closed widget itself can be forgotten.
    """

    _own_id = t.Unicode().tag(sync=True)
    _still = t.Dict().tag(sync=True)
    _closed = t.Bool(default_value=True).tag(sync=True)
    last_chart = t.Unicode().tag(sync=True)

    if (_STATIC / "still.js").is_file():
        _esm = (_STATIC / "still.js").read_text("utf-8")

    _lock = threading.Lock()
    _all: ClassVar[deque[_ClosedCard]] = deque()

    @classmethod
    def take_over(cls, widget: StillWidget) -> None:
        """Hand this widget's place in the pages to a card."""
        comm, widget.comm = widget.comm, None
        card = cls(
            _own_id=widget._own_id,  # noqa: SLF001 - ours, as the rest
            _still=asdict(widget._words()),  # noqa: SLF001
            last_chart=widget._chart(),  # noqa: SLF001
            layout=widget.layout,
        )
        card.comm = comm
        with cls._lock:
            cls._all.append(card)
            beyond = [cls._all.popleft() for _ in range(len(cls._all) - MAX_CLOSED_CARDS)]
        for oldest in beyond:
            oldest.close()

    def open(self) -> None:
        """Make no model: there is one."""


def as_html(still: Still, *, closed: bool = False, chart: str = "") -> str:
    """Return the card as HTML that viewers may sanitize: without scripts, and no text in its drawing."""
    sentence = still.closed if closed else still.saved
    encoded = base64.b64encode(chart.encode()).decode()
    drawn = (
        f'<img alt="{escape(still.title)}: the last chart" src="data:image/svg+xml;base64,{encoded}" '
        'style="display:block;max-width:100%;margin-top:8px;background:#fff;border-radius:4px">'
        if chart
        else ""
    )
    return (
        '<div style="box-sizing:border-box;max-width:760px;padding:12px 14px;border:1px solid #8886;border-radius:8px">'
        f"<strong>{escape(still.title)}</strong><br>{escape(sentence)}{drawn}</div>"
    )
