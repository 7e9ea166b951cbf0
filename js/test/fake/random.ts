// Numbers that look random and come again with their seed.

/** mulberry32. */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}

/** The seeds of a walk: the same ones each time, and one that nobody has tried; or the one in SEED alone. */
export function walkSeeds(count: number): number[] {
  const given = process.env.SEED;
  if (given !== undefined) return [Number(given)];
  const fresh = Math.floor(Math.random() * 2 ** 31);
  return [...Array.from({ length: count - 1 }, (_, index) => index + 1), fresh];
}
