// Does a publisher's clock run on evenly? Within an epoch media times and capture times run alike, so all its
// objects lie on one line. One beside it has a stamp of a clock that jumped. Pure.

/** Corrections of a clock that are smaller than this are none of the jumps meant here. */
export const JUMP_MS = 500;
/** A line that has held for this much media is believed against others. Before, it may be the first guess of a
 * publisher that is still learning how late its recorder is. */
export const YOUNG_S = 2;
/** Another line must hold for this much media to take its place. */
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
    if (!better(this.#other, this.#line)) return false;
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

function better(other: Line, line: Line): boolean {
  if (held_s(line) < YOUNG_S) return held_s(other) > held_s(line);
  // Of two lines that have held the later one is right: a clock that was put back makes up latency.
  return held_s(other) >= SETTLED_S && other.zero_ms > line.zero_ms;
}

function held_s(line: Line): number {
  return line.end_s - line.start_s;
}
