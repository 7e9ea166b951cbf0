"""Recordings with real media in them: those of a browser, and pictures and sound made here."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import av

from relay_widget.protocol import MediaHeader, Track
from relay_widget.recording.format import ObjectReceived

from .records import START_MS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay_widget.media.webm import MediaObject
    from relay_widget.recording.format import Record

VECTORS = Path(__file__).parents[1] / "vectors" / "media"


def vector(name: str) -> Path:
    """What a Chromium recorded."""
    return next(path for path in VECTORS.glob(f"{name}.*") if path.suffix != ".json")


def browser_objects(name: str, track: str = "video", peer: str = "ada") -> list[ObjectReceived]:
    """The same as it goes over a relay: an init segment, then objects that end where the recorder's slices did."""
    data = vector(name).read_bytes()
    facts = json.loads((VECTORS / f"{name}.json").read_text())
    ends, at = set(), 0
    for size in facts["slices"]:
        at += size
        ends.add(at)
    cuts = sorted(
        {facts["init_bytes"], *facts["groups"], *(end for end in ends if end > facts["init_bytes"]), len(data)}
    )
    objects = [ObjectReceived(START_MS, peer, MediaHeader(track, 1, 0, 0, "init"), START_MS, data[: cuts[0]])]
    group = number = 0
    for start, end in pairwise(cuts):
        key = start in facts["groups"]
        group, number = (group + 1, 0) if key else (group, number + 1)
        at_ms = START_MS + 3300 * start / len(data)
        header = MediaHeader(track, 1, group, number, "key" if key else "delta")
        objects.append(ObjectReceived(at_ms, peer, header, at_ms, data[start:end]))
    return objects


def browser_track(name: str, track: str = "video") -> Track:
    facts = json.loads((VECTORS / f"{name}.json").read_text())
    has_video = not facts["mimeType"].startswith("audio/")
    return Track(track, facts["mimeType"], packaging=facts["packaging"], audio="opus" in name, video=has_video)


def received_from(peer: str, objects: Iterable[MediaObject], delay_ms: float = 30.0) -> list[Record]:
    """Objects of a publisher here, as they arrive; each some time after it was taken."""
    records: list[Record] = []
    for header, data in objects:
        assert header.captured_ms is not None
        at_ms = header.captured_ms + delay_ms
        records.append(ObjectReceived(at_ms, peer, header, at_ms, data))
    return records


def packets(path: Path, kind: str) -> list[bytes]:
    """All encoded packets of a file's first stream of this kind."""
    with av.open(str(path)) as file:
        [stream] = [stream for stream in file.streams if stream.type == kind]
        return [bytes(packet) for packet in file.demux(stream) if packet.size]
