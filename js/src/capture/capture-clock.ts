// When was an object captured? Blobs come late and unevenly (encoder, muxer, timers); their media times run
// evenly. So one number is looked for: the local time of media time zero. It is not before the recorder was
// started, and not after the smallest (arrival - media time) seen, which still holds the encoder's and the
// muxer's own delay. Pure.

/** The smallest delay is taken from this much of the past: the two clocks drift by some ms a minute. */
export const CALIBRATION_WINDOW_MS = 30_000;
/** From the recorder's start to its first frame: half a frame at 30 a second. */
export const FIRST_FRAME_MS = 16;
/** What encoder and muxer take at best; measured: 6 to 25 ms for video, 35 to 60 ms with audio.
 * When the first frame comes late (a screen on which nothing moves), the start tells nothing and this is the
 * most that is allowed for. */
export const MAX_PIPELINE_MS = 100;

export class CaptureClock {
  /** The smallest (arrival - media time) in the current window and in the one before. */
  #best_ms = Number.POSITIVE_INFINITY;
  #previous_ms = Number.POSITIVE_INFINITY;
  #windowStart_ms = Number.NEGATIVE_INFINITY;
  #captured_ms = Number.NEGATIVE_INFINITY;

  constructor(private readonly started_ms: number) {}

  /** Local time of capture of an object's newest block, from when its blob arrived. Never runs backwards. */
  captured_ms(arrival_ms: number, mediaTime_ms: number | null): number {
    if (arrival_ms - this.#windowStart_ms >= CALIBRATION_WINDOW_MS) {
      this.#previous_ms = this.#best_ms;
      this.#best_ms = Number.POSITIVE_INFINITY;
      this.#windowStart_ms = arrival_ms;
    }
    if (mediaTime_ms === null) return Number.isFinite(this.#captured_ms) ? this.#captured_ms : arrival_ms;
    this.#best_ms = Math.min(this.#best_ms, arrival_ms - mediaTime_ms);
    this.#captured_ms = Math.max(this.#captured_ms, this.#zero_ms() + mediaTime_ms);
    return this.#captured_ms;
  }

  #zero_ms(): number {
    const latest_ms = Math.min(this.#best_ms, this.#previous_ms);
    return Math.min(latest_ms, Math.max(this.started_ms + FIRST_FRAME_MS, latest_ms - MAX_PIPELINE_MS));
  }
}
