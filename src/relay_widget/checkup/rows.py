"""What the doctor has found, as rows: from facts to words, without looking at anything itself.

The words for what Python finds are here; those for what a page finds are in js/src/doctor/rows.ts. Where a relay, or
the launcher, refused, the sentence is theirs.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from relay_widget.protocol import PROTOCOL_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

State = Literal["good", "warning", "bad", "unknown"]
STATES: tuple[State, ...] = get_args(State)
_MARKS: Mapping[State, str] = {"good": "ok", "warning": "!", "bad": "BAD", "unknown": "?"}
_MAX_TEXT_CHARS = 500
_MIN_WORDS_CHARS = 40
VAGUE_CLOCK_MS = 50.0
"""A clock known no better than this makes latencies a matter of opinion."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was looked at.

    Attributes:
        check: What it was, in a word or two that stay the same: ``"camera"``, ``"relay"``.
        state: ``"good"``, ``"warning"`` (a call goes, but not as well as it could), ``"bad"`` (it is in the way), or
            ``"unknown"`` (it could not be looked at, or is not known yet).
        code: A stable word for what was found: ``"ok"``, or that of the error a call would have.
        message: What was found.
        advice: What to do about it; empty where there is nothing to do.
    """

    check: str
    state: State
    code: str
    message: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        """As the page gets it."""
        return {name: getattr(self, name) for name in ("check", "state", "code", "message", "advice")}


@dataclass(frozen=True, slots=True)
class Answer:
    """How one attempt to reach the relay ended.

    Attributes:
        code: ``"ok"``, the relay's own code, or ``"relay-unreachable"``, ``"certificate"``, ``"not-a-relay"``, or, of
            its health, ``"no-health"``: a relay is there, but that is not passed on.
        message: The relay's sentence, or what the network said.
        took_ms: How long it took.
    """

    code: str
    message: str = ""
    took_ms: float = 0.0

    @property
    def reached(self) -> bool:
        """Whether a relay said something, be it no."""
        return self.code not in ("relay-unreachable", "certificate", "not-a-relay")


@dataclass(frozen=True, slots=True)
class Clock:
    """What is known of the relay's clock: it is ahead by ``offset_ms``, give or take ``error_ms``."""

    offset_ms: float
    error_ms: float


@dataclass(frozen=True, slots=True)
class CallFact:
    """A call of this process.

    Attributes:
        call: Which, as its repr.
        code: What is in its way; empty if nothing is.
        message: The sentence about it.
    """

    call: str
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What this Python sees.

    Attributes:
        python: ``"Python 3.11.2 on Linux"``.
        place: In what it runs: ``"a Jupyter kernel"``.
        versions: By package; None for one that is not installed here.
        frontend_built: Whether the package has its JavaScript.
        url: The relay's address; empty if there is none.
        proxy: That through which it is reached; empty if none is.
        start: Why the user's own relay could not be started; None if it could, or another was asked for.
        elsewhere: How to meet the people on this user's other machines; empty where there is no relay on another.
        health: How asking for its health ended; None if there is no address to ask at.
        relay: What it said of itself.
        websocket: How connecting by WebSocket ended.
        polling: How connecting by long polling ended; None where that was not tried, because the WebSocket did.
        clock: What is known of its clock; None while not connected.
        calls: The calls of this process.
    """

    python: str
    place: str
    versions: Mapping[str, str | None]
    frontend_built: bool = True
    url: str = ""
    proxy: str = ""
    start: Answer | None = None
    elsewhere: str = ""
    health: Answer | None = None
    relay: Mapping[str, Any] | None = None
    websocket: Answer | None = None
    polling: Answer | None = None
    clock: Clock | None = None
    calls: Sequence[CallFact] = ()


def rows_of(facts: Facts) -> tuple[Row, ...]:
    """A row for everything that was looked at."""
    return (
        Row("kernel", "good", "ok", f"{facts.python}, in {facts.place}."),
        _versions(facts),
        _relay(facts),
        _version(facts),
        _token(facts),
        _websocket(facts),
        _clock(facts),
        *_machines(facts),
        *_calls(facts),
    )


def _machines(facts: Facts) -> tuple[Row, ...]:
    """The user's other machines that have relays, too; none, no row."""
    if not facts.elsewhere:
        return ()
    return (
        Row("machines", "warning", "other-machine", "Calls on this machine meet nobody on others.", facts.elsewhere),
    )


def _calls(facts: Facts) -> tuple[Row, ...]:
    """The calls of this kernel that something is in the way of; none, no row."""
    if not facts.calls:
        return ()
    stuck = [call for call in facts.calls if call.code]
    if not stuck:
        count = len(facts.calls)
        return (
            Row("calls", "good", "ok", f"{count} call{'s' if count > 1 else ''} of this kernel: nothing is amiss."),
        )
    return tuple(
        Row("calls", "bad", call.code, f"{call.call}: {call.message}", _STUCK.get(call.code, "Mend that first."))
        for call in stuck[:_MAX_CALLS]
    )


_MAX_CALLS = 8
_STUCK = {"call-stuck": "Run the call's cell again. If that does not help, restart the kernel."}


def no_page(*, waited: bool) -> Row:
    """What stands for the page's rows while there are none; ``waited``: it has had its time."""
    if not waited:
        return Row(
            "page", "unknown", "no-page", "No page has answered yet.", "Show the doctor in a cell and wait a moment."
        )
    return Row(
        "page",
        "unknown",
        "no-page",
        "No page has answered: the browser, its camera and its way to the relay were not looked at.",
        "Show the doctor as the last line of a cell in a notebook that is open in a browser. "
        "If it stays blank there, this host shows no anywidget widgets.",
    )


def _versions(facts: Facts) -> Row:
    listed = ", ".join(f"{name} {version}" for name, version in facts.versions.items() if version is not None)
    if not facts.frontend_built:
        return Row(
            "versions",
            "bad",
            "frontend-missing",
            f"The browser part of relay-widget is not built ({listed}).",
            "Run make build in the checkout, or install the wheel.",
        )
    return Row("versions", "good", "ok", f"{listed}.")


def _relay(facts: Facts) -> Row:
    """Does one run, and does it answer?"""
    if facts.start is not None:
        return Row("relay", "bad", facts.start.code, facts.start.message, "Mend that, then run the doctor again.")
    health = facts.health
    if health is None:
        return Row("relay", "unknown", "relay-unknown", "No relay was looked for.")
    way = f" through the proxy {facts.proxy}" if facts.proxy else ""
    if health.code == "ok":
        said = facts.relay or {}
        version = f"relay-widget {said['version']}" if "version" in said else "a relay"
        sockets = _best(facts)
        if sockets is not None and not sockets.reached:
            return Row(
                "relay",
                "bad",
                "socketio-blocked",
                f"{facts.url} answers to /healthz, but not to /socket.io/, by which calls go ({sockets.message}).",
                "Have the proxy pass on all that is below the address, /socket.io/ too (see docs/deploy.md).",
            )
        return Row("relay", "good", "ok", f"{version} answers at {facts.url}{way} in {health.took_ms:.0f} ms.")
    if health.code == "no-health":
        return Row(
            "relay",
            "warning",
            health.code,
            f"A relay answers at {facts.url}{way}, but not to /healthz ({health.message}).",
            "Calls go without. Have the proxy pass on /healthz, too, so that the relay's version can be compared.",
        )
    messages = {
        "relay-unreachable": f"Nothing answers at {facts.url}{way} ({health.message}).",
        "certificate": f"The certificate of {facts.url} is not accepted ({health.message}).",
        "not-a-relay": f"What answers at {facts.url}{way} is no relay ({health.message}).",
    }
    advice = _NOT_THERE.get(health.code, "Do what it says, then run the doctor again.")
    if facts.proxy and not health.reached:
        advice += " If the relay is reached without the proxy, name its host in NO_PROXY."
    return Row("relay", "bad", health.code, messages.get(health.code, health.message), advice)


_NOT_THERE = {
    "relay-unreachable": "See that the relay runs, that address and port are right, and that no firewall is between.",
    "certificate": "Give the relay a certificate that this computer trusts, with its chain; SSL_CERT_FILE can name it.",
    "not-a-relay": "Look at the address: host, port, and the path if the relay stands behind a proxy.",
}


def _version(facts: Facts) -> Row:
    sockets = _best(facts)
    if facts.relay is None and sockets is not None and sockets.code == "ok":
        return Row("protocol", "good", "ok", f"The relay takes protocol {PROTOCOL_VERSION}.")
    if facts.health is None or not facts.health.reached or facts.relay is None:
        return _not_reached("protocol")
    theirs = facts.relay.get("protocol")
    if theirs == PROTOCOL_VERSION:
        return Row("protocol", "good", "ok", f"Both speak protocol {PROTOCOL_VERSION}.")
    return Row(
        "protocol",
        "bad",
        "unsupported-protocol",
        f"The relay speaks protocol {theirs}, this relay-widget speaks {PROTOCOL_VERSION}.",
        "Install the same version of relay-widget here and at the relay, then restart the kernel.",
    )


_REFUSED = {
    "bad-token": "Give the token that this very relay was asked for, whole; one of another relay is no good.",
    "expired-token": "Ask for a new one: call.invite() or relay-widget token makes it.",
    "unsupported-protocol": "Install the same version of relay-widget here and at the relay, then restart the kernel.",
}


def _token(facts: Facts) -> Row:
    answer = _best(facts)
    if answer is None or not answer.reached:
        return _not_reached("token")
    if answer.code == "ok":
        return Row("token", "good", "ok", "The relay lets this kernel in.")
    if answer.code == "unsupported-protocol":
        return Row("token", "unknown", answer.code, "The relay does not come to look at it: see protocol.")
    return Row(
        "token", "bad", answer.code, answer.message, _REFUSED.get(answer.code, "Do what it says, then try again.")
    )


def _websocket(facts: Facts) -> Row:
    answer = facts.websocket
    if answer is None or (not answer.reached and (facts.polling is None or not facts.polling.reached)):
        return _not_reached("kernel websocket")
    if answer.reached:
        return Row("kernel websocket", "good", "ok", f"A WebSocket from the kernel opens in {answer.took_ms:.0f} ms.")
    return Row(
        "kernel websocket",
        "bad",
        "websocket-blocked",
        f"Something between the kernel and {facts.url} lets no WebSocket through.",
        "The kernel follows calls by WebSocket: have the proxy pass on Upgrade and Connection (see docs/deploy.md).",
    )


def _clock(facts: Facts) -> Row:
    if facts.clock is None:
        return _not_reached("kernel clock")
    words = _apart(facts.clock)
    if facts.clock.error_ms > VAGUE_CLOCK_MS:
        return Row(
            "kernel clock",
            "warning",
            "clock-vague",
            words,
            "The way to the relay is long or busy: latencies are as vague.",
        )
    return Row("kernel clock", "good", "ok", words)


def _apart(clock: Clock) -> str:
    offset_ms, error_ms = abs(clock.offset_ms), clock.error_ms
    if offset_ms <= error_ms:
        return f"The relay's clock and the kernel's agree, give or take {error_ms:.1f} ms."
    where = "ahead of" if clock.offset_ms > 0 else "behind"
    return f"The relay's clock is {offset_ms:.1f} ms {where} the kernel's, give or take {error_ms:.1f} ms."


def _best(facts: Facts) -> Answer | None:
    tried = [answer for answer in (facts.websocket, facts.polling) if answer is not None]
    return next((answer for answer in tried if answer.reached), tried[-1] if tried else None)


def _not_reached(check: str) -> Row:
    return Row(check, "unknown", "relay-unreachable", "Not checked, because the relay does not answer.")


def row_of_page(given: object) -> Row | None:
    """A row as a page has sent it; None if it is not one."""
    if not isinstance(given, dict) or given.get("state") not in STATES:
        return None
    texts = [given.get(name) for name in ("check", "code", "message", "advice")]
    if not all(isinstance(text, str) for text in texts):
        return None
    check, code, message, advice = (str(text)[:_MAX_TEXT_CHARS] for text in texts)
    return Row(check, given["state"], code, message, advice)


def verdict(rows: Iterable[Row]) -> str:
    """All of it in one line. An unknown row is not a good one."""
    states = [row.state for row in rows]
    bad, warnings, unknown = states.count("bad"), states.count("warning"), states.count("unknown")
    if bad + warnings == 0:
        return f"Nothing is in the way of what was checked; {unknown} not checked." if unknown else _ALL_WELL
    found = [f"{unknown} not checked"] if unknown else []
    found += [f"{bad} in the way"] if bad else []
    found += [f"{warnings} warning{'s' if warnings > 1 else ''}"] if warnings else []
    return f"{', '.join(found)}."


_ALL_WELL = "Nothing is in the way."


def as_text(rows: Sequence[Row], width_chars: int = 100) -> str:
    """The rows as a table for a terminal."""
    first = max((len(row.check) for row in rows), default=0)
    indent = 4 + first + 2
    wide = max(width_chars - indent, _MIN_WORDS_CHARS)
    lines = []
    for row in rows:
        code = "" if row.code == "ok" else f" [{row.code}]"
        words = textwrap.wrap(f"{row.message}{code}", wide) + textwrap.wrap(
            row.advice, wide, initial_indent="-> ", subsequent_indent="   "
        )
        lines.append(f"{_MARKS[row.state]:<4}{row.check:<{first}}  {words[0]}")
        lines += [f"{'':<{indent}}{line}" for line in words[1:]]
    return "\n".join([*lines, verdict(rows)])
