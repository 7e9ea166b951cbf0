"""The kernel's tables of states, their cores, and the page that shows them."""

from __future__ import annotations

import doctest
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_widget import call_session, following, machine
from relay_widget.call_session import CONFIRM_S, LOST_AFTER_S, PAGE_WORDS, PARTICIPANT, STUCK_AFTER_S, CallSession
from relay_widget.following import FAILED_REST_FIRST_S, FAILED_REST_MAX_S, PATIENCE, RELAY, Following
from relay_widget.machine import check, ignoring, markdown, to

PAGE = Path(__file__).parents[1] / "docs" / "states.md"
BEGIN, END = "<!-- kernel: begin -->", "<!-- kernel: end -->"


def shown() -> str:
    return f"""
### A call's participant, as its kernel knows it

It begins in **{call_session.START}**.

{markdown(PARTICIPANT)}

### The relay that a kernel follows

It begins in **{following.START}**.

{markdown(RELAY)}

"""


def test_docs_states_shows_the_tables() -> None:
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    there, after = rest.split(END)
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(f"{before}{BEGIN}\n{shown()}{END}{after}")
    else:
        assert there == f"\n{shown()}", "UPDATE_DOCS=1 .venv/bin/pytest tests/test_machine.py writes it"


def test_the_tables_are_whole() -> None:
    check(PARTICIPANT, call_session.START, call_session.ACTIONS)
    check(RELAY, following.START, following.ACTIONS)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"a": {"go": to("b")}, "b": {}}, "b says nothing of go"),
        ({"a": {"go": to("b")}}, "which is no state"),
        ({"a": ignoring("go"), "b": ignoring("go")}, "nothing leads to b"),
        ({"a": {"go": to("a", "sing")}}, "used or known only: sing"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(table: machine.Table, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check(table, "a", ())


@pytest.mark.parametrize("module", [machine, call_session, following])
def test_the_examples_run(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


EVENTS = st.one_of(
    st.sampled_from(["relay", "relay_lost", "hello", "join", "leave", "moved", "tick", "present", "absent", "failed"]),
    st.sampled_from([f"page-{word}" for word in PAGE_WORDS]),
)


def give(session: CallSession, event: str, now_s: float) -> list[str]:
    if event.startswith("page-"):
        return session.page(event.removeprefix("page-"), None, now_s)
    if event in ("present", "absent"):
        return session.roster(("p1",) if event == "present" else (), now_s)
    if event == "relay":
        return session.relay("http://127.0.0.1:1", now_s)
    if event == "failed":
        return session.relay_failed(("no-answer", "No relay answers."), now_s)
    act = getattr(session, event)
    actions: list[str] = act(now_s)
    return actions


@given(st.lists(EVENTS, max_size=40))
def test_from_anywhere_the_relay_s_word_settles_it(events: list[str]) -> None:
    """However it came there: a participant that the relay shows is joined, and one that it does not show is not."""
    session, now_s = CallSession(), 0.0
    for event in events:
        now_s += 0.1
        give(session, event, now_s)
    give(session, "relay", now_s)
    give(session, "present", now_s)
    assert session.shown == "joined"
    assert session.in_room
    assert session.error is None or events
    give(session, "absent", now_s)
    assert not session.in_room
    give(session, "tick", now_s + LOST_AFTER_S + 1)
    assert session.shown in ("idle", "left", "failed")


@given(st.lists(EVENTS, max_size=40))
def test_a_wish_to_join_reaches_a_page_that_comes_late(events: list[str]) -> None:
    session, now_s = CallSession(), 0.0
    for event in events:
        now_s += 0.1
        give(session, event, now_s)
    said = session.join(now_s)
    assert said == ["say-join"]
    if session.state == "wanted":
        session.relay_lost(now_s)
        assert "say-join" in session.relay("http://127.0.0.1:2", now_s), "with the ticket of the next relay"
        session.hello(now_s)
        assert "say-join" in session.ticket_asked(now_s), "and to a page that has just come"


@given(st.lists(EVENTS, max_size=40))
def test_a_closed_call_says_nothing_and_knows_nothing(events: list[str]) -> None:
    session = CallSession()
    session.relay("http://127.0.0.1:1", 0.0)
    session.close(0.0)
    for number, event in enumerate(events):
        assert [word for word in give(session, event, float(number)) if word.startswith("say")] == []
        assert session.shown == "left"


def test_a_late_page_is_told_all_that_is_so() -> None:
    session = CallSession()
    assert session.relay_failed(("disk-full", "The disk is full."), 0.0) == ["say-failure"]
    assert session.hello(1.0) == ["say-failure", "say-people"]
    session.relay("http://127.0.0.1:1", 2.0)
    assert session.hello(3.0) == ["say-people"]
    assert session.ticket_asked(3.0) == ["ticket"]


def test_a_page_that_the_relay_never_shows_has_left() -> None:
    session = CallSession()
    session.relay("http://127.0.0.1:1", 0.0)
    session.page("joined", None, 0.0)
    assert session.shown == "joined"
    session.roster((), 0.1)
    session.tick(CONFIRM_S / 2)
    assert session.shown == "joined", "the snapshot may be from before"
    session.tick(CONFIRM_S + 1)
    assert session.shown == "reconnecting", "the relay does not show it"
    session.tick(CONFIRM_S + LOST_AFTER_S + 2)
    assert session.shown == "left"


@pytest.mark.parametrize("before", [["page-joined"], ["present"], ["present", "absent"], ["page-reconnecting"]])
def test_a_participant_that_the_relay_says_has_left_has_left_at_once(before: list[str]) -> None:
    session = CallSession()
    session.relay("http://127.0.0.1:1", 0.0)
    for event in before:
        give(session, event, 1.0)
    session.roster((), 2.0, left_ms=1500.0)
    assert session.shown == "left"


def test_a_departure_that_is_known_already_says_nothing_of_the_next_one() -> None:
    session = CallSession()
    session.relay("http://127.0.0.1:1", 0.0)
    session.roster(("p1",), 1.0)
    session.roster((), 2.0, left_ms=1500.0)
    session.page("joined", None, 3.0)
    session.roster((), 3.1, left_ms=1500.0)
    assert session.shown == "joined", "a snapshot from before it came back"
    session.roster(("p1",), 3.2)
    session.roster((), 4.0)
    assert session.shown == "reconnecting", "this time its connection was lost"


def test_a_departure_from_the_room_that_it_comes_back_to_is_an_old_one() -> None:
    session = CallSession()
    session.relay("http://127.0.0.1:1", 0.0)
    session.roster(("p1",), 1.0)
    session.moved(2.0)
    session.roster((), 2.1, left_ms=500.0)
    assert session.shown == "joined"
    session.roster((), 2.2, left_ms=2150.0)
    assert session.shown == "left"


@pytest.mark.parametrize("word", ["idle", "left", "failed"])
@pytest.mark.parametrize("before", ["connecting", "joined", "reconnecting"])
def test_a_snapshot_from_before_the_page_left_does_not_bring_it_back(before: str, word: str) -> None:
    session = CallSession()
    session.relay("http://127.0.0.1:1", 0.0)
    session.page(before, None, 0.0)
    session.page(word, None, 0.1)
    session.roster(("p1",), 0.2)
    assert session.shown == "joined", "the relay shows it"
    session.roster((), 0.3)
    assert session.shown == word


def test_a_page_whose_words_are_late_is_in_the_room_as_the_relay_says() -> None:
    session = CallSession()
    session.relay("http://127.0.0.1:1", 0.0)
    session.page("left", None, 0.0)
    session.roster(("p1",), 1.0)
    session.tick(1.0 + LOST_AFTER_S + 1)
    assert session.shown == "joined"
    session.roster((), 50.0)
    assert session.shown == "reconnecting", "nobody has said that it leaves"


def test_a_wish_to_join_outlives_the_word_on_what_was_before() -> None:
    session = CallSession()
    session.relay("http://127.0.0.1:1", 0.0)
    session.roster(("p1",), 0.0)
    session.leave(1.0)
    session.join(1.1)
    session.page("left", None, 1.2)
    session.roster((), 1.3)
    assert session.ticket_asked(2.0) == ["ticket", "say-join"]
    session.page("connecting", None, 2.1)
    assert session.shown == "connecting"


def test_where_no_relay_is_followed_the_page_is_believed() -> None:
    session = CallSession()
    session.relay_failed(("no-answer", "No relay answers."), 0.0)
    session.page("joined", None, 0.0)
    session.tick(10 * LOST_AFTER_S)
    assert session.shown == "joined"
    assert session.error == ("no-answer", "No relay answers.")


def test_a_call_that_is_on_its_way_for_long_is_stuck() -> None:
    session = CallSession()
    session.tick(0.0)
    assert not session.is_stuck(STUCK_AFTER_S / 2)
    assert session.is_stuck(STUCK_AFTER_S + 1), "no relay"
    session.relay("http://127.0.0.1:1", 20.0)
    assert not session.is_stuck(100.0)
    session.page("connecting", None, 100.0)
    assert not session.is_stuck(100.0 + STUCK_AFTER_S / 2)
    assert session.is_stuck(101.0 + STUCK_AFTER_S), "no way into the room"
    session.roster(("p1",), 130.0)
    assert not session.is_stuck(200.0)


class TestFollowing:
    def test_a_named_relay_is_given_up_for_a_while_after_some_attempts(self) -> None:
        relay = Following(named=True)
        relay.step("wanted")
        for attempt in range(PATIENCE):
            relay.step("found")
            assert relay.step("unreachable") == ("failed" if attempt == PATIENCE - 1 else "resting")
            relay.step("rested")

    def test_the_user_s_own_is_looked_for_anew_each_time(self) -> None:
        relay = Following(named=False)
        relay.step("wanted")
        for _ in range(2 * PATIENCE):
            relay.step("found")
            assert relay.step("unreachable") == "resting"
            relay.step("rested")

    def test_rests_grow_and_begin_anew_after_success(self) -> None:
        relay = Following(named=False)
        relay.step("wanted")
        rests = []
        for _ in range(5):
            assert relay.step("missing") == "failed"
            rests.append(relay.rest_s)
            relay.step("rested")
        assert rests == sorted(rests)
        assert rests[0] == FAILED_REST_FIRST_S
        assert rests[-1] == FAILED_REST_MAX_S
        for event in ("found", "connected", "gone", "missing"):
            relay.step(event)
        assert relay.rest_s == FAILED_REST_FIRST_S
