"""What Chromium's recorder made, as labelled objects."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING

from relay_widget.media.webm import MediaObject
from relay_widget.protocol import MediaHeader, Track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEDIA = Path(__file__).parents[1] / "vectors" / "media"
WEBM = ("vp8-canvas", "vp8-opus", "vp9-opus", "opus")
ALL = (*WEBM, "h264-opus")


def path(name: str) -> Path:
    return next(found for found in MEDIA.glob(f"{name}.*") if found.suffix != ".json")


def track(name: str) -> Track:
    vector = json.loads((MEDIA / f"{name}.json").read_text())
    return Track("main", vector["mimeType"], packaging=vector["packaging"])


def parts(name: str) -> tuple[bytes, list[bytes]]:
    """The init segment, and the groups."""
    vector = json.loads((MEDIA / f"{name}.json").read_text())
    data = path(name).read_bytes()
    groups = [data[start:end] for start, end in itertools.pairwise([*vector["groups"], len(data)])]
    return data[: vector["init_bytes"]], groups


def objects(
    name: str, piece_bytes: int = 700, stamp: Callable[[int], float | None] = lambda _: None
) -> Iterator[MediaObject]:
    """Objects of about this size, cut anywhere; `stamp`: captured_ms by group."""
    init, groups = parts(name)
    yield MediaObject(MediaHeader("main", 1, 0, 0, "init"), init)
    for group, data in enumerate(groups, 1):
        for number, at in enumerate(range(0, len(data), piece_bytes)):
            header = MediaHeader("main", 1, group, number, "delta" if number else "key", stamp(group))
            yield MediaObject(header, data[at : at + piece_bytes])
