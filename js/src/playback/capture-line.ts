// Does a publisher's clock run on evenly? Within an epoch media times and capture times run alike, so all its
// objects lie on one line. One beside it has a stamp of a clock that jumped. Pure.

/** Corrections of a clock that are smaller than this are none of the jumps meant here. */
export const JUMP_MS = 500;
/** A line that has held for this much media is no accident. */
export const SETTLED_S = 10;

interface Line {
  /** The capture time of media time 0, as of its newest object. */
  zero_ms: number;
  start_s: number;
  end_s: number;
}

export class CaptureLine {
  #epoch = Number.NaN;
  #line: Line | null = null;
  #other: Line | null = null;

  /** Whether to believe that what is at `media_s` was captured at `captured_ms`. */
  admit(epoch: number, captured_ms: number, media_s: number): boolean {
    if (epoch !== this.#epoch) this.forget();
    this.#epoch = epoch;
    const zero_ms = captured_ms - media_s * 1000;
    if (this.#line === null || near(this.#line, zero_ms)) {
      this.#line = extend(this.#line, zero_ms, media_s);
      this.#other = null;
      return true;
    }
    this.#other = extend(near(this.#other, zero_ms) ? this.#other : null, zero_ms, media_s);
    // Of two lines that have held the later one is right: a clock that was put back makes up latency.
    const better = zero_ms > this.#line.zero_ms || !settled(this.#line);
    if (!settled(this.#other) || !better) return false;
    this.#line = this.#other;
    this.#other = null;
    return true;
  }

  /** What was believed has turned out wrong. */
  forget(): void {
    this.#line = null;
    this.#other = null;
  }
}

function near(line: Line | null, zero_ms: number): boolean {
  return line !== null && Math.abs(zero_ms - line.zero_ms) <= JUMP_MS;
}

function extend(line: Line | null, zero_ms: number, media_s: number): Line {
  return { zero_ms, start_s: line?.start_s ?? media_s, end_s: media_s };
}

function settled(line: Line): boolean {
  return line.end_s - line.start_s >= SETTLED_S;
}
