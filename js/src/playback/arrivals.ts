// Where the live edge is, and how unevenly media comes in: learnt from the end of the buffer at each append.
// No clock reads; all times in seconds, `now_s` of any steady clock.
//
// Media that comes in pieces makes the buffer's end jump. The live edge is the line through the earliest
// arrivals: it moves on with the clock. How far the end had fallen behind that line just before each arrival is
// what a player must stay behind the edge to never run dry; that measure holds for 20 ms pieces on a jittery
// network and for 1500 ms pieces alike.

const BUCKET_S = 1;
const BUCKETS = 20;
/** So much more than usual is no jitter but a link that stood still: nobody wants to be late for the next twenty seconds
 * because of it, unless it happens again and again. */
const OUTAGE_S = 0.25;
const MAX_OUTAGES = 2;
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

  /** How far behind the live edge the buffer's end is likely to get between arrivals. What happened once in twenty
   * seconds will happen again; and the further that was from the usual, the further the next may be from that. */
  jitter_s(): number {
    const lags_s = this.#sorted_s;
    lags_s.set(this.#lags_s);
    lags_s.sort();
    const usual_s = lags_s[BUCKETS >> 1] ?? 0;
    let worst = BUCKETS - 1;
    while (worst > BUCKETS - 1 - MAX_OUTAGES && (lags_s[worst] ?? 0) > usual_s + OUTAGE_S) worst -= 1;
    const worst_s = lags_s[worst] ?? 0;
    // In the first seconds most buckets are empty.
    return usual_s === 0 ? worst_s : worst_s + RESERVE * (worst_s - usual_s);
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
