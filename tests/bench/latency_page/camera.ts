// Puts the stamped camera in the place of the browser's: whoever asks for a camera gets it, with the browser's own
// (fake) microphone, or one that beeps in time. So the product records it without knowing.
import { STAMP_SPAN_MS } from "../../e2e/player_page/stamp.js";

/** The texts of the two workers, bundled; a page under test has no place to load them from. */
declare const CAMERA_WORKER: string;
declare const MICROPHONE_WORKER: string;

interface Generator extends MediaStreamTrack {
  readonly writable: WritableStream;
}
declare const MediaStreamTrackGenerator: new (options: { kind: "video" | "audio" }) => Generator;

const devices = new Map<string, MediaStreamTrack>();

/** One device for the page, as a real one is: everybody who opens it gets the same. */
function openDevice(kind: "video" | "audio", workerText: string, look: CameraOptions = {}): MediaStreamTrack {
  let device = devices.get(kind);
  if (device === undefined) {
    const generator = new MediaStreamTrackGenerator({ kind });
    const worker = new Worker(URL.createObjectURL(new Blob([workerText], { type: "text/javascript" })));
    worker.postMessage({ writable: generator.writable, ...look }, [generator.writable]);
    devices.set(kind, generator);
    device = generator;
  }
  return device.clone();
}

interface CameraOptions {
  /** Of the pictures, which are 640 wide; as large as the product asks for if not given. */
  height?: number;
  /** So much changes from picture to picture that the encoder takes all the bits it may. */
  restless?: boolean;
}

export function installCamera({ beeps, ...look }: CameraOptions & { beeps?: boolean } = {}): void {
  // Absent in frames that may not capture.
  const browsers: MediaDevices | undefined = navigator.mediaDevices;
  if (browsers === undefined) return;
  const ask = browsers.getUserMedia.bind(browsers);
  browsers.getUserMedia = async (constraints = {}) => {
    const { audio, video } = constraints;
    const tracks = video ? [openDevice("video", CAMERA_WORKER, look)] : [];
    if (audio && beeps) tracks.push(openDevice("audio", MICROPHONE_WORKER));
    else if (audio) tracks.push(...(await ask({ audio })).getAudioTracks());
    return new MediaStream(tracks);
  };
}

/** How long ago a picture with this stamp was taken; `now_ms` since 1970. */
export function age_ms(stamp: number, now_ms: number): number {
  const age = (now_ms - stamp) % STAMP_SPAN_MS;
  return age > STAMP_SPAN_MS / 2 ? age - STAMP_SPAN_MS : age;
}
