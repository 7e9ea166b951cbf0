// The sending side of a participant: keeps one published track in step with what the user wants sent.
// Wishes may change at any time, even while a device is still opening; one reconciling loop follows them.
import { type CaptureSource, chooseMimeType, openSource, TrackRecorder } from "./capture/index.js";
import type { MediaHeader, TrackInfo } from "./protocol.js";
import { packagingOf } from "./segment/index.js";
import type { Source } from "./ui/state.js";

/** The one track of a browser participant: camera or screen or pattern, with the microphone. */
export const TRACK_ID = "main";

export interface Wishes {
  source: Source;
  microphone: boolean;
  camera: boolean;
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
}

export class Publisher {
  #wanted: Wishes | null = null;
  #recording = false;
  #plays: readonly string[][] = [];
  #source: CaptureSource | null = null;
  #sourceKey = "";
  #sourceKind: Source | null = null;
  #recorder: TrackRecorder | null = null;
  #recorderKey = "";
  #published: TrackInfo | null = null;
  #epoch = 0;
  #running: Promise<boolean> | null = null;
  #again = false;

  constructor(private readonly events: PublisherEvents) {}

  /** Sound level of the microphone now, 0..1. */
  get level(): number {
    return this.#source !== null && this.#wanted?.microphone ? this.#source.level() : 0;
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
    this.#recorderKey = "";
    this.#published = null;
    return this.#reconcile();
  }

  /** Others have come or gone: another codec may be needed. */
  negotiate(plays: readonly string[][]): void {
    this.#plays = plays;
    if (this.#recording) void this.#reconcile();
  }

  /** Stop sending; the capture stays for the lobby until `want(null)`. */
  stop(): void {
    this.#recording = false;
    this.#stopRecorder();
    if (this.#published !== null) this.events.unpublish(TRACK_ID);
    this.#published = null;
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
    if (this.#again) return met;
    const source = this.#source;
    if (source === null || wanted === null || !this.#recording) {
      this.#stopRecorder();
      if (this.#published !== null) this.events.unpublish(TRACK_ID);
      this.#published = null;
      return met;
    }
    source.setMuted(!wanted.microphone);
    const mimeType = chooseMimeType({
      audio: source.hasAudio,
      video: source.hasVideo,
      canRecord: (type) => MediaRecorder.isTypeSupported(type),
      plays: this.#plays,
    });
    if (mimeType === null) {
      this.#stopRecorder();
      this.events.onProblem(
        "no-common-codec",
        "This browser records nothing that everyone in the room can play.",
      );
      return false;
    }
    const track: TrackInfo = {
      track: TRACK_ID,
      mimeType,
      packaging: packagingOf(mimeType),
      source: wanted.source,
      audio: source.hasAudio,
      video: source.hasVideo,
      muted: !wanted.microphone || !source.hasAudio,
      timeslice_ms: wanted.timeslice_ms,
    };
    if (JSON.stringify(track) !== JSON.stringify(this.#published)) {
      this.#published = track;
      this.events.publish(track);
    }
    const key = `${this.#sourceKey} ${source.stream.id} ${mimeType} ${wanted.timeslice_ms}`;
    if (key !== this.#recorderKey) {
      this.#stopRecorder();
      this.#recorderKey = key;
      this.#record(source.stream, track);
    }
    return met;
  }

  /** Open the source that is wanted; on failure the one that runs is kept. */
  async #follow(wanted: Wishes | null): Promise<boolean> {
    // A microphone once captured is muted, not given back: unmuting must not ask or wait again. The pattern's
    // tone is no microphone.
    const captured = this.#source?.hasAudio === true && this.#sourceKind !== "pattern";
    const kept =
      wanted?.source === "pattern" ? this.#sourceKind === "pattern" && this.#source?.hasAudio : captured;
    const microphone = wanted !== null && (wanted.microphone || kept === true);
    const idle = wanted === null || !(microphone || wanted.camera);
    const key = idle
      ? ""
      : JSON.stringify([
          wanted.source,
          microphone,
          wanted.camera,
          wanted.cameraId,
          wanted.microphoneId,
          wanted.source === "pattern" ? wanted.name : "",
        ]);
    if (key === this.#sourceKey) return true;
    if (idle) {
      this.#setSource(null, "", null);
      return true;
    }
    try {
      const source = await openSource({ ...wanted, microphone });
      source.onEnded(() => this.#sourceEnded(source));
      source.onStreamChanged(() => void this.#restarted(source));
      this.#setSource(source, key, wanted.source);
      return true;
    } catch (error) {
      // What was running goes on, but never a picture that is not wanted any more.
      if (!wanted.camera && this.#source?.hasVideo) this.#setSource(null, "", null);
      const { code, message } = error as { code?: string; message: string };
      this.events.onProblem(code ?? "capture-failed", message);
      return false;
    }
  }

  #setSource(source: CaptureSource | null, key: string, kind: Source | null): void {
    if (this.#source !== null) this.#stopRecorder(); // before its tracks end, which it would take for a failure
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
    this.#recorderKey = "";
    this.events.onStream(source.stream);
    await this.#reconcile();
  }

  #record(stream: MediaStream, track: TrackInfo): void {
    this.#epoch += 1;
    const recorder = new TrackRecorder();
    this.#recorder = recorder;
    recorder.start({
      stream,
      mimeType: track.mimeType,
      timeslice_ms: track.timeslice_ms,
      epoch: this.#epoch,
      onObject: (object, epoch, captured_ms_local) => {
        if (recorder !== this.#recorder) return; // the tail of an epoch that is over
        this.#epoch = epoch; // the recorder may have begun another by itself
        const header: MediaHeader = {
          track: TRACK_ID,
          epoch,
          group: object.group,
          object: object.object,
          type: object.type,
          captured_ms: this.events.toRelay_ms(captured_ms_local),
          level: this.level,
        };
        this.events.sendMedia(header, object.bytes);
      },
      onError: (error) => {
        if (recorder !== this.#recorder) return;
        this.#stopRecorder();
        this.events.onProblem("capture-failed", error.message);
      },
    });
  }

  #stopRecorder(): void {
    this.#recorder?.stop();
    this.#recorder = null;
    this.#recorderKey = "";
  }
}
