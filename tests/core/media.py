"""Labels and objects, made short."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relay_widget.core.group import MediaObject
from relay_widget.protocol import MediaHeader, Track

if TYPE_CHECKING:
    from relay_widget.protocol import ObjectType

TRACK = Track("camera", "video/webm")


def label(kind: ObjectType, epoch: int = 1, group: int = 1, number: int = 0, track: str = "camera") -> MediaHeader:
    return MediaHeader(track, epoch, group, number, kind, 0.0)


def item(kind: ObjectType, epoch: int = 1, group: int = 1, number: int = 0, data: bytes = b"x") -> MediaObject:
    its = label(kind, epoch, group, number)
    return MediaObject(its, its.as_json(), data)


def header(kind: ObjectType, epoch: int = 1, group: int = 1, number: int = 0, track: str = "camera") -> dict[str, Any]:
    return label(kind, epoch, group, number, track).as_json()
