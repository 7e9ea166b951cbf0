"""What should be so: notebooks, cells, kernels, calls, rooms and people; which steps make sense, and what each does.

Pure: knows no browser. A step is a few words ("mute A1 page"), so that a walk can be printed, kept and replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Phase = Literal["idle", "in", "left", "may"]
"""Of a call's participant: in the lobby; in its room; has left; or whatever (nobody can say)."""

ROOMS = ("walk-1", "walk-2")
PEER = "P"
"""The participant in Python's name."""


@dataclass
class Call:
    """One `Call` that a cell has made, as long as somebody can see it."""

    cell: str
    room: str
    name: str
    auto_join: bool
    source: str = "pattern"
    microphone: bool = True
    camera: bool = True
    phase: Phase = "idle"
    views: int = 0
    unseen: bool = False
    """Its last view has gone and the page may not have noticed yet: it waits for another view for some seconds."""
    python: bool = True
    """Its kernel is the one that made it."""
    sure: bool = False
    """It has been looked at in this phase, and all was well."""
    wished: bool = False
    """It was asked to join and its page closed at once: if the wish came too late for that page, the next one joins."""

    def show(self) -> None:
        """A view of it opens."""
        self.views += 1
        if self.views > 1:
            return
        wished = self.wished or (self.phase == "in" and not self.sure)
        if (self.unseen and self.phase != ("in" if self.auto_join else "idle")) or (wished and not self.auto_join):
            self.phase = "may"
        else:
            self.phase = "in" if self.auto_join else "idle"
        if not self.python:
            self.phase = "may"
        self.unseen = self.sure = self.wished = False

    def hide(self) -> None:
        """A view of it closes."""
        self.views -= 1
        if self.views == 0:
            self.unseen = True

    @property
    def present(self) -> bool | None:
        """Whether its participant should be in the room; None for maybe."""
        if self.views == 0:
            return False
        return None if self.phase == "may" else self.phase == "in"


@dataclass
class Cell:
    """A cell of a notebook that makes a call, or the busy one (whose name ends with 0)."""

    name: str
    there: bool = True
    call: Call | None = None
    """What its output shows."""
    mirrored: bool = False
    """A second view of its output is open."""

    @property
    def room(self) -> str:
        """In which room its code says the call is."""
        return ROOMS[0]

    @property
    def auto_join(self) -> bool:
        """What its code says: the second cell of a notebook is joined by hand."""
        return self.name.endswith("1")


@dataclass
class Notebook:
    """A notebook, its tab and its kernel."""

    name: str
    cells: dict[str, Cell]
    open: bool = True
    kernel: bool = True
    busy: bool = False
    deaf: bool = False
    """The network was cut while a cell ran: what the page says is heard once the cell has ended."""
    removed: str = ""
    """The cell that has been deleted or cut, and can be had back."""
    cut: bool = False

    @property
    def idle(self) -> bool:
        """Whether a cell can be run and ends."""
        return self.open and self.kernel and not self.busy


@dataclass
class Peer:
    """The participant in Python."""

    room: str
    sure: bool = True
    """The relay that it was told of has always been there, or was started again."""


@dataclass
class Model:
    """Everything that the walker has done, and what should therefore be so."""

    notebooks: dict[str, Notebook] = field(default_factory=dict)
    peer: Peer | None = None
    recording: str = ""

    @classmethod
    def of(cls, **cells: int) -> Model:
        """Notebooks by name, and how many cells with a call each has."""
        return cls(
            {
                name: Notebook(name, {f"{name}{k}": Cell(f"{name}{k}") for k in range(1, count + 1)})
                for name, count in cells.items()
            }
        )

    def notebook(self, cell: str) -> Notebook:
        """The notebook of this cell."""
        return self.notebooks[cell[0]]

    def cell(self, name: str) -> Cell:
        """The cell of this name."""
        return self.notebook(name).cells[name]

    def call(self, cell: str) -> Call:
        """The call that this cell shows."""
        call = self.cell(cell).call
        assert call is not None, cell
        return call

    def calls(self) -> Iterable[Call]:
        """All that are shown."""
        for notebook in self.notebooks.values():
            for cell in notebook.cells.values():
                if cell.call is not None and cell.call.views > 0:
                    yield cell.call

    def shown(self, *, python: bool = False, phase: tuple[Phase, ...] = ("idle", "in", "left")) -> list[str]:
        """Names of the cells whose call a person sees; with a kernel that can be told something."""
        return [
            call.cell
            for call in self.calls()
            if call.phase in phase and (not python or (call.python and self.notebook(call.cell).idle))
        ]

    def people(self, room: str) -> tuple[list[str], list[str]]:
        """Who should be in this room, and who may be."""
        there = [call.name for call in self.calls() if call.room == room and call.present]
        maybe = [call.name for call in self.calls() if call.room == room and call.present is None]
        if self.peer is not None and self.peer.room == room:
            (there if self.peer.sure else maybe).append(PEER)
        return there, maybe

    def settled(self) -> None:
        """All that takes time has come to its end."""
        for notebook in self.notebooks.values():
            for cell in notebook.cells.values():
                if cell.call is None:
                    continue
                if cell.call.unseen and cell.call.phase == "in":  # its page has noticed: it is in its room no more
                    cell.call.unseen = False
                    cell.call.wished = cell.call.wished or not cell.call.sure
                    cell.call.phase = "idle"
                cell.call.sure = True


# ---- steps -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Action:
    """A kind of step: with which words it makes sense now, what it does to the model, and about how long it takes."""

    name: str
    options: Callable[[Model], Iterable[tuple[str, ...]]]
    apply: Callable[..., None]
    cost_s: float = 0.5
    weight: float = 1
    """How often, beside the others: what makes calls comes more often than what ends them."""


ACTIONS: dict[str, Action] = {}


def _action(
    options: Callable[[Model], Iterable[tuple[str, ...]]], cost_s: float = 0.5, weight: float = 1
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def note(apply: Callable[..., None]) -> Callable[..., None]:
        name = apply.__name__.strip("_")
        ACTIONS[name] = Action(name, options, apply, cost_s, weight)
        return apply

    return note


def _each(names: Iterable[str]) -> list[tuple[str, ...]]:
    return [(name,) for name in names]


def _sides(model: Model, *phases: Phase) -> list[tuple[str, ...]]:
    """Each call in one of these phases, from its page and, where that can be told something, from Python."""
    both = [(cell, "page") for cell in model.shown(phase=phases)]
    return [*both, *((cell, "python") for cell in model.shown(python=True, phase=phases))]


def _make(model: Model, name: str) -> None:
    """The cell is run: another call, in the place of the one before."""
    cell = model.cell(name)
    if model.recording == name:
        model.recording = ""  # it goes on, of a call that the cell's variable no longer is
    if cell.call is not None:
        cell.call.views = 0
    cell.mirrored = cell.mirrored and cell.call is not None
    cell.call = Call(name, cell.room, name, cell.auto_join)
    cell.call.show()
    if cell.mirrored:
        cell.call.show()


def _can_run(model: Model) -> list[str]:
    return [cell.name for nb in model.notebooks.values() if nb.idle for cell in nb.cells.values() if cell.there]


@_action(lambda m: _each(name for name in _can_run(m) if m.cell(name).call is None), 1.5, weight=10)
def run(model: Model, name: str) -> None:
    """Run a cell."""
    _make(model, name)


@_action(lambda m: _each(name for name in _can_run(m) if m.cell(name).call is not None), 3.5, weight=2)
def run_again(model: Model, name: str) -> None:
    """Run a cell that shows a call already."""
    _make(model, name)


@_action(lambda m: _each(nb.name for nb in m.notebooks.values() if nb.idle), 4)
def run_all(model: Model, name: str) -> None:
    """Run all cells of a notebook."""
    for cell in model.notebooks[name].cells.values():
        if cell.there:
            _make(model, cell.name)


@_action(lambda m: _sides(m, "idle"), weight=2)
def join(model: Model, name: str, _side: str) -> None:
    """Join from the lobby."""
    model.call(name).phase, model.call(name).sure = "in", False


@_action(lambda m: _sides(m, "in"))
def leave(model: Model, name: str, _side: str) -> None:
    """Leave the call."""
    model.call(name).phase, model.call(name).sure = "left", False


@_action(lambda m: [(cell, side) for cell, side in _sides(m, "left") if m.call(cell).python], weight=2)
def rejoin(model: Model, name: str, _side: str) -> None:
    """Join again after having left. A page that has lost its kernel does not offer it."""
    model.call(name).phase, model.call(name).sure = "in", False


@_action(lambda m: _sides(m, "in"))
def microphone(model: Model, name: str, _side: str) -> None:
    """Switch the microphone off, or on."""
    call = model.call(name)
    call.microphone = not call.microphone


@_action(lambda m: _sides(m, "in"))
def camera(model: Model, name: str, _side: str) -> None:
    """Switch the camera off, or on."""
    call = model.call(name)
    call.camera = not call.camera


@_action(lambda m: _each(m.shown(python=True)))
def source(model: Model, name: str) -> None:
    """From the pattern to the camera, or back."""
    call = model.call(name)
    call.source = "camera" if call.source == "pattern" else "pattern"


@_action(
    lambda m: [
        *((cell, "page", _other_room(m.call(cell))) for cell in m.shown(phase=("idle",))),
        *((cell, "python", _other_room(m.call(cell))) for cell in m.shown(python=True)),
    ]
)
def room(model: Model, name: str, _side: str, where: str) -> None:
    """Move to the other room."""
    model.call(name).room, model.call(name).sure = where, False
    if model.recording == name:
        model.recording = ""


def _other_room(call: Call) -> str:
    return next(room for room in ROOMS if room != call.room)


@_action(
    lambda m: [
        *((cell, "page", _other_name(m.call(cell))) for cell in m.shown(phase=("idle",))),
        *((cell, "python", _other_name(m.call(cell))) for cell in m.shown(python=True)),
    ]
)
def rename(model: Model, name: str, _side: str, to: str) -> None:
    """Take another name."""
    model.call(name).name = to


def _other_name(call: Call) -> str:
    return call.cell if call.name != call.cell else f"{call.cell}-too"


@_action(
    lambda m: _each(cell.name for nb in m.notebooks.values() for cell in nb.cells.values() if _has_output(nb, cell)),
    3.5,
    weight=0.6,
)
def clear(model: Model, name: str) -> None:
    """Clear a cell's output."""
    cell = model.cell(name)
    assert cell.call is not None
    cell.call.hide()
    if cell.mirrored:  # the second view shows what the output shows
        cell.call.hide()
    cell.mirrored = False
    cell.call = None


def _has_output(notebook: Notebook, cell: Cell) -> bool:
    return notebook.open and cell.there and cell.call is not None and not cell.mirrored


@_action(
    lambda m: _each(
        cell.name
        for nb in m.notebooks.values()
        for cell in nb.cells.values()
        if nb.open and not nb.removed and cell.there and not cell.mirrored
    ),
    3.5,
    weight=0.6,
)
def delete(model: Model, name: str) -> None:
    """Delete a cell."""
    _remove(model, name, cut=False)


@_action(ACTIONS["delete"].options, 3.5, weight=0.6)
def cut(model: Model, name: str) -> None:
    """Cut a cell."""
    _remove(model, name, cut=True)


def _remove(model: Model, name: str, *, cut: bool) -> None:
    notebook, cell = model.notebook(name), model.cell(name)
    notebook.removed, notebook.cut = name, cut
    cell.there = False
    if cell.call is not None:
        cell.call.hide()


@_action(
    lambda m: _each(nb.removed for nb in m.notebooks.values() if nb.open and nb.removed and not nb.cut), 1, weight=4
)
def undo(model: Model, name: str) -> None:
    """Undo the deletion."""
    _bring_back(model, name)


@_action(lambda m: _each(nb.removed for nb in m.notebooks.values() if nb.open and nb.removed and nb.cut), 1, weight=4)
def paste(model: Model, name: str) -> None:
    """Paste the cell that was cut."""
    _bring_back(model, name)


def _bring_back(model: Model, name: str) -> None:
    notebook, cell = model.notebook(name), model.cell(name)
    notebook.removed = ""
    cell.there = True
    if cell.call is not None:
        cell.call.show()


@_action(
    lambda m: _each(
        cell.name
        for nb in m.notebooks.values()
        for cell in nb.cells.values()
        if nb.open and cell.there and cell.call is not None and not any(one.mirrored for one in nb.cells.values())
    ),
    1,
)
def second_view(model: Model, name: str) -> None:
    """Create New View for Output."""
    model.cell(name).mirrored = True
    model.call(name).show()


@_action(
    lambda m: _each(cell.name for nb in m.notebooks.values() for cell in nb.cells.values() if nb.open and cell.mirrored)
)
def close_second_view(model: Model, name: str) -> None:
    """Close that view."""
    model.cell(name).mirrored = False
    model.call(name).hide()


def _reopen(model: Model, name: str) -> None:
    """All views of a notebook are new; what had been removed from it is gone for good, and comes from the file."""
    for cell in model.notebooks[name].cells.values():
        cell.mirrored = False
        call = cell.call
        if call is None or not cell.there:
            continue
        if not call.python:
            cell.call = None  # what stands there instead is the file's own picture
            continue
        call.views, call.unseen = 0, False
        call.show()


@_action(lambda m: _each(nb.name for nb in m.notebooks.values() if nb.idle and not nb.removed), 5, weight=0.6)
def reload(model: Model, name: str) -> None:
    """Save, and reload the page."""
    _reopen(model, name)


@_action(lambda m: _each(nb.name for nb in m.notebooks.values() if nb.idle and not nb.removed), 3.5, weight=0.5)
def close_tab(model: Model, name: str) -> None:
    """Save, and close the notebook's tab; the kernel stays."""
    notebook = model.notebooks[name]
    notebook.open = False
    for cell in notebook.cells.values():
        cell.mirrored = False
        if cell.call is not None:
            cell.call.views, cell.call.unseen = 0, True


@_action(lambda m: _each(nb.name for nb in m.notebooks.values() if not nb.open), 2, weight=4)
def open_tab(model: Model, name: str) -> None:
    """Open the notebook again."""
    model.notebooks[name].open = True
    for cell in model.notebooks[name].cells.values():
        if cell.call is not None and not cell.call.python:
            cell.call = None
        elif cell.call is not None:
            cell.call.unseen = False
            cell.call.show()


@_action(lambda m: _each(nb.name for nb in m.notebooks.values() if nb.idle), 1)
def busy(model: Model, name: str) -> None:
    """Run a cell that computes."""
    model.notebooks[name].busy = True


@_action(lambda m: _each(nb.name for nb in m.notebooks.values() if nb.open and nb.busy))
def finish(model: Model, name: str) -> None:
    """Let that cell come to its end."""
    model.notebooks[name].busy = model.notebooks[name].deaf = False


@_action(lambda m: _each(nb.name for nb in m.notebooks.values() if nb.open and nb.kernel), weight=0.5)
def interrupt(model: Model, name: str) -> None:
    """Interrupt the kernel."""
    model.notebooks[name].busy = model.notebooks[name].deaf = False


@_action(lambda m: _each(nb.name for nb in m.notebooks.values() if nb.open and nb.kernel), 2, weight=0.5)
def restart(model: Model, name: str) -> None:
    """Restart the kernel."""
    _end_kernel(model, name)


@_action(lambda m: _each(nb.name for nb in m.notebooks.values() if nb.open and nb.kernel), 1, weight=0.5)
def shut_down(model: Model, name: str) -> None:
    """Shut the kernel down."""
    _end_kernel(model, name)
    model.notebooks[name].kernel = False


def _end_kernel(model: Model, name: str) -> None:
    notebook = model.notebooks[name]
    notebook.busy = notebook.deaf = False
    if model.recording[:1] == name:
        model.recording = ""
    for cell in notebook.cells.values():
        if cell.call is not None:
            cell.call.python = False
            if cell.call.phase == "idle" or not cell.call.sure:
                cell.call.phase = "may"  # nobody is left who could let it in


@_action(lambda m: _each(nb.name for nb in m.notebooks.values() if nb.open and not nb.kernel), 2, weight=4)
def start_kernel(model: Model, name: str) -> None:
    """Start a kernel for the notebook."""
    model.notebooks[name].kernel = True


@_action(lambda m: _each(("KILL", "TERM") if any(m.calls()) else ()), 4, weight=0.6)
def end_relay(model: Model, how: str) -> None:
    """Kill the relay, or stop it: another one is started by whoever needs it. Only after a kill it has the same address
    and secret, and a participant in Python that was given those can come back."""
    alone = not any(call.python for call in model.calls())
    for call in model.calls():
        if alone or not call.python:
            call.phase = "may"
    if (alone or how == "TERM") and model.peer is not None:
        model.peer.sure = False
    if model.recording:
        model.recording = ""


@_action(
    lambda m: [(nb.name, how, "3") for nb in m.notebooks.values() if nb.open and m.shown() for how in ("cut", "hold")],
    5,
)
def drop_network(model: Model, name: str, how: str, _seconds: str) -> None:
    """The page's network is gone for a few seconds: connections end, or nothing comes through."""
    notebook = model.notebooks[name]
    notebook.deaf = notebook.deaf or (notebook.busy and how == "cut")


@_action(lambda m: product(ROOMS) if m.peer is None and m.shown(python=True) else (), 1)
def peer_comes(model: Model, where: str) -> None:
    """A participant in Python joins a room."""
    model.peer = Peer(where)


@_action(lambda m: [()] if m.peer is not None else ())
def peer_goes(model: Model) -> None:
    """It leaves."""
    model.peer = None


def _senders(model: Model, name: str) -> list[str]:
    """Whose picture this call gets."""
    call = model.call(name)
    return [
        other.name
        for other in model.calls()
        if other is not call and other.room == call.room and other.present and other.camera
    ]


@_action(lambda m: [(cell, of) for cell in m.shown(python=True, phase=("in",)) for of in _senders(m, cell)], 2)
def frames(model: Model, _name: str, _of: str) -> None:
    """Ask Python for a frame of somebody."""


@_action(lambda m: _each(m.shown(python=True, phase=("in",))) if not m.recording else (), 1, weight=2)
def record(model: Model, name: str) -> None:
    """Begin to record the room."""
    model.recording = name


@_action(lambda m: [(m.recording,)] if m.recording and m.notebook(m.recording).idle else (), 1, weight=2)
def end_recording(model: Model, _name: str) -> None:
    """Stop the recording; there is something in it."""
    model.recording = ""


def enabled(model: Model) -> dict[str, list[tuple[str, ...]]]:
    """What makes sense now: each action and with which words."""
    found = {name: list(action.options(model)) for name, action in ACTIONS.items()}
    return {name: options for name, options in found.items() if options}


@dataclass(frozen=True)
class Step:
    """An action with its words. A hasty one is followed by the next before anything is looked at."""

    action: str
    words: tuple[str, ...] = ()
    hasty: bool = False

    def __str__(self) -> str:
        return " ".join((self.action, *self.words)) + ("!" if self.hasty else "")

    @classmethod
    def parse(cls, text: str) -> Step:
        """The step that is printed so."""
        action, *words = text.strip().removesuffix("!").split()
        return cls(action, tuple(words), text.strip().endswith("!"))

    def patient(self) -> Step:
        """The same, and then look."""
        return replace(self, hasty=False)

    def possible(self, model: Model) -> bool:
        """Whether it makes sense now."""
        return self.words in [tuple(words) for words in ACTIONS[self.action].options(model)]

    def apply(self, model: Model) -> None:
        """Do it to the model."""
        ACTIONS[self.action].apply(model, *self.words)
