"""Audio/video calls inside notebook cells, over your own relay.

>>> from relay_widget import Call
>>> Call(room="lab")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import (
        FrontendMissingError,
        InvalidValueError,
        MissingExtraError,
        NothingReceivedError,
        PeersTimeoutError,
        RecordingError,
        RelayRequestError,
        RelayStartError,
        RelayWidgetError,
        WireError,
    )
    from .lab import LatencyLab
    from .recording.export import export
    from .recording.file import RecordedCall, open_recording
    from .recording.recorder import Recorder
    from .recording.replay import Replay, replay
    from .widget import Call, RemotePeer

__all__ = [
    "Call",
    "FrontendMissingError",
    "InvalidValueError",
    "LatencyLab",
    "MissingExtraError",
    "NothingReceivedError",
    "PeersTimeoutError",
    "RecordedCall",
    "Recorder",
    "RecordingError",
    "RelayRequestError",
    "RelayStartError",
    "RelayWidgetError",
    "RemotePeer",
    "Replay",
    "WireError",
    "__version__",
    "export",
    "open_recording",
    "replay",
]

__version__ = metadata.version("relay-widget")

_MODULES = {
    "Call": ".widget",
    "LatencyLab": ".lab",
    "RecordedCall": ".recording.file",
    "Recorder": ".recording.recorder",
    "RemotePeer": ".widget",
    "Replay": ".recording.replay",
    "export": ".recording.export",
    "open_recording": ".recording.file",
    "replay": ".recording.replay",
}


def __getattr__(name: str) -> Any:
    """Import on first use: the relay process needs this package but no widget machinery."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    module = import_module(_MODULES.get(name, ".errors"), __name__)
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
