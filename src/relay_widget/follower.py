"""The kernel's side of one call: what the relay and the page say, turned into traits and messages to the page.

`Follower` is the shell of `call_session.CallSession`. It passes on events, from any thread, with the time they come at.
It does the actions, and it sets the call's traits to the session's values.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .attributes import nearest
from .background import OwnProcess
from .by_peer import ByPeer
from .call_session import CallSession
from .errors import InvalidValueError, PeersTimeoutError, RelayRequestError, WireError
from .impair import whom
from .invitation import answer_page
from .latency import LatencyHistory, by_hop
from .launcher import sharing_advice
from .monitor import HANGING_S, Standing, observer_hangs, shared_monitor
from .protocol import Event, ListenerInfo, check_origin, shown_call
from .tunnel import Tunnels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .errors import RelayWidgetError
    from .relays import NamedRelay, Relay
    from .widget import Call

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RemotePeer:
    """Another participant, as it is now.

    Attributes:
        id: The peer's id on the relay; it stays the same over reconnections.
        name: What the peer calls itself. Text, not HTML.
        tracks: What it publishes: one dict per track, with ``track``, ``mimeType``, ``audio``, ``video``,
            ``muted``, ``source`` and ``timeslice_ms``.
        figures: How this call's browser receives it: ``latency_ms``, ``queue_depth`` (chunks),
            ``buffered_s``, ``stalls``, ``dropped_frames``, ``dropped_groups``, ``rate``. Empty while no
            browser of this call is in the room.
    """

    id: str
    name: str
    tracks: tuple[Mapping[str, Any], ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.id)  # what else there is of it changes, and cannot be hashed

    def __repr__(self) -> str:
        # What is the same each time that a notebook runs: no id, no figures, and tracks come when they come.
        return f"RemotePeer(name={self.name!r})"


class _Lock:
    """A lock that its holder can take again, and that nobody waits for longer than an observer may take.

    Args:
        call: The call whose observers run while the lock is held.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._inner = threading.RLock()

    def __enter__(self) -> None:
        """Take it.

        Raises:
            RelayRequestError: (``observer-hangs``) An observer has had it for too long.
        """
        if not self._inner.acquire(timeout=HANGING_S):
            raise observer_hangs(self._call)

    def __exit__(self, *_: object) -> None:
        self._inner.release()


class Follower:
    """What a call knows from its page and from the relay.

    Args:
        call: Whose traits it sets.
        named: The relay that was named; None for the user's own.
    """

    def __init__(self, call: Call, named: NamedRelay | None) -> None:
        self._call = call
        self._process = OwnProcess()
        self._call_id = secrets.token_hex(16)
        # At another's relay the page says itself whose it is, and the relay keeps the word from the others.
        self._shown_id = self._call_id if named is None else shown_call(self._call_id)
        self.monitor = shared_monitor(named)
        self._lock = _Lock(call)  # is held while observers run
        self._changed = threading.Condition()  # is not
        self._changes = 0
        self._session = CallSession()
        self._relay: Relay | None = None
        self._failure: RelayWidgetError | None = None  # the session's, as it is raised
        self._transport = ""
        self._people: dict[str, list[str]] | None = None  # who takes part and who records, for the lobby
        self._published: dict[str, list[dict[str, Any]]] = {}  # by peer, the tracks of everybody in the room
        self.history = LatencyHistory()
        self._tunnels = Tunnels(self._send_tunnel, self._relay_url)
        self._acts: dict[str, Callable[[], None]] = {
            "ticket": self._send_ticket,
            "say-join": lambda: self._call.send({"kind": "join"}),
            "say-leave": lambda: self._call.send({"kind": "leave"}),
            "say-alive": lambda: self._call.send({"kind": "alive"}),
            "say-failure": self._send_failure,
            "say-people": self._send_people,
        }

    # -- what the monitor asks and tells (its thread) --

    @property
    def room(self) -> str:
        """The room of the call."""
        return str(self._call.room)

    @property
    def call(self) -> str:
        """Its own participant's word."""
        return self._shown_id

    def on_relay(self, relay: Relay) -> None:
        """See `Listener`, as all that follows."""
        with self._lock:
            self._relay, self._failure = relay, None
        self._do(lambda now_s: self._session.relay(relay.url, now_s))

    def on_lost(self) -> None:
        """See `Listener`."""
        with self._lock:
            self._relay = None
        self._do(self._session.relay_lost)

    def on_failed(self, error: RelayWidgetError) -> None:
        """See `Listener`."""
        with self._lock:
            self._failure = error
        self._do(lambda now_s: self._session.relay_failed((error.code, error.message), now_s))

    def on_snapshot(self, snapshot: dict[str, Any]) -> None:
        """See `Listener`."""
        with self._lock:
            if snapshot.get("room") != self.room or self._session.state == "closed":
                return  # a late word about the room this call has just left
            everyone = snapshot.get("peers", [])
            self._published = {peer["id"]: peer.get("tracks", []) for peer in everyone}
            own = [peer for peer in everyone if peer.get("call") == self._shown_id]
            others = [peer for peer in everyone if peer.get("call") != self._shown_id]
            left_ms = max(
                (one["left_ms"] for one in snapshot.get("left", ()) if one["call"] == self._shown_id), default=None
            )
            self._do(lambda now_s: self._session.roster([peer["id"] for peer in own], now_s, left_ms))
            heard = [*own, *others] if self._call._hears_itself else others  # noqa: SLF001
            report = own[0].get("report") or {} if own else {}
            self.history.note(snapshot["now_ms"], self.room, heard, report)
            self._set_figures(heard, report)
            self._set("listeners", tuple(map(ListenerInfo.from_json, snapshot.get("listeners", ()))))
            self._tell_changed()
            recorders = [one["name"] for one in snapshot.get("listeners", ()) if one["does"] == "records"]
            people = {"names": [peer["name"] for peer in others], "recorders": recorders}
            news, self._people = people != self._people, people
        if news:
            self._send_people()

    def standing(self) -> Standing:
        """See `Listener`."""
        session = self._session
        try:
            with self._lock:
                error = session.error
                if error is None and session.is_stuck(time.monotonic()):
                    error = ("call-stuck", f"It has been {session.shown} for long, and nothing says why.")
                return Standing(repr(self._call), session.shown, *(error or ("", "")))
        except RelayRequestError as error:
            return Standing(repr(self._call), session.shown, error.code, error.message)

    def on_tick(self) -> None:
        """See `Listener`."""
        self._do(self._session.tick)

    # -- what the page tells (the kernel's main thread, or a subshell's) --

    def on_page_message(self, content: dict[str, Any], buffers: Any = ()) -> None:
        """Take up a message of the page."""
        match content.get("kind"):
            case "tunnel":
                self._tunnels.hear(content, buffers)
            case "hello":
                self._serve_page(content.get("origin"))
                self._do(self._session.hello)
            case "ticket":
                self._do(self._session.ticket_asked)
            case "invite":
                self._call.send(answer_page(self._call, content))
            case "state":
                self._hear_state(content)

    def _hear_state(self, content: dict[str, Any]) -> None:
        error, transport = content.get("error"), content.get("transport")
        known = isinstance(error, dict) and isinstance(error.get("code"), str) and isinstance(error.get("message"), str)
        with self._lock:
            self._transport = str(transport) if transport in self._call.traits()["transport"].values else ""
            said = (str(error["code"]), str(error["message"])) if isinstance(error, dict) and known else None
            self._do(lambda now_s: self._session.page(str(content.get("state")), said, now_s))

    # -- what the user asks --

    def join(self) -> None:
        """Ask the page to join, now or when there is one."""
        self._do(self._session.join)

    def leave(self) -> None:
        """Ask the page to leave."""
        self._do(self._session.leave)

    def close(self) -> None:
        """End it: nothing is told or sent any more."""
        self.monitor.remove(self)
        self._tunnels.close()
        try:
            self._do(self._session.close)
            with self._lock:
                self._relay = self._failure = None
                self._set_figures([], {})
                self._set("listeners", ())
                self._tell_changed()
        except RelayRequestError as error:  # it is over for everybody but this observer
            _log.warning("%s was closed all the same: %s", self._call, error)

    @property
    def forked(self) -> bool:
        """Whether this is a forked child: the call, its page and its recordings are the parent's."""
        return self._process.forked

    def own_peers(self) -> tuple[str, ...]:
        """Ids of the call's own participant: one for each page that shows it."""
        with self._lock:
            return self._session.own

    def forget_room(self) -> None:
        """The call is in another room."""
        with self._lock:
            self._failure = None
            self._people = None
            self._do(self._session.moved)
            self._set_figures([], {})
            self._set("listeners", ())
        self.monitor.moved(self)  # and is told what is so in the new one, and the failure if it was not the room's

    def wait_for_peers(self, n: int, timeout_s: float | None) -> tuple[RemotePeer, ...]:
        """See `Call.wait_for_peers`."""
        self._process.check(self._call)
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            changes = self._changes
            peers = tuple(self._call.peers)
            if len(peers) >= n:
                return peers
            if self._failure is not None:
                raise self._failure
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                message = (
                    f"{len(peers)} of {n} peers were in room {self._call.room!r} after {timeout_s:g} s: "
                    "open the room elsewhere and join, or wait longer."
                )
                if self._relay is not None and not self._relay.explicit and (advice := sharing_advice()):
                    message += f" {advice}"
                raise PeersTimeoutError("peers-timeout", message)
            with self._changed:
                # In slices, so that interrupting the kernel is heard.
                slice_s = 0.5 if left_s is None else min(0.5, left_s)
                if self._changes == changes:
                    self._changed.wait(slice_s)

    def mute(self, peer: RemotePeer | ListenerInfo | str, track: str | None, *, muted: bool) -> None:
        """See `Call.mute`."""
        for peer_id in self._meant(peer):
            for track_id in self._tracks_of(peer_id, track):
                self._request(Event.MUTE, {"peer": peer_id, "track": track_id, "muted": muted})

    def _tracks_of(self, peer_id: str | None, track: str | None) -> list[str | None]:
        """The ids of what is to be muted; None is everything."""
        if track is None or track == "all":
            return [None]
        with self._lock:
            published = self._published.get(str(peer_id), ())
        if track == "video" or track in (one["track"] for one in published if track != "audio"):
            return [track]
        if track == "audio":
            sound = [one["track"] for one in published if one.get("audio")]
            return list(dict.fromkeys(["audio", *sound]))  # also one that is published later, as a microphone is
        known = ["audio", "video", "all", *(one["track"] for one in published)]
        raise InvalidValueError(
            "unknown-track",
            f"There is no track {track!r}: give one of {', '.join(map(repr, dict.fromkeys(known)))}."
            f"{nearest(track, known)}",
        )

    def administer(self, event: Event, peer: RemotePeer | ListenerInfo | str | None = None, **what: Any) -> None:
        """Ask the relay for something that only who administers the room may ask; no peer is the whole room."""
        for peer_id in self._meant(peer):
            self._request(event, {**({} if peer_id is None else {"peer": peer_id}), **what})

    def _meant(self, peer: RemotePeer | ListenerInfo | str | None) -> list[str | None]:
        with self._lock:
            listeners = [listener.id for listener in self._call.listeners]
            return whom(peer, self.room, self._call.peers, self._session.own, listeners)

    def _request(self, event: Event, what: dict[str, Any]) -> None:
        try:
            self.monitor.request(event, {"room": self.room, **what})
        except RelayRequestError:
            if self._failure is not None:
                raise self._failure from None
            raise

    # -- from knowledge to traits and messages --

    def _do(self, event: Callable[[float], list[str]]) -> None:
        """Give the session an event, show what is so now, and do what follows."""
        with self._lock:
            actions = event(time.monotonic())
            session = self._session
            self._set("state", session.shown)
            self._set("transport", self._transport if session.shown == "joined" else "")
            self._set(
                "error", None if session.error is None else dict(zip(("code", "message"), session.error, strict=True))
            )
            self._tell_changed()
        for action in actions:
            self._acts[action]()

    def _set_figures(self, others: list[dict[str, Any]], report: dict[str, Any]) -> None:
        figures: dict[str, dict[str, float]] = report.get("peers", {})
        sent: dict[str, float] = report.get("sent", {})
        peers = tuple(
            RemotePeer(peer["id"], peer["name"], tuple(peer["tracks"]), figures.get(peer["id"], {})) for peer in others
        )
        depths = {peer.id: int(peer.figures["queue_depth"]) for peer in peers if "queue_depth" in peer.figures}
        self._set("peers", peers)
        self._set("queue_depths", ByPeer(depths, self.room, peers))
        hops = {peer.id: found for peer in peers if (found := by_hop(peer.figures))}
        self._set("latency", ByPeer(hops, self.room, peers))
        self._set("queue_depth", max(depths.values(), default=0))
        seen = [peer.figures for peer in peers]
        totals = {name: sum(f.get(name, 0) for f in seen) for name in ("stalls", "dropped_frames", "dropped_groups")}
        latency_ms = max((f.get("latency_ms", -1) for f in seen), default=-1)
        sending = {f"sent_{name.removeprefix('bitrate_')}": figure for name, figure in sent.items()}
        self._set("stats", {**sending, **totals, "latency_ms": latency_ms})

    def _tell_changed(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _set(self, trait: str, value: object) -> None:
        if getattr(self._call, trait) != value:
            self._call.set_trait(trait, value)

    def _serve_page(self, origin: object) -> None:
        """Give this page its ticket, once the relay knows that it is to serve pages of its origin."""

        def served() -> None:
            self._do(self._session.ticket_asked)

        try:
            self.monitor.allow_origin(self, check_origin(origin), then=served)
        except WireError:
            served()  # the page has none that a relay could know it by

    def _relay_url(self) -> str | None:
        with self._lock:
            return None if self._relay is None else self._relay.url

    def _send_tunnel(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self._call.send(content, buffers)

    def _send_ticket(self) -> None:
        with self._lock:
            relay = self._relay
        if relay is not None:
            ticket = {"url": relay.url, **relay.ticket(self._call_id), "explicit": relay.explicit, "tunnel": True}
            self._call.send({"kind": "ticket", **ticket})

    def _send_failure(self) -> None:
        with self._lock:
            failure = self._session.failure
        if failure is not None:
            self._call.send({"kind": "relay-failed", "code": failure[0], "message": failure[1]})

    def _send_people(self) -> None:
        with self._lock:
            people = self._people
        if people is not None:
            self._call.send({"kind": "people", **people})
