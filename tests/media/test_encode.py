from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from relay_widget.errors import InvalidValueError, WireError
from relay_widget.media.decode import TrackDecoder
from relay_widget.media.encode import AudioEncoder, VideoEncoder
from relay_widget.media.frame import AudioBlock, VideoFrame
from relay_widget.media.pattern import Pattern
from relay_widget.protocol import parse_header

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from relay_widget.media.webm import MediaObject

START_MS = 1_795_415_497_000.0


def picture(width: int = 64, height: int = 48) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((height, width, 3), (200, 100, 50), np.uint8)


def decoded(encoder: VideoEncoder | AudioEncoder, objects: Iterable[MediaObject]) -> list[Any]:
    decoder = TrackDecoder(encoder.track)
    return [part for header, data in objects for part in decoder.decode(header, data)]


def labels(objects: Iterable[MediaObject]) -> list[tuple[int, int, int, str]]:
    return [(header.epoch, header.group, header.object, header.type) for header, _ in objects]


def test_each_picture_is_an_object_at_once() -> None:
    encoder = VideoEncoder("camera", fps=30)
    decoder = TrackDecoder(encoder.track)
    pattern = Pattern(320, 240)
    for number in range(70):
        objects = encoder.encode(pattern.picture(number), START_MS + number * 1000 / 30)
        assert [header.type for header, _ in objects][-1] == ("key" if number in (0, 60) else "delta")
        assert len(objects) == (2 if number == 0 else 1)
        (frame,) = [part for header, data in objects for part in decoder.decode(header, data)]
        assert isinstance(frame, VideoFrame)
        assert frame.media_ms == round(number * 1000 / 30)
        assert frame.captured_ms == pytest.approx(START_MS + number * 1000 / 30, abs=0.01)
        assert np.mean(np.abs(frame.rgb.astype(int) - pattern.picture(number))) < 4
        for header, _ in objects:
            assert header.track == "camera"
            assert parse_header(header.as_json()) == header


def test_the_same_pictures_give_the_same_bytes() -> None:
    def run() -> list[MediaObject]:
        encoder, pattern = VideoEncoder(fps=30), Pattern(320, 240, seed=5)
        return [one for number in range(20) for one in encoder.encode(pattern.picture(number), number * 33.0)]

    assert run() == run()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 5), (641, 481), (16, 2), (1001, 7)])
def test_any_size(width: int, height: int) -> None:
    encoder = VideoEncoder(fps=30)
    (frame,) = decoded(encoder, encoder.encode(picture(width, height), START_MS))
    assert frame.rgb.shape == (height, width, 3)
    assert np.abs(frame.rgb.astype(int) - (200, 100, 50)).mean() < 8


def test_another_size_is_a_new_epoch() -> None:
    encoder = VideoEncoder(fps=30, epoch=7)
    objects = [
        *encoder.encode(picture(), START_MS),
        *encoder.encode(picture(), START_MS + 33),
        *encoder.encode(picture(66, 48), START_MS + 67),
        *encoder.encode(picture(66, 48), START_MS + 100),
    ]
    assert labels(objects) == [
        (7, 0, 0, "init"),
        (7, 1, 0, "key"),
        (7, 1, 1, "delta"),
        (8, 0, 0, "init"),
        (8, 1, 0, "key"),
        (8, 1, 1, "delta"),
    ]
    frames = decoded(encoder, objects)
    assert [(frame.epoch, frame.width, frame.media_ms) for frame in frames] == [
        (7, 64, 0),
        (7, 64, 33),
        (8, 66, 0),
        (8, 66, 33),
    ]
    assert [frame.captured_ms - START_MS for frame in frames] == [0, 33, 67, 100]


def test_times_that_stand_still_go_on_and_times_that_run_back_begin_anew() -> None:
    encoder = VideoEncoder(fps=30)
    for at_ms in (0.0, 0.0, -50.0):
        objects = encoder.encode(picture(), START_MS + at_ms)
    assert labels(objects) == [(1, 1, 2, "delta")]
    assert objects[0].header.media_ms == 2
    assert labels(encoder.encode(picture(), START_MS - 5000)) == [(2, 0, 0, "init"), (2, 1, 0, "key")]


def test_a_time_line_of_its_own() -> None:
    encoder = VideoEncoder(fps=25)
    encoder.encode(picture(), START_MS, media_ms=400)
    (one,) = encoder.encode(picture(), START_MS + 3, media_ms=440)
    assert (one.header.media_ms, one.header.captured_ms) == (40, START_MS + 3)


def test_a_long_pause_begins_a_group() -> None:
    encoder = VideoEncoder(fps=1, key_every_s=30)
    objects = [one for at_s in (0, 29, 1000, 1001) for one in encoder.encode(picture(), START_MS + at_s * 1000)]
    assert [kind for *_, kind in labels(objects)] == ["init", "key", "delta", "key", "delta"]
    assert [frame.media_ms for frame in decoded(encoder, objects)] == [0, 29_000, 1_000_000, 1_001_000]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (np.zeros((48, 64, 4), np.uint8), r"not uint8 of shape \(48, 64, 4\): use `picture\[:, :, :3\]`\."),
        (np.zeros((48, 64, 3), np.float32), "not float32 .* with values from 0 to 0: use"),
        (np.zeros((2, 48, 64, 3), np.uint8), r"these are 2 pictures, of which `picture\[0\]` is the first"),
        ([[[1, 2, 3]]], r"not list \(int64 .*: use `np.asarray\(picture\)"),
        (np.zeros((0, 64, 3), np.uint8), "A picture of 64x0 cannot be sent"),
        (np.zeros((1, 20_000, 3), np.uint8), "A picture of 20000x1 cannot be sent"),
    ],
)
def test_what_is_no_picture_is_refused_and_harms_nothing(wrong: Any, sentence: str) -> None:
    encoder = VideoEncoder(fps=30)
    encoder.encode(picture(), START_MS)
    with pytest.raises(InvalidValueError, match=sentence) as caught:
        encoder.encode(wrong, START_MS + 33)
    assert caught.value.code == "bad-picture"
    assert labels(encoder.encode(picture(), START_MS + 67)) == [(1, 1, 1, "delta")]


def test_a_picture_that_becomes_too_large_is_refused_and_the_next_begins_anew() -> None:
    encoder = VideoEncoder(fps=30, bitrate_kbps=100_000)
    noise = np.random.default_rng(0).integers(0, 256, (2304, 4096, 3), dtype=np.uint8)
    with pytest.raises(InvalidValueError, match="publish smaller pictures") as caught:
        encoder.encode(noise, START_MS)
    assert caught.value.code == "picture-too-large"
    objects = encoder.encode(picture(), START_MS + 33)
    assert [kind for *_, kind in labels(objects)] == ["init", "key"]
    assert len(decoded(encoder, objects)) == 1


def test_a_view_is_a_picture() -> None:
    encoder = VideoEncoder(fps=30)
    (frame,) = decoded(encoder, encoder.encode(picture()[::-1, ::2], START_MS))
    assert (frame.width, frame.height) == (32, 48)


@pytest.mark.parametrize("settings", [{"fps": 0}, {"fps": "30"}, {"fps": 30, "key_every_s": 60}, {"fps": float("nan")}])
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError, match="must be a number from"):
        VideoEncoder(**settings)
    with pytest.raises(WireError, match="track must be"):
        VideoEncoder("no spaces", fps=30)
    with pytest.raises(InvalidValueError, match="captured_ms must be a finite number"):
        VideoEncoder(fps=30).encode(picture(), float("nan"))


def tone(seconds: float, rate: int = 48_000, channels: int = 1) -> np.ndarray[Any, np.dtype[np.float32]]:
    wave = 0.25 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return np.stack([wave, 0 * wave][:channels]).astype(np.float32)


@pytest.mark.parametrize("rate", [48_000, 44_100, 8000])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_comes_in_blocks(rate: int, channels: int) -> None:
    encoder = AudioEncoder(sample_rate=rate, channels=channels)
    samples = tone(2.5, rate, channels)
    step = rate // 50
    objects = [
        one
        for first in range(0, samples.shape[1], step)
        for one in encoder.encode(samples[:, first : first + step], START_MS + first * 1000 / rate)
    ]
    assert labels(objects)[:3] == [(1, 0, 0, "init"), (1, 1, 0, "key"), (1, 1, 1, "delta")]
    assert [header.group for header, _ in objects if header.type == "key"] == [1, 2, 3]
    assert [header.media_ms for header, _ in objects[1:]] == [40 * index for index in range(len(objects) - 1)]
    blocks: list[AudioBlock] = decoded(encoder, objects)
    assert len(blocks) in (61, 62)
    for block in blocks[2:]:
        assert block.captured_ms == pytest.approx(START_MS + block.media_ms, abs=2)
    heard = np.concatenate([block.samples for block in blocks], axis=1)[:, 4800:]
    assert heard.dtype == np.float32
    assert np.sqrt(np.mean(heard[0] ** 2)) == pytest.approx(0.25 / np.sqrt(2), rel=0.05)
    assert np.argmax(np.abs(np.fft.rfft(heard[0][:48_000]))) == 440
    if channels == 2:
        assert np.abs(heard[1]).max() < 0.01
    assert objects[5].header.level == pytest.approx(4 * 0.25 / np.sqrt(2 * channels), abs=0.02)


def test_silence_has_no_level() -> None:
    assert AudioEncoder().encode(np.zeros((1, 1920), np.float32), START_MS)[1].header.level == 0


def test_a_gap_in_the_sound_is_a_new_epoch_and_jitter_is_none() -> None:
    encoder = AudioEncoder()
    labelled = [
        *labels(encoder.encode(tone(0.04), START_MS)),
        *labels(encoder.encode(tone(0.04), START_MS + 90)),
        *labels(encoder.encode(tone(0.04), START_MS + 500)),
    ]
    assert labelled == [(1, 0, 0, "init"), (1, 1, 0, "key"), (1, 1, 1, "delta"), (2, 0, 0, "init"), (2, 1, 0, "key")]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (np.full((1, 10), np.nan, np.float32), r"no numbers \(NaN or infinity\)"),
        (np.full((1, 10), np.inf, np.float32), r"no numbers \(NaN or infinity\)"),
        (np.zeros((1, 10), np.int16), r"not int16 .*: use `\(samples.astype\(np.float32\) / 32768\)`"),
        (np.zeros((2, 10), np.float32), r"shape \(1, n\) .* of shape \(2, 10\): use `samples.mean"),
        ([0.0], "not list"),
    ],
)
def test_what_is_no_sound_is_refused_and_harms_nothing(wrong: Any, sentence: str) -> None:
    encoder = AudioEncoder()
    encoder.encode(tone(0.04), START_MS)
    with pytest.raises(InvalidValueError, match=sentence) as caught:
        encoder.encode(wrong, START_MS + 40)
    assert caught.value.code == "bad-sound"
    assert labels(encoder.encode(tone(0.04), START_MS + 40)) == [(1, 1, 1, "delta")]


def test_more_channels_than_opus_takes_here() -> None:
    with pytest.raises(InvalidValueError, match="channels must be 1"):
        AudioEncoder(channels=6)


@pytest.mark.process
def test_ffprobe_finds_no_error(tmp_path: Path) -> None:
    video, audio = VideoEncoder(fps=25), AudioEncoder(channels=2)
    pictures = [one for number in range(60) for one in video.encode(picture(321, 241), START_MS + number * 40)]
    sounds = audio.encode(tone(2, channels=2), START_MS)
    for name, objects, codec, count in (("video", pictures, "vp8", 60), ("audio", sounds, "opus", 50)):
        path = tmp_path / f"{name}.webm"
        path.write_bytes(b"".join(one.data for one in objects))
        command = ["ffprobe", "-v", "warning", "-count_packets", "-show_streams", "-of", "json", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        (stream,) = json.loads(done.stdout)["streams"]
        assert (stream["codec_name"], int(stream["nb_read_packets"])) == (codec, count)
        assert done.stderr == ""
