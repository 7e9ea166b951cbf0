"""A recording of what a browser sent, cut off anywhere: what is left is exported and replayed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay_widget.recording.export import export
from relay_widget.recording.file import open_recording
from relay_widget.recording.format import Ended
from relay_widget.recording.replay import replay

from .media import browser_objects, browser_track, packets, vector
from .records import START_MS, opening, write
from .room import TIMEOUT_S, participant, until
from .test_export import probe

if TYPE_CHECKING:
    from pathlib import Path

    from tests.relay_process import RelayProcess

NAME = "vp8-opus"


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    path = write(
        tmp_path / "whole.relay", [*opening(browser_track(NAME)), *browser_objects(NAME), Ended(START_MS + 3300)]
    )
    return path.read_bytes()


@pytest.mark.process  # ffmpeg looks at what is left
@given(share=st.floats(0.1, 1))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_left_is_copied(tmp_path: Path, whole: bytes, share: float) -> None:
    path = tmp_path / "cut.relay"
    path.write_bytes(whole[: int(share * len(whole))])
    [made] = export(path, tmp_path / "cut.webm", peer="Ada", overwrite=True, progress=False)
    left = tmp_path / "left.webm"
    left.write_bytes(b"".join(item.data for item in open_recording(path).objects("ada", "video")))
    for kind in {stream["codec_type"] for stream in probe(made.path)["streams"]}:
        whole_ones, after = packets(vector(NAME), kind), packets(made.path, kind)
        assert after == whole_ones[: len(after)]
        assert len(after) >= len(packets(left, kind)) - 1  # objects end anywhere: the last packet may be cut in two


@pytest.mark.process  # ffmpeg looks at what is left
@pytest.mark.parametrize("share", [0.3, 0.61, 0.97])
def test_what_is_left_is_encoded(tmp_path: Path, whole: bytes, share: float) -> None:
    path = tmp_path / "cut.relay"
    path.write_bytes(whole[: int(share * len(whole))])
    [made] = export(path, tmp_path / "cut.mp4", peer="Ada", progress=False)
    streams = probe(made.path)["streams"]
    assert {stream["codec_name"] for stream in streams} == {"h264", "aac"}
    assert 0 < made.duration_s < 3.5


@pytest.mark.parametrize("share", [0.3, 0.61, 0.97])
async def test_what_is_left_is_replayed(relay: RelayProcess, tmp_path: Path, whole: bytes, share: float) -> None:
    path = tmp_path / "cut.relay"
    path.write_bytes(whole[: int(share * len(whole))])
    left = open_recording(path)
    assert not left.complete
    count = len(left.peers["ada"].tracks["video"].offsets)
    heard: list[bytes] = []
    async with participant(relay.url, "Eve") as eve:
        eve.on_object = lambda *args: heard.append(args[3])
        async with asyncio.timeout(TIMEOUT_S):
            await replay(path, url=relay.url, speed=10)
        await until(lambda: len(heard) == count)
    assert count > 10
    assert heard == [item.data for item in browser_objects(NAME)][:count]
