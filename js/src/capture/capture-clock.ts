// When was an object captured? Blobs come late and unevenly (encoder, muxer, timers); their media times run
// evenly. So one number is looked for: the local time of media time zero. The smallest (arrival - media time) seen still
// holds the least delay of encoder and muxer. Of a picture that is next to nothing; sound comes in blocks that are sent
// when they are full, and how long they are shows in their media times. When the recorder was started says little: the
// first picture comes 2 to 105 ms later, the first sound 19 ms sooner to 94 ms later. Pure.

/** The smallest delay is taken from this much of the past: the two clocks drift by some ms a minute. */
export const CALIBRATION_WINDOW_MS = 30_000;
/** From capture to a recorder's bytes at best; measured: 2.4 to 3.5 ms at 640x480. */
export const PICTURE_DELAY_MS = 3;
/** From the end of a block of sound to a recorder's bytes at best; measured: 2 ms of a microphone, 10 to 26 ms of a
 * track made in the page. */
export const SOUND_DELAY_MS = 10;
/** The longest block of Opus, and what Chromium's recorder makes. */
export const MAX_BLOCK_MS = 60;

export class CaptureClock {
  /** The smallest (arrival - media time) in the current window and in the one before. */
  #best_ms = Number.POSITIVE_INFINITY;
  #previous_ms = Number.POSITIVE_INFINITY;
  #windowStart_ms = Number.NEGATIVE_INFINITY;
  /** How long a block of sound is: the least from one media time to the next. */
  #block_ms = MAX_BLOCK_MS;
  #mediaTime_ms = Number.NaN;
  #arrived_ms = Number.NaN;
  #captured_ms = Number.NEGATIVE_INFINITY;

  /** `sound`: what is recorded is sound, or has sound in it. */
  constructor(private readonly sound: boolean) {}

  /** Bytes arrived; `mediaTime_ms`: of the newest block in them. */
  observe(arrival_ms: number, mediaTime_ms: number | null): void {
    this.#arrived_ms = arrival_ms;
    if (arrival_ms - this.#windowStart_ms >= CALIBRATION_WINDOW_MS) {
      this.#previous_ms = this.#best_ms;
      this.#best_ms = Number.POSITIVE_INFINITY;
      this.#windowStart_ms = arrival_ms;
    }
    if (mediaTime_ms === null) return;
    this.#best_ms = Math.min(this.#best_ms, arrival_ms - mediaTime_ms);
    const block_ms = mediaTime_ms - this.#mediaTime_ms;
    if (block_ms > 0) this.#block_ms = Math.min(this.#block_ms, block_ms);
    this.#mediaTime_ms = mediaTime_ms;
  }

  /** Local time of capture of an observed block. Never runs backwards. */
  captured_ms(mediaTime_ms: number | null): number {
    if (mediaTime_ms === null)
      return Number.isFinite(this.#captured_ms) ? this.#captured_ms : this.#arrived_ms;
    this.#captured_ms = Math.max(this.#captured_ms, this.#zero_ms() + mediaTime_ms);
    return this.#captured_ms;
  }

  #zero_ms(): number {
    const leastDelay_ms = this.sound ? this.#block_ms + SOUND_DELAY_MS : PICTURE_DELAY_MS;
    return Math.min(this.#best_ms, this.#previous_ms) - leastDelay_ms;
  }
}
