"""Recordings made by hand: records that tell of a short call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from relay_widget.protocol import MediaHeader, Track
from relay_widget.recording.file import RecordingWriter
from relay_widget.recording.format import (
    Ended,
    ObjectReceived,
    PeerJoined,
    PeerLeft,
    PeerRenamed,
    Record,
    Started,
    TrackPublished,
    TrackUnpublished,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from relay_widget.protocol import ObjectType

CAMERA = Track("video", "video/webm;codecs=vp8", audio=False)
SOUND = Track("audio", "audio/webm;codecs=opus", video=False)
START_MS = 1_795_415_497_000.0

_names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_times = st.floats(min_value=0, max_value=2e12)
_stamps = st.none() | _times
_counts = st.integers(0, 2**53 - 1)
_headers = st.builds(
    MediaHeader,
    track=st.sampled_from(["video", "audio"]),
    epoch=_counts,
    group=_counts,
    object=_counts,
    type=st.sampled_from(["init", "key", "delta"]),
    captured_ms=_stamps,
    level=st.floats(0, 1),
    sent_ms=_stamps,
    media_ms=_stamps,
)
records: st.SearchStrategy[Record] = st.one_of(
    st.builds(Started, _times, _names, _names),
    st.builds(PeerJoined, _times, _names, _names),
    st.builds(PeerRenamed, _times, _names, _names),
    st.builds(PeerLeft, _times, _names),
    st.builds(TrackPublished, _times, _names, st.sampled_from([CAMERA, SOUND])),
    st.builds(TrackUnpublished, _times, _names, _names),
    st.builds(ObjectReceived, _times, _names, _headers, _stamps, st.binary(max_size=60)),
    st.builds(Ended, _times),
)


def received(
    kind: ObjectType,
    epoch: int = 1,
    group: int = 1,
    number: int = 0,
    *,
    at_ms: float = START_MS,
    data: bytes | None = None,
    peer: str = "ada",
    track: str = "video",
) -> ObjectReceived:
    if kind == "init":
        group = 0
    data = f"{kind} {epoch} {group} {number}".encode() if data is None else data
    return ObjectReceived(at_ms, peer, MediaHeader(track, epoch, group, number, kind), at_ms, data)


def opening(*tracks: Track, peer: str = "ada", name: str = "Ada", at_ms: float = START_MS) -> list[Record]:
    """A recording's beginning: one peer and what it publishes."""
    return [
        Started(at_ms, "lab", "relay-widget test"),
        PeerJoined(at_ms, peer, name),
        *(TrackPublished(at_ms, peer, track) for track in tracks or (CAMERA,)),
    ]


def write(path: Path, records: Iterable[Record]) -> Path:
    writer = RecordingWriter(path)
    writer.append(records)
    writer.close()
    return path
