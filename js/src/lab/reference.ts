// What WebRTC takes here and now: a tiny stamped picture through a peer connection from this page to itself, read
// back from the pixels. It costs the processor time that the measured call needs, so it runs in short spells.
import { type ReadonlySignal, signal } from "@preact/signals";
import { age_ms, drawStamp, PICTURE, readStamp, STAMP_SPAN_MS } from "./stamp.js";
import { median } from "./still.js";

const PICTURES_PER_S = 10;
const SPELL_MS = 5000;
const PAUSE_MS = 25_000;
/** A browser that has not connected to itself until then (a policy forbids it) is asked again in the next spell. */
const CONNECT_TIMEOUT_MS = 5000;
/** The first pictures wait for the connection and the encoder to settle. */
const SETTLE_MS = 1000;

export class Reference {
  readonly #median_ms = signal<number | null>(null);
  readonly #failed = signal(typeof RTCPeerConnection === "undefined");
  #running: AbortController | null = null;

  /** The median of the last spell, ms; null before the first and if it has failed. */
  get median_ms(): ReadonlySignal<number | null> {
    return this.#median_ms;
  }

  /** The last spell has shown nothing, or there is no WebRTC here. */
  get failed(): ReadonlySignal<boolean> {
    return this.#failed;
  }

  start(): void {
    if (this.#running !== null || typeof RTCPeerConnection === "undefined") return;
    this.#running = new AbortController();
    void this.#run(this.#running.signal);
  }

  stop(): void {
    this.#running?.abort();
    this.#running = null;
  }

  async #run(ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      if (!document.hidden) {
        const ages_ms = await measure(ended).catch((error: unknown) => {
          console.info("relay-widget: no WebRTC here to compare with:", error);
          return [];
        });
        if (ended.aborted) return;
        this.#median_ms.value = median(ages_ms);
        this.#failed.value = ages_ms.length === 0;
      }
      await sleep(PAUSE_MS, ended);
    }
  }
}

/** The ages of the pictures of one spell, each at the moment it was shown. */
async function measure(ended: AbortSignal): Promise<number[]> {
  const canvas = Object.assign(document.createElement("canvas"), PICTURE);
  const paper = canvas.getContext("2d", { alpha: false });
  const reading = new OffscreenCanvas(PICTURE.width, PICTURE.height).getContext("2d", {
    willReadFrequently: true,
  });
  const video = document.createElement("video");
  if (paper === null || reading === null || !("requestVideoFrameCallback" in video)) return [];
  const near = new RTCPeerConnection();
  const far = new RTCPeerConnection();
  const stream = canvas.captureStream(PICTURES_PER_S);
  const drawing = setInterval(() => drawStamp(paper, performance.now()), 1000 / PICTURES_PER_S);
  const ages_ms: number[] = [];
  try {
    Object.assign(video, { muted: true, playsInline: true });
    far.ontrack = ({ track }) => {
      video.srcObject = new MediaStream([track]);
      void video.play().catch(() => undefined);
    };
    await connect(near, far, stream, ended);
    await sleep(SETTLE_MS, ended);
    const look = () => {
      const now_ms = performance.now();
      reading.drawImage(video, 0, 0, PICTURE.width, PICTURE.height);
      const stamp = readStamp(reading.getImageData(0, 0, PICTURE.width, PICTURE.height).data);
      const age = stamp === null ? null : age_ms(stamp, now_ms);
      // Older than half the span: it was misread.
      if (age !== null && age < STAMP_SPAN_MS / 2) ages_ms.push(age);
      request = video.requestVideoFrameCallback(look);
    };
    let request = video.requestVideoFrameCallback(look);
    await sleep(SPELL_MS, ended);
    video.cancelVideoFrameCallback(request);
  } finally {
    clearInterval(drawing);
    for (const track of stream.getTracks()) track.stop();
    near.close();
    far.close();
    video.srcObject = null;
  }
  return ages_ms;
}

async function connect(
  near: RTCPeerConnection,
  far: RTCPeerConnection,
  stream: MediaStream,
  ended: AbortSignal,
): Promise<void> {
  near.onicecandidate = ({ candidate }) =>
    void far.addIceCandidate(candidate ?? undefined).catch(() => undefined);
  far.onicecandidate = ({ candidate }) =>
    void near.addIceCandidate(candidate ?? undefined).catch(() => undefined);
  for (const track of stream.getTracks()) near.addTrack(track, stream);
  await near.setLocalDescription();
  await far.setRemoteDescription(near.localDescription ?? { type: "offer" });
  await far.setLocalDescription();
  await near.setRemoteDescription(far.localDescription ?? { type: "answer" });
  const connected = new Promise<void>((resolve, reject) => {
    const look = () => {
      if (near.connectionState === "connected") resolve();
      else if (near.connectionState === "failed") reject(new Error("the page cannot reach itself"));
    };
    near.onconnectionstatechange = look;
    look();
  });
  const late = sleep(CONNECT_TIMEOUT_MS, ended).then(() => {
    throw new Error("the page has not reached itself in time");
  });
  await Promise.race([connected, late]);
}

/** Ends early, without an error, when `ended` fires. */
function sleep(ms: number, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (ended.aborted) {
      resolve();
      return;
    }
    const timer = setTimeout(done, ms);
    ended.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      ended.removeEventListener("abort", done);
      resolve();
    }
  });
}
