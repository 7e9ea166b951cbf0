"""The simulated link, in virtual time."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_widget.core.link import LABEL_BYTES, Link, LinkObject
from relay_widget.protocol import Impairment

from .media import seeded

VIDEO, AUDIO = ("ada", "video"), ("ada", "audio")
START_MS = 1_795_415_497_000.0


def an_object(size_bytes: int, track: tuple[str, str] = VIDEO, **label: Any) -> LinkObject:
    return LinkObject(track, label, bytes(size_bytes - LABEL_BYTES))


def number_of(item: LinkObject) -> int:
    assert isinstance(item.label, dict)
    return int(item.label["number"])


def arrivals(link: Link) -> list[tuple[float, LinkObject]]:
    """Everything that still arrives, and when, from the link's beginning on."""
    arrived = []
    while link.due_ms < inf:
        arrived += [(item.due_ms - START_MS, item) for item in link.take_due(link.due_ms)]
    return arrived


def link(**impairment: float) -> Link:
    return Link(Impairment(**impairment), START_MS, seeded())


def times(link: Link) -> list[float]:
    return [round(at_ms, 1) for at_ms, _ in arrivals(link)]


def test_an_object_takes_its_bytes_time_and_the_delay() -> None:
    slow = link(rate_kbps=80, delay_ms=100)  # 10 bytes a millisecond
    slow.push(an_object(500), START_MS, audio=False)
    slow.push(an_object(500), START_MS, audio=False)
    slow.push(an_object(1000), START_MS + 500, audio=False)
    assert times(slow) == [150, 200, 700]


def test_without_a_rate_only_the_delay_counts() -> None:
    far = link(delay_ms=100)
    far.push(an_object(1_000_000), START_MS, audio=False)
    far.push(an_object(300), START_MS + 1, audio=False)
    assert times(far) == [100, 101]
    assert link(delay_ms=100).passes_bytes(1) == inf


def test_jitter_delays_by_up_to_so_much_and_keeps_the_order() -> None:
    shaky = link(delay_ms=50, jitter_ms=100)
    for number in range(200):
        shaky.push(an_object(300, number=number), START_MS + 10 * number, audio=False)
    arrived = arrivals(shaky)
    assert [number_of(item) for _, item in arrived] == list(range(200))
    late_ms = [at_ms - 10 * number for number, (at_ms, _) in enumerate(arrived)]
    assert min(late_ms) >= 50
    assert max(late_ms) <= 150
    assert max(late_ms) - min(late_ms) > 50


def test_sound_goes_before_what_waits_and_interrupts_what_is_sent() -> None:
    slow = link(rate_kbps=80)
    slow.push(an_object(2000), START_MS, audio=False)  # alone it would arrive at 200
    slow.push(an_object(1000), START_MS, audio=False)
    slow.push(an_object(500, AUDIO), START_MS + 100, audio=True)
    assert [(round(at_ms, 1), item.track) for at_ms, item in arrivals(slow)] == [
        (150, AUDIO),
        (250, VIDEO),
        (350, VIDEO),
    ]


def test_a_track_that_becomes_audio_only_does_not_overtake_itself() -> None:
    slow = link(rate_kbps=80)
    slow.push(an_object(2000, number=1), START_MS, audio=False)
    slow.push(an_object(500, number=2), START_MS, audio=True)
    slow.push(an_object(500, AUDIO, number=3), START_MS, audio=True)
    assert [number_of(item) for _, item in arrivals(slow)] == [3, 1, 2]


def test_a_stall_begins_at_once_and_comes_again() -> None:
    bad = link(stall_ms=300, stall_every_ms=1000)
    for at_ms in (0, 299, 300, 999, 1000, 1500, 2200):
        bad.push(an_object(300), START_MS + at_ms, audio=False)
    assert times(bad) == [300, 300, 300, 999, 1300, 1500, 2300]


def test_a_change_of_something_else_does_not_begin_another_stall() -> None:
    bad = link(stall_ms=300, stall_every_ms=1000)
    bad.change(Impairment(stall_ms=300, stall_every_ms=1000, delay_ms=10), START_MS + 500)
    bad.push(an_object(300), START_MS + 600, audio=False)
    bad.change(Impairment(stall_ms=400, stall_every_ms=1000), START_MS + 650)
    bad.push(an_object(300), START_MS + 700, audio=False)
    assert times(bad) == [610, 1050]


def test_what_a_stall_interrupts_goes_on_afterwards() -> None:
    bad = link(rate_kbps=80, stall_ms=300, stall_every_ms=1000)
    bad.push(an_object(9000), START_MS + 900, audio=False)  # 900 ms of work: 100, then 700, then 100
    bad.push(an_object(1000), START_MS + 900, audio=False)
    waiting_bytes, waiting_ms = bad.waiting(START_MS + 1100, audio=False)
    assert (round(waiting_bytes), round(waiting_ms)) == (9000, 900)
    assert times(bad) == [2400, 2500]


def test_back_to_less_nothing_is_overtaken() -> None:
    far = link(delay_ms=5000, jitter_ms=1000)
    far.push(an_object(300, number=1), START_MS, audio=False)
    far.change(Impairment(delay_ms=10), START_MS + 100)
    far.push(an_object(300, number=2), START_MS + 105, audio=False)
    assert [(at_ms, number_of(item)) for at_ms, item in arrivals(far)] == [(110, 1), (115, 2)]


def test_another_rate_holds_for_what_waits() -> None:
    slow = link(rate_kbps=80)
    slow.push(an_object(2000), START_MS, audio=False)
    slow.change(Impairment(rate_kbps=800), START_MS + 100)  # half of it is through
    assert times(slow) == [110]


def test_taken_away_it_gives_everything_in_order() -> None:
    slow = link(rate_kbps=80, delay_ms=100)
    for number in range(4):
        slow.push(an_object(500, number=number), START_MS, audio=False)
    slow.take_due(START_MS + 160)
    assert [number_of(item) for item in slow.take_all()] == [1, 2, 3]
    assert (slow.due_ms, slow.held_bytes) == (inf, 0)


def test_what_is_taken_back_is_forgotten() -> None:
    slow = link(rate_kbps=80, delay_ms=100)
    for track in (VIDEO, AUDIO, ("bob", "video")):
        for _ in range(3):
            slow.push(an_object(500, track), START_MS, audio=track is AUDIO)
    slow.take_due(START_MS + 60)  # one is sent, and has not arrived
    slow.forget("ada", "video")
    assert slow.held_bytes == pytest.approx(2900, abs=1)
    assert [item.track for _, item in arrivals(slow)] == [AUDIO] * 3 + [("bob", "video")] * 3
    slow.push(an_object(500), START_MS + 5000, audio=False)
    slow.forget("ada")
    assert (slow.due_ms, slow.held_bytes) == (inf, 0)


IMPAIRMENT = st.builds(
    Impairment,
    delay_ms=st.floats(0, 500),
    jitter_ms=st.floats(0, 500),
    rate_kbps=st.none() | st.floats(8, 5000),
    stall_ms=st.floats(0, 900),
    stall_every_ms=st.floats(901, 3000),
)
STEP = st.one_of(
    st.tuples(st.just("push"), st.sampled_from(["a", "v", "w"]), st.integers(LABEL_BYTES, 20_000)),
    st.tuples(st.just("wait"), st.floats(0, 700)),
    st.tuples(st.just("take")),
    st.tuples(st.just("change"), IMPAIRMENT),
)


@given(IMPAIRMENT, st.lists(STEP, max_size=60), st.integers())
def test_whatever_is_wrong_each_track_arrives_whole_and_in_order(
    impairment: Impairment, steps: list[tuple[Any, ...]], seed: int
) -> None:
    bad = Link(impairment, START_MS, seeded(seed))
    now_ms = START_MS
    pushed: list[LinkObject] = []
    arrived: list[LinkObject] = []
    pushed_ms: list[float] = []
    for step in steps:
        match step:
            case ("push", track, size_bytes):
                pushed.append(an_object(size_bytes, ("ada", track), number=len(pushed)))
                pushed_ms.append(now_ms)
                bad.push(pushed[-1], now_ms, audio=track == "a")
            case ("wait", time_ms):
                now_ms += time_ms
            case ("take",):
                arrived += bad.take_due(now_ms)
            case ("change", other):
                bad.change(other, now_ms)
    for _ in range(10_000):
        if bad.due_ms == inf:
            break
        now_ms = max(now_ms, bad.due_ms)
        arrived += bad.take_due(now_ms)
    assert (bad.due_ms, bad.held_bytes) == (inf, 0)
    assert sorted(number_of(item) for item in arrived) == list(range(len(pushed)))
    for track in "avw":
        mine = [item for item in arrived if item.track[1] == track]
        assert mine == [item for item in pushed if item.track[1] == track]
    for item in arrived:
        assert item.due_ms >= pushed_ms[number_of(item)]


@given(IMPAIRMENT, st.lists(st.tuples(st.floats(0, 300), st.integers(LABEL_BYTES, 5000)), min_size=1, max_size=30))
def test_nothing_is_faster_than_the_link(impairment: Impairment, sends: list[tuple[float, int]]) -> None:
    bad = Link(impairment, START_MS, seeded())
    at_ms = START_MS
    sent = []
    for wait_ms, size_bytes in sends:
        at_ms += wait_ms
        sent.append((at_ms, size_bytes))
        bad.push(an_object(size_bytes), at_ms, audio=False)
    for (pushed_ms, size_bytes), (arrived_ms, _) in zip(sent, arrivals(bad), strict=True):
        work_ms = 8 * size_bytes / impairment.rate_kbps if impairment.rate_kbps else 0
        assert arrived_ms + START_MS >= pushed_ms + work_ms + impairment.delay_ms - 0.01
        sent_ms = arrived_ms + START_MS - impairment.delay_ms
        if impairment.stall_ms and not impairment.jitter_ms:
            # Nothing has been sent within a stall.
            into_ms = (sent_ms - START_MS) % impairment.stall_every_ms
            assert into_ms >= impairment.stall_ms - 0.01 or into_ms < 0.01
