"""The load of the fan-out benchmark: rooms of raw Socket.IO clients in one process, the same for every server.

The clients speak Engine.IO over WebSockets by hand: of what comes in only frame heads and a stamp are read, and what
goes out is masked with zeros, so that a delivery costs this process less than it costs any server. Every chunk's bytes
begin with when it was sent, by whom, and its number: from them come delay, loss and order.

Run by `tests.bench.fanout` as a process of its own: a `Task` as JSON comes in on stdin, figures go out on stdout.
"""

from __future__ import annotations

import base64
import gc
import json
import select
import socket
import statistics
import struct
import sys
import time
from array import array
from dataclasses import dataclass, field
from typing import Any

from tests.machine import machine_s, process_s, rss_bytes

SETTLE_S = 1.0
"""Between the last join and the first chunk."""
WARM_UP_S = 3.0
"""Chunks are sent for so long before anything is measured: connections open their windows, Node compiles."""
DRAIN_S = 10.0
"""What has not come so long after the last chunk was sent is lost."""
CALL_TIMEOUT_S = 30.0
RSS_EVERY_S = 0.25
INIT = bytes(200)
"""About the size of a real init segment; smaller than any chunk, which tells them apart."""

STAMP = struct.Struct(">dII")  # sent (monotonic, s), publisher, number
_TEXT, _BINARY, _CLOSE = 0x81, 0x82, 0x88
_MASKED = 0x80
_ZERO_MASK = bytes(4)
_MEDIA = b"451-"  # an event with one attachment, which is the frame behind it
_PING, _PONG = b"2", b"3"
_MAX_EVENTS = 64  # after so many sockets a chunk that is due goes out first
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Load:
    """Who sends what to whom.

    In each room every publisher also gets what the others publish; viewers only get. ``stalled`` viewers read nothing
    once they have joined, and nothing is expected of them.
    """

    rooms: int = 1
    publishers: int = 1
    viewers: int = 0
    stalled: int = 0
    chunk_bytes: int = 4096
    chunks_per_s: int = 30

    @property
    def deliveries_per_chunk(self) -> int:
        """How many others get a chunk and read it."""
        return self.publishers - 1 + self.viewers

    @property
    def deliveries_per_s(self) -> int:
        """How many in all."""
        return self.rooms * self.publishers * self.chunks_per_s * self.deliveries_per_chunk


@dataclass(frozen=True, slots=True)
class Task:
    """A load for one server: where it is, what it wants to hear from who connects and publishes, and for how long."""

    load: Load
    seconds: float
    port: int
    pid: int
    auth: dict[str, Any] | None = None
    publish: dict[str, Any] | None = None


class Client:
    """One Socket.IO connection, joined to a room, that publishes if it has a number to publish as."""

    def __init__(self, task: Task, room: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", task.port), timeout=CALL_TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""  # the beginning of a frame
        self.unsent = bytearray()
        self.next_numbers: dict[int, int] = {}
        """By publisher, of those this one is to get."""
        self._upgrade()
        self._until(b"0")
        self._send_text("40" + ("" if task.auth is None else json.dumps(task.auth)))
        self._until(b"40")
        self.call("join", {"room": room, "name": "bench"})

    def call(self, event: str, argument: dict[str, Any]) -> None:
        """Send an event and wait until the server has agreed."""
        self._send_text("420" + json.dumps([event, argument]))
        [answer] = json.loads(self._until(b"430")[3:])
        if not answer["ok"]:
            raise SystemExit(f"the server refuses {event}: {answer['error']['message']}")

    def pong(self) -> None:
        self.send(frame(_TEXT, _PONG))

    def send(self, data: bytes) -> bool:
        """Send it, or what the system takes of it now; whether that was all."""
        if self.unsent:
            self.unsent += data
            return False
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self.unsent += data[sent:]
        return not self.unsent

    def send_rest(self) -> bool:
        """Send what was left; whether that was all."""
        rest, self.unsent = bytes(self.unsent), bytearray()
        return self.send(rest)

    def _upgrade(self) -> None:
        key = base64.b64encode(bytes(16)).decode()
        self.socket.sendall(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key.encode() + b"\r\n\r\n"
        )
        while b"\r\n\r\n" not in self.unread:
            self._receive()
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise SystemExit(f"the server does not talk WebSocket: {head.decode(errors='replace')}")

    def _until(self, prefix: bytes) -> bytes:
        """The next text that begins so; what comes before it is left out."""
        while True:
            size, start = head(self.unread, len(self.unread))
            if size < 0 or len(self.unread) < start + size:
                self._receive()
                continue
            first, payload = self.unread[0], self.unread[start : start + size]
            self.unread = self.unread[start + size :]
            if first == _TEXT and payload.startswith(prefix):
                return payload
            if payload == _PING:
                self.pong()
            elif payload.startswith(b"44") or first == _CLOSE:
                raise SystemExit(f"the server refuses a client: {payload.decode(errors='replace')}")

    def _receive(self) -> None:
        data = self.socket.recv(_BUFFER_BYTES)
        if not data:
            raise SystemExit("the server has closed a connection")
        self.unread += data

    def _send_text(self, text: str) -> None:
        self.socket.sendall(frame(_TEXT, text.encode()))


class Publisher:
    """Makes the chunks of one client: labelled as a browser does it, with a key every second."""

    def __init__(self, client: Client, number: int, load: Load) -> None:
        self.client = client
        self.number = number
        self.sent = 0
        self._load = load
        self._rest = bytes(load.chunk_bytes - STAMP.size)

    def init(self) -> bytes:
        """What goes before the first chunk."""
        return self._labelled("init", 0, 0, INIT)

    def chunk(self, now_s: float) -> bytes:
        """The next one, sent now."""
        group, number = divmod(self.sent, self._load.chunks_per_s)
        data = STAMP.pack(now_s, self.number, self.sent) + self._rest
        self.sent += 1
        return self._labelled("delta" if number else "key", group, number, data)

    def _labelled(self, kind: str, group: int, number: int, data: bytes) -> bytes:
        now_ms = time.time() * 1000
        text = (
            f'["media-chunk",{{"track":"camera","epoch":1,"group":{group},"object":{number},"type":"{kind}",'
            f'"captured_ms":{now_ms - 40:.1f},"sent_ms":{now_ms:.1f},"media_ms":{self.sent * 33},"level":0.2}},'
            '{"_placeholder":true,"num":0}]'
        )
        return frame(_TEXT, _MEDIA + text.encode()) + frame(_BINARY, data)


@dataclass(slots=True)
class Mark:
    """The counters at one moment."""

    at_s: float
    server_s: float
    own_s: float
    stolen_s: float
    received: int


@dataclass(slots=True)
class Generator:
    """Sends chunks when they are due and looks at what comes."""

    task: Task
    publishers: list[Publisher] = field(default_factory=list)
    clients: dict[int, Client] = field(default_factory=dict)
    """By file descriptor; the ones that read."""
    stalled: list[Client] = field(default_factory=list)
    delays_s: array[float] = field(default_factory=lambda: array("d"))
    received: int = 0
    out_of_order: int = 0
    closed: int = 0
    from_s: float = float("inf")
    """What was sent since then is measured."""
    _epoll: select.epoll = field(default_factory=select.epoll)
    _buffer: bytearray = field(default_factory=lambda: bytearray(_BUFFER_BYTES))

    def connect(self) -> None:
        """Let everybody in."""
        load = self.task.load
        for number in range(load.rooms):
            room = f"room {number}"
            publishing = [Client(self.task, room) for _ in range(load.publishers)]
            reading = [Client(self.task, room) for _ in range(load.viewers)]
            self.stalled += [Client(self.task, room) for _ in range(load.stalled)]
            members = [Publisher(client, len(self.publishers) + i, load) for i, client in enumerate(publishing)]
            self.publishers += members
            for client in publishing + reading:
                client.next_numbers = {one.number: 0 for one in members if one.client is not client}
                self.clients[client.socket.fileno()] = client
        for publisher in self.publishers:
            if self.task.publish is not None:
                publisher.client.call("publish", self.task.publish)
        for descriptor, client in self.clients.items():
            client.socket.setblocking(False)
            self._epoll.register(descriptor, select.EPOLLIN)

    def run(self) -> dict[str, float]:
        """Send and receive; the figures."""
        load = self.task.load
        self._serve(time.monotonic() + SETTLE_S)
        before_bytes = rss_bytes(self.task.pid)
        for publisher in self.publishers if self.task.publish is not None else ():
            self._send(publisher.client, publisher.init())
        begun_s = time.monotonic()
        self._publish(begun_s, begun_s + WARM_UP_S)
        before = self._mark()
        self.from_s = before.at_s
        peak_bytes = self._publish(begun_s, before.at_s + self.task.seconds)
        after = self._mark()
        expected = load.deliveries_per_chunk * sum(publisher.sent for publisher in self.publishers)
        last_s = after.at_s + DRAIN_S
        while self.received < expected and time.monotonic() < last_s:
            self._serve(min(last_s, time.monotonic() + 0.1))
        elapsed_s = after.at_s - before.at_s
        deliveries = after.received - before.received
        cuts_s = statistics.quantiles(self.delays_s, n=100, method="inclusive")
        return {
            "cpu_us": (after.server_s - before.server_s) * 1e6 / deliveries,
            "p50_ms": cuts_s[49] * 1000,
            "p99_ms": cuts_s[98] * 1000,
            "max_ms": max(self.delays_s) * 1000,
            "rss_mb": peak_bytes / 1e6,
            "rss_before_mb": before_bytes / 1e6,
            "lost": expected - self.received,
            "out_of_order": self.out_of_order,
            "closed": self.closed,
            "deliveries_per_s": deliveries / elapsed_s,
            "server_percent": 100 * (after.server_s - before.server_s) / elapsed_s,
            "generator_percent": 100 * (after.own_s - before.own_s) / elapsed_s,
            "stolen_percent": 100 * (after.stolen_s - before.stolen_s) / elapsed_s,
        }

    def _mark(self) -> Mark:
        return Mark(time.monotonic(), process_s(self.task.pid), time.process_time(), machine_s()[1], self.received)

    def _publish(self, begun_s: float, end_s: float) -> int:
        """Go on sending, as since `begun_s`, until `end_s`; the most memory the server had."""
        interval_s = 1 / (len(self.publishers) * self.task.load.chunks_per_s)
        sent = sum(publisher.sent for publisher in self.publishers)
        peak_bytes, look_s = 0, 0.0
        while True:
            now_s = time.monotonic()
            if now_s >= end_s:
                return peak_bytes
            if now_s >= look_s:
                peak_bytes, look_s = max(peak_bytes, rss_bytes(self.task.pid)), now_s + RSS_EVERY_S
            due_s = begun_s + sent * interval_s
            if now_s < due_s:
                self._poll(min(due_s, end_s) - now_s)
                continue
            # One publisher after the other, so that they are spread evenly over the time of a chunk.
            publisher = self.publishers[sent % len(self.publishers)]
            self._send(publisher.client, publisher.chunk(now_s))
            sent += 1
            self._poll(0)

    def _serve(self, until_s: float) -> None:
        while (left_s := until_s - time.monotonic()) > 0:
            self._poll(left_s)

    def _poll(self, timeout_s: float) -> None:
        for descriptor, events in self._epoll.poll(timeout_s, _MAX_EVENTS):
            client = self.clients.get(descriptor)
            if client is None:
                continue
            try:
                if events & select.EPOLLOUT and client.send_rest():
                    self._epoll.modify(descriptor, select.EPOLLIN)
                if events & ~select.EPOLLOUT and not self._read(client):
                    self._close(client)
            except OSError:
                self._close(client)

    def _send(self, client: Client, data: bytes) -> None:
        try:
            if client.socket.fileno() >= 0 and not client.send(data):
                self._epoll.modify(client.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)
        except OSError:
            self._close(client)

    def _close(self, client: Client) -> None:
        self.closed += 1
        del self.clients[client.socket.fileno()]
        client.socket.close()

    def _read(self, client: Client) -> bool:
        """Take what has come to a client; whether it is still connected. The one place where speed matters."""
        buffer, kept = self._buffer, len(client.unread)
        if kept:
            buffer[:kept] = client.unread
            count = client.socket.recv_into(memoryview(buffer)[kept:])
        else:
            count = client.socket.recv_into(buffer)
        if not count:
            return False
        now_s = time.monotonic()
        end, position, chunk_bytes = kept + count, 0, self.task.load.chunk_bytes
        while True:
            size, start = head(buffer, end, position)
            stop = start + size
            if size < 0 or stop > end:
                break
            if size == chunk_bytes and buffer[position] == _BINARY:
                sent_s, publisher, number = STAMP.unpack_from(buffer, start)
                if number < client.next_numbers[publisher]:
                    self.out_of_order += 1
                else:
                    client.next_numbers[publisher] = number + 1
                self.received += 1
                if sent_s >= self.from_s:
                    self.delays_s.append(now_s - sent_s)
            elif size == 1 and buffer[start:stop] == _PING:
                client.pong()
            elif buffer[position] == _CLOSE:
                return False
            position = stop
        client.unread = bytes(memoryview(buffer)[position:end]) if position < end else b""
        return True


def head(data: bytes | bytearray, end: int, position: int = 0) -> tuple[int, int]:
    """The head of a server's frame: the size of the payload, -1 while that is not here, and where it starts."""
    if end - position < 2:
        return -1, 0
    size = data[position + 1]
    if size < 126:
        return size, position + 2
    if size == 126:
        return (-1, 0) if end - position < 4 else (data[position + 2] << 8 | data[position + 3], position + 4)
    start = position + 10
    return (-1, 0) if end < start else (int.from_bytes(data[position + 2 : start], "big"), start)


def frame(first: int, payload: bytes) -> bytes:
    """A client's frame, masked with zeros: a server takes as long to unmask it, and it costs nothing here."""
    size = len(payload)
    if size < 126:
        return bytes((first, _MASKED | size)) + _ZERO_MASK + payload
    if size < 1 << 16:
        return bytes((first, _MASKED | 126)) + size.to_bytes(2, "big") + _ZERO_MASK + payload
    return bytes((first, _MASKED | 127)) + size.to_bytes(8, "big") + _ZERO_MASK + payload


def main() -> None:
    given = json.load(sys.stdin)
    generator = Generator(Task(**{**given, "load": Load(**given["load"])}))
    generator.connect()
    gc.freeze()
    gc.disable()  # no pause of ours is to look like a server's
    json.dump(generator.run(), sys.stdout)


if __name__ == "__main__":
    main()
