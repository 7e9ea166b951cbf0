"""Media files of all kinds, sent by one participant and seen and heard by another."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from relay_widget.media.pattern import read_stamp

from .media.clips import make
from .test_peer import participant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relay_widget import Peer

    from .relay_process import RelayProcess

SECONDS = 1.5
COUNT = 12


@pytest.fixture
def ada(relay: RelayProcess) -> Iterator[Peer]:
    with participant(relay, "Ada") as peer:
        yield peer


@pytest.fixture
def bob(relay: RelayProcess, ada: Peer) -> Iterator[Peer]:
    with participant(relay, "Bob") as peer:
        yield peer


@pytest.mark.parametrize(
    ("size", "rate"), [((320, 240), 0), ((321, 241), 48_000)], ids=["even-silent", "odd-with-sound"]
)
@pytest.mark.parametrize("fps", [25, Fraction(30_000, 1001), 30, 60], ids=["25", "29.97", "30", "60"])
def test_pictures_and_sound_arrive_at_their_times(
    ada: Peer, bob: Peer, tmp_path: Path, fps: Fraction | int, *, size: tuple[int, int], rate: int
) -> None:
    seen, heard = bob.video(of="Ada"), bob.audio(of="Ada")
    publication = ada.publish_file(make(tmp_path / "clip.webm", fps=fps, size=size, rate=rate, seconds=SECONDS))
    assert set(publication.tracks) == ({"video", "audio"} if rate else {"video"})
    frames = list(islice(seen, COUNT))
    assert {frame.rgb.shape for frame in frames} == {(size[1], size[0], 3)}
    numbers = [read_stamp(frame.rgb) for frame in frames]
    assert numbers == sorted(set(numbers))  # type: ignore[type-var]
    begun_ms = [
        frame.captured_ms - number * 1000 / float(fps)
        for frame, number in zip(frames, numbers, strict=True)
        if frame.captured_ms is not None and number is not None
    ]
    assert len(begun_ms) == COUNT
    assert np.ptp(begun_ms) <= 3  # a WebM's times are whole milliseconds, here and on the way
    if rate:
        blocks = list(islice(heard, COUNT))
        assert {block.samples.shape for block in blocks[1:]} == {(1, 1920)}
        assert np.diff([block.captured_ms for block in blocks]) == pytest.approx(np.full(COUNT - 1, 40), abs=1)
        assert blocks[0].captured_ms == pytest.approx(begun_ms[0], abs=40)
        sound = np.concatenate([block.samples[0] for block in blocks[2:]])
        assert np.sqrt(np.mean(sound**2)) == pytest.approx(0.25 / np.sqrt(2), rel=0.1)
    publication.wait(20)
    stats = publication.stats
    assert stats["frames"] + stats["dropped_frames"] == int(fps * SECONDS)


@pytest.mark.parametrize("name", ["sound.webm", "sound.mka"])
def test_sound_alone(ada: Peer, bob: Peer, tmp_path: Path, name: str) -> None:
    heard = bob.audio(of="Ada")
    publication = ada.publish_file(make(tmp_path / name, size=(0, 0), rate=48_000, seconds=SECONDS))
    blocks = list(islice(heard, COUNT))
    sound = np.concatenate([block.samples[0] for block in blocks[2:]])
    loudest = np.argmax(np.abs(np.fft.rfft(sound * np.hanning(len(sound))))) * 48_000 / len(sound)
    assert loudest == pytest.approx(440, abs=4)
    assert [track.track for track in bob.peers[0].tracks] == ["audio"]
    publication.wait(20)
    assert publication.stats["blocks"] == pytest.approx(SECONDS * 25, abs=2)


def test_a_file_of_more_pictures_than_can_be_shown_is_sent(ada: Peer, bob: Peer, tmp_path: Path) -> None:
    seen = bob.video(of="Ada")
    publication = ada.publish_file(make(tmp_path / "fast.webm", fps=500, size=(96, 64), seconds=0.5))
    assert read_stamp(next(seen).rgb) is not None
    publication.wait(20)
