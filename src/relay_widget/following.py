"""How the monitor comes to follow a relay, and what it does when that fails: a table of states and its counting.

Driving it: make a `Following`, then give it one event at a time. ``state`` says what is under way, and ``rest_s`` how
long to rest in the states that rest. The monitor does it and reports how it ended; nothing here waits.

    finding      find the relay or start it     -> found, missing
    connecting   connect to it                  -> connected, unreachable, refused
    following    watch the listeners' rooms     -> gone
    resting      wait a moment                  -> rested
    failed       wait, longer each time         -> rested
    idle         nobody listens                 -> wanted

Example:
    >>> following = Following(named=False)
    >>> [following.step(event) for event in ("wanted", "found", "unreachable", "rested")]
    ['finding', 'connecting', 'resting', 'finding']
"""

from __future__ import annotations

from .machine import Table, ignoring, to

REST_S = 0.3
"""Between two attempts that nobody is told of."""
PATIENCE = 3
"""How many attempts in a row at a relay that was named fail before that is told."""
FAILED_REST_FIRST_S = 2.5
FAILED_REST_MAX_S = 10.0
"""The rest after a failure doubles from the first to the last of these."""

_EVENTS = (
    "wanted",
    "unwanted",
    "found",
    "missing",
    "connected",
    "unreachable",
    "given-up",
    "refused",
    "gone",
    "rested",
)


RELAY: Table = {
    "idle": {
        "wanted": to("finding"),
        **ignoring(*(event for event in _EVENTS if event != "wanted")),
    },
    "finding": {
        "found": to("connecting"),
        "missing": to("failed", "tell-failure"),
        "unwanted": to("idle"),
        **ignoring("wanted", "connected", "unreachable", "given-up", "refused", "gone", "rested"),
    },
    "connecting": {
        "connected": to("following", "tell-relay"),
        "unreachable": to("resting"),
        "given-up": to("failed", "tell-failure"),
        "refused": to("failed", "tell-failure"),
        "unwanted": to("idle"),
        **ignoring("wanted", "found", "missing", "gone", "rested"),
    },
    "following": {
        "gone": to("finding", "tell-lost"),
        "unwanted": to("idle", "tell-lost"),
        **ignoring("wanted", "found", "missing", "connected", "unreachable", "given-up", "refused", "rested"),
    },
    "resting": {
        "rested": to("finding"),
        "unwanted": to("idle"),
        **ignoring("wanted", "found", "missing", "connected", "unreachable", "given-up", "refused", "gone"),
    },
    "failed": {
        "rested": to("finding"),
        "unwanted": to("idle"),
        **ignoring("wanted", "found", "missing", "connected", "unreachable", "given-up", "refused", "gone"),
    },
}
"""The relay that is followed: state x event -> state, actions."""
START = "idle"
ACTIONS = ("tell-relay", "tell-lost", "tell-failure")


class Following:
    """Runs the table, and counts attempts.

    Args:
        named: Whether the relay was named. The user's own is looked for anew after each attempt, without an end.
    """

    def __init__(self, *, named: bool) -> None:
        self.state = START
        """A state of `RELAY`."""
        self.rest_s = 0.0
        """How long to rest in this state."""
        self._named = named
        self._unreached = 0  # attempts in a row
        self._failed = 0  # failures in a row

    def step(self, event: str) -> str:
        """Take an event; the state after it.

        Args:
            event: One of the table; "given-up" is made of "unreachable" here.
        """
        if event == "unreachable":
            self._unreached += 1
            if self._named and self._unreached >= PATIENCE:
                event = "given-up"
        step = RELAY[self.state][event]
        if step is None:
            return self.state
        self.state = step.next
        if self.state == "following":
            self._unreached = self._failed = 0
        elif self.state == "failed":
            self.rest_s = min(FAILED_REST_MAX_S, FAILED_REST_FIRST_S * 2**self._failed)
            self._failed += 1 if self.rest_s < FAILED_REST_MAX_S else 0
        elif self.state == "resting":
            self.rest_s = REST_S
        elif self.state == "idle":
            self._unreached = self._failed = 0
        return self.state
