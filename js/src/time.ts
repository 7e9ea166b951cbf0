// One clock for all stamps: the relay's. Each exchange says between which two values the offset to it lies: the relay
// read its clock after we asked and before we heard. What all exchanges agree on is what is known (Marzullo's
// algorithm, from which that of NTP comes, RFC 5905); it grows vague with time, because no two clocks run quite alike.

/** Two machines' clocks, each with a quartz that is off by up to 50 ppm. */
const DRIFT_PPM = 100;
/** Browsers round what they say the time is. */
const RESOLUTION_MS = 0.1;

/** The longest wait to give a timer: 24 days. Browsers keep it in 31 bits of milliseconds (24.8 days) and fire at once
 * when it is longer. */
export const MAX_TIMER_MS = 24 * 24 * 3_600_000;

/** This page's monotonic wall clock, ms since 1970. */
export function local_ms(): number {
  return performance.timeOrigin + performance.now();
}

export class RelayClock {
  /** The offset is in here, as of `#asOf_ms`; null: nothing has been measured since the last `reset`. */
  #bounds: { least_ms: number; most_ms: number } | null = null;
  #asOf_ms = 0;
  #offset_ms = 0;

  /** One exchange: asked at `t0`, the relay said `relay_ms`, heard at `t1` (all ms). */
  add(t0: number, relay_ms: number, t1: number): void {
    if (!Number.isFinite(relay_ms) || !(t1 >= t0)) return;
    const now = { least_ms: relay_ms - t1 - RESOLUTION_MS, most_ms: relay_ms - t0 + RESOLUTION_MS };
    const drift_ms = (Math.max(0, t1 - this.#asOf_ms) * DRIFT_PPM) / 1e6;
    const least_ms = Math.max(now.least_ms, (this.#bounds?.least_ms ?? now.least_ms) - drift_ms);
    const most_ms = Math.min(now.most_ms, (this.#bounds?.most_ms ?? now.most_ms) + drift_ms);
    // If they contradict each other one of the clocks has stepped (a page that slept): only the newest still holds.
    this.#bounds = least_ms <= most_ms ? { least_ms, most_ms } : now;
    this.#asOf_ms = t1;
    this.#offset_ms = (this.#bounds.least_ms + this.#bounds.most_ms) / 2;
  }

  /** The true offset is within this of the estimate; it was when last measured. */
  get error_ms(): number {
    if (this.#bounds === null) return Number.POSITIVE_INFINITY;
    return (this.#bounds.most_ms - this.#bounds.least_ms) / 2;
  }

  toRelay_ms(here_ms: number): number {
    return here_ms + this.#offset_ms;
  }

  now_ms(): number {
    return this.toRelay_ms(local_ms());
  }

  /** Another relay, perhaps another machine: forget what was measured. */
  reset(): void {
    this.#bounds = null;
  }
}
