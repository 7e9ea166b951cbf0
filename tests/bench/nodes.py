"""Several relays that share rooms over Redis: what crossing costs, what an idle node gets, what a killed one takes.

Run with ``make bench-nodes``. Redis and the relays are started for it, on this machine; the clients are the raw ones
of the fan-out benchmark.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import select
import statistics
import time
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relay_widget.cli import SECRET_VARIABLE
from tests.bench.fanout_load import STAMP, Client, Load, Publisher, Task, head
from tests.bench.latency_figures import table, verdict
from tests.bench.results import save
from tests.redis_server import RedisServer
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 8.0
WARM_UP_S = 2.0
SETTLE_S = 1.0
VIEWERS = 10
PEERS = 20
MAX_ADDED_MS = 5
MAX_DARK_S = 5.0
KILL_WAIT_S = 8.0
CHUNK = Load()
TRACK = {"track": "camera", "mimeType": "video/webm;codecs=vp8", "video": True, "timeslice_ms": 33}
ENVIRONMENT = {SECRET_VARIABLE: "s" * 43}
COLUMNS = {"p50_ms": "p50 ms", "p99_ms": "p99 ms", "received": "received", "lost": "lost", "out_of_order": "disorder"}
DECIMALS = {"p50_ms": 2, "p99_ms": 1}
_BUFFER_BYTES = 1 << 20


@dataclass(eq=False)
class Member:
    """One client in the call, at one node."""

    client: Client
    number: int
    node: int
    publisher: Publisher | None = None
    first_s: dict[int, float] = field(default_factory=dict)
    """When the first chunk of each publisher came, since this was last cleared."""
    next_numbers: dict[int, int] = field(default_factory=dict)
    delays_s: array[float] = field(default_factory=lambda: array("d"))
    received: int = 0
    out_of_order: int = 0
    lost: int = 0
    left: list[tuple[float, str]] = field(default_factory=list)
    """Whom it was told has left, and when."""
    ended_s: float | None = None


class Call:
    """Clients at several nodes in one room, driven by one loop."""

    def __init__(self, relays: list[RelayProcess], room: str) -> None:
        self.members: list[Member] = []
        self._relays = relays
        self._room = room
        self._by_descriptor: dict[int, Member] = {}
        self._epoll = select.epoll()
        self._buffer = bytearray(_BUFFER_BYTES)
        self._sent = 0
        self.from_s = float("inf")
        """What was sent since then is measured."""

    def enter(self, number: int, node: int, *, publishes: bool) -> Member:
        """Let one in; under the same number it is the same peer."""
        relay = self._relays[node]
        auth = relay.auth(peer=f"peer-{number}")
        task = Task(CHUNK, 0, int(relay.url.rpartition(":")[2]), 0, auth, TRACK)
        member = Member(Client(task, self._room), number, node)
        if publishes:
            member.client.call("publish", TRACK)
            member.publisher = Publisher(member.client, number, CHUNK)
            member.client.socket.sendall(member.publisher.init())
        member.client.socket.setblocking(False)
        self._by_descriptor[member.client.socket.fileno()] = member
        self._epoll.register(member.client.socket.fileno(), select.EPOLLIN)
        self.members.append(member)
        return member

    def run(self, seconds: float, *, until: Any = lambda: False) -> None:
        """Let all publishers send for so long, or until something has happened."""
        begun_s = time.monotonic()
        sent = 0
        while (now_s := time.monotonic()) < begun_s + seconds and not until():
            publishers = [one for one in self.members if one.publisher is not None and one.ended_s is None]
            due_s = begun_s + sent / (max(1, len(publishers)) * CHUNK.chunks_per_s)
            if now_s < due_s or not publishers:
                self._poll(min(0.05, max(0.0, due_s - now_s)) if publishers else 0.05)
                continue
            member = publishers[sent % len(publishers)]
            sent += 1
            assert member.publisher is not None
            self._send(member, member.publisher.chunk(now_s))
            self._poll(0)

    def _send(self, member: Member, data: bytes) -> None:
        with contextlib.suppress(OSError):
            if not member.client.send(data):
                self._epoll.modify(member.client.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _poll(self, timeout_s: float) -> None:
        for descriptor, events in self._epoll.poll(timeout_s, 64):
            member = self._by_descriptor.get(descriptor)
            if member is None:
                continue
            try:
                if events & select.EPOLLOUT and member.client.send_rest():
                    self._epoll.modify(descriptor, select.EPOLLIN)
                alive = not events & ~select.EPOLLOUT or self._read(member)
            except OSError:
                alive = False
            if not alive:
                member.ended_s = time.monotonic()
                del self._by_descriptor[descriptor]
                member.client.socket.close()

    def _read(self, member: Member) -> bool:
        client, buffer = member.client, self._buffer
        kept = len(client.unread)
        buffer[:kept] = client.unread
        count = client.socket.recv_into(memoryview(buffer)[kept:])
        if not count:
            return False
        end, position = kept + count, 0
        while True:
            size, start = head(buffer, end, position)
            if size < 0 or start + size > end:
                break
            payload = memoryview(buffer)[start : start + size]
            if buffer[position] == 0x82 and size == CHUNK.chunk_bytes:
                self._count(member, payload)
            elif size == 1 and payload.tobytes() == b"2":
                client.pong()
            elif size < 200 and bytes(payload[:14]) == b'42["peer-left"':
                [peer] = re.findall(rb'"peer":"([^"]+)"', payload)
                member.left.append((time.monotonic(), peer.decode()))
            position = start + size
        client.unread = bytes(memoryview(buffer)[position:end])
        return True

    def _count(self, member: Member, payload: memoryview) -> None:
        sent_s, publisher, number = STAMP.unpack_from(payload)
        now_s = time.monotonic()
        member.first_s.setdefault(publisher, now_s)
        due = member.next_numbers.get(publisher, number)
        member.out_of_order += number < due
        member.lost += max(0, number - due)
        member.next_numbers[publisher] = max(due, number + 1)
        if sent_s >= self.from_s:
            member.received += 1
            member.delays_s.append(now_s - sent_s)


@contextlib.contextmanager
def nodes(count: int) -> Iterator[tuple[list[RelayProcess], RedisServer]]:
    """So many relays over one Redis, that know each other."""
    with RedisServer() as redis, contextlib.ExitStack() as stack:
        relays = [stack.enter_context(RelayProcess(("--redis", redis.url), ENVIRONMENT)) for _ in range(count)]
        while any(metric(relay, "nodes") != count - 1 for relay in relays):
            time.sleep(0.05)
        yield relays, redis


def metric(relay: RelayProcess, name: str) -> float:
    """One figure of a relay's metrics."""
    [value] = re.findall(rf"^relay_widget_{re.escape(name)} (\S+)$", relay.get("/metrics")[2].decode(), re.MULTILINE)
    return float(value)


MEDIA_IN = 'redis_received_bytes_total{kind="media"}'


def crossing(count: int, seconds: float) -> tuple[dict[str, dict[str, float]], list[tuple[str, bool]]]:
    """A publisher at the first of several nodes, and viewers at each; the last node but one more has nobody."""
    with nodes(count + 1) as (relays, redis):
        call = Call(relays, "lab")
        call.enter(0, 0, publishes=True)
        for number in range(count * VIEWERS):
            call.enter(1 + number, number % count, publishes=False)
        call.run(SETTLE_S + WARM_UP_S)
        call.from_s = time.monotonic()
        call.run(seconds)
        call.from_s = float("inf")
        with redis.client() as client:
            channels = [name for name in client.pubsub_channels() if ":media:" in name]
            listeners = dict(client.pubsub_numsub(*channels))
            idle = next(one for one in client.client_list() if _is_subscriber_of(one, relays[count]))
        rows = {}
        for node in range(count):
            members = [one for one in call.members if one.node == node and one.publisher is None]
            delays_ms = sorted(1000 * delay_s for one in members for delay_s in one.delays_s)
            rows[f"{count} nodes, viewers at node {node + 1}"] = {
                "p50_ms": statistics.median(delays_ms),
                "p99_ms": delays_ms[int(len(delays_ms) * 0.99)],
                "received": sum(one.received for one in members),
                "lost": sum(one.lost for one in members),
                "out_of_order": sum(one.out_of_order for one in members),
            }
        own, *others = [row["p50_ms"] for row in rows.values()]
        added_ms = max(others) - own
        idle_bytes = metric(relays[count], MEDIA_IN)
        busy_mb = min(metric(relay, MEDIA_IN) for relay in relays[1:count]) / 1e6
        from_first = sum(listening for name, listening in listeners.items() if _instance(relays[0]) in name)
        adds = f"crossing adds {added_ms:.2f} ms <= {MAX_ADDED_MS} ms at p50"
        idles = (
            f"a node with nobody in the room got {idle_bytes:.0f} bytes of media and has {idle['sub']} subscriptions, "
            f"both for control; the others got {busy_mb:.1f} MB each"
        )
        listens = f"the publisher's channel has {from_first} subscribers: the nodes with viewers"
        whole = all(row["lost"] == row["out_of_order"] == 0 for row in rows.values())
        claims = [
            (f"{count} nodes: {adds}", added_ms <= MAX_ADDED_MS),
            (f"{count} nodes: nothing lost, nothing out of order", whole),
            (f"{count} nodes: {idles}", idle_bytes == 0 and int(idle["sub"]) == 2 and busy_mb > 0),
            (f"{count} nodes: {listens}", from_first == count - 1),
        ]
        return rows, claims


def _instance(relay: RelayProcess) -> str:
    record = relay.record()
    assert record is not None
    return str(record["instance"])


def _is_subscriber_of(one: dict[str, str], relay: RelayProcess) -> bool:
    return one["name"] == f"relay-widget-{_instance(relay)}" and int(one["sub"]) > 0


def killed() -> tuple[dict[str, float], list[tuple[str, bool]]]:
    """A call of twenty, half of them at a node that is killed; they come back at the other one."""
    with nodes(2) as (relays, _):
        call = Call(relays, "lab")
        for number in range(PEERS):
            call.enter(number, number % 2, publishes=True)
        for number in (PEERS, PEERS + 1):  # these do not come back
            call.enter(number, 0, publishes=False)
        call.run(SETTLE_S + WARM_UP_S)
        for member in call.members:
            member.first_s.clear()
        call.run(2.0)
        complete = all(len(one.first_s) == PEERS - (one.publisher is not None) for one in call.members)
        gone = [one for one in call.members if one.node == 0]
        call.members = [one for one in call.members if one.node == 1]
        for member in call.members:
            member.first_s.clear()
            member.next_numbers.clear()
        killed_s = time.monotonic()
        relays[0].kill()
        call.run(0.2)  # they notice, and wait as a client does
        for member in gone:
            if member.number < PEERS:
                call.enter(member.number, 1, publishes=True)
        ghosts = {f"peer-{PEERS}", f"peer-{PEERS + 1}"}
        survivor = call.members[0]

        def done() -> bool:
            return all(len(one.first_s) == PEERS - 1 for one in call.members) and ghosts <= {
                peer for _, peer in survivor.left
            }

        call.run(KILL_WAIT_S, until=done)
        never_s = float("inf")

        def plays_s(member: Member) -> float:
            """When it had something of everybody."""
            if len(member.first_s) < PEERS - 1:
                return never_s
            return max(member.first_s.values()) - killed_s

        own = [one for one in call.members if one.number % 2]
        returned = [one for one in call.members if one.number % 2 == 0]
        gone_s = [at_s - killed_s for at_s, peer in survivor.left if peer in ghosts]
        figures = {
            f"{len(own)} survivors play everybody": max(map(plays_s, own)),
            f"{len(returned)} returning play everybody": max(map(plays_s, returned)),
            "who did not return is gone": max(gone_s) if len(gone_s) == len(ghosts) else never_s,
        }
        claims = [(f"before: each of {PEERS} plays all others", complete)]
        claims += [
            (f"kill -9: {what} after {seconds:.1f} s <= {MAX_DARK_S} s", seconds <= MAX_DARK_S)
            for what, seconds in figures.items()
        ]
        return figures, claims


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.nodes", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measured of each (default: %(default)s)")
    arguments = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    claims: list[tuple[str, bool]] = []
    for count in (2, 3):
        new, said = crossing(count, arguments.seconds)
        rows |= new
        claims += said
    figures, said = killed()
    claims += said
    print(table(rows, COLUMNS, DECIMALS))
    print(verdict(claims))
    save(
        "nodes",
        {"crossing": rows, "killed": figures, "claims": [{"claim": claim, "holds": holds} for claim, holds in claims]},
    )


if __name__ == "__main__":
    main()
