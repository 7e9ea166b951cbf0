// A sound track's recorder where the browser has WebCodecs: Opus in blocks of 40 ms. A MediaRecorder makes blocks of 60 ms,
// and both sides wait for each of them. The same objects come out as of a `TrackRecorder`.
import { Joiner, type MediaObject, type SoundFormat, SoundMuxer } from "../segment/index.js";
import { local_ms } from "../time.js";
import { CaptureClock } from "./capture-clock.js";
import { CaptureError, recordingStopped } from "./errors.js";
import type { Recorder, RecorderOptions } from "./recorder.js";

const MIME_TYPE = "audio/webm;codecs=opus";
/** Opus has 20, 40 and 60. Twice as many blocks cost 8 % of a core in a two-way call, and gain nothing that is seen: the
 * picture needs as long. */
const BLOCK_MS = 40;
/** Sound that waits for a page that is busy, in pieces of 10 ms; older sound is lost. */
const MAX_WAITING_PIECES = 200;
/** Sound that is missing for longer is silence: blocks have no place for a gap. */
const MAX_GAP_MS = 100;
/** Longer silence, or time that jumps back, is a new epoch. A page that is so busy that it gets a piece only now and then
 * must not begin one with each: none would come to a whole block, and beginning costs more than going on. */
const MAX_SILENCE_MS = 5000;

/** Chromium's; not in TypeScript's library, for other browsers have it in workers only, or not at all. */
declare class MediaStreamTrackProcessor {
  constructor(init: { track: MediaStreamTrack; maxBufferSize: number });
  readonly readable: ReadableStream<AudioData>;
}

/** One run of an encoder. */
interface Epoch {
  number: number;
  encoder: AudioEncoder;
  muxer: SoundMuxer | null;
  joiner: Joiner;
  clock: CaptureClock;
  sampleRate_hz: number;
  channels: number;
  /** Where the next piece and the next block begin. */
  next_us: number;
  time_ms: number;
  slice: number;
}

export class SoundRecorder implements Recorder {
  #reader: ReadableStreamDefaultReader<AudioData> | null = null;
  #epoch: Epoch | null = null;

  static canRecord(mimeType: string): boolean {
    return (
      mimeType === MIME_TYPE && "AudioEncoder" in globalThis && "MediaStreamTrackProcessor" in globalThis
    );
  }

  start(options: RecorderOptions): void {
    const [track] = options.stream.getAudioTracks();
    if (track === undefined) throw new TypeError("a SoundRecorder needs a stream with sound");
    try {
      const { readable } = new MediaStreamTrackProcessor({ track, maxBufferSize: MAX_WAITING_PIECES });
      this.#reader = readable.getReader();
      void this.#read(this.#reader, options);
    } catch (error) {
      this.#fail(options, error); // the track has ended
    }
  }

  stop(): void {
    const reader = this.#reader;
    this.#reader = null;
    void reader?.cancel();
    this.#endEpoch();
  }

  async #read(reader: ReadableStreamDefaultReader<AudioData>, options: RecorderOptions): Promise<void> {
    try {
      for (;;) {
        const { value: piece, done } = await reader.read();
        if (done) break;
        this.#encode(piece, options);
      }
    } catch (error) {
      if (reader === this.#reader) this.#fail(options, error);
    }
    if (reader === this.#reader) this.#fail(options, null); // its track has ended
  }

  #encode(piece: AudioData, options: RecorderOptions): void {
    try {
      if (this.#reader === null) return;
      if (this.#epoch === null || !goesOn(this.#epoch, piece)) this.#begin(piece, options);
      const epoch = this.#epoch as Epoch;
      const missing_us = piece.timestamp - epoch.next_us;
      if (missing_us > MAX_GAP_MS * 1000) encodeSilence(epoch, missing_us);
      epoch.next_us = piece.timestamp + piece.duration;
      epoch.encoder.encode(piece);
    } finally {
      piece.close();
    }
  }

  #begin(piece: AudioData, options: RecorderOptions): void {
    const number = this.#epoch === null ? options.epoch : this.#epoch.number + 1;
    this.#endEpoch();
    const epoch: Epoch = {
      number,
      encoder: new AudioEncoder({
        output: (block, metadata) => {
          try {
            this.#onBlock(epoch, block, metadata?.decoderConfig, options);
          } catch (error) {
            this.#fail(options, error);
          }
        },
        error: (error) => {
          if (epoch === this.#epoch) this.#fail(options, error);
        },
      }),
      muxer: null,
      joiner: new Joiner(),
      clock: new CaptureClock(true),
      sampleRate_hz: piece.sampleRate,
      channels: piece.numberOfChannels,
      next_us: piece.timestamp,
      time_ms: 0,
      slice: 0,
    };
    this.#epoch = epoch;
    epoch.encoder.configure({
      codec: "opus",
      sampleRate: piece.sampleRate,
      numberOfChannels: piece.numberOfChannels,
      bitrate: options.bitsPerSecond,
      opus: { frameDuration: BLOCK_MS * 1000 },
    });
  }

  #onBlock(
    epoch: Epoch,
    block: EncodedAudioChunk,
    decoder: AudioDecoderConfig | undefined,
    options: RecorderOptions,
  ): void {
    if (epoch !== this.#epoch) return;
    const bytes = new Uint8Array(block.byteLength);
    block.copyTo(bytes);
    epoch.muxer ??= new SoundMuxer(formatOf(decoder));
    // Where a block begins is counted: times of pieces are estimates and would leave holes between blocks.
    epoch.clock.observe(local_ms(), epoch.time_ms);
    epoch.joiner.add(epoch.muxer.push(epoch.time_ms, bytes));
    epoch.time_ms += BLOCK_MS;
    const slice = Math.floor(epoch.time_ms / options.timeslice_ms);
    if (slice === epoch.slice) return;
    epoch.slice = slice;
    for (const object of epoch.joiner.take()) this.#send(epoch, object, options);
  }

  #send(epoch: Epoch, object: MediaObject, options: RecorderOptions): void {
    if (epoch !== this.#epoch) return; // the receiver of an object has stopped us
    options.onObject(object, epoch.number, epoch.clock.captured_ms(object.mediaTime_ms));
  }

  #fail(options: RecorderOptions, reason: unknown): void {
    this.stop();
    options.onError(recordingStopped(reason));
  }

  #endEpoch(): void {
    if (this.#epoch !== null && this.#epoch.encoder.state !== "closed") this.#epoch.encoder.close();
    this.#epoch = null;
  }
}

function goesOn(epoch: Epoch, piece: AudioData): boolean {
  const missing_ms = (piece.timestamp - epoch.next_us) / 1000;
  return (
    piece.sampleRate === epoch.sampleRate_hz &&
    piece.numberOfChannels === epoch.channels &&
    missing_ms > -MAX_GAP_MS &&
    missing_ms < MAX_SILENCE_MS
  );
}

function encodeSilence({ encoder, next_us, sampleRate_hz, channels }: Epoch, duration_us: number): void {
  const frames = Math.round((duration_us * sampleRate_hz) / 1e6);
  const silence = new AudioData({
    format: "f32-planar",
    sampleRate: sampleRate_hz,
    numberOfFrames: frames,
    numberOfChannels: channels,
    timestamp: next_us,
    data: new Float32Array(frames * channels),
  });
  encoder.encode(silence);
  silence.close();
}

function formatOf(decoder: AudioDecoderConfig | undefined): SoundFormat {
  const { description } = decoder ?? {};
  if (decoder === undefined || description === undefined) {
    throw new CaptureError("capture-failed", "The browser's sound encoder does not say how to decode it.");
  }
  const opusHead = ArrayBuffer.isView(description)
    ? new Uint8Array(description.buffer, description.byteOffset, description.byteLength)
    : new Uint8Array(description);
  return { opusHead, channels: decoder.numberOfChannels };
}
