// When was the picture at a media time captured? A bounded list of (media time, capture time) pairs, one for
// each append, in the order of media time.

export const MAX_STAMPS = 1024;

export class CaptureTimes {
  #ends_s: number[] = [];
  #captured_ms: number[] = [];

  reset(): void {
    this.#ends_s = [];
    this.#captured_ms = [];
  }

  /** Media up to `end_s` is buffered; its newest part was captured at `captured_ms`. */
  add(end_s: number, captured_ms: number): void {
    const last_s = this.#ends_s.at(-1) ?? Number.NEGATIVE_INFINITY;
    if (end_s <= last_s) return;
    this.#ends_s.push(end_s);
    this.#captured_ms.push(captured_ms);
    if (this.#ends_s.length > MAX_STAMPS) {
      this.#ends_s.splice(0, MAX_STAMPS / 2);
      this.#captured_ms.splice(0, MAX_STAMPS / 2);
    }
  }

  /** Relay-clock time of the capture of what is at `position_s`; NaN if unknown. */
  at_ms(position_s: number): number {
    let low = 0;
    let high = this.#ends_s.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ends_s[middle] ?? 0) < position_s) low = middle + 1;
      else high = middle;
    }
    // Within one epoch both clocks run alike, so one pair is enough: the next at or after the position.
    const index = Math.min(low, this.#ends_s.length - 1);
    const end_s = this.#ends_s[index];
    const captured_ms = this.#captured_ms[index];
    if (end_s === undefined || captured_ms === undefined) return Number.NaN;
    return captured_ms - (end_s - position_s) * 1000;
  }
}
