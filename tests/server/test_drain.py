"""How a queue drains, in virtual time."""

from __future__ import annotations

import pytest

from relay_widget.server.drain import MEMORY_MS, WINDOW_MS, Drain

STEP_MS = 20
MBITS, KBITS_300 = 125.0, 37.5  # bytes a millisecond


class Queue:
    """A queue that drains at a rate set by hand, in lumps as a socket does."""

    def __init__(self, lump_bytes: int = 1) -> None:
        self.now_ms = 1000.0
        self.waiting = 0
        self.drain = Drain()
        self.bytes_per_ms = 0.0
        self._lump_bytes = lump_bytes
        self._credit_bytes = 0.0

    def write(self, size_bytes: int) -> None:
        if self.waiting or self.drain.busy:  # as the outlet does
            self.drain.wrote(size_bytes, self.waiting, self.now_ms)
        self.waiting += size_bytes

    def run(self, for_ms: int, *, write_bytes: int) -> list[float]:
        """Write so much every 20 ms; the wait at each of these moments."""
        waits_ms = []
        for _ in range(0, for_ms, STEP_MS):
            if write_bytes:
                self.write(write_bytes)
            self.now_ms += STEP_MS
            self._credit_bytes += STEP_MS * self.bytes_per_ms
            if self._credit_bytes >= self._lump_bytes:
                gone = min(self.waiting, int(self._credit_bytes))
                self.waiting -= gone
                self._credit_bytes = 0
            waits_ms.append(self.wait_ms())
        return waits_ms

    def wait_ms(self) -> float:
        return self.drain.wait_ms(self.waiting, self.now_ms)


def test_who_takes_nothing_is_still() -> None:
    queue = Queue()
    queue.run(1000, write_bytes=2500)
    assert queue.drain.still_ms(queue.waiting, queue.now_ms) == pytest.approx(1000, abs=STEP_MS)
    queue.bytes_per_ms = KBITS_300
    queue.run(1000, write_bytes=2500)
    assert queue.drain.still_ms(queue.waiting, queue.now_ms) <= STEP_MS
    queue.waiting = 0
    assert queue.drain.still_ms(0, queue.now_ms + 1000) == 0


def test_a_queue_that_drains_at_once_does_not_wait() -> None:
    queue = Queue()
    queue.bytes_per_ms = 1000
    assert set(queue.run(2000, write_bytes=2500)) == {0}
    assert not queue.drain.busy


@pytest.mark.parametrize("lump_bytes", [1, 8192])
def test_a_link_too_slow_is_noticed_within_a_second(lump_bytes: int) -> None:
    queue = Queue(lump_bytes)
    queue.bytes_per_ms = KBITS_300
    waits_ms = queue.run(1000, write_bytes=2500)  # 1 Mbit/s
    assert waits_ms[-1] == pytest.approx(queue.waiting / KBITS_300, rel=0.2)
    assert waits_ms[-1] > 1000


def test_the_wait_falls_with_what_waits_and_a_rate_is_remembered_for_a_while() -> None:
    queue = Queue()
    queue.bytes_per_ms = KBITS_300
    queue.run(1000, write_bytes=2500)
    while queue.waiting:
        queue.run(STEP_MS, write_bytes=0)
    assert (queue.wait_ms(), queue.drain.busy) == (0, False)
    queue.write(37_500)
    assert queue.wait_ms() == pytest.approx(1000, rel=0.05)
    queue.now_ms += MEMORY_MS + 1
    assert queue.wait_ms() == 0


def test_a_queue_that_stands_is_measured_by_its_time() -> None:
    queue = Queue()
    queue.bytes_per_ms = MBITS
    queue.write(int(400 * MBITS))  # and then as much comes as goes
    assert queue.run(2000, write_bytes=2500)[-1] == pytest.approx(400, abs=20)


@pytest.mark.parametrize("pause_ms", [200, 800, 3000])
@pytest.mark.parametrize("lump_bytes", [1, 8192])
def test_a_pause_is_no_slow_link(pause_ms: int, lump_bytes: int) -> None:
    queue = Queue(lump_bytes)
    queue.bytes_per_ms = 1000
    queue.run(1000, write_bytes=2500)
    queue.bytes_per_ms = 0
    assert set(queue.run(pause_ms, write_bytes=2500)) == {0}
    queue.bytes_per_ms = 100 * MBITS
    assert set(queue.run(1000, write_bytes=2500)) == {0}


def test_one_that_is_slow_after_a_pause_is_slow() -> None:
    queue = Queue()
    queue.run(3000, write_bytes=2500)
    queue.bytes_per_ms = MBITS
    waits_ms = queue.run(1000, write_bytes=2500)
    assert waits_ms[-1] == pytest.approx(3000, rel=0.1)
    assert set(waits_ms[: WINDOW_MS // STEP_MS - 1]) == {0}


def test_a_pause_of_a_slow_link_does_not_make_it_slower() -> None:
    queue = Queue()
    queue.bytes_per_ms = KBITS_300
    queue.run(1000, write_bytes=2500)
    queue.bytes_per_ms = 0
    queue.run(2000, write_bytes=50)
    queue.bytes_per_ms = KBITS_300
    waits_ms = queue.run(1000, write_bytes=50)
    assert waits_ms[0] == pytest.approx(queue.waiting / KBITS_300, rel=0.6)
    assert waits_ms[-1] == pytest.approx(queue.waiting / KBITS_300, rel=0.1)
