"""The same walk without a browser: the real cores of the relay and of calls in a kernel, in virtual time.

Pages are a few lines. A thousand steps a second. The network delays, holds and loses as the steps say; each connection
keeps its order, as TCP does.
"""

from __future__ import annotations

import copy
import heapq
import random
from collections import defaultdict
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec

from relay_widget.call_session import CallSession
from relay_widget.core import Close, Relay, Send, SendMedia
from relay_widget.grants import Grant
from relay_widget.protocol import Event
from tests.core.media import Queued, header, seeded

from .model import PEER, ROOMS, Call, Cell, Model
from .seen import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from relay_widget.core import Effect
    from relay_widget.protocol import ObjectType

    from .model import Step

DELAYS_MS = (1.0, 400.0)
"""How long a message is on its way."""
NOTICE_MS = (1.0, 4000.0)
"""How long until the relay notices that a connection has gone: its client may be back before that."""
MEDIA_EVERY_MS = 250.0
TICK_MS = 250.0
RELAY_URL = "http://127.0.0.1:1"
GROUP_OBJECTS = 4
UNSEEN_LEAVE_MS = 3000.0
RECONNECT_MS = (200.0, 1500.0)
RELAY_START_MS = 700.0
STEP_MS = 250.0
MAX_LOOKS_FOR_BUTTON = 20


class Clock:
    """Virtual time, and what is to happen in it."""

    def __init__(self, chance: random.Random) -> None:
        self.now_ms = 1000.0
        self.chance = chance
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, when_ms: float, what: Callable[[], None]) -> None:
        """Have this happen then."""
        heapq.heappush(self._due, (when_ms, next(self._numbers), what))

    def after(self, span_ms: tuple[float, float] | float, what: Callable[[], None]) -> None:
        """Have this happen after so long, or after some time between the two."""
        span = self.chance.uniform(*span_ms) if isinstance(span_ms, tuple) else span_ms
        self.at(self.now_ms + span, what)

    def advance(self, span_ms: float) -> None:
        """Let time pass."""
        end_ms = self.now_ms + span_ms
        while self._due and self._due[0][0] <= end_ms:
            when_ms, _, what = heapq.heappop(self._due)
            self.now_ms = max(self.now_ms, when_ms)
            what()
        self.now_ms = end_ms


class Line:
    """A connection to the relay: each direction in order, each message with a delay of its own."""

    def __init__(self, clock: Clock, relay: VirtualRelay, name: str, heard: Callable[[str, Any], None]) -> None:
        self.name = name
        self.up = True
        self.heard = heard
        self._clock = clock
        self._relay = relay
        self._arrives_ms = {"up": 0.0, "down": 0.0}
        self._held_until_ms = 0.0

    def send(self, event: str, *args: Any, then: Callable[[dict[str, Any]], None] | None = None) -> None:
        """To the relay."""
        self._carry("up", lambda: self._relay.hear(self, event, list(args), then))

    def deliver(self, what: Callable[[], None]) -> None:
        """To the client."""
        self._carry("down", what)

    def hold(self, until_ms: float) -> None:
        """Nothing comes through before."""
        self._held_until_ms = until_ms

    def cut(self, *, by_relay: bool = False) -> None:
        """The connection ends; each side hears of it in its own time."""
        if not self.up:
            return
        self.up = False
        if not by_relay:
            self._clock.after(NOTICE_MS, lambda: self._relay.lost(self))
        self._clock.after(DELAYS_MS, lambda: self.heard("down", None))

    def _carry(self, way: str, what: Callable[[], None]) -> None:
        if not self.up:
            return
        when_ms = max(self._clock.now_ms, self._held_until_ms) + self._clock.chance.uniform(*DELAYS_MS)
        when_ms = self._arrives_ms[way] = max(when_ms, self._arrives_ms[way])
        self._clock.at(when_ms, lambda: what() if self.up else None)


class VirtualRelay:
    """The relay's process: the real core, and lines instead of sockets."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.running = False
        self.lines: dict[str, Line] = {}
        self._ids = count(1)
        self._names = count(1)
        self._awake_ms = 0.0
        self.core = self._new()

    def _new(self) -> Relay:
        return Relay(
            new_peer_id=lambda: f"p{next(self._ids)}",
            queues=Queued(defaultdict(int)),
            random=seeded(),
            verify=lambda _token: Grant(),
        )

    def start(self) -> None:
        """If it does not run: a new one."""
        if not self.running:
            self.running, self.core = True, self._new()

    def end(self) -> None:
        """All connections end, and nothing is remembered."""
        lines, self.lines, self.running = list(self.lines.values()), {}, False
        for line in lines:
            line.cut(by_relay=True)

    def connect(self, grant: Grant, heard: Callable[[str, Any], None]) -> Line | None:
        """A new connection; None if nobody answers."""
        if not self.running:
            return None
        line = Line(self._clock, self, f"c{next(self._names)}", heard)
        self.lines[line.name] = line
        self.core.connect(line.name, self._clock.now_ms, grant)
        return line

    def lost(self, line: Line) -> None:
        """A connection has ended from without."""
        if self.lines.pop(line.name, None) is not None:
            self._perform(self.core.disconnect(line.name))

    def hear(self, line: Line, event: str, args: list[Any], then: Callable[[dict[str, Any]], None] | None) -> None:
        """An event of a client's."""
        if self.lines.get(line.name) is not line:
            return
        outcome = self.core.handle(line.name, event, args, self._clock.now_ms, wants_ack=then is not None)
        ack = outcome.ack
        if then is not None and ack is not None:
            line.deliver(lambda: then(ack))
        self._perform(outcome.effects)

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(to, event, payload):
                    for name in to:
                        self._tell(name, str(event), payload)
                case SendMedia(to, label, data):
                    what = (msgspec.to_builtins(label), data)
                    for name in to:
                        self._tell(name, str(Event.MEDIA_CHUNK), what)
                case Close(name):
                    line = self.lines.pop(name, None)
                    if line is not None:
                        self._perform(self.core.disconnect(name))
                        line.deliver(partial(line.cut, by_relay=True))
        self._wake()

    def _tell(self, name: str, event: str, payload: Any) -> None:
        line = self.lines[name]
        line.deliver(lambda: line.heard(event, payload))

    def _wake(self) -> None:
        """What the core does by itself when time has passed."""
        core, due_ms = self.core, self.core.due_ms
        if due_ms == float("inf") or (self._awake_ms > self._clock.now_ms and self._awake_ms <= due_ms):
            return
        self._awake_ms = max(due_ms, self._clock.now_ms)

        def wake() -> None:
            self._awake_ms = 0.0
            if self.core is core and self.running:
                self._perform(core.take_due(self._clock.now_ms))

        self._clock.at(self._awake_ms, wake)


class Participant:
    """What a page does at the relay, as PROTOCOL.md says: joins, publishes, comes back under its id, leaves."""

    def __init__(self, clock: Clock, relay: VirtualRelay, room: str, name: str, call: str | None) -> None:
        self.room, self.name = room, name
        self.microphone = self.camera = True
        self.source = "pattern"
        self.told: Callable[[str], None] = lambda _word: None
        """Hears each word of where this participant is."""
        self.closed = False
        """Its page is no longer there to hear the kernel."""
        self._phase = "idle"
        self._ticket = call is None  # a participant in Python needs none
        self.others: dict[str, dict[str, Any]] = {}
        self.got: dict[tuple[str, str], int] = defaultdict(int)
        self._last: dict[tuple[str, str], tuple[int, int]] = {}
        self._clock, self._relay, self.call = clock, relay, call
        self.python = True
        self._line: Line | None = None
        self._peer: str | None = None
        self._in: str | None = None  # the room that the relay has let us into
        self.wanted = False
        self._called = ""
        self._published: dict[str, bool] = {}
        self._epochs: dict[str, int] = defaultdict(int)
        self._objects: dict[str, int] = defaultdict(int)

    @property
    def phase(self) -> str:
        return self._phase

    @phase.setter
    def phase(self, word: str) -> None:
        if word != self._phase:
            self._phase = word
            self.told(word)

    def hear_kernel(self, action: str) -> None:
        """A message of the kernel's."""
        if self.closed:
            return
        if action == "ticket":
            self._ticket = True
            self._connect()
        elif action == "say-join" and not self.wanted:
            self.join()
        elif action == "say-leave" and self.wanted:
            self.leave()

    def join(self) -> None:
        self.wanted, self.phase = True, "connecting"
        self._connect()

    def leave(self, phase: str = "left") -> None:
        self.wanted, self.phase = False, phase
        line, self._line = self._line, None
        self._forget()
        if line is not None:
            line.send(str(Event.LEAVE), then=lambda _ack: line.cut())

    def gone(self) -> None:
        """The page has gone, without a word."""
        line, self._line, self.wanted, self.phase = self._line, None, False, "idle"
        self._forget()
        if line is not None:
            line.cut()

    def hold(self, until_ms: float) -> None:
        if self._line is not None:
            self._line.hold(until_ms)

    def cut(self) -> None:
        if self._line is not None:
            self._line.cut()

    def changed(self) -> None:
        """Room, name or what is sent is another now."""
        line = self._line
        if self._in is None or line is None:
            return  # looked at again once we are in
        if self._in != self.room:
            self._forget()
            line.send(str(Event.LEAVE), then=lambda _ack: self._enter(line))
            return
        if self._called != self.name:
            self._called = self.name
            line.send(str(Event.RENAME), {"name": self.name})
        self._publish(line)

    def _connect(self) -> None:
        if not self.wanted or self._line is not None or not self._ticket:
            return
        line = self._relay.connect(Grant(peer=self._peer, call=self.call), lambda *what: self._heard(line, *what))
        if line is None:
            self._clock.after(RECONNECT_MS, self._connect)
            return
        self._line = line
        self._enter(line)

    def _enter(self, line: Line) -> None:
        if self._line is not line:
            return
        room, name = self.room, self.name

        def entered(ack: dict[str, Any]) -> None:
            if self._line is not line:
                return
            assert ack["ok"], ack
            self._peer, self._in, self._called, self.phase = ack["peer"], room, name, "joined"
            self.others = {peer["id"]: peer for peer in ack["peers"]}
            self._published = {}
            self.changed()

        line.send(str(Event.JOIN), {"room": room, "name": name}, then=entered)

    def _forget(self) -> None:
        self._in, self.others, self._published = None, {}, {}
        self._last.clear()
        self.got.clear()

    def _publish(self, line: Line) -> None:
        for track, on in (("video", self.camera), ("audio", True)):
            muted = track == "audio" and not self.microphone
            if on and self._published.get(track) is not muted:
                line.send(
                    str(Event.PUBLISH),
                    {
                        "track": track,
                        "mimeType": "video/webm",
                        "video": track == "video",
                        "audio": track == "audio",
                        "muted": muted,
                    },
                )
                if track not in self._published:
                    self._epochs[track] += 1
                    self._objects[track] = 0
                    self._media(line, track, "init", 0, 0)
                    self._tick(line, track, self._epochs[track])
                self._published[track] = muted
            elif not on and track in self._published:
                del self._published[track]
                line.send(str(Event.UNPUBLISH), {"track": track})

    def _tick(self, line: Line, track: str, epoch: int) -> None:
        if self._line is not line or self._epochs[track] != epoch:
            return
        group, number = divmod(self._objects[track], GROUP_OBJECTS)
        self._objects[track] += 1
        if self._objects[track] > 1 and track not in self._published:
            return
        self._media(line, track, "delta" if number else "key", group + 1, number)
        self._clock.after(MEDIA_EVERY_MS, lambda: self._tick(line, track, epoch))

    def _media(self, line: Line, track: str, kind: ObjectType, group: int, number: int) -> None:
        line.send(str(Event.MEDIA_CHUNK), header(kind, self._epochs[track], group, number, track), b"x")

    def _heard(self, line: Line | None, event: str, payload: Any) -> None:
        if line is None or self._line is not line or (self._in is None and event != "down"):
            return  # also what the relay said of a room before it heard that we leave it
        match event:
            case "down":
                self._line = None
                self._forget()
                if self.wanted:
                    self.phase = "reconnecting"
                    self._clock.after(RECONNECT_MS, self._connect)
            case Event.PEER_JOINED:
                self.others[payload["peer"]["id"]] = payload["peer"]
            case Event.PEER_LEFT:
                self.others.pop(payload["peer"], None)
            case Event.PEER_RENAMED:
                self.others[payload["peer"]]["name"] = payload["name"]
            case Event.TRACK_PUBLISHED:
                tracks = self.others[payload["from"]]["tracks"]
                tracks[:] = [one for one in tracks if one["track"] != payload["track"]["track"]] + [payload["track"]]
            case Event.TRACK_UNPUBLISHED:
                tracks = self.others[payload["from"]]["tracks"]
                tracks[:] = [one for one in tracks if one["track"] != payload["track"]]
            case Event.MEDIA_CHUNK:
                self._got(payload[0])

    def _got(self, label: dict[str, Any]) -> None:
        self.got[label["from"], label["track"]] += 1

    def view(self) -> dict[str, Any]:
        """As `driver.LOOK` gives it."""
        tiles = []
        for peer in self.others.values():
            tracks = {track["track"]: track for track in peer["tracks"]}
            tiles.append(
                {
                    "id": peer["id"],
                    "name": peer["name"],
                    "frames": self.got[peer["id"], "video"],
                    "sound_bytes": self.got[peer["id"], "audio"],
                    "face": "video" not in tracks,
                    "note": "",
                }
            )
        people = "only you" if not tiles else f"{len(tiles) + 1} people"
        return {
            "phase": self.phase,
            "chip": f"live · {people}{'' if self.python else ' · without Python'}",
            "tiles": tiles,
            "microphone": str(self.microphone).lower(),
            "camera": str(self.camera).lower(),
            "banners": [],
            "text": "",
        }


class Kernel:
    """A kernel: it watches the rooms, and has the real core of each call's session."""

    def __init__(self, clock: Clock, relay: VirtualRelay) -> None:
        self.rooms: dict[str, dict[str, Any]] = {}
        self.running = True
        self.sessions: dict[str, tuple[CallSession, Participant]] = {}
        """Each call's, by its id, and the page that shows it."""
        self._clock, self._relay = clock, relay
        self._line: Line | None = None
        self._arrives_ms = 0.0

    def show(self, call: str, page: Participant) -> None:
        """A page shows a call: one that has just been made, or one that was there before."""
        fresh = call not in self.sessions
        session = CallSession() if fresh else self.sessions[call][0]
        self.sessions[call] = (session, page)
        if fresh and self._line is not None:
            self._do(call, session.relay(RELAY_URL, self._now_s))
        if fresh and not self._watching:
            self._watching = True
            self._tick()
        self.watch()
        self._take(page.room)
        self._send(lambda: self._do(call, [*session.hello(self._now_s), *session.ticket_asked(self._now_s)]))

    def hear(self, call: str, word: str) -> None:
        """What a page says of its participant."""
        session = self.sessions[call][0]
        self._send(lambda: self._do(call, session.page(word, None, self._now_s)))

    def ask(self, call: str, what: str) -> None:
        """What a cell asks: join, leave, or a room that is another now."""
        session = self.sessions[call][0]
        asked = {"join": session.join, "leave": session.leave, "moved": session.moved}[what]
        self._do(call, asked(self._now_s))
        if what == "moved":
            self._take(self.sessions[call][1].room)

    _watching = False

    @property
    def _now_s(self) -> float:
        return self._clock.now_ms / 1000

    def _do(self, call: str, actions: list[str]) -> None:
        page = self.sessions[call][1]
        for action in actions:
            self._send(partial(page.hear_kernel, action))

    def _send(self, what: Callable[[], None]) -> None:
        """Between page and kernel: in order, and late."""
        when_ms = self._clock.now_ms + self._clock.chance.uniform(*DELAYS_MS)
        when_ms = self._arrives_ms = max(when_ms, self._arrives_ms)
        self._clock.at(when_ms, lambda: what() if self.running else None)

    def _tick(self) -> None:
        if not self.running:
            return
        for call, (session, _) in self.sessions.items():
            self._do(call, session.tick(self._now_s))
        self._clock.after(TICK_MS, self._tick)

    def watch(self) -> None:
        """Follow the relay, if it is not followed."""
        if self._line is not None or not self.running:
            return
        line = self._relay.connect(Grant("monitor"), lambda *what: self._heard(line, *what))
        if line is None:
            self._clock.after(RECONNECT_MS, self.watch)
            return
        self._line = line
        for call, (session, _) in self.sessions.items():
            self._do(call, session.relay(RELAY_URL, self._now_s))
        for room in ROOMS:
            line.send(str(Event.WATCH), {"room": room}, then=self._note)

    def end(self) -> None:
        """The kernel ends, without a word."""
        line, self._line, self.running = self._line, None, False
        if line is not None:
            line.cut()

    def _heard(self, line: Line | None, event: str, payload: Any) -> None:
        if self._line is not line:
            return
        if event == "down":
            self._line = None
            self.rooms.clear()
            for call, (session, _) in self.sessions.items():
                self._do(call, session.relay_lost(self._now_s))
            self._clock.after(RECONNECT_MS, self.watch)
        elif event == Event.ROOM:
            self._note(payload)

    def _note(self, snapshot: dict[str, Any]) -> None:
        self.rooms[snapshot["room"]] = snapshot
        self._take(snapshot["room"])

    def _take(self, room: str) -> None:
        if room not in self.rooms:
            return
        for call, (session, page) in self.sessions.items():
            if page.room == room:
                snapshot = self.rooms[room]
                own = [peer["id"] for peer in snapshot["peers"] if peer.get("call") == call]
                left_ms = max((one["left_ms"] for one in snapshot["left"] if one["call"] == call), default=None)
                self._do(call, session.roster(own, self._now_s, left_ms))

    def look(self) -> list[dict[str, Any]]:
        """What its calls say."""
        calls = []
        for call, (session, page) in self.sessions.items():
            peers = self.rooms.get(page.room, {"peers": ()})["peers"]
            others = [peer["name"] for peer in peers if peer.get("call") != call]
            traits = {trait: getattr(page, trait) for trait in ("room", "name", "microphone", "camera", "source")}
            calls.append({"model": call, "state": session.shown, "error": session.error, "peers": others, **traits})
        return calls


class VirtualDriver:
    """Does steps in virtual time, and looks; stands in for `driver.Driver`."""

    def __init__(self, model: Model, seed: int) -> None:
        self.model = model
        self.clock = Clock(random.Random(seed))  # noqa: S311 - a walk has no secrets
        self.relay = VirtualRelay(self.clock)
        self._shown: dict[str, Participant] = {}
        self._hidden: dict[str, Participant] = {}
        self._peer: Participant | None = None
        self._kernels = {name: Kernel(self.clock, self.relay) for name in model.notebooks}
        self._calls = count(1)

    def do(self, step: Step) -> None:
        """Do a step. What a step means for views and kernels, the model says; here it is done to participants."""
        after = copy_after(step, self.model)
        match step.action, step.words:
            case "end_relay", _:
                self.relay.end()
                if any(call.python for call in self.model.calls()):
                    self.clock.after(RELAY_START_MS, self.relay.start)
            case "drop_network", (name, how, seconds):
                for cell, one in self._shown.items():
                    if cell[0] == name and how == "cut":
                        one.cut()
                    elif cell[0] == name:
                        one.hold(self.clock.now_ms + 1000 * float(seconds))
            case "peer_comes", (where,):
                self._peer = Participant(self.clock, self.relay, where, PEER, None)
                self._peer.join()
            case (("restart" | "shut_down"), (name,)):
                self._kernels[name].end()
                self._kernels[name] = Kernel(self.clock, self.relay)
                self._rearrange(step, after)
            case "peer_goes", _:
                assert self._peer is not None
                self._peer.leave()
                self._peer = None
            case (("join" | "rejoin" | "leave"), (name, "python")):
                kernel, call = self._kernels[name[0]], self._shown[name].call
                kernel.ask(call or "", "leave" if step.action == "leave" else "join")
            case "join", (name, _):
                self._press(lambda: not self._shown[name].wanted, self._shown[name].join)
            case "rejoin", (name, _):
                self._press(lambda: self._shown[name].phase == "left", self._shown[name].join)
            case "leave", (name, _):
                self._press(lambda: self._shown[name].wanted, self._shown[name].leave)
            case _:
                self._rearrange(step, after)

    def _press(self, there: Callable[[], bool], what: Callable[[], None]) -> None:
        """Click a button as soon as it is there."""
        for _ in range(MAX_LOOKS_FOR_BUTTON):
            if there():
                break
            self.clock.advance(STEP_MS)
        what()

    def _rearrange(self, step: Step, after: Model) -> None:
        made = _made(step, self.model)
        for cell in list(self._shown):
            now = next((call for call in after.calls() if call.cell == cell), None)
            reloaded = step.action == "reload" and cell[0] == step.words[0]
            if cell in made or now is None or reloaded:
                self._hide(cell, reloaded=reloaded, closed=step.action == "close_tab")
            if cell in made:
                self._hidden.pop(cell, None)
        for call in after.calls():
            one = self._shown.get(call.cell) or self._show(call, anew=call.cell in made)
            one.python = call.python
            moved = one.room != call.room
            before = (one.room, one.name, one.microphone, one.camera)
            one.room, one.name, one.microphone, one.camera = call.room, call.name, call.microphone, call.camera
            one.source = call.source
            if moved and call.python:
                self._kernels[call.cell[0]].ask(one.call or "", "moved")
            if before != (call.room, call.name, call.microphone, call.camera):
                one.changed()

    def _hide(self, cell: str, *, reloaded: bool, closed: bool) -> None:
        """The last view has gone: the page leaves a little later, or has gone itself."""
        one = self._shown.pop(cell)
        self._hidden[cell] = one
        if reloaded or closed:
            one.told = lambda _word: None
            one.closed = True
            one.gone() if reloaded else one.leave("idle")
            self._hidden[cell] = self._again(one)
            return

        def unseen() -> None:
            if one not in self._shown.values():
                one.leave("idle")

        self.clock.after(UNSEEN_LEAVE_MS, unseen)

    def _again(self, one: Participant) -> Participant:
        """The same call in another page."""
        fresh = Participant(self.clock, self.relay, one.room, one.name, one.call)
        fresh.microphone, fresh.camera, fresh.source = one.microphone, one.camera, one.source
        return fresh

    def _show(self, call: Call, *, anew: bool) -> Participant:
        one = None if anew else self._hidden.pop(call.cell, None)
        if one is None:
            one = Participant(self.clock, self.relay, call.room, call.name, f"call-{next(self._calls)}")
        self.relay.start()
        self._shown[call.cell] = one
        kernel, name = self._kernels[call.cell[0]], one.call or ""
        if call.python:
            one.told = partial(kernel.hear, name)
            kernel.show(name, one)
            kernel.hear(name, one.phase)
        if call.phase == "in" and not one.wanted:
            one.join()
        return one

    def look(self) -> Seen:
        """What all sides say now; then a moment passes."""
        relay = None
        if self.relay.running:
            rooms = {room: self.relay.core._snapshot(room, self.clock.now_ms) for room in ROOMS}
            relay = {room: snapshot["peers"] for room, snapshot in rooms.items()}
        pages = {name: self._page(name) for name in self.model.notebooks}
        return Seen(pages, {name: self._kernel(name) for name in self.model.notebooks}, relay)

    def _kernel(self, name: str) -> dict[str, Any]:
        return {"calls": self._kernels[name].look()}

    def now_s(self) -> float:
        """Virtual seconds."""
        return self.clock.now_ms / 1000

    def pause(self) -> None:
        """Let a moment pass."""
        self.clock.advance(STEP_MS)

    def _page(self, name: str) -> dict[str, Any]:
        cells = {
            cell.name: {"outputs": self._outputs(cell), "views": self._views(cell), "text": "call"}
            for cell in self.model.notebooks[name].cells.values()
        }
        return {"open": self.model.notebooks[name].open, "cells": cells, "mirrors": [], "dialogs": [], "recorders": 0}

    def _outputs(self, cell: Cell) -> list[dict[str, Any]]:
        one = self._shown.get(cell.name)
        return [] if one is None else [{"type": "execute_result", "text": "", "model": one.call}]

    def _views(self, cell: Cell) -> list[dict[str, Any]]:
        one = self._shown.get(cell.name)
        views = 0 if cell.call is None else cell.call.views
        return [] if one is None else [one.view()] * views


def copy_after(step: Step, model: Model) -> Model:
    """The model as it will be after the step."""
    after = copy.deepcopy(model)
    step.apply(after)
    return after


def _made(step: Step, model: Model) -> set[str]:
    """The cells that make a call anew."""
    match step.action, step.words:
        case (("run" | "run_again"), (cell,)):
            return {cell}
        case "run_all", (name,):
            return {cell.name for cell in model.notebooks[name].cells.values() if cell.there}
    return set()
