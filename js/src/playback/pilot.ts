// Steers the element: near the live edge, over holes, out of a standstill. Driven by appends and the element's
// own events, not by timers, which hidden tabs slow down to one a minute: one only looks whether the buffer gets thin.
import { Machine } from "../machine.js";
import type { TrackInfo } from "../protocol.js";
import { Arrivals } from "./arrivals.js";
import { isStuck, jumpOver, MAX_NUDGES, nudge, type Ranges, rangeEnd } from "./gap.js";
import {
  DEFAULT_TARGET_S,
  decide,
  MARGIN_OF_OWN_SOUND_S,
  MARGIN_OF_SOUND_S,
  MARGIN_S,
  neededLead,
  nextPenalty,
  nextTarget,
  penaltyAfterStall,
  SEEK_RESERVE_S,
  thinBuffer,
} from "./latency.js";
import {
  isBehindOutage,
  isStarting,
  isWaiting,
  LIVE_STATES,
  type LiveAction,
  type LiveEvent,
  type LiveState,
} from "./live-state.js";

/** A seek to near the end of a range may never end: after this long a way out is looked for. */
const SEEK_PATIENCE_S = 1;

export interface PilotOptions {
  track: TrackInfo;
  /** Chosen by a person: how far behind the live edge to play; null for as little as goes well. */
  chosen_s(): number | null;
  /** How long ago what is at this media time was captured; NaN if unknown. */
  age_s(media_s: number): number;
  /** The least latency since capture that the picture or sound beside this one asks for; NaN for none. */
  leastLatency_s(): number;
  /** Whether the element hands its sound to the device itself. */
  soundsByItself(): boolean;
  /** It stands still although media lies ahead, and nudging did not help. */
  onStuck(): void;
}

export class Pilot {
  #arrivals = new Arrivals();
  #timeslice_s: number;
  #sound: boolean;
  #target_s: number;
  #needed_s = Number.NaN;
  /** What this and the picture or sound beside it need. */
  #asked_s = Number.NaN;
  #thin_s = 0;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #penalty_s = 0;
  #rate = 1;
  #end_s = Number.NaN;
  #continuous = false;
  readonly #live: Machine<LiveState, LiveEvent, LiveAction> = new Machine(LIVE_STATES, "starting", (action) =>
    this.#act(action),
  );
  /** What the standstill that lasts has added to the penalty. */
  #lesson_s = 0;
  #stalls = 0;
  /** While it waits: since when, or since the last nudge. */
  #waitingSince_s = 0;
  #nudges = 0;
  #steered_s = 0;
  #sought_s = Number.NEGATIVE_INFINITY;
  /** The last time it went to where it should be; leaving a hole or a standstill is something else. */
  #caughtUp_s = Number.NEGATIVE_INFINITY;
  #stalled_s = Number.NEGATIVE_INFINITY;
  readonly #listening = new AbortController();

  constructor(
    private readonly video: HTMLMediaElement,
    private readonly options: PilotOptions,
  ) {
    this.#timeslice_s = options.track.timeslice_ms / 1000;
    this.#sound = options.track.audio;
    this.#target_s = Math.max(this.#firstTarget_s, this.#timeslice_s);
    const { signal } = this.#listening;
    video.addEventListener("waiting", () => this.#onWaiting(), { signal });
    video.addEventListener("playing", () => this.#onPlaying(), { signal });
    video.addEventListener("timeupdate", () => this.steer(), { signal });
    video.addEventListener("seeked", () => this.steer(), { signal });
  }

  get stalls(): number {
    return this.#stalls;
  }

  get rate(): number {
    return this.#rate;
  }

  get target_s(): number {
    return this.#target_s;
  }

  /** How much further behind than what arrivals ask for now. */
  get surplus_s(): number {
    return Math.max(0, this.#target_s - this.#asked_s);
  }

  /** What stalls have added to the target, and time has not yet given back. */
  get learnt_s(): number {
    return this.#penalty_s;
  }

  get #firstTarget_s(): number {
    return this.options.chosen_s() ?? DEFAULT_TARGET_S;
  }

  /** How long after its capture this would play what it has, if it were alone; NaN while unknown. */
  get ownLatency_s(): number {
    return this.#needed_s + this.#edgeAge_s(seconds());
  }

  /** What is appended next does not follow on in time from what is there. */
  expectBreak(): void {
    this.#continuous = false;
  }

  /** Media times start over in relation to the clock; what was learnt about jitter starts over too. */
  onNewEpoch(): void {
    this.#arrivals.reset();
    this.#continuous = false;
  }

  /** The track is described anew. */
  onTrack(track: TrackInfo): void {
    const timeslice_s = track.timeslice_ms / 1000;
    // What was learnt with longer slices is no reason to stay as late with short ones.
    const before_s = timeslice_s < this.#timeslice_s ? this.#firstTarget_s : this.#target_s;
    this.#target_s = Math.max(before_s, timeslice_s);
    this.#timeslice_s = timeslice_s;
    this.#sound = track.audio;
  }

  /** A new, empty source. */
  onNewSource(): void {
    this.onNewEpoch();
    this.#end_s = Number.NaN;
    this.#live.send("new-source");
    this.#nudges = 0;
    this.#setRate(1);
  }

  /** The buffer's end may have moved. Returns the end if it has. */
  onAppended(): number | null {
    const { buffered } = this.video;
    if (buffered.length === 0) return null;
    const end_s = buffered.end(buffered.length - 1);
    const grew = !(end_s <= this.#end_s);
    if (grew) {
      if (isWaiting(this.#live.state) && this.#arrivals.isOut(seconds(), this.#end_s))
        this.#live.send("outage");
      this.#arrivals.observe(seconds(), this.#end_s, end_s, this.#continuous);
      this.#end_s = end_s;
      this.#continuous = true;
    }
    this.steer();
    return grew ? end_s : null;
  }

  /** Look where the element is and correct it if need be. */
  steer(): void {
    const { buffered, seeking } = this.video;
    const now_s = seconds();
    if (buffered.length === 0 || (seeking && now_s - this.#sought_s < SEEK_PATIENCE_S)) return;
    const position_s = this.video.currentTime;
    const start_s = buffered.start(buffered.length - 1);
    const end_s = buffered.end(buffered.length - 1);
    this.#retarget(now_s);
    const ranges = flat(buffered);
    if (this.#jump(ranges, position_s, seeking || isWaiting(this.#live.state))) return;
    if (!seeking && this.#leaveStandstill(now_s, position_s, rangeEnd(ranges, position_s))) return;
    const line_s = this.#arrivals.edge_s(now_s);
    // When nothing comes in, the edge does not run away from what there is to play.
    const edge_s = Number.isNaN(line_s) ? end_s : Math.min(line_s, end_s + this.#target_s);
    const recovering = isBehindOutage(this.#live.state) && line_s - this.#target_s <= end_s - SEEK_RESERVE_S;
    const decision = decide({
      position_s,
      edge_s,
      start_s,
      end_s,
      target_s: this.#target_s,
      thin_s: this.#thin_s,
      rate: this.#rate,
      starting: isStarting(this.#live.state),
      recovering,
      sinceSeek_s: now_s - this.#caughtUp_s,
      sinceStall_s: isWaiting(this.#live.state) ? 0 : now_s - this.#stalled_s,
    });
    // Either it goes there now, or it is there already.
    if (recovering) this.#live.send("at-target");
    if ("seek_s" in decision) {
      this.#caughtUp_s = now_s;
      this.#seek(decision.seek_s);
    } else {
      this.#setRate(decision.rate);
    }
    this.#watchFor(end_s - position_s - this.#thin_s);
  }

  dispose(): void {
    this.#listening.abort();
    clearTimeout(this.#watch);
  }

  /** Look again when so much has been played: nothing else tells that nothing comes. */
  #watchFor(toPlay_s: number): void {
    if (this.#watch !== undefined || toPlay_s <= 0 || this.video.paused) return;
    this.#watch = setTimeout(
      () => {
        this.#watch = undefined;
        this.steer();
      },
      (1000 * toPlay_s) / this.#rate,
    );
  }

  #retarget(now_s: number): void {
    const elapsed_s = Math.min(1, now_s - this.#steered_s);
    this.#steered_s = now_s;
    this.#penalty_s = nextPenalty(this.#penalty_s, elapsed_s);
    const chosen_s = this.options.chosen_s();
    const { usual_s, likely_s } = this.#arrivals.lag();
    const margin_s = this.#margin_s;
    this.#needed_s = neededLead({
      jitter_s: likely_s,
      timeslice_s: this.#timeslice_s,
      penalty_s: this.#penalty_s,
      margin_s,
      chosen_s,
    });
    const beside_s = this.options.leastLatency_s() - this.#edgeAge_s(now_s);
    const needed_s = beside_s > this.#needed_s ? beside_s : this.#needed_s;
    this.#asked_s = needed_s;
    const lead_s = this.#arrivals.edge_s(now_s) - this.video.currentTime;
    // Who moves a slider wants to see it at once.
    const before_s = chosen_s === null ? this.#target_s : needed_s;
    this.#target_s = nextTarget({ target_s: before_s, needed_s, lead_s, elapsed_s });
    this.#thin_s = thinBuffer({ target_s: this.#target_s, usualLag_s: usual_s, margin_s });
  }

  get #margin_s(): number {
    if (!this.#sound) return MARGIN_S;
    return this.options.soundsByItself() ? MARGIN_OF_OWN_SOUND_S : MARGIN_OF_SOUND_S;
  }

  /** How long ago what is at the live edge was captured: the way here, without any waiting. */
  #edgeAge_s(now_s: number): number {
    return this.options.age_s(this.#end_s) - (this.#arrivals.edge_s(now_s) - this.#end_s);
  }

  #jump(ranges: Ranges, position_s: number, waiting: boolean): boolean {
    // The first picture is shown as soon as there is one; later a hole is left only for enough media.
    const target_s = isStarting(this.#live.state) ? 0 : this.#target_s;
    const to_s = jumpOver({ position_s, ranges, target_s, waiting });
    if (to_s === null) return false;
    this.#seek(to_s);
    return true;
  }

  #leaveStandstill(now_s: number, position_s: number, end_s: number): boolean {
    if (!isWaiting(this.#live.state) || this.video.paused) return false;
    const waiting_s = now_s - this.#waitingSince_s;
    const stand = { position_s, end_s, waiting_s, target_s: this.#target_s };
    const to_s = nudge({ ...stand, nudges: this.#nudges });
    if (to_s !== null) {
      this.#nudges += 1;
      this.#waitingSince_s = now_s;
      this.#seek(to_s);
      return true;
    }
    if (this.#nudges < MAX_NUDGES || !isStuck(stand)) return false;
    this.#nudges = 0;
    this.options.onStuck();
    return true;
  }

  #onWaiting(): void {
    if (!isWaiting(this.#live.state)) this.#waitingSince_s = seconds();
    // The pause that a jump or a seek of ours makes is no stall.
    this.#live.send(this.video.seeking ? "waiting-in-seek" : "waiting");
    if (!isStarting(this.#live.state) && !this.video.seeking) this.steer();
  }

  #onPlaying(): void {
    this.#live.send("playing");
    this.steer();
  }

  #act(action: LiveAction): void {
    switch (action) {
      case "count-stall":
        this.#stalls += 1;
        this.#stalled_s = seconds();
        break;
      case "learn":
        this.#learn();
        break;
      case "unlearn":
        this.#penalty_s = Math.max(0, this.#penalty_s - this.#lesson_s);
        this.#lesson_s = 0;
        break;
      case "settle":
        this.#lesson_s = 0;
        this.#nudges = 0;
        break;
    }
  }

  #learn(): void {
    const { buffered, currentTime } = this.video;
    const end_s = rangeEnd(flat(buffered), currentTime);
    // Before a hole, and in an outage, it is not for lack of margin that it runs dry.
    if (end_s < this.#end_s || this.#arrivals.isOut(seconds(), this.#end_s)) return;
    const left_s = Math.max(0, end_s - currentTime);
    const before_s = this.#penalty_s;
    this.#penalty_s = penaltyAfterStall({ penalty_s: before_s, left_s, margin_s: this.#margin_s });
    this.#lesson_s = this.#penalty_s - before_s;
  }

  #seek(to_s: number): void {
    this.#sought_s = seconds();
    this.#setRate(1);
    this.video.currentTime = to_s;
  }

  #setRate(rate: number): void {
    if (rate === this.#rate) return;
    this.#rate = rate;
    this.video.playbackRate = rate;
  }
}

function flat(buffered: TimeRanges): number[] {
  const ranges: number[] = [];
  for (let index = 0; index < buffered.length; index++)
    ranges.push(buffered.start(index), buffered.end(index));
  return ranges;
}

function seconds(): number {
  return performance.now() / 1000;
}
