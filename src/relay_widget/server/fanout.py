"""The way out to every client: one write a message, in order, and bounded.

A WebSocket client's messages are written to its transport as finished frames, all of them, so that control
and media keep their order and the transport's buffer is exactly what waits for it. While a client is on long
polling they go through Engine.IO's queue, and on its way from there to a WebSocket they are held.
"""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from engineio import packet as eio_packet

from relay_widget.protocol import MAX_BACKLOG_BYTES

from .drain import Drain

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from .frames import Message


class Outlet:
    """The way out to one client. It has slots: a fan-out goes through the memory of a thousand of them.

    Args:
        queue: The Engine.IO queue of its connection.
        upgraded: Whether it is on a WebSocket already (its CONNECT answer is still in the queue then, so
            messages are held until ``open``).
        on_overflow: Called when more than ``MAX_BACKLOG_BYTES`` waits: the client does not read. Nothing is
            sent to it any more.
    """

    __slots__ = (
        "_busy",
        "_closed",
        "_drain",
        "_held",
        "_held_bytes",
        "_on_overflow",
        "_polled",
        "_polled_bytes",
        "_polled_packets",
        "_queue",
        "descriptor",
        "direct",
        "transport",
    )

    def __init__(self, queue: asyncio.Queue[Any], *, upgraded: bool, on_overflow: Callable[[], None]) -> None:
        self._queue = queue
        self._on_overflow = on_overflow
        self.transport: asyncio.Transport | None = None
        """What is written to; None while it is not open."""
        self.direct: asyncio.Transport | None = None
        """The same, if its socket may be written to beside it while nothing waits in it."""
        self.descriptor = -1
        """Of that socket."""
        self._held: list[Message] | None = [] if upgraded else None
        self._held_bytes = 0
        self._polled: deque[tuple[int, int]] = deque()  # (packets, bytes) of each message put on the queue
        self._polled_packets = 0
        self._polled_bytes = 0
        self._drain = Drain()
        self._busy = False  # something waited in the transport after the last write
        self._closed = False

    def send(self, message: Message) -> bool:
        """Send it, or let it wait; never blocks, never raises for a client that is gone.

        Returns:
            Whether something may wait now.
        """
        transport = self.transport
        if transport is None:
            self._keep(message)
            return True
        if self._busy:
            queued_bytes = transport.get_write_buffer_size()
            if queued_bytes > MAX_BACKLOG_BYTES:
                self._give_up()
                return True
            self._drain.wrote(len(message.frames), queued_bytes, _now_ms())
        if not transport.is_closing():
            self.write_on(transport, message.frames)
        return self._busy

    def write_on(self, transport: asyncio.Transport, data: bytes | memoryview) -> None:
        """Write to its transport, behind what waits there."""
        transport.write(data)
        self._busy = transport.get_write_buffer_size() > 0

    def queued_bytes(self) -> int:
        """How much waits to be sent, as the memory that it takes.

        That is a quarter more: asyncio's buffer has up to an eighth to spare, and as it grows it leaves holes.
        """
        if self.transport is not None:
            waiting_bytes = self.transport.get_write_buffer_size()
            return waiting_bytes + waiting_bytes // 4
        self._forget_polled()
        return self._held_bytes + self._polled_bytes

    def wait_ms(self) -> float:
        """How long what waits for a WebSocket will take; 0 while that is not known, and on long polling."""
        transport = self.transport
        return 0.0 if transport is None else self._drain.wait_ms(transport.get_write_buffer_size(), _now_ms())

    def still_ms(self) -> float:
        """For how long a WebSocket has taken nothing of what waits for it."""
        transport = self.transport
        return 0.0 if transport is None else self._drain.still_ms(transport.get_write_buffer_size(), _now_ms())

    def hold(self) -> None:
        """The client has moved to a WebSocket: keep everything until what it was sent before is out."""
        if self.transport is None and self._held is None:
            self._held = []

    def open(self, transport: asyncio.Transport) -> None:
        """What was sent before is out: write to this transport from now on."""
        held, self._held, self._held_bytes = self._held or [], None, 0
        self.transport = transport
        self.descriptor = _descriptor(transport)
        self.direct = None if self.descriptor < 0 else transport
        for message in held:
            self.send(message)

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True
        self.transport = self.direct = None
        self._held = None
        self._held_bytes = 0

    def _keep(self, message: Message) -> None:
        if self._closed:
            return
        if self.queued_bytes() > MAX_BACKLOG_BYTES:
            self._give_up()
        elif self._held is not None:
            self._held.append(message)
            self._held_bytes += message.size_bytes
        else:
            self._poll(message)

    def _give_up(self) -> None:
        self.close()
        self._on_overflow()

    def _poll(self, message: Message) -> None:
        packets = [eio_packet.Packet(eio_packet.MESSAGE, message.text)]
        if message.data is not None:
            packets.append(eio_packet.Packet(eio_packet.MESSAGE, message.data))
        for packet in packets:
            self._queue.put_nowait(packet)
        self._polled.append((len(packets), message.size_bytes))
        self._polled_packets += len(packets)
        self._polled_bytes += message.size_bytes

    def _forget_polled(self) -> None:
        # The queue is first in, first out: what it no longer holds are our oldest messages. Engine.IO's own
        # packets in it (a ping now and then) make this err by a message, to the careful side.
        waiting = self._queue.qsize()
        while self._polled and self._polled_packets > waiting:
            packets, size_bytes = self._polled.popleft()
            self._polled_packets -= packets
            self._polled_bytes -= size_bytes


class Fanout:
    """All outlets, by connection; and by Engine.IO session for the WebSocket that opens them."""

    def __init__(self) -> None:
        self._outlets: dict[str, Outlet] = {}
        self.connections: dict[str, str] = {}
        """Of the clients that have been let in, by Engine.IO session."""
        self.transports: dict[str, asyncio.Transport] = {}
        """The open WebSockets, by Engine.IO session; those that have not been let in too."""
        self.busy: set[str] = set()
        """The connections for which something may wait; there is nothing to ask of the others."""

    def __len__(self) -> int:
        return len(self._outlets)

    def add(self, connection: str, session: str, outlet: Outlet) -> None:
        """A client has been let in."""
        self._outlets[connection] = outlet
        self.busy.add(connection)
        self.connections[session] = connection

    def remove(self, connection: str) -> None:
        """A client is gone."""
        self.busy.discard(connection)
        outlet = self._outlets.pop(connection, None)
        if outlet is not None:
            outlet.close()
            for session in [session for session, known in self.connections.items() if known == connection]:
                del self.connections[session]

    def close(self, connection: str) -> None:
        """Send nothing more to a client that is about to be gone."""
        self.busy.discard(connection)
        self._outlets[connection].close()

    def is_let_in(self, session_id: str) -> bool:
        """Whether the client of this Engine.IO session has been let in by Socket.IO's CONNECT."""
        return self.of_session(session_id) is not None

    def of_session(self, session: str) -> Outlet | None:
        """The outlet of an Engine.IO session, if its client has been let in."""
        connection = self.connections.get(session)
        return None if connection is None else self._outlets[connection]

    def send(self, to: Iterable[str], message: Message) -> None:
        """Send one message to all of these."""
        outlets, frames = self._outlets, message.frames
        size = len(frames)
        for connection in to:
            outlet = outlets.get(connection)
            if outlet is None:
                continue
            transport = outlet.direct
            if transport is None or transport.is_closing() or transport.get_write_buffer_size():
                if outlet.send(message):
                    self.busy.add(connection)
                continue
            # What nearly every delivery is: what the transport's own write would do now, and a twentieth cheaper.
            try:
                sent = os.write(outlet.descriptor, frames)
            except OSError:  # nothing fits, or the connection is gone: the transport knows what to do then
                sent = 0
            if sent < size:
                outlet.write_on(transport, memoryview(frames)[sent:])
                self.busy.add(connection)

    def send_all(self, message: Message) -> None:
        """Send one message to everybody."""
        self.send(list(self._outlets), message)

    def queued_bytes(self, connection: str) -> int:
        """How much waits for this client; 0 for one that is gone."""
        outlet = self._outlets.get(connection)
        if outlet is None:
            return 0
        queued_bytes = outlet.queued_bytes()
        if not queued_bytes and outlet.transport is not None:
            self.busy.discard(connection)
        return queued_bytes

    def all_queued_bytes(self) -> int:
        """How much waits for all clients together."""
        return sum(outlet.queued_bytes() for outlet in self._outlets.values())

    def stalled(self, for_ms: float) -> list[str]:
        """Who has taken nothing for so long, although something waits; to be asked often."""
        return [one for one in self.busy if self.is_stalled(one, for_ms)]

    def is_stalled(self, connection: str, for_ms: float) -> bool:
        """Whether this one has; not if it is gone, or nothing more is sent to it."""
        outlet = self._outlets.get(connection)
        return outlet is not None and outlet.still_ms() >= for_ms

    def wait_ms(self, connection: str) -> float:
        """How long what waits for this client will take; 0 while that is not known."""
        outlet = self._outlets.get(connection)
        return 0.0 if outlet is None else outlet.wait_ms()


def abort(transport: asyncio.Transport) -> None:
    """End a connection at once, if it has not ended: asyncio's own stumbles, in 3.11, over one that closed late."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        transport.abort()


def _descriptor(transport: asyncio.Transport) -> int:
    """Of the socket beneath; -1 where all writes have to go through the transport: over TLS, and on Windows."""
    sock = transport.get_extra_info("socket")
    is_plain = sock is not None and transport.get_extra_info("sslcontext") is None and os.name == "posix"
    return sock.fileno() if is_plain else -1


def _now_ms() -> float:
    return time.monotonic() * 1000
