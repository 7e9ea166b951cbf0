"""/metrics of a real relay, read by Prometheus' own parser."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING

import pytest

from relay_widget.server.metrics import LAG_BUCKETS_S, LoopLag
from tests.core.media import header
from tests.relay_process import RelayProcess

from .clients import TIMEOUT_S, Client, RawClient, read_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLISH = {"track": "camera", "mimeType": "video/webm"}


@pytest.fixture
def own_relay() -> Iterator[RelayProcess]:
    """A relay whose counters no other test moves."""
    with RelayProcess() as relay:
        yield relay
        assert relay.log == ""


def ended(relay: RelayProcess) -> float:
    return sum(value for name, value in read_metrics(relay).items() if name.startswith("ended_connections_total "))


@pytest.mark.process
async def test_it_counts_what_happens(own_relay: RelayProcess) -> None:
    relay = own_relay
    first = await asyncio.to_thread(read_metrics, relay)
    assert first["connections"] == first["rooms"] == first["deliveries_total"] == 0
    async with Client() as ada, Client() as bob, Client() as cy:
        for client in (ada, bob, cy):
            await client.connect(relay.url, relay.auth())
            await client.join("lab")
        await ada.ask("publish", PUBLISH)
        await ada.ask("media-chunk", header("init"), bytes(10))
        await ada.ask("media-chunk", header("key"), bytes(1000))
        assert not (await ada.ask("media-chunk", header("delta", number=7), b"x"))["ok"]
        now = await asyncio.to_thread(read_metrics, relay)
        assert (now["connections"], now["rooms"], now["peers"], now["tracks"]) == (3, 1, 3, 1)
        assert (now["received_chunks_total"], now["received_bytes_total"]) == (2, 1010)
        assert (now["deliveries_total"], now["delivered_bytes_total"]) == (4, 2020)
        assert now["held_bytes"] == 1010
        assert now["refusals_total out-of-order"] == 1
        assert now["process_resident_memory_bytes"] > 1_000_000
        await cy.ask("leave")
        await cy.ask("join", {"room": "lab", "name": "Cy", "listener": {"does": "records"}})
        now = await asyncio.to_thread(read_metrics, relay)
        assert (now["rooms"], now["peers"], now["listeners"]) == (1, 2, 1)
        await cy.close()
        async with asyncio.timeout(TIMEOUT_S):
            while await asyncio.to_thread(ended, relay) != 1:
                pass
    async with asyncio.timeout(TIMEOUT_S):
        while (await asyncio.to_thread(read_metrics, relay))["loop_lag_seconds_count"] < 2:
            pass


@pytest.mark.process
async def test_it_counts_what_waits_and_what_is_dropped(own_relay: RelayProcess) -> None:
    relay = own_relay
    raw = await RawClient().connect(relay.url, receive_buffer_bytes=4096)
    await raw.join(relay.auth(), "lab")  # and from here on it does not read
    async with Client() as ada:
        await ada.connect(relay.url, relay.auth())
        await ada.join("lab")
        await ada.ask("publish", PUBLISH)
        await ada.ask("media-chunk", header("init"), b"i")
        for group in range(30):
            await ada.ask("media-chunk", header("key", group=group), bytes(100_000))
        now = await asyncio.to_thread(read_metrics, relay)
        assert now["queue_bytes"] > 900_000
        assert now["dropped_chunks_total slow"] == now["dropped_groups_total"] > 10
    await raw.close()


def own_address() -> str:
    """An address of this machine that is not loopback; none is reached for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


def test_who_may_read_it(relay: RelayProcess) -> None:
    assert relay.get("/metrics")[0] == 200
    assert relay.get("/metrics", {"X-Forwarded-For": "127.0.0.1"})[0] == 403  # through a proxy, from anywhere
    for by_proxy in ("Forwarded", "X-Real-IP", "Via", "X-Forwarded-Host", "CF-Connecting-IP"):
        assert relay.get("/metrics", {by_proxy: "127.0.0.1"})[0] == 403
    assert relay.get("/metrics", {"X-Forwarded-Prefix": "/user/ada/proxy/8765"})[0] == 403  # jupyter-server-proxy
    with RelayProcess(("--allow-host", "relay.example")) as named:
        assert named.get("/healthz", {"Host": "relay.example"})[0] == 200
        assert named.get("/metrics", {"Host": "relay.example"})[0] == 403  # a proxy that says nothing else
    address = own_address()
    with RelayProcess(("--host", address)) as outside:
        status, _, body = outside.get("/metrics")
        assert status == 403
        assert b"--metrics-from" in body
    with RelayProcess(("--host", address, "--metrics-from", f"{address}/32")) as outside:
        assert outside.get("/metrics")[0] == 200


def test_the_histogram_of_lag() -> None:
    lag = LoopLag()
    for lag_s in (0.0, 0.001, 0.0015, 60.0):
        lag.observe(lag_s)
    buckets = dict(lag.buckets())
    assert len(buckets) == len(LAG_BUCKETS_S) + 1
    assert (buckets["0.001"], buckets["0.002"], buckets["5.0"], buckets["+Inf"]) == (2, 3, 3, 4)
    assert lag.sum_s == pytest.approx(60.0025)


@pytest.mark.process
async def test_who_does_not_read_is_counted_as_such(own_relay: RelayProcess) -> None:
    relay = own_relay
    async with Client() as ada:
        await ada.connect(relay.url, relay.auth())
        await ada.ask("join", {"room": "lab", "name": "Ada", "plays": ["video/" + "x" * 120] * 16})
        deaf = await RawClient().connect(relay.url, receive_buffer_bytes=4096)
        await deaf.send("40" + json.dumps(relay.auth("monitor")))
        await deaf.until(lambda data: data.startswith(b"40{"))
        with pytest.raises(ConnectionError):  # noqa: PT012
            while True:  # 2 kB of answer each, of which it reads nothing
                await deaf.send('421["watch",{"room":"lab"}]')
        await deaf.close()
        async with asyncio.timeout(TIMEOUT_S):
            while await asyncio.to_thread(ended, relay) != 1:
                pass
        assert (await asyncio.to_thread(read_metrics, relay))["ended_connections_total not-reading"] == 1
