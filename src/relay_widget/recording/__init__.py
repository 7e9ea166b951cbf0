"""Calls on disk: record a room, open what was recorded, export it as video files, replay it as participants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .file import RecordedCall, open_recording

__all__ = ["RecordedCall", "open_recording"]

_MODULES = {"RecordedCall": ".file", "open_recording": ".file"}


def __getattr__(name: str) -> Any:
    """Import on first use: exporting needs PyAV, recording does not."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_MODULES[name], __name__), name)
