"""One participant or listener on the wire: in a room, its tracks and the others' as numbered objects; no codec.

It finds or starts the user's own relay, joins, keeps the relay's clock, and comes back by itself under the same peer
id when the connection breaks or the relay is started anew. Everything in here belongs to the asyncio loop that
`RelayClient.connect` is awaited on; only the clock may be read from elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec

from . import launcher
from .background import settle
from .clock import RelayClock, local_ms
from .ending import end
from .errors import InvalidValueError, RelayRequestError, RelayStartError, RelayWidgetError, WireError
from .protocol import (
    PROTOCOL_VERSION,
    RESUME_LIFETIME_S,
    TICKET_LIFETIME_S,
    Code,
    Event,
    ListenerInfo,
    Listens,
    PeerInfo,
    Track,
    check_name,
    check_room,
    parse_header,
    parse_publish,
)
from .relays import bare_token, http_session, named_relay, no_answer, socketio_path
from .tokens import mint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import socketio

    from .protocol import LeftReason, MediaHeader, Report

MAX_UPLINK_BYTES = 500_000
"""What may wait on its way to the relay before groups of video are left out."""
MAX_AUDIO_UPLINK_BYTES = 2 * MAX_UPLINK_BYTES
"""The same for tracks that are sound only, which are the last to give way."""
_RESUME_SHARE = 0.25
"""What was left out goes on when no more than this share of its bound waits: what is sent then is fresh."""
_ANSWER_TIMEOUT_S = 5.0
_CONNECT_TIMEOUT_S = 10.0
_LEAVE_TIMEOUT_S = 1.0
_CLOSE_TIMEOUT_S = 2.0
_FIRST_ATTEMPTS = 3
_RETRY_FIRST_S = 0.15
_RETRY_MAX_S = 1.2
_FAILED_RETRY_S = 5.0
_CLOCK_BURST = 4
_CLOCK_BURST_GAP_S = 0.06
_CLOCK_INTERVAL_S = 10.0
_ENDS = (Code.REPLACED, Code.REMOVED, Code.ROOM_ENDED, Code.EXPIRED_TOKEN)
"""After these the relay ends the connection, and coming back by itself would not mend it."""

_log = logging.getLogger(__name__)


class _Unreachable(Exception):  # noqa: N818 - a turn of events, told to nobody
    """No relay took the connection."""


class _Refused(Exception):  # noqa: N818
    """A relay refused the connection, and said why."""

    def __init__(self, error: RelayRequestError) -> None:
        super().__init__(error.message)
        self.error = error


class RelayClient:
    """One participant of a room, or one listener in it.

    What it hears it tells by calling its ``on_…`` attributes, which may be set at any time and must not block.

    Args:
        room: Where to meet. 1 to 64 characters.
        name: What the others see. 1 to 64 characters.
        url: The relay's address; None for the one that RELAY_WIDGET_URL names, else the user's own, found or started by
            `launcher`.
        token: What to show it, as `Call.invite` makes it; None where it is the user's own, whose secret is known, or
            one that asks for none.
        subscribe: Whether it gets the others' media. Holds for the user's own relay; elsewhere the token says it.
        plays: MIME types it can receive, best first; empty for unknown.
        numbered: Nobody chose the name: the relay numbers it if it is taken, and `name` is the one that it gave.
        listens: To be a listener, which publishes nothing and is no participant: what it does, and whose media it gets.

    Raises:
        InvalidValueError: ``bad-room``, ``bad-name``, ``bad-url`` or ``bad-token``.
    """

    def __init__(
        self,
        room: str = "lab",
        name: str = "Python",
        *,
        url: str | None = None,
        token: str | None = None,
        subscribe: bool = True,
        plays: Iterable[str] = (),
        numbered: bool = False,
        listens: Listens | None = None,
    ) -> None:
        try:
            self.room = check_room(room)
            self.name = check_name(name)
        except WireError as error:
            raise InvalidValueError(error.code, error.message) from None
        self.id = ""
        """The id on the relay; it stays the same over reconnections. Empty before it has joined once, if the relay
        chooses it."""
        self.peers: dict[str, PeerInfo] = {}
        """The others in the room, by id."""
        self.listeners: dict[str, ListenerInfo] = {}
        """The others that listen in the room without being participants, by id."""
        self.listens = listens
        """What it does, and whose media it gets, if it is a listener; `listen` changes it."""
        self.joined = False
        """Whether it is in the room at this moment."""
        self.error: RelayWidgetError | None = None
        """Why it is over, if it did not end by `close`."""
        self.clock = RelayClock()
        self.on_joined: Callable[[], None] = _ignore
        """In the room, for the first time or again. Its tracks are published again; of their media the relay knows
        nothing, so each begins a new epoch."""
        self.on_lost: Callable[[], None] = _ignore
        """The connection broke; it is being made anew."""
        self.on_ended: Callable[[RelayWidgetError | None], None] = _ignore
        """It is over: closed (None), or the relay will not have it (any more)."""
        self.on_object: Callable[[str, MediaHeader, float, bytes], None] = _ignore
        """An object of another peer: its id, the label, when it came to the relay (ms, its clock), the bytes."""
        self.on_peers: Callable[[], None] = _ignore
        """`peers` has changed: who is there, what they are called or what they publish."""
        self.on_listeners: Callable[[], None] = _ignore
        """`listeners` has changed."""
        self.on_peer_left: Callable[[str, LeftReason], None] = _ignore
        """A peer (its id) is no longer there. Who is ``lost`` or ``replaced`` may come back under its id."""
        self.on_groups_dropped: Callable[[str, str, int], None] = _ignore
        """Of a peer's track so many groups have been left out for this client, in all since it was subscribed."""
        self.on_track_lag: Callable[[str, int, int], None] = _ignore
        """Of the so many subscribers of one of its tracks, so many lag."""
        self.on_refused: Callable[[RelayRequestError, str | None], None] = _log_refusal
        """Something sent was refused; which of its tracks it was about, if it was about one."""
        named = named_relay(url, token)
        self._url = None if named is None else named.url
        self._token = bare_token(token) if named is None else named.token
        self._subscribe = subscribe
        self._plays, self._numbered = list(plays), numbered
        self._resume: tuple[str, str] | None = None  # at which relay, and the token
        self._tracks: dict[str, Track] = {}
        self._outbox = _Outbox()
        self._sio: socketio.AsyncClient | None = None
        self._gone: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._first: asyncio.Future[None] | None = None

    async def connect(self) -> None:
        """Join the room, and stay in it until `close`.

        Raises:
            RelayRequestError: The relay does not answer (``no-answer``), or it refused: the code and sentence are its
                (``bad-token``, ``expired-token``, ``forbidden``, ``room-full``, ``room-locked``, …).
            RelayStartError: There is no relay and none could be started.
        """
        if self._task is not None:
            raise RelayRequestError("already-joined", f"{self.name!r} was connected before: make another client.")
        loop = asyncio.get_running_loop()
        self._first = loop.create_future()
        self._task = loop.create_task(self._stay())
        try:
            await asyncio.shield(self._first)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Leave the room for good."""
        if self._task is None or self._task.done():
            return
        if self.joined:
            try:
                # The others are told that it left, not that it was lost.
                await self._ask(Event.LEAVE, None, timeout_s=_LEAVE_TIMEOUT_S)
            except RelayRequestError as error:
                _log.info("leaving: %s", error)
        await end(self._task)

    def now_ms(self) -> float:
        """Now, in the relay's clock: ms since 1970. From any thread."""
        return self.clock.now_ms()

    async def publish(self, track: Track) -> None:
        """Announce a track, or a change of its description; again by itself after every reconnection.

        Raises:
            InvalidValueError: ``bad-track``.
            RelayRequestError: The relay refused (``forbidden``, ``too-many-tracks``), or did not answer.
        """
        try:
            parse_publish(track.as_json())
        except WireError as error:
            raise InvalidValueError(error.code, error.message) from None
        before = self._tracks.get(track.track)
        self._tracks[track.track] = track
        if not self.joined:
            return
        try:
            await self._ask(Event.PUBLISH, track.as_json())
        except RelayRequestError:
            if self.joined:  # else it is said again when it is back
                if before is None:
                    self._tracks.pop(track.track, None)
                else:
                    self._tracks[track.track] = before
                raise

    async def unpublish(self, track_id: str) -> None:
        """Take a track back, behind what has been sent of it."""
        if self._tracks.pop(track_id, None) is None or not self.joined:
            return
        try:
            await self._ask(Event.UNPUBLISH, {"track": track_id})
        except RelayRequestError as error:
            _log.info("unpublishing: %s", error)  # it is no longer ours, whatever the relay thinks
        self._outbox.forget(track_id)

    async def rename(self, name: str) -> None:
        """Be called something else from now on.

        Raises:
            InvalidValueError: ``bad-name``.
            RelayRequestError: The relay refused, or did not answer.
        """
        try:
            self.name = check_name(name)
        except WireError as error:
            raise InvalidValueError(error.code, error.message) from None
        self._numbered = False
        if self.joined:  # else it comes back under this name
            await self._ask(Event.RENAME, {"name": name})

    def listen(self, of: Iterable[str] | None) -> None:
        """Get the media of these peers (by id) from now on, as a listener; None for everybody's. The room is told."""
        assert self.listens is not None  # noqa: S101 - participants do not choose
        listens = replace(self.listens, of=None if of is None else tuple(of))
        if listens == self.listens:
            return
        self.listens = listens
        if self.joined:  # else it says so when it is back
            self._outbox.put(Event.LISTEN, {"of": listens.as_json()["of"]}, self._told_if_refused(None))

    def send(self, header: MediaHeader, data: bytes) -> bool:
        """Send one object of a published track, in the order of PROTOCOL.md ("Media"); ``sent_ms`` is put in.

        Returns:
            Whether it goes out. It does not while there is no connection, nor while the way to the relay is too slow
            for it: then the rest of its group is left out, too.
        """
        track = self._tracks.get(header.track)
        if not self.joined or track is None:
            return False
        return self._outbox.put_object(header, data, audio_only=track.audio_only)

    def report(self, report: Report) -> None:
        """Tell monitors the figures of this participant (PROTOCOL.md, "Clock and reports")."""
        if self.joined:
            self._outbox.put(Event.REPORT, report.as_json())

    # -- staying --

    async def _stay(self) -> None:
        assert self._first is not None  # noqa: S101 - set by connect
        error: RelayWidgetError | None = None
        failed = 0
        try:
            while True:
                try:
                    failed = 0 if await self._visit() else failed + 1
                    pause_s = _pause_s(failed)
                except RelayStartError as start_error:
                    if not self._first.done():
                        raise
                    _log.info("starting a relay: %s", start_error)
                    pause_s = _FAILED_RETRY_S
                except _Unreachable as reason:
                    failed += 1
                    if not self._first.done() and failed >= _FIRST_ATTEMPTS:
                        raise self._no_answer(reason) from reason
                    pause_s = _pause_s(failed)
                await asyncio.sleep(pause_s)
        except RelayWidgetError as reason:
            error = reason
        except (asyncio.CancelledError, GeneratorExit):
            pass  # closed, or its loop is gone
        except BaseException as reason:  # noqa: BLE001 - a mistake of ours is told to whoever waits
            _log.exception("a participant failed")
            error = RelayRequestError("internal", f"{self.name!r} could not go on ({reason!r}): make it anew.")
        self.error = error
        if not self._first.done():
            if error is None:
                self._first.cancel()
            else:
                self._first.set_exception(error)
                self._first.exception()  # asked for, whether or not anybody awaits it any more
        self._tell(self.on_ended, error)

    async def _visit(self) -> bool:
        """Be in the room until the connection ends; whether it came so far. Whatever ends all of it is raised."""
        url, relay, token = await self._way()
        resume = self._resume[1] if self._resume is not None and self._resume[0] == relay else None
        try:
            sio = await self._open(url, resume or token)
        except _Refused as refused:
            self._resume = None
            if resume is None:
                raise refused.error from None
            return False  # what it came back with has grown old: anew with its own
        assert self._gone is not None  # noqa: S101 - set by _open
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._enter(sio, relay)
            loop = asyncio.get_running_loop()
            tasks = [loop.create_task(work) for work in (self._send_out(sio), self._keep_clock(sio))]
            if self._token is None and self._url is None:
                tasks.append(loop.create_task(self._keep_token()))
            await asyncio.wait([self._gone, *tasks], return_when=asyncio.FIRST_COMPLETED)
            if self._gone.done():
                self._gone.result()
        finally:
            was_in, self.joined, self._sio = self.joined, False, None
            await end(*tasks)
            self._outbox.reset()
            await _disconnect(sio)
            if was_in:
                self._tell(self.on_lost)
        return True

    async def _way(self) -> tuple[str, str, str | None]:
        """The relay's address, what tells it from another one, and the token to begin with."""
        if self._url is not None:
            return self._url, self._url, self._token
        address = await asyncio.to_thread(launcher.ensure_relay)
        # A relay that is started again has the secret of the one before, so the token it gave us is good there, too.
        return address.url, address.secret, self._token or self._mint(address.secret)

    def _mint(self, secret: str) -> str:
        return mint(
            secret,
            role="peer",
            lifetime_s=RESUME_LIFETIME_S,
            connect_within_s=TICKET_LIFETIME_S,
            subscribe=self._subscribe,
        )

    async def _open(self, url: str, token: str | None) -> socketio.AsyncClient:
        import socketio  # noqa: PLC0415 - 0.4 s, on the thread that needs it

        refusals: list[Any] = []
        self._gone = gone = asyncio.get_running_loop().create_future()
        gone.add_done_callback(_heard)
        # Not as `json=`: that would be for everybody in this process who uses socketio.
        packet = type("Packet", (socketio.packet.Packet,), {"json": _Json})
        sio = socketio.AsyncClient(
            reconnection=False, handle_sigint=False, serializer=packet, http_session=lambda: http_session(url)
        )
        sio.on("connect_error", refusals.append)
        sio.on("disconnect", lambda *_: settle(gone))
        for event, handler in self._handlers().items():
            sio.on(event, self._guarded(sio, handler))
        auth = {"protocol": PROTOCOL_VERSION} if token is None else {"protocol": PROTOCOL_VERSION, "token": str(token)}
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                await sio.connect(
                    url,
                    auth=auth,
                    transports=["websocket"],
                    socketio_path=socketio_path(url),
                    wait_timeout=_CONNECT_TIMEOUT_S,
                )
        except Exception as error:
            # Whatever a program that is no relay, or one that is just ending, makes the library stumble over.
            await _disconnect(sio)
            why = next(
                (one["data"] for one in refusals if isinstance(one, dict) and "code" in one.get("data", ())), None
            )
            if why is not None and why["code"] != Code.RELAY_ENDING:
                raise _Refused(_refusal(why)) from error
            raise _Unreachable(str(error)) from error
        except BaseException:
            await _disconnect(sio)
            raise
        return sio

    async def _enter(self, sio: socketio.AsyncClient, relay: str) -> None:
        """Join. What follows the relay's yes is heard right after it, so it is taken up where it is heard."""
        self._sio = sio
        assert self._gone is not None  # noqa: S101
        entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asked_ms = local_ms()

        def on_answer(ack: dict[str, Any]) -> None:
            if entered.done():
                return  # nobody waits any more
            if not ack["ok"]:
                refused = _refusal(ack["error"])
                entered.set_exception(_Unreachable(refused) if refused.code == Code.RELAY_ENDING else refused)
                return
            self.clock.reset()
            self.clock.add(asked_ms, ack["now_ms"], local_ms())
            self._resume = (relay, ack["resume"])
            self.id, self.joined = ack["peer"], True
            self.name = ack["name"]
            self.listeners = {one["id"]: ListenerInfo.from_json(one) for one in ack["listeners"]}
            here = {peer["id"]: _peer(peer) for peer in ack["peers"]}
            for peer_id in self.peers.keys() - here.keys():
                self._tell(self.on_peer_left, peer_id, "lost")
            self.peers = here
            for track in self._tracks.values():
                self._outbox.put(Event.PUBLISH, track.as_json(), self._told_if_refused(track.track))
            if self.listens != asked:  # while the answer was under way
                self._outbox.put(Event.LISTEN, {"of": self.listens and self.listens.as_json()["of"]})
            self._tell(self.on_peers)
            self._tell(self.on_listeners)
            self._tell(self.on_joined)
            entered.set_result(None)

        asked = self.listens
        request: dict[str, Any] = {"room": self.room, "name": self.name, "plays": self._plays}
        if self._numbered:
            request["numbered"] = True
        if asked is not None:
            request["listener"] = asked.as_json()
        await sio.emit(Event.JOIN, request, callback=on_answer)
        await self._await_answer(entered, _ANSWER_TIMEOUT_S)
        if self._gone.done():
            self._gone.result()
        if not entered.done():
            entered.cancel()
            raise _Unreachable("no answer to join")
        entered.result()
        assert self._first is not None  # noqa: S101
        if not self._first.done():
            self._first.set_result(None)

    def _told_if_refused(self, track_id: str | None) -> Callable[[dict[str, Any]], None]:
        def on_answer(ack: dict[str, Any]) -> None:
            if not ack["ok"]:
                error = _refusal(ack["error"])
                self._tell(self.on_refused, error, track_id)

        return on_answer

    async def _send_out(self, sio: socketio.AsyncClient) -> None:
        while True:
            await self._outbox.filled.wait()
            for event, args, on_answer in self._outbox.take():
                if event == Event.MEDIA_CHUNK:
                    args[0]["sent_ms"] = self.now_ms()
                await sio.emit(event, args, callback=on_answer)
            await sio.eio.queue.join()  # until the network has taken it
            self._outbox.sent()

    async def _keep_clock(self, sio: socketio.AsyncClient) -> None:
        for asked in count():
            await asyncio.sleep(_CLOCK_BURST_GAP_S if asked < _CLOCK_BURST else _CLOCK_INTERVAL_S)
            # Not behind our media, whose waiting would be taken for distance.
            await sio.emit(Event.CLOCK, local_ms(), callback=self._on_clock)

    def _on_clock(self, ack: dict[str, Any]) -> None:
        if ack["ok"]:
            self.clock.add(ack["t0"], ack["now_ms"], local_ms())

    async def _keep_token(self) -> None:
        """The user's own relay lets it stay for as long as it hands in a fresh token in time."""
        while True:
            await asyncio.sleep(RESUME_LIFETIME_S / 2)
            _, relay, token = await self._way()
            ack = await self._ask(Event.RENEW, {"token": token})
            self._resume = (relay, ack["resume"])

    async def _ask(self, event: Event, payload: dict[str, Any] | None, timeout_s: float = _ANSWER_TIMEOUT_S) -> Any:
        """The relay's answer, asked behind what has been sent before."""
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._outbox.put(event, payload, lambda ack: settle(answer, ack))
        await self._await_answer(answer, timeout_s)
        if not answer.done():
            answer.cancel()
            raise RelayRequestError("no-answer", f"The relay did not answer {event}: try again.")
        ack = answer.result()
        if not ack["ok"]:
            raise _refusal(ack["error"])
        return ack

    async def _await_answer(self, answer: asyncio.Future[Any], timeout_s: float) -> None:
        """Until it is there, it is too late, or the connection has gone."""
        waited_for = [answer] if self._gone is None else [answer, self._gone]
        await asyncio.wait(waited_for, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)

    # -- hearing --

    def _handlers(self) -> dict[Event, Callable[..., None]]:
        return {
            Event.MEDIA_CHUNK: self._on_media,
            Event.PEER_JOINED: self._on_peer_joined,
            Event.PEER_LEFT: self._on_peer_left,
            Event.PEER_RENAMED: self._on_peer_renamed,
            Event.LISTENER_JOINED: self._on_listener_joined,
            Event.LISTENER_LEFT: self._on_listener_left,
            Event.TRACK_PUBLISHED: self._on_track_published,
            Event.TRACK_UNPUBLISHED: self._on_track_unpublished,
            Event.GROUPS_DROPPED: self._on_groups_dropped,
            Event.TRACK_LAG: self._on_track_lag,
            Event.RELAY_ENDING: self._on_relay_ending,
            Event.ERROR: self._on_error,
        }

    def _guarded(self, sio: socketio.AsyncClient, handler: Callable[..., None]) -> Callable[..., None]:
        """An old connection's last words are not about this one; and one bad message must not end the others."""

        def guarded(*args: Any) -> None:
            if self._sio is not sio:
                return
            try:
                handler(*args)
            except Exception:  # noqa: BLE001 - it is logged
                _log.exception("a message of the relay could not be taken")

        return guarded

    def _on_media(self, header: dict[str, Any], data: bytes) -> None:
        if "track" not in header:
            return  # the plain form: there is no track it is of
        sender, relayed_ms = header.pop("from"), header.pop("relayed_ms")
        self.on_object(sender, parse_header(header), relayed_ms, data)

    def _on_peer_joined(self, news: dict[str, Any]) -> None:
        peer = _peer(news["peer"])
        self.peers = {**self.peers, peer.id: peer}
        self._tell(self.on_peers)

    def _on_peer_left(self, news: dict[str, Any]) -> None:
        self.peers = {peer_id: peer for peer_id, peer in self.peers.items() if peer_id != news["peer"]}
        self._tell(self.on_peer_left, news["peer"], news["reason"])
        self._tell(self.on_peers)

    def _on_peer_renamed(self, news: dict[str, Any]) -> None:
        self._change(news["peer"], lambda peer: replace(peer, name=news["name"]))

    def _on_listener_joined(self, news: dict[str, Any]) -> None:
        listener = ListenerInfo.from_json(news["listener"])
        self.listeners = {**self.listeners, listener.id: listener}
        self._tell(self.on_listeners)

    def _on_listener_left(self, news: dict[str, Any]) -> None:
        self.listeners = {one.id: one for one in self.listeners.values() if one.id != news["listener"]}
        self._tell(self.on_listeners)

    def _on_track_published(self, news: dict[str, Any]) -> None:
        track = parse_publish(news["track"])
        self._change(news["from"], lambda peer: replace(peer, tracks=(*_without(peer, track.track), track)))

    def _on_track_unpublished(self, news: dict[str, Any]) -> None:
        self._change(news["from"], lambda peer: replace(peer, tracks=_without(peer, news["track"])))

    def _change(self, peer_id: str, change: Callable[[PeerInfo], PeerInfo]) -> None:
        peer = self.peers.get(peer_id)
        if peer is not None:
            self.peers = {**self.peers, peer_id: change(peer)}
            self._tell(self.on_peers)

    def _on_groups_dropped(self, news: dict[str, Any]) -> None:
        self._tell(self.on_groups_dropped, news["from"], news["track"], news["dropped_groups"])

    def _on_track_lag(self, news: dict[str, Any]) -> None:
        self._tell(self.on_track_lag, news["track"], news["subscribers"], news["lagging"])

    def _on_relay_ending(self, news: dict[str, Any]) -> None:
        """All clients of a relay come back to the next one, each at a time of its own."""
        in_s = random.uniform(0, news["reconnect_ms"] / 1000)  # noqa: S311 - to spread load, not to keep a secret
        if self._gone is not None:
            asyncio.get_running_loop().call_later(in_s, settle, self._gone)

    def _on_error(self, news: dict[str, Any]) -> None:
        error = _refusal(news)
        mintable = news["code"] == Code.EXPIRED_TOKEN and self._token is None and self._url is None
        if news["code"] in _ENDS and not mintable:
            if self._gone is not None and not self._gone.done():
                self._gone.set_exception(error)
        else:
            self._tell(self.on_refused, error, news.get("track"))

    def _tell(self, listener: Callable[..., None], *news: object) -> None:
        """One listener's mistake must not stop the others' news."""
        try:
            listener(*news)
        except BaseException:  # noqa: BLE001 - it is logged
            _log.exception("a listener of %s failed", self)

    def _no_answer(self, reason: Exception) -> RelayRequestError:
        return no_answer("your own address" if self._url is None else self._url, reason)

    def __repr__(self) -> str:
        return f"RelayClient(room={self.room!r}, name={self.name!r})"


class _Outbox:
    """What waits on its way to the relay, in its order. Video gives way long before sound, in whole groups."""

    def __init__(self) -> None:
        self.filled = asyncio.Event()
        self._waiting: deque[tuple[Event, Any, Callable[[dict[str, Any]], object] | None]] = deque()
        self._bytes = 0
        self._taken_bytes = 0
        self._skipping: set[str] = set()  # tracks of which the rest of a group is left out

    def put(self, event: Event, payload: object, on_answer: Callable[[dict[str, Any]], object] | None = None) -> None:
        """An event without media, which always goes out."""
        self._waiting.append((event, payload, on_answer))
        self.filled.set()

    def put_object(self, header: MediaHeader, data: bytes, *, audio_only: bool) -> bool:
        """An object; whether it goes out."""
        used = self._bytes / (MAX_AUDIO_UPLINK_BYTES if audio_only else MAX_UPLINK_BYTES)
        skipped = header.track in self._skipping
        if header.type != "init" and (used > (_RESUME_SHARE if skipped else 1) or (skipped and header.type != "key")):
            self._skipping.add(header.track)
            return False
        if header.type == "key":
            self._skipping.discard(header.track)
        self._bytes += len(data)
        self._waiting.append((Event.MEDIA_CHUNK, (header.as_json(), data), None))
        self.filled.set()
        return True

    def take(self) -> list[tuple[Event, Any, Callable[[dict[str, Any]], object] | None]]:
        """All that waits. It counts as waiting until it is `sent`."""
        taken = list(self._waiting)
        self._waiting.clear()
        self._taken_bytes = self._bytes
        self.filled.clear()
        return taken

    def sent(self) -> None:
        """The network has what was taken last."""
        self._bytes -= self._taken_bytes
        self._taken_bytes = 0

    def forget(self, track_id: str) -> None:
        """The track is no longer sent."""
        self._skipping.discard(track_id)

    def reset(self) -> None:
        """Another connection: nothing waits."""
        self._waiting.clear()
        self._skipping.clear()
        self._bytes = self._taken_bytes = 0
        self.filled.clear()


class _Json:
    """What socketio is to write and read JSON with: the label of every object passes through it."""

    @staticmethod
    def dumps(data: object, **_: object) -> str:
        return msgspec.json.encode(data).decode()

    @staticmethod
    def loads(text: str, **_: object) -> Any:
        return msgspec.json.decode(text)


async def _disconnect(sio: socketio.AsyncClient) -> None:
    """End a connection, also one whose other end says nothing any more."""
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await sio.disconnect()
    except Exception as error:  # noqa: BLE001 - it is over either way
        _log.info("ending a connection: %s", error)


def _refusal(answer: dict[str, Any]) -> RelayRequestError:
    return RelayRequestError(answer["code"], answer["message"])


def _peer(record: dict[str, Any]) -> PeerInfo:
    tracks = tuple(parse_publish(track) for track in record["tracks"])
    return PeerInfo(record["id"], record["name"], tuple(record["plays"]), tracks)


def _without(peer: PeerInfo, track_id: str) -> tuple[Track, ...]:
    return tuple(track for track in peer.tracks if track.track != track_id)


def _pause_s(failed: int) -> float:
    most_s = min(_RETRY_MAX_S, _RETRY_FIRST_S * 2 ** min(failed, 8))
    return random.uniform(most_s / 2, most_s)  # noqa: S311 - to spread load


def _heard(gone: asyncio.Future[None]) -> None:
    """Why a connection ended is looked at by whoever waits for it; nobody may."""
    if not gone.cancelled():
        gone.exception()


def _ignore(*_: object) -> None:
    pass


def _log_refusal(error: RelayRequestError, track_id: str | None) -> None:
    _log.warning("the relay refused something%s: %s", f" of {track_id}" if track_id else "", error)
