"""The wait of a queue, in virtual time."""

from __future__ import annotations

from relay_widget.server.wait import WINDOW_MS, QueueWait


class Queue:
    """A queue that drains at a rate set by hand."""

    def __init__(self) -> None:
        self.now_ms = 1000.0
        self.waiting = 0.0
        self.wait = QueueWait()
        self.bytes_per_ms = 0.0

    def write(self, size_bytes: int) -> None:
        queued_bytes = int(self.waiting)
        if queued_bytes or self.wait:  # as the outlet does
            self.wait.wrote(size_bytes, queued_bytes, self.now_ms)
        self.waiting += size_bytes

    def run(self, for_ms: int, *, write_bytes: int, every_ms: int = 20) -> list[float]:
        """Write so much every so often; the wait at each of these moments."""
        waits_ms = []
        for _ in range(0, for_ms, every_ms):
            self.write(write_bytes)
            self.now_ms += every_ms
            self.waiting = max(0.0, self.waiting - every_ms * self.bytes_per_ms)
            waits_ms.append(self.wait_ms())
        return waits_ms

    def wait_ms(self) -> float:
        return self.wait.wait_ms(int(self.waiting), self.now_ms)


def test_a_queue_that_drains_at_once_does_not_wait() -> None:
    queue = Queue()
    queue.bytes_per_ms = 1000
    assert set(queue.run(2000, write_bytes=2500)) == {0}
    assert not queue.wait


def test_a_link_too_slow_is_noticed_by_its_wait() -> None:
    queue = Queue()
    queue.bytes_per_ms = 37.5  # 300 kbit/s, for 1 Mbit/s
    waits_ms = queue.run(3000, write_bytes=2500)
    over = next(index for index, wait_ms in enumerate(waits_ms) if wait_ms > 500)
    assert 500 < over * 20 < 1500
    # Nothing more is written: it drains, and is as new.
    queue.run(10_000, write_bytes=0)
    assert (queue.waiting, queue.wait_ms()) == (0, 0)
    assert not queue.wait


def test_a_standing_queue_is_measured_by_its_wait_not_its_bytes() -> None:
    queue = Queue()
    queue.bytes_per_ms = 125
    queue.write(125 * 400)  # 400 ms, and then as much comes as goes
    assert 380 <= queue.run(2000, write_bytes=2500)[-1] <= 420


def test_a_pause_is_no_slow_link() -> None:
    queue = Queue()
    queue.bytes_per_ms = 1000
    queue.run(1000, write_bytes=2500)
    queue.bytes_per_ms = 0
    assert set(queue.run(3000, write_bytes=2500)) == {0}
    queue.bytes_per_ms = 12_500  # after which everything goes in 30 ms
    assert set(queue.run(1000, write_bytes=2500)) == {0}


def test_one_that_stays_slow_after_a_pause_is() -> None:
    queue = Queue()
    queue.run(3000, write_bytes=2500)
    queue.bytes_per_ms = 125
    waits_ms = queue.run(1000, write_bytes=2500)
    assert waits_ms[-1] > 500
    assert waits_ms[0] == 0
    assert all(wait_ms == 0 for wait_ms in waits_ms[: WINDOW_MS // 20 - 1])


def test_a_slow_link_that_pauses_stays_slow() -> None:
    queue = Queue()
    queue.bytes_per_ms = 37.5
    assert queue.run(2000, write_bytes=2500)[-1] > 500
    queue.bytes_per_ms = 0
    assert min(queue.run(1000, write_bytes=50)) > 500
