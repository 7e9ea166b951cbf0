"""What a call does with frames in Python: streams, snapshots, functions over frames, and what they make, published.

Nobody is watched unseen: one listener for each call, of the call's name, receives the frames, and everybody in the room
sees whom it watches. It is in the room from the first frame that is asked for until the call is closed or moves to
another room. Each processed video is one more participant, which reads its source itself.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import wait
from typing import TYPE_CHECKING, TypeVar

import av
import numpy as np

from .background import OwnProcess
from .errors import InvalidValueError, NothingReceivedError, RelayWidgetError
from .impair import whom
from .media.advice import check_picture
from .media.frame import VideoFrame
from .peer import Peer
from .protocol import MAX_NAME_CHARS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray
    from PIL.Image import Image

    from .relays import NamedRelay
    from .streams import VideoStream

    Picture = NDArray[np.uint8]

Ended = TypeVar("Ended", "FrameLoop", "ProcessedVideo")

STOP_TIMEOUT_S = 3.0
"""So long a function that is in the middle of a frame is waited for when it is stopped."""

_log = logging.getLogger(__name__)


class Processing:
    """The Python side of one call in one room.

    Args:
        room: The call's.
        name: What the call is called.
        own_peers: Tells the ids of the call's participant in the browser.
        named: The call's relay; None for the user's own.
    """

    def __init__(
        self,
        room: str,
        name: str,
        own_peers: Callable[[], Sequence[str]],
        *,
        named: NamedRelay | None,
    ) -> None:
        self._named = named
        self._room = room
        self._name = name
        self._own_peers = own_peers
        self._lock = threading.RLock()
        self._listener: Peer | None = None
        self._running: list[FrameLoop | ProcessedVideo] = []

    def frames(self, of: object) -> VideoStream:
        """See `Call.frames`."""
        listener = self._joined()
        return listener.video(of=self._find(of))

    def snapshot(self, of: object, timeout_s: float) -> Image:
        """See `Call.snapshot`."""
        stream = self.frames(of)
        too_late = threading.Event()

        def end() -> None:
            too_late.set()
            stream.close()

        give_up = threading.Timer(timeout_s, end)
        give_up.start()
        try:
            for frame in stream:
                return frame.image()
        finally:
            give_up.cancel()
            stream.close()
        if not too_late.is_set():
            raise NothingReceivedError(
                "no-picture", "Whose picture was asked for has left before one came: see in call.peers who is there."
            )
        raise NothingReceivedError(
            "no-picture",
            f"No picture came within {timeout_s:g} s: see in call.peers whether a camera is on, or wait longer.",
        )

    def on_frame(self, function: Callable[[VideoFrame], object], of: object = None) -> FrameLoop:
        """See `Call.on_frame`."""
        return self._keep(FrameLoop(self.frames(of), function))

    def publish(
        self, function: Callable[[Picture], Picture | None], of: object = None, name: str | None = None
    ) -> ProcessedVideo:
        """See `Call.publish_processed`."""
        source = self._find(of)
        listener = self._joined()
        called = next((peer.name for peer in listener.peers if peer.id == source), self._name)
        peer = self._enter(name or _suffixed(called, _title(function)))
        return self._keep(ProcessedVideo(peer, source, function))

    def close(self) -> None:
        """End all of it."""
        with self._lock:
            running, self._running = self._running, []
            listener, self._listener = self._listener, None
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        for one in running:
            if isinstance(one, FrameLoop):
                one.stop(max(0.0, deadline_s - time.monotonic()))
            else:
                one.stop()
        if listener is not None:
            listener.close().wait()

    def _keep(self, one: Ended) -> Ended:
        with self._lock:
            self._running = [*(other for other in self._running if other.running), one]
        return one

    def _joined(self) -> Peer:
        with self._lock:
            if self._listener is None:
                self._listener = self._enter(self._name, listens=True)
            return self._listener

    def _enter(self, name: str, *, listens: bool = False) -> Peer:
        """Join as one more participant, or listener."""
        url, token = (None, None) if self._named is None else (self._named.url, self._named.token)
        return Peer(self._room, name, url=url, token=token, listens=listens).connect().wait()

    def _find(self, of: object) -> str:
        """The id of the one who is meant.

        Raises:
            InvalidValueError: ``unknown-peer``, ``ambiguous-peer`` or ``not-joined``.
        """
        own = self._own_peers()
        others = [peer for peer in self._joined().peers if peer.id not in own]
        if of is not None:
            (meant,) = whom(of, self._room, others, own[:1])
            assert meant is not None  # noqa: S101 - None stands for everybody, and everybody was not asked for
            return meant
        with self._lock:
            made = {one.id for one in self._running if isinstance(one, ProcessedVideo)}
        foreign = [peer for peer in others if peer.id not in made]
        if not foreign:
            raise InvalidValueError(
                "unknown-peer",
                f"Nobody else is in room {self._room!r}: call wait_for_peers() first, or ask for yourself with 'me'.",
            )
        # A guest who only watches sends nothing, and is not meant.
        foreign = [peer for peer in foreign if any(track.video for track in peer.tracks)] or foreign
        if len(foreign) > 1:
            names = ", ".join(repr(peer.name) for peer in foreign)
            raise InvalidValueError(
                "ambiguous-peer", f"There are {names} in room {self._room!r}: say whose frames are meant."
            )
        return foreign[0].id


class _Failures:
    """How a user's function does, frame by frame: what it raises is logged the first time, and counted."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.frames = 0
        """How many frames the function has been given."""
        self.errors = 0
        """At how many of them it has failed."""
        self.error: BaseException | None = None
        """What it raised last, or why there are no more frames, where that was an error."""
        self._function = function

    def _failed(self, error: Exception) -> None:
        self.errors += 1
        self.error = error
        if self.errors == 1:
            _log.error("%s failed at a frame and is given the next ones:", _title(self._function), exc_info=error)

    def _ended(self, error: BaseException) -> None:
        said = str(error) if isinstance(error, RelayWidgetError) else repr(error)
        _log.warning("%s is given no more frames: %s", _title(self._function), said)
        self.error = error  # last: who waits for it finds it in the log, too

    def __repr__(self) -> str:
        running = "running" if self.running else "ended"
        return f"<{type(self).__name__} {_title(self._function)}, {running}>"

    @property
    def running(self) -> bool:
        """Whether there may be more frames."""
        raise NotImplementedError


class FrameLoop(_Failures):
    """A function that is given somebody's frames, newest first, in a thread of its own, until it is stopped.

    It also ends when the peer leaves, with the call, and if the function raises what is no `Exception`, as
    ``sys.exit()`` does. It is called as the function it stands for.
    """

    def __init__(self, stream: VideoStream, function: Callable[[VideoFrame], object]) -> None:
        super().__init__(function)
        self._stream = stream
        self._thread = threading.Thread(target=self._run, name="relay-widget-frames", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether there may be more frames."""
        return self._thread.is_alive()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Give it no more frames. Returns when it is done with the last one (from the function itself, at once).

        Args:
            timeout_s: Seconds to wait for that at most. A function that takes longer is said in the log, and goes on
                in its thread, as nothing can end it from outside.
        """
        self._stream.close()
        if threading.current_thread() is self._thread:
            return
        self._thread.join(timeout_s)
        if self.running:
            _log.warning(
                "%s has not returned from its last frame: nothing waits for it any more, and it is given no other one. "
                "If it does not return by itself, restart the kernel to be rid of it.",
                _title(self._function),
            )

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended; whether it has."""
        self._thread.join(timeout_s)
        return not self.running

    def __call__(self, frame: VideoFrame) -> object:
        """Call the function."""
        return self._function(frame)

    def _run(self) -> None:
        try:
            for frame in self._stream:
                self.frames += 1
                try:
                    self._function(frame)
                except Exception as error:  # noqa: BLE001 - it is the user's code, and it is reported
                    self._failed(error)
        except BaseException as error:  # noqa: BLE001 - it ends the loop, and whoever looks at it is told
            self._ended(error)
        finally:
            self._stream.close()


class ProcessedVideo(_Failures):
    """What a function makes of somebody's frames, published by a participant of its own, until it is stopped.

    It also ends when the source leaves, and with the call.
    """

    def __init__(self, peer: Peer, source: str, function: Callable[[Picture], Picture | None]) -> None:
        super().__init__(function)
        self.id = peer.id
        """The participant's id."""
        self.name = peer.name
        """What the participant is called."""
        self._process = OwnProcess()
        self._peer = peer
        self._stream = peer.video(of=source)
        self._publication = peer.publish(self._made(), fps=None)
        self._publication.over.add_done_callback(self._over)

    @property
    def running(self) -> bool:
        """Whether there may be more pictures."""
        return self._publication.running

    def stop(self) -> None:
        """Publish no more, and leave the room."""
        self._stream.close()
        self._publication.stop()
        self._peer.close().wait()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended; whether it has."""
        if self.running:
            self._process.check(self)
        wait([self._publication.over], timeout_s)
        return not self.running

    def _over(self, over: Future[None]) -> None:
        error = over.exception()
        if error is not None:
            self._ended(error)
        self._peer.close()

    def _made(self) -> Iterator[VideoFrame]:
        for frame in self._stream:
            self.frames += 1
            try:
                picture = self._function(frame.rgb)
                if picture is None:
                    continue
                check_picture(picture)
            except Exception as error:  # noqa: BLE001 - it is the user's code, and it is reported
                self._failed(error)
                continue
            native = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            yield VideoFrame(native, media_ms=frame.media_ms, captured_ms=frame.captured_ms)


def _suffixed(name: str, suffix: str) -> str:
    """A name with what it is behind it, no longer than names may be."""
    return f"{name[: MAX_NAME_CHARS - len(suffix) - 3]} ({suffix})"


def _title(function: object) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
