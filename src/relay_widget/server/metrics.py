"""What the relay has counted, as Prometheus reads it: gathered when it is asked for, at no cost to a delivery.

``prometheus_client`` is imported by the first question: most relays are a notebook's own, and nobody asks them.
"""

from __future__ import annotations

import asyncio
import ipaddress
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from aiohttp import web

from relay_widget.protocol import Code

from .guard import host_name, is_loopback

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

    from relay_widget.core import Relay

    from .fanout import Fanout
    from .redis_bus import RedisBus

PREFIX = "relay_widget_"
LAG_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class LoopLag:
    """How late the event loop was when it was to do something: a histogram."""

    def __init__(self) -> None:
        self.counts = [0] * (len(LAG_BUCKETS_S) + 1)
        self.sum_s = 0.0

    def observe(self, lag_s: float) -> None:
        """It was so late."""
        self.counts[bisect_left(LAG_BUCKETS_S, lag_s)] += 1
        self.sum_s += lag_s

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bound and how often it was no later than that."""
        bounds = [*(str(bound) for bound in LAG_BUCKETS_S), "+Inf"]
        return list(zip(bounds, map(float, accumulate(self.counts)), strict=True))


_BY_A_PROXY = ("x-forwarded", "forwarded", "x-real-ip", "via", "x-client-ip", "cf-connecting-ip", "true-client-ip")
"""How the headers begin that proxies add."""


class Metrics:
    """The page ``/metrics``.

    Args:
        relay: The relay.
        fanout: Its clients' ways out.
        ended: How many connections have ended, by reason.
        lag: Of its event loop.
        readers: The networks that may read it, beside this machine.
        bus: The way to relays that share rooms with this one; None if there are none.
        on_refused: Called with the address of one who may not read it.
    """

    def __init__(
        self,
        relay: Relay,
        fanout: Fanout,
        ended: Counter[str],
        lag: LoopLag,
        readers: Iterable[Network],
        *,
        bus: RedisBus | None = None,
        on_refused: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self._on_refused = on_refused
        self._bus = bus
        self._relay = relay
        self._fanout = fanout
        self._ended = ended
        self._lag = lag
        self._readers = tuple(readers)
        self._registry: CollectorRegistry | None = None

    async def page(self, request: web.Request) -> web.Response:
        """Answer a request for it."""
        if not self._may_read(request):
            self._on_refused(request.remote)
            message = "Only this machine may read the metrics: start the relay with --metrics-from to add a network."
            return web.json_response({"code": Code.FORBIDDEN, "message": message}, status=403)
        if self._registry is None:
            self._registry = await asyncio.to_thread(self._new_registry)
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415

        headers = {"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}
        return web.Response(body=generate_latest(self._registry), headers=headers)

    def _may_read(self, request: web.Request) -> bool:
        # What a proxy on this machine passes on comes from anywhere. (One that says nothing of the kind, and names this
        # machine as the host, cannot be told from a program here.)
        if any(name.lower().startswith(_BY_A_PROXY) for name in request.headers):
            return False
        try:
            address = ipaddress.ip_address(request.remote or "")
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        is_program_here = address.is_loopback and is_loopback(host_name(request.host))
        return is_program_here or any(address in network for network in self._readers)

    def _new_registry(self) -> CollectorRegistry:
        from prometheus_client import CollectorRegistry, ProcessCollector  # noqa: PLC0415

        registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # memory, CPU time, open files
        registry.register(self)
        return registry

    def describe(self) -> list[Metric]:
        """Nothing, so that registering does not gather; part of Prometheus' protocol, as ``collect`` is."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything, now."""
        from prometheus_client.core import (  # noqa: PLC0415
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        stats, rooms = self._relay.stats, [room for room in self._relay.rooms.values() if room.here]
        here = [member for room in rooms for member in room.here]
        peers = [member for member in here if member.listens is None]
        for name, what, value in (
            ("connections", "Clients connected", len(self._fanout)),
            ("rooms", "Rooms with somebody of this relay in them", len(rooms)),
            ("peers", "Peers in rooms", len(peers)),
            ("listeners", "Listeners in rooms", len(here) - len(peers)),
            ("tracks", "Tracks published", sum(len(peer.tracks) for peer in peers)),
            ("queue_bytes", "What waits to be sent, over all clients", self._fanout.all_queued_bytes()),
            ("held_bytes", "What waits and what is kept for late joiners", self._relay.held_bytes()),
        ):
            yield GaugeMetricFamily(PREFIX + name, what, value)
        for name, what, value in (
            ("received_chunks", "Chunks of media taken from publishers", stats.chunks_in),
            ("received_bytes", "Their bytes", stats.bytes_in),
            ("deliveries", "Chunks of media sent to subscribers", stats.chunks_out),
            ("delivered_bytes", "Their bytes", stats.bytes_out),
            ("dropped_groups", "Groups of which a subscriber lost something", stats.dropped_groups),
            ("given_up_groups", "Groups not kept for late joiners: too much was held", stats.given_up_groups),
        ):
            yield CounterMetricFamily(PREFIX + name, what, value)
        for name, what, label, counts in (
            ("dropped_chunks", "Chunks not sent to a subscriber", "reason", stats.dropped),
            ("refusals", "What clients were refused", "code", stats.refused),
            ("ended_connections", "Connections that have ended", "reason", self._ended),
        ):
            family = CounterMetricFamily(PREFIX + name, what, labels=[label])
            for labelled, count in counts.items():
                family.add_metric([labelled], count)
            yield family
        if self._bus is not None:
            yield from self._shared(self._bus)
        yield HistogramMetricFamily(
            PREFIX + "loop_lag_seconds", "How late the event loop was", self._lag.buckets(), self._lag.sum_s
        )

    def _shared(self, bus: RedisBus) -> Iterator[Metric]:
        """What there is between relays that share rooms."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

        sharing = self._relay.sharing
        for name, what, value in (
            ("redis_connected", "Whether Redis can be reached", bus.connected),
            ("redis_queue_bytes", "What waits for Redis", bus.queued_bytes()),
            ("nodes", "Other relays that share rooms with this one", len(sharing.nodes)),
        ):
            yield GaugeMetricFamily(PREFIX + name, what, value)
        for name, what, value in (
            ("redis_disconnects", "How often Redis could no longer be reached", bus.disconnects),
            ("redis_unusable_messages", "Messages over Redis that could not be used", bus.unusable_messages),
            (
                "redis_dropped_chunks",
                "Chunks not sent to other relays, because too much waited",
                sharing.dropped_objects,
            ),
        ):
            yield CounterMetricFamily(PREFIX + name, what, value)
        for name, what, counts in (
            ("redis_sent_bytes", "Bytes sent to other relays", bus.sent_bytes),
            ("redis_received_bytes", "Bytes received from other relays", bus.received_bytes),
        ):
            family = CounterMetricFamily(PREFIX + name, what, labels=["kind"])
            for kind in ("control", "media"):
                family.add_metric([kind], counts[kind])
            yield family
