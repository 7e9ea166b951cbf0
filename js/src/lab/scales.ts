// The sliders' scales: steps that are worth trying, from short to long. Pure.

export const TIMESLICES_MS = [
  10, 20, 30, 40, 60, 80, 100, 150, 200, 250, 350, 500, 750, 1000, 1500, 2000, 3000,
];
/** null: automatic. */
export const TARGETS_MS = [
  null,
  ...[60, 80, 100, 120, 150, 200, 250, 300, 400, 500, 750, 1000, 1500, 2000, 3000],
];
export const DELAYS_MS = [0, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000];
export const JITTERS_MS = [0, 5, 10, 20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 500];
/** 0: no cap. From open to narrow would surprise: more to the right is more, and the end is "no cap". */
export const RATES_KBPS = [100, 150, 200, 300, 400, 500, 700, 1000, 1500, 2000, 3000, 5000, 0];
export const STALLS_MS = [0, 100, 200, 500, 1000, 1500, 2000, 3000];

/** The step nearest to a value that may have been set in Python to anything. */
export function nearestStep<T extends number | null>(steps: readonly T[], value: T): number {
  const exact = steps.indexOf(value);
  if (exact >= 0) return exact;
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [index, step] of steps.entries()) {
    if (step === null || value === null || step === 0) continue;
    const distance = Math.abs(Math.log(step) - Math.log(value));
    if (distance < least) [best, least] = [index, distance];
  }
  return best;
}
