from __future__ import annotations

import asyncio
import http.client
import inspect
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import socketio

from relay_widget import (
    Call,
    InvalidValueError,
    LatencyLab,
    PeersTimeoutError,
    RelayRequestError,
    RelayStartError,
    RelayWidgetError,
    follower,
    launcher,
    monitor,
)
from relay_widget.checkup.probes import look
from relay_widget.checkup.rows import rows_of
from relay_widget.grants import Grant
from relay_widget.protocol import Event
from relay_widget.tokens import mint, verify

from .waiting import no_monitor_runs, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def call(runtime: Path) -> Iterator[Call]:
    made = Call(room="lab", name="Ada")
    yield made
    made.close()


class Page:
    """Stands in for the call's browser page: a Socket.IO client with the ticket that the call hands out."""

    def __init__(self, call: Call, *, own: bool, token: str | None = None) -> None:
        self.client = socketio.SimpleClient()
        relay = launcher.ensure_relay()
        if own:
            self.token = heard(call, "ticket")["token"]
        else:
            self.token = token or mint(relay.secret, role="peer", lifetime_s=600)
        self.client.connect(relay.url, auth={"token": self.token, "protocol": 1}, transports=["websocket"])

    def join(self, room: str, name: str) -> dict[str, Any]:
        ack: dict[str, Any] = self.client.call("join", {"room": room, "name": name})
        assert ack["ok"], ack
        return ack

    def hears(self, event: str) -> Any:
        """What comes with the next such event; others are passed over."""
        while True:
            name, *what = self.client.receive(timeout=20)
            if name == event:
                return what[0]

    def close(self) -> None:
        self.client.disconnect()


def heard(call: Call, kind: str) -> dict[str, Any]:
    """The next message of this kind that the call sends to its page."""
    messages: list[dict[str, Any]] = []
    arrived = threading.Event()
    send = call.send

    def listen(content: dict[str, Any], buffers: object = None) -> None:
        send(content, buffers)
        if content["kind"] == kind:
            messages.append(content)
            arrived.set()

    call.send = listen
    try:
        assert arrived.wait(20)
    finally:
        call.send = send
    return messages[0]


def test_nothing_is_in_the_way_of_a_new_call(call: Call) -> None:
    assert (call.state, call.error) == ("idle", None)


def test_unknown_arguments_are_refused_with_a_hint() -> None:
    with pytest.raises(TypeError, match="did you mean 'microphone'"):
        Call(room="lab", micropone=False)


@pytest.mark.parametrize("room", ["", "   ", "x" * 65, "line\nbreak"])
def test_unusable_rooms_are_refused(room: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        Call(room=room)
    assert refused.value.code == "bad-room"


def test_a_refused_assignment_changes_nothing(call: Call) -> None:
    with pytest.raises(InvalidValueError) as refused:
        call.name = ""
    assert (refused.value.code, call.name) == ("bad-name", "Ada")


@pytest.mark.parametrize("trait", ["state", "transport", "error", "peers", "queue_depth", "queue_depths", "stats"])
def test_traits_that_tell_cannot_be_written(call: Call, trait: str) -> None:
    with pytest.raises(Exception, match="read-only"):
        setattr(call, trait, getattr(call, trait))


def test_every_trait_has_a_docstring_with_default_or_direction() -> None:
    text = inspect.getsource(sys.modules[Call.__module__])
    own = [name for name, trait in Call.class_traits().items() if trait.this_class is Call and not name.startswith("_")]
    assert len(own) > 10
    for name in own:
        after = re.split(rf"\n    {name}(?:: .+)? = ", text, maxsplit=1)[1].split('"""', 2)[1]
        assert after.startswith(("Read and write", "Read only")), name


def test_no_synced_trait_holds_a_token_and_no_state_is_saved(call: Call) -> None:
    token = heard(call, "ticket")["token"]
    state = call.get_state()
    assert token not in repr(state)
    assert launcher.ensure_relay().secret not in repr(state)
    assert not {"peers", "stats", "state", "error", "queue_depths"} & state.keys()


def test_repr_is_stable(call: Call) -> None:
    assert repr(call) == "Call(room='lab', name='Ada')"


def test_peers_are_seen_without_a_browser(call: Call) -> None:
    page = Page(call, own=False)
    page.join("lab", "Grace")
    (grace,) = call.wait_for_peers(1, timeout=20)
    assert grace.name == "Grace"
    page.close()
    wait_until(lambda: call.peers == ())


def test_wait_for_peers_names_the_other_machines_of_the_user(call: Call) -> None:
    record = launcher.runtime_file().with_name(f"{launcher.runtime_file().stem}.elsewhere.json")
    record.touch(0o600)
    record.write_text('{"boot": "elsewhere", "machine": "desk"}')
    try:
        wait_until(lambda: call._follower._relay is not None)
        with pytest.raises(PeersTimeoutError, match=r"desk, too, .* RELAY_WIDGET_URL"):
            call.wait_for_peers(timeout=0.1)
        [row] = [row for row in rows_of(look()[0]) if row.check == "machines"]
        assert (row.state, row.code) == ("warning", "other-machine")
        assert "desk" in row.advice
    finally:
        record.unlink()


def test_wait_for_peers_gives_up_in_time_and_says_so(call: Call) -> None:
    with pytest.raises(PeersTimeoutError, match="0 of 2 peers were in room 'lab'"):
        call.wait_for_peers(2, timeout=0.2)


def test_own_participant_makes_the_state_joined_and_feeds_the_figures(call: Call) -> None:
    grace = Page(call, own=False)
    grace_id = grace.join("lab", "Grace")["peer"]
    own = Page(call, own=True)
    own.join("lab", "Ada")
    wait_until(lambda: call.state == "joined")
    figures = {"queue_depth": 5, "latency_ms": 120.5, "stalls": 1, "buffered_s": 0.1}
    own.client.emit("report", {"peers": {grace_id: figures}, "sent": {"bytes": 10, "chunks": 1, "bitrate_kbps": 8}})
    wait_until(lambda: call.queue_depth == 5)
    assert call.queue_depths == {grace_id: 5}
    assert [peer.name for peer in call.peers] == ["Grace"]
    assert call.peers[0].figures == figures
    assert call.stats["latency_ms"] == 120.5
    assert call.stats["sent_kbps"] == 8
    own.close()
    wait_until(lambda: call.state == "reconnecting")
    grace.close()


def test_traits_move_while_this_thread_is_busy(call: Call) -> None:
    """Pure Python holding the interpreter, as a cell does: the monitor still gets its turns."""
    relay = launcher.ensure_relay()
    auth = {"token": mint(relay.secret, role="peer", lifetime_s=600), "protocol": 1}
    code = (
        "import socketio, time; c = socketio.SimpleClient();"
        f"c.connect({relay.url!r}, auth={auth!r}, transports=['websocket']);"
        "c.call('join', {'room': 'lab', 'name': 'Grace'}); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code])
    try:
        deadline_s = time.monotonic() + 60
        while not call.peers and time.monotonic() < deadline_s:
            sum(range(1000))
        assert [peer.name for peer in call.peers] == ["Grace"]
    finally:
        other.kill()
        other.wait()


def test_assigning_room_moves_what_is_followed(call: Call) -> None:
    page = Page(call, own=False)
    page.join("elsewhere", "Grace")
    call.room = "elsewhere"
    assert [peer.name for peer in call.wait_for_peers(1, timeout=20)] == ["Grace"]
    call.room = "lab"
    wait_until(lambda: call.peers == ())
    page.close()


def test_a_killed_relay_is_started_again_and_followed(call: Call) -> None:
    heard(call, "ticket")
    first = launcher.ensure_relay()
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: (relay := launcher.find_relay()) is not None and relay.pid != first.pid)
    page = Page(call, own=False)
    page.join("lab", "Grace")
    assert call.wait_for_peers(1, timeout=20)
    page.close()


def told_to(call: Call) -> list[dict[str, Any]]:
    """All that the call says to its page from now on."""
    told: list[dict[str, Any]] = []
    call.send = lambda content, _buffers=None: told.append(content)
    return told


class TestAlive:
    def beats(self, told: list[dict[str, Any]]) -> int:
        return sum(word == {"kind": "alive"} for word in told)

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("relay_widget.call_session.ALIVE_INTERVAL_S", 0.01)

    def test_a_page_hears_it_from_its_hello_on_until_the_call_is_closed(self, call: Call) -> None:
        told = told_to(call)
        wait_until(lambda: any(word["kind"] == "ticket" for word in told))
        assert self.beats(told) == 0, "no page has said hello"
        page_says(call, kind="hello", origin="https://lab.example")
        deadline_s = time.monotonic() + 60
        while self.beats(told) < 3 and time.monotonic() < deadline_s:
            sum(range(1000))  # the interpreter is held, as by a cell
        assert self.beats(told) >= 3
        call.close()
        wait_until(no_monitor_runs)
        closed_at = self.beats(told)
        call._follower.on_tick()
        assert self.beats(told) == closed_at, "not after it is closed"

    def test_it_is_said_while_no_relay_is_found(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").write_text("not a folder")
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file"))
        call = Call(room="lab", name="Ada")
        told = told_to(call)
        try:
            page_says(call, kind="hello", origin="https://lab.example")
            wait_until(lambda: self.beats(told) >= 3)
            assert not any(word["kind"] == "ticket" for word in told)
        finally:
            call.close()
            wait_until(no_monitor_runs)


def test_the_page_s_word_sets_state_and_error(call: Call) -> None:
    error = {"code": "permission-denied", "message": "The browser has blocked the camera."}
    call._follower.on_page_message({"kind": "state", "state": "failed", "error": error})
    assert (call.state, call.error) == ("failed", error)
    call._follower.on_page_message({"kind": "state", "state": "no such state"})
    assert call.state == "failed"


def test_what_the_page_sends_and_cannot_be_used_is_rolled_back(call: Call) -> None:
    with pytest.raises(InvalidValueError):
        call.set_state({"name": ""})
    assert call.name == "Ada"


def test_leaving_is_told_although_the_page_s_word_waits(call: Call) -> None:
    own = Page(call, own=True)
    own.join("lab", "Ada")
    wait_until(lambda: call.state == "joined")
    call.leave()
    own.close()
    wait_until(lambda: call.state == "left")


def test_a_page_that_is_closed_has_left_although_it_cannot_say_so_to_its_kernel(call: Call) -> None:
    own = Page(call, own=True)
    own.join("lab", "Ada")
    wait_until(lambda: call.state == "joined")
    states: list[str] = []
    call.observe(lambda change: states.append(change["new"]), "state")
    own.client.call("leave")
    own.close()
    wait_until(lambda: call.state != "joined")
    assert states == ["left"]


def test_a_page_that_says_it_has_gone_is_believed_although_the_relay_still_names_it(call: Call) -> None:
    own, grace = Page(call, own=True), Page(call, own=False)
    own.join("lab", "Ada")
    wait_until(lambda: call.state == "joined")
    call._follower.on_page_message({"kind": "state", "state": "idle", "error": None})
    grace.join("lab", "Grace")
    call.wait_for_peers(1, timeout=20)  # so one more word of the relay has come, with the page's participant in it
    own.close()
    wait_until(lambda: call.state != "joined")
    assert call.state == "idle"
    grace.close()


def test_a_closed_call_tells_no_old_news(call: Call) -> None:
    page = Page(call, own=False)
    page.join("lab", "Grace")
    call.wait_for_peers(1, timeout=20)
    call.close()
    assert (call.state, call.peers, call.queue_depth) == ("left", (), 0)
    page.close()


def test_join_is_said_again_until_a_page_hears_it(call: Call) -> None:
    call.join()
    assert heard(call, "join") == {"kind": "join"}
    call._follower.on_page_message({"kind": "state", "state": "connecting", "error": None})
    call._follower.on_page_message({"kind": "state", "state": "idle", "error": None})
    call.leave()


def test_two_calls_of_one_kernel_share_one_connection(runtime: Path) -> None:
    calls = [Call(room="lab", name=name) for name in ("Ada", "Grace")]
    monitors = [thread for thread in threading.enumerate() if thread.name == "relay-widget-monitor"]
    assert len(monitors) == 1
    for call in calls:
        call.close()
    wait_until(lambda: not monitors[0].is_alive())


def test_a_call_made_after_the_first_is_connected_gets_a_ticket(call: Call) -> None:
    """Running a cell twice; without it the second cell connects for ever."""
    heard(call, "ticket")
    wait_until(lambda: call._follower.monitor.request(Event.WATCH, {"room": "lab"})["ok"])
    second = Call(room="lab", name="Grace")
    try:
        own = Page(second, own=True)
        own.join("lab", "Grace")
        wait_until(lambda: second.state == "joined")
        assert [peer.name for peer in call.wait_for_peers(1, timeout=20)] == ["Grace"]
        third = LatencyLab(room="lab", name="Lab")
        try:
            assert heard(third, "ticket")["token"]
            wait_until(lambda: [peer.name for peer in third.peers] == ["Grace"])
        finally:
            third.close()
        own.close()
    finally:
        second.close()


@pytest.mark.process
def test_a_runtime_folder_that_cannot_be_used_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file"))
    call = Call(room="lab", name="Ada")
    try:
        with pytest.raises(RelayStartError) as refused:
            call.wait_for_peers(1, timeout=20)
        assert refused.value.code == "runtime-dir"
        wait_until(lambda: (call.error or {}).get("code") == "runtime-dir")
    finally:
        call.close()
        wait_until(no_monitor_runs)


def test_observers_that_raise_do_not_stop_the_news(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_change: object) -> None:
        raise ValueError("a user's mistake")

    call.observe(broken, "peers")
    page = Page(call, own=False)
    page.join("lab", "Grace")
    wait_until(lambda: "a user's mistake" in caplog.text)
    page.close()
    wait_until(lambda: call.peers == ())


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_observers_that_end_more_than_themselves_do_not_stop_the_news(call: Call, raised: BaseException) -> None:
    asked = threading.Event()

    def ends(_change: object) -> None:
        asked.set()
        raise raised

    call.observe(ends, "peers")
    page = Page(call, own=False)
    page.join("lab", "Grace")
    assert asked.wait(20)
    page.close()
    wait_until(lambda: call.peers == ())


def test_an_observer_that_exits_does_not_end_the_thread_that_hears_the_page(
    call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    def leave(_change: object) -> None:
        sys.exit(3)

    error = {"code": "permission-denied", "message": "The browser has blocked the camera."}
    call.observe(leave, "error")
    call._handle_custom_msg({"kind": "state", "state": "failed", "error": error}, [])
    call.unobserve(leave, "error")
    assert call.error == error
    assert "ended more than itself" in caplog.text


def test_an_observer_that_hangs_is_named_and_keeps_nobody_waiting(
    call: Call, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for module in (follower, monitor):
        monkeypatch.setattr(module, "HANGING_S", 0.1)
    monkeypatch.setattr(monitor, "_REQUEST_TIMEOUT_S", 0.1)
    never, hanging = threading.Event(), threading.Event()

    def hangs(_change: object) -> None:
        hanging.set()
        never.wait(60)

    call.observe(hangs, "peers")
    page = Page(call, own=False)
    page.join("lab", "Grace")
    assert hanging.wait(20)
    assert [peer.name for peer in call.wait_for_peers(1, timeout=20)] == ["Grace"]
    with pytest.raises(RelayRequestError, match="An observer of Call") as refused:
        call.lock()
    assert refused.value.code == "observer-hangs"
    assert [(one.call, one.code) for one in monitor.standings()] == [(repr(call), "observer-hangs")]
    call.close()
    assert "was closed all the same" in caplog.text
    never.set()
    page.close()


HELD = {"stall_ms": 29_000, "stall_every_ms": 600_000}
"""Nothing passes for as long as a test takes."""


def in_order(page: Page) -> list[str]:
    """The names of the events that a page has been sent so far, and its plain media as text."""
    page.client.call("clock", 1)
    names = []
    while page.client.input_buffer:
        name, *args = page.client.input_buffer.pop(0)
        names.append(args[1].decode() if name == "media-chunk" else name)
    return names


def test_impair_holds_for_whom_it_is_said_while_the_cell_runs(call: Call) -> None:
    grace, alan = Page(call, own=False), Page(call, own=False)
    grace.join("lab", "Grace")
    alan.join("lab", "Alan")
    call.wait_for_peers(2, timeout=20)
    call.impair("Grace", **HELD)
    sender = Page(call, own=False)
    sender.join("lab", "Sender")
    for number in (1, 2):
        sender.client.call("media-chunk", str(number).encode())
    assert in_order(alan) == ["peer-joined", "1", "2"]
    assert in_order(grace) == ["peer-joined", "peer-joined"]
    call.impair("Grace")
    assert in_order(grace) == ["1", "2"]
    call.impair(call.peers[1], **HELD)
    call.impair(delay_ms=1)  # everybody: replaces what one had
    sender.client.call("media-chunk", b"3")
    wait_until(lambda: in_order(alan) == ["3"])
    for page in (grace, alan, sender):
        page.close()


def test_impair_me_is_this_call_s_own_participant(call: Call) -> None:
    grace = Page(call, own=False)
    grace.join("lab", "Grace")
    call.wait_for_peers(1, timeout=20)
    with pytest.raises(InvalidValueError, match="join it first") as refused:
        call.impair("me", delay_ms=100)
    assert refused.value.code == "not-joined"
    own = Page(call, own=True)
    own.join("lab", "Ada")
    wait_until(lambda: call.state == "joined")
    call.impair("me", **HELD)
    grace.client.call("media-chunk", b"1")
    assert in_order(own) == []
    assert in_order(grace) == ["peer-joined"]
    call.impair("me")
    assert in_order(own) == ["1"]
    own.close()
    grace.close()


@pytest.mark.parametrize(
    "bad",
    [
        {"delay_ms": -1},
        {"delay_ms": 10_001},
        {"jitter_ms": float("nan")},
        {"jitter_ms": "100"},
        {"rate_kbps": 7},
        {"rate_kbps": float("inf")},
        {"stall_ms": 5000},
        {"stall_ms": 31_000, "stall_every_ms": 60_000},
        {"stall_every_ms": 0},
        {"delay_ms": True},
    ],
    ids=str,
)
def test_impossible_impairments_are_refused_with_the_range(call: Call, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError, match=r" to |shorter") as refused:
        call.impair(**bad)
    assert refused.value.code == "bad-impairment"


def test_an_empty_room_cannot_be_impaired(call: Call) -> None:
    with pytest.raises(RelayRequestError, match="Nobody is in room 'lab'") as refused:
        call.impair(delay_ms=100)
    assert refused.value.code == "unknown-room"


def test_a_peer_that_has_just_gone_is_said(call: Call) -> None:
    grace, alan = Page(call, own=False), Page(call, own=False)
    grace.join("lab", "Grace")
    alan.join("lab", "Alan")
    gone = call.wait_for_peers(2, timeout=20)[0]
    grace.close()
    with pytest.raises(RelayWidgetError) as refused:
        call.impair(gone, delay_ms=100)  # by the relay, or by what is known of the room, whichever is first
    assert refused.value.code == "unknown-peer"
    alan.close()


class TestAdminister:
    def test_mute_lock_remove_and_end(self, call: Call) -> None:
        grace, katherine = Page(call, own=False), Page(call, own=False)
        grace.join("lab", "Grace")
        grace.client.call("publish", {"track": "video", "mimeType": "video/webm", "audio": False})
        katherine.join("lab", "Katherine")
        call.wait_for_peers(2, timeout=20)
        call.mute("Grace", "video")
        assert grace.hears("track-muted") == {"track": "video", "muted": True}
        wait_until(lambda: all(peer.tracks == () for peer in call.peers))
        call.unmute("Grace")
        assert grace.hears("track-muted") == {"track": None, "muted": False}
        wait_until(lambda: any(peer.tracks for peer in call.peers))
        call.mute("Grace")
        assert grace.hears("track-muted") == {"track": "audio", "muted": True}
        call.mute("Grace", "all")
        assert grace.hears("track-muted") == {"track": None, "muted": True}
        call.unmute("Grace", "all")
        assert grace.hears("track-muted") == {"track": None, "muted": False}
        call.lock()
        late = Page(call, own=False)
        assert late.client.call("join", {"room": "lab", "name": "Late"})["error"]["code"] == "room-locked"
        call.remove("Grace")
        assert grace.hears("error")["code"] == "removed"
        wait_until(lambda: [peer.name for peer in call.peers] == ["Katherine"])
        call.unlock()
        late.join("lab", "Late")
        call.end()
        for page in (katherine, late):
            assert page.hears("error")["code"] == "room-ended"
            page.close()
        wait_until(lambda: call.peers == ())
        with pytest.raises(RelayRequestError) as refused:
            call.lock()
        assert refused.value.code == "unknown-room"

    def test_somebody_must_be_meant(self, call: Call) -> None:
        for act in (call.mute, call.unmute, call.remove):
            for nobody in (None, "Grace", 5):
                with pytest.raises(InvalidValueError) as refused:
                    act(nobody)  # type: ignore[arg-type]
                assert refused.value.code == "unknown-peer"

    def test_muting_takes_the_sound_and_leaves_the_picture(self, call: Call) -> None:
        """Whatever its track is called, and also if it is published only later."""
        grace, ada = Page(call, own=False), Page(call, own=False)
        grace.join("lab", "Grace")
        ada.join("lab", "Ada")
        for track in ({"track": "video", "video": True}, {"track": "microphone", "audio": True}):
            kind = "audio" if track.get("audio") else "video"
            published = {"mimeType": f"{kind}/webm", "audio": False, "video": False, **track}
            assert grace.client.call("publish", published)["ok"]
        wait_until(lambda: [len(peer.tracks) for peer in call.peers if peer.name == "Grace"] == [2])
        call.mute("Grace")
        call.mute("Ada")  # nothing is published of it yet
        assert {grace.hears("track-muted")["track"] for _ in range(2)} == {"audio", "microphone"}
        for track_id in ("audio", "video"):
            published = {"track": track_id, "mimeType": f"{track_id}/webm", "audio": False, "video": False}
            assert ada.client.call("publish", {**published, track_id: True})["ok"]
        wait_until(lambda: [[one["track"] for one in peer.tracks] for peer in call.peers] == [["video"], ["video"]])
        call.unmute("Ada")
        call.unmute("Grace")
        wait_until(lambda: [len(peer.tracks) for peer in call.peers] == [2, 2])
        grace.close()
        ada.close()

    def test_an_unknown_track_is_said_with_what_was_meant(self, call: Call) -> None:
        page = Page(call, own=True)
        page.join("lab", "Ada")
        wait_until(lambda: call.state == "joined")
        for act in (call.mute, call.unmute):
            with pytest.raises(InvalidValueError, match="Did you mean 'audio'") as refused:
                act("me", "audioo")
            assert refused.value.code == "unknown-track"
        page.close()


class TestInvite:
    def test_it_is_for_the_call_s_room_and_says_what_was_asked_for(self, call: Call) -> None:
        token = call.invite("Grace", publish=False, expires=60)
        grant = verify(launcher.ensure_relay().secret, token)
        assert 0 < grant.expires_s - time.time() <= 60
        assert replace(grant, expires_s=0) == Grant(room="lab", name="Grace", publish=False, expires_s=0)
        assert verify(launcher.ensure_relay().secret, call.invite(administer=True)).is_administrator("lab")

    def test_its_holder_comes_in_and_nowhere_else(self, call: Call) -> None:
        guest = Page(call, own=False, token=call.invite("Grace"))
        assert guest.client.call("join", {"room": "other", "name": "x"})["error"]["code"] == "forbidden"
        guest.join("lab", "x")
        assert [peer.name for peer in call.wait_for_peers(1, timeout=20)] == ["Grace"]
        guest.close()

    @pytest.mark.parametrize("expires", [0, -1, float("nan"), float("inf"), "1h", None])
    def test_impossible_times(self, call: Call, expires: Any) -> None:
        with pytest.raises(InvalidValueError) as refused:
            call.invite(expires=expires)
        assert refused.value.code == "bad-expires"

    def test_names_and_rooms_that_cannot_be_invited(self, call: Call) -> None:
        with pytest.raises(InvalidValueError) as refused:
            call.invite("two\nlines")
        assert refused.value.code == "bad-name"
        call.room = "lab*"
        with pytest.raises(InvalidValueError) as refused:
            call.invite()
        assert refused.value.code == "bad-room"


def test_impair_in_an_observer_is_an_error_not_a_deadlock(call: Call) -> None:
    raised: list[str] = []

    def slow_down(_change: object) -> None:
        try:
            call.impair(delay_ms=100)
        except RelayRequestError as error:
            raised.append(error.code)

    call.observe(slow_down, "peers")
    page = Page(call, own=False)
    page.join("lab", "Grace")
    wait_until(lambda: raised == ["wrong-thread"])
    page.close()


def test_impair_after_close_says_so(runtime: Path) -> None:
    closed = Call(room="lab", name="Ada")
    closed.close()
    wait_until(no_monitor_runs)
    with pytest.raises(RelayRequestError) as refused:
        closed.impair(delay_ms=100)
    assert refused.value.code == "no-answer"


def test_asyncio_of_the_kernel_is_left_alone(call: Call) -> None:
    async def cell() -> int:
        return len(call.peers)

    assert asyncio.run(cell()) == 0


def page_says(call: Call, **content: Any) -> None:
    call._handle_custom_msg(content, [])


def test_the_relay_serves_the_pages_that_have_said_hello(call: Call) -> None:
    origin = "https://hub.example"
    threading.Timer(0.2, page_says, (call,), {"kind": "hello", "origin": origin}).start()
    page_says(call, kind="hello", origin=origin)
    wait_until(lambda: status(launcher.ensure_relay().url, origin) == 200)
    assert status(launcher.ensure_relay().url, "https://evil.example") == 403


def test_what_has_waited_for_a_cell_does_not_undo_what_came_beside_it(call: Call) -> None:
    told: list[dict[str, Any]] = []
    call.send = lambda content, _buffers=None: told.append(content)

    def state(number: int, state: str, transport: str = "", page: str = "a") -> None:
        page_says(call, kind="state", state=state, error=None, transport=transport, page=page, number=number)

    state(2, "joined", "proxy")
    state(1, "connecting")
    state(2, "joined", "direct")
    assert (call.state, call.transport) == ("joined", "proxy")
    assert [word["number"] for word in told if word["kind"] == "heard"] == [2, 1, 2], "or the page says it again"
    state(1, "left", page="b")
    assert call.state == "left", "another page counts for itself"


def status(url: str, origin: str) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", "/healthz", headers={"Origin": origin, "Host": "hub.example"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_how_media_travel_is_told_while_joined(call: Call) -> None:
    assert call.transport == ""
    page_says(call, kind="state", state="joined", error=None, transport="proxy")
    assert call.transport == "proxy"
    page_says(call, kind="state", state="joined", error=None, transport="carrier pigeon")
    assert call.transport == ""
    page_says(call, kind="state", state="joined", error=None, transport="tunnel")
    page_says(call, kind="state", state="left", error=None, transport="tunnel")
    assert call.transport == ""
