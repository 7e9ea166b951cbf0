// How much may be on its way through a tunnel without having been acknowledged. What is under way waits somewhere:
// in the notebook server, in the kernel, in the network between. So the window is kept such that it takes no longer
// than TARGET_MS to be acknowledged: it grows while it is used up and answers come fast, and shrinks when they come
// late (the idea of LEDBAT, RFC 6817). The twin of SendWindow in src/relay_widget/tunnel.py. Pure: time comes in.

export const TARGET_MS = 400;
export const MIN_WINDOW_BYTES = 32_000;
export const FIRST_WINDOW_BYTES = 64_000;
export const MAX_WINDOW_BYTES = 256_000;
const SHRINK = 0.7;

export class SendWindow {
  #next = 1;
  #limit_bytes = FIRST_WINDOW_BYTES;
  #under_way: { number: number; size_bytes: number; sent_ms: number; full: boolean }[] = [];
  #in_flight_bytes = 0;
  #shrunk_ms = Number.NEGATIVE_INFINITY;

  get limit_bytes(): number {
    return this.#limit_bytes;
  }

  get in_flight_bytes(): number {
    return this.#in_flight_bytes;
  }

  /** Whether another message may go out now. */
  get open(): boolean {
    return this.#in_flight_bytes < this.#limit_bytes;
  }

  /** A message goes out; its number. */
  sent(size_bytes: number, now_ms: number): number {
    const number = this.#next++;
    this.#in_flight_bytes += size_bytes;
    this.#under_way.push({ number, size_bytes, sent_ms: now_ms, full: !this.open });
    return number;
  }

  /** All messages up to this one have been taken. */
  acknowledged(number: number, now_ms: number): void {
    for (;;) {
      const oldest = this.#under_way[0];
      if (oldest === undefined || oldest.number > number) return;
      this.#under_way.shift();
      const { size_bytes, sent_ms, full } = oldest;
      this.#in_flight_bytes -= size_bytes;
      if (now_ms - sent_ms > TARGET_MS) {
        // Once for all that was under way then.
        if (sent_ms > this.#shrunk_ms) {
          this.#limit_bytes = Math.max(MIN_WINDOW_BYTES, this.#limit_bytes * SHRINK);
          this.#shrunk_ms = now_ms;
        }
      } else if (full) this.#limit_bytes = Math.min(MAX_WINDOW_BYTES, this.#limit_bytes + size_bytes);
    }
  }
}
