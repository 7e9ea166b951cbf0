// When was an object captured? Blobs come late and unevenly (encoder, muxer, timers); their media times run
// evenly. So one number is looked for: the local time of media time zero. It is not before the recorder was
// started, and not after the smallest (arrival - media time) seen, which still holds the least delay of encoder and
// muxer. Which of the two bounds tells more depends: a picture has almost no such delay, but the first one may come long
// after the start; sound comes in blocks that are sent when they are full, but it is there from the start. Pure.

/** The smallest delay is taken from this much of the past: the two clocks drift by some ms a minute. */
export const CALIBRATION_WINDOW_MS = 30_000;
/** From capture to a recorder's bytes at best; measured: 2.4 to 3.5 ms at 640x480, while the first picture was 2 to
 * 71 ms after the start. */
export const PICTURE_DELAY_MS = 3;
/** From the recorder's start to its first sound; measured: -3 to 13 ms. */
export const FIRST_SOUND_MS = 5;
/** The most that is allowed for a block of sound to fill up and come out; measured: 62 ms. */
export const MAX_SOUND_DELAY_MS = 100;

export class CaptureClock {
  /** The smallest (arrival - media time) in the current window and in the one before. */
  #best_ms = Number.POSITIVE_INFINITY;
  #previous_ms = Number.POSITIVE_INFINITY;
  #windowStart_ms = Number.NEGATIVE_INFINITY;
  #arrived_ms = Number.NaN;
  #captured_ms = Number.NEGATIVE_INFINITY;

  /** `sound`: what is recorded is sound, or has sound in it. */
  constructor(
    private readonly started_ms: number,
    private readonly sound: boolean,
  ) {}

  /** Bytes arrived; `mediaTime_ms`: of the newest block in them. */
  observe(arrival_ms: number, mediaTime_ms: number | null): void {
    this.#arrived_ms = arrival_ms;
    if (arrival_ms - this.#windowStart_ms >= CALIBRATION_WINDOW_MS) {
      this.#previous_ms = this.#best_ms;
      this.#best_ms = Number.POSITIVE_INFINITY;
      this.#windowStart_ms = arrival_ms;
    }
    if (mediaTime_ms !== null) this.#best_ms = Math.min(this.#best_ms, arrival_ms - mediaTime_ms);
  }

  /** Local time of capture of an observed block. Never runs backwards. */
  captured_ms(mediaTime_ms: number | null): number {
    if (mediaTime_ms === null)
      return Number.isFinite(this.#captured_ms) ? this.#captured_ms : this.#arrived_ms;
    this.#captured_ms = Math.max(this.#captured_ms, this.#zero_ms() + mediaTime_ms);
    return this.#captured_ms;
  }

  #zero_ms(): number {
    const latest_ms = Math.min(this.#best_ms, this.#previous_ms);
    const likely_ms = this.sound
      ? Math.max(this.started_ms + FIRST_SOUND_MS, latest_ms - MAX_SOUND_DELAY_MS)
      : Math.max(this.started_ms, latest_ms - PICTURE_DELAY_MS);
    return Math.min(latest_ms, likely_ms);
  }
}
