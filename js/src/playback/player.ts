// One remote track: objects in, a playing <video> out. Wires intake, append queue, source and pilot together
// and recovers from bad media by building the source anew.
import type { Figures, MediaHeader, TrackInfo } from "../protocol.js";
import { asLive, withColour } from "../segment/index.js";
import { type Append, AppendQueue } from "./append-queue.js";
import {
  evictionRange,
  KEEP_BEHIND_S,
  KEEP_BEHIND_WHEN_FULL_S,
  MAX_GROUP_STARTS,
  TRIM_STEP_S,
} from "./eviction.js";
import { stampsOf } from "./hops.js";
import type { Player, PlayerOptions } from "./index.js";
import { Intake } from "./intake.js";
import { KeepPlaying } from "./keep-playing.js";
import { Ledger } from "./ledger.js";
import { Pilot } from "./pilot.js";
import { Shown } from "./shown.js";
import { SoundOut } from "./sound-out.js";
import { canPlay, openSource } from "./source.js";

/** Over this the player gives up until the next epoch: it would only flicker. */
export const MAX_REBUILDS_PER_MINUTE = 6;
/** So many objects, of so much time, are appended and the buffer has not grown: the parser takes them for the rest of an
 * element whose end was lost, and would go on so for ever. */
const SWALLOWED_OBJECTS = 4;
const SWALLOWED_MS = 300;
/** How far ahead of the position pictures are shown is a mean over about this many. */
const AHEAD_SAMPLES = 10;
/** Between the epochs on the one timeline. */
const EPOCH_GAP_S = 0.01;

/** What a source was built for; another of these needs another source. */
interface Build {
  audio: boolean;
  video: boolean;
  packaging: string;
}

class MsePlayer implements Player {
  readonly element: HTMLMediaElement;
  #track: TrackInfo;
  #build: Build | null = null;
  /** The init segment comes once for each epoch, and a rebuilt source needs it again. */
  #init: { epoch: number; bytes: Uint8Array } | null = null;
  #intake = new Intake();
  #queue: AppendQueue;
  #pilot: Pilot;
  #playing: KeepPlaying;
  /** Of an element that only sounds; beside a picture the browser keeps its sound in step with it by itself. */
  #soundOut: SoundOut | null;
  #ledger = new Ledger();
  #shown: Shown;
  #ahead_s = 0;
  #groupStarts_s: number[] = [];
  #appended: Append | null = null;
  /** Objects appended since the buffer grew last. */
  #inVain = 0;
  /** Where the running epoch's media times start on the element's timeline. */
  #offset_s = 0;
  #detach: (() => void) | null = null;
  #rebuilds_ms: number[] = [];
  #givenUp = false;
  #droppedGroups = 0;
  #disposed = false;

  constructor(private readonly options: PlayerOptions) {
    this.#track = options.track;
    this.element = createElement(options.track);
    this.element.muted = !options.track.audio;
    this.#soundOut = options.track.video ? null : new SoundOut(this.element);
    this.#playing = new KeepPlaying(this.element, () => options.onMuted?.());
    this.#pilot = new Pilot(this.element, {
      track: options.track,
      chosen_s: () => options.chosen_s?.() ?? null,
      age_s: (media_s) => (options.clock.now_ms() - this.#ledger.captured_at_ms(media_s)) / 1000,
      leastLatency_s: () => (options.leastLatency_s?.() ?? Number.NaN) + this.#ahead_s,
      soundsByItself: () => this.#soundOut?.routed !== true,
      onStuck: () => this.#rebuild("it stands still although media is there"),
    });
    const delay_s = () => this.#soundOut?.delay_s ?? 0;
    this.#shown = new Shown(this.element, delay_s, (media_s, ahead_s) => {
      this.#ahead_s += (ahead_s - this.#ahead_s) / AHEAD_SAMPLES;
      this.#ledger.shown(media_s, options.clock.now_ms());
    });
    this.#queue = new AppendQueue({
      epochOffset_s: () => this.#epochOffset_s(),
      onAppend: (append) => this.#onAppend(append),
      onDropped: (groups, cut) => {
        this.#droppedGroups += groups;
        this.#pilot.expectBreak();
        if (cut) this.#intake.waitForKey();
      },
      onFull: () => this.#onFull(),
      onFailed: (reason) => this.#rebuild(reason),
    });
  }

  push(header: MediaHeader, bytes: Uint8Array): void {
    if (this.#disposed) return;
    const { clock } = this.options;
    const received_ms = clock.now_ms();
    const verdict = this.#intake.accept(header, this.#track.timeslice_ms, received_ms);
    if (verdict === "new-epoch") this.#startEpoch(header.epoch, bytes);
    if (verdict === "ignore" || verdict === "new-epoch" || this.#givenUp) return;
    const lost = this.#intake.takeLostGroups();
    this.#droppedGroups += lost;
    if (verdict === "resume" || (header.type === "key" && this.#isSwallowing)) {
      this.#inVain = 0;
      this.#pilot.expectBreak();
      this.#queue.push({ kind: "reset-parser" });
    }
    this.#queue.push({
      kind: "append",
      group: header.group,
      key: header.type === "key",
      stamps: [stampsOf(header, received_ms, clock.error_ms)],
      bytes,
    });
  }

  update(track: TrackInfo): void {
    if (this.#disposed) return;
    const before = this.#track;
    this.#track = track;
    this.#pilot.onTrack(track);
    if (track.audio && !before.audio) {
      this.element.muted = false;
      void this.#playing.play();
    }
    // The description usually comes before the epoch it describes; if it was late, try again with it.
    if (this.#givenUp && track.mimeType !== before.mimeType && this.#init !== null) {
      this.#startEpoch(this.#init.epoch, this.#init.bytes);
    }
  }

  figures(options?: { reset: boolean }): Figures {
    const { buffered, currentTime } = this.element;
    const end_s = buffered.length > 0 ? buffered.end(buffered.length - 1) : currentTime;
    const now_ms = this.options.clock.now_ms();
    const captured_ms = this.#ledger.captured_at_ms(currentTime);
    return {
      queue_depth: this.#queue.peak(options?.reset === true),
      buffered_s: Math.max(0, end_s - currentTime),
      latency_ms: Number.isNaN(captured_ms) ? -1 : Math.max(0, now_ms - captured_ms - 1000 * this.#ahead_s),
      stalls: this.#pilot.stalls,
      dropped_frames: droppedFrames(this.element),
      dropped_groups: this.#droppedGroups,
      rate: this.#pilot.rate,
      target_ms: 1000 * this.#pilot.target_s,
      surplus_ms: 1000 * (this.#pilot.surplus_s || 0),
      learnt_ms: 1000 * this.#pilot.learnt_s,
      ...this.#ledger.figures(now_ms),
    };
  }

  get ownLatency_s(): number {
    return this.#pilot.ownLatency_s - this.#ahead_s;
  }

  unmute(): Promise<void> {
    return this.#playing.unmute();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#pilot.dispose();
    this.#shown.dispose();
    this.#soundOut?.dispose();
    this.#playing.dispose();
    this.#queue.detach();
    this.#queue.clear();
    this.#detach?.();
    this.element.removeAttribute("src");
    this.element.load();
    this.element.remove();
  }

  #startEpoch(epoch: number, bytes: Uint8Array): void {
    const { mimeType, audio, video, packaging } = this.#track;
    // Beside sound in one element pictures are waited for anyway.
    const init = withColour(video && !audio ? asLive(bytes) : bytes);
    this.#init = { epoch, bytes: init };
    if (!canPlay(mimeType)) {
      this.#giveUp(
        "unsupported-type",
        `This browser cannot play ${mimeType}: the sender needs another codec.`,
      );
      return;
    }
    const build = this.#build;
    const fits =
      build !== null && build.audio === audio && build.video === video && build.packaging === packaging;
    if (fits && this.#detach !== null && !this.#givenUp) {
      this.#queue.push({ kind: "new-epoch", epoch, mimeType, bytes: init });
      return;
    }
    this.#open();
    if (!this.#givenUp) return;
    this.#givenUp = false;
    this.options.onProblem?.({ code: "recovered", message: "The sender began anew.", fatal: false });
  }

  /** A new source, beginning with the current epoch's init segment. */
  #open(): void {
    const init = this.#init;
    if (init === null) return;
    this.#close();
    const { mimeType, audio, video, packaging } = this.#track;
    this.#build = { audio, video, packaging };
    this.#ledger.reset();
    this.#inVain = 0;
    this.#groupStarts_s = [];
    this.#pilot.onNewSource();
    this.#queue.push({ kind: "new-epoch", epoch: init.epoch, mimeType, bytes: init.bytes });
    this.#detach = openSource(this.element, mimeType, {
      onOpen: (buffer) => this.#queue.attach(buffer, mimeType),
      onUpdateEnd: () => this.#onUpdateEnd(),
      onError: (reason) => this.#rebuild(reason),
    });
    void this.#playing.play();
  }

  #close(): void {
    this.#queue.detach();
    this.#queue.clear();
    this.#appended = null;
    this.#detach?.();
    this.#detach = null;
  }

  #rebuild(reason: string): void {
    if (this.#disposed || this.#givenUp) return;
    const now_ms = performance.now();
    this.#rebuilds_ms = this.#rebuilds_ms.filter((at_ms) => now_ms - at_ms < 60_000);
    if (this.#rebuilds_ms.length >= MAX_REBUILDS_PER_MINUTE) {
      this.#giveUp("media-error", `These media cannot be played (${reason}): the sender should rejoin.`);
      return;
    }
    this.#rebuilds_ms.push(now_ms);
    this.#intake.waitForKey();
    this.#open();
    this.options.onProblem?.({
      code: "media-error",
      message: `Some media could not be played (${reason}); playback goes on at the next key picture.`,
      fatal: false,
    });
  }

  /** Until the next epoch: its init segment is always tried. */
  #giveUp(code: string, message: string): void {
    this.#close();
    this.#givenUp = true;
    this.options.onProblem?.({ code, message, fatal: true });
  }

  #epochOffset_s(): number {
    const { buffered } = this.element;
    const first = this.#build === null || buffered.length === 0;
    if (!first) this.#pilot.onNewEpoch();
    this.#offset_s = first ? 0 : buffered.end(buffered.length - 1) + EPOCH_GAP_S;
    return this.#offset_s;
  }

  #onAppend(append: Append): void {
    this.#appended = append;
    if (!append.key) return;
    const { buffered } = this.element;
    this.#groupStarts_s.push(buffered.length > 0 ? buffered.end(buffered.length - 1) : 0);
    if (this.#groupStarts_s.length > MAX_GROUP_STARTS) this.#groupStarts_s.shift();
  }

  #onUpdateEnd(): void {
    const end_s = this.#pilot.onAppended();
    const appended_ms = this.options.clock.now_ms();
    if (this.#appended !== null) {
      const { stamps } = this.#appended;
      this.#inVain = end_s === null ? this.#inVain + stamps.length : 0;
      if (end_s !== null) this.#ledger.appended(stamps, { appended_ms, end_s, offset_s: this.#offset_s });
    }
    this.#appended = null;
    this.#trim(KEEP_BEHIND_S, TRIM_STEP_S);
    this.#queue.run();
    if (this.element.paused) void this.#playing.play();
  }

  get #isSwallowing(): boolean {
    return this.#inVain >= Math.max(SWALLOWED_OBJECTS, SWALLOWED_MS / Math.max(1, this.#track.timeslice_ms));
  }

  #trim(keepBehind_s: number, step_s: number): { start_s: number; end_s: number } | null {
    const { buffered, currentTime } = this.element;
    if (buffered.length === 0) return null;
    const range = evictionRange({
      position_s: currentTime,
      bufferedStart_s: buffered.start(0),
      groupStarts_s: this.#groupStarts_s,
      keepBehind_s,
      step_s,
    });
    if (range === null) return null;
    this.#groupStarts_s = this.#groupStarts_s.filter((start_s) => start_s >= range.end_s);
    this.#queue.makeRoom(range.start_s, range.end_s);
    return range;
  }

  #onFull(): void {
    const range = this.#trim(KEEP_BEHIND_WHEN_FULL_S, 0);
    if (range === null) this.#rebuild("the browser has no room for more media");
  }
}

function createElement(track: TrackInfo): HTMLMediaElement {
  if (!track.video) return document.createElement("audio");
  const video = document.createElement("video");
  video.playsInline = true;
  return video;
}

function droppedFrames(element: HTMLMediaElement): number {
  return element instanceof HTMLVideoElement ? element.getVideoPlaybackQuality().droppedVideoFrames : 0;
}

export function createPlayer(options: PlayerOptions): Player {
  return new MsePlayer(options);
}
