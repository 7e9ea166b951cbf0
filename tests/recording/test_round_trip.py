"""Real footage, published, recorded and exported: the file shows the very frames that were sent."""

from __future__ import annotations

import asyncio
import math
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

from relay_widget.client import RelayClient
from relay_widget.media.decode import TrackDecoder
from relay_widget.media.encode import VideoEncoder
from relay_widget.media.files import MediaFile
from relay_widget.media.frame import VideoFrame
from relay_widget.recording.export import export
from relay_widget.recording.recorder import Recorder
from tests.footage import clip
from tests.relay_process import RelayProcess
from tests.test_launcher import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FRAMES = 60


def psnr_db(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """How alike two pictures are; infinite if they are the same."""
    error = float(np.mean((one.astype(float) - other) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


async def test_the_frames_that_were_sent_are_in_the_file(tmp_path: Path) -> None:
    pictures = [picture.rgb for picture, _ in zip(MediaFile(clip("bikes")).pictures(), range(FRAMES), strict=False)]
    encoder = VideoEncoder(fps=25)
    with RelayProcess() as relay:
        grace = RelayClient("lab", "Grace", url=relay.url, token=relay.auth()["token"])
        await grace.connect()
        objects = []
        start_ms = grace.now_ms()
        for number, picture in enumerate(pictures):
            objects += encoder.encode(picture, start_ms + 40 * number)
        with Recorder("lab", tmp_path / "talk.relay", url=relay.url, token=relay.auth()["token"]) as recorder:
            await grace.publish(encoder.track)
            for header, data in objects:
                assert grace.send(header, data)
            await asyncio.to_thread(wait_until, lambda: recorder.objects == len(objects))
        await grace.close()
    (exported,) = export(tmp_path / "talk.relay", tmp_path / "talk.webm", progress=False)
    probe = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]
    probed = subprocess.run([*probe, str(exported.path)], check=True, capture_output=True, text=True)  # noqa: ASYNC221
    assert (probed.stdout.strip(), probed.stderr) == (str(FRAMES), "")

    decoder = TrackDecoder(encoder.track)
    sent = [frame for header, data in objects for frame in decoder.decode(header, data)]
    arrived = list(MediaFile(exported.path).pictures())
    assert len(arrived) == len(sent) == FRAMES
    for shown, frame, mine in zip(arrived, sent, pictures, strict=True):
        assert isinstance(frame, VideoFrame)
        assert psnr_db(shown.rgb, frame.rgb) == math.inf  # nothing was encoded again, nothing changed places
        assert psnr_db(shown.rgb, mine) > 25  # and the codec made of it what one sees
    spacing_ms = np.diff([picture.media_ms for picture in arrived])
    assert spacing_ms == pytest.approx(40, abs=1.1)  # WebM's times are whole milliseconds
