"""The kernel's end of the tunnel, against a real relay; the page's end is played by the test."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import socketio

from relay_widget.protocol import MAX_QUEUE_BYTES, PROTOCOL_VERSION
from relay_widget.tunnel import (
    FIRST_WINDOW_BYTES,
    MAX_TUNNELS,
    MAX_WINDOW_BYTES,
    MIN_WINDOW_BYTES,
    TARGET_S,
    Frame,
    SendWindow,
    Tunnels,
    pack,
    unpack,
)

from .relay_process import RelayProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = json.loads((Path(__file__).parent / "vectors" / "tunnel.json").read_text())
WAIT_S = 30


def frame(vector: dict[str, str]) -> Frame:
    return (True, vector["text"].encode()) if "text" in vector else (False, bytes.fromhex(vector["bytes"]))


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda vector: vector["packed"][:20])
def test_messages_are_the_vectors(vector: dict[str, Any]) -> None:
    frames = [frame(one) for one in vector["frames"]]
    assert pack(frames).hex() == vector["packed"]
    assert unpack(memoryview(bytes.fromhex(vector["packed"]))) == frames


@pytest.mark.parametrize("packed", VECTORS["broken"])
def test_what_is_not_whole_frames(packed: str) -> None:
    with pytest.raises(ValueError, match="not whole"):
        unpack(bytes.fromhex(packed))


def test_the_window_follows_how_fast_answers_come() -> None:
    window = SendWindow()

    def fill(now_s: float, took_s: float) -> None:
        number = 0
        while window.open:
            number = window.sent(8_000, now_s)
        window.acknowledged(number, now_s + took_s)
        assert window.in_flight_bytes == 0

    assert window.limit_bytes == FIRST_WINDOW_BYTES
    for step in range(100):
        fill(step, 0.02)
    assert window.limit_bytes == MAX_WINDOW_BYTES
    for step in range(100, 200):
        fill(step, TARGET_S + 0.01)
    assert window.limit_bytes == MIN_WINDOW_BYTES


class Page:
    """The page's end: asks for a tunnel, speaks Engine.IO over it, acknowledges or not."""

    def __init__(self, url: str | None) -> None:
        self.tunnels = Tunnels(self._hear, lambda: url)
        self.acknowledges = True
        self.said: dict[str, queue.Queue[dict[str, Any]]] = defaultdict(queue.Queue)
        self.frames: dict[str, queue.Queue[Frame]] = defaultdict(queue.Queue)
        self.received_bytes: dict[str, int] = defaultdict(int)
        self.threads: set[str] = set()
        self._sent: dict[str, int] = defaultdict(int)

    def _hear(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.threads.add(threading.current_thread().name)
        tunnel = content["tunnel"]
        self.said[tunnel].put(content)
        for buffer in buffers:
            self.received_bytes[tunnel] += len(buffer)
            for one in unpack(buffer):
                self.frames[tunnel].put(one)
        if content["op"] == "data" and self.acknowledges:
            self.say(tunnel, op="ack", ack=content["number"])

    def say(self, tunnel: str, /, *frames: Frame, **word: Any) -> None:
        buffers = [memoryview(pack(frames))] if frames else []
        if frames:
            self._sent[tunnel] += 1
            word = {"op": "data", "number": self._sent[tunnel], **word}
        self.tunnels.hear({"kind": "tunnel", "tunnel": tunnel, **word}, buffers)

    def wait(self, tunnel: str, op: str) -> dict[str, Any]:
        while True:
            word = self.said[tunnel].get(timeout=WAIT_S)
            if word["op"] == op:
                return word

    def text(self, tunnel: str, beginning: str) -> str:
        """The next text that begins so; pings and the like are passed over."""
        while True:
            is_text, data = self.frames[tunnel].get(timeout=WAIT_S)
            if is_text and data.decode().startswith(beginning):
                return data.decode()

    def join(self, tunnel: str, relay: RelayProcess, room: str) -> dict[str, Any]:
        self.say(tunnel, op="open")
        self.wait(tunnel, "open")
        assert self.text(tunnel, "0{")
        self.say(tunnel, (True, f"40{json.dumps(relay.auth())}".encode()))
        assert self.text(tunnel, "40{")
        self.say(tunnel, event("join", {"room": room, "name": tunnel}, ack=1))
        (ack,) = json.loads(self.text(tunnel, "431[")[3:])
        assert ack["ok"]
        return dict(ack)


def event(name: str, payload: object, *, ack: int | str = "") -> Frame:
    return True, f"42{ack}{json.dumps([name, payload])}".encode()


def chunk(header: dict[str, Any], data: bytes) -> tuple[Frame, Frame]:
    return (
        (True, f"451-{json.dumps(['media-chunk', header, {'_placeholder': True, 'num': 0}])}".encode()),
        (False, data),
    )


@pytest.fixture
def page(relay: RelayProcess) -> Iterator[Page]:
    made = Page(relay.url)
    yield made
    made.tunnels.close()


def test_two_pages_exchange_media_through_it(page: Page, relay: RelayProcess) -> None:
    page.join("ada", relay, "exchange")
    page.join("grace", relay, "exchange")
    page.say("ada", event("publish", {"track": "camera", "mimeType": "video/webm"}))
    header = {"track": "camera", "epoch": 1, "group": 0, "object": 0, "type": "init", "captured_ms": 1.0}
    page.say("ada", *chunk(header, b"init"), *chunk({**header, "group": 1, "type": "key"}, bytes(200_000)))
    assert page.text("grace", '42["track-published"')
    assert page.text("grace", "451-")
    assert page.frames["grace"].get(timeout=WAIT_S) == (False, b"init")
    assert page.text("grace", "451-")
    assert page.frames["grace"].get(timeout=WAIT_S) == (False, bytes(200_000))
    assert "MainThread" not in page.threads


def test_what_the_relay_has_taken_is_acknowledged(page: Page, relay: RelayProcess) -> None:
    page.join("ada", relay, "acks")
    page.say("ada", event("clock", 1.0, ack=7))
    assert page.text("ada", "437[")
    # With what comes back, or in a message of its own.
    while page.said["ada"].get(timeout=WAIT_S).get("ack", 0) < 3:
        pass


def test_a_page_that_takes_nothing_is_sent_no_more_than_the_window_and_the_relay_drops_the_rest(
    page: Page, relay: RelayProcess
) -> None:
    with socketio.SimpleClient() as sender:
        sender.connect(relay.url, auth=relay.auth(), transports=["websocket"])
        sender.call("join", {"room": "full", "name": "Sender"})
        sender.call("publish", {"track": "camera", "mimeType": "video/webm"})
        page.join("ada", relay, "full")
        page.acknowledges = False
        page.received_bytes.clear()
        header = {"track": "camera", "epoch": 1, "object": 0, "captured_ms": 1.0}
        sender.emit("media-chunk", ({**header, "group": 0, "type": "init"}, b"init"))
        # Much more than the window, the sockets and the relay's queue for one hold together.
        size_bytes, count = 100_000, 60
        for group in range(1, count + 1):
            sender.emit("media-chunk", ({**header, "group": group, "type": "key"}, bytes(size_bytes)))
            sender.call("clock", 1.0)
        assert size_bytes * count > 3 * MAX_QUEUE_BYTES
        assert page.received_bytes["ada"] < FIRST_WINDOW_BYTES + 3 * size_bytes
        page.acknowledges = True
        page.say("ada", op="ack", ack=10_000)
        # It goes on with a group that is fresh once what waits has gone out, and is told what was left out.
        for group in range(count + 1, count + 1 + WAIT_S * 10):
            sender.emit("media-chunk", ({**header, "group": group, "type": "key"}, b"fresh"))
            if (False, b"fresh") in list(page.frames["ada"].queue):
                break
            time.sleep(0.1)
        assert page.text("ada", '42["groups-dropped"')


def test_a_relay_that_dies_closes_it(relay: RelayProcess) -> None:
    with RelayProcess() as mortal:
        page = Page(mortal.url)
        page.join("ada", mortal, "dies")
        mortal.kill()
        assert page.wait("ada", "close")["code"] in ("closed", "relay-unreachable")


@pytest.mark.process
def test_where_no_relay_answers() -> None:
    nowhere = Page("http://127.0.0.1:9")
    nowhere.say("ada", op="open")
    assert nowhere.wait("ada", "close")["code"] == "relay-unreachable"
    none = Page(None)
    none.say("ada", op="open")
    assert none.wait("ada", "close")["code"] == "no-relay"


def test_a_tunnel_that_the_kernel_does_not_know(page: Page) -> None:
    page.say("before", (True, b"2"))
    assert page.wait("before", "close")["code"] == "unknown-tunnel"


def test_a_request_that_comes_when_it_has_ended_opens_nothing(page: Page, relay: RelayProcess) -> None:
    """A page asks until it is answered; what has waited for a cell is heard last."""
    page.join("ada", relay, "again")
    page.say("ada", op="open")
    page.say("ada", op="close")
    page.wait("ada", "close")
    page.say("ada", op="open")
    page.join("bob", relay, "again")
    assert page.said["ada"].empty()


def test_there_are_only_so_many(page: Page, relay: RelayProcess) -> None:
    for number in range(MAX_TUNNELS):
        page.join(f"page-{number}", relay, "many")
    page.say("one-more", op="open")
    assert page.wait("one-more", "close")["code"] == "too-many-tunnels"
    page.say("page-0", op="close")
    page.wait("page-0", "close")
    page.join("one-more", relay, "many")


@pytest.mark.parametrize(
    ("word", "buffers"),
    [
        ({"number": 4}, [b""]),
        ({"number": "3"}, [b""]),
        ({"number": 3}, []),
        ({"number": 3}, [b"\x07"]),
    ],
    ids=str,
)
def test_messages_that_cannot_be_end_it(
    page: Page, relay: RelayProcess, word: dict[str, Any], buffers: list[bytes]
) -> None:
    """After the two messages of joining, this is not the third, or not a whole one."""
    page.join("ada", relay, "odd")
    page.tunnels.hear({"kind": "tunnel", "tunnel": "ada", "op": "data", **word}, buffers)
    assert page.wait("ada", "close")["code"] == "closed"


def test_what_is_no_message_of_a_tunnel_is_passed_over(page: Page) -> None:
    page.tunnels.hear({"kind": "tunnel"}, [])
    page.tunnels.hear({"kind": "tunnel", "tunnel": 5, "op": "open"}, [])
    assert not page.said


def test_a_page_can_connect_to_the_relay_of_the_kernel_only(page: Page, relay: RelayProcess) -> None:
    """The address is the kernel's, whatever the page asks for."""
    page.say("ada", op="open", url="http://127.0.0.1:9", address="http://127.0.0.1:9")
    page.wait("ada", "open")
    assert json.loads(page.text("ada", "0{")[1:])["sid"]


def test_the_protocol_is_that_of_the_relay(page: Page, relay: RelayProcess) -> None:
    page.say("ada", op="open")
    page.wait("ada", "open")
    auth = {**relay.auth(), "protocol": PROTOCOL_VERSION + 1}
    page.say("ada", (True, f"40{json.dumps(auth)}".encode()))
    assert "unsupported-protocol" in page.text("ada", "44{")
