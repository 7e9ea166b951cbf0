// The five hops of a picture on its way, in their order: what the lab stacks, and in which colours.
import type { Figures } from "../protocol.js";

export const HOPS = ["record", "uplink", "downlink", "queue", "play"] as const;
export type Hop = (typeof HOPS)[number];

/** Neighbours stay apart for every kind of colour blindness (Machado 2009: at least 30 in CIELAB). The two legs
 * through the relay are two greens. */
export const HOP_COLOURS: Record<Hop, string> = {
  record: "#5e9ad6",
  uplink: "#b5e3b0",
  downlink: "#3d9268",
  queue: "#e9b35f",
  play: "#c879a8",
};
export const REFERENCE_COLOUR = "#d32f2f";

export const HOP_WORDS: Record<Hop, string> = {
  record: "Captured, encoded and cut into a chunk, until the browser sends it",
  uplink: "From the sender's browser to the relay",
  downlink: "From the relay to the receiver's browser",
  queue: "Waiting in the receiver until the player takes it",
  play: "In the player: buffered, decoded, shown",
};

/** Median of one hop, ms; null while it is unknown. */
export function hop_ms(figures: Figures, hop: Hop): number | null {
  return known(figures[`${hop}_p50_ms`]);
}

/** From capture to screen, ms; null while it is unknown. The median of the same pictures as the hops', so that they add
 * up to it; the newest figure where there are no stamps to tell the hops from. */
export function total_ms(figures: Figures): number | null {
  return known(figures.total_p50_ms) ?? known(figures.latency_ms);
}

function known(figure_ms: number | undefined): number | null {
  return figure_ms === undefined || !Number.isFinite(figure_ms) || figure_ms < 0 ? null : figure_ms;
}
