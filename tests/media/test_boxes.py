"""Cropped and turned as a container says, of which PyAV tells nothing."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from msgspec import structs

from relay_widget.media.boxes import crops_of
from relay_widget.media.decode import TrackDecoder
from relay_widget.media.encode import VideoEncoder
from relay_widget.media.files import MediaFile
from relay_widget.media.frame import VideoFrame
from relay_widget.media.presentation import Crop

from . import vectors, zoo

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = np.zeros((96, 128, 3), np.uint8)
PICTURE[:32] = (200, 0, 0)
PICTURE[:, :48] = (0, 0, 200)
CROP = Crop(left=48, top=32, right=16, bottom=8)


def cropped_webm(path: Path) -> Path:
    """As a program that crops without encoding anew makes it; the tracks are the last of what comes first."""
    encoder = VideoEncoder(fps=10)
    [(_, init), *media] = [one for number in range(3) for one in encoder.encode(PICTURE, 100.0 * number)]
    sides = zip((0x54CC, 0x54BB, 0x54DD, 0x54AA), CROP, strict=True)
    crop = b"".join(struct.pack(">HBB", side, 0x81, pixels) for side, pixels in sides)
    data = bytearray(init + crop)
    tracks = init.index(b"\x16\x54\xae\x6b")
    for size_at in (tracks + 4, tracks + 6, init.rindex(b"\xe0") + 1):
        data[size_at] += len(crop)
    path.write_bytes(bytes(data) + b"".join(item.data for item in media))
    return path


def cropped_mp4(path: Path) -> Path:
    """With a clean aperture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width = PICTURE.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 2_000_000
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(PICTURE, format="rgb24")))
        container.mux(stream.encode(None))
    data = bytearray(path.read_bytes())
    height, width = PICTURE.shape[:2]
    wide, high = width - CROP.left - CROP.right, height - CROP.top - CROP.bottom
    x, y = CROP.left - CROP.right, CROP.top - CROP.bottom  # of the middle, in halves of a pixel
    clap = struct.pack(">I4sIIIIiIiI", 40, b"clap", wide, 1, high, 1, x, 2, y, 2)
    at = end = data.index(b"moov") - 4
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"mp4v"):
        at = data.index(kind, at) - 4
        size = struct.unpack_from(">I", data, at)[0]
        end = at + size
        struct.pack_into(">I", data, at, size + len(clap))
    data[end:end] = clap
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("name", "make"), [("a.webm", cropped_webm), ("a.mp4", cropped_mp4)], ids=["webm", "mp4"])
def test_a_cropped_file_is_shown_cropped(name: str, make: type, tmp_path: Path) -> None:
    pictures = list(MediaFile(make(tmp_path / name)).pictures())
    assert len(pictures) == 3
    for picture in pictures:
        assert (picture.width, picture.height) == (64, 56)
        assert np.abs(picture.rgb.astype(int) - 0).max() < 40, "only the black part"


def test_what_is_no_such_file_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for data in (b"", b"\0" * 100, b"\x1a\x45\xdf\xa3\xff", struct.pack(">I4s", 4, b"moov"), b"\0\0\0\1moov"):
        path.write_bytes(data)
        assert crops_of(path, "matroska,webm") == crops_of(path, "mov,mp4") == []
    assert crops_of(tmp_path / "none", "mov,mp4") == []


def test_a_recorder_that_turns_its_pictures() -> None:
    plain, turned = TrackDecoder(vectors.track("h264-opus")), TrackDecoder(vectors.track("h264-opus"))
    sizes = []
    for header, data in vectors.objects("h264-opus", 1_000_000):
        other = zoo.shown(0, 1, -1, 0)(data) if header.type == "init" else data
        for before, after in zip(
            plain.decode(header, data), turned.decode(structs.replace(header), other), strict=True
        ):
            if isinstance(before, VideoFrame) and isinstance(after, VideoFrame):
                sizes.append((after.width, after.height))
                assert np.array_equal(after.rgb, np.rot90(before.rgb, -1))
    assert set(sizes) == {(240, 320)}
