"""The card that a widget leaves in its cell: what is saved with the notebook, and what a closed widget's page finds."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import nbformat
import pytest
from ipywidgets.widgets import widget as widget_module

from relay_widget import Call, LatencyLab, doctor
from relay_widget import still as still_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay_widget.invitation import InviteLink
    from relay_widget.still import StillWidget


pytestmark = pytest.mark.usefixtures("runtime")

ROOM = "<b>class & 'room'</b>"
SECRETS = ("sesame", "relay.invalid", "Ada")
VIEW = "application/vnd.jupyter.widget-view+json"


def a_call() -> Call:
    return Call(room=ROOM, name="Ada", url="http://relay.invalid:1/path", token="sesame")  # noqa: S106


def a_lab() -> LatencyLab:
    return LatencyLab(room=ROOM, name="Ada")


def an_invitation() -> StillWidget:
    call = Call(room=ROOM, name="Ada")
    link: InviteLink = call.invite_link("Ada")
    call.close()
    return link.card


MAKERS: list[Callable[[], StillWidget]] = [a_call, a_lab, doctor, an_invitation]


def bundle_of(widget: StillWidget) -> dict[str, Any]:
    bundle: Any = widget._repr_mimebundle_()
    return dict(bundle[0] if isinstance(bundle, tuple) else bundle)


def widgets() -> dict[str, Any]:
    return dict(widget_module._instances)


@pytest.mark.parametrize("make", MAKERS)
def test_a_saved_output_is_valid_and_says_what_was_here(make: Callable[[], StillWidget]) -> None:
    made = make()
    data = bundle_of(made)
    notebook: Any = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    output = nbformat.v4.new_output("execute_result", data, execution_count=1)  # type: ignore[no-untyped-call]
    notebook.cells = [nbformat.v4.new_code_cell("x", outputs=[output], execution_count=1)]  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    assert data[VIEW]["model_id"] == made.model_id
    assert "Run the cell" in data["text/html"]
    made.close()


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_saved_of_a_card_has_no_secret_and_names_nobody(make: Callable[[], StillWidget]) -> None:
    made = make()
    made_id = made.model_id
    saved = json.dumps([bundle_of(made)["text/html"], made.get_state()["_still"]])
    made.close()
    saved += json.dumps([bundle_of(made)["text/html"], widgets()[made_id].get_state()["_still"]])
    for secret in SECRETS:
        assert secret not in saved
    assert not re.search(r"[0-9a-f]{16}|eyJ|https?://|\.invalid", saved)


@pytest.mark.parametrize("make", [a_call, a_lab, an_invitation])
def test_a_rooms_name_is_text_in_the_html(make: Callable[[], StillWidget]) -> None:
    made = make()
    html = bundle_of(made)["text/html"]
    made.close()
    assert ROOM not in html
    assert "&lt;b&gt;class &amp; &#x27;room&#x27;&lt;/b&gt;" in html
    assert "<script" not in html


@pytest.mark.parametrize("make", MAKERS)
def test_a_host_that_makes_the_comm_itself_finds_the_id_that_the_page_is_told(make: Callable[[], StillWidget]) -> None:
    """As marimo does, before ipywidgets would."""

    def open_first(widget: Any) -> None:
        widget._model_id = widget._model_id or uuid4().hex  # of the host; one for each, as of its Layout
        widget_module.Widget.open(widget)

    widget_module.Widget.on_widget_constructed(open_first)
    try:
        made = make()
    finally:
        widget_module.Widget.on_widget_constructed(None)
    assert made.get_state()["_own_id"] == made._model_id == made.comm.comm_id
    made.close()


@pytest.mark.parametrize("make", MAKERS)
def test_a_closed_widget_says_so_to_pages_that_load_later(make: Callable[[], StillWidget]) -> None:
    made = make()
    made_id = made.model_id
    told: list[dict[str, Any]] = []
    made.observe(told.append, "_closed")
    made.close()
    assert [change["new"] for change in told] == [True]  # the page that is open hears it
    assert made.comm is None
    card = widgets()[made_id]
    assert card is not made  # which can be forgotten
    state = card.get_state()
    assert state["_closed"] is True
    assert "closed" in state["_still"]["closed"] or "left" in state["_still"]["closed"]
    assert "showCard" in state["_esm"] or "relay-widget-still" in state["_esm"]
    assert state["_still"]["closed"] in bundle_of(made)["text/html"]
    made.close()  # twice is once
    assert widgets()[made_id] is card


def test_the_card_follows_the_room() -> None:
    call = Call(room="one")
    call.room = "two"
    assert call.get_state()["_still"]["title"] == "Call · room two"
    call.close()


def test_the_last_chart_stays_on_a_closed_labs_card() -> None:
    lab = LatencyLab()
    lab.set_state({"last_chart": "<svg/>"})
    lab_id = lab.model_id
    lab.close()
    assert widgets()[lab_id].get_state()["last_chart"] == "<svg/>"


def test_closed_cards_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(still_module, "MAX_CLOSED_CARDS", 2)
    calls = [Call() for _ in range(4)]
    ids = [call.model_id for call in calls]
    for call in calls:
        call.close()
    assert [call_id in widgets() for call_id in ids] == [False, False, True, True]
