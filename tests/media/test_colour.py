"""Eight plain colours through every way that Python has: array, track, recording, and files of both kinds."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest

from relay_widget.media.colour import BT601, Colour
from relay_widget.media.decode import TrackDecoder
from relay_widget.media.encode import VideoEncoder
from relay_widget.media.frame import VideoFrame
from relay_widget.media.webm import LiveMuxer, MediaObject, TrackFormat, WebmReader
from relay_widget.protocol import Track
from relay_widget.recording.export import export
from relay_widget.recording.format import Ended
from tests.recording.media import received_from
from tests.recording.records import START_MS, opening, write

from .colours import HEIGHT, LEVELS, WIDTH, fields, of_file, seen, worst

if TYPE_CHECKING:
    from pathlib import Path

PICTURES = 8
TRACK = Track("video", "video/webm;codecs=vp8", audio=False)
ENCODINGS = {
    "said to be BT.601": ("ITU601", "MPEG", BT601),
    "not said, as of a camera": ("ITU601", "MPEG", None),
    "BT.709 in full range, as of a canvas": ("ITU709", "JPEG", Colour(1, 1, 13, full_range=True)),
    "BT.709": ("ITU709", "MPEG", Colour(1, 1, 1, full_range=False)),
    "BT.601 in full range": ("ITU601", "JPEG", Colour(5, 1, 1, full_range=True)),
}


def objects(matrix: str, levels: str, colour: Colour | None) -> list[MediaObject]:
    """The fields as a sender with these numbers sends them."""
    codec = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.time_base = Fraction(1, 1000)
    codec.bit_rate = 2_000_000
    codec.options = {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "auto-alt-ref": "0"}
    muxer = LiveMuxer("video", 1, TrackFormat("vp8", width=WIDTH, height=HEIGHT, colour=colour))
    made = [muxer.init(START_MS)]
    for number in range(PICTURES):
        picture = av.VideoFrame.from_ndarray(fields(), format="rgb24")
        frame = picture.reformat(format="yuv420p", dst_colorspace=matrix, dst_color_range=levels)
        frame.pts, frame.time_base = number * 100, Fraction(1, 1000)
        for packet in codec.encode(frame):
            key = packet.is_keyframe
            made.append(muxer.push(bytes(packet), number * 100, START_MS + number * 100, key=key))
    return made


def tags(path: Path) -> tuple[str, str]:
    """Matrix and range, as the file says them to whoever plays it."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=color_space,color_range"]
    said = subprocess.run([*command, "-of", "csv=p=0", str(path)], capture_output=True, text=True, check=True).stdout
    levels, matrix = said.strip().split(",")[:2]
    return matrix, levels


def test_an_array_comes_out_as_it_went_in() -> None:
    encoder, decoder = VideoEncoder(fps=10, bitrate_kbps=2000), TrackDecoder(TRACK)
    for number in range(PICTURES):
        for header, data in encoder.encode(fields(), START_MS + 100 * number):
            [*parts] = decoder.decode(header, data)
    [picture] = parts
    assert isinstance(picture, VideoFrame)
    colours = seen(picture.rgb)
    assert worst(colours) <= LEVELS, colours


def test_what_is_sent_from_here_says_its_colours() -> None:
    [(_, init), *_] = VideoEncoder(fps=10).encode(fields(), START_MS)
    assert WebmReader(init).tracks[1].colour == BT601


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_sender_s_numbers_are_read_as_it_says(encoding: str) -> None:
    decoder = TrackDecoder(TRACK)
    for header, data in objects(*ENCODINGS[encoding]):
        [*parts] = decoder.decode(header, data)
    [picture] = parts
    assert isinstance(picture, VideoFrame)
    colours = seen(picture.rgb)
    assert worst(colours) <= LEVELS, colours


@pytest.mark.process
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_files_show_them_and_say_how(encoding: str, tmp_path: Path) -> None:
    sent = objects(*ENCODINGS[encoding])
    path = write(
        tmp_path / "talk.relay",
        [*opening(TRACK), *received_from("ada", sent), Ended(START_MS + 100 * PICTURES)],
    )
    [video] = export(path, tmp_path / "talk.mp4", peer="Ada")
    colours = seen(of_file(video.path)[-1])
    assert worst(colours) <= LEVELS, colours
    assert tags(video.path) == ("smpte170m", "tv")
    [video] = export(path, tmp_path / "talk.webm")
    colours = seen(of_file(video.path)[-1])
    assert worst(colours) <= LEVELS, colours
    # Players take what says nothing for BT.709, and FFmpeg, and what is built on it, believes nothing else of VP8.
    assert WebmReader(init_of(video.path)).tracks[1].colour in (BT601, Colour(5, 1, 1, full_range=False))


def init_of(path: Path) -> bytes:
    data = path.read_bytes()
    return data[: data.index(b"\x1f\x43\xb6\x75")]


@pytest.mark.parametrize("matrix", [3, 8, 10, 14, 200])
def test_a_matrix_that_nobody_converts_is_a_picture_all_the_same(matrix: int) -> None:
    decoder = TrackDecoder(TRACK)
    for header, data in objects("ITU601", "MPEG", Colour(matrix, 200, 0, full_range=False)):
        [*parts] = decoder.decode(header, data)
    [picture] = parts
    assert isinstance(picture, VideoFrame)
    assert picture.rgb.shape == (HEIGHT, WIDTH, 3)
