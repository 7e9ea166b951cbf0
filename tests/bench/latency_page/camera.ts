// Puts the stamped camera in the place of the browser's: whoever asks for a camera gets it, with the browser's own
// (fake) microphone. So the product records it without knowing.
import { STAMP_SPAN_MS } from "../../e2e/player_page/stamp.js";

/** The text of camera_worker.ts, bundled; a page under test has no place to load it from. */
declare const CAMERA_WORKER: string;

interface Generator extends MediaStreamTrack {
  readonly writable: WritableStream<VideoFrame>;
}
declare const MediaStreamTrackGenerator: new (options: { kind: "video" }) => Generator;

let camera: MediaStreamTrack | null = null;

/** One device for the page, as a real camera is: everybody who opens it gets the same pictures. */
function openCamera(): MediaStreamTrack {
  if (camera === null) {
    const generator = new MediaStreamTrackGenerator({ kind: "video" });
    const worker = new Worker(URL.createObjectURL(new Blob([CAMERA_WORKER], { type: "text/javascript" })));
    worker.postMessage(generator.writable, [generator.writable]);
    camera = generator;
  }
  return camera.clone();
}

export function installCamera(): void {
  // Absent in frames that may not capture.
  const devices: MediaDevices | undefined = navigator.mediaDevices;
  if (devices === undefined) return;
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (constraints = {}) => {
    const { audio, video } = constraints;
    const sound = audio ? (await ask({ audio })).getAudioTracks() : [];
    return new MediaStream([...(video ? [openCamera()] : []), ...sound]);
  };
}

/** How long ago a picture with this stamp was taken. */
export function age_ms(stamp: number): number {
  const now_ms = performance.timeOrigin + performance.now();
  const age = (now_ms - stamp) % STAMP_SPAN_MS;
  return age > STAMP_SPAN_MS / 2 ? age - STAMP_SPAN_MS : age;
}
