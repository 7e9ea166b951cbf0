// The sending side of a participant: keeps what is published in step with what the user wants sent.
// Wishes may change at any time, even while a device is still opening; one reconciling loop follows them.
import { FULL_QUALITY, type VideoQuality } from "./adaptation.js";
import { type CaptureSource, chooseMimeType, openSource } from "./capture/index.js";
import type { MediaHeader, TrackInfo } from "./protocol.js";
import { packagingOf } from "./segment/index.js";
import { TrackSender } from "./track-sender.js";
import type { Source } from "./ui/state.js";

/** The two tracks of a browser participant. Recorded together, pictures would wait for the sound's 60 ms blocks;
 * played together, the picture would stop when the sound runs dry; and who is slow could not keep the sound. */
export const VIDEO_TRACK = "video";
export const AUDIO_TRACK = "audio";
export const AUDIO_BITS_PER_SECOND = 48_000;

export interface Wishes {
  source: Source;
  microphone: boolean;
  /** Of that source. */
  picture: boolean;
  cameraId: string;
  microphoneId: string;
  timeslice_ms: number;
  /** Drawn into the test pattern. */
  name: string;
}

export interface PublisherEvents {
  publish(track: TrackInfo): void;
  unpublish(track: string): void;
  sendMedia(header: MediaHeader, bytes: Uint8Array): void;
  /** A local time (ms) in the relay's clock. */
  toRelay_ms(local_ms: number): number;
  /** What is captured now; null: nothing. */
  onStream(stream: MediaStream | null): void;
  /** A wish could not be met; what was running goes on. */
  onProblem(code: string, message: string): void;
  /** Whether this browser records something that everybody can play. */
  onCommonCodec(common: boolean): void;
}

/** What is captured: of which source, and whether it has a picture and sound. */
export interface Captured {
  source: Source | null;
  picture: boolean;
  sound: boolean;
}

export class Publisher {
  #wanted: Wishes | null = null;
  #recording = false;
  #plays: readonly string[][] = [];
  #quality = FULL_QUALITY;
  #source: CaptureSource | null = null;
  #sourceKey = "";
  #sourceKind: Source | null = null;
  readonly #video: TrackSender;
  readonly #audio: TrackSender;
  #running: Promise<boolean> | null = null;
  #again = false;

  constructor(private readonly events: PublisherEvents) {
    const track = {
      publish: (info: TrackInfo) => events.publish(info),
      unpublish: (id: string) => events.unpublish(id),
      sendMedia: (header: MediaHeader, bytes: Uint8Array) => events.sendMedia(header, bytes),
      toRelay_ms: (local_ms: number) => events.toRelay_ms(local_ms),
      level: () => this.level,
      onFailed: (error: Error) => events.onProblem("capture-failed", error.message),
    };
    this.#video = new TrackSender(VIDEO_TRACK, track);
    this.#audio = new TrackSender(AUDIO_TRACK, track);
  }

  /** Sound level of the microphone now, 0..1. */
  get level(): number {
    return this.#source !== null && this.#wanted?.microphone ? this.#source.level() : 0;
  }

  get captured(): Captured {
    return {
      source: this.#sourceKind,
      picture: this.#source?.hasVideo ?? false,
      sound: this.#source?.hasAudio ?? false,
    };
  }

  /** Capture (not yet send) what these wishes say, or change what is captured and sent. Null captures nothing.
   * Resolves to whether they could be met. */
  want(wishes: Wishes | null): Promise<boolean> {
    this.#wanted = wishes;
    return this.#reconcile();
  }

  /** Send from now on. Also after a reconnection: a new epoch begins, because the relay knows nothing. */
  start(plays: readonly string[][]): Promise<boolean> {
    this.#recording = true;
    this.#plays = plays;
    this.#video.forget();
    this.#audio.forget();
    return this.#reconcile();
  }

  /** Others have come or gone: another codec may be needed. */
  negotiate(plays: readonly string[][]): void {
    this.#plays = plays;
    if (this.#recording) void this.#reconcile();
  }

  /** How good a picture to send. Another one is a new epoch of the video; the sound goes on. */
  setQuality(quality: VideoQuality): Promise<boolean> {
    this.#quality = quality;
    return this.#reconcile();
  }

  /** Stop sending; the capture stays for the lobby until `want(null)`. */
  stop(): void {
    this.#recording = false;
    this.#video.stop();
    this.#audio.stop();
  }

  /** One at a time; a call during a run makes it look once more. */
  #reconcile(): Promise<boolean> {
    this.#again = true;
    this.#running ??= (async () => {
      let met = true;
      try {
        while (this.#again) {
          this.#again = false;
          met = await this.#step();
        }
      } finally {
        this.#running = null;
      }
      return met;
    })();
    return this.#running;
  }

  async #step(): Promise<boolean> {
    const wanted = this.#wanted;
    const met = await this.#follow(wanted);
    const { width, frameRate } = this.#quality;
    await this.#source?.setPicture(
      width / FULL_QUALITY.width,
      frameRate < FULL_QUALITY.frameRate ? frameRate : null,
    );
    if (this.#again) return met;
    const source = this.#source;
    if (source === null || wanted === null || !this.#recording) {
      this.#video.stop();
      this.#audio.stop();
      return met;
    }
    source.setMuted(!wanted.microphone);
    const sendsVideo = this.#send(this.#video, source.stream.getVideoTracks(), wanted);
    const sendsAudio = this.#send(this.#audio, source.stream.getAudioTracks(), wanted);
    this.events.onCommonCodec(sendsVideo && sendsAudio);
    return met && sendsVideo && sendsAudio;
  }

  /** Send these tracks of one kind; false if there is no format for everybody. */
  #send(sender: TrackSender, tracks: MediaStreamTrack[], wanted: Wishes): boolean {
    if (tracks.length === 0) {
      sender.stop();
      return true;
    }
    const video = sender === this.#video;
    const mimeType = chooseMimeType({
      audio: !video,
      video,
      canRecord: (type) => MediaRecorder.isTypeSupported(type),
      plays: this.#plays,
    });
    if (mimeType === null) {
      sender.halt();
      return false;
    }
    const info = {
      mimeType,
      packaging: packagingOf(mimeType),
      source: video || wanted.source !== "screen" ? wanted.source : "camera",
      audio: !video,
      video,
      muted: !video && !wanted.microphone,
      timeslice_ms: wanted.timeslice_ms,
    };
    sender.send(
      new MediaStream(tracks),
      info,
      video ? this.#quality.videoBitsPerSecond : AUDIO_BITS_PER_SECOND,
    );
    return true;
  }

  /** Open the source that is wanted; on failure the one that runs is kept. */
  async #follow(wanted: Wishes | null): Promise<boolean> {
    // A microphone once captured is muted, not given back: unmuting must not ask or wait again. The pattern's
    // tone is no microphone.
    const captured = this.#source?.hasAudio === true && this.#sourceKind !== "pattern";
    const kept =
      wanted?.source === "pattern" ? this.#sourceKind === "pattern" && this.#source?.hasAudio : captured;
    const microphone = wanted !== null && (wanted.microphone || kept === true);
    const idle = wanted === null || !(microphone || wanted.picture);
    const key = idle ? "" : keyOf({ ...wanted, microphone });
    if (key === this.#sourceKey) return true;
    if (idle) {
      this.#setSource(null, "", null);
      return true;
    }
    try {
      const source = await openSource({ ...wanted, microphone, ...this.#screenFor(wanted) });
      source.onEnded(() => this.#sourceEnded(source));
      source.onStreamChanged(() => void this.#restarted(source));
      this.#setSource(source, key, wanted.source);
      return true;
    } catch (error) {
      // What was running goes on, but never a picture that is not wanted any more: neither a screen is.
      const unwanted = !wanted.picture || (this.#sourceKind === "screen" && wanted.source !== "screen");
      if (unwanted && this.#source?.hasVideo) this.#setSource(null, "", null);
      const { code, message } = error as { code?: string; message: string };
      this.events.onProblem(code ?? "capture-failed", message);
      return false;
    }
  }

  /** A screen that is shared goes on when something else changes: the browser would ask the user again. */
  #screenFor(wanted: Wishes): { screen?: MediaStream } {
    if (wanted.source !== "screen" || this.#sourceKind !== "screen" || this.#source === null) return {};
    const tracks = this.#source.stream.getVideoTracks().filter((track) => track.readyState === "live");
    return tracks.length === 0 ? {} : { screen: new MediaStream(tracks.map((track) => track.clone())) };
  }

  #setSource(source: CaptureSource | null, key: string, kind: Source | null): void {
    this.#video.halt(); // before its tracks end, which a recorder would take for a failure
    this.#audio.halt();
    this.#source?.close();
    this.#source = source;
    this.#sourceKey = key;
    this.#sourceKind = kind;
    this.events.onStream(source?.stream ?? null);
  }

  #sourceEnded(source: CaptureSource): void {
    if (source !== this.#source) return;
    this.#setSource(null, "", null);
    this.events.onProblem("source-ended", "The camera, microphone or screen that was being sent has gone.");
  }

  async #restarted(source: CaptureSource): Promise<void> {
    if (source !== this.#source) return;
    this.events.onStream(source.stream);
    await this.#reconcile();
  }
}

/** Changes when something else has to be opened. */
function keyOf({ source, microphone, picture, cameraId, microphoneId, name }: Wishes): string {
  return JSON.stringify([
    source,
    picture,
    picture && source === "camera" ? cameraId : "",
    microphone,
    microphone && source !== "pattern" ? microphoneId : "",
    source === "pattern" ? name : "",
  ]);
}
