from __future__ import annotations

from math import inf

import pytest

from relay_widget.clock import RelayClock, local_ms


def test_it_runs_as_this_process_does_while_nothing_is_known() -> None:
    clock = RelayClock()
    assert clock.error_ms == inf
    assert clock.to_relay_ms(5) == 5


def test_one_exchange_is_known_to_half_of_the_way_there_and_back() -> None:
    clock = RelayClock()
    clock.add(1000, 61_005, 1010)
    assert clock.to_relay_ms(1005) == 61_005
    assert clock.error_ms == 5


def test_what_all_exchanges_agree_on_is_known() -> None:
    clock = RelayClock()
    clock.add(1000, 61_001, 1010)  # the offset is from 59,991 to 60,001
    clock.add(1010, 61_019, 1020)  # and from 59,999 to 60,009
    assert clock.to_relay_ms(1020) == pytest.approx(61_020, abs=0.01)
    assert clock.error_ms == pytest.approx(1, abs=0.01)


def test_it_grows_vague_with_time() -> None:
    clock = RelayClock()
    clock.add(1000, 61_000, 1000)
    clock.add(101_000, 161_050, 101_100)
    assert clock.error_ms == pytest.approx(10, abs=0.1)  # 100 s at 100 ppm


def test_a_clock_that_stepped_is_believed() -> None:
    clock = RelayClock()
    clock.add(1000, 61_000, 1002)
    clock.add(2000, 99_000, 2002)
    assert clock.to_relay_ms(2001) == 99_000


def test_after_a_reset_the_next_exchange_counts_alone() -> None:
    clock = RelayClock()
    clock.add(1000, 61_000, 1002)
    clock.reset()
    assert clock.error_ms == inf
    clock.add(1000, 61_000, 1100)
    assert clock.error_ms == 50


def test_now_is_local_time_moved() -> None:
    clock = RelayClock()
    clock.add(1000, 2000, 1000)
    assert clock.now_ms() - local_ms() == pytest.approx(1000, abs=5)
