"""Messages between relays that share rooms, over Redis' publish and subscribe. Nothing is kept in Redis.

What waits for Redis is bounded: the core drops media by whole groups when too much waits, and beyond `MAX_BUS_BYTES`
anything is dropped, which the others notice by its number and ask for. When Redis is gone everything is dropped, and
the relay goes on alone; when it is back everything is said anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from relay_widget.core.effects import inbox
from relay_widget.core.sharing import CONTROL
from relay_widget.ending import is_cancelled, run_together
from relay_widget.errors import RelayStartError

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

MAX_BUS_BYTES = 64_000_000
"""What may wait for Redis in all."""
REPLY_TIMEOUT_S = 3.0
"""How long Redis may take for anything. Our own beats come back from it twice a second."""
RECONNECT_S = 0.5
FIRST_CONNECT_S = 2.0
"""How long a relay that starts waits for Redis before it serves without."""
_FLUSH_S = 1.0
_BATCH_BYTES = 1_000_000
_BATCH = 500
_CLOCK_S = 1.0
_WATCH_S = 0.5
_CLOCK_SAMPLES = 30
_HEAD_BYTES = 4
_VERSION = 2
"""Of what relays say to each other; others are on other channels."""
_SIGNATURE_BYTES = 16

_log = logging.getLogger(__name__)


class Receiver(Protocol):
    """Who is told what comes."""

    def now_ms(self) -> float:
        """The relay's clock."""
        ...

    def bus_connected(self) -> None:
        """Everybody can be told something from now on."""
        ...

    def bus_listening(self, channel: str) -> None:
        """What is sent on this channel comes from now on."""
        ...

    def bus_message(self, message: dict[str, Any], data: bytes) -> None:
        """This has come."""
        ...


class RedisBus:
    """The way to the other relays.

    Args:
        url: Of Redis. Its database's number keeps apart relays that are not to share rooms.
        node: This relay's name among them.
        secret: What tokens are signed with. Relays with another one are on other channels, and cannot be heard here.

    Raises:
        RelayStartError: ``redis``: the package is not there, or this is no address.
    """

    def __init__(self, url: str, node: str, secret: str) -> None:
        try:
            from redis import asyncio as aioredis  # noqa: PLC0415 - an extra, for relays that share rooms
            from redis.asyncio.retry import Retry  # noqa: PLC0415
            from redis.backoff import NoBackoff  # noqa: PLC0415
            from redis.exceptions import RedisError  # noqa: PLC0415
        except ImportError:
            raise RelayStartError(
                "redis", "Sharing rooms needs a package more: pip install 'relay-widget[redis]'."
            ) from None
        try:
            self._client: Redis = aioredis.from_url(
                url,
                socket_connect_timeout=REPLY_TIMEOUT_S,
                client_name=f"relay-widget-{node}",
                retry=Retry(NoBackoff(), 0),  # all is said anew, in order, on a new connection
            )
        except ValueError:
            raise RelayStartError(
                "redis", "That is no address of a Redis server: write it as in redis://host:6379/0."
            ) from None
        self._lost = (RedisError, OSError, TimeoutError)
        database = self._client.connection_pool.connection_kwargs.get("db") or 0
        # Whoever can write to Redis could say anything to all rooms; and a user that may do nothing but publish is one.
        self._key = hashlib.sha256(b"relay-widget bus " + secret.encode()).digest()
        self._prefix = f"relay-widget:{_VERSION}:{database}:{self._sign(b'channels').hex()}:"
        self._node = node
        self._channels = {CONTROL, inbox(node)}
        self._changes: deque[tuple[str, bool]] = deque()
        self._queue: deque[tuple[float, str, bytes]] = deque()  # since when it waits, channel, message
        self._waiting_bytes = 0
        self._sending_since_s: float | None = None
        self._wake = asyncio.Event()
        self._once = asyncio.Event()
        self._idle = asyncio.Event()
        self._clock: deque[tuple[float, float]] = deque(maxlen=_CLOCK_SAMPLES)  # way there and back, ahead_ms
        self.connected = False
        self._own_came = False
        self._down = False
        self._complained = False
        self.sent_bytes: Counter[str] = Counter()
        self.received_bytes: Counter[str] = Counter()
        """Both by ``control`` and ``media``."""
        self.disconnects = 0
        self.unusable_messages = 0

    def queued_bytes(self) -> int:
        """How much waits for Redis."""
        return self._waiting_bytes

    def wait_ms(self) -> float:
        """How long the oldest of that has waited."""
        since_s = self._sending_since_s
        if since_s is None:
            since_s = self._queue[0][0] if self._queue else None
        return 0.0 if since_s is None else (time.monotonic() - since_s) * 1000

    def ahead_ms(self) -> float:
        """How far the relay's clock is ahead of Redis'; by the question that was answered fastest."""
        return min(self._clock, default=(0.0, 0.0))[1]

    def send(self, channel: str, message: dict[str, Any], data: bytes) -> None:
        """Send it, or drop it; never blocks."""
        if not self.connected or self._waiting_bytes > MAX_BUS_BYTES:
            return
        head = msgspec.json.encode({**message, "node": self._node})
        said = b"".join((len(head).to_bytes(_HEAD_BYTES, "big"), head, data))
        payload = self.signed(channel, said)
        self._queue.append((time.monotonic(), channel, payload))
        self._waiting_bytes += len(payload)
        self.sent_bytes[_kind(message)] += len(payload)
        self._idle.clear()
        self._wake.set()

    def listen(self, channel: str, *, wanted: bool) -> None:
        """Listen to this channel, or no longer."""
        if wanted:
            self._channels.add(channel)
        else:
            self._channels.discard(channel)
        if self.connected:
            self._changes.append((channel, wanted))
            self._wake.set()

    async def wait_connected(self, timeout_s: float) -> None:
        """Until Redis is there, but not for long."""
        try:
            await asyncio.wait_for(self._once.wait(), timeout_s)
        except TimeoutError:
            self._say_down("it does not answer")

    async def flush(self) -> None:
        """Until what waits has been sent, but not for long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), _FLUSH_S)

    async def run(self, receiver: Receiver) -> None:
        """Until cancelled."""
        try:
            while not is_cancelled():
                try:
                    await self._serve(receiver)
                except self._lost as error:
                    self._say_down(str(error) or "it does not answer")
                except Exception:  # noqa: BLE001 - logged, and tried again
                    _log.exception("sharing rooms over Redis failed, and begins anew")
                await asyncio.sleep(RECONNECT_S)
        finally:
            await self._client.aclose()

    async def _serve(self, receiver: Receiver) -> None:
        pubsub = self._client.pubsub()
        try:
            # These two first: when they are confirmed, answers can come.
            names = [CONTROL, inbox(self._node)]
            await pubsub.subscribe(*(self._prefix + name for name in names))
            await run_together(
                self._read(pubsub, receiver), self._write(pubsub), self._ask_time(receiver), self._watch()
            )
        finally:
            self._forget()
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                await pubsub.aclose()  # type: ignore[no-untyped-call]
                await self._client.connection_pool.disconnect()

    async def _read(self, pubsub: PubSub, receiver: Receiver) -> None:
        while not is_cancelled():
            message = await pubsub.get_message(timeout=None)  # that it stays away is noticed by `_watch`
            if message is None:
                continue
            channel = message["channel"].decode().removeprefix(self._prefix)
            if message["type"] == "message":
                self._take(channel, message["data"], receiver)
            elif message["type"] == "subscribe":
                if channel == inbox(self._node):
                    self._begin(receiver)
                elif channel != CONTROL:
                    receiver.bus_listening(channel)

    def _begin(self, receiver: Receiver) -> None:
        self.connected, self._complained = True, False
        self._once.set()
        if self._down:
            self._down = False
            _log.warning("Redis is back: rooms are shared again.")
        self._changes.extend((channel, True) for channel in self._channels - {CONTROL, inbox(self._node)})
        self._wake.set()
        receiver.bus_connected()

    def signed(self, channel: str, said: bytes) -> bytes:
        """What is sent on a channel, in front of which it says that it is of one who has the secret."""
        return self._sign(channel.encode(), said) + said

    def _sign(self, *parts: bytes) -> bytes:
        code = hashlib.blake2b(key=self._key, digest_size=_SIGNATURE_BYTES)
        for part in parts:
            code.update(len(part).to_bytes(8, "big"))
            code.update(part)
        return code.digest()

    def _take(self, channel: str, signed: bytes, receiver: Receiver) -> None:
        signature, payload = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(channel.encode(), payload)):
            self.unusable_messages += 1  # a stranger's; it may be as many as it likes
            return
        start = _HEAD_BYTES + int.from_bytes(payload[:_HEAD_BYTES], "big")
        try:
            message = msgspec.json.decode(payload[_HEAD_BYTES:start])
            self.received_bytes[_kind(message)] += len(payload)
            self._own_came = self._own_came or message["node"] == self._node
            receiver.bus_message(message, payload[start:])
        except Exception:  # noqa: BLE001 - counted, logged, and harming no other message
            self.unusable_messages += 1
            if not self._complained:
                self._complained = True
                _log.exception("a message over Redis could not be used; more of them are only counted")

    async def _write(self, pubsub: PubSub) -> None:
        while not is_cancelled():
            await self._wake.wait()
            self._wake.clear()
            while (self._changes or self._queue) and not is_cancelled():
                async with asyncio.timeout(REPLY_TIMEOUT_S):
                    while self._changes:
                        channel, wanted = self._changes.popleft()
                        await (pubsub.subscribe if wanted else pubsub.unsubscribe)(self._prefix + channel)
                    await self._send_some()
            self._idle.set()

    async def _send_some(self) -> None:
        """One batch; its answer is waited for, so that what Redis does not take waits here."""
        pipeline = self._client.pipeline(transaction=False)
        count = size_bytes = 0
        for since_s, channel, payload in self._queue:
            if count == 0:
                self._sending_since_s = since_s
            pipeline.publish(self._prefix + channel, payload)
            count, size_bytes = count + 1, size_bytes + len(payload)
            if count >= _BATCH or size_bytes >= _BATCH_BYTES:
                break
        for _ in range(count):
            self._queue.popleft()
        if count:
            await pipeline.execute()
        self._waiting_bytes -= size_bytes
        self._sending_since_s = None

    async def _ask_time(self, receiver: Receiver) -> None:
        while not is_cancelled():
            asked_ms = receiver.now_ms()
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                seconds, microseconds = await self._client.time()
            got_ms = receiver.now_ms()
            ahead_ms = (asked_ms + got_ms) / 2 - (seconds * 1000 + microseconds / 1000)
            self._clock.append((got_ms - asked_ms, ahead_ms))
            await asyncio.sleep(_CLOCK_S)

    async def _watch(self) -> None:
        """See that our own beats come back.

        It counts turns, not seconds: of a process that stood still, what came meanwhile is yet to be read.

        Raises:
            TimeoutError: None has come for `REPLY_TIMEOUT_S`.
        """
        turns = 0
        while not is_cancelled():
            await asyncio.sleep(_WATCH_S)
            turns, self._own_came = 0 if self._own_came else turns + 1, False
            if turns * _WATCH_S > REPLY_TIMEOUT_S:
                raise TimeoutError("our own messages do not come back")

    def _forget(self) -> None:
        """What was to be sent is of no use on the next connection."""
        self.connected = False
        self._queue.clear()
        self._changes.clear()
        self._waiting_bytes = 0
        self._sending_since_s = None
        self._idle.set()

    def _say_down(self, reason: str) -> None:
        """Once, not at every attempt."""
        if not self._down:
            self._down = True
            self.disconnects += 1
            text = "Redis cannot be reached: rooms are shared with no other relay until it can."
            _log.error(text, extra={"fields": {"reason": reason}})


def _kind(message: dict[str, Any]) -> str:
    return "media" if message["kind"] == "media" else "control"
