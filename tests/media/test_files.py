from __future__ import annotations

import subprocess
import wave
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from relay_widget.errors import MediaError
from relay_widget.media.files import MediaFile
from relay_widget.media.frame import AudioBlock, VideoFrame
from relay_widget.media.pattern import read_stamp

from . import vectors
from .clips import make

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("fps", [25, Fraction(30_000, 1001), 30, 60])
def test_pictures_come_at_their_times(tmp_path: Path, fps: Fraction | int) -> None:
    file = MediaFile(make(tmp_path / "clip.webm", fps=fps, rate=48_000))
    assert (file.has_video, file.has_audio, file.channels) == (True, True, 1)
    assert file.fps == pytest.approx(float(fps), rel=0.03)
    parts = list(file)
    assert [part.media_ms for part in parts] == sorted(part.media_ms for part in parts)
    pictures = [part for part in parts if isinstance(part, VideoFrame)]
    assert [read_stamp(picture.rgb) for picture in pictures] == list(range(int(fps / 2)))
    for number, picture in enumerate(pictures):
        assert picture.media_ms == pytest.approx(number * 1000 / float(fps), abs=8)  # whole ms, and Opus' delay
    sounds = [part for part in parts if isinstance(part, AudioBlock)]
    assert sum(part.duration_ms for part in sounds) == pytest.approx(500, abs=45)
    assert [part.duration_ms for part in sounds[:-1]] == [40] * (len(sounds) - 1)
    assert len(list(file)) == len(parts), "it can be read again"


@pytest.mark.parametrize("size", [(321, 241), (161, 121)])
def test_odd_sizes_and_no_sound(tmp_path: Path, size: tuple[int, int]) -> None:
    file = MediaFile(make(tmp_path / "odd.webm", size=size))
    assert (file.has_audio, file.channels) == (False, 0)
    pictures = list(file.pictures())
    assert len(pictures) == 15
    for number, picture in enumerate(pictures):
        assert picture.rgb.shape == (size[1], size[0], 3)
        assert read_stamp(picture.rgb) == number


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000])
def test_sound_alone_at_any_rate(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "sound.wav"
    sound = (8192 * np.sin(np.arange(rate) * (2 * np.pi * 440 / rate))).astype("<i2")
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(np.stack([sound, sound], axis=1).tobytes())
    file = MediaFile(path)
    assert (file.has_video, file.fps, file.channels, file.duration_s) == (False, 0, 2, 1)
    blocks = list(file.sound())
    assert [block.media_ms for block in blocks[:3]] == [0, 40, 80]
    heard = np.concatenate([block.samples for block in blocks], axis=1)
    assert heard.dtype == np.float32
    assert heard.shape == (2, pytest.approx(48_000, abs=50))
    assert np.argmax(np.abs(np.fft.rfft(heard[0]))) == pytest.approx(440, abs=1)
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.25 / np.sqrt(2), rel=0.02)


def test_mp4_with_sound(tmp_path: Path) -> None:
    parts = list(MediaFile(make(tmp_path / "clip.mkv", rate=44_100)))
    assert {type(part) for part in parts} == {VideoFrame, AudioBlock}


@pytest.mark.parametrize("name", vectors.ALL)
def test_what_a_browser_recorded(name: str) -> None:
    file = MediaFile(vectors.path(name))
    assert file.has_video == (name != "opus")
    assert file.has_audio == (name != "vp8-canvas")
    assert len(list(file)) > 80


@pytest.mark.process
def test_pictures_that_were_taken_sideways_are_turned(tmp_path: Path) -> None:
    plain, level, turned = make(tmp_path / "plain.mkv"), tmp_path / "level.mp4", tmp_path / "turned.mp4"
    ffmpeg = ["ffmpeg", "-v", "error", "-i"]
    subprocess.run([*ffmpeg, plain, "-c:v", "mpeg4", level], check=True)
    subprocess.run([*ffmpeg, level, "-c", "copy", "-metadata:s:v", "rotate=90", turned], check=True)
    raw = ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]  # ffmpeg turns it itself
    shown = subprocess.run([*ffmpeg, turned, *raw], check=True, capture_output=True).stdout
    picture = next(MediaFile(turned).pictures())
    assert (picture.width, picture.height) == (240, 320)
    upright = np.frombuffer(shown, np.uint8).reshape(320, 240, 3)
    assert np.abs(upright.astype(int) - picture.rgb).mean() < 3


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("notes.txt", b"no media at all, only words\n" * 50, "notes.txt is text, no media: choose a video or"),
        ("empty.webm", b"", "empty.webm cannot be read as media"),
        ("missing.webm", None, "There is no file .*missing.webm: look at"),
    ],
)
def test_a_file_that_is_no_media(tmp_path: Path, name: str, content: bytes | None, sentence: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=sentence) as caught:
        MediaFile(path)
    assert caught.value.code == "bad-file"


def test_a_folder_is_no_media(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be read as media"):
        MediaFile(tmp_path)
