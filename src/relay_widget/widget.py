"""``Call``: the widget of a call, its traits and its methods."""

from __future__ import annotations

import numbers
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, overload

import traitlets as t

from .attributes import Alive, default, given, nearest
from .errors import (
    FrontendMissingError,
    InvalidValueError,
    RelayRequestError,
    WireError,
)
from .extras import require
from .follower import Follower, RemotePeer
from .impair import checked
from .invitation import InviteLink, make_link
from .names import default_name
from .protocol import (
    DEFAULT_STALL_EVERY_MS,
    Event,
    ListenerInfo,
    check_name,
    check_room,
)
from .relays import NamedRelay, find_or_start, named_relay
from .settings import (
    DEFAULT_TIMESLICE_MS,
    MAX_TARGET_LATENCY_MS,
    MAX_TIMESLICE_MS,
    MIN_TARGET_LATENCY_MS,
    MIN_TIMESLICE_MS,
    InvalidTraitError,
    Milliseconds,
    check_target_latency,
    check_timeslice,
)
from .still import Still, StillWidget
from .subshells import hear_pages
from .tokens import Token, mint

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from PIL.Image import Image

    from .media.frame import VideoFrame
    from .processing import FrameLoop, Picture, ProcessedVideo, Processing
    from .recording.recorder import Recorder
    from .streams import VideoStream

_STATIC = Path(__file__).parent / "static"
_SETTABLE = ("room", "name", "timeslice", "target_latency", "source", "microphone", "camera", "auto_join", "layout")
DEFAULT_WAIT_S = 60.0
"""How long to wait for others unless told otherwise: a notebook that nobody watches must come to its end."""
_MAX_INVITE_S = 366 * 24 * 3600


class Call(Alive, StillWidget):
    """An audio/video call in a notebook cell.

    The last expression of a cell shows it; press **Join** there (or pass ``auto_join=True``). Two calls with
    the same room meet, from any notebook of the same user. Traits that only tell are kept true by a thread,
    so they move while a cell is running; their observers are called on that thread.

    Args:
        room: Where to meet. 1 to 64 characters.
        name: What the others see. 1 to 64 characters; default: your user name, or "Guest" where that is
            a container's own, such as root.
        url: The address of another relay than your own, as in ``"https://relay.example/"``, also with a path; kernel
            and browser must both reach it. Default: the environment variable RELAY_WIDGET_URL; else your own relay,
            which is started if need be.
        token: What that relay's owner has given you (``relay-widget token``, or `invite`). It is not saved with the
            notebook, but a cell is: better the environment variable RELAY_WIDGET_TOKEN. A whole invite link will do,
            too, and needs no ``url``.
        timeslice: ms, 10 to 3000, default 20: how long one recorded chunk is.
        target_latency: ms, 60 to 4000, default None (automatic): how far behind the live edge to play at least.
        source: What is sent: ``"camera"`` (default), ``"screen"`` or ``"pattern"``.
        microphone: Whether your sound is sent. Default True.
        camera: Whether your picture is sent. Default True.
        auto_join: Whether to join as soon as the cell shows. Default False.
        layout: The cell's layout, as for all ipywidgets.
        **settings: Traits of a subclass.

    Raises:
        TypeError: An unknown argument.
        InvalidValueError: A room, name, address or setting that cannot be used.
        FrontendMissingError: The JavaScript of the package has not been built.
    """

    room = t.Unicode("lab").tag(sync=True)
    """Read and write, default ``"lab"``: the room. Assigning moves the call there while it runs."""

    name = t.Unicode().tag(sync=True)
    """Read and write, default: your user name. Assigning renames you while the call runs."""

    timeslice = Milliseconds(DEFAULT_TIMESLICE_MS, min=MIN_TIMESLICE_MS, max=MAX_TIMESLICE_MS).tag(sync=True)
    """Read and write, ms, 10 to 3000, default 20: how long one recorded chunk is. 1500 reproduces the plain
    design."""

    target_latency = Milliseconds(None, min=MIN_TARGET_LATENCY_MS, max=MAX_TARGET_LATENCY_MS, allow_none=True)
    target_latency.tag(sync=True)
    """Read and write, ms, 60 to 4000 and not below `timeslice`, default None: how far behind the live edge to play at
    least. None lets each player stay as close as goes without stalls."""

    source = t.Enum(["camera", "screen", "pattern"], "camera").tag(sync=True)
    """Read and write, default ``"camera"``: what is sent. ``"pattern"`` needs no device."""

    microphone = t.Bool(default_value=True).tag(sync=True)
    """Read and write, default True: whether your sound is sent."""

    camera = t.Bool(default_value=True).tag(sync=True)
    """Read and write, default True: whether your picture is sent."""

    auto_join = t.Bool(default_value=False).tag(sync=True)
    """Read and write, default False: join as soon as the cell shows, without pressing Join."""

    _default_name = t.Unicode().tag(sync=True)
    """The name that nobody chose; empty if ``name`` was given. The relay numbers it where it is taken."""

    state = t.Enum(["idle", "connecting", "joined", "reconnecting", "left", "failed"], "idle", read_only=True)
    """Read only: where this call's participant is. ``idle`` until Join is pressed."""

    transport = t.Enum(["", "url", "proxy", "direct", "tunnel"], "", read_only=True)
    """Read only: how this call's media travel between its page and the relay. ``direct``: straight to the relay's port.
    ``proxy``: by the notebook server's own address (jupyter-server-proxy). ``url``: to the relay that was named.
    ``tunnel``: through the kernel, where nothing else comes through; slower. Empty while not joined. See
    docs/transports.md."""

    error: t.Instance[dict[str, Any] | None] = t.Dict(default_value=None, allow_none=True, read_only=True)  # type: ignore[assignment]
    """Read only, default None: what is in the way, ``{"code": ..., "message": ...}``."""

    peers = t.Tuple(read_only=True)
    """Read only: the others in the room, a tuple of `RemotePeer`."""

    listeners = t.Tuple(read_only=True)
    """Read only: who receives in the room without being a participant, this call's own included: a tuple of
    `ListenerInfo` with ``id``, ``name``, ``does`` (``"watches"`` or ``"records"``) and ``of`` (the ids of the peers
    whose media it gets, None for everybody's)."""

    queue_depth = t.Int(0, read_only=True)
    """Read only, chunks: waiting for append in the deepest peer queue (the peak of the last 250 ms)."""

    queue_depths = t.Dict(read_only=True)
    """Read only, chunks: the same for each peer, by peer id; a `RemotePeer` or a name that only one has finds it, too:
    ``call.queue_depths["Grace"]``."""

    stats = t.Dict(read_only=True)
    """Read only: this call's totals. ``sent_kbps``, ``sent_chunks``, ``sent_bytes``, ``stalls``,
    ``dropped_frames``, ``dropped_groups`` and ``latency_ms`` (of the slowest peer, -1 while unknown). What its picture
    is sent as: ``sent_level`` (0 is the best; higher where the network or the computer does not keep up),
    ``sent_width``, ``sent_frame_rate``, ``sent_aim_kbps``; and of the way to the relay: ``sent_uplink_wait_ms``,
    ``sent_dropped_groups``."""

    latency = t.Dict(read_only=True)
    """Read only, ms: where each peer's latency comes from, over the last ten seconds, by peer id and hop:
    ``{peer: {hop: {"p50": ..., "p95": ...}}}``. A `RemotePeer` or a name that only one has finds it, too:
    ``call.latency["Grace"]["total"]["p50"]``. The hops are ``record`` (from capture to sending), ``uplink`` (to the
    relay), ``downlink`` (to this call's browser), ``queue`` (to the player), ``play`` (to the screen), and ``total``.
    What is not known is left out."""

    _settable: ClassVar[tuple[str, ...]] = _SETTABLE
    _hears_itself: ClassVar[bool] = False
    """Whether its page also plays what it sends as it comes back from the relay: then it is one of its own peers."""

    if (_STATIC / "index.js").is_file():
        _esm = (_STATIC / "index.js").read_text("utf-8")
        _css = (_STATIC / "index.css").read_text("utf-8")

    def __init__(
        self,
        room: str = "lab",
        name: str | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
        timeslice: float = default(DEFAULT_TIMESLICE_MS),
        target_latency: float | None = default(None),
        source: str = default("camera"),
        microphone: bool = default(True),
        camera: bool = default(True),
        auto_join: bool = default(False),
        layout: Any = default(None),  # noqa: B008 - what it makes is never changed
        **settings: Any,
    ) -> None:
        settings |= given(
            {
                "timeslice": timeslice,
                "target_latency": target_latency,
                "source": source,
                "microphone": microphone,
                "camera": camera,
                "auto_join": auto_join,
                "layout": layout,
            }
        )
        self._named = named_relay(url, token)
        if self._named is None and token is not None:
            raise InvalidValueError(
                "missing-url", "A token is for another's relay, and your own needs none: say which one, as url."
            )
        self._follower = Follower(self, self._named)
        self._in_python: Processing | None = None
        self._recorders: list[Recorder] = []
        if not (_STATIC / "index.js").is_file():
            message = "The browser part of relay-widget is not built: run `make build` in the checkout."
            raise FrontendMissingError("frontend-missing", message)
        for unknown in settings.keys() - set(self._settable):
            hint = nearest(unknown, (*self._settable, "url", "token")).strip()
            hint = hint[0].lower() + hint[1:] if hint else f"it takes {', '.join((*self._settable, 'url', 'token'))}."
            raise TypeError(f"{type(self).__name__}() got an unknown argument {unknown!r}: {hint}")
        unchosen = default_name() if name is None else ""
        super().__init__(room=room, name=unchosen if name is None else name, _default_name=unchosen, **settings)
        hear_pages(self, self._follower.on_page_message)
        self.observe(self._refresh_still, "room")
        self.observe(self._on_room_changed, "room")
        self._follower.monitor.add(self._follower)

    def join(self) -> None:
        """Join the call, as if Join had been pressed. Without an open cell: as soon as one shows it."""
        self._follower.join()

    def leave(self) -> None:
        """Leave the call; the cell offers to join again."""
        self._follower.leave()

    def close(self) -> None:
        """Leave for good: nothing of this call runs any more, and its cell says so."""
        if not hasattr(self, "_follower"):
            return  # its address was refused, and what is collected closes itself
        if self._follower.forked:
            return  # a forked child: the call, its page and its recordings are the parent's
        self._end_processing()
        self._end_recordings()
        self._follower.close()
        super().close()

    def _words(self) -> Still:
        return Still(
            title=f"Call · room {self.room}",
            saved="A call was here. Run the cell to open it.",
            closed="This call was closed. To open it again, run the cell that made it.",
            picture="call",
        )

    def wait_for_peers(self, n: int = 1, timeout: float | None = DEFAULT_WAIT_S) -> tuple[RemotePeer, ...]:
        """Wait until at least ``n`` others are in the room.

        Args:
            n: How many others.
            timeout: Seconds to wait at most, default 60; None waits for ever (interrupting the cell ends it).

        Returns:
            The peers.

        Raises:
            PeersTimeoutError: They were not there in time.
            RelayStartError: There is no relay and none could be started.
            RelayRequestError: The relay that was named does not answer, or does not take the token.
        """
        return self._follower.wait_for_peers(n, timeout)

    def impair(
        self,
        peer: RemotePeer | str | None = None,
        *,
        delay_ms: float = 0,
        jitter_ms: float = 0,
        rate_kbps: float | None = None,
        stall_ms: float = 0,
        stall_every_ms: float = DEFAULT_STALL_EVERY_MS,
    ) -> None:
        """Make network trouble on purpose: impair what the relay sends to a peer, or to everybody in the room.

        As on TCP things come late, but whole and in order; sound goes before video. Each call replaces what held
        before, and with no figures everything is back to normal. It holds until then, or until the room is empty.
        Returns when the relay has taken it, also while a cell is running.

        Args:
            peer: Whom: one of ``call.peers``, its id, a name that only one has, or ``"me"`` for this call's own
                participant. None: everybody who is in the room now or comes later.
            delay_ms: How much later everything comes. 0 to 10,000.
            jitter_ms: And up to how much more, at random for each chunk. 0 to 10,000.
            rate_kbps: How many kbit/s pass. 8 to 1,000,000; None or 0 for no limit.
            stall_ms: For how long nothing passes, at once and then again and again. 0 to 30,000, and less than
                ``stall_every_ms``.
            stall_every_ms: How long from the start of one stall to the start of the next. 100 to 600,000.

        Raises:
            InvalidValueError: Figures out of range (``bad-impairment``), or nobody that is meant
                (``unknown-peer``, ``ambiguous-peer``, ``not-joined``). Nothing has changed.
            RelayRequestError: The relay refused (``unknown-room``: nobody is in the room), or did not answer.
            RelayStartError: There is no relay and none could be started.
        """
        figures = {
            "delay_ms": delay_ms,
            "jitter_ms": jitter_ms,
            "rate_kbps": rate_kbps,
            "stall_ms": stall_ms,
            "stall_every_ms": stall_every_ms,
        }
        self._follower.administer(Event.IMPAIR, peer, **checked(figures).as_json())

    def mute(self, peer: RemotePeer | str, track: str | None = "audio") -> None:
        """Have the relay pass on somebody's sound no more. The muted peer is told, and cannot undo it.

        It holds until `unmute`, also for a microphone that is off now and comes on later, and for a peer that comes
        back, or until the room is empty.

        Args:
            peer: Whom: one of ``call.peers``, its id, a name that only one has, or ``"me"``.
            track: What: ``"audio"`` (default), the sound only; ``"video"``, the picture only; the id of a track that
                the peer publishes; ``"all"`` or None, everything. A track that carries both is muted with its sound.

        Raises:
            InvalidValueError: Nobody that is meant (``unknown-peer``, ``ambiguous-peer``, ``not-joined``), or no such
                track (``unknown-track``).
            RelayRequestError: The relay refused (``unknown-room``), or did not answer.
            RelayStartError: There is no relay and none could be started.

        Example:
            >>> call.mute("Grace")              # doctest: +SKIP
            >>> call.mute("Grace", "all")       # doctest: +SKIP
        """
        self._follower.mute(_somebody(peer), track, muted=True)

    def unmute(self, peer: RemotePeer | str, track: str | None = None) -> None:
        """Let what `mute` has muted be heard and seen again.

        Args:
            peer: Whom, as in `mute`. Errors are those of `mute`, too.
            track: What, as in `mute`; default None: everything.
        """
        self._follower.mute(_somebody(peer), track, muted=False)

    def remove(self, peer: RemotePeer | ListenerInfo | str) -> None:
        """Take somebody out of the room. Its connection ends; unless the room is locked, it may come in again.

        Args:
            peer: Whom, as in `mute`; or one of ``call.listeners``. Errors are those of `mute`, too.
        """
        self._follower.administer(Event.REMOVE, _somebody(peer))

    def lock(self) -> None:
        """Let nobody new into the room, until `unlock` or until it is empty. Who is in it may come back.

        Raises:
            RelayRequestError: The relay refused (``unknown-room``: nobody is in the room), or did not answer.
            RelayStartError: There is no relay and none could be started.
        """
        self._follower.administer(Event.LOCK, locked=True)

    def unlock(self) -> None:
        """Let everybody into the room again. Errors are those of `lock`."""
        self._follower.administer(Event.LOCK, locked=False)

    def end(self) -> None:
        """End the call for everybody: all are taken out of the room. Errors are those of `lock`."""
        self._follower.administer(Event.END)

    def invite(
        self,
        name: str | None = None,
        *,
        publish: bool = True,
        subscribe: bool = True,
        administer: bool = False,
        expires: float = 3600,
    ) -> Token:
        """Make a token for somebody else: whoever holds it may come into this call's room, as any Socket.IO client.

        It is a str, to be handed over in private; what a notebook shows and saves of it says nothing, ``print()`` shows
        it. It can not be taken back, but it ends by itself, and with the relay.

        Args:
            name: What its holder is called, whatever it asks to be called. None leaves that to it.
            publish: Whether it may send picture and sound.
            subscribe: Whether it gets those of the others.
            administer: Whether it may do to the room what this call may: `impair`, `mute`, `remove`, `lock`, `end`.
            expires: Seconds until it ends, connected or not.

        Raises:
            InvalidValueError: ``bad-name``, ``bad-room`` or ``bad-expires``.
            RelayRequestError: ``forbidden``: the call is at a relay that is not your own.
            RelayStartError: There is no relay and none could be started.
        """
        token, _, _ = self._mint(expires, name, publish=publish, subscribe=subscribe, administer=administer)
        return Token(token)

    def invite_link(
        self,
        name: str | None = None,
        *,
        publish: bool = True,
        subscribe: bool = True,
        expires: float = 3600,
        url: str | None = None,
    ) -> InviteLink:
        """Make a link for somebody who has a browser and no notebook: it opens the relay's own page, in this room.

        As the last line of a cell it shows a QR code, to be scanned by a phone; it is a str, too. Whoever has the link
        can come in, any number of times, until it ends; what a notebook saves of it lets nobody in. As with `invite`,
        it can not be taken back; `lock` lets nobody new in, whatever they have.

        Args:
            name: What its guest is called. None leaves that to the guest.
            publish: Whether it may send picture and sound.
            subscribe: Whether it gets those of the others.
            expires: Seconds until it ends, connected or not.
            url: The relay's address, as the guest's browser reaches it (``https://relay.example``, also with a path).
                None: its own, which may be good on this computer only (then ``warning`` says so).

        Raises:
            InvalidValueError: ``bad-name``, ``bad-room``, ``bad-expires`` or ``bad-url``.
            RelayRequestError: ``forbidden``: the call is at a relay that is not your own.
            RelayStartError: There is no relay and none could be started.
        """
        token, relay_url, expires_s = self._mint(expires, name, publish=publish, subscribe=subscribe)
        return make_link(
            relay_url if url is None else url,
            token,
            room=str(self.room),
            name=name,
            publish=publish,
            subscribe=subscribe,
            expires_s=expires_s,
        )

    def _mint(
        self, lifetime_s: float, name: str | None, *, publish: bool, subscribe: bool, administer: bool = False
    ) -> tuple[str, str, float]:
        """A token for this call's room, the address of the relay it is for, and when it ends (seconds since 1970)."""
        room = str(self.room)
        if room.endswith("*"):
            raise InvalidValueError(
                "bad-room", f"A token for room {room!r} would be one for all that begin so: choose a name without a *."
            )
        if not isinstance(lifetime_s, numbers.Real) or not 0 < lifetime_s <= _MAX_INVITE_S:
            raise InvalidValueError(
                "bad-expires", f"expires must be seconds above 0 and at most {_MAX_INVITE_S}, not {lifetime_s!r}."
            )
        name = None if name is None else _checked(check_name, name)
        relay = find_or_start(self._named)
        if isinstance(relay, NamedRelay):
            raise RelayRequestError(
                "forbidden",
                f"Only the owner of the relay at {relay.url} makes tokens and invite links for it: ask them for one.",
            )
        now_s = time.time()
        token = mint(
            relay.address.secret,
            role="peer",
            lifetime_s=float(lifetime_s),
            now_s=now_s,
            room=room,
            name=name,
            publish=publish,
            subscribe=subscribe,
            administers=(room,) if administer else (),
        )
        return token, relay.url, now_s + float(lifetime_s)

    def frames(self, peer: RemotePeer | str | None = None) -> VideoStream:
        """Somebody's video, frame by frame, as arrays, while it is being sent (docs/python.md).

        For ``for`` and ``async for``. Who asks for a frame gets the newest one; what was passed over is counted in
        ``dropped``. Ends when the peer leaves, with ``close()``, and with the call.

        Args:
            peer: Whose: one of ``call.peers``, its id, a name that only one has, or ``"me"``, as the others get it.
                None: the only other one in the room.

        Returns:
            A stream of `VideoFrame`: ``rgb`` is ``(height, width, 3)`` ``uint8``, ``captured_ms`` its time in the
            relay's clock.

        Raises:
            MissingExtraError: NumPy or PyAV is not installed.
            InvalidValueError: Nobody that is meant (``unknown-peer``, ``ambiguous-peer``, ``not-joined``).
            RelayRequestError: The relay refused to let Python in.
            RelayStartError: There is no relay and none could be started.
        """
        return self._processing().frames(peer)

    def snapshot(self, peer: RemotePeer | str | None = None, timeout: float = 10.0) -> Image:
        """Somebody's picture now, as a PIL image, which the cell shows.

        Args:
            peer: Whose, as in `frames`. Errors are those of `frames`, too.
            timeout: Seconds to wait for a picture at most.

        Raises:
            NothingReceivedError: No picture came in time.
        """
        return self._processing().snapshot(peer, timeout)

    @overload
    def on_frame(
        self, function: Callable[[VideoFrame], object], *, of: RemotePeer | str | None = None
    ) -> FrameLoop: ...
    @overload
    def on_frame(
        self, function: None = ..., *, of: RemotePeer | str | None = ...
    ) -> Callable[[Callable[[VideoFrame], object]], FrameLoop]: ...
    def on_frame(
        self, function: Callable[[VideoFrame], object] | None = None, *, of: RemotePeer | str | None = None
    ) -> FrameLoop | Callable[[Callable[[VideoFrame], object]], FrameLoop]:
        """Have a function called with each newest frame of somebody, in a thread of its own: a decorator.

        ``@call.on_frame`` or ``@call.on_frame(of="Ada")``. What it raises is logged once and ends nothing.

        Args:
            function: Is given a `VideoFrame`.
            of: Whose, as in `frames`. Errors are those of `frames`, too.

        Returns:
            What has taken the function's name: ``stop()`` ends it, ``errors`` and ``error`` tell what it raised.
        """
        if function is None:
            return partial(self._processing().on_frame, of=of)
        return self._processing().on_frame(function, of=of)

    def publish_processed(
        self,
        function: Callable[[Picture], Picture | None],
        of: RemotePeer | str | None = None,
        name: str | None = None,
    ) -> ProcessedVideo:
        """Publish what a function makes of somebody's frames, live, as one more participant of the room.

        Each picture keeps the time of the frame it was made from, so that its latency is true. The function is given
        the newest frame whenever it is ready for one.

        Args:
            function: Is given a picture, ``(height, width, 3)`` ``uint8``, RGB, which is its own to change; returns
                one of that kind, of any size, or None to publish nothing for this frame. What it raises, and what it
                returns that is no picture, is logged once and ends nothing.
            of: Whose frames, as in `frames`. Errors are those of `frames`, too.
            name: What the participant is called; default: after its source and the function.

        Returns:
            The processed video: ``stop()`` ends it, ``errors`` and ``error`` tell what has failed.
        """
        return self._processing().publish(function, of, name)

    def record(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Recorder:
        """Record the room into a file, from now on: ``with call.record("talk.relay"):``, or until ``stop()``.

        Everybody's picture and sound are kept as they arrive, with their times; `export`, `replay` and
        `open_recording` take it from there. Everybody in the room sees "recorded by" the name of this call; it is no
        participant and counts in nobody's ``peers``. It also ends with the call, and when the call moves to another
        room.

        Args:
            path: The file to make.
            overwrite: Whether one that is there is replaced.

        Raises:
            RecordingError: ``file-exists``, ``disk-full`` or ``cannot-write``.
            RelayRequestError: The relay refused to let it in.
            RelayStartError: There is no relay and none could be started.
        """
        from .recording.recorder import Recorder  # noqa: PLC0415 - most calls never need it

        named = self._named
        url, token = (None, None) if named is None else (named.url, named.token)
        recorder = Recorder(str(self.room), path, url=url, token=token, name=str(self.name), overwrite=overwrite)
        recorder.start()
        self._recorders = [*(one for one in self._recorders if one.recording), recorder]
        return recorder

    def latency_frame(self) -> Any:
        """The latency since this call was made, as far as its browser has been in a room: never cleared.

        Returns:
            One row for each report (four a second) and peer, oldest first: ``time`` (UTC, of the relay's clock),
            ``peer`` (its id), ``name``, ``room``, ``<hop>_p50_ms`` and ``<hop>_p95_ms`` for each hop of `latency`,
            ``latency_ms`` (the newest total), ``queue_depth`` (chunks), ``buffered_s``, ``stalls``,
            ``dropped_frames``, ``dropped_groups``, ``rate``, ``av_skew_ms`` (sound minus picture), ``clock_error_ms``
            (how well its browser knows the relay's clock). A pandas DataFrame, unknown figures NaN; without pandas a
            list of dicts, unknown figures None. The newest 230,400 rows are kept at most: four hours with four others.
        """
        try:
            return self._follower.history.frame()
        except ImportError:
            return self._follower.history.records()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(room={self.room!r}, name={self.name!r})"

    @t.validate("room")
    def _check_room(self, proposal: Any) -> str:
        return _checked(check_room, proposal["value"])

    @t.validate("name")
    def _check_name(self, proposal: Any) -> str:
        return _checked(check_name, proposal["value"])

    @t.validate("timeslice")
    def _check_timeslice(self, proposal: Any) -> int:
        return check_timeslice(proposal["value"], self.target_latency)

    @t.validate("target_latency")
    def _check_target_latency(self, proposal: Any) -> int | None:
        return check_target_latency(proposal["value"], self.timeslice)

    def _processing(self) -> Processing:
        """What this call does in Python, made when it is first asked for."""
        if self._in_python is None:
            require("media")
            from .processing import Processing  # noqa: PLC0415 - most calls never need it

            follower = self._follower
            self._in_python = Processing(
                str(self.room),
                str(self.name),
                follower.own_peers,
                named=self._named,
            )
        return self._in_python

    def _end_processing(self) -> None:
        processing, self._in_python = self._in_python, None
        if processing is not None:
            processing.close()

    def _end_recordings(self) -> None:
        recorders, self._recorders = self._recorders, []
        for recorder in recorders:
            recorder.stop()

    def _on_room_changed(self, _change: object) -> None:
        self._end_processing()
        self._end_recordings()
        self._follower.forget_room()


def _somebody(peer: RemotePeer | ListenerInfo | str) -> RemotePeer | ListenerInfo | str:
    if peer is None:
        raise InvalidValueError("unknown-peer", "Say who is meant, as in call.peers[0]: None is nobody.")
    return peer


def _checked(check: Any, value: object) -> str:
    try:
        return str(check(value))
    except WireError as error:
        raise InvalidTraitError(error.code, error.message) from None
