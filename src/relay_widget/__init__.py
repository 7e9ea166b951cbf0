"""Audio/video calls inside notebook cells, over your own relay.

>>> from relay_widget import Call
>>> Call(room="lab")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from .checkup.widget import doctor
    from .errors import (
        FrontendMissingError,
        InvalidValueError,
        MediaError,
        MissingExtraError,
        NothingReceivedError,
        PeersTimeoutError,
        RecordingError,
        RelayRequestError,
        RelayStartError,
        RelayWidgetError,
        UnknownAttributeError,
        WaitTimeoutError,
        WireError,
    )
    from .follower import RemotePeer
    from .lab import LatencyLab
    from .media.frame import AudioBlock, VideoFrame
    from .peer import Peer
    from .publication import Publication
    from .recording.export import export
    from .recording.file import RecordedCall, open_recording
    from .recording.recorder import Recorder
    from .recording.replay import Replay, replay
    from .streams import AudioStream, VideoStream
    from .widget import Call

__all__ = [
    "AudioBlock",
    "AudioStream",
    "Call",
    "FrontendMissingError",
    "InvalidValueError",
    "LatencyLab",
    "ListenerInfo",
    "MediaError",
    "MissingExtraError",
    "NothingReceivedError",
    "Peer",
    "PeersTimeoutError",
    "Publication",
    "RecordedCall",
    "Recorder",
    "RecordingError",
    "RelayRequestError",
    "RelayStartError",
    "RelayWidgetError",
    "RemotePeer",
    "Replay",
    "UnknownAttributeError",
    "VideoFrame",
    "VideoStream",
    "WaitTimeoutError",
    "WireError",
    "__version__",
    "doctor",
    "export",
    "open_recording",
    "replay",
]

_MODULES = {
    "AudioBlock": ".media.frame",
    "AudioStream": ".streams",
    "Call": ".widget",
    "LatencyLab": ".lab",
    "ListenerInfo": ".protocol",
    "Peer": ".peer",
    "Publication": ".publication",
    "RecordedCall": ".recording.file",
    "Recorder": ".recording.recorder",
    "RemotePeer": ".follower",
    "Replay": ".recording.replay",
    "VideoFrame": ".media.frame",
    "VideoStream": ".streams",
    "doctor": ".checkup.widget",
    "export": ".recording.export",
    "open_recording": ".recording.file",
    "replay": ".recording.replay",
}
_NEED_MEDIA = ("AudioBlock", "AudioStream", "Peer", "Publication", "VideoFrame", "VideoStream", "export")


def __getattr__(name: str) -> Any:
    """Import on first use: the relay process needs this package but no widget machinery."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        from .protocol import package_version  # noqa: PLC0415

        return package_version()
    from importlib import import_module  # noqa: PLC0415

    if name in _NEED_MEDIA:
        from .extras import require  # noqa: PLC0415

        require("media")
    module = import_module(_MODULES.get(name, ".errors"), __name__)
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
