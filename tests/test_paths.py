"""A path is a path: colons, homes, marks and folders of now; and files of two names never take each other's place."""

from __future__ import annotations

import argparse
import os
import unicodedata
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from relay_widget import InvalidValueError, Peer, Recorder, open_recording
from relay_widget.cli import _path
from relay_widget.media.encode import VideoEncoder
from relay_widget.media.files import MediaFile
from relay_widget.paths import as_path
from relay_widget.recording.export import MAX_WORD_BYTES, _word, export
from relay_widget.recording.format import Ended, PeerJoined, PeerRenamed, TrackPublished
from relay_widget.recording.replay import replay

from .media.clips import make
from .recording.media import received_from
from .recording.records import START_MS, opening, write

NAMES = [
    "2026-11-30T10:30",
    "http:talk",
    "concat:a",
    "file:talk",
    "C:talk",
    "100%",
    "shot-%03d",
    "*",
    "what?",
    "#1",
    "it's",
    'a "quoted" one',
    "-i",
    "~draft",
    "two  spaces ",
    "an\nother line",
    "caf\u00e9",
    "cafe\u0301",
    "会議",
    "\udce9t\udce9",  # of a system with Latin-1
    "a|b",
]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("clips")
    picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
    picture.to_image().save(folder / "clip.png")  # type: ignore[no-untyped-call]
    return {
        ".webm": make(folder / "clip.webm", size=(96, 64), seconds=0.1).read_bytes(),
        ".png": (folder / "clip.png").read_bytes(),
    }


@pytest.mark.parametrize("ending", [".webm", ".png"])
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_whatever_a_file_is_called_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clips: dict[str, bytes], name: str, ending: str
) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path(name + ending).write_bytes(clips[ending])
    for given in (name + ending, Path(name + ending), folder / (name + ending), os.fsencode(name + ending)):
        file = MediaFile(given)  # type: ignore[arg-type]
        monkeypatch.chdir(tmp_path)
        assert len(list(file)) == (3 if ending == ".webm" else 1)
        monkeypatch.chdir(folder)


def talk() -> list[Any]:
    """Everybody sends pictures of a grey of their own."""
    names = ["Ada", "ada", "ADA", "cafe\u0301", "caf\u00e9", "Caf\u00c9", "Ada Lovelace", "Ada_Lovelace"]
    names += ["हिन्दी", "हन्दी", "😀"]
    records: list[Any] = [*opening()[:1]]
    for number, name in enumerate(names):
        encoder = VideoEncoder(fps=25)
        grey = np.full((48, 64, 3), 20 * number, np.uint8)
        objects = [item for at_ms in (0, 40) for item in encoder.encode(grey, START_MS + at_ms)]
        records += [PeerJoined(START_MS, f"p{number}", name), TrackPublished(START_MS, f"p{number}", encoder.track)]
        records += received_from(f"p{number}", objects)
    return [*records, Ended(START_MS + 1000)]


def test_files_of_names_that_differ_in_case_or_form_never_replace_each_other(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.relay", talk())
    made = export(path, tmp_path / "talk.webm", overwrite=True, progress=False)
    found = [one.path.name for one in made]
    assert found[:3] == ["talk-Ada.webm", "talk-ada-2.webm", "talk-ADA-3.webm"]
    assert found[3:6] == ["talk-caf\u00e9.webm", "talk-caf\u00e9-2.webm", "talk-Caf\u00c9-3.webm"]
    assert found[6:] == [
        "talk-Ada_Lovelace.webm",
        "talk-Ada_Lovelace-2.webm",
        "talk-हिन्दी.webm",
        "talk-हन्दी.webm",
        "talk-peer.webm",
    ]
    for form in ("NFC", "NFD", "NFKC"):
        assert len({unicodedata.normalize(form, name).casefold() for name in found}) == len(made)
    for number, one in enumerate(made):
        frame = next(MediaFile(one.path).pictures())
        assert frame.rgb.mean() == pytest.approx(20 * number, abs=6)


def test_the_longest_names_have_files(tmp_path: Path) -> None:
    encoder = VideoEncoder("v" * 64, fps=25)
    objects = encoder.encode(np.zeros((48, 64, 3), np.uint8), START_MS)
    records = [*opening(encoder.track), PeerRenamed(START_MS, "ada", "漢" * 64), *received_from("ada", objects)]
    [made] = export(write(tmp_path / "talk.relay", records), tmp_path / "talk.webm", progress=False)
    assert made.path.exists()
    assert len(_word("漢" * 64).encode()) <= MAX_WORD_BYTES


@pytest.mark.parametrize("name", ["2026-11-30T10:30.webm", "50%d.mp4", "TALK.WEBM", "talk.Mp4"])
def test_a_file_of_any_name_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("a:b.relay"), talk())
    [made] = export("a:b.relay", name, peer="Ada Lovelace", progress=False)
    assert [one.name for one in tmp_path.iterdir() if one.name != "a:b.relay"] == [name]
    assert list(MediaFile(made.path))


def test_a_peer_of_a_recording_is_found_however_its_name_is_typed(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.relay", [PeerJoined(START_MS, "p1", "cafe\u0301"), Ended(START_MS)])
    assert open_recording(path).find("caf\u00e9\u200b").id == "p1"


def test_home_is_home_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clips: dict[str, bytes]) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "clip.webm").write_bytes(clips[".webm"])
    write(tmp_path / "talk.relay", talk())
    assert MediaFile("~/clip.webm").path == tmp_path / "clip.webm"
    assert open_recording("~/talk.relay").path == tmp_path / "talk.relay"
    assert export("~/talk.relay", "~/a.webm", peer="ADA", progress=False)[0].path == tmp_path / "a.webm"
    assert Recorder("lab", "~/new.relay", url="http://127.0.0.1:9").path == tmp_path / "new.relay"
    assert _path("~/key.pem") == tmp_path / "key.pem"
    assert as_path("~nobody-is-called-so.mp4") == Path("~nobody-is-called-so.mp4")


@pytest.mark.parametrize("wrong", [5, None, "", "  ", "a\0b", ["a"], b""])
def test_what_is_no_path_is_one_sentence(wrong: Any) -> None:
    for use in (
        MediaFile,
        open_recording,
        replay,
        lambda path: export(path, "a.webm"),
        lambda path: export("a.relay", path),
        lambda path: Recorder("lab", path, url="http://127.0.0.1:9"),
        Peer("lab", url="http://127.0.0.1:9").publish_file,
    ):
        with pytest.raises(InvalidValueError, match="path") as refused:
            use(wrong)
        assert refused.value.code == "bad-path"
    if isinstance(wrong, str):
        with pytest.raises(argparse.ArgumentTypeError, match="path"):
            _path(wrong)
