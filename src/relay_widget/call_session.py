"""Where a call's participant is, as its kernel knows it: a table of states, and a core without threads or clock.

The kernel hears of the participant from two sides. The relay's snapshots come at once. The page's words may wait behind
a running cell. So the relay decides whether the participant is in the room, and the page decides everything else.

Driving it: make a `CallSession`, then give it one event at a time with the time in seconds of any monotonic clock. Each
returns its actions, in the order in which they are to be done; nothing else has an effect. Afterwards `state`, `shown`
and `error` are values that may be read at any time.

    session.relay(url, now_s)          the relay of this URL is being followed
    session.relay_lost(now_s)          it is followed no longer
    session.relay_failed(error, now_s) none can be followed, or not this room; error is (code, message)
    session.roster(own, now_s, left_ms)   a snapshot of the room; own: the ids of this call's participants in it;
                                       left_ms: when one of them last left it, by the relay's clock
    session.hello(now_s)               a page shows the call
    session.page(word, error, now_s)   a page says where its participant is: a word of `PAGE_WORDS`
    session.join(now_s), session.leave(now_s), session.moved(now_s), session.close(now_s)   what the user does
    session.tick(now_s)                time passes; to be called about four times a second

The actions are "ticket" (hand the page a fresh ticket), "say-join", "say-leave", "say-failure", "say-people" and
"say-alive" (send the page a message of that kind).

Example:
    >>> session = CallSession()
    >>> session.relay("http://127.0.0.1:1234", 0.0)
    ['ticket']
    >>> session.roster(("p1",), 0.5)
    []
    >>> session.shown
    'joined'
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from .machine import Table, ignoring, to
from .protocol import TICKET_LIFETIME_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    Error = tuple[str, str]

PAGE_WORDS = ("idle", "connecting", "joined", "reconnecting", "left", "failed")
"""What a page can say of its participant."""
ALIVE_INTERVAL_S = 2.0
"""How often a page that has said hello hears that its kernel lives. After five of them unheard, the page says so."""
LOST_AFTER_S = 30.0
"""A participant that the relay has not shown for this long is no longer in the room."""
CONFIRM_S = 3.0
"""A page that says it is in the room is believed for this long against the relay, whose snapshot may be from before."""
STUCK_AFTER_S = 10.0
"""A call that has been on its way into its room for this long is stuck: the doctor says so."""
TICKET_FIRST_RETRY_S = 0.25
TICKET_RENEWAL_S = TICKET_LIFETIME_S / 2
"""A page gets fresh tickets after 0.25 s, 0.5 s, … and finally this often, until its participant is in the room."""

_PAGE = tuple(f"page-{word}" for word in PAGE_WORDS)
_QUIET = ("absent", "departed", "overdue", "relay-lost")

PARTICIPANT: Table = {
    # Not in the room, and nobody wants it there: its page has not been there yet, or has come back from there. Then a
    # snapshot from before may still be on its way.
    **{
        idle: {
            "present": to(present),
            "ask-join": to("wanted", "say-join"),
            "ask-leave": to(idle, "say-leave"),
            "close": to("closed"),
            "page-connecting": to("connecting"),
            "page-joined": to("told"),
            "page-reconnecting": to("reconnecting"),
            "page-left": to("left"),
            "page-failed": to("failed"),
            **ignoring("page-idle", "moved", *_QUIET),
        }
        for idle, present in (("idle", "joined"), ("back", "going-back"))
    },
    # Python has asked for it; said again with each ticket until a page has taken it up.
    "wanted": {
        "present": to("joined"),
        "ask-join": to("wanted", "say-join"),
        "ask-leave": to("idle", "say-leave"),
        "close": to("closed"),
        "page-connecting": to("connecting"),
        "page-joined": to("told"),
        "page-reconnecting": to("reconnecting"),
        "page-failed": to("failed"),
        **ignoring("page-idle", "page-left", "moved", *_QUIET),
    },
    # The page is on its way.
    "connecting": {
        "present": to("joined"),
        "ask-join": to("connecting", "say-join"),
        "ask-leave": to("connecting", "say-leave"),
        "close": to("closed"),
        "page-idle": to("back"),
        "page-joined": to("told"),
        "page-reconnecting": to("reconnecting"),
        "page-left": to("left"),
        "page-failed": to("failed"),
        "departed": to("left"),
        "overdue": to("back"),
        **ignoring("page-connecting", "moved", "absent", "relay-lost"),
    },
    # The page says that it is in the room; the relay has not shown it yet.
    "told": {
        "present": to("joined"),
        "departed": to("left"),
        "overdue": to("lost"),
        "relay-lost": to("reconnecting"),
        "ask-join": to("told", "say-join"),
        "ask-leave": to("told", "say-leave"),
        "close": to("closed"),
        "page-idle": to("back"),
        "page-connecting": to("connecting"),
        "page-reconnecting": to("reconnecting"),
        "page-left": to("left"),
        "page-failed": to("failed"),
        **ignoring("page-joined", "absent", "moved"),
    },
    # The relay shows it in the room.
    "joined": {
        "absent": to("lost"),
        "departed": to("left"),
        "relay-lost": to("lost"),
        "moved": to("told"),
        "ask-join": to("joined", "say-join"),
        "ask-leave": to("leaving", "say-leave"),
        "close": to("closed"),
        "page-idle": to("going-back"),
        "page-left": to("going-left"),
        "page-failed": to("going-failed"),
        **ignoring("present", "overdue", "page-connecting", "page-joined", "page-reconnecting"),
    },
    # As joined, and Python has asked it to leave: the page's word on that may wait behind the cell.
    "leaving": {
        "absent": to("left"),
        "departed": to("left"),
        "relay-lost": to("left"),
        "moved": to("left"),
        "ask-join": to("going-wanted", "say-join"),
        "ask-leave": to("leaving", "say-leave"),
        "close": to("closed"),
        "page-idle": to("going-back"),
        "page-left": to("going-left"),
        "page-failed": to("going-failed"),
        **ignoring("present", "overdue", "page-connecting", "page-joined", "page-reconnecting"),
    },
    # The page says that it has gone, and the relay shows it: a snapshot from before, another page of this call, or a
    # page whose newer words are late. Where it goes when the relay shows it no longer is known until that is settled.
    **{
        f"going-{end}": {
            "absent": to(end),
            "departed": to(end),
            "relay-lost": to(end),
            "moved": to(end),
            "overdue": to("joined"),
            "ask-join": to("going-wanted", "say-join"),
            "ask-leave": to("leaving" if end == "wanted" else f"going-{end}", "say-leave"),
            "close": to("closed"),
            "page-connecting": to("joined"),
            "page-joined": to("joined"),
            "page-reconnecting": to("joined"),
            "page-failed": to("going-failed"),
            # A wish to join outlives the word on what was before it.
            "page-idle": to("going-wanted" if end == "wanted" else "going-back"),
            "page-left": to("going-wanted" if end == "wanted" else "going-left"),
            **ignoring("present"),
        }
        for end in ("back", "left", "failed", "wanted")
    },
    # It was in the room, and neither side has said why it is not.
    "lost": {
        "present": to("joined"),
        "departed": to("left"),
        "overdue": to("left"),
        "moved": to("reconnecting"),
        "ask-join": to("lost", "say-join"),
        "ask-leave": to("lost", "say-leave"),
        "close": to("closed"),
        "page-idle": to("back"),
        "page-left": to("left"),
        "page-failed": to("failed"),
        **ignoring("absent", "relay-lost", "page-connecting", "page-joined", "page-reconnecting"),
    },
    # The page says that it is coming back.
    "reconnecting": {
        "present": to("joined"),
        "departed": to("left"),
        "overdue": to("left"),
        "ask-join": to("reconnecting", "say-join"),
        "ask-leave": to("reconnecting", "say-leave"),
        "close": to("closed"),
        "page-idle": to("back"),
        "page-connecting": to("connecting"),
        "page-joined": to("told"),
        "page-left": to("left"),
        "page-failed": to("failed"),
        **ignoring("page-reconnecting", "absent", "moved", "relay-lost"),
    },
    **{
        end: {
            "present": to(f"going-{end}"),
            "ask-join": to("wanted", "say-join"),
            "ask-leave": to(end, "say-leave"),
            "close": to("closed"),
            "page-idle": to("back"),
            "page-connecting": to("connecting"),
            "page-joined": to("told"),
            "page-reconnecting": to("reconnecting"),
            "page-left": to("left"),
            "page-failed": to("failed"),
            **ignoring("moved", *_QUIET),
        }
        for end in ("left", "failed")
    },
    # For good.
    "closed": ignoring("present", "ask-join", "ask-leave", "close", "moved", *_QUIET, *_PAGE),
}
"""The participant: state x event -> state, actions."""
START = "idle"
ACTIONS = ("say-join", "say-leave")
"""The actions of the table; the core adds those that are due by time."""

_SHOWN = {
    "back": "idle",
    "wanted": "idle",
    "told": "joined",
    "leaving": "joined",
    "going-back": "joined",
    "going-left": "joined",
    "going-failed": "joined",
    "going-wanted": "joined",
    "lost": "reconnecting",
    "closed": "left",
}
_OUT = ("idle", "back", "wanted", "left", "failed", "closed")
_SHOWN_BY_RELAY = ("joined", "leaving", "going-back", "going-left", "going-failed", "going-wanted")
_WAITED_FOR = ("connecting", "lost", "reconnecting", "going-back", "going-left", "going-failed", "going-wanted")


class CallSession:
    """The core of one call: events in, actions out. See the module."""

    def __init__(self) -> None:
        self.state = START
        """A state of `PARTICIPANT`."""
        self.relay_url: str | None = None
        """Where the relay that is followed answers; None while none is."""
        self.failure: Error | None = None
        """Why no relay is followed, or why it does not tell this room; None if it does, or it is not known yet."""
        self.own: tuple[str, ...] = ()
        """The ids of the call's own participants, one for each page that shows it."""
        self._page_error: Error | None = None
        self._left_ms: float | None = -inf  # when one of them last left, as far as it is known; None: not asked yet
        self._page_left = False  # as it says; the relay's word on that may still come
        self._absent_since_s: float | None = None  # as the relay says; None while it does not
        self._since_s = 0.0  # in this state
        self._without_relay_since_s: float | None = None  # as far as ticks have told
        self._alive_due_s: float | None = None  # None until a page has said hello
        self._ticket_due_s = 0.0
        self._ticket_retry_s = TICKET_FIRST_RETRY_S

    @property
    def shown(self) -> str:
        """What ``Call.state`` says."""
        shown = _SHOWN.get(self.state, self.state)
        failed = self.failure is not None and self.state in ("connecting", "reconnecting")
        return "failed" if failed else shown

    @property
    def error(self) -> Error | None:
        """What ``Call.error`` says: what keeps the kernel from following the room, else what keeps the page from it."""
        return self.failure if self.failure is not None else self._page_error

    @property
    def in_room(self) -> bool:
        """Whether the relay shows the participant in the room."""
        return self.state in _SHOWN_BY_RELAY

    def is_stuck(self, now_s: float) -> bool:
        """Whether the call has been on its way for too long: its page into the room, or its kernel to a relay."""
        since_s = self._without_relay_since_s
        without_relay = self.relay_url is None and since_s is not None and now_s - since_s > STUCK_AFTER_S
        on_its_way = self.state in ("connecting", "reconnecting", "lost") and now_s - self._since_s > STUCK_AFTER_S
        return self.state != "closed" and (without_relay or on_its_way)

    def relay(self, url: str, now_s: float) -> list[str]:
        """Take up a relay that is being followed."""
        self.relay_url, self.failure, self._without_relay_since_s = url, None, None
        self._ticket_retry_s = TICKET_FIRST_RETRY_S
        self._left_ms, self._absent_since_s = -inf, None  # by another clock, perhaps
        return self._ticket(now_s)

    def relay_lost(self, now_s: float) -> list[str]:
        """Let go of the relay: it is being looked for."""
        self.relay_url = self._absent_since_s = None
        return self._step("relay-lost", now_s)

    def relay_failed(self, error: Error, now_s: float) -> list[str]:  # noqa: ARG002 - as all events
        """Note why no relay is followed, or why it does not tell this room."""
        if self.state == "closed":
            return []
        self.failure = error
        return ["say-failure"]

    def roster(self, own: Sequence[str], now_s: float, left_ms: float | None = None) -> list[str]:
        """Take up a snapshot of the room, with these participants of the call in it.

        Args:
            own: Their ids.
            now_s: The time.
            left_ms: When one of them last left the room, by the relay's clock; None if that is long ago.
        """
        if self.state == "closed":
            return []
        known_ms, left_ms = self._left_ms, -inf if left_ms is None else left_ms
        departed = known_ms is not None and left_ms > known_ms
        if departed and self.state == "connecting" and self._page_left:
            departed = self._page_left = False  # from where it has been before
        self._left_ms = left_ms if known_ms is None else max(known_ms, left_ms)
        self.own = tuple(own)
        if own:
            self._absent_since_s = None
            return self._step("present", now_s)
        if self._absent_since_s is None:
            self._absent_since_s = now_s
        return self._step("departed" if departed else "absent", now_s)

    def hello(self, now_s: float) -> list[str]:
        """Serve a page that has just come: all that it has missed."""
        if self.state == "closed":
            return []
        self._ticket_retry_s = TICKET_RENEWAL_S
        self._alive_due_s = now_s
        return [*(["say-failure"] if self.failure is not None else []), "say-people"]

    def page(self, word: str, error: Error | None, now_s: float) -> list[str]:
        """Take up what a page says of its participant."""
        if word not in PAGE_WORDS or self.state == "closed":
            return []
        self._page_error = error
        if word in ("idle", "left", "failed") and self.state not in _OUT:
            self._page_left = True
        elif word == "joined":
            self._page_left = False
        if word == "idle" and error is not None and self.state == "wanted":
            self._go("idle", now_s)  # it has heard the wish, and cannot follow it
        return self._step(f"page-{word}", now_s)

    def join(self, now_s: float) -> list[str]:
        """Ask the page to join."""
        return self._step("ask-join", now_s)

    def leave(self, now_s: float) -> list[str]:
        """Ask the page to leave."""
        return self._step("ask-leave", now_s)

    def moved(self, now_s: float) -> list[str]:
        """Forget what was so in the room before."""
        self.failure = None  # it may have been about that room; else it is told again
        self.own = ()
        self._left_ms = self._absent_since_s = None  # it may have been there before
        return self._step("moved", now_s)

    def close(self, now_s: float) -> list[str]:
        """End it for good."""
        actions = self._step("close", now_s)
        self.failure = self._page_error = self._alive_due_s = None
        self.own = ()
        return actions

    def ticket_asked(self, now_s: float) -> list[str]:
        """Give a ticket to a page that asks for one, if there is a relay to give one for."""
        return self._ticket(now_s)

    def tick(self, now_s: float) -> list[str]:
        """Let time pass."""
        if self.state == "closed":
            return []
        actions = []
        if self.relay_url is None and self._without_relay_since_s is None:
            self._without_relay_since_s = now_s
        if self._is_overdue(now_s):
            actions += self._step("overdue", now_s)
        if self._alive_due_s is not None and now_s >= self._alive_due_s:
            self._alive_due_s = now_s + ALIVE_INTERVAL_S
            actions.append("say-alive")
        if not self.in_room and now_s >= self._ticket_due_s:
            actions += self._ticket(now_s)
        return actions

    def _is_overdue(self, now_s: float) -> bool:
        if self.state == "told":
            # A page that the kernel cannot check at a relay is believed.
            since_s = self._absent_since_s
            return self.failure is None and since_s is not None and now_s - max(since_s, self._since_s) > CONFIRM_S
        followed = self.relay_url is not None and self.failure is None
        return self.state in _WAITED_FOR and (followed or self.state == "lost") and now_s - self._since_s > LOST_AFTER_S

    def _ticket(self, now_s: float) -> list[str]:
        """A ticket, and the wish to join for a page that has not taken it up; again and more and more slowly.

        Not only when a page asks: its request would wait as long as a cell runs.
        """
        if self.relay_url is None or self.state == "closed":
            return []
        self._ticket_due_s = now_s + self._ticket_retry_s
        self._ticket_retry_s = min(2 * self._ticket_retry_s, TICKET_RENEWAL_S)
        return ["ticket", "say-join"] if self.state == "wanted" else ["ticket"]

    def _step(self, event: str, now_s: float) -> list[str]:
        step = PARTICIPANT[self.state][event]
        if step is None:
            return []
        self._go(step.next, now_s)
        return list(step.actions)

    def _go(self, state: str, now_s: float) -> None:
        if state != self.state:
            self.state, self._since_s = state, now_s
