"""Eight plain colours, from each source, as the others see them: on a page, as an array, and in files of both kinds."""

from __future__ import annotations

import json
import subprocess
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from relay_widget import Peer, Recorder, export
from tests.media.colours import COLOURS, COLUMNS, HEIGHT, LEVELS, ROWS, WIDTH, fields, of_file, seen, worst

from .lab import JoinPage, chromium
from .test_join_page import ROOM, invite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.relay_process import RelayProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PICTURES = 9
"""A key picture is coarser than those after it, by up to five levels: the middle of as many is what a person sees."""

READ = f"""async (video) => {{
  const canvas = Object.assign(document.createElement("canvas"), {{ width: {WIDTH}, height: {HEIGHT} }});
  const context = canvas.getContext("2d", {{ willReadFrequently: true }});
  const pictures = [];
  while (pictures.length < {PICTURES}) {{
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    context.drawImage(video, 0, 0, {WIDTH}, {HEIGHT});
    pictures.push([...Array({COLUMNS * ROWS}).keys()].map((n) => {{
      const x = (n % {COLUMNS} + 0.5) * {WIDTH / COLUMNS}, y = (Math.floor(n / {COLUMNS}) + 0.5) * {HEIGHT / ROWS};
      return [...context.getImageData(x, y, 1, 1).data].slice(0, 3);
    }}));
  }}
  return pictures;
}}"""


def on(page: Page) -> list[tuple[int, ...]]:
    """The fields of the pictures that a page shows of somebody else, once there are any."""
    video = page.locator("video[data-peer-id]")
    video.wait_for()
    page.wait_for_function("() => document.querySelector('video[data-peer-id]').currentTime > 1")
    return middle(video.evaluate(READ))


def middle(pictures: list[list[tuple[int, ...]]]) -> list[tuple[int, ...]]:
    """Each colour's median over the pictures, channel by channel."""
    return [tuple(int(level) for level in colour) for colour in np.median(pictures, axis=0)]


CANVAS = f"""
navigator.mediaDevices.getUserMedia = async () => {{
  const canvas = Object.assign(document.createElement("canvas"), {{ width: {WIDTH}, height: {HEIGHT} }});
  const context = canvas.getContext("2d", {{ alpha: false }});
  const [width, height] = [{WIDTH // COLUMNS}, {HEIGHT // ROWS}];
  setInterval(() => {json.dumps(COLOURS)}.forEach((colour, n) => {{
    context.fillStyle = `rgb(${{colour}})`;
    context.fillRect(n % {COLUMNS} * width, Math.floor(n / {COLUMNS}) * height, width, height);
  }}), 50);
  return canvas.captureStream();
}};
"""


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose camera sees the fields, in the numbers of a webcam: BT.601, video range."""
    path: Path = tmp_path_factory.mktemp("camera") / "fields.y4m"
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", "20", "-i", "-"]
    scaled = ["-vf", "scale=out_color_matrix=bt601:out_range=tv", "-pix_fmt", "yuv420p"]
    command = ["ffmpeg", "-v", "error", *raw, *scaled, str(path)]
    subprocess.run(command, input=fields().tobytes() * 20, check=True)
    with chromium(f"--use-file-for-fake-video-capture={path}") as browser:
        yield browser


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of the fields, as cameras of today and film makers write them: H.264, BT.709."""
    path = tmp_path_factory.mktemp("file") / "fields.mp4"
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", "10", "-stream_loop", "-1", "-i"]
    scaled = ["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p"]
    said = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
    (one := path.with_suffix(".rgb")).write_bytes(fields().tobytes())
    command = [
        "ffmpeg",
        "-v",
        "error",
        *raw,
        str(one),
        *scaled,
        "-t",
        "60",
        "-c:v",
        "libx264",
        "-qp",
        "16",
        *said,
        str(path),
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


ONLY = """
const isTypeSupported = MediaRecorder.isTypeSupported.bind(MediaRecorder);
MediaRecorder.isTypeSupported = (type) => (!type.startsWith("video") || type.startsWith("%s")) && isTypeSupported(type);
"""
PAGES = {
    "camera": "",
    "camera in VP9": ONLY % "video/webm;codecs=vp9",
    "camera in MP4": ONLY % "video/mp4",
    "canvas": CANVAS,
    "canvas in MP4": CANVAS + ONLY % "video/mp4",
}


@pytest.fixture(params=[*PAGES, "array", "file"])
def sender(request: pytest.FixtureRequest, relay: RelayProcess, camera: Browser, file: Path) -> Iterator[str]:
    """Ada, who shows the fields."""
    source: str = request.param
    if source in PAGES:
        ada = JoinPage(camera, invite(relay, "Ada"), init_script=PAGES[source])
        ada.join()
        yield source
        ada.close()
        return
    with Peer(ROOM, name="Ada", url=relay.url, token=relay.auth()["token"]) as peer:
        if source == "file":
            peer.publish_file(file, bitrate_kbps=4000)
        else:
            peer.publish((fields() for _ in range(10_000)), bitrate_kbps=4000)
        yield source


def test_what_is_sent_is_what_is_seen(sender: str, relay: RelayProcess, browser: Browser, tmp_path: Path) -> None:
    access = {"url": relay.url, "token": relay.auth()["token"]}
    shown = {}
    grace = JoinPage(browser, invite(relay, "Grace"))
    try:
        grace.join()
        shown["page"] = on(grace.page)
    finally:
        grace.close()
    with Recorder(ROOM, tmp_path / "talk.relay", **access), Peer(ROOM, name="Python", **access) as peer:
        pictures = islice(peer.video("Ada"), 3 * PICTURES)  # enough for the files, too
        shown["array"] = middle([seen(frame.rgb) for frame in pictures])
    for name in ("talk.mp4",) if sender.endswith("MP4") else ("talk.webm", "talk.mp4"):  # a WebM has no H.264
        [made] = export(tmp_path / "talk.relay", tmp_path / name, peer="Ada", progress=False)
        shown[name] = middle([seen(picture) for picture in of_file(made.path)])
    assert {sink: worst(colours) for sink, colours in shown.items() if worst(colours) > LEVELS} == {}, shown
