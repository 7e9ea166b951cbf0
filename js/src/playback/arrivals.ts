// Where the live edge is, and how unevenly media comes in: learnt from the end of the buffer at each append.
// No clock reads; all times in seconds, `now_s` of any steady clock.
//
// Media that comes in pieces makes the buffer's end jump. The live edge is the line through the earliest
// arrivals: it moves on with the clock. How far the end had fallen behind that line just before each arrival is
// what a player must stay behind the edge to never run dry; that measure holds for 20 ms pieces on a jittery
// network and for 1500 ms pieces alike.

const BUCKET_S = 1;
const BUCKETS = 20;
/** So much more than usual, for some seconds on end, is no jitter but a link that stood still or a machine that was busy:
 * once it is over nobody wants to be late for the next twenty seconds because of it, unless it happens again and again.
 * The shorter ones are got over at half speed. */
const RARE_S = 0.06;
/** One of so much more than usual is an outage, in which no margin helps. */
const OUTAGE_S = 0.25;
const MAX_RARE_BUCKETS = 8;
const MAX_RARE = 2;
/** One that goes on for longer has to be lived with until it is over. */
const PATIENCE_BUCKETS = 2;
/** Added to the worst lag, as a part of its distance from the usual. */
const RESERVE = 0.5;
/** The first arrivals tell of the start of recorder and connection, not of how it goes on. */
const WARM_UP_S = 1;

export class Arrivals {
  #bucket = -1;
  readonly #leads_s = new Float64Array(BUCKETS);
  readonly #lags_s = new Float64Array(BUCKETS);
  readonly #sorted_s = new Float64Array(BUCKETS);
  #first_s = Number.NaN;

  constructor() {
    this.reset();
  }

  /** Media times have a new relation to the clock (another epoch, another source). */
  reset(): void {
    this.#bucket = -1;
    this.#leads_s.fill(Number.NEGATIVE_INFINITY);
    this.#lags_s.fill(0);
    this.#first_s = Number.NaN;
  }

  /** The buffer's end moved from `before_s` to `after_s`. `continuous`: nothing in between was left out. */
  observe(now_s: number, before_s: number, after_s: number, continuous: boolean): void {
    const bucket = this.#turn(now_s);
    const lead_s = after_s - now_s;
    if (lead_s > (this.#leads_s[bucket] ?? 0)) this.#leads_s[bucket] = lead_s;
    if (Number.isNaN(this.#first_s)) this.#first_s = now_s;
    if (!continuous || now_s - this.#first_s < WARM_UP_S) return;
    const lag_s = this.edge_s(now_s) - before_s;
    if (lag_s > (this.#lags_s[bucket] ?? 0)) this.#lags_s[bucket] = lag_s;
  }

  /** The media time of the live edge now; NaN before the first arrival. */
  edge_s(now_s: number): number {
    const lead_s = Math.max(...this.#leads_s);
    return Number.isFinite(lead_s) ? now_s + lead_s : Number.NaN;
  }

  /** How far behind the live edge the buffer's end gets between arrivals in a usual second, and is likely to get at the worst.
   * What happened once in twenty seconds will happen again; and the further that was from the usual, the further the
   * next may be from that. */
  lag(): { usual_s: number; likely_s: number } {
    const usual_s = this.#usual_s;
    if (usual_s === 0) {
      // In the first seconds most buckets are empty.
      const worst_s = this.#worst_s(OUTAGE_S);
      return { usual_s: worst_s, likely_s: worst_s };
    }
    const worst_s = this.#worst_s(usual_s + RARE_S);
    return { usual_s, likely_s: worst_s + RESERVE * (worst_s - usual_s) };
  }

  get #usual_s(): number {
    const lags_s = this.#sorted_s;
    lags_s.set(this.#lags_s);
    lags_s.sort();
    return lags_s[BUCKETS >> 1] ?? 0;
  }

  /** Whether the end of the buffer, `end_s`, is so far behind the edge now that it is an outage. */
  isOut(now_s: number, end_s: number): boolean {
    return this.edge_s(now_s) - end_s > this.#usual_s + OUTAGE_S;
  }

  /** The worst lag that is of no outage or other rare moment; in one, lags are over `bad_s`. */
  #worst_s(bad_s: number): number {
    const rare_s: number[] = [];
    let worst_s = 0;
    let run = 0;
    let worstOfRun_s = 0;
    const endRun = (longest: number): void => {
      if (run > longest) worst_s = Math.max(worst_s, worstOfRun_s);
      else if (run > 0) rare_s.push(worstOfRun_s);
      run = 0;
      worstOfRun_s = 0;
    };
    for (let age = BUCKETS - 1; age >= 0; age--) {
      const lag_s = this.#lags_s[(this.#bucket - age + BUCKETS) % BUCKETS] ?? 0;
      if (lag_s > bad_s) {
        run += 1;
        worstOfRun_s = Math.max(worstOfRun_s, lag_s);
      } else {
        endRun(MAX_RARE_BUCKETS);
        worst_s = Math.max(worst_s, lag_s);
      }
    }
    endRun(PATIENCE_BUCKETS);
    rare_s.sort((one, other) => other - one);
    return Math.max(worst_s, rare_s[MAX_RARE] ?? 0);
  }

  /** The bucket of this second; those of the seconds passed since the last call are emptied. */
  #turn(now_s: number): number {
    const second = Math.floor(now_s / BUCKET_S);
    if (this.#bucket >= 0) {
      const from = Math.max(this.#bucket + 1, second - BUCKETS + 1);
      // A pause longer than the window must not forget where the edge is: the newest bucket stays.
      const kept_s = this.#leads_s[this.#bucket % BUCKETS] ?? Number.NEGATIVE_INFINITY;
      for (let index = from; index <= second; index++) {
        this.#leads_s[index % BUCKETS] = Number.NEGATIVE_INFINITY;
        this.#lags_s[index % BUCKETS] = 0;
      }
      if (second - this.#bucket >= BUCKETS) this.#leads_s[second % BUCKETS] = kept_s;
    }
    this.#bucket = second;
    return second % BUCKETS;
  }
}
