"""What a call does with frames in Python: streams, snapshots, functions over frames, and what they make, published.

Nobody is watched unseen: what reads a call's media is a participant like any other. One `Peer` for each call listens
("Ada (Python)"), from the first frame that is asked for until the call is closed or moves to another room. Each
processed picture is one more participant, which reads its source itself.
"""

from __future__ import annotations

import logging
import secrets
import threading
from typing import TYPE_CHECKING, Any

from .errors import InvalidValueError, NothingReceivedError
from .impair import whom
from .protocol import MAX_NAME_CHARS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from .media.frame import VideoFrame
    from .peer import Peer, VideoStream

    Picture = NDArray[np.uint8]

_log = logging.getLogger(__name__)


class FrameLoop:
    """A function that is given somebody's frames, newest first, in a thread of its own, until it is stopped.

    It also ends when the peer leaves, and when the call is closed. What the function raises ends nothing: it is logged
    the first time, and counted.

    Attributes:
        frames: How many frames the function has been given.
        errors: How many of them it has failed at.
        error: What it raised last, or None.
    """

    def __init__(self, stream: VideoStream, function: Callable[[VideoFrame], object]) -> None:
        self.frames = 0
        self.errors = 0
        self.error: Exception | None = None
        self._stream = stream
        self._function = function
        self._thread = threading.Thread(target=self._run, name="relay-widget-frames", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether there may be more frames."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Give it no more frames; returns when the last one has been dealt with, at once from the function itself."""
        self._stream.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended; whether it has."""
        self._thread.join(timeout_s)
        return not self.running

    def __call__(self, frame: VideoFrame) -> object:
        """The function itself, which a decorator would otherwise have hidden."""
        return self._function(frame)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {_title(self._function)}, {'running' if self.running else 'ended'}>"

    def _run(self) -> None:
        for frame in self._stream:
            self.frames += 1
            try:
                self._function(frame)
            except Exception as error:  # noqa: BLE001 - it is the user's code, and it is logged
                self.errors += 1
                self.error = error
                if self.errors == 1:
                    _log.error("%s failed at a frame and is given the next ones:", _title(self._function), exc_info=error)


def _title(function: object) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
