"""Record the media vectors with the MediaRecorder of a real Chromium, and prove that every group decodes.

Run from the checkout: ``.venv/bin/python tests/vectors/record.py [NAME …]``. It overwrites
``tests/vectors/media/NAME.webm|mp4`` and ``NAME.json``; both test suites read them.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import json
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.vectors.boundaries import layout

if TYPE_CHECKING:
    from collections.abc import Iterator

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
MEDIA = Path(__file__).parent / "media"
MAX_VECTOR_BYTES = 150_000


@dataclass(frozen=True)
class Recording:
    """What to record."""

    name: str
    mime_type: str
    source: str
    milliseconds: int = 3300
    timeslice_ms: int = 20
    video_bits_per_second: int = 150_000
    audio_bits_per_second: int = 32_000

    @property
    def packaging(self) -> str:
        return "fmp4" if "/mp4" in self.mime_type else "webm"

    @property
    def file(self) -> str:
        return f"{self.name}.{'mp4' if self.packaging == 'fmp4' else 'webm'}"


RECORDINGS = (
    Recording("vp8-opus", "video/webm;codecs=vp8,opus", "camera+microphone"),
    Recording("vp9-opus", "video/webm;codecs=vp9,opus", "camera+microphone"),
    Recording("opus", "audio/webm;codecs=opus", "microphone"),
    Recording("vp8-canvas", "video/webm;codecs=vp8", "canvas"),
    Recording("h264-opus", "video/mp4;codecs=avc1.42E01E,opus", "camera+microphone"),
)

RECORD_JS = """
async ({ source, mimeType, milliseconds, timeslice_ms, videoBitsPerSecond, audioBitsPerSecond }) => {
  const open = async () => {
    if (source === "canvas") {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [320, 240];
      const context = canvas.getContext("2d");
      let frame = 0;
      const timer = setInterval(() => {
        context.fillStyle = `hsl(${frame * 7} 60% 50%)`;
        context.fillRect(0, 0, 320, 240);
        context.fillStyle = "white";
        context.fillText(`frame ${frame++}`, 20 + (frame % 200), 120);
      }, 33);
      return [canvas.captureStream(30), () => clearInterval(timer)];
    }
    const video = { width: 320, height: 240, frameRate: 20 };
    const wanted = { audio: source.includes("microphone"), video: source.includes("camera") && video };
    const stream = await navigator.mediaDevices.getUserMedia(wanted);
    return [stream, () => {}];
  };
  const [stream, close] = await open();
  const options = { mimeType, videoBitsPerSecond, audioBitsPerSecond, videoKeyFrameIntervalDuration: 1000 };
  const recorder = new MediaRecorder(stream, options);
  const blobs = [];
  recorder.ondataavailable = (event) => blobs.push(event.data);
  const stopped = new Promise((resolve, reject) => {
    recorder.onstop = resolve;
    recorder.onerror = (event) => reject(event.error);
  });
  recorder.start(timeslice_ms);
  setTimeout(() => recorder.stop(), milliseconds);
  await stopped;
  close();
  for (const track of stream.getTracks()) track.stop();
  const whole = new Uint8Array(await new Blob(blobs).arrayBuffer());
  let text = "";
  for (const byte of whole) text += String.fromCharCode(byte);
  return { slices: blobs.map((blob) => blob.size), bytes: btoa(text), mimeType: recorder.mimeType };
}
"""

DECODE_JS = """
async ({ url, mimeType, init_bytes, start, end }) => {
  const whole = new Uint8Array(await (await fetch(url)).arrayBuffer());
  const video = document.createElement("video");
  video.muted = true;
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await new Promise((resolve) => source.addEventListener("sourceopen", resolve, { once: true }));
  const buffer = source.addSourceBuffer(mimeType);
  const failed = new Promise((_, reject) => {
    const tell = () => reject(new Error(video.error?.message ?? "the append failed"));
    video.onerror = tell;
    buffer.onerror = tell;
  });
  const append = (bytes) => {
    const done = new Promise((resolve) => buffer.addEventListener("updateend", resolve, { once: true }));
    buffer.appendBuffer(bytes);
    return Promise.race([done, failed]);
  };
  await append(whole.subarray(0, init_bytes));
  await append(whole.subarray(start, end));
  source.endOfStream(); // without it play() waits for more than a short last group has
  const timeout = setTimeout(() => video.onerror(), 5000);
  const hasPicture = mimeType.startsWith("video/");
  const shown = hasPicture
    ? new Promise((resolve) => video.requestVideoFrameCallback((_, frame) => resolve(frame.mediaTime)))
    : new Promise((resolve) => {
        video.ontimeupdate = () => video.webkitAudioDecodedByteCount > 0 && resolve(video.currentTime);
      });
  video.currentTime = buffer.buffered.start(0);
  await Promise.race([video.play(), failed]);
  const mediaTime_s = await Promise.race([shown, failed]);
  clearTimeout(timeout);
  const from_s = buffer.buffered.start(0);
  const to_s = buffer.buffered.end(0);
  video.removeAttribute("src");
  video.load();
  return { mediaTime_s, from_s, to_s };
}
"""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback: getUserMedia needs a secure context, and that is one."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def record(page: Page, recording: Recording, recorded_by: str) -> None:
    """Record one vector and write both of its files."""
    answer = page.evaluate(
        RECORD_JS,
        {
            "source": recording.source,
            "mimeType": recording.mime_type,
            "milliseconds": recording.milliseconds,
            "timeslice_ms": recording.timeslice_ms,
            "videoBitsPerSecond": recording.video_bits_per_second,
            "audioBitsPerSecond": recording.audio_bits_per_second,
        },
    )
    data = base64.b64decode(answer["bytes"])
    if len(data) > MAX_VECTOR_BYTES:
        raise SystemExit(f"{recording.name} has {len(data)} bytes: lower its bit rate or its length.")
    found = layout(recording.packaging, data)
    vector = {
        "mimeType": recording.mime_type,
        "packaging": recording.packaging,
        "recordedBy": recorded_by,
        "timeslice_ms": recording.timeslice_ms,
        "sha256": hashlib.sha256(data).hexdigest(),
        "init_bytes": found.init_bytes,
        "groups": found.groups,
        "chunks": [chunk.offset for chunk in found.chunks],
        "slices": answer["slices"],
    }
    (MEDIA / recording.file).write_bytes(data)
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in vector.items())
    (MEDIA / f"{recording.name}.json").write_text(f"{{\n{lines}\n}}\n")


def prove_groups_decode(page: Page, base: str, recording: Recording) -> None:
    """Append init + each single group to a fresh MediaSource: each must show a picture (or sound)."""
    vector = json.loads((MEDIA / f"{recording.name}.json").read_text())
    data_bytes = (MEDIA / recording.file).stat().st_size
    ends = [*vector["groups"][1:], data_bytes]
    groups = list(zip(vector["groups"], ends, strict=True))
    if not recording.mime_type.startswith("video/"):
        groups = [groups[0], (groups[len(groups) // 2][0], data_bytes)]  # sound: any cluster opens a group
    for start, end in groups:
        what = {key: vector[key] for key in ("mimeType", "init_bytes")}
        url = f"{base}/{recording.file}"
        shown = page.evaluate(DECODE_JS, {**what, "url": url, "start": start, "end": end})
        print(
            f"  group at byte {start}: {shown['from_s']:.3f} to {shown['to_s']:.3f} s, "
            f"first shown at {shown['mediaTime_s']:.3f} s"
        )


def main(names: list[str]) -> None:
    """Record the named vectors, or all."""
    MEDIA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as empty, sync_playwright() as playwright:
        Path(empty, "index.html").write_text("<!doctype html><title>recording</title>")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        with served(Path(empty)) as base, served(MEDIA) as media:
            for recording in RECORDINGS:
                if names and recording.name not in names:
                    continue
                page = browser.new_page()
                page.goto(base)
                record(page, recording, f"Chromium {browser.version}")
                size = (MEDIA / recording.file).stat().st_size
                print(f"{recording.file}: {size} bytes")
                page.goto(f"{media}/{recording.name}.json")
                prove_groups_decode(page, media, recording)
                page.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
