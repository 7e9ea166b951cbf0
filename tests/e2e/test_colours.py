"""Eight plain colours, from each source, as the others see them: on a page, and as an array in Python."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

from relay_widget import Peer

from .lab import JoinPage, chromium
from .test_join_page import ROOM, invite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from playwright.sync_api import Browser, Page

    from tests.relay_process import RelayProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

COLOURS = [
    (200, 40, 120),
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (32, 192, 64),
    (128, 128, 128),
    (250, 200, 20),
    (20, 30, 60),
]
WIDTH, HEIGHT = 640, 360
COLUMNS, ROWS = 4, 2
LEVELS = 6
"""Of 255: what an encoder may lose of a plain colour."""

READ = f"""(video) => {{
  const canvas = Object.assign(document.createElement("canvas"), {{ width: {WIDTH}, height: {HEIGHT} }});
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, {WIDTH}, {HEIGHT});
  return [...Array({COLUMNS * ROWS}).keys()].map((n) => {{
    const x = (n % {COLUMNS} + 0.5) * {WIDTH / COLUMNS}, y = (Math.floor(n / {COLUMNS}) + 0.5) * {HEIGHT / ROWS};
    return [...context.getImageData(x, y, 1, 1).data].slice(0, 3);
  }});
}}"""


def patches() -> NDArray[np.uint8]:
    """A picture of a field of each colour."""
    fields = np.array(COLOURS, np.uint8).reshape(ROWS, COLUMNS, 3)
    return fields.repeat(HEIGHT // ROWS, 0).repeat(WIDTH // COLUMNS, 1)


def of_array(picture: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """The colour in the middle of each field."""
    height, width = picture.shape[:2]
    rows = (np.arange(ROWS) + 0.5) * height / ROWS
    columns = (np.arange(COLUMNS) + 0.5) * width / COLUMNS
    return [tuple(map(int, picture[int(y), int(x)])) for y in rows for x in columns]


def on(page: Page) -> list[tuple[int, ...]]:
    """The same of the picture that a page shows of somebody else, once there is one."""
    video = page.locator("video[data-peer-id]")
    video.wait_for()
    page.wait_for_function("() => document.querySelector('video[data-peer-id]').currentTime > 1")
    return [tuple(colour) for colour in video.evaluate(READ)]


def worst(seen: list[tuple[int, ...]]) -> int:
    return int(np.abs(np.array(seen) - np.array(COLOURS)).max())


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose camera sees the fields, in the numbers of a webcam: BT.601, video range."""
    path: Path = tmp_path_factory.mktemp("camera") / "fields.y4m"
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", "20", "-i", "-"]
    scaled = ["-vf", "scale=out_color_matrix=bt601:out_range=tv", "-pix_fmt", "yuv420p"]
    command = ["ffmpeg", "-v", "error", *raw, *scaled, str(path)]
    subprocess.run(command, input=patches().tobytes() * 20, check=True)
    with chromium(f"--use-file-for-fake-video-capture={path}") as browser:
        yield browser


def test_a_camera_on_another_page_and_in_python(relay: RelayProcess, camera: Browser) -> None:
    ada, grace = (JoinPage(camera, invite(relay, name)) for name in ("Ada", "Grace"))
    try:
        ada.join()
        grace.join()
        seen = on(grace.page)
        assert worst(seen) <= LEVELS, seen
        with Peer(ROOM, name="Python", url=relay.url, token=relay.auth()["token"]) as peer:
            [sender] = [other for other in peer.peers if other.name == "Ada"]
            seen = of_array(next(iter(peer.video(sender))).rgb)
            assert worst(seen) <= LEVELS, seen
    finally:
        ada.close()
        grace.close()


def test_an_array_on_a_page(relay: RelayProcess, browser: Browser) -> None:
    with Peer(ROOM, name="Python", url=relay.url, token=relay.auth()["token"]) as peer:
        sent = peer.publish(patches() for _ in range(10_000))
        ada = JoinPage(browser, invite(relay, "Ada"))
        try:
            ada.join()
            seen = on(ada.page)
            assert worst(seen) <= LEVELS, seen
        finally:
            ada.close()
            sent.stop()
