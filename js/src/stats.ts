// What figures mean: rates derived from totals, and from which loudness on a person speaks.

/** A meter level (0..1) above a quiet room and the test pattern's tone, below a voice. */
export const SPEAKING_LEVEL = 0.12;

const WINDOW_MS = 2000;

/** The sending bitrate over the last two seconds, from a growing total of bytes. */
export class SendRate {
  #marks: { at_ms: number; bytes: number }[] = [];

  kbps(total_bytes: number, now_ms: number): number {
    this.#marks.push({ at_ms: now_ms, bytes: total_bytes });
    while (this.#marks.length > 2 && now_ms - (this.#marks[0]?.at_ms ?? now_ms) > WINDOW_MS)
      this.#marks.shift();
    const first = this.#marks[0];
    if (first === undefined || now_ms <= first.at_ms) return 0;
    return Math.round(((total_bytes - first.bytes) * 8) / (now_ms - first.at_ms));
  }
}
