// How good a picture this page sends: less when most of those who get it lag, when its own uplink does, or when the
// encoder does not keep up; more again, slowly, when all is well. The sound is a track of its own and has no part in
// this. Pure: time comes in as `now_ms`.

/** A picture as a camera and an encoder are asked for it. */
export interface VideoQuality {
  width: number;
  height: number;
  frameRate: number;
  videoBitsPerSecond: number;
}

/** Best first. A step is large: it costs a new epoch, and to see whether it was enough takes seconds. The sound and
 * the labels of all objects take some 80 kbit/s beside the picture, so 300 kbit/s hold the third. */
export const LEVELS = [
  { name: "full", width: 640, height: 360, frameRate: 30, videoBitsPerSecond: 1_000_000 },
  { name: "medium", width: 480, height: 270, frameRate: 20, videoBitsPerSecond: 400_000 },
  { name: "small", width: 320, height: 180, frameRate: 15, videoBitsPerSecond: 150_000 },
  { name: "least", width: 320, height: 180, frameRate: 8, videoBitsPerSecond: 70_000 },
] as const satisfies readonly (VideoQuality & { name: string })[];
export const FULL_QUALITY: VideoQuality = LEVELS[0];
const LEAST = LEVELS.length - 1;

/** Trouble that is over before that is a hiccup. */
export const HOLD_MS = 1000;
/** After a step down the trouble is looked at again: the queues have to empty, a group to begin, and the relay counts
 * a subscriber as lagging for three seconds after it has gone on. */
export const SETTLE_MS = 5000;
/** One step up after so long without trouble; twice as long after each try that failed. */
export const FIRST_PATIENCE_MS = 10_000;
export const MAX_PATIENCE_MS = 60_000;
/** Trouble that comes later than that has not come of the step up. */
export const PROVEN_MS = 15_000;
/** From that wait on the uplink is too slow; from the next on, one step is not enough. */
export const SLOW_UPLINK_MS = 300;
export const FAR_BEHIND_MS = 1500;
/** Pictures that all come so long after they were taken have waited for the encoder. */
export const SLOW_ENCODER_MS = 250;
const ENCODER_WINDOW_MS = 2000;
/** A still picture takes less than its level allows: a step down is to take this share of what it takes, or less. */
const LESS = 0.8;

export type Cause = "uplink" | "subscribers" | "encoder";

export interface Signals {
  now_ms: number;
  /** Those who get the picture, and how many of them lose groups of it. */
  subscribers: number;
  lagging: number;
  /** How long what is sent now waits on its way to the relay. */
  uplinkWait_ms: number;
  /** Groups are being left out because of that. */
  uplinkSkipping: boolean;
  /** This computer is busy: what waits has waited for it, not for the network. */
  busy?: boolean;
  /** What the encoder gives now; 0: not known. */
  video_kbps: number;
}

export class Adaptation {
  #level = 0;
  #cause: Cause | null = null;
  #since_ms = Number.NEGATIVE_INFINITY;
  /** The last step was up, and it is not known yet whether it holds. */
  #trying = false;
  #patience_ms = FIRST_PATIENCE_MS;
  #trouble_ms: number | null = null;
  #calm_ms: number | null = null;
  #encoder = new LeastDelay(ENCODER_WINDOW_MS);

  get level(): number {
    return this.#level;
  }

  get quality(): VideoQuality & { name: string } {
    return LEVELS[this.#level] ?? LEVELS[0];
  }

  /** Why it is not the best; null while it is. */
  get cause(): Cause | null {
    return this.#cause;
  }

  /** A picture came out of the encoder so long after it was taken. */
  encoded(delay_ms: number, now_ms: number): void {
    this.#encoder.add(delay_ms, now_ms);
  }

  /** Nothing is sent for now: what was the matter tells nothing about later. */
  pause(): void {
    this.#trouble_ms = this.#calm_ms = null;
    this.#encoder.clear();
  }

  /** To be called a few times a second while a picture is sent. Returns whether the level has changed. */
  step(signals: Signals): boolean {
    const { now_ms } = signals;
    const cause = this.#causeOf(signals);
    const age_ms = now_ms - this.#since_ms;
    if (this.#trying && age_ms >= PROVEN_MS) {
      this.#trying = false;
      this.#patience_ms = FIRST_PATIENCE_MS;
    }
    if (cause === null) {
      this.#trouble_ms = null;
      this.#calm_ms ??= now_ms;
      return now_ms - this.#calm_ms >= this.#patience_ms && this.#up(now_ms);
    }
    this.#calm_ms = null;
    this.#trouble_ms ??= now_ms;
    if (now_ms - this.#trouble_ms < HOLD_MS || (!this.#trying && age_ms < SETTLE_MS)) return false;
    return this.#down(cause, signals);
  }

  #causeOf(signals: Signals): Cause | null {
    if (signals.uplinkSkipping || signals.uplinkWait_ms > SLOW_UPLINK_MS) {
      return signals.busy ? "encoder" : "uplink";
    }
    if (2 * signals.lagging > signals.subscribers) return "subscribers";
    if (this.#encoder.least_ms(signals.now_ms) > SLOW_ENCODER_MS) return "encoder";
    return null;
  }

  #down(cause: Cause, signals: Signals): boolean {
    const failed = this.#trying;
    if (failed) this.#patience_ms = Math.min(2 * this.#patience_ms, MAX_PATIENCE_MS);
    this.#trying = false;
    if (this.#level === LEAST) return false;
    this.#cause = cause;
    // What held before a try holds again.
    this.#change(failed ? this.#level + 1 : this.#lower(cause, signals), signals.now_ms);
    return true;
  }

  /** The level to step down to. */
  #lower(cause: Cause, { uplinkWait_ms, video_kbps }: Signals): number {
    const farBehind = cause === "uplink" && uplinkWait_ms > FAR_BEHIND_MS;
    let level = Math.min(this.#level + (farBehind ? 2 : 1), LEAST);
    const most = video_kbps > 0 ? LESS * 1000 * video_kbps : Number.POSITIVE_INFINITY;
    while (level < LEAST && (LEVELS[level]?.videoBitsPerSecond ?? 0) > most) level += 1;
    return level;
  }

  #up(now_ms: number): boolean {
    if (this.#level === 0) return false;
    this.#trying = true;
    this.#change(this.#level - 1, now_ms);
    if (this.#level === 0) this.#cause = null;
    return true;
  }

  #change(level: number, now_ms: number): void {
    this.#level = level;
    this.#since_ms = now_ms;
    this.pause();
  }
}

/** The least of the delays of a while: one that is blocked for a moment gives everything late, but not the last. */
class LeastDelay {
  #start_ms = Number.NEGATIVE_INFINITY;
  #least_ms = Number.POSITIVE_INFINITY;
  #previous_ms = 0;

  constructor(private readonly window_ms: number) {}

  add(delay_ms: number, now_ms: number): void {
    this.#turn(now_ms);
    this.#least_ms = Math.min(this.#least_ms, delay_ms);
  }

  /** Of the last whole window and what came since; 0 while unknown. */
  least_ms(now_ms: number): number {
    this.#turn(now_ms);
    return Math.min(this.#least_ms, this.#previous_ms);
  }

  clear(): void {
    this.#start_ms = Number.NEGATIVE_INFINITY;
    this.#least_ms = Number.POSITIVE_INFINITY;
    this.#previous_ms = 0;
  }

  #turn(now_ms: number): void {
    if (now_ms - this.#start_ms < this.window_ms) return;
    this.#previous_ms = Number.isFinite(this.#least_ms) ? this.#least_ms : 0;
    this.#least_ms = Number.POSITIVE_INFINITY;
    this.#start_ms = now_ms;
  }
}
