"""Publishers whose clocks are wrong, or lie: no export is longer than the recording, and it says whose they were."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from relay_widget.cli import main
from relay_widget.media.decode import TrackDecoder
from relay_widget.media.encode import AudioEncoder, VideoEncoder
from relay_widget.protocol import MAX_CAPTURE_AGE_MS
from relay_widget.recording.export import export
from relay_widget.recording.format import Ended, ObjectReceived, PeerJoined, TrackPublished
from relay_widget.recording.timeline import Witness

from .media import received_from
from .records import START_MS, opening, received, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from relay_widget.media.webm import MediaObject
    from relay_widget.recording.export import Layout
    from relay_widget.recording.format import Record

LENGTH_MS = 1000.0
DAYS_MS = 24 * 3600 * 1000.0
DELAY_MS = 30.0
MAX_EXPORT_BYTES = 500_000
"""Of two seconds of flat pictures and a tone."""
_STAMPS = st.none() | st.floats(-(2.0**53), 2.0**53) | st.floats(START_MS - 90_000, START_MS + 90_000)


@pytest.fixture(autouse=True, scope="module")
def _small_grid() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("relay_widget.recording.export.GRID_SIZE", (320, 180))
        yield


def talk(name: str, value: int, media_times: Callable[[int], float | None] = lambda _: None) -> list[Record]:
    """A second of a grey picture and of a tone."""
    video, audio = VideoEncoder(fps=10, key_every_s=0), AudioEncoder()
    picture = np.full((48, 64, 3), value, np.uint8)
    objects: list[MediaObject] = []
    for number in range(10):
        objects += video.encode(picture, START_MS + 100 * number, media_times(number))
    tone = (0.3 * np.sin(np.arange(48_000) * 0.06)).astype(np.float32)[np.newaxis]
    for number in range(25):
        objects += audio.encode(tone[:, 1920 * number :][:, :1920], START_MS + 40 * number)
    joined: list[Record] = [
        PeerJoined(START_MS, name, name),
        *(TrackPublished(START_MS, name, one.track) for one in (video, audio)),
    ]
    return [*joined, *received_from(name, objects, DELAY_MS)]


def recording(path: Path, *talks: list[Record]) -> Path:
    records = [record for one in talks for record in one]
    return write(path, [*opening()[:1], *sorted(records, key=lambda record: record.at_ms), Ended(START_MS + LENGTH_MS)])


def with_stamps(records: list[Record], change: Callable[[ObjectReceived], ObjectReceived]) -> list[Record]:
    return [change(record) if isinstance(record, ObjectReceived) else record for record in records]


def captured_later(by_ms: float) -> Callable[[ObjectReceived], ObjectReceived]:
    def change(item: ObjectReceived) -> ObjectReceived:
        assert item.header.captured_ms is not None
        return item._replace(header=structs.replace(item.header, captured_ms=item.header.captured_ms + by_ms))

    return change


@pytest.mark.parametrize("by_ms", [30 * DAYS_MS, -30 * DAYS_MS, 2e15, 5000])
@pytest.mark.parametrize(
    ("out", "layout"), [("a.mp4", "grid"), ("a.webm", "grid"), ("a.mp4", "peers"), ("a.webm", "peers")]
)
def test_a_guest_whose_clock_is_wrong(out: str, layout: Layout, by_ms: float, tmp_path: Path) -> None:
    path = recording(tmp_path / "a.relay", talk("Ada", 250), with_stamps(talk("Eve", 120), captured_later(by_ms)))
    made = export(path, tmp_path / out, layout=layout, progress=False)
    assert {name for one in made for name in one.disbelieved} == {"Eve"}
    for one in made:
        assert one.duration_s == pytest.approx(LENGTH_MS / 1000, abs=0.15)
        assert one.start_s == pytest.approx(0, abs=0.1)
        with av.open(str(one.path)) as file:
            times = [frame.time for frame in file.decode(video=0)]
        assert len(times) >= 8
        assert max(times) == pytest.approx(0.9, abs=0.15)


def test_a_clock_that_is_right_is_believed(tmp_path: Path) -> None:
    late: list[Record] = [record for record in talk("Ada", 250) if not isinstance(record, ObjectReceived)]
    # On a slow uplink, what was captured at the beginning comes at the end.
    late += [
        record._replace(at_ms=START_MS + LENGTH_MS, relayed_ms=START_MS + LENGTH_MS)
        for record in talk("Ada", 250)
        if isinstance(record, ObjectReceived)
    ]
    [made] = export(recording(tmp_path / "a.relay", late), tmp_path / "a.mp4", progress=False)
    assert made.disbelieved == ()
    with av.open(str(made.path)) as file:
        assert np.diff([frame.time for frame in file.decode(video=0)]) == pytest.approx(np.full(9, 0.1), abs=0.002)


_lies = st.lists(st.tuples(_STAMPS, _STAMPS, _STAMPS, _STAMPS), min_size=1, max_size=6)
_media_times = st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=4)


@settings(max_examples=40)
@given(
    lies=_lies, media=_media_times, out=st.sampled_from([("a.mp4", "grid"), ("a.mp4", "peers"), ("a.webm", "peers")])
)
def test_no_stamps_make_an_export_longer_than_the_recording(
    lies: list[tuple[float | None, float | None, float | None, float | None]],
    media: list[int],
    out: tuple[str, Layout],
) -> None:
    count = iter(range(1000))

    def lie(item: ObjectReceived) -> ObjectReceived:
        captured_ms, media_ms, sent_ms, relayed_ms = lies[next(count) % len(lies)]
        header = structs.replace(item.header, captured_ms=captured_ms, media_ms=media_ms, sent_ms=sent_ms)
        return item._replace(header=header, relayed_ms=relayed_ms)

    # Not only the labels lie, but also the media.
    eve = with_stamps(talk("Eve", 120, lambda number: float(media[number % len(media)])), lie)
    with tempfile.TemporaryDirectory() as folder:
        path = recording(Path(folder, "a.relay"), talk("Ada", 250), eve)
        for made in export(path, Path(folder, out[0]), layout=out[1], progress=False):
            assert made.duration_s <= 2 * LENGTH_MS / 1000
            assert made.path.stat().st_size <= MAX_EXPORT_BYTES
            with av.open(str(made.path)) as file:
                assert (file.duration or 0) / 1e6 <= 2 * LENGTH_MS / 1000 + 0.2


@given(captured=_STAMPS, relayed=_STAMPS, at_ms=st.floats(0, 2e12))
def test_whatever_is_said_lies_within_the_recording(
    captured: float | None, relayed: float | None, at_ms: float
) -> None:
    witness = Witness(START_MS, START_MS + LENGTH_MS)
    item = received("key", at_ms=at_ms)._replace(relayed_ms=relayed)
    assert START_MS - 500 <= witness.relayed_ms(item) <= START_MS + LENGTH_MS
    if captured is not None:
        assert START_MS - 500 <= witness.captured_ms(captured, item) <= START_MS + LENGTH_MS + 500


@pytest.mark.parametrize("by_ms", [30 * DAYS_MS, -MAX_CAPTURE_AGE_MS - 1, 1100])
def test_a_stream_does_not_pass_on_a_wrong_time_of_capture(by_ms: float) -> None:
    encoder = VideoEncoder("main", fps=10)
    decoder = TrackDecoder(encoder.track)
    for number in range(3):
        wrong_ms = by_ms if number == 1 else 0
        for header, data in encoder.encode(np.zeros((48, 64, 3), np.uint8), START_MS + 100 * number):
            assert header.captured_ms is not None
            header = structs.replace(  # noqa: PLW2901
                header, captured_ms=header.captured_ms + wrong_ms, relayed_ms=header.captured_ms + DELAY_MS
            )
            for part in decoder.decode(header, data):
                assert part.captured_ms == (None if wrong_ms else pytest.approx(START_MS + 100 * number))
                assert part.media_ms == 100 * number


def test_a_stream_does_not_take_the_label_of_other_media_for_its_time() -> None:
    encoder = VideoEncoder("main", fps=10)
    decoder = TrackDecoder(encoder.track)
    for header, data in encoder.encode(np.zeros((48, 64, 3), np.uint8), START_MS):
        lying = structs.replace(header, media_ms=1e12, relayed_ms=START_MS + DELAY_MS)
        for part in decoder.decode(lying, data):
            assert part.captured_ms == pytest.approx(START_MS)


def test_the_command_says_whose_clock_was_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recording(tmp_path / "a.relay", talk("Ada", 250), with_stamps(talk("Eve", 120), captured_later(DAYS_MS)))
    main(["export", str(path), str(tmp_path / "a.webm")])
    said = capsys.readouterr().out
    assert said.count("The clock of Eve was wrong: the times of the relay were used.") == 1
    assert "The clock of Ada" not in said
