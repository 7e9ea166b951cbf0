"""State machines as data: for each state and event the next state and the actions. The twin of js/src/machine.ts.

A table names every event of every state. An event that changes nothing in a state is listed with `ignoring`, so that
nobody has to guess whether it was forgotten. `check` holds a table to that. Actions are names; their owner does them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Step(NamedTuple):
    """What an event does in a state: the next state, then the actions in their order."""

    next: str
    actions: tuple[str, ...] = ()


Row = dict[str, "Step | None"]
"""One state: a step for each event; None for an event that is ignored."""
Table = dict[str, Row]


def to(state: str, *actions: str) -> Step:
    """Return the step into a state, with these actions.

    Example:
        >>> to("joined", "tell-roster")
        Step(next='joined', actions=('tell-roster',))
    """
    return Step(state, actions)


def ignoring(*events: str) -> Row:
    """Return the rest of a row: these events change nothing in its state.

    Example:
        >>> {"join": to("joined"), **ignoring("leave")}
        {'join': Step(next='joined', actions=()), 'leave': None}
    """
    return dict.fromkeys(events)


def check(table: Table, start: str, actions: Iterable[str]) -> None:
    """Check that a table is whole.

    Args:
        table: The table.
        start: The state that it begins in.
        actions: All actions that its owner can do.

    Raises:
        ValueError: A state lacks an event that another has, a step leads to a state that is not in the table, a state
            cannot be reached, or an action has no owner or no use.
    """
    events = {event for row in table.values() for event in row}
    used: set[str] = set()
    for state, row in table.items():
        if missing := events - row.keys():
            raise ValueError(f"{state} says nothing of {', '.join(sorted(missing))}")
        for event, step in row.items():
            if step is not None and step.next not in table:
                raise ValueError(f"{state} x {event} leads to {step.next}, which is no state")
            used.update(step.actions if step is not None else ())
    reached, news = {start}, {start}
    while news:
        news = {step.next for state in news for step in table[state].values() if step is not None} - reached
        reached |= news
    if lost := table.keys() - reached:
        raise ValueError(f"nothing leads to {', '.join(sorted(lost))}")
    if wrong := used.symmetric_difference(actions):
        raise ValueError(f"these actions are used or known only: {', '.join(sorted(wrong))}")


def markdown(table: Mapping[str, Mapping[str, Step | None]]) -> str:
    """Return the table for people, in Markdown."""
    lines = ["| state | event | next | actions |", "|---|---|---|---|"]
    for state, row in table.items():
        steps = {event: step for event, step in row.items() if step is not None}
        lines += [
            f"| **{state}** | {event} | {step.next} | {', '.join(step.actions)} |" for event, step in steps.items()
        ]
        if ignored := [event for event in row if event not in steps]:
            lines.append(f"| **{state}** | *{', '.join(ignored)}* | *ignored* | |")
    return "\n".join(lines)
