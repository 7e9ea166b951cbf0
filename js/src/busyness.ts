// Whether this computer is busy, seen from the page: its timers come late. A busy computer makes everything late that a
// slow network does, and is to be told from it. Pure: time comes in.

/** A tick that is so much later than it was due has waited for the processor, or for the page's own work. */
export const LATE_TICK_MS = 100;
/** One late tick is a hiccup; so many in the window are a busy computer. */
export const LATE_TICKS = 2;
export const BUSY_WINDOW_MS = 5000;

export class Busyness {
  #last_ms: number | null = null;
  #late_ms: number[] = [];

  /** To be called by a timer of that interval. `hidden`: browsers hold back the timers of a page that nobody sees. */
  tick(now_ms: number, interval_ms: number, hidden: boolean): void {
    if (hidden) {
      this.#last_ms = null;
      return;
    }
    if (this.#last_ms !== null && now_ms - this.#last_ms - interval_ms > LATE_TICK_MS)
      this.#late_ms.push(now_ms);
    this.#last_ms = now_ms;
    this.#late_ms = this.#late_ms.filter((late_ms) => now_ms - late_ms <= BUSY_WINDOW_MS);
  }

  get busy(): boolean {
    return this.#late_ms.length >= LATE_TICKS;
  }
}
