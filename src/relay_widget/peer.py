"""``Peer``: a participant in Python, without a browser. Others' pictures and sound as arrays, and arrays published.

It has two faces: ``async with`` / ``async for`` / ``await`` in any event loop, and ``with`` / ``for`` / ``.wait()``
where there is none. All that goes over the network does so on `background`'s thread.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import TYPE_CHECKING, Any, Self, TypeVar

from . import background
from .attributes import Alive
from .client import RelayClient
from .errors import InvalidValueError, PeersTimeoutError, RelayRequestError
from .impair import whom
from .media.advice import check_pictures, check_sounds
from .media.encode import MAX_FPS, MIN_FPS, check_fps
from .media.files import MediaFile
from .media.frame import AudioBlock, VideoFrame
from .media.pattern import Pattern
from .protocol import Listens, Report, report_interval_ms
from .publication import Publication
from .streams import BURST_S, MAX_BLOCKS, MAX_FRAMES, AudioStream, Mailbox, Receiver, VideoStream

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterable, Callable, Iterable
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from .background import Outcome
    from .errors import RelayWidgetError
    from .protocol import LeftReason, ListenerInfo, MediaHeader, PeerInfo
    from .publication import Kind

    Pictures = Iterable[NDArray[np.uint8] | VideoFrame] | AsyncIterable[NDArray[np.uint8] | VideoFrame]
    Sound = NDArray[np.float32] | Iterable[NDArray[np.float32]] | AsyncIterable[NDArray[np.float32]]

Part = TypeVar("Part", bound=VideoFrame | AudioBlock)

DEFAULT_NAME = "Python"
PEER_TIMEOUT_S = 10.0
"""How long a stream waits for a peer that is not there, unless told otherwise."""
AWAY_KEPT_S = 8.0
"""A peer whose connection broke has this long to come back before its streams end."""

_log = logging.getLogger(__name__)


class Peer(Alive):
    """One participant of a room, or one listener in it.

    Join with ``with Peer("lab") as peer:`` or ``async with Peer("lab") as peer:``, or with `connect` and `close`. It
    comes back by itself, under the same id, when the connection breaks or the relay is started anew.

    Args:
        room: Where to meet. 1 to 64 characters.
        name: What the others see, 1 to 64 characters. Default: ``"Python"``, with a number if that is taken.
        url: The relay's address, as in ``"http://localhost:8765"``; None for the one
            that the environment variable RELAY_WIDGET_URL names, else your own, which is started if need be.
        token: What to show it, as `Call.invite` makes it; None for that of RELAY_WIDGET_TOKEN. Your own needs none.
            A whole invite link will do, too, and needs no ``url``.
        listens: Be a listener, not a participant: it publishes nothing, is not one of the others' ``peers`` and has no
            tile. Everybody in the room sees whom it watches: those of whom it has a stream.

    Example:
        >>> with Peer("lab", "gaze", listens=True) as peer:
        ...     for frame in peer.video(of="Ada"):
        ...         print(frame.rgb.shape)

    Raises:
        InvalidValueError: ``bad-room``, ``bad-name``, ``bad-url`` or ``bad-token``.
        MissingExtraError: The extra ``media`` is not installed.
    """

    def __init__(
        self,
        room: str = "lab",
        name: str | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
        listens: bool = False,
    ) -> None:
        self._client = client = RelayClient(
            room,
            DEFAULT_NAME if name is None else name,
            url=url,
            token=token,
            numbered=name is None,
            listens=Listens("watches", ()) if listens else None,
        )
        client.on_joined = self._on_joined
        client.on_peers = self._on_peers
        client.on_peer_left = self._on_peer_left
        client.on_object = self._on_object
        client.on_ended = self._on_ended
        client.on_track_lag = self._on_track_lag
        client.on_groups_dropped = self._on_groups_dropped
        client.on_refused = self._on_refused
        self._background: background.Background | None = None
        self._closed: Outcome[None] | None = None
        self._wishes: list[_Wish] = []
        self._receivers: dict[tuple[str, str], Receiver] = {}
        self._away: dict[str, asyncio.TimerHandle] = {}
        self._publications: tuple[Publication, ...] = ()
        self._reporting: asyncio.Task[None] | None = None

    @property
    def room(self) -> str:
        """The room's name."""
        return self._client.room

    @property
    def name(self) -> str:
        """What it is called."""
        return self._client.name

    @property
    def id(self) -> str:
        """Its id on the relay; it stays the same over reconnections. Empty before it has joined."""
        return self._client.id

    @property
    def peers(self) -> tuple[PeerInfo, ...]:
        """The others in the room: ``id``, ``name``, and the ``tracks`` they publish."""
        return tuple(self._client.peers.values())

    @property
    def listeners(self) -> tuple[ListenerInfo, ...]:
        """The others that receive in the room without being participants: ``name``, ``does``, ``of``."""
        return tuple(self._client.listeners.values())

    @property
    def joined(self) -> bool:
        """Whether it is in the room at this moment; not while it is coming back."""
        return self._client.joined

    @property
    def error(self) -> RelayWidgetError | None:
        """Why the relay does not have it any more (``removed``, ``room-ended``, ``expired-token``, …), or None."""
        return self._client.error

    @property
    def clock_error_ms(self) -> float:
        """The relay's clock is known to within this."""
        return self._client.clock.error_ms

    def now_ms(self) -> float:
        """Now, in the relay's clock: ms since 1970, as ``captured_ms`` is."""
        return self._client.now_ms()

    def connect(self) -> Outcome[Self]:
        """Join the room; await the outcome, or ``.wait()`` for it.

        Raises:
            RelayRequestError: (from the outcome) The relay does not answer, or it refused.
            RelayStartError: (from the outcome) There is no relay and none could be started.
        """
        if self._background is not None:
            raise RelayRequestError("already-joined", f"{self} was connected before: make another Peer.")
        self._background = background.enter(self)
        return self._background.submit(self._connect(), f"{self} joining")

    def close(self) -> Outcome[None]:
        """Leave the room: all streams and publications end. From any thread; a second time it does nothing more.

        In a forked child it does nothing: the participant is the parent's.
        """
        ground = self._ground()
        if ground.forked:
            return background.done(f"{self} leaving")  # it is the parent's, and stays
        if self._closed is None:
            self._closed = ground.submit(self._leave(), f"{self} leaving")
        return self._closed

    def video(self, of: PeerInfo | str, timeout_s: float | None = PEER_TIMEOUT_S) -> VideoStream:
        """Somebody's pictures, as `VideoFrame`, newest first.

        Of one who is there and sends no picture (yet), none comes: the stream waits until there is one, or until the
        peer leaves.

        Args:
            of: Whose: one of `peers`, its id, or a name that only one has.
            timeout_s: How many seconds to wait for it to come, if it is not there; None for as long as it takes.

        Raises:
            InvalidValueError: Several have that name (``ambiguous-peer``).
            PeersTimeoutError: (from the iteration) It has not come.
        """
        box: Mailbox[VideoFrame] = Mailbox(VideoFrame, MAX_FRAMES, BURST_S)
        return VideoStream(box, f"of {_title(of)}", self._listen(box, of, timeout_s))

    def audio(self, of: PeerInfo | str, timeout_s: float | None = PEER_TIMEOUT_S) -> AudioStream:
        """Somebody's sound, as `AudioBlock`. Arguments and errors are those of `video`."""
        box: Mailbox[AudioBlock] = Mailbox(AudioBlock, MAX_BLOCKS)
        return AudioStream(box, f"of {_title(of)}", self._listen(box, of, timeout_s))

    def publish(
        self,
        frames: Pictures | None = None,
        fps: float | None = 30,
        audio: Sound | None = None,
        *,
        bitrate_kbps: float | None = None,
    ) -> Publication:
        """Send pictures, sound, or both, until they run out or it is stopped.

        The iterables run in threads of their own; async ones in the event loop that this is called in. Pictures are
        asked for at ``fps`` at most and stamped when they come; where they come more slowly, or the encoder does not
        keep up, there are fewer.

        Args:
            frames: Gives arrays of shape (height, width, 3), dtype uint8, red first, of any size, which may change;
                or `VideoFrame`, whose ``captured_ms`` is kept if it is of the last minute.
            fps: Pictures a second; None: as they come.
            audio: Gives arrays of shape (channels, n), dtype float32, 48 kHz, one channel or two; or is one such array.
            bitrate_kbps: About how much to send of the picture; None for what suits its size.

        Raises:
            InvalidValueError: Neither is given, or one of them gives no pictures or sound, as a path does not
                (``bad-source``); ``fps`` is no number from 0.1 to 240 (``bad-media-setting``); or there is one
                already (``already-published``).
            RelayRequestError: It has not been connected (``not-joined``), or it is a listener (``forbidden``).
        """
        sources: dict[Kind, Any] = {}
        if frames is not None:
            check_pictures(frames)
            sources["video"] = _iterable(frames)
        if audio is not None:
            check_sounds(audio)
            sources["audio"] = [audio] if hasattr(audio, "shape") else _iterable(audio)
        publication = self._publication("arrays", list(sources), fps, bitrate_kbps)
        for kind, source in sources.items():
            publication.add(kind, source)
        return publication

    def publish_file(self, path: str | os.PathLike[str], *, bitrate_kbps: float | None = None) -> Publication:
        """Send the pictures and the sound of a media file, in real time, until its end.

        Times are the file's: a pause stays a pause. Pictures are sent as the file says that they are shown: turned,
        mirrored, with square pixels. Broken parts are left out (``stats["left_out"]`` counts them), and it goes on
        behind them.

        Args:
            path: Of anything that FFmpeg reads: WebM, MP4, MKV, MOV, WAV, MP3, GIF and many more. ``~`` is the home
                folder; a colon or ``%`` is part of the name.
            bitrate_kbps: About how much to send of the picture; None for what suits its size.

        Raises:
            MediaError: (``bad-file``) It is not there, or is no media.
            InvalidValueError: There is a publication already (``already-published``), or it is no path (``bad-path``).
            RelayRequestError: It has not been connected (``not-joined``).
        """
        file = MediaFile(path)
        kinds = _kinds(video=file.has_video, audio=file.has_audio)
        fps = min(max(file.fps, MIN_FPS), MAX_FPS) if file.has_video else None  # whatever it says of itself
        publication = self._publication(file.path.name, kinds, fps, bitrate_kbps)
        publication.add_parts(kinds, file)
        return publication

    def publish_pattern(
        self,
        width: int = 640,
        height: int = 480,
        *,
        fps: float = 30,
        seed: int = 0,
        sound: bool = True,
        frames: int | None = None,
    ) -> Publication:
        """Send a test pattern: a picture that says its number (`relay_widget.media.pattern.read_stamp`), and a tone.

        The number also decides when a picture was taken, and the piece of the tone that belongs to it.

        Args:
            width: Of the picture, in pixels; at least 80.
            height: The same; at least a quarter of the width.
            fps: Pictures a second.
            seed: Decides colours, movement and pitch: the same seed sends the same pattern.
            sound: Whether there is a tone.
            frames: How many pictures; None for no end.

        Raises:
            InvalidValueError: The pattern is too small (``bad-picture``), ``fps`` is no number from 0.1 to 240
                (``bad-media-setting``), or there is a publication already (``already-published``).
            RelayRequestError: It has not been connected (``not-joined``).
        """
        pattern = Pattern(width, height, fps=fps, seed=seed)
        numbers = count() if frames is None else range(frames)
        kinds = _kinds(video=True, audio=sound)
        publication = self._publication("a pattern", kinds, fps, None)
        publication.add_parts(kinds, pattern.parts(numbers, sound=sound))
        return publication

    def __enter__(self) -> Self:
        try:
            return self.connect().wait()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close().wait()

    async def __aenter__(self) -> Self:
        try:
            return await self.connect()
        except BaseException:
            self.close()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Peer(room={self.room!r}, name={self.name!r})"

    # -- joining and leaving --

    def _ground(self) -> background.Background:
        if self._background is None:
            raise RelayRequestError("not-joined", f"{self} is in no room yet: use it in a with, or connect() it first.")
        return self._background

    async def _connect(self) -> Self:
        try:
            await self._client.connect()
        except BaseException:
            await self._client.close()
            self._closed = background.done(f"{self} leaving")
            background.leave(self)  # nobody closes what has never been in a room
            raise
        self._reporting = asyncio.get_running_loop().create_task(self._report())
        return self

    async def _leave(self) -> None:
        publications = self._publications
        for publication in publications:
            publication.stop()
        for wish in self._wishes:
            wish.box.end(at_once=True)
        await asyncio.gather(*(publication.settled() for publication in publications))
        if self._reporting is not None:
            self._reporting.cancel()
        for timer in self._away.values():
            timer.cancel()
        await self._client.close()
        background.leave(self)  # a moment after which the thread ends, if nobody else uses it

    def _on_joined(self) -> None:
        for publication in self._publications:
            publication.rejoined()

    def _on_ended(self, error: RelayWidgetError | None) -> None:
        for wish in self._wishes:
            wish.box.end(error)
        for publication in self._publications:
            publication.end(error)

    def _on_refused(self, error: RelayRequestError, track_id: str | None) -> None:
        for publication in self._publications:
            if track_id in publication.tracks and error.code == "forbidden":
                publication.end(error)
        _log.warning("%s was refused something: %s", self, error)

    # -- listening; on the background's thread, but for `_listen` --

    def _listen(self, box: Mailbox[Part], of: PeerInfo | str, timeout_s: float | None) -> Callable[[Any], None]:
        ground = self._ground()
        wish = _Wish(box, of)
        self._find(wish)  # so that a name that several have is refused here
        ground.call(self._wish, wish, timeout_s)
        return lambda _: ground.call(self._unwish, wish)

    def _find(self, wish: _Wish) -> bool:
        """Whether the one who is meant is there."""
        if wish.peer_id is None:
            try:
                (wish.peer_id,) = whom(wish.of, self.room, self.peers, ())
            except InvalidValueError as error:
                if error.code != "unknown-peer":
                    raise
        return wish.peer_id is not None

    def _wish(self, wish: _Wish, timeout_s: float | None) -> None:
        if self._closed is not None or self.error is not None:
            wish.box.end(self.error)
            return
        self._wishes.append(wish)
        if self._find(wish):
            self._follow()
        elif timeout_s is not None:
            asyncio.get_running_loop().call_later(timeout_s, self._give_up, wish, timeout_s)

    def _unwish(self, wish: _Wish) -> None:
        if wish in self._wishes:
            self._wishes.remove(wish)
            wish.box.end(at_once=True)
            self._follow()

    def _give_up(self, wish: _Wish, timeout_s: float) -> None:
        if wish.peer_id is None and not wish.box.ended:
            here = ", ".join(repr(peer.name) for peer in self.peers) or "nobody else"
            wish.box.end(
                PeersTimeoutError(
                    "peers-timeout",
                    f"There was no peer {_title(wish.of)} in room {self.room!r} within {timeout_s:g} s, but {here}: "
                    "look for the name, or wait longer with timeout_s.",
                )
            )

    def _on_peers(self) -> None:
        for peer_id in self._away.keys() & self._client.peers.keys():
            self._away.pop(peer_id).cancel()
        for wish in self._wishes:
            try:
                self._find(wish)
            except InvalidValueError as error:
                wish.box.end(error)
        self._follow()

    def _follow(self) -> None:
        """Have the tracks decoded that somebody wants, and no others."""
        self._wishes = [wish for wish in self._wishes if not wish.box.ended]
        heard = {peer.id for peer in self.peers}
        if self._client.listens is not None:
            wished = dict.fromkeys(wish.peer_id for wish in self._wishes if wish.peer_id is not None)
            self._client.listen(wished)
            heard &= wished.keys()  # of the others nothing comes, and what came is old when they are heard again
        tracks = {(peer.id, track.track): track for peer in self.peers if peer.id in heard for track in peer.tracks}
        for key in self._receivers.keys() - tracks.keys():
            del self._receivers[key]
        for key, track in tracks.items():
            receiver = self._receivers.get(key)
            if receiver is None or receiver.track.packaging != track.packaging:
                self._receivers[key] = Receiver(track, self._ground())
        wanted: dict[tuple[str, str], list[Any]] = {}
        for wish in self._wishes:
            for (peer_id, track_id), track in tracks.items():
                if peer_id == wish.peer_id and (track.video if wish.box.kind is VideoFrame else track.audio):
                    wanted.setdefault((peer_id, track_id), []).append(wish.box)
                    break
        for key, receiver in self._receivers.items():
            receiver.listen(tuple(wanted.get(key, ())))

    def _on_object(self, peer_id: str, header: MediaHeader, relayed_ms: float, data: bytes) -> None:
        receiver = self._receivers.get((peer_id, header.track))
        if receiver is not None:
            header.relayed_ms = relayed_ms
            receiver.feed(header, data)

    def _on_peer_left(self, peer_id: str, reason: LeftReason) -> None:
        if reason not in ("lost", "replaced"):
            self._gone(peer_id)
        elif peer_id not in self._away:
            self._away[peer_id] = asyncio.get_running_loop().call_later(AWAY_KEPT_S, self._gone, peer_id)

    def _gone(self, peer_id: str) -> None:
        self._away.pop(peer_id, None)
        for wish in self._wishes:
            if wish.peer_id == peer_id:
                wish.box.end()
        self._follow()

    def _on_groups_dropped(self, peer_id: str, track_id: str, groups: int) -> None:
        receiver = self._receivers.get((peer_id, track_id))
        if receiver is not None:
            receiver.dropped_groups = groups

    async def _report(self) -> None:
        """What browsers say of themselves, for whoever watches the room."""
        while True:
            await asyncio.sleep(report_interval_ms(len(self._client.peers)) / 1000)
            peers: dict[str, dict[str, float]] = {}
            for (peer_id, _), receiver in self._receivers.items():
                if receiver.boxes:
                    _add_figures(peers.setdefault(peer_id, {}), receiver, self.now_ms())
            sent = {"bytes": sum(publication.stats["bytes"] for publication in self._publications)}
            if peers or self._publications:
                self._client.report(Report(peers, sent))

    # -- publishing --

    def _publication(self, title: str, kinds: list[Kind], fps: float | None, bitrate_kbps: float | None) -> Publication:
        ground = self._ground()
        if self._client.listens is not None:
            raise RelayRequestError("forbidden", f"{self} is a listener and publishes nothing: make a Peer without it.")
        if fps is not None:
            check_fps(fps)
        if not kinds:
            raise InvalidValueError("bad-source", "There is nothing to publish: give frames, audio, or both.")
        for publication in self._publications:
            if publication.running and publication.tracks.keys() & set(kinds):
                raise InvalidValueError(
                    "already-published", f"{self} publishes a {kinds[0]} track already: stop() that publication first."
                )
        if self._closed is not None or self.error is not None:
            raise self.error or RelayRequestError("not-joined", f"{self} has left the room: make another Peer.")
        publication = Publication(self._client, ground, title, fps=fps, bitrate_kbps=bitrate_kbps, on_over=self._over)
        self._publications = (*self._publications, publication)
        return publication

    def _over(self, publication: Publication) -> None:
        self._publications = tuple(one for one in self._publications if one is not publication)

    def _on_track_lag(self, track_id: str, subscribers: int, lagging: int) -> None:
        for publication in self._publications:
            publication.lag(track_id, subscribers, lagging)


class _Wish:
    """A stream that somebody wants, and of whom; the id once it is known."""

    def __init__(self, box: Mailbox[Any], of: PeerInfo | str) -> None:
        self.box = box
        self.of = of
        self.peer_id: str | None = None


def _add_figures(figures: dict[str, float], receiver: Receiver, now_ms: float) -> None:
    """What one track adds to what is known of its peer."""
    ages_ms = [now_ms - box.captured_ms for box in receiver.boxes if box.captured_ms is not None]
    if ages_ms and (receiver.track.video or "latency_ms" not in figures):
        figures["latency_ms"] = max(ages_ms)
    figures["queue_depth"] = max(figures.get("queue_depth", 0), receiver.waiting)
    dropped = sum(box.dropped for box in receiver.boxes if box.kind is VideoFrame)
    figures["dropped_frames"] = figures.get("dropped_frames", 0) + dropped
    figures["dropped_groups"] = figures.get("dropped_groups", 0) + receiver.dropped_groups + receiver.skipped_groups


def _kinds(*, video: bool, audio: bool) -> list[Kind]:
    wanted: dict[Kind, bool] = {"video": video, "audio": audio}
    return [kind for kind, is_wanted in wanted.items() if is_wanted]


def _iterable(source: Any) -> Any:
    if hasattr(source, "__iter__") or hasattr(source, "__aiter__"):
        return source
    raise InvalidValueError(
        "bad-source", f"What is published must be an iterable of arrays, not {type(source).__name__}: a list will do."
    )


def _title(of: object) -> str:
    return repr(getattr(of, "name", of))
