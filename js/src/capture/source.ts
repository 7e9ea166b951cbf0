// What is captured: camera, screen or test pattern, with the microphone (the pattern: with a tone).
import { isDelegated, listDevices } from "./devices.js";
import { type Attempt, explain, insecurePage } from "./errors.js";
import { LevelMeter } from "./level.js";
import { openPattern } from "./pattern.js";
import { Picture } from "./picture.js";

export interface SourceOptions {
  source: "camera" | "screen" | "pattern";
  /** With sound. */
  microphone: boolean;
  /** With a picture of the source. */
  picture: boolean;
  /** The screen that is shared already; it is ended with the source that is opened. */
  screen?: MediaStream;
  /** "" or absent: the browser's choice. One that has gone is replaced by the browser's choice. */
  cameraId?: string;
  microphoneId?: string;
  /** Shown in the pattern; its pitch comes from it. */
  name?: string;
}

export interface CaptureSource {
  /** Replaced by another when tracks are added; see `onStreamChanged`. */
  readonly stream: MediaStream;
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  /** Loudness now, 0..1. */
  level(): number;
  setMuted(muted: boolean): void;
  /** Give a smaller picture (a screen's stays readable), or fewer of them; 1 and null: as opened. */
  setPicture(scale: number, frameRate: number | null): Promise<void>;
  /** A device was unplugged, or the browser's own button ended the sharing. */
  onEnded(listener: () => void): void;
  /** `stream` is another one now: a recorder must begin a new epoch. */
  onStreamChanged(listener: () => void): void;
  close(): void;
}

/** The width of a tile. From 640 x 480 on, Chromium's VP8 encoder works in a mode that takes eight times as long
 * (7.6 ms a picture against 0.9 ms at 640 x 360, the fake camera on a two-core machine). */
const CAMERA: MediaTrackConstraints = {
  width: { ideal: 640 },
  height: { ideal: 360 },
  frameRate: { ideal: 30 },
};
/** A larger screen is scaled down: more pixels cannot be encoded in time beside a notebook. */
const SCREEN: MediaTrackConstraints = {
  width: { max: 1920 },
  height: { max: 1080 },
  frameRate: { ideal: 30, max: 30 },
};
const MICROPHONE: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};

/** Rejects with a CaptureError. At least one of picture and sound must be wanted. */
export async function openSource(options: SourceOptions): Promise<CaptureSource> {
  if (options.source === "pattern") {
    const pattern = await openPattern({
      name: options.name ?? "",
      video: options.picture,
      audio: options.microphone,
    });
    const source = new OpenSource(pattern.stream, pattern.close, pattern.setPicture);
    pattern.onAudioReady((stream) => source.replace(stream));
    return source;
  }
  // Absent on insecure pages, whatever the types say.
  const mediaDevices: MediaDevices | undefined = navigator.mediaDevices;
  if (mediaDevices === undefined) throw insecurePage();
  if (options.source === "camera" || !options.picture) {
    return new OpenSource(await openDevices(mediaDevices, options));
  }
  // The screen first: asking for it is allowed for a moment after the click only.
  const screen = options.screen ?? (await openScreen(mediaDevices));
  if (!options.microphone) return new OpenSource(screen);
  try {
    const microphone = await openDevices(mediaDevices, { ...options, picture: false });
    return new OpenSource(new MediaStream([...screen.getVideoTracks(), ...microphone.getAudioTracks()]));
  } catch (error) {
    stopAll(screen);
    throw error;
  }
}

async function openDevices(mediaDevices: MediaDevices, options: SourceOptions): Promise<MediaStream> {
  const { picture: camera, microphone, cameraId, microphoneId } = options;
  try {
    return await mediaDevices.getUserMedia({
      video: camera && (cameraId ? { ...CAMERA, deviceId: { ideal: cameraId } } : CAMERA),
      audio: microphone && (microphoneId ? { ...MICROPHONE, deviceId: { ideal: microphoneId } } : MICROPHONE),
    });
  } catch (error) {
    const { cameras, microphones } = await listDevices();
    const attempt: Attempt = {
      kind: "devices",
      camera,
      microphone,
      hasCamera: cameras.length > 0,
      hasMicrophone: microphones.length > 0,
      delegated: (!camera || isDelegated("camera")) && (!microphone || isDelegated("microphone")),
    };
    throw explain(error, attempt);
  }
}

async function openScreen(mediaDevices: MediaDevices): Promise<MediaStream> {
  try {
    return await mediaDevices.getDisplayMedia({ video: SCREEN, audio: false });
  } catch (error) {
    throw explain(error, {
      kind: "screen",
      camera: true,
      microphone: false,
      hasCamera: true,
      hasMicrophone: true,
      delegated: isDelegated("display-capture"),
    });
  }
}

class OpenSource implements CaptureSource {
  #stream: MediaStream;
  #meter: LevelMeter | null = null;
  #muted = false;
  #picture: Picture | null = null;
  #ended: () => void = () => undefined;
  #changed: () => void = () => undefined;

  constructor(
    stream: MediaStream,
    private readonly closeMore: () => void = () => undefined,
    /** Makes the picture smaller where its track cannot. */
    private readonly drawPicture?: (scale: number, frameRate: number | null) => void,
  ) {
    this.#stream = stream;
    this.#watch();
  }

  get stream(): MediaStream {
    return this.#stream;
  }

  get hasAudio(): boolean {
    return this.#stream.getAudioTracks().length > 0;
  }

  get hasVideo(): boolean {
    return this.#stream.getVideoTracks().length > 0;
  }

  level(): number {
    if (this.#muted || !this.hasAudio) return 0;
    this.#meter ??= new LevelMeter(this.#stream);
    return this.#meter.level();
  }

  setMuted(muted: boolean): void {
    this.#muted = muted;
    for (const track of this.#stream.getAudioTracks()) track.enabled = !muted;
  }

  async setPicture(scale: number, frameRate: number | null): Promise<void> {
    const [track] = this.#stream.getVideoTracks();
    if (track === undefined) return;
    if (this.#picture?.track !== track) this.#picture = new Picture(track, this.drawPicture);
    await this.#picture.set(scale, frameRate);
  }

  onEnded(listener: () => void): void {
    this.#ended = listener;
  }

  onStreamChanged(listener: () => void): void {
    this.#changed = listener;
  }

  /** The same source with other tracks. */
  replace(stream: MediaStream): void {
    this.#stream = stream;
    this.#dropMeter();
    this.setMuted(this.#muted);
    this.#watch();
    this.#changed();
  }

  close(): void {
    this.#dropMeter();
    stopAll(this.#stream); // does not fire "ended"
    this.closeMore();
  }

  #watch(): void {
    for (const track of this.#stream.getTracks()) track.onended = () => this.#ended();
  }

  #dropMeter(): void {
    this.#meter?.close();
    this.#meter = null;
  }
}

function stopAll(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
