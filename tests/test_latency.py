from __future__ import annotations

import math
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
import traitlets as t

from relay_widget import Call, InvalidValueError, latency
from relay_widget.latency import COLUMNS, FIGURES, HOPS, LatencyHistory, by_hop

from .test_widget import Page, call
from .waiting import wait_until

__all__ = ["call"]  # the fixture

T0_MS = 1_795_415_497_932.5
HOP_FIGURES = {f"{hop}_{share}_ms": float(at) for at, hop in enumerate(HOPS, 1) for share in ("p50", "p95")}
FEW = {"queue_depth": 5, "latency_ms": 120.5, "stalls": 1, "buffered_s": 0.1}
ALL = {**HOP_FIGURES, **FEW, "dropped_frames": 0, "dropped_groups": 2, "rate": 1.05, "av_skew_ms": -12.5}
SENT = {"bytes": 10, "chunks": 1, "bitrate_kbps": 8}


def report(**peers: dict[str, float]) -> dict[str, Any]:
    return {"peers": peers, "sent": SENT}


def person(peer: str, name: str) -> dict[str, Any]:
    return {"id": peer, "name": name}


class TestByHop:
    def test_hops_with_their_percentiles(self) -> None:
        figures = {**ALL, "play_p95_ms": 80.0}
        assert by_hop(figures) == {
            **{hop: {"p50": float(at), "p95": float(at)} for at, hop in enumerate(HOPS, 1)},
            "play": {"p50": 5.0, "p95": 80.0},
        }

    def test_what_is_not_known_is_left_out(self) -> None:
        assert list(by_hop({**ALL, "uplink_p50_ms": -1, "uplink_p95_ms": -1, "total_p95_ms": math.nan})) == [
            "record",
            "downlink",
            "queue",
            "play",
        ]
        assert by_hop(FEW) == {}


class TestHistory:
    def test_one_row_for_each_report_and_peer(self) -> None:
        history = LatencyHistory()
        people = [person("g", "Grace"), person("b", "Bob")]
        history.note(T0_MS, "lab", people, report(g=ALL, b=FEW))
        history.note(T0_MS + 250, "lab", people, report(g={**ALL, "queue_depth": 6}))
        records = history.records()
        assert [(record["peer"], record["name"], record["room"]) for record in records] == [
            ("g", "Grace", "lab"),
            ("b", "Bob", "lab"),
            ("g", "Grace", "lab"),
        ]
        assert [record["queue_depth"] for record in records] == [5, 5, 6]
        assert records[0]["time"] == datetime.fromtimestamp(T0_MS / 1000, UTC)
        assert records[2]["time"] - records[0]["time"] == timedelta(milliseconds=250)
        assert {name: records[0][name] for name in ALL} == ALL

    def test_a_report_that_comes_again_is_one_row(self) -> None:
        history = LatencyHistory()
        for repeat in range(3):
            history.note(T0_MS + 100 * repeat, "lab", [person("g", "Grace")], report(g=dict(ALL)))
        assert len(history) == 1
        history.note(T0_MS + 300, "lab", [], {})
        history.note(T0_MS + 400, "lab", [person("g", "Grace")], report(g=ALL))
        assert len(history) == 2

    def test_unknown_figures_are_none_and_only_those(self) -> None:
        history = LatencyHistory()
        figures = {**ALL, "total_p50_ms": -1, "latency_ms": -1, "av_skew_ms": -1, "clock_error_ms": -1}
        del figures["rate"]
        history.note(T0_MS, "lab", [], report(g=figures))
        (record,) = history.records()
        unknown = {name for name, value in record.items() if value is None}
        assert unknown == {"total_p50_ms", "latency_ms", "clock_error_ms", "rate"}
        assert record["av_skew_ms"] == -1

    def test_who_has_just_left_keeps_its_name_and_who_is_renamed_gets_the_new_one(self) -> None:
        history = LatencyHistory()
        for name, at in (("Grace", 0), ("Grace H.", 1)):
            history.note(T0_MS + at, "lab", [person("g", name)], report(g={"stalls": at}))
        history.note(T0_MS + 2, "lab", [], report(g={"stalls": 2}))
        assert [record["name"] for record in history.records()] == ["Grace", "Grace H.", "Grace H."]

    def test_is_bounded_and_keeps_the_newest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(latency, "MAX_ROWS", 100)
        history = LatencyHistory()
        for at in range(1000):
            history.note(T0_MS + at, "lab", [], report(g={"stalls": at}))
            assert len(history) <= 100
        records = history.records()
        assert [record["stalls"] for record in records] == list(range(1000 - len(records), 1000))
        assert len(records) > 80
        assert history.frame()["stalls"].iloc[-1] == 999

    def test_frame_and_records_tell_the_same(self) -> None:
        history = LatencyHistory()
        history.note(T0_MS, "lab", [person("g", "Grace")], report(g=ALL, b=FEW))
        frame = history.frame()
        assert tuple(frame.columns) == COLUMNS
        as_records = frame.astype(object).where(frame.notna(), None).to_dict("records")
        assert as_records == history.records()

    def test_types_of_the_frame_are_those_one_can_plot(self) -> None:
        history = LatencyHistory()
        empty = history.frame()
        history.note(T0_MS, "lab", [], report(g=FEW))
        frame = history.frame()
        for either in (empty, frame):
            assert tuple(either.columns) == COLUMNS
            assert str(either["time"].dtype).endswith(", UTC]")
            assert all(either[name].dtype == "float64" for name in FIGURES)
            assert pd.api.types.is_string_dtype(either["peer"])
        assert frame["total_p50_ms"].isna().all()
        assert frame.pivot_table(index="time", columns="peer", values="latency_ms").to_numpy().tolist() == [[120.5]]


class TestCall:
    def test_nothing_is_known_at_first(self, call: Call) -> None:
        assert call.latency == {}
        assert tuple(call.latency_frame().columns) == COLUMNS
        assert len(call.latency_frame()) == 0

    def test_latency_cannot_be_written(self, call: Call) -> None:
        with pytest.raises(t.TraitError, match="read-only"):
            call.latency = {}

    def test_reports_become_latency_and_history_that_outlives_the_room(
        self, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grace = Page(call, own=False)
        grace_id = grace.join("lab", "Grace")["peer"]
        own = Page(call, own=True)
        own.join("lab", "Ada")
        wait_until(lambda: call.state == "joined")
        for at in range(1, 4):
            figures = {**ALL, "queue_depth": at, "uplink_p50_ms": -1}
            own.client.emit("report", {"peers": {grace_id: figures}, "sent": SENT})
            wait_until(lambda at=at: call.queue_depth == at)
        assert call.latency[grace_id]["total"] == {"p50": 6, "p95": 6}
        assert "uplink" not in call.latency[grace_id]
        # Others' doings lead to snapshots with the same report.
        grace.client.call("rename", {"name": "Grace H."})
        wait_until(lambda: call.peers[0].name == "Grace H.")
        frame = call.latency_frame()
        assert list(frame["queue_depth"]) == [1, 2, 3]
        assert set(frame["peer"]) == {grace_id}
        assert set(frame["name"]) == {"Grace"}
        assert frame["time"].is_monotonic_increasing
        assert abs(frame["time"].iloc[-1] - datetime.now(UTC)) < timedelta(minutes=2)
        assert frame["uplink_p50_ms"].isna().all()
        own.close()
        wait_until(lambda: call.state == "reconnecting")
        assert call.latency == {}
        call.room = "elsewhere"
        monkeypatch.setitem(sys.modules, "pandas", None)  # what an import finds where it is not installed
        records = call.latency_frame()
        assert [(record["queue_depth"], record["room"]) for record in records] == [(1, "lab"), (2, "lab"), (3, "lab")]
        assert {record["uplink_p50_ms"] for record in records} == {None}
        grace.close()


IMPOSSIBLE: list[object] = [0, -40, 9, 10_001, -(10**400), 10**400, 40.5, math.nan, math.inf, "40", True, [40], b"40"]


class TestSettings:
    @pytest.mark.parametrize("value", [*IMPOSSIBLE, None], ids=repr)
    def test_an_impossible_timeslice_is_refused_with_the_range(self, call: Call, value: object) -> None:
        call.timeslice = 40
        with pytest.raises(InvalidValueError, match=r"^timeslice must be .*from 10 to 3000, not .*\.$") as refused:
            call.timeslice = value
        assert (refused.value.code, call.timeslice) == ("bad-timeslice", 40)

    @pytest.mark.parametrize("value", [*IMPOSSIBLE, 59, 5001], ids=repr)
    def test_an_impossible_target_latency_is_refused_with_the_range(self, call: Call, value: object) -> None:
        call.target_latency = 200
        with pytest.raises(InvalidValueError, match=r"None \(automatic\) or .*from 60 to 4000, not .*\.$") as refused:
            call.target_latency = value
        assert (refused.value.code, call.target_latency) == ("bad-target-latency", 200)

    @pytest.mark.parametrize(("value", "kept"), [(60, 60), (4000, 4000), (150.0, 150), (None, None)])
    def test_possible_ones_are_taken(self, call: Call, value: object, kept: object) -> None:
        call.target_latency = value
        assert call.target_latency == kept
        assert call.get_state("target_latency") == {"target_latency": kept}

    def test_a_target_below_one_slice_is_refused_in_either_order(self, call: Call) -> None:
        call.timeslice = 500
        with pytest.raises(InvalidValueError, match="or from 500 to 4000 ms while timeslice is 500, not 499"):
            call.target_latency = 499
        assert call.target_latency is None
        call.target_latency = 500
        with pytest.raises(InvalidValueError, match=r"timeslice must be from 10 to 500 ms .* not 501") as refused:
            call.timeslice = 501
        assert (refused.value.code, call.timeslice, call.target_latency) == ("bad-timeslice", 500, 500)

    def test_both_can_change_at_once(self, call: Call) -> None:
        with call.hold_trait_notifications():
            call.timeslice = 1500
            call.target_latency = 2000
        with call.hold_trait_notifications():
            call.timeslice = 20
            call.target_latency = 60
        assert (call.timeslice, call.target_latency) == (20, 60)
        with pytest.raises(InvalidValueError):
            call.set_state({"target_latency": 80, "timeslice": 100})
        assert (call.timeslice, call.target_latency) == (20, 60)

    @pytest.mark.usefixtures("runtime")
    @pytest.mark.parametrize("names", [("timeslice", "target_latency"), ("target_latency", "timeslice")])
    def test_as_arguments_their_order_does_not_matter(self, names: tuple[str, str]) -> None:
        good: dict[str, Any] = {"timeslice": 1500, "target_latency": 1500}
        made = Call(room="lab", name="Ada", **{name: good[name] for name in names})
        made.close()
        assert (made.timeslice, made.target_latency) == (1500, 1500)
        bad: dict[str, Any] = {"timeslice": 1500, "target_latency": 1499}
        with pytest.raises(InvalidValueError, match="1499"):
            Call(room="lab", name="Ada", **{name: bad[name] for name in names})
        with pytest.raises(InvalidValueError, match="from 60 to 4000"):
            Call(room="lab", name="Ada", target_latency=math.nan)

    def test_what_the_page_sends_and_cannot_be_used_is_rolled_back(self, call: Call) -> None:
        call.timeslice = 40
        for state in ({"target_latency": 20}, {"timeslice": 0}, {"timeslice": 600, "target_latency": 300}):
            with pytest.raises(InvalidValueError):
                call.set_state(state)
            assert (call.timeslice, call.target_latency) == (40, None)
