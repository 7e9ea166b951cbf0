from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import av
import pytest

from relay_widget.recording.export import export
from relay_widget.recording.format import Ended

from .media import browser_objects, browser_track, packets, vector
from .records import START_MS, opening, write

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.parametrize("name", ["vp8-opus", "vp9-opus", "vp8-canvas", "opus"])
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
