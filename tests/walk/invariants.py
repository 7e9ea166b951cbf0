"""What must hold after each step. Each function compares the model with what is seen, and yields complaints."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from .model import PEER, ROOMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .model import Call, Model
    from .seen import Seen

Complaints = "Iterator[str]"
PHASES = {"in": "joined", "idle": "idle", "left": "left"}
STATES = {**PHASES}
PYTHON_GONE = (
    "without Python",
    "no Python",
    "Python has gone",
    "lost its kernel",
    "kernel does not answer",
    "Python does not answer",
)
"""How a page says that its kernel is not there."""


def the_relay_has_exactly_those_who_are_there(model: Model, _first: Seen, seen: Seen) -> Iterator[str]:
    if seen.relay is None:
        if any(model.people(room)[0] for room in ROOMS):
            yield "no relay answers"
        return
    for room in ROOMS:
        there, maybe = model.people(room)
        names = [peer["name"] for peer in seen.relay[room]]
        if _differ(names, there, maybe):
            yield f"{room}: the relay has {_list(names)}; expected {_list(there)}{_perhaps(maybe)}"


def each_cell_says_how_its_call_stands(model: Model, _first: Seen, seen: Seen) -> Iterator[str]:
    for call in model.calls():
        if not seen.pages.get(call.cell[0], {}).get("open"):
            yield f"{call.cell}: the notebook's tab is not open"
            continue
        views = _views(model, seen, call)
        if len(views) != call.views:
            text = seen.view(call.cell).get("text", "")[:120]
            yield f"{call.cell}: {len(views)} views of the call are shown, expected {call.views}: {text!r}"
        if call.phase == "may":
            continue
        for view in views:
            if view["phase"] != PHASES[call.phase]:
                yield f"{call.cell}: the cell says {view['phase']} {view['banners']}, expected {PHASES[call.phase]}"


def each_cell_shows_exactly_the_others(model: Model, _first: Seen, seen: Seen) -> Iterator[str]:
    for call in _there(model):
        there, maybe = _others(model, call)
        for view in _views(model, seen, call):
            names = [tile["name"] for tile in view["tiles"]]
            if _differ(names, there, maybe):
                yield f"{call.cell}: the cell shows {_list(names)}; expected {_list(there)}{_perhaps(maybe)}"
            count = len(names) + 1
            words = "only you" if count == 1 else f"{count} people"
            if view["phase"] == "joined" and words not in view["chip"]:
                yield f"{call.cell}: the head says {view['chip']!r} with {count - 1} others on the stage"


def python_says_the_same(model: Model, _first: Seen, seen: Seen) -> Iterator[str]:
    for call in model.calls():
        if not call.python or call.phase == "may" or not seen.kernels:
            continue
        known = _python(seen, call)
        if known is None:
            yield f"{call.cell}: the kernel knows no such call"
            continue
        if known["state"] != STATES[call.phase] and not model.notebook(call.cell).deaf:
            yield f"{call.cell}: call.state is {known['state']!r} {known['error']}, expected {STATES[call.phase]!r}"
        there, maybe = _others(model, call)
        if _differ(known["peers"], there, maybe):
            yield f"{call.cell}: call.peers are {_list(known['peers'])}; expected {_list(there)}{_perhaps(maybe)}"
        if model.notebook(call.cell).busy:
            continue  # traits that the page sets wait for the cell
        for trait in ("room", "name", "microphone", "camera", "source"):
            if known[trait] != getattr(call, trait):
                yield f"{call.cell}: call.{trait} is {known[trait]!r}, expected {getattr(call, trait)!r}"


def python_says_nothing_of_calls_that_nobody_sees(model: Model, _first: Seen, seen: Seen) -> Iterator[str]:
    for name, kernel in seen.kernels.items():
        if kernel is None:
            continue
        shown = {_model_id(seen, call) for call in model.calls() if call.cell[0] == name and call.python}
        for known in kernel["calls"]:
            if known["model"] not in shown and known["state"] in ("joined", "connecting", "reconnecting"):
                yield f"{known['name']} (not shown any more): call.state is {known['state']!r}"


def everybody_is_seen_and_heard(model: Model, first: Seen, seen: Seen) -> Iterator[str]:
    """Between the first look after the step and this one."""
    for call in _there(model):
        tiles = {tile["name"]: tile for view in _views(model, seen, call)[:1] for tile in view["tiles"]}
        before = {tile["id"]: tile for view in _views(model, first, call)[:1] for tile in view["tiles"]}
        for name, picture, sound in _senders(model, call):
            tile = tiles.get(name)
            if tile is None:
                continue  # said by another invariant
            was = before.get(tile["id"], {"frames": 0, "sound_bytes": 0})
            if picture and (tile["face"] or tile["frames"] in (was["frames"], 0)):
                face = "no picture" if tile["face"] else f"a picture that stands still ({tile['frames']} frames)"
                yield f"{call.cell}: shows {face} of {name} {tile['note']!r}"
            if not picture and not tile["face"]:
                yield f"{call.cell}: shows a picture of {name}, whose camera is off"
            if sound and tile["sound_bytes"] in (was["sound_bytes"], 0):
                yield f"{call.cell}: does not hear {name} ({tile['sound_bytes']} bytes decoded)"


def nothing_is_sent_that_the_cell_does_not_show(model: Model, _first: Seen, seen: Seen) -> Iterator[str]:
    for call in _there(model):
        peers = [peer for peer in (seen.relay or {}).get(call.room, []) if peer["name"] == call.name]
        for peer in peers[:1]:
            tracks = {track["track"]: track for track in peer["tracks"]}
            sends_picture = "video" in tracks
            sends_sound = "audio" in tracks and not tracks["audio"]["muted"]
            if (sends_picture, sends_sound) != (call.camera, call.microphone):
                yield (
                    f"{call.cell}: the relay gets picture {sends_picture}, sound {sends_sound}; "
                    f"expected {call.camera}, {call.microphone}"
                )
        for view in _views(model, seen, call):
            shown = (view["camera"], view["microphone"])
            if shown != (str(call.camera).lower(), str(call.microphone).lower()):
                yield f"{call.cell}: the buttons say camera {shown[0]}, microphone {shown[1]}"
    for name, page in seen.pages.items():
        calls = [call for call in model.calls() if call.cell[0] == name and call.present is not False]
        if not calls and page["recorders"]:
            yield f"{name}: {page['recorders']} recorders run in a page without a call"


def a_cell_says_whether_python_is_there(model: Model, _first: Seen, seen: Seen) -> Iterator[str]:
    """A call that has lost its kernel goes on, and says so; one that has it says nothing of the kind."""
    if not seen.kernels:
        return
    for call in model.calls():
        for view in _views(model, seen, call):
            if call.python and call.phase != "may":
                wrong = [line for line in view["banners"] if any(word in line for word in PYTHON_GONE)]
                if wrong or PYTHON_GONE[0] in view["chip"]:
                    yield f"{call.cell}: the kernel is there, and the cell says {wrong or view['chip']}"
            elif not call.python and view["phase"] == "joined" and PYTHON_GONE[0] not in view["chip"]:
                yield f"{call.cell}: the kernel has gone, and the cell says {view['chip']!r} only"


def outputs_are_the_cells_own(model: Model, _first: Seen, seen: Seen) -> Iterator[str]:
    for name, page in seen.pages.items():
        for title, cell in page["cells"].items():
            others = [out for out in cell["outputs"] if out["model"] is None]
            if title.endswith("0"):
                others = [
                    out for out in others if out["text"] != "KeyboardInterrupt" and not _is_ipykernels(out["text"])
                ]
            if others:
                yield f"{title or name}: the cell has output that is not its own: {others}"
            call = model.notebooks[name].cells[title].call if title in model.notebooks[name].cells else None
            count = len(cell["outputs"]) - len(others)
            if call is None and title in model.notebooks[name].cells and count and not cell["text"].strip():
                yield f"{title}: the cell shows a blank"


def no_page_fails(_model: Model, _first: Seen, seen: Seen) -> Iterator[str]:
    yield from seen.troubles
    for name, page in seen.pages.items():
        for dialog in page["dialogs"]:
            yield f"{name}: a dialog: {dialog!r}"


INVARIANTS: tuple[Callable[[Model, Seen, Seen], Iterator[str]], ...] = (
    the_relay_has_exactly_those_who_are_there,
    each_cell_says_how_its_call_stands,
    each_cell_shows_exactly_the_others,
    python_says_the_same,
    python_says_nothing_of_calls_that_nobody_sees,
    everybody_is_seen_and_heard,
    nothing_is_sent_that_the_cell_does_not_show,
    a_cell_says_whether_python_is_there,
    outputs_are_the_cells_own,
    no_page_fails,
)


def complaints(model: Model, first: Seen, seen: Seen) -> list[str]:
    """All that is not as it should be; `first` is the first look after the step."""
    return [
        f"[{invariant.__name__}] {complaint}" for invariant in INVARIANTS for complaint in invariant(model, first, seen)
    ]


def may_wait(complaint: str) -> bool:
    """Whether this one has more time, if steps were hasty."""
    return complaint.startswith(f"[{python_says_nothing_of_calls_that_nobody_sees.__name__}]")


# -- small words --


def _is_ipykernels(text: str) -> bool:
    """Whether these are the last words of a kernel that is shut down while a cell runs, about a subshell of its own."""
    return text.startswith("Task was destroyed but it is pending!") and "/ipykernel/" in text


def _there(model: Model) -> list[Call]:
    return [call for call in model.calls() if call.present]


def _views(model: Model, seen: Seen, call: Call) -> list[dict[str, Any]]:
    mirrors = seen.pages.get(call.cell[0], {}).get("mirrors", []) if model.cell(call.cell).mirrored else []
    return [*seen.view(call.cell).get("views", []), *mirrors]


def _model_id(seen: Seen, call: Call) -> str:
    outputs = seen.view(call.cell).get("outputs", [])
    return next((str(out["model"]) for out in outputs if out["model"]), "")


def _python(seen: Seen, call: Call) -> dict[str, Any] | None:
    kernel = seen.kernels.get(call.cell[0]) or {"calls": []}
    model_id = _model_id(seen, call)
    return next((one for one in kernel["calls"] if one["model"] == model_id), None)


def _others(model: Model, call: Call) -> tuple[list[str], list[str]]:
    there, maybe = model.people(call.room)
    if call.present:
        there.remove(call.name)
    return there, maybe


def _senders(model: Model, call: Call) -> Iterator[tuple[str, bool, bool]]:
    for other in _there(model):
        if other is not call and other.room == call.room:
            yield other.name, other.camera, other.microphone
    if model.peer is not None and model.peer.sure and model.peer.room == call.room:
        yield PEER, True, True


def _differ(names: list[str], there: list[str], maybe: list[str]) -> bool:
    have, need, may = Counter(names), Counter(there), Counter(there + maybe)
    return not (need <= have <= may)


def _list(names: list[str]) -> str:
    return ", ".join(sorted(names)) or "nobody"


def _perhaps(maybe: list[str]) -> str:
    return f" (perhaps {_list(maybe)})" if maybe else ""
