// What the charts show of one peer: the figures of the last minute, as columns. Pure.
import type { Figures } from "../protocol.js";
import { HOPS, type Hop, hop_ms, total_ms } from "./hops.js";

export const SPAN_MS = 60_000;
/** Figures come four times a second; this bounds a peer's columns even if they should come faster. */
export const MAX_POINTS = 480;

export interface Point {
  at_ms: number;
  hops: Record<Hop, number | null>;
  total_ms: number | null;
  queue_depth: number;
  buffered_s: number;
}

export interface Series {
  peer: string;
  name: string;
  points: Point[];
  /** When playing ran dry. */
  stalls_ms: number[];
  /** How often it has since the peer came. */
  stalls: number;
  last: Figures | null;
}

const SPANS_MS = [15_000, 30_000, SPAN_MS];

/** How much time a chart is to show: not much more than there are figures for. */
export function spanOf(points: readonly Point[], now_ms: number): number {
  const oldest_ms = points[0]?.at_ms ?? now_ms;
  return SPANS_MS.find((span_ms) => now_ms - oldest_ms <= span_ms) ?? SPAN_MS;
}

interface Measured {
  peer: string;
  name: string;
  figures: Figures | null;
}

export class Recording {
  #peers = new Map<string, Series>();

  get peers(): Series[] {
    return [...this.#peers.values()];
  }

  of(peer: string): Series | undefined {
    return this.#peers.get(peer);
  }

  /** The figures of everybody here. A peer not named has left and is forgotten. */
  add(at_ms: number, measured: readonly Measured[]): void {
    const here = new Set(measured.map(({ peer }) => peer));
    for (const peer of this.#peers.keys()) if (!here.has(peer)) this.#peers.delete(peer);
    for (const { peer, name, figures } of measured) {
      const series = this.#peers.get(peer) ?? newSeries(peer);
      this.#peers.set(peer, series);
      series.name = name;
      if (figures === null || figures === series.last) continue;
      note(series, at_ms, figures);
    }
  }
}

function newSeries(peer: string): Series {
  return { peer, name: "", points: [], stalls_ms: [], stalls: 0, last: null };
}

function note(series: Series, at_ms: number, figures: Figures): void {
  // A player that was built anew counts from zero again.
  if (series.last !== null && figures.stalls > series.last.stalls) {
    series.stalls_ms.push(at_ms);
    series.stalls += figures.stalls - series.last.stalls;
  }
  series.last = figures;
  series.points.push({
    at_ms,
    hops: Object.fromEntries(HOPS.map((hop) => [hop, hop_ms(figures, hop)])) as Record<Hop, number | null>,
    total_ms: total_ms(figures),
    queue_depth: figures.queue_depth,
    buffered_s: figures.buffered_s,
  });
  const kept = series.points.findIndex((point) => at_ms - point.at_ms <= SPAN_MS);
  series.points.splice(0, Math.max(kept, series.points.length - MAX_POINTS));
  series.stalls_ms = series.stalls_ms.filter((stall_ms) => at_ms - stall_ms <= SPAN_MS);
}

/** For each hop the height of its upper edge, stacked in order; null where a hop is unknown. */
export function stacked(points: readonly Point[]): Record<Hop, (number | null)[]> {
  const edges = Object.fromEntries(HOPS.map((hop) => [hop, [] as (number | null)[]])) as Record<
    Hop,
    (number | null)[]
  >;
  for (const point of points) {
    let height: number | null = 0;
    for (const hop of HOPS) {
      const part: number | null = point.hops[hop];
      height = height === null || part === null ? null : height + part;
      edges[hop].push(height);
    }
  }
  return edges;
}

/** A round number not below `value`, nor below `least`: where an axis ends. */
export function axisEnd(value: number, least: number): number {
  const wanted = Math.max(value, least);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= wanted) ?? 10;
  return step * power;
}
