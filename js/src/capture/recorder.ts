// One track's recorder: a MediaRecorder whose bytes come out as labelled objects, one epoch after another.
import { createSegmenter, Joiner, type MediaObject, packagingOf, type Segmenter } from "../segment/index.js";
import { local_ms } from "../time.js";
import { CaptureClock } from "./capture-clock.js";
import { recordingType } from "./codecs.js";
import { CaptureError, recordingStopped } from "./errors.js";
import { startTicker } from "./ticker.js";

export const KEYFRAME_INTERVAL_MS = 1000;
/** Browsers that ignore the interval make no keyframe for longer: then a new epoch gives one. */
export const MAX_GROUP_MS = 10_000;
/** Blobs that wait to be read. Reading one takes about a millisecond; this many means it does not work. */
export const MAX_WAITING_BLOBS = 250;
/** A recorder hands its bytes over at the first write after a timeslice: one picture late. So it is asked for them
 * instead, and this is its own timeslice in case that nobody asks. */
const UNASKED_TIMESLICE_MS = 1000;
/** At least this often, however long the slices are that are sent: bytes that come soon after their picture say when
 * it was taken. */
const MAX_ASKING_INTERVAL_MS = 20;
/** Nothing is expected for this part of the time between two pieces that had something in them. */
const QUIET_PART = 0.6;
const MAX_QUIET_MS = 60;

export interface RecorderOptions {
  stream: MediaStream;
  /** As published; see `chooseMimeType`. */
  mimeType: string;
  timeslice_ms: number;
  /** Number of the first epoch; when another must begin, it takes the next. */
  epoch: number;
  bitsPerSecond: number;
  /** In order. `captured_ms_local` is in this page's clock (`local_ms`). */
  onObject: (object: MediaObject, epoch: number, captured_ms_local: number) => void;
  /** The recording has ended; `restart` may try again. */
  onError: (error: Error) => void;
}

/** Records one track. Of no use again after `stop`. */
export interface Recorder {
  start(options: RecorderOptions): void;
  stop(): void;
}

/** One of the two keyframe options only: with both, Chromium throws. */
interface KeyframeOptions extends MediaRecorderOptions {
  videoKeyFrameIntervalDuration: number;
}

/** One run of a MediaRecorder. */
interface Epoch {
  number: number;
  recorder: MediaRecorder;
  segmenter: Segmenter;
  /** What waits for the end of its slice. */
  joiner: Joiner;
  /** Slices are longer than what comes at once. */
  joins: boolean;
  /** A slice ends with the next blob. */
  due: boolean;
  clock: CaptureClock;
  /** The blobs read so far, one after the other. */
  chain: Promise<void>;
  waiting: number;
  groupStarted_ms: number;
  /** Asking for bytes before this would give none. */
  quietUntil_ms: number;
  filled_ms: number;
  interval_ms: number;
  stopAsking: () => void;
}

export class TrackRecorder implements Recorder {
  #options: RecorderOptions | null = null;
  #current: Epoch | null = null;

  start(options: RecorderOptions): void {
    this.#options = options;
    this.#begin(options, options.epoch);
  }

  stop(): void {
    this.#end();
  }

  #begin(options: RecorderOptions, number: number): void {
    const recorderOptions: KeyframeOptions = {
      mimeType: recordingType(options.mimeType),
      // Of the sum alone, Chromium keeps a part for the kind of track that is not there.
      videoBitsPerSecond: options.bitsPerSecond,
      audioBitsPerSecond: options.bitsPerSecond,
      videoKeyFrameIntervalDuration: KEYFRAME_INTERVAL_MS,
    };
    try {
      const recorder = new MediaRecorder(options.stream, recorderOptions);
      const started_ms = local_ms();
      // Each piece of an MP4 recorder is a fragment of its own with a keyframe: those are not asked for.
      const asked = packagingOf(options.mimeType) === "webm";
      recorder.start(asked ? Math.max(options.timeslice_ms, UNASKED_TIMESLICE_MS) : options.timeslice_ms);
      this.#current = this.#follow(recorder, options, number, started_ms, asked);
    } catch (error) {
      // A format it cannot record, or a stream whose tracks have all ended.
      options.onError(recordingStopped(error));
    }
  }

  #follow(
    recorder: MediaRecorder,
    options: RecorderOptions,
    number: number,
    started_ms: number,
    asked: boolean,
  ): Epoch {
    const epoch: Epoch = {
      number,
      recorder,
      segmenter: createSegmenter(packagingOf(options.mimeType)),
      joiner: new Joiner(),
      joins: asked && options.timeslice_ms > MAX_ASKING_INTERVAL_MS,
      due: false,
      clock: new CaptureClock(options.stream.getAudioTracks().length > 0),
      chain: Promise.resolve(),
      waiting: 0,
      groupStarted_ms: started_ms,
      quietUntil_ms: started_ms,
      filled_ms: started_ms,
      interval_ms: 0,
      stopAsking: () => undefined,
    };
    if (asked) epoch.stopAsking = startAsking(epoch, options.timeslice_ms);
    recorder.ondataavailable = (event) => this.#onBlob(epoch, event.data, local_ms());
    recorder.onerror = (event) => this.#fail(epoch, (event as Event & { error?: unknown }).error);
    recorder.onstop = () => this.#fail(epoch, null);
    return epoch;
  }

  #onBlob(epoch: Epoch, blob: Blob, arrival_ms: number): void {
    if (epoch !== this.#current) return;
    const due = epoch.due || !epoch.joins;
    epoch.due = false;
    if (blob.size === 0) {
      if (due && epoch.joins) epoch.chain = epoch.chain.then(() => this.#send(epoch));
      return;
    }
    expectQuiet(epoch, arrival_ms);
    epoch.waiting += 1;
    if (epoch.waiting > MAX_WAITING_BLOBS) {
      this.#fail(
        epoch,
        new CaptureError(
          "capture-failed",
          "The browser does not hand over what it records: reload the page.",
        ),
      );
      return;
    }
    // Reading starts at once; what was read is taken in order.
    epoch.chain = Promise.all([blob.arrayBuffer(), epoch.chain]).then(
      ([bytes]) => {
        epoch.waiting -= 1;
        this.#onBytes(epoch, new Uint8Array(bytes), arrival_ms);
        if (due) this.#send(epoch);
      },
      (error: unknown) => this.#fail(epoch, error),
    );
  }

  #onBytes(epoch: Epoch, bytes: Uint8Array, arrival_ms: number): void {
    if (epoch !== this.#current) return;
    let objects: MediaObject[];
    try {
      objects = epoch.segmenter.push(bytes);
    } catch (error) {
      this.#fail(epoch, error);
      return;
    }
    for (const object of objects) epoch.clock.observe(arrival_ms, object.mediaTime_ms);
    epoch.joiner.add(objects);
    if (objects.some((object) => object.type === "key")) epoch.groupStarted_ms = arrival_ms;
    const needsKeyframe = objects.at(-1)?.hasVideo && arrival_ms - epoch.groupStarted_ms > MAX_GROUP_MS;
    if (!needsKeyframe) return;
    this.#send(epoch);
    if (epoch !== this.#current || this.#options === null) return;
    this.#end(); // what it has not given yet is left out
    this.#begin(this.#options, epoch.number + 1);
  }

  #send(epoch: Epoch): void {
    for (const object of epoch.joiner.take()) {
      if (epoch !== this.#current) return; // the receiver of an object has stopped us
      this.#options?.onObject(object, epoch.number, epoch.clock.captured_ms(object.mediaTime_ms));
    }
  }

  #fail(epoch: Epoch, reason: unknown): void {
    if (epoch !== this.#current) return;
    this.#end();
    this.#options?.onError(recordingStopped(reason));
  }

  #end(): void {
    const epoch = this.#current;
    this.#current = null;
    if (epoch === null) return;
    const { recorder } = epoch;
    epoch.stopAsking();
    recorder.ondataavailable = null;
    recorder.onstop = null;
    recorder.onerror = null;
    if (recorder.state !== "inactive") recorder.stop();
  }
}

/** Returns the way to stop it. */
function startAsking(epoch: Epoch, timeslice_ms: number): () => void {
  const { recorder } = epoch;
  const stopAsking = startTicker(Math.min(timeslice_ms, MAX_ASKING_INTERVAL_MS), () => {
    if (recorder.state === "recording" && local_ms() >= epoch.quietUntil_ms) recorder.requestData();
  });
  if (!epoch.joins) return stopAsking;
  const stopSlicing = startTicker(timeslice_ms, () => {
    epoch.due = true;
    if (recorder.state === "recording") recorder.requestData();
  });
  return () => {
    stopAsking();
    stopSlicing();
  };
}

/** Every empty answer costs as much as a full one: learn how far apart the full ones are. */
function expectQuiet(epoch: Epoch, arrival_ms: number): void {
  const since_ms = Math.min(arrival_ms - epoch.filled_ms, MAX_QUIET_MS / QUIET_PART);
  epoch.filled_ms = arrival_ms;
  epoch.interval_ms += (since_ms - epoch.interval_ms) / 8;
  epoch.quietUntil_ms = arrival_ms + Math.min(MAX_QUIET_MS, QUIET_PART * epoch.interval_ms);
}
