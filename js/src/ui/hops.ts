// The way of a picture as the small chart shows it: both legs through the relay are one. Pure.
import type { Figures } from "../protocol.js";

/** In their order, from the bottom of the stack. */
export const HOPS = [
  { name: "record", colour: "#5e9ad6", title: "Captured, encoded and cut, until it is sent" },
  { name: "relay", colour: "#7cc08a", title: "From the sender to the relay, and from there to you" },
  { name: "queue", colour: "#e9b35f", title: "Waiting until the player takes it" },
  { name: "play", colour: "#c879a8", title: "In the player: buffered, decoded, shown" },
] as const;

/** Medians in the order of `HOPS`, ms; null: not known. */
export function hops_ms(figures: Figures): (number | null)[] {
  const uplink = known(figures.uplink_p50_ms);
  const downlink = known(figures.downlink_p50_ms);
  return [
    known(figures.record_p50_ms),
    uplink === null || downlink === null ? null : uplink + downlink,
    known(figures.queue_p50_ms),
    known(figures.play_p50_ms),
  ];
}

/** Their sums from the bottom up, which the chart stacks; null if nothing is known. What is not known has no height. */
export function stack_ms(figures: Figures): number[] | null {
  const hops = hops_ms(figures);
  if (hops.every((hop) => hop === null)) return null;
  let sum = 0;
  return hops.map((hop) => (sum += hop ?? 0));
}

/** Whom to show while nobody is chosen: the one shown, until another has been much slower. Means over a while. */
export function slowest(people: ReadonlyMap<string, number>, shown: string | null): string | null {
  let [best, most] = [shown, shown === null ? -1 : MUCH * (people.get(shown) ?? -1)];
  for (const [peer, mean_ms] of people) if (mean_ms > most) [best, most] = [peer, mean_ms];
  return best !== null && people.has(best) ? best : null;
}

const MUCH = 1.25;

function known(figure_ms: number | undefined): number | null {
  return figure_ms === undefined || !Number.isFinite(figure_ms) || figure_ms < 0 ? null : figure_ms;
}
