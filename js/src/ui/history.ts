// The last half minute of each peer's figures, for the charts.
import type { Figures } from "../protocol.js";

export const HISTORY_MS = 30_000;
/** Figures come four times a second; this bounds a peer's samples even if they should come faster. */
export const MAX_SAMPLES_PER_PEER = 240;

export interface Sample {
  at_ms: number;
  figures: Figures;
}

interface Measured {
  peer: string;
  figures: Figures | null;
}

export class History {
  #samples = new Map<string, Sample[]>();

  /** The figures of everybody here. A peer not named has left and is forgotten. */
  add(at_ms: number, peers: readonly Measured[]): void {
    const here = new Map(peers.map(({ peer, figures }) => [peer, figures]));
    for (const peer of this.#samples.keys()) if (!here.has(peer)) this.#samples.delete(peer);
    for (const [peer, figures] of here) {
      const samples = this.#samples.get(peer) ?? [];
      this.#samples.set(peer, samples);
      const fresh = figures !== null && samples.at(-1)?.figures !== figures;
      if (fresh) samples.push({ at_ms, figures });
      const firstKept = samples.findIndex((sample) => at_ms - sample.at_ms <= HISTORY_MS);
      if (firstKept > 0) samples.splice(0, firstKept);
      if (samples.length > MAX_SAMPLES_PER_PEER) samples.splice(0, samples.length - MAX_SAMPLES_PER_PEER);
    }
  }

  of(peer: string): readonly Sample[] {
    return this.#samples.get(peer) ?? [];
  }
}
