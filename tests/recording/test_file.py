from __future__ import annotations

import contextlib
import resource
import subprocess
from typing import TYPE_CHECKING

import pytest

from relay_widget.errors import RecordingError
from relay_widget.recording.file import RecordingWriter, open_recording
from relay_widget.recording.format import (
    Ended,
    ObjectReceived,
    PeerJoined,
    PeerLeft,
    PeerRenamed,
    Record,
    TrackPublished,
    TrackUnpublished,
    encode_head,
)

from .records import CAMERA, SOUND, START_MS, opening, received, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT_BYTES = 20_000


def labels(objects: Iterator[ObjectReceived]) -> list[str]:
    return [item.data.decode() for item in objects]


def recorded(tmp_path: Path, *records: Record) -> list[str]:
    """The objects of Ada's camera that can be used, of these that were recorded."""
    path = write(tmp_path / "talk.relay", [*opening(), *records])
    return labels(open_recording(path).objects("ada", "video"))


def test_it_says_who_was_there(tmp_path: Path) -> None:
    path = write(
        tmp_path / "talk.relay",
        [
            *opening(CAMERA, SOUND),
            PeerJoined(START_MS + 500, "bob", "Bob"),
            received("init"),
            received("key"),
            PeerRenamed(START_MS + 700, "bob", "Robert"),
            PeerLeft(START_MS + 1000, "bob"),
            Ended(START_MS + 1500),
        ],
    )
    call = open_recording(path)
    assert (call.room, call.started_ms, call.duration_s) == ("lab", START_MS, 1.5)
    assert (call.complete, call.lost_bytes) == (True, 0)
    assert [peer.name for peer in call.peers.values()] == ["Ada", "Robert"]
    assert call.find("Ada") is call.find("ada") is call.peers["ada"]
    assert {name: len(track.offsets) for name, track in call.peers["ada"].tracks.items()} == {"video": 2, "audio": 0}
    assert repr(call) == "<RecordedCall 'talk.relay' of room 'lab': 1.5 s, Ada (video, audio), Robert>"
    with pytest.raises(RecordingError, match=r"Carol is not in .*, which has Ada, Robert") as caught:
        call.find("Carol")
    assert caught.value.code == "unknown-peer"


def test_one_that_was_cut_off_opens(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.relay", [*opening(), received("init"), received("key"), Ended(START_MS)])
    data = path.read_bytes()
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        call = open_recording(path)
        assert not call.complete
        assert call.lost_bytes <= cut
        for peer in call.peers.values():
            for track in peer.tracks:
                assert labels(call.objects(peer.id, track)) in ([], ["init 1 0 0"], ["init 1 0 0", "key 1 1 0"])
    path.write_bytes(data + b"garbage")
    call = open_recording(path)
    assert (call.complete, call.lost_bytes) == (True, 7)


def test_an_empty_file_is_an_empty_recording(tmp_path: Path) -> None:
    path = tmp_path / "empty.relay"
    path.write_bytes(b"")
    assert repr(open_recording(path)) == "<RecordedCall 'empty.relay' of room '': 0.0 s, nobody>"


@pytest.mark.parametrize(("content", "code"), [(None, "cannot-read"), (b"hello", "not-a-recording")])
def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "talk.relay"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecordingError, match=str(path)) as caught:
        open_recording(path)
    assert caught.value.code == code


def test_a_track_begins_with_its_init_and_a_group(tmp_path: Path) -> None:
    usable = recorded(
        tmp_path, received("delta"), received("key"), received("init"), received("delta", number=1), received("key")
    )
    assert usable == ["init 1 0 0", "key 1 1 0"]


def test_a_hole_costs_the_rest_of_its_group(tmp_path: Path) -> None:
    usable = recorded(
        tmp_path,
        received("init"),
        received("key"),
        received("delta", number=2),
        received("delta", number=3),
        received("key", group=3),
        received("delta", group=3, number=1),
    )
    assert usable == ["init 1 0 0", "key 1 1 0", "key 1 3 0", "delta 1 3 1"]


def test_what_came_twice_is_there_once(tmp_path: Path) -> None:
    group = [received("init"), received("key"), received("delta", number=1)]
    assert recorded(tmp_path, *group, *group, received("delta", number=2)) == [
        "init 1 0 0",
        "key 1 1 0",
        "delta 1 1 1",
        "delta 1 1 2",
    ]


def test_who_comes_back_begins_anew(tmp_path: Path) -> None:
    group = [received("init"), received("key")]
    once = ["init 1 0 0", "key 1 1 0"]
    back: list[Record] = [
        PeerLeft(START_MS, "ada"),
        PeerJoined(START_MS, "ada", "Ada"),
        TrackPublished(START_MS, "ada", CAMERA),
    ]
    assert recorded(tmp_path, *group, *back, *group) == once * 2
    (tmp_path / "talk.relay").unlink()
    again: list[Record] = [TrackUnpublished(START_MS, "ada", "video"), TrackPublished(START_MS, "ada", CAMERA)]
    assert recorded(tmp_path, *group, *again, *group) == once * 2


def test_objects_of_nobody_are_left_out(tmp_path: Path) -> None:
    assert recorded(tmp_path, received("init", peer="eve"), received("init", track="screen"), received("init")) == [
        "init 1 0 0"
    ]


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "talk.relay"
    path.write_bytes(b"precious")
    with pytest.raises(RecordingError, match="overwrite=True") as caught:
        RecordingWriter(path)
    assert caught.value.code == "file-exists"
    assert path.read_bytes() == b"precious"
    RecordingWriter(path, overwrite=True).close()
    assert path.read_bytes() == encode_head()


def test_two_that_write_one_name_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "talk.relay"
    first, second = RecordingWriter(path), RecordingWriter(path, overwrite=True)
    second.append(opening())
    first.append([received("init")] * 100)
    second.append([Ended(START_MS)])
    assert open_recording(path).complete


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="choose another place") as caught:
        RecordingWriter(tmp_path / "no such folder" / "talk.relay")
    assert caught.value.code == "cannot-write"


@contextlib.contextmanager
def small_files() -> Iterator[None]:
    """No file may grow beyond LIMIT_BYTES (nor pytest's report): the system's own way to say that a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill(writer: RecordingWriter) -> RecordingError:
    writer.append(opening())
    with pytest.raises(RecordingError, match="free some space") as caught:
        write_groups(writer)
    return caught.value


def write_groups(writer: RecordingWriter) -> None:
    writer.append([received("init")])
    for number in range(1, 1000):
        writer.append([received("key", group=number, data=bytes(700))])


def test_of_two_with_one_name_neither_is_taken_for_the_other(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.relay", [*opening(), PeerJoined(START_MS, "ada2", "Ada")])
    call = open_recording(path)
    with pytest.raises(RecordingError, match="by its id, 'ada' or 'ada2'") as several:
        call.find("Ada")
    assert several.value.code == "ambiguous-peer"
    assert call.find("ada2").id == "ada2"


def test_a_full_disk_keeps_what_was_written(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "talk.relay")
    with small_files():
        error = fill(writer)
    assert error.code == "disk-full"
    call = open_recording(tmp_path / "talk.relay")
    assert call.lost_bytes == 0
    assert (tmp_path / "talk.relay").stat().st_size == writer.bytes
    assert LIMIT_BYTES - 1000 < writer.bytes <= LIMIT_BYTES
    assert len(call.peers["ada"].tracks["video"].offsets) > 10
    writer.close()


@pytest.mark.process
def test_a_full_file_system_keeps_what_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("cannot mount a small file system here")
    try:
        writer = RecordingWriter(folder / "talk.relay")
        assert fill(writer).code == "disk-full"
        call = open_recording(folder / "talk.relay")
        assert (call.lost_bytes, call.complete) == (0, False)
        assert writer.bytes > 32_000
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"precious")
    (tmp_path / "talk.relay").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordingError):
        RecordingWriter(tmp_path / "talk.relay")
    RecordingWriter(tmp_path / "talk.relay", overwrite=True).close()
    assert (tmp_path / "elsewhere").read_bytes() == b"precious"
