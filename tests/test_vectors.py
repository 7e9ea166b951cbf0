"""The media vectors are what they say they are, by a parser that shares nothing with the TypeScript one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.vectors.boundaries import layout

MEDIA = Path(__file__).parent / "vectors" / "media"
VECTORS = sorted(MEDIA.glob("*.json"))
MAX_VECTOR_BYTES = 150_000
MAX_ALL_BYTES = 700_000
MAX_LEADING_AUDIO_BLOCKS = 8
"""As in js/src/segment/webm.ts."""


def load(path: Path) -> tuple[dict[str, Any], bytes]:
    vector: dict[str, Any] = json.loads(path.read_text())
    suffix = {"webm": ".webm", "fmp4": ".mp4"}[vector["packaging"]]
    return vector, path.with_suffix(suffix).read_bytes()


def test_each_kind_of_stream_is_there() -> None:
    mime_types = {load(path)[0]["mimeType"] for path in VECTORS}
    for wanted in ("vp8,opus", "vp9,opus", "audio/webm;codecs=opus", "video/webm;codecs=vp8", "video/mp4"):
        assert any(wanted in mime_type for mime_type in mime_types), wanted


def test_they_are_small_enough_for_a_repository() -> None:
    sizes = {path.name: path.stat().st_size for path in MEDIA.iterdir()}
    assert max(sizes.values()) < MAX_VECTOR_BYTES
    assert sum(sizes.values()) < MAX_ALL_BYTES


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
class TestVector:
    def test_bytes_are_those_recorded(self, path: Path) -> None:
        vector, data = load(path)
        assert hashlib.sha256(data).hexdigest() == vector["sha256"]
        assert sum(vector["slices"]) == len(data)
        assert vector["recordedBy"].startswith("Chromium ")

    def test_boundaries_are_where_a_plain_parser_finds_them(self, path: Path) -> None:
        vector, data = load(path)
        found = layout(vector["packaging"], data)
        assert found.init_bytes == vector["init_bytes"]
        assert found.groups == vector["groups"]
        assert [chunk.offset for chunk in found.chunks] == vector["chunks"]

    def test_a_group_a_second_or_more(self, path: Path) -> None:
        vector, _ = load(path)
        # 3.3 s were recorded with a keyframe each second; sound alone opens a cluster for every two blocks.
        if vector["mimeType"].startswith("audio/"):
            assert vector["groups"] == vector["chunks"]
        else:
            assert len(vector["groups"]) == 4

    def test_groups_start_with_a_cluster_or_a_moof(self, path: Path) -> None:
        vector, data = load(path)
        for start in vector["groups"]:
            if vector["packaging"] == "webm":
                assert data[start : start + 4] == b"\x1f\x43\xb6\x75"
            else:
                assert data[start + 4 : start + 8] == b"moof"


@pytest.mark.parametrize("name", ["vp8-opus", "vp9-opus", "vp8-canvas"])
def test_a_keyframe_is_always_the_first_of_its_clusters_video(name: str) -> None:
    _, data = load(MEDIA / f"{name}.json")
    for chunk in layout("webm", data).chunks:
        video = [block.is_key for block in chunk.blocks if block.is_video]
        assert not any(video[1:])
        if any(video):
            leading = next(index for index, block in enumerate(chunk.blocks) if block.is_video)
            assert leading <= MAX_LEADING_AUDIO_BLOCKS


def test_a_canvas_records_block_groups_and_a_camera_simple_blocks() -> None:
    for name, in_block_group in (("vp8-canvas", True), ("vp8-opus", False)):
        _, data = load(MEDIA / f"{name}.json")
        blocks = [block for chunk in layout("webm", data).chunks for block in chunk.blocks]
        assert {block.in_block_group for block in blocks} == {in_block_group}
