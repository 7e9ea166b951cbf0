from __future__ import annotations

import random

import pytest
from msgspec import structs

from relay_widget.recording.timeline import Line, Witness, epochs, fit

from .records import START_MS, received


def test_an_epoch_lies_on_one_line() -> None:
    assert fit([(0, 1000), (20, 1020), (40, 1040)]) == Line(1000)
    assert Line(1000).at_ms(40) == 1040


def test_a_wrong_stamp_moves_nothing() -> None:
    stamps = [(20.0 * n, 5000 + 20.0 * n) for n in range(100)]
    stamps[10] = (200, 9_000_000)
    stamps[50] = (1000, 0)
    assert fit(stamps) == Line(5000)


@pytest.mark.parametrize("drift", [-2e-4, 0, 2e-4])
def test_two_clocks_that_drift_apart(drift: float) -> None:
    noise = random.Random(1)  # noqa: S311
    stamps = [(20.0 * n, 7000 + 20.0 * n * (1 + drift) + noise.uniform(-5, 5)) for n in range(30_000)]
    line = fit(stamps)
    for media_ms in (0, 300_000, 600_000):
        assert line.at_ms(media_ms) == pytest.approx(7000 + media_ms * (1 + drift), abs=2)


def test_a_clock_that_was_set_is_no_drift() -> None:
    stamps = [(20.0 * n, 20.0 * n + (900_000 if n > 20_000 else 0)) for n in range(30_000)]
    assert fit(stamps).rate == 1


def test_each_init_begins_an_epoch() -> None:
    first = received("key")
    second = received("key", epoch=2, at_ms=START_MS + 900)
    found = epochs(
        [
            received("init", data=b"one"),
            first._replace(header=structs.replace(first.header, captured_ms=START_MS - 40, media_ms=60)),
            received("init", epoch=2, data=b"two"),
            second._replace(header=structs.replace(second.header, media_ms=100)),
            received("delta", epoch=2, number=1),
            received("init", epoch=3, data=b"of nothing"),
        ],
        Witness(START_MS, START_MS + 1000),
    )
    assert [(epoch.init, epoch.start, epoch.stop) for epoch in found] == [(b"one", 1, 2), (b"two", 3, 5)]
    assert found[0].line == Line(START_MS - 100)
    assert found[1].line == Line(START_MS + 800)  # nobody said when it was taken: when it was relayed


def test_without_media_times_it_is_when_it_was_relayed() -> None:
    objects = [received("init"), received("key", at_ms=START_MS + 70)._replace(relayed_ms=START_MS + 50)]
    [epoch] = epochs(objects, Witness(START_MS, START_MS + 70))
    assert (epoch.line, epoch.relayed_ms) == (None, START_MS + 50)
