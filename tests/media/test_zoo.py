"""Files of all kinds, whole and broken: shown and heard as the ffmpeg program does, or refused in a sentence."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from filelock import FileLock

from relay_widget.errors import MediaError
from relay_widget.media.encode import BLOCK_MS
from relay_widget.media.files import MediaFile

from . import zoo

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from relay_widget.media.frame import AudioBlock, VideoFrame

pytestmark = pytest.mark.process

MEAN_LEVELS = 6
PART_LEVELS = 30
"""Of an eighth by a sixth of a picture: scaled or turned, its edges differ by this; mirrored, all of it by 100."""
PICTURE_S = 0.021
"""Half a picture's time."""
SOUND_MS = 40
LIMIT_S = 30
"""For one file; it takes a fraction of a second."""
NO_MEDIA = {"no-moov.mp4", "empty.mp4", "words.mp4", "zeros.mp4", "noise.webm", "playlist.m3u8", "some.ffconcat"}
NO_MEDIA |= {"words.srt", "cut.png"}
PLAYED = "played.pickle"
BROKEN = ("cut.", "hole.", "zeros.", "speckled.")
"""Decoders differ in whether they show a picture of which a part is missing, and in what stands in for that part."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zoo, and beside it what the ffmpeg program makes of each; made once for all of pytest's processes."""
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "zoo"
    with FileLock(f"{folder}.lock"):
        if not (folder / PLAYED).exists():
            folder.mkdir(exist_ok=True)
            zoo.make(folder)
            names = [name for name in zoo.ANIMALS if name not in NO_MEDIA]
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                played = dict(zip(names, pool.map(lambda name: zoo.play(folder / name), names), strict=True))
            (folder / PLAYED).write_bytes(pickle.dumps(played))
    return folder


@pytest.fixture(scope="module")
def played(folder: Path) -> dict[str, zoo.Played]:
    found: dict[str, zoo.Played] = pickle.loads((folder / PLAYED).read_bytes())  # noqa: S301 - just written
    return found


@pytest.mark.timeout(LIMIT_S, func_only=True)
@pytest.mark.parametrize("name", [name for name in zoo.ANIMALS if name not in NO_MEDIA])
def test_a_file_is_shown_and_heard_as_ffmpeg_does(name: str, folder: Path, played: dict[str, zoo.Played]) -> None:
    file = MediaFile(folder / name)
    pictures = list(file.pictures()) if file.has_video else []
    blocks = list(file.sound()) if file.has_audio else []
    expected = played[name]
    broken = name.startswith(BROKEN)
    assert file.left_out == 0 or broken or name.startswith("rates")
    if name != "cover.mp3":  # a cover is no video to us
        _compare_pictures(pictures, expected.pictures, broken=broken)
    _compare_sound(blocks, expected.sound)
    assert pictures or blocks


def _compare_pictures(pictures: list[VideoFrame], expected: list[zoo.Seen], *, broken: bool) -> None:
    assert abs(len(pictures) - len(expected)) <= broken
    for picture, seen in zip(pictures, expected, strict=not broken):
        assert picture.media_ms / 1000 == pytest.approx(seen.at_s, abs=PICTURE_S)
        assert picture.rgb.shape == (picture.height, picture.width, 3)
        assert (picture.width, picture.height) == (seen.width, seen.height)
        off = zoo.parts(picture.rgb) - seen.means
        if not broken:
            assert np.abs(off.mean(axis=(0, 1))).max() <= MEAN_LEVELS
            assert np.abs(off).max() <= PART_LEVELS


def _compare_sound(blocks: list[AudioBlock], expected: NDArray[np.float32]) -> None:
    heard = np.zeros(0, np.float32)
    for before, block in pairwise(blocks):
        assert block.media_ms == pytest.approx(before.media_ms + before.duration_ms)
        assert before.duration_ms == BLOCK_MS
    for block in blocks:
        heard = zoo.placed(heard, block.media_ms / 1000, block.samples)
    assert len(heard) / 48 == pytest.approx(len(expected) / 48, abs=SOUND_MS)
    assert _beeps_ms(heard) == pytest.approx(_beeps_ms(expected), abs=SOUND_MS)


def _beeps_ms(sound: NDArray[np.float32]) -> list[int]:
    """When beeps begin; what is within a frame of another one, or of the file's beginning, is none of its own."""
    windows = sound[: len(sound) // 240 * 240].reshape(-1, 240)
    loud = np.sqrt(np.mean(windows**2, axis=1)) > 0.1
    begins = np.flatnonzero(loud[1:] & ~loud[:-1]) * 5
    return [int(at) for before, at in pairwise([0, *begins]) if at - before > 2 * SOUND_MS]


@pytest.mark.timeout(LIMIT_S, func_only=True)
@pytest.mark.parametrize("name", sorted(NO_MEDIA))
def test_what_cannot_be_played_is_a_sentence(name: str, folder: Path) -> None:
    with pytest.raises(MediaError, match=f"{name}.*: (choose|convert)") as caught:
        list(MediaFile(folder / name))
    assert caught.value.code == "bad-file"
