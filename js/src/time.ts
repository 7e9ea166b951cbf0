// One clock for all stamps: the relay's. The offset is estimated as NTP does (RFC 5905): the sample with the
// shortest round trip is believed, because it had the least time to be asymmetric.

const SAMPLES = 12;

/** This page's monotonic wall clock, ms since 1970. */
export function local_ms(): number {
  return performance.timeOrigin + performance.now();
}

export class RelayClock {
  #samples: { offset_ms: number; roundTrip_ms: number }[] = [];
  #offset_ms = 0;

  /** One exchange: asked at `t0`, the relay said `relay_ms`, heard at `t1` (all ms). */
  add(t0: number, relay_ms: number, t1: number): void {
    this.#samples.push({ offset_ms: relay_ms - (t0 + t1) / 2, roundTrip_ms: t1 - t0 });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
    this.#offset_ms = this.#best().offset_ms;
  }

  /** Half the best round trip: the true offset is within this of the estimate. */
  get error_ms(): number {
    return this.#samples.length === 0 ? Number.POSITIVE_INFINITY : this.#best().roundTrip_ms / 2;
  }

  toRelay_ms(here_ms: number): number {
    return here_ms + this.#offset_ms;
  }

  now_ms(): number {
    return this.toRelay_ms(local_ms());
  }

  /** Another relay, perhaps another machine: forget what was measured. */
  reset(): void {
    this.#samples = [];
  }

  #best() {
    return this.#samples.reduce((a, b) => (b.roundTrip_ms < a.roundTrip_ms ? b : a));
  }
}
