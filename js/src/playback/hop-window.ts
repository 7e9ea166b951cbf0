// The newest samples of how long each hop took, and their percentiles. Pure; bounded.
import type { HopFigures } from "../protocol.js";
import { HOPS } from "./hops.js";

export const WINDOW_MS = 10_000;
/** More than ten seconds of pictures, 50 a second. */
export const MAX_SAMPLES = 512;
/** Below this share of samples that know a hop it counts as unknown: the few that do are no fair choice. */
const KNOWN_SHARE = 0.5;

export class HopWindow {
  /** A ring of rows, one for each sample: when, and the hops. */
  readonly #at_ms = new Float64Array(MAX_SAMPLES).fill(Number.NaN);
  readonly #hops_ms = new Float64Array(MAX_SAMPLES * HOPS.length);
  readonly #sorted_ms = new Float64Array(MAX_SAMPLES);
  #next = 0;

  add(at_ms: number, hops_ms: readonly number[]): void {
    this.#at_ms[this.#next] = at_ms;
    this.#hops_ms.set(hops_ms, this.#next * HOPS.length);
    this.#next = (this.#next + 1) % MAX_SAMPLES;
  }

  /** Over the last `WINDOW_MS`; -1 where unknown. */
  figures(now_ms: number): Required<HopFigures> {
    const figures: HopFigures = {};
    for (const [column, hop] of HOPS.entries()) {
      const sorted_ms = this.#column(column, now_ms);
      figures[`${hop}_p50_ms`] = percentile(sorted_ms, 0.5);
      figures[`${hop}_p95_ms`] = percentile(sorted_ms, 0.95);
    }
    return figures as Required<HopFigures>;
  }

  /** What the window knows of one hop, sorted; empty if that is too little. */
  #column(column: number, now_ms: number): Float64Array {
    let samples = 0;
    let known = 0;
    for (const [row, at_ms] of this.#at_ms.entries()) {
      // Both ways: the relay's clock may have been another when the sample was taken.
      if (!(Math.abs(now_ms - at_ms) <= WINDOW_MS)) continue;
      samples += 1;
      const hop_ms = this.#hops_ms[row * HOPS.length + column] ?? Number.NaN;
      if (!Number.isNaN(hop_ms)) this.#sorted_ms[known++] = hop_ms;
    }
    return this.#sorted_ms.subarray(0, known < KNOWN_SHARE * samples ? 0 : known).sort();
  }
}

/** The nearest rank; a tenth of a millisecond is enough, and short on the wire. */
function percentile(sorted: Float64Array, share: number): number {
  const value = sorted[Math.ceil(share * sorted.length) - 1];
  return value === undefined ? -1 : Math.round(value * 10) / 10;
}
