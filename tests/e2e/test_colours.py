"""Eight plain colours, from each source, as the others see them: on a page, and as an array in Python."""

from __future__ import annotations

import json
import subprocess
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from relay_widget import Peer
from tests.media.colours import COLOURS, COLUMNS, HEIGHT, LEVELS, ROWS, WIDTH, fields, seen, worst

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
    """The same of the pictures that a page shows of somebody else, once there are any."""
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


@pytest.mark.parametrize("source", ["camera", "canvas"])
def test_what_a_page_captures_on_another_page_and_in_python(relay: RelayProcess, camera: Browser, source: str) -> None:
    script = CANVAS if source == "canvas" else ""
    ada, grace = (JoinPage(camera, invite(relay, name), init_script=script) for name in ("Ada", "Grace"))
    try:
        ada.join()
        grace.join()
        shown = on(grace.page)
        assert worst(shown) <= LEVELS, shown
        with Peer(ROOM, name="Python", url=relay.url, token=relay.auth()["token"]) as peer:
            [sender] = [other for other in peer.peers if other.name == "Ada"]
            got = middle([seen(frame.rgb) for frame in islice(peer.video(sender), PICTURES)])
            assert worst(got) <= LEVELS, got
    finally:
        ada.close()
        grace.close()


def test_an_array_on_a_page(relay: RelayProcess, browser: Browser) -> None:
    with Peer(ROOM, name="Python", url=relay.url, token=relay.auth()["token"]) as peer:
        sent = peer.publish((fields() for _ in range(10_000)), bitrate_kbps=4000)
        ada = JoinPage(browser, invite(relay, "Ada"))
        try:
            ada.join()
            shown = on(ada.page)
            assert worst(shown) <= LEVELS, shown
        finally:
            ada.close()
            sent.stop()
