// One published track: its description on the relay and the recorder that feeds it.
import { type Recorder, SoundRecorder, TrackRecorder } from "./capture/index.js";
import type { MediaHeader, TrackInfo } from "./protocol.js";

export interface TrackEvents {
  publish(track: TrackInfo): void;
  unpublish(track: string): void;
  sendMedia(header: MediaHeader, bytes: Uint8Array): void;
  /** A local time (ms) in the relay's clock. */
  toRelay_ms(local_ms: number): number;
  /** Loudness of what is sent now, 0..1. */
  level(): number;
  onFailed(error: Error): void;
}

export class TrackSender {
  #recorder: Recorder | null = null;
  #recorderKey = "";
  #published: TrackInfo | null = null;
  #epoch = 0;

  constructor(
    private readonly id: string,
    private readonly events: TrackEvents,
  ) {}

  /** Publish and record this. What already runs goes on; another stream, format, slice or bitrate is a new
   * epoch. */
  send(stream: MediaStream, info: Omit<TrackInfo, "track">, bitsPerSecond: number): void {
    const track: TrackInfo = { track: this.id, ...info };
    if (JSON.stringify(track) !== JSON.stringify(this.#published)) {
      this.#published = track;
      this.events.publish(track);
    }
    const source = stream.getTracks().map((one) => one.id);
    const key = JSON.stringify([source, track.mimeType, track.timeslice_ms, bitsPerSecond]);
    if (key === this.#recorderKey) return;
    this.halt();
    this.#recorderKey = key;
    this.#record(stream, track, bitsPerSecond);
  }

  /** Record no more for now; the track stays published. */
  halt(): void {
    this.#recorder?.stop();
    this.#recorder = null;
    this.#recorderKey = "";
  }

  /** Take the track back. */
  stop(): void {
    this.halt();
    if (this.#published !== null) this.events.unpublish(this.id);
    this.#published = null;
  }

  /** The relay knows nothing of this track: the next `send` publishes it and begins an epoch. */
  forget(): void {
    this.halt();
    this.#published = null;
  }

  #record(stream: MediaStream, track: TrackInfo, bitsPerSecond: number): void {
    this.#epoch += 1;
    const recorder = SoundRecorder.canRecord(track.mimeType) ? new SoundRecorder() : new TrackRecorder();
    this.#recorder = recorder;
    recorder.start({
      stream,
      mimeType: track.mimeType,
      timeslice_ms: track.timeslice_ms,
      epoch: this.#epoch,
      bitsPerSecond,
      onObject: (object, epoch, captured_ms_local) => {
        if (recorder !== this.#recorder) return; // the tail of an epoch that is over
        this.#epoch = epoch; // the recorder may have begun another by itself
        const header: MediaHeader = {
          track: this.id,
          epoch,
          group: object.group,
          object: object.object,
          type: object.type,
          captured_ms: this.events.toRelay_ms(captured_ms_local),
        };
        if (object.mediaTime_ms !== null) header.media_ms = object.mediaTime_ms;
        if (track.audio) header.level = this.events.level();
        this.events.sendMedia(header, object.bytes);
      },
      onError: (error) => {
        if (recorder !== this.#recorder) return;
        this.halt();
        this.events.onFailed(error);
      },
    });
  }
}
