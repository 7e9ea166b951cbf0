from __future__ import annotations

import subprocess
import wave
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import av
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


def sound_file(path: Path, pieces: list[tuple[float, int, str]], *, seconds: float = 0.5) -> Path:
    """Sound in PCM: pieces that begin at a time (in s), each of a rate and a layout, all as loud."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=pieces[0][1], layout=pieces[0][2])
        stream.time_base = Fraction(1, 1000)
        for at_s, rate, layout in pieces:
            samples = np.full((1, int(rate * seconds) * (2 if layout == "stereo" else 1)), 0.25, np.float32)
            packet = av.Packet(samples.tobytes())
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = round(at_s * 1000)
            container.mux(packet)
    return path


def loud_ms(blocks: list[AudioBlock]) -> list[tuple[int, int]]:
    """From when to when there is sound, in ms; blocks are where they say they are, one after the other."""
    for before, block in pairwise(blocks):
        assert block.media_ms == pytest.approx(before.media_ms + before.duration_ms)
    samples = np.concatenate([block.samples[0] for block in blocks])
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.abs(samples) > 0.1, [0]]).astype(int)))
    return [(round(begin / 48), round(end / 48)) for begin, end in edges.reshape(-1, 2)]


@pytest.mark.parametrize("pause_s", [0.05, 3.0, 40.0])
def test_a_pause_in_the_sound_stays_a_pause(tmp_path: Path, pause_s: float) -> None:
    path = sound_file(tmp_path / "a.mka", [(0, 48_000, "mono"), (0.5 + pause_s, 48_000, "mono")])
    [first, second] = loud_ms(list(MediaFile(path).sound()))
    assert first == pytest.approx((0, 500), abs=1)
    assert second == pytest.approx((500 + 1000 * pause_s, 1000 + 1000 * pause_s), abs=1)


def test_times_that_are_only_rounded_are_no_pauses(tmp_path: Path) -> None:
    starts = [0.5 * number + 0.02 * (number % 2) for number in range(8)]
    path = sound_file(tmp_path / "a.mka", [(start, 44_100, "mono") for start in starts])
    [(begin, end)] = loud_ms(list(MediaFile(path).sound()))
    assert (begin, end) == pytest.approx((0, 4000), abs=2)


def test_sound_that_overlaps_is_heard_once(tmp_path: Path) -> None:
    path = sound_file(tmp_path / "a.mka", [(0, 48_000, "mono"), (0.3, 48_000, "mono"), (1.5, 48_000, "mono")])
    assert loud_ms(list(MediaFile(path).sound())) == [(0, 800), (1500, 2000)]


def test_a_time_that_cannot_be_is_not_used(tmp_path: Path) -> None:
    path = sound_file(tmp_path / "a.mka", [(0, 48_000, "mono"), (400_000, 48_000, "mono")])
    assert loud_ms(list(MediaFile(path).sound())) == [(0, 1000)]


@pytest.mark.process
def test_a_time_line_that_begins_anew_goes_on(tmp_path: Path) -> None:
    one, twice = tmp_path / "one.opus", tmp_path / "twice.opus"
    tone = ["-f", "lavfi", "-i", "aevalsrc=exprs='0.4*sin(2*PI*440*t)*lt(t,0.5)':s=48000:d=1".replace(",", "\\,")]
    subprocess.run(["ffmpeg", "-v", "error", *tone, "-c:a", "libopus", one], check=True)
    twice.write_bytes(one.read_bytes() * 2)
    blocks = list(MediaFile(twice).sound())
    assert blocks[-1].media_ms + blocks[-1].duration_ms == pytest.approx(2000, abs=40)
    loud = [block.media_ms for block in blocks if np.abs(block.samples).max() > 0.2]
    assert sum(500 < at < 1000 for at in loud) <= 2
    assert sum(1000 < at < 1500 for at in loud) >= 11


def test_what_cannot_be_decoded_is_left_out_and_counted(tmp_path: Path) -> None:
    whole = make(tmp_path / "a.webm", rate=48_000)
    with av.open(str(whole)) as source, av.open(str(tmp_path / "b.mkv"), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for number, packet in enumerate(source.demux()):
            if packet.dts is None:
                continue
            data = b"" if number == 9 else b"\xff" * 40 if 10 <= number < 16 else bytes(packet)
            broken = av.Packet(data)
            broken.pts, broken.dts, broken.time_base = packet.pts, packet.dts, packet.time_base
            broken.is_keyframe, broken.stream = packet.is_keyframe, streams[packet.stream_index]
            target.mux(broken)
    whole_file, file = MediaFile(whole), MediaFile(tmp_path / "b.mkv")
    parts, whole_parts = list(file), list(whole_file)
    assert 1 <= file.left_out <= 6
    assert whole_file.left_out == 0
    last_ms, whole_last_ms = (max(part.media_ms for part in found) for found in (parts, whole_parts))
    assert last_ms == pytest.approx(whole_last_ms, abs=45)


def test_a_file_of_which_nothing_can_be_decoded_is_a_sentence(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as target:
        stream = target.add_stream("libvpx", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(10):
            packet = av.Packet(b"\xff" * 50)
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = number * 33
            target.mux(packet)
    with pytest.raises(MediaError, match=r"The pictures of a.mkv \(vp8\) cannot be decoded: convert it"):
        list(MediaFile(tmp_path / "a.mkv"))


@pytest.mark.parametrize("channels", [3, 9, 64])
def test_channels_that_ffmpeg_does_not_mix_are_mixed(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(44_100)
        writer.writeframes(np.full(channels * 22_050, 8192, "<i2").tobytes())
    file = MediaFile(path)
    assert loud_ms(list(file.sound())) == [pytest.approx((0, 500), abs=1)]
    assert (file.channels, file.left_out) == (2, 0)
