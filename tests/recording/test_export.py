from __future__ import annotations

import json
import resource
import subprocess
from array import array
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from relay_widget.errors import InvalidValueError, RecordingError
from relay_widget.media.encode import AudioEncoder, VideoEncoder
from relay_widget.protocol import parse_publish
from relay_widget.recording.export import _jobs, export
from relay_widget.recording.file import RecordedPeer, RecordedTrack
from relay_widget.recording.format import Ended, PeerJoined, TrackPublished

from .media import browser_objects, browser_track, packets, received_from, vector
from .records import START_MS, opening, write

if TYPE_CHECKING:
    from pathlib import Path

    from relay_widget.media.webm import MediaObject
    from relay_widget.recording.export import Layout
    from relay_widget.recording.format import Record


def probe(path: Path) -> dict[str, Any]:
    """What ffprobe says of a file; that ffmpeg decodes all of it without a word."""
    decoded = subprocess.run(
        ["ffmpeg", "-v", "warning", "-xerror", "-i", str(path), "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (decoded.returncode, decoded.stderr) == (0, "")
    found = subprocess.run(
        ["ffprobe", "-v", "warning", "-show_streams", "-show_format", "-count_packets", "-of", "json", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stderr == ""
    facts: dict[str, Any] = json.loads(found.stdout)
    return facts


def kinds(facts: dict[str, Any]) -> dict[str, str]:
    return {stream["codec_type"]: stream["codec_name"] for stream in facts["streams"]}


def test_thousands_of_one_long_name_have_files_of_their_own(tmp_path: Path) -> None:
    track = parse_publish({"track": "camera", "mimeType": "video/webm", "audio": False})
    peers = []
    for number in range(3000):
        one = RecordedTrack(f"p{number}", track, 0.0, array("Q", [1]))
        peers.append(RecordedPeer(f"p{number}", "日本語の名前" * 10, {"camera": one}))
    names = [job.out.name for job in _jobs(tmp_path / ("長" * 60 + ".webm"), peers, named=True)]
    assert len(set(names)) == 3000
    assert max(len(f".{one}.part".encode()) for one in names) <= 255


@pytest.mark.process
@pytest.mark.parametrize("name", ["vp8-opus", "vp9-opus", "opus"])  # a canvas in VP8 is encoded again, for its colours
def test_a_copy_has_the_very_packets_that_arrived(name: str, tmp_path: Path) -> None:
    path = write(
        tmp_path / "talk.relay", [*opening(browser_track(name)), *browser_objects(name), Ended(START_MS + 3300)]
    )
    [made] = export(path, tmp_path / "talk.webm")
    assert made.path == tmp_path / "talk-Ada.webm"
    assert made.peers == ("Ada",)
    found = kinds(probe(made.path))
    for kind in found:
        assert packets(made.path, kind) == packets(vector(name), kind)
    with av.open(str(vector(name))) as before, av.open(str(made.path)) as after:
        assert found == {stream.type: stream.codec_context.name for stream in before.streams}
        times = [[(p.stream.type, p.pts, p.is_keyframe) for p in file.demux() if p.size] for file in (before, after)]
    least = min(pts for _, pts, _ in times[0] if pts is not None)
    assert sorted((kind, pts - least, key) for kind, pts, key in times[0] if pts is not None) == sorted(times[1])


@pytest.mark.process
@pytest.mark.parametrize("name", ["vp8-opus", "h264-opus", "opus"])
def test_an_mp4_plays_everywhere(name: str, tmp_path: Path) -> None:
    path = write(
        tmp_path / "talk.relay", [*opening(browser_track(name)), *browser_objects(name), Ended(START_MS + 3300)]
    )
    [made] = export(path, tmp_path / "ada.mp4", peer="Ada")
    assert made.path == tmp_path / "ada.mp4"
    facts = probe(made.path)
    expected = {"audio": "aac"} if name == "opus" else {"video": "h264", "audio": "aac"}
    assert kinds(facts) == expected
    assert float(facts["format"]["duration"]) == pytest.approx(3.3, abs=0.3)
    if "video" in expected:
        assert sum(1 for _ in av.open(str(made.path)).decode(video=0)) == len(packets(vector(name), "video"))


FLASH_MS = 1500.0
"""When the picture turns white and the tone begins, after the recording's start."""


def made_here(*, resized_at_ms: float = 1e9, lost: frozenset[int] = frozenset()) -> list[Record]:
    """A picture that turns white, and a sound that begins, at one time: two tracks, two epochs' zeros, two rates."""
    video, audio = VideoEncoder(fps=25, key_every_s=0.4), AudioEncoder(channels=1)
    pictures: list[MediaObject] = []
    for number in range(75):
        at_ms = 40.0 * number
        size = (120, 160) if at_ms >= resized_at_ms else (240, 320)
        picture = np.full((*size, 3), 255 if at_ms >= FLASH_MS else 0, np.uint8)
        pictures += video.encode(picture, START_MS + at_ms)
    pictures = [item for item in pictures if item.header.group not in lost or item.header.type == "init"]
    sounds: list[MediaObject] = []
    for number in range(130):
        at_ms = 300 + 20.0 * number  # the sound's epoch begins later
        times = (at_ms + np.arange(960) / 48) / 1000
        tone = np.where(times * 1000 >= FLASH_MS, 0.5 * np.sin(2 * np.pi * 440 * times), 0).astype(np.float32)
        sounds += audio.encode(tone[None, :], START_MS + at_ms)
    media = [*received_from("ada", pictures), *received_from("ada", sounds, delay_ms=90.0)]
    return [
        *opening(video.track, audio.track),
        *sorted(media, key=lambda record: record.at_ms),
        Ended(START_MS + 3200),
    ]


def flash_and_beep_ms(path: Path) -> tuple[float, float]:
    with av.open(str(path)) as file:
        flash_ms = next(
            frame.time * 1000 for frame in file.decode(video=0) if frame.to_ndarray(format="gray").max() > 200
        )
    with av.open(str(path)) as file:
        for frame in file.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()).max(axis=0) > 0.1)
            if loud.size:
                return flash_ms, (frame.time + loud[0] / frame.sample_rate) * 1000
    raise AssertionError("there is no sound")


@pytest.mark.process
@pytest.mark.parametrize(
    ("out", "layout"), [("a.webm", "peers"), ("a.mp4", "peers"), ("a.webm", "grid"), ("a.mp4", "grid")]
)
def test_picture_and_sound_are_in_step(out: str, layout: Layout, tmp_path: Path) -> None:
    path = write(tmp_path / "talk.relay", made_here())
    [made] = export(path, tmp_path / out, layout=layout)
    probe(made.path)
    flash_ms, beep_ms = flash_and_beep_ms(made.path)
    assert abs(flash_ms - beep_ms) <= 40
    assert flash_ms == pytest.approx(FLASH_MS + 20, abs=40)


@pytest.mark.process
@pytest.mark.parametrize("out", ["a.webm", "a.mp4"])
def test_lost_groups_and_another_size_change_no_time(out: str, tmp_path: Path) -> None:
    path = write(tmp_path / "talk.relay", made_here(resized_at_ms=2000, lost=frozenset({2})))
    [made] = export(path, tmp_path / out)
    probe(made.path)
    flash_ms, beep_ms = flash_and_beep_ms(made.path)
    assert abs(flash_ms - beep_ms) <= 40


@pytest.mark.process
def test_a_grid_has_everybody_from_when_they_came(tmp_path: Path) -> None:
    def peer(name: str, value: int, from_ms: float) -> list[Record]:
        encoder = VideoEncoder(fps=25)
        picture = np.full((240, 320, 3), value, np.uint8)
        objects = [item for number in range(25) for item in encoder.encode(picture, START_MS + from_ms + 40 * number)]
        joined_ms = START_MS + from_ms
        return [
            PeerJoined(joined_ms, name, name),
            TrackPublished(joined_ms, name, encoder.track),
            *received_from(name, objects),
        ]

    records = [*opening()[:1], *peer("Ada", 250, 0), *peer("Bob", 120, 1000)]
    path = write(tmp_path / "talk.relay", sorted(records, key=lambda record: record.at_ms))
    [made] = export(path, tmp_path / "grid.mp4", layout="grid")
    assert made.peers == ("Ada", "Bob")
    assert kinds(probe(made.path)) == {"video": "h264"}
    with av.open(str(made.path)) as file:
        pictures = [frame.to_ndarray(format="gray") for frame in file.decode(video=0)]
    assert pictures[0].shape == (720, 1280)
    middles = [(int(picture[360, 320]), int(picture[360, 960])) for picture in (pictures[5], pictures[-1])]
    assert middles[0] == pytest.approx((250, 0), abs=12)
    assert middles[1] == pytest.approx((250, 120), abs=12)


def test_an_interrupted_or_failed_export_leaves_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.relay", made_here())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))
    try:
        with pytest.raises(RecordingError) as caught:
            export(path, tmp_path / "a.webm")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.code == "disk-full"
    assert [one.name for one in tmp_path.iterdir()] == ["talk.relay"]


def test_what_takes_long_shows_how_far_it_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("relay_widget.recording.export.PROGRESS_AFTER_S", 0)
    path = write(tmp_path / "talk.relay", made_here())
    export(path, tmp_path / "talk.webm")
    shown = capsys.readouterr().err
    assert "talk.webm: 100%" in shown.split("\r")[-1]
    export(path, tmp_path / "talk.webm", overwrite=True, progress=False)
    assert capsys.readouterr().err == ""


def test_what_cannot_be_exported_is_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "h264.relay", [*opening(browser_track("h264-opus")), *browser_objects("h264-opus")])
    (tmp_path / "there-Ada.mp4").write_bytes(b"precious")
    for recording, out, peer, code in (
        (path, "a.webm", None, "cannot-copy"),
        (path, "a.mp4", "Eve", "unknown-peer"),
        (path, "there.mp4", None, "file-exists"),
        (write(tmp_path / "silent.relay", opening()), "a.webm", None, "no-media"),
    ):
        with pytest.raises(RecordingError) as caught:
            export(recording, tmp_path / out, peer=peer)
        assert caught.value.code == code
    for arguments in ({"out": "a.avi"}, {"out": "a.mp4", "layout": "stack"}):
        with pytest.raises(InvalidValueError):
            export(path, **arguments)  # type: ignore[arg-type]
