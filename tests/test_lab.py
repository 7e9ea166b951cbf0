"""The lab against a real relay, without a browser: a Socket.IO client stands in for its page."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import inspect
import itertools
import math
import subprocess
import sys
import threading
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self
from xml.dom.minidom import parseString

import numpy as np
import pytest
from IPython.utils.capture import capture_output

from relay_widget import InvalidValueError, LatencyLab, NothingReceivedError, Peer, sweep
from relay_widget import lab as lab_module

from .test_widget import Page
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def lab(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LatencyLab]:
    monkeypatch.setattr(sweep, "STEADY_S", 0.5)
    monkeypatch.setattr(sweep, "MIN_REPORTS", 2)
    made = LatencyLab(room="lab", name="Ada")
    yield made
    made.close()


class MeasuringPage:
    """Joins as the lab's page, sends its timeslice and reports a latency that depends on it."""

    def __init__(self, lab: LatencyLab) -> None:
        self._lab = lab
        self._page = Page(lab, own=True)
        self._id = self._page.client.call("join", {"room": lab.room, "name": lab.name, "loopback": True})["peer"]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.learnt_ms = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._page.close()

    def _run(self) -> None:
        count = 0
        while not self._ended.wait(0.05):
            count += 1
            timeslice = self._lab.timeslice
            track = {"track": "video", "mimeType": "video/webm", "timeslice_ms": timeslice}
            self._page.client.emit("publish", track)
            figures = {
                "latency_ms": 100.0 + timeslice + (count % 5),
                "record_p50_ms": timeslice / 2,
                "record_p95_ms": timeslice,
                "play_p50_ms": 90.0,
                "play_p95_ms": 95.0,
                "queue_p50_ms": -1,
                "queue_depth": count % 3,
                "buffered_s": 0.1,
                "stalls": 0,
                "webrtc_ms": 40.0,
                "fresh": self._lab._fresh,
                "target_ms": 80.0,
                "surplus_ms": 0.0,
                "learnt_ms": self.learnt_ms,
            }
            self._page.client.emit("report", {"peers": {self._id: figures}, "sent": {}})


def test_a_lab_is_made_shown_and_asked_without_a_browser(lab: LatencyLab) -> None:
    assert repr(lab) == "LatencyLab(room='lab', name='Ada')"
    assert (lab.source, lab.webrtc_ms, lab.last_chart) == ("pattern", None, "")
    assert not lab.wait_for_page(timeout=0.1)
    bundle: Any = lab._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert set(data) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}


@pytest.mark.process
def test_importing_it_brings_no_server_along() -> None:
    code = "import sys; from relay_widget import LatencyLab; print({'aiohttp', 'socketio', 'av'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout == "set()\n"


def test_unknown_arguments_are_refused_with_a_hint() -> None:
    with pytest.raises(TypeError, match=r"LatencyLab\(\) got an unknown argument 'delay': did you mean 'delay_ms'"):
        LatencyLab(delay=3)


@pytest.mark.parametrize("trait", ["delay_ms", "jitter_ms", "rate_kbps", "stall_ms"])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, 1e12])
def test_impossible_trouble_is_refused_with_the_range(lab: LatencyLab, trait: str, value: float) -> None:
    with pytest.raises(InvalidValueError, match=r"from 0 to|from 8 to"):
        setattr(lab, trait, value)
    assert getattr(lab, trait) == 0


@pytest.mark.parametrize("trait", ["delay_ms", "jitter_ms", "rate_kbps", "stall_ms"])
@pytest.mark.parametrize("value", [70, np.int64(70), np.float32(70), Fraction(70)])
def test_trouble_may_be_any_number(lab: LatencyLab, trait: str, value: Any) -> None:
    setattr(lab, trait, value)
    assert getattr(lab, trait) == 70


@pytest.mark.parametrize("trait", ["delay_ms", "jitter_ms", "rate_kbps", "stall_ms"])
@pytest.mark.parametrize("value", ["5", None, [5], True, 1j])
def test_trouble_that_is_no_number_is_refused_in_one_sentence(lab: LatencyLab, trait: str, value: Any) -> None:
    with pytest.raises(InvalidValueError, match=rf"^{trait} must be a number, not .*\.$"):
        setattr(lab, trait, value)


def test_stalls_leave_some_time_between_them(lab: LatencyLab) -> None:
    with pytest.raises(InvalidValueError, match="shorter"):
        lab.stall_ms = 10_000


@pytest.mark.parametrize("trait", ["webrtc_ms", "last_chart"])
def test_traits_that_tell_cannot_be_written(lab: LatencyLab, trait: str) -> None:
    with pytest.raises(Exception, match="read-only"):
        setattr(lab, trait, getattr(lab, trait))


def test_every_trait_has_a_docstring_with_default_or_direction() -> None:
    text = inspect.getsource(lab_module)
    own = [name for name, trait in LatencyLab.class_own_traits().items() if not name.startswith("_")]
    assert len(own) > 5
    for name in own:
        after = text.split(f"\n    {name} = ", 1)[1].split('"""', 2)[1]
        assert after.startswith(("Read and write", "Read only")), name


def test_trouble_is_never_for_who_was_there_before(lab: LatencyLab) -> None:
    with Peer("lab", "Bob"):
        lab.wait_for_peers(1, timeout=20)
        lab.delay_ms = 500
        lab._follower.on_page_message({"kind": "state", "state": "joined"})  # before the relay has said so
        assert lab.state == "joined"
        time.sleep(0.5)  # longer than a change is waited with
        assert lab._trouble._told is None
        with MeasuringPage(lab):
            wait_until(lambda: lab._trouble._told is not None)
            own, _ = lab._trouble._told or ((), None)
            assert own == lab._follower.own_peers()


async def test_one_sweep_at_a_time(lab: LatencyLab) -> None:
    with MeasuringPage(lab):
        first = asyncio.ensure_future(lab.sweep(timeslice=[20, 40], seconds=1, settle=0))
        await asyncio.sleep(0.1)
        with pytest.raises(InvalidValueError, match="sweeping already"):
            await lab.sweep(delay_ms=[0])
        assert len(await first) == 2


def test_a_lab_is_one_of_its_own_peers(lab: LatencyLab) -> None:
    with MeasuringPage(lab):
        assert lab.wait_for_page(timeout=20)
        (own,) = lab.peers
        assert own.name == "Ada"
        wait_until(lambda: own.id in lab.latency)
        wait_until(lambda: lab.webrtc_ms == 40)
    wait_until(lambda: lab.state == "reconnecting")


@pytest.fixture
def told(lab: LatencyLab, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the lab asks of the relay as its peer's trouble; the relay is asked all the same."""
    asked: list[dict[str, Any]] = []
    impair = lab.impair

    def listen(**figures: Any) -> None:
        impair(**figures)
        asked.append(figures)

    monkeypatch.setattr(LatencyLab, "impair", lambda _, **figures: listen(**figures))
    return asked


def test_trouble_reaches_the_relay_while_this_thread_is_busy(lab: LatencyLab, told: list[dict[str, Any]]) -> None:
    """From the first word of the page on, and again whenever it changes."""
    lab.delay_ms = 50
    with MeasuringPage(lab):
        deadline_s = time.monotonic() + 20
        while len(told) < 1 and time.monotonic() < deadline_s:
            sum(range(1000))
        assert told[-1]["delay_ms"] == 50
        lab.rate_kbps = 300
        wait_until(lambda: told[-1]["rate_kbps"] == 300)
        lab.delay_ms = lab.rate_kbps = 0
        wait_until(lambda: (told[-1]["delay_ms"], told[-1]["rate_kbps"]) == (0, None))
        assert {call["peer"] for call in told} == {"me"}


def test_without_trouble_the_relay_is_left_alone(lab: LatencyLab, told: list[dict[str, Any]]) -> None:
    with MeasuringPage(lab):
        assert lab.wait_for_page(timeout=20)
        time.sleep(0.5)
    assert told == []


def well_formed(svg: str) -> bool:
    return parseString(svg).documentElement is not None  # noqa: S318 - it is our own


async def test_a_sweep_measures_each_value_and_puts_the_setting_back(lab: LatencyLab) -> None:
    with MeasuringPage(lab), capture_output() as captured:
        rows = await lab.sweep(timeslice=[20, 500], seconds=1, settle=0.2)
        records = rows.to_dict("records") if hasattr(rows, "to_dict") else rows
        assert [row["timeslice"] for row in records] == [20, 500]
        assert 120 <= records[0]["p50_ms"] <= records[0]["p95_ms"] <= 124
        assert 600 <= records[1]["p50_ms"] <= 604
        assert records[1]["record_ms"] == 250
        assert records[1]["stalls"] == 0
        assert records[1]["queue_depth"] == 2
        assert lab.timeslice == type(lab).timeslice.default_value
        drawn = lab._sweep["svg"]
        assert well_formed(drawn)
        assert "500 ms" in drawn
        assert "WebRTC 40" in drawn
    assert "timeslice 500 ms (2 of 2)" in captured.stderr


@pytest.mark.parametrize("value", [50, 50.0, np.int64(50), np.float64(50)])
async def test_one_number_is_a_sweep_of_one(lab: LatencyLab, value: Any) -> None:
    with MeasuringPage(lab):
        rows = await lab.sweep(delay_ms=value, seconds=1, settle=0)
    assert list(rows["delay_ms"]) == [50]


async def test_values_may_come_from_anything_that_has_some(lab: LatencyLab) -> None:
    with MeasuringPage(lab):
        for values in (range(20, 60, 20), (value for value in (20, 40)), np.array([20, 40])):
            rows = await lab.sweep(timeslice=values, seconds=1, settle=0)
            assert list(rows["timeslice"]) == [20, 40]
            assert all(rows["settled"])


async def test_what_has_not_settled_is_measured_and_said(lab: LatencyLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_module, "SETTLE_WITHIN_S", 1.0)
    monkeypatch.setattr(sweep, "TOLERANCE_MS", 1.0)
    monkeypatch.setattr(sweep, "TOLERANCE", 0.0)
    monkeypatch.setattr(sweep, "MIN_REPORTS", 1000)
    with MeasuringPage(lab):
        with pytest.warns(UserWarning, match="had not settled when delay_ms was 50"):
            rows = await lab.sweep(delay_ms=[50], seconds=1, settle=0)
        assert list(rows["settled"]) == [False]
        assert not await lab.settle(timeout=1)


async def test_playback_begins_anew_when_stalls_have_taught_it_much_but_not_for_ever(lab: LatencyLab) -> None:
    with MeasuringPage(lab) as page:
        assert await lab.settle()
        assert lab._fresh == 1
        page.learnt_ms = lab_module.WORTH_A_START_MS + 1
        assert not await lab.settle(timeout=5)
        assert 2 <= lab._fresh <= 1 + lab_module.MAX_STARTS


async def test_settling_needs_a_page_and_no_sweep(lab: LatencyLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_module, "_FIRST_FIGURES_S", 0.2)
    with pytest.raises(NothingReceivedError, match="press Join"):
        await lab.settle()
    with pytest.raises(InvalidValueError, match="from 1 to 600"):
        await lab.settle(timeout=0)


async def test_an_interrupted_sweep_puts_the_setting_back(lab: LatencyLab) -> None:
    with MeasuringPage(lab):
        running = asyncio.create_task(lab.sweep(delay_ms=[100], seconds=60, settle=0))
        while lab.delay_ms != 100:  # noqa: ASYNC110 - a trait, not an event
            await asyncio.sleep(0.05)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        assert lab.delay_ms == 0
        assert lab._sweep["now"] == ""


async def test_a_sweep_of_nothing_says_what_is_missing(lab: LatencyLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_module, "_FIRST_FIGURES_S", 0.2)
    with pytest.raises(NothingReceivedError, match="press Join"):
        await lab.sweep(timeslice=[20], seconds=1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"timeslice": [20, 0]}, "from 10 to 3000"),
        ({"timeslice": [math.nan]}, "from 10 to 3000"),
        ({"target_latency": [10]}, "from 60 to 4000"),
        ({"delay_ms": [-5]}, "from 0 to"),
        ({"timeslice": []}, "at least one"),
        ({"delay_ms": itertools.repeat(0)}, "at most 100"),
        ({"delay_ms": "0"}, "must be a number or a list of numbers"),
        ({"delay_ms": {0: 50}}, "must be a number or a list of numbers"),
        ({"delay_ms": object()}, "must be a number or a list of numbers"),
        ({"delay_ms": np.array(5)}, "must be a number or a list of numbers"),
        ({"delay_ms": ["50"]}, "delay_ms"),
        ({"timeslice": 20.5}, "from 10 to 3000"),
        ({"timeslice": True}, "from 10 to 3000"),
        ({"delay_ms": -1}, "from 0 to"),
        ({"rate_kbps": 1}, "from 8 to"),
        ({"timeslice": [20], "seconds": 0}, "from 1 to 600"),
        ({"timeslice": [20], "seconds": math.nan}, "from 1 to 600"),
        ({"timeslice": [20], "settle": -1}, "from 0 to 600"),
        ({"timeslice": [20], "seconds": True}, "from 1 to 600"),
        ({"timeslice": [20], "seconds": "3"}, "from 1 to 600"),
        ({"timeslice": [20], "settle": None}, "from 0 to 600"),
    ],
)
async def test_a_sweep_that_cannot_be_is_refused_before_it_starts(
    lab: LatencyLab, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidValueError, match=words):
        await lab.sweep(**settings)
    assert lab.timeslice == type(lab).timeslice.default_value


async def test_a_sweep_takes_one_setting(lab: LatencyLab) -> None:
    with pytest.raises(TypeError, match="one setting"):
        await lab.sweep(timeslice=[20], delay_ms=[1])
    with pytest.raises(TypeError, match="one setting"):
        await lab.sweep()


def test_a_row_of_no_samples_is_unknown_not_zero() -> None:
    row = sweep.summary("timeslice", 20, [{"latency_ms": -1, "stalls": 2}])
    assert (row["p50_ms"], row["p95_ms"], row["record_ms"], row["samples"]) == (None, None, None, 0)
    svg = sweep.draw("timeslice", "ms", [row], None)
    assert "nothing received" in svg
    assert well_formed(svg)


def test_a_table_shows_itself_as_text_and_as_html() -> None:
    rows = sweep.Table([sweep.summary("target_latency", None, [{"latency_ms": 123.0}])])
    assert "<td>123</td>" in rows._repr_html_()
    head, line = repr(rows).splitlines()
    assert head.split()[:2] == ["target_latency", "p50_ms"]
    assert line.split()[:2] == ["-", "123"]
    assert repr(sweep.Table([])) == "No rows."


def test_the_last_chart_is_shown_where_there_are_no_widgets(lab: LatencyLab) -> None:
    lab.set_state({"last_chart": "<svg/>"})
    data, _ = lab._repr_mimebundle_()
    assert base64.b64encode(b"<svg/>").decode() in data["text/html"]
