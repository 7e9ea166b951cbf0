from __future__ import annotations

import gc
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from relay_widget import launcher
from relay_widget.errors import RelayStartError
from relay_widget.monitor import Monitor, shared_monitor
from relay_widget.protocol import Event
from relay_widget.relays import OwnRelay

from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relay_widget.errors import RelayWidgetError
    from relay_widget.relays import Relay


class Listening:
    """Writes down what it hears."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.call = None
        self.heard: list[str] = []
        self.rooms: list[str] = []
        self.threads: set[str] = set()

    def on_relay(self, relay: Relay) -> None:  # noqa: ARG002
        self._note("relay")

    def on_snapshot(self, snapshot: dict[str, Any]) -> None:
        self._note("snapshot")
        self.rooms.append(snapshot["room"])

    def on_lost(self) -> None:
        self._note("lost")

    def on_failed(self, error: RelayWidgetError) -> None:
        self._note(error.code)

    def on_tick(self) -> None:
        self.threads.add(threading.current_thread().name)

    def standing(self) -> None:
        """It is no call."""

    def _note(self, what: str) -> None:
        if self.heard[-1:] != [what]:
            self.heard.append(what)


@pytest.fixture
def monitor(runtime: Path) -> Iterator[Monitor]:
    made = Monitor()
    yield made
    made.stop()  # before the relay is ended


def test_tells_relay_then_the_room(monitor: Monitor) -> None:
    listener = Listening("lab")
    monitor.add(listener)
    wait_until(lambda: "snapshot" in listener.heard)
    assert listener.heard == ["relay", "snapshot"]
    wait_until(lambda: bool(listener.threads))
    assert listener.threads == {"relay-widget-monitor"}


def test_what_is_collected_meanwhile_may_leave_the_monitor(monitor: Monitor) -> None:
    """In whatever thread and at whatever moment it is collected: nobody waits for a lock for ever."""
    collected: set[str] = set()
    ended = threading.Event()

    class Forgotten:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            collected.add(threading.current_thread().name)
            monitor.remove(never_added)
            if not ended.is_set():
                Forgotten()  # for the next collection

    never_added, listener = Listening("other"), Listening("lab")
    threshold = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        Forgotten()
        adding = threading.Thread(target=monitor.add, args=(listener,), daemon=True)
        adding.start()
        adding.join(20)
        assert not adding.is_alive()
        wait_until(lambda: "relay-widget-monitor" in collected)
    finally:
        ended.set()
        gc.set_threshold(*threshold)


def test_its_own_token_is_renewed_before_it_ends(monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    lifetime_s = 4
    monkeypatch.setattr("relay_widget.monitor._TOKEN_LIFETIME_S", lifetime_s)
    listener = Listening("lab")
    monitor.add(listener)
    wait_until(lambda: "snapshot" in listener.heard)
    time.sleep(1.5 * lifetime_s)
    monitor.request(Event.WATCH, {"room": "lab"})
    assert listener.heard == ["relay", "snapshot"]


def test_a_crash_is_told_and_healed(monitor: Monitor) -> None:
    listener = Listening("lab")
    monitor.add(listener)
    wait_until(lambda: "snapshot" in listener.heard)
    os.kill(launcher.ensure_relay().pid, signal.SIGKILL)
    wait_until(lambda: len(listener.heard) >= 5)
    assert listener.heard == ["relay", "snapshot", "lost", "relay", "snapshot"]


def test_every_listener_gets_its_own_room_at_once(monitor: Monitor) -> None:
    first, second, third = Listening("lab"), Listening("hall"), Listening("lab")
    for listener in (first, second, third):
        monitor.add(listener)
        wait_until(lambda listener=listener: bool(listener.rooms))
    assert {*first.rooms, *third.rooms} == {"lab"}
    assert {*second.rooms} == {"hall"}


def test_a_listener_that_moves_is_followed(monitor: Monitor) -> None:
    listener = Listening("lab")
    monitor.add(listener)
    wait_until(lambda: bool(listener.rooms))
    listener.room = "hall"
    monitor.moved(listener)
    wait_until(lambda: listener.rooms[-1] == "hall")


@pytest.mark.parametrize("room", ["lab", "hall"])
def test_a_late_listener_is_told_the_relay_and_its_room(monitor: Monitor, room: str) -> None:
    first, late = Listening("lab"), Listening(room)
    monitor.add(first)
    wait_until(lambda: "snapshot" in first.heard)
    monitor.add(late)
    wait_until(lambda: "snapshot" in late.heard)
    assert late.heard == ["relay", "snapshot"]
    monitor.remove(late)
    late.heard.clear()
    monitor.add(late)
    wait_until(lambda: "snapshot" in late.heard)
    assert late.heard == ["relay", "snapshot"], "and again, when it comes again"
    assert first.heard == ["relay", "snapshot"]


def test_a_listener_that_moves_is_told_the_known_state_of_its_new_room(monitor: Monitor) -> None:
    there, mover = Listening("hall"), Listening("lab")
    monitor.add(there)
    monitor.add(mover)
    wait_until(lambda: bool(there.rooms) and bool(mover.rooms))
    mover.room = "hall"
    monitor.moved(mover)
    wait_until(lambda: mover.rooms[-1] == "hall")
    mover.room = "lab"
    monitor.moved(mover)
    wait_until(lambda: mover.rooms[-1] == "lab")


def test_a_late_listener_is_told_what_has_failed(monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that comes between two attempts, and one that moves to another room."""
    found, trying_again = launcher.ensure_relay(), threading.Event()
    attempts: list[int] = []

    def find_or_start(_named: object) -> OwnRelay:
        attempts.append(1)
        if len(attempts) == 1:
            raise RelayStartError("disk-full", "The disk is full.")
        assert trying_again.wait(60)
        return OwnRelay(found)

    monkeypatch.setattr("relay_widget.monitor.find_or_start", find_or_start)
    first, late = Listening("lab"), Listening("hall")
    monitor.add(first)
    wait_until(lambda: first.heard == ["disk-full"])
    monitor.add(late)
    wait_until(lambda: late.heard == ["disk-full"])
    late.heard.clear()
    late.room = "elsewhere"
    monitor.moved(late)
    wait_until(lambda: late.heard == ["disk-full"])
    with pytest.raises(RelayStartError):
        monitor.request(Event.WATCH, {"room": "lab"})
    wait_until(lambda: bool(late.threads))  # time goes on for them, too
    trying_again.set()
    wait_until(lambda: late.heard == ["disk-full", "relay", "snapshot"])


def test_the_thread_ends_with_its_last_listener(monitor: Monitor) -> None:
    listener = Listening("lab")
    monitor.add(listener)
    wait_until(lambda: bool(listener.rooms))
    (thread,) = (t for t in threading.enumerate() if t.name == "relay-widget-monitor")
    monitor.remove(listener)
    wait_until(lambda: not thread.is_alive())
    monitor.add(listener)
    listener.rooms.clear()
    wait_until(lambda: bool(listener.rooms))


def test_there_is_one_for_each_process() -> None:
    assert shared_monitor() is shared_monitor()
