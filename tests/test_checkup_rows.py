"""From facts to rows: nothing is looked at here."""

from __future__ import annotations

import pytest

from relay_widget.checkup.rows import (
    STATES,
    VAGUE_CLOCK_MS,
    Answer,
    CallFact,
    Clock,
    Facts,
    Row,
    as_text,
    no_page,
    row_of_page,
    rows_of,
    verdict,
)
from relay_widget.protocol import PROTOCOL_VERSION

WELL = {
    "python": "Python 3.12.1 on Linux",
    "place": "a Jupyter kernel",
    "versions": {"relay-widget": "1.0", "jupyterlab": None},
    "url": "http://127.0.0.1:8765",
    "health": Answer("ok", took_ms=3),
    "relay": {"service": "relay-widget", "protocol": PROTOCOL_VERSION, "version": "1.0"},
    "websocket": Answer("ok", took_ms=5),
    "clock": Clock(12.0, 0.4),
}
OFF = Answer("relay-unreachable", "refused")


def row(check: str, **facts: object) -> Row:
    [found] = [row for row in rows_of(Facts(**{**WELL, **facts})) if row.check == check]  # type: ignore[arg-type]
    return found


def test_all_is_well() -> None:
    rows = rows_of(Facts(**WELL))  # type: ignore[arg-type]
    assert {(row.state, row.code, row.advice) for row in rows} == {("good", "ok", "")}
    assert len({row.check for row in rows}) == len(rows)
    assert verdict(rows) == "Nothing is in the way."
    assert "jupyterlab" not in row("versions").message


@pytest.mark.parametrize(
    ("check", "facts", "state", "code"),
    [
        ("versions", {"frontend_built": False}, "bad", "frontend-missing"),
        ("relay", {"start": Answer("disk-full", "The disk is full.")}, "bad", "disk-full"),
        ("relay", {"health": OFF}, "bad", "relay-unreachable"),
        ("relay", {"health": Answer("certificate", "self-signed")}, "bad", "certificate"),
        ("relay", {"health": Answer("not-a-relay", "404")}, "bad", "not-a-relay"),
        ("relay", {"health": Answer("forbidden", "Not this host.")}, "bad", "forbidden"),
        ("relay", {"health": None}, "unknown", "relay-unknown"),
        ("protocol", {"relay": {"protocol": 99}}, "bad", "unsupported-protocol"),
        ("protocol", {"health": OFF}, "unknown", "relay-unreachable"),
        ("token", {"websocket": Answer("bad-token", "Not mine.")}, "bad", "bad-token"),
        ("token", {"websocket": OFF, "polling": Answer("expired-token", "Old.")}, "bad", "expired-token"),
        ("token", {"websocket": Answer("unsupported-protocol", "No.")}, "unknown", "unsupported-protocol"),
        ("token", {"websocket": None}, "unknown", "relay-unreachable"),
        ("token", {"websocket": OFF, "polling": Answer("ok")}, "good", "ok"),
        ("kernel websocket", {"websocket": OFF, "polling": Answer("ok")}, "bad", "websocket-blocked"),
        ("kernel websocket", {"websocket": OFF, "polling": OFF}, "unknown", "relay-unreachable"),
        ("kernel websocket", {"websocket": Answer("bad-token", "No.")}, "good", "ok"),
        ("kernel clock", {"clock": Clock(0, VAGUE_CLOCK_MS + 1)}, "warning", "clock-vague"),
        ("kernel clock", {"clock": None}, "unknown", "relay-unreachable"),
        ("relay", {"websocket": OFF, "polling": OFF}, "bad", "socketio-blocked"),
        ("relay", {"websocket": OFF, "polling": Answer("bad-token", "No.")}, "good", "ok"),
        ("relay", {"health": Answer("no-health", "it says 404 to /healthz"), "relay": None}, "warning", "no-health"),
        ("protocol", {"health": Answer("no-health"), "relay": None}, "good", "ok"),
        ("machines", {"elsewhere": "To meet, share one."}, "warning", "other-machine"),
    ],
)
def test_each_finding_has_its_code_and_what_is_bad_its_advice(
    check: str, facts: dict[str, object], state: str, code: str
) -> None:
    found = row(check, **facts)
    assert (found.state, found.code) == (state, code)
    assert found.message.endswith((".", ")."))
    if state in ("bad", "warning"):
        assert found.advice.endswith(".")


def test_a_proxy_is_named_where_the_relay_is_not_reached() -> None:
    found = row("relay", proxy="http://proxy:3128", health=OFF)
    assert "through the proxy http://proxy:3128" in found.message
    assert "NO_PROXY" in found.advice
    assert "through the proxy" in row("relay", proxy="http://proxy:3128").message
    assert "NO_PROXY" not in row("relay", health=OFF).advice


def test_calls_of_this_kernel_are_looked_at() -> None:
    well, stuck = (
        CallFact("Call(room='lab', name='Ada')"),
        CallFact("Call(room='hall', name='Bob')", "call-stuck", "It waits."),
    )

    def found(*calls: CallFact) -> list[tuple[str, str]]:
        rows = rows_of(Facts(**WELL, calls=calls))  # type: ignore[arg-type]
        return [(row.state, row.message) for row in rows if row.check == "calls"]

    assert found() == []
    assert found(well) == [("good", "1 call of this kernel: nothing is amiss.")]
    assert found(well, stuck) == [("bad", "Call(room='hall', name='Bob'): It waits.")]


def test_the_clock_says_which_way() -> None:
    assert "1200.0 ms ahead of" in row("kernel clock", clock=Clock(1200, 1)).message
    assert "1200.0 ms behind" in row("kernel clock", clock=Clock(-1200, 1)).message
    assert "agree, give or take 1.0 ms" in row("kernel clock", clock=Clock(0.3, 1)).message


def test_rows_of_a_page_are_checked() -> None:
    sent = {"check": "camera", "state": "bad", "code": "no-camera", "message": "None.", "advice": "Connect one."}
    taken = row_of_page(sent)
    assert taken == Row("camera", "bad", "no-camera", "None.", "Connect one.")
    assert taken.as_json() == sent
    assert row_of_page({**sent, "state": "fine"}) is None
    assert row_of_page({**sent, "message": None}) is None
    assert row_of_page("rows") is None
    shortened = row_of_page({**sent, "message": "x" * 10_000})
    assert shortened is not None
    assert len(shortened.message) < 1000


def test_as_text_wraps_and_marks() -> None:
    rows = [Row("one", state, "code", "word " * 40, "advice " * 30) for state in STATES]
    text = as_text(rows, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert [line[:4].strip() for line in text.splitlines() if "one" in line] == ["ok", "!", "BAD", "?"]
    assert text.endswith("\n1 not checked, 1 in the way, 1 warning.")
    assert verdict([rows[0], rows[3]]) == "Nothing is in the way of what was checked; 1 not checked."
    assert as_text([]) == "Nothing is in the way."


def test_a_page_that_may_still_come_is_not_given_up() -> None:
    assert no_page(waited=False).advice != no_page(waited=True).advice
    assert no_page(waited=True).code == no_page(waited=False).code == "no-page"
