"""Labels and objects, made short."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from relay_widget.core.group import MediaObject
from relay_widget.protocol import MediaHeader, Track

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay_widget.protocol import ObjectType

TRACK = Track("camera", "video/webm")


def label(kind: ObjectType, epoch: int = 1, group: int = 1, number: int = 0, track: str = "camera") -> MediaHeader:
    return MediaHeader(track, epoch, group, number, kind, 0.0)


def item(kind: ObjectType, epoch: int = 1, group: int = 1, number: int = 0, data: bytes = b"x") -> MediaObject:
    return MediaObject(label(kind, epoch, group, number), data)


def header(kind: ObjectType, epoch: int = 1, group: int = 1, number: int = 0, track: str = "camera") -> dict[str, Any]:
    return label(kind, epoch, group, number, track).as_json()


def seeded(seed: int = 1) -> Callable[[], float]:
    return Random(seed).random  # noqa: S311 - a test has no secrets


class Queued:
    """What waits for clients, set by hand."""

    def __init__(self, queued: dict[str, int]) -> None:
        self.queued = queued
        self.waits_ms: dict[str, float] = {}

    @property
    def busy(self) -> dict[str, int]:
        return self.queued

    def queued_bytes(self, connection: str) -> int:
        return self.queued.get(connection, 0)

    def wait_ms(self, connection: str) -> float:
        return self.waits_ms.get(connection, 0.0)
