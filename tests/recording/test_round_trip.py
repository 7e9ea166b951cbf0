"""Real footage, published by a peer, recorded by a call and exported: the file has the very frames that were sent."""

from __future__ import annotations

import math
import subprocess
from typing import TYPE_CHECKING

import numpy as np

from relay_widget import Call, Peer, export, open_recording
from relay_widget.media.decode import TrackDecoder
from relay_widget.media.files import MediaFile
from relay_widget.media.frame import AudioBlock, VideoFrame
from relay_widget.media.pattern import draw_stamp, read_stamp
from tests.footage import clip
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FRAMES = 60
FPS = 25
TONE_HZ = 440


def psnr_db(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """How alike two pictures are; infinite if they are the same."""
    error = float(np.mean((one.astype(float) - other) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def street() -> list[NDArray[np.uint8]]:
    """Real footage, with each picture's number in it."""
    pictures = [picture.rgb for picture, _ in zip(MediaFile(clip("bikes")).pictures(), range(FRAMES), strict=False)]
    for number, picture in enumerate(pictures):
        draw_stamp(picture, number)
    return pictures


def test_what_was_sent_is_in_the_file(runtime: Path) -> None:
    pictures = street()
    at = np.arange(48_000 * FRAMES // FPS) / 48_000
    tone = (0.25 * np.sin(2 * np.pi * TONE_HZ * at)).astype(np.float32)
    call = Call(room="lab", name="Ada")
    try:
        with Peer("lab", "Grace") as grace, call.record(runtime / "talk.relay") as recorder:
            wait_until(lambda: any(listener.id == recorder.id for listener in grace.listeners))
            publication = grace.publish(pictures, fps=FPS, audio=tone[np.newaxis])
            publication.wait(60)
            stats = publication.stats
            assert (stats["frames"] + stats["dropped_frames"], stats["blocks"]) == (FRAMES, FRAMES)
            wait_until(lambda: recorder.objects == stats["frames"] + stats["blocks"] + 2)  # and two init segments
            (exported,) = export(runtime / "talk.relay", runtime / "talk.webm", peer="Grace", progress=False)
    finally:
        call.close()

    probe = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]
    probed = subprocess.run([*probe, str(exported.path)], check=True, capture_output=True, text=True)
    assert (probed.stdout.split()[0], probed.stderr) == (str(int(stats["frames"])), "")

    recording = open_recording(runtime / "talk.relay")
    track = recording.find("Grace").tracks["video"]
    decoder = TrackDecoder(track.info)
    sent = [
        frame
        for item in recording.objects(track.peer, track.id)
        for frame in decoder.decode(item.header, item.data)
        if isinstance(frame, VideoFrame)
    ]
    arrived = list(MediaFile(exported.path).pictures())
    numbers = [read_stamp(picture.rgb) for picture in arrived]
    assert len(arrived) == len(sent) == stats["frames"]
    assert numbers == sorted(set(numbers))  # type: ignore[type-var]
    for shown, frame, number in zip(arrived, sent, numbers, strict=True):
        assert number is not None
        assert psnr_db(shown.rgb, frame.rgb) == math.inf  # nothing was encoded again, nothing changed places
        assert psnr_db(shown.rgb, pictures[number]) > 25  # and the codec made of it what one sees

    blocks = [part for part in MediaFile(exported.path) if isinstance(part, AudioBlock)]
    heard = np.concatenate([block.samples[0] for block in blocks])[4800:-4800]
    loudest = np.argmax(np.abs(np.fft.rfft(heard * np.hanning(len(heard))))) * 48_000 / len(heard)
    assert abs(loudest - TONE_HZ) < 2
    assert np.sqrt(np.mean(heard**2)) > 0.9 * 0.25 / np.sqrt(2)
