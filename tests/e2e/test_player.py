"""The player alone, in a real Chromium: real recordings, and everything that can happen to them on the way."""

from __future__ import annotations

import base64
import functools
import http.server
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import TimeoutError as WaitedInVainError

from relay_widget.media.encode import AudioEncoder, VideoEncoder
from relay_widget.media.pattern import Pattern, draw_stamp

from .lab import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from relay_widget.media.webm import MediaObject
    from relay_widget.protocol import Track

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PAGE = Path(__file__).parent / "player_page"
WITHIN_MS = 20_000
"""How long anything may take before the test fails; nothing is asserted about how long it does take."""

LIVE = "() => bench.shows(performance.now() - 3000) && !bench.video.paused"
"""A picture that was drawn not long ago is on the screen."""

LISTEN = """() => {
  const { connect } = AudioNode.prototype;
  window.ears = [];
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode) {
      const ear = new AnalyserNode(to.context);
      connect.call(this, ear);
      window.ears.push(ear);
    }
    return connect.call(this, to, ...rest);
  };
}"""
"""An ear at each way out of the page that is opened from now on."""
HEARD = """() => {
  const samples = new Float32Array(2048);
  ears.at(-1)?.getFloatTimeDomainData(samples);
  return samples.some((sample) => Math.abs(sample) > 0.01);
}"""
"""The microphone's beep is heard through the last of them."""


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Keep pytest's output to itself."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    out = tmp_path_factory.mktemp("player_page")
    subprocess.run(
        [
            ROOT / "js/node_modules/.bin/esbuild",
            PAGE / "page.ts",
            "--bundle",
            "--format=esm",
            "--target=es2022",
            "--log-level=warning",
            f"--outfile={out / 'page.js'}",
        ],
        check=True,
        cwd=ROOT / "js",
    )
    shutil.copy(PAGE / "index.html", out)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(out)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def playing_browser() -> Iterator[Browser]:
    """Not the default rules: autoplay is another test."""
    with chromium("--autoplay-policy=no-user-gesture-required") as running:
        yield running


@pytest.fixture
def page(playing_browser: Browser, address: str) -> Iterator[Page]:
    yield from open_page(playing_browser, address)


def open_page(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    page.wait_for_function("() => window.bench !== undefined")
    yield page
    page.close()
    assert errors == []


def start(page: Page, **take: Any) -> None:
    page.evaluate("take => bench.start(take)", take)


def wait(page: Page, condition: str, arg: Any = None) -> None:
    try:
        page.wait_for_function(condition, arg=arg, timeout=WITHIN_MS)
    except WaitedInVainError as error:
        pytest.fail(f"waited in vain for {condition}: {page.evaluate('bench.state()')} ({error})")


def wait_live(page: Page) -> None:
    """A fresh picture is shown, and then a still fresher one: it is not a freeze."""
    wait(page, LIVE)
    shown = page.evaluate("bench.stamp_ms() ?? performance.now()")
    wait(page, "than => bench.shows(than + 500)", shown)


def problems(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("bench.problems")
    return found


def figures(page: Page) -> dict[str, float]:
    found: dict[str, float] = page.evaluate("bench.player.figures()")
    return found


@pytest.mark.parametrize("timeslice_ms", [20, 100, 1500])
def test_plays_and_advances(page: Page, timeslice_ms: int) -> None:
    start(page, timeslice_ms=timeslice_ms)
    wait_live(page)
    assert problems(page) == []
    shown = figures(page)
    assert shown["latency_ms"] > 0
    assert shown["dropped_groups"] == 0


class PythonPublisher:
    """Encodes a picture with the page's time in it, or a tone, and hands it to the page as the relay would."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._ahead_ms: float = page.evaluate("performance.now()") - time.monotonic() * 1000

    def listen(self, track: Track) -> None:
        self._page.evaluate("track => bench.listen(track)", track.as_json())

    def now_ms(self) -> float:
        """In the page's clock."""
        return time.monotonic() * 1000 + self._ahead_ms

    def send(self, objects: list[MediaObject]) -> None:
        for header, data in objects:
            label = {**header.as_json(), "sent_ms": self.now_ms()}
            arguments = [label, base64.b64encode(data).decode()]
            self._page.evaluate("([header, data]) => bench.receive(header, data)", arguments)


def test_plays_what_python_encodes(page: Page) -> None:
    publisher, pattern = PythonPublisher(page), Pattern(640, 480)
    encoder = VideoEncoder(fps=30)
    publisher.listen(encoder.track)
    page.evaluate("bench.measure()")
    drawn_ms: list[int] = []
    for number in range(150):
        if number == 90:
            wait(page, "than => bench.shows(than)", drawn_ms[80])
            pattern = Pattern(321, 241)  # another size: a new epoch
        picture, now_ms = pattern.picture(number), publisher.now_ms()
        drawn_ms.append(round(now_ms))
        draw_stamp(picture, drawn_ms[-1])
        publisher.send(encoder.encode(picture, now_ms))
        page.wait_for_timeout(33 if number % 20 else 120)  # now and then a picture is late
    wait(page, "than => bench.shows(than)", drawn_ms[140])
    assert page.evaluate("[bench.video.videoWidth, bench.video.videoHeight]") == [321, 241]
    assert problems(page) == []
    shown = figures(page)
    assert shown["dropped_groups"] == 0
    assert shown["latency_ms"] > 0
    assert len(page.evaluate("bench.latencies_ms")) > 50, "pictures between the keys are shown, too"


def test_plays_sound_that_python_encodes(page: Page) -> None:
    publisher, pattern = PythonPublisher(page), Pattern(fps=25)
    encoder = AudioEncoder()
    publisher.listen(encoder.track)
    for number in range(75):
        publisher.send(encoder.encode(pattern.sound(number).samples, publisher.now_ms()))
        page.wait_for_timeout(40)
    wait(page, "() => bench.video.currentTime > 1")
    assert problems(page) == []


def test_video_only_and_audio_only(page: Page) -> None:
    start(page, mimeType="video/webm;codecs=vp8", audio=False)
    wait_live(page)
    page.evaluate("bench.record({mimeType: 'audio/webm;codecs=opus', audio: true, video: false})")
    wait(page, "() => bench.video.videoWidth === 0 && bench.video.currentTime > 0.5")
    assert problems(page) == []


def test_sound_alone_is_heard_through_one_context(page: Page) -> None:
    page.evaluate(LISTEN)
    start(page, mimeType="audio/webm;codecs=opus", video=False)
    wait(page, HEARD)
    # It is the element that says when it plays, and that is muted: both go for what is heard.
    page.evaluate("bench.video.muted = true")
    wait(page, "since => bench.video.currentTime > since + 2", page.evaluate("bench.video.currentTime"))
    assert not page.evaluate(HEARD)
    page.evaluate("bench.video.muted = false")
    wait(page, HEARD)
    # Another source: it has one way out all its life.
    page.evaluate("bench.breakGroups(1)")
    wait(page, "() => bench.problems.length > 0")
    page.evaluate("bench.video.muted = true; bench.video.muted = false")
    wait(page, "() => bench.video.currentTime < 5 && bench.video.currentTime > 0.5")
    wait(page, HEARD)
    assert page.evaluate("ears.length") == 1
    page.evaluate("bench.player.dispose()")
    wait(page, "() => ears[0].context.state === 'closed'")


def test_a_new_epoch_goes_on_in_the_same_source(page: Page) -> None:
    start(page)
    wait_live(page)
    source, position = page.evaluate("[bench.video.src, bench.video.currentTime]")
    for _ in range(2):
        page.evaluate("bench.record()")
        wait(page, "() => bench.sentCount > 3")
        wait(page, "since => bench.shows(since)", page.evaluate("performance.now()"))
        wait_live(page)
    assert page.evaluate("bench.video.src") == source
    assert page.evaluate("bench.video.currentTime") > position
    assert problems(page) == []


def test_another_codec(page: Page) -> None:
    start(page)
    wait_live(page)
    page.evaluate("bench.record({mimeType: 'video/webm;codecs=vp9,opus'})")
    wait(page, "() => bench.sentCount > 3")
    wait(page, "since => bench.shows(since)", page.evaluate("performance.now()"))
    wait_live(page)
    assert problems(page) == []


def test_the_picture_goes_and_comes_back(page: Page) -> None:
    start(page)
    wait_live(page)
    page.evaluate("bench.record({mimeType: 'audio/webm;codecs=opus', video: false})")
    wait(page, "() => bench.video.videoWidth === 0 && bench.video.currentTime > 0.5")
    page.evaluate("bench.record({mimeType: 'video/webm;codecs=vp8,opus', video: true})")
    wait_live(page)
    assert problems(page) == []


def test_broken_bytes_cost_a_group_not_the_call(page: Page) -> None:
    start(page)
    wait_live(page)
    page.evaluate("bench.breakGroups()")
    wait(page, "() => bench.problems.length > 0")
    wait(page, "since => bench.shows(since)", page.evaluate("performance.now()"))
    wait_live(page)
    assert [problem["fatal"] for problem in problems(page)] == [False]


def test_it_gives_up_on_endless_rubbish_and_returns_with_a_new_epoch(page: Page) -> None:
    start(page)
    wait_live(page)
    page.evaluate("bench.breakGroups(1e9)")
    wait(page, "() => bench.problems.some((problem) => problem.fatal)")
    page.evaluate("bench.breakGroups(0); bench.record()")
    wait_live(page)
    assert problems(page)[-1]["code"] == "recovered"


def test_a_type_it_cannot_play_is_said_in_words(page: Page) -> None:
    page.evaluate(
        """() => {
          bench.play();
          bench.player.update({track: "main", mimeType: "video/webm;codecs=nonsense", packaging: "webm",
            source: "camera", audio: true, video: true, muted: false, timeslice_ms: 40});
          bench.player.push({track: "main", epoch: 99, group: 0, object: 0, type: "init", captured_ms: 0},
            new Uint8Array(200));
        }"""
    )
    (problem,) = problems(page)
    assert problem["fatal"]
    assert problem["code"] == "unsupported-type"
    page.evaluate("bench.record()")
    wait_live(page)


def test_a_group_without_its_tail(page: Page) -> None:
    """Its numbers do not show it, and the parser is left in the middle of an element."""
    start(page)
    wait_live(page)
    page.evaluate("bench.dropGroups(1)")
    wait(page, "since => bench.shows(since + 1000)", page.evaluate("performance.now()"))
    wait_live(page)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_groups_without_their_last_objects(page: Page, length: int) -> None:
    """Too little to show in the times: the parser takes what comes then for the rest of an element, or not."""
    start(page)
    wait_live(page)
    page.evaluate("length => bench.loseTails(6, length)", length)
    wait(page, "since => bench.shows(since + 7000)", page.evaluate("performance.now()"))
    wait_live(page)
    assert problems(page) == []


@pytest.mark.parametrize("count", [2, 4])
def test_dropped_groups_are_jumped(page: Page, count: int) -> None:
    start(page)
    wait_live(page)
    page.evaluate("count => bench.dropGroups(count)", count)
    wait(page, "() => bench.player.figures().dropped_groups > 0")
    wait(page, "since => bench.shows(since)", page.evaluate("performance.now()"))
    wait_live(page)
    assert problems(page) == []


def test_it_plays_on_outside_the_page_and_back_in_it(page: Page) -> None:
    start(page)
    wait_live(page)
    for move in ("detach", "attach", "detach", "attach"):
        page.evaluate(f"bench.{move}()")
        wait_live(page)
    assert problems(page) == []


def test_a_paused_element_resumes_at_the_live_edge(page: Page) -> None:
    start(page)
    wait_live(page)
    page.evaluate("bench.video.pause()")
    wait(page, "() => !bench.video.paused")
    wait_live(page)


def test_a_late_joiner_starts_with_the_current_group(page: Page) -> None:
    page.evaluate("bench.record()")
    wait(page, "() => bench.sent.filter((entry) => entry.header.type === 'key').length >= 4")
    page.evaluate("bench.joinLate()")
    wait_live(page)
    assert page.evaluate("bench.video.currentTime") > 2
    assert problems(page) == []


def test_what_a_reconnection_brings_again_does_no_harm(page: Page) -> None:
    start(page)
    wait_live(page)
    page.evaluate(
        """() => {
          const start = bench.sent.findLastIndex((entry) => entry.header.type === "key");
          const init = bench.sent.find((entry) => entry.header.type === "init");
          for (const { header, bytes } of [init, ...bench.sent.slice(start)]) bench.player.push(header, bytes);
        }"""
    )
    wait_live(page)
    assert problems(page) == []
    assert figures(page)["dropped_groups"] == 0


def test_a_pause_of_the_network_ends_at_the_live_edge(page: Page) -> None:
    start(page)
    wait_live(page)
    page.evaluate("bench.pauseDelivery()")
    wait(page, "() => bench.video.readyState < 3")
    # If it was seeking just then, only that it lasts makes it a stall.
    page.wait_for_timeout(1000)
    page.evaluate("bench.resumeDelivery()")
    wait(page, "since => bench.shows(since)", page.evaluate("performance.now()"))
    wait_live(page)
    assert figures(page)["stalls"] > 0


def test_a_buffer_that_gets_thin_is_played_at_half_speed(page: Page) -> None:
    start(page)
    wait_live(page)
    # In one step: a seek that is still under way, on a busy machine, may need more than has come to end.
    wait(page, "() => !bench.video.seeking && bench.video.readyState > 2 && (bench.pauseDelivery(), true)")
    wait(page, "() => bench.video.playbackRate === 0.5")
    page.evaluate("bench.resumeDelivery()")
    wait(page, "() => bench.video.playbackRate > 0.9")
    wait_live(page)


def test_the_buffer_behind_is_bounded(page: Page) -> None:
    start(page)
    wait(page, "() => bench.sent.filter((entry) => entry.header.type === 'key').length >= 5")
    longest_s = page.evaluate("bench.replay(8)")
    start_s, position_s = page.evaluate("[bench.video.buffered.start(0), bench.video.currentTime]")
    assert position_s > 20, "the replay reached far beyond what may be kept"
    assert start_s > 0
    # 8 s are kept, trimmed in steps of 4 up to a group's start. Trimmed is when something is appended: behind the last
    # of it comes what it plays by itself, at most one of the eight turns.
    assert longest_s <= 8 + 4 + 1 + position_s / 8
    assert problems(page) == []


@pytest.fixture
def strict_browser() -> Iterator[Browser]:
    """Plays no sound before the user has clicked."""
    with chromium("--autoplay-policy=document-user-activation-required") as running:
        yield running


def test_sound_that_is_refused_is_muted_until_a_click(strict_browser: Browser, address: str) -> None:
    page = strict_browser.new_page()
    # Whatever a test evaluates counts as the user's doing, so the page starts by itself.
    with page.expect_console_message(lambda message: message.text == "muted", timeout=WITHIN_MS):
        page.goto(f"{address}?start")
    assert page.evaluate("[bench.video.muted, bench.mutedCalls]") == [True, 1]
    wait_live(page)
    page.evaluate("document.addEventListener('click', () => bench.player.unmute())")
    page.mouse.click(5, 5)
    wait(page, "() => !bench.video.muted")
    wait_live(page)
    page.close()


def test_dispose_ends_everything(page: Page) -> None:
    start(page)
    wait_live(page)
    page.evaluate("bench.video.dataset.old = '1'; bench.player.dispose(); bench.player.dispose()")
    wait(page, "count => bench.sentCount > count", page.evaluate("bench.sentCount"))
    assert page.evaluate("[bench.video.paused, bench.video.isConnected, bench.video.src]") == [
        True,
        False,
        "",
    ]
    assert problems(page) == []
