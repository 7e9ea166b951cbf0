// The last chart as a picture that outlives page and kernel: an SVG of a few kilobytes, written into the notebook.
// Text and axes take the colour of the page around them. Pure.
import { HOP_COLOURS, HOPS, REFERENCE_COLOUR } from "./hops.js";
import { axisEnd, type Point, type Series, spanOf, stacked } from "./series.js";

const WIDTH = 720;
const HEIGHT = 280;
const PLOT = { left: 44, top: 30, right: 708, bottom: 214 };
const MAX_POINTS_DRAWN = 120;
const LEAST_SCALE_MS = 50;

export interface StillOptions {
  series: Series;
  reference_ms: number | null;
  /** One line on how it was measured: "timeslice 40 ms". */
  note: string;
}

/** Null while there is nothing to draw. */
export function stillSvg({ series, reference_ms, note }: StillOptions): string | null {
  const points = thinned(series.points);
  const end_ms = points.at(-1)?.at_ms;
  const edges = stacked(points);
  const highest = Math.max(0, ...edges.play.map((edge) => edge ?? 0), ...points.map((p) => p.total_ms ?? 0));
  if (end_ms === undefined || highest === 0) return null;
  const span_ms = spanOf(points, end_ms);
  const top_ms = axisEnd(Math.max(highest, reference_ms ?? 0), LEAST_SCALE_MS);
  const x = (at_ms: number) => round(PLOT.right - ((end_ms - at_ms) / span_ms) * (PLOT.right - PLOT.left));
  const y = (value_ms: number) => round(PLOT.bottom - (value_ms / top_ms) * (PLOT.bottom - PLOT.top));
  const xs = points.map((point) => x(point.at_ms));
  const heights = (index: number) => {
    const hop = HOPS[index];
    return hop === undefined ? points.map(() => 0) : edges[hop];
  };
  const areas = HOPS.map((hop, index) => {
    const d = areaPath(xs, heights(index), heights(index - 1), y);
    return d === "" ? "" : `<path d="${d}" fill="${HOP_COLOURS[hop]}"/>`;
  });
  const total = linePath(
    xs,
    points.map((point) => point.total_ms),
    y,
  );
  const stalls = series.stalls_ms
    .filter((at_ms) => x(at_ms) >= PLOT.left)
    .map((at_ms) => `<path d="M${x(at_ms)} ${PLOT.top}V${PLOT.bottom}" stroke="${REFERENCE_COLOUR}"/>`);
  const reference =
    reference_ms === null
      ? ""
      : `<path d="M${PLOT.left} ${y(reference_ms)}H${PLOT.right}" stroke="${REFERENCE_COLOUR}" stroke-width="1.5" stroke-dasharray="6 4"/>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" role="img" ` +
      'font-family="system-ui, sans-serif" font-size="12" fill="currentColor">',
    `<title>Latency by hop of ${escaped(series.name)}</title>`,
    text(PLOT.left, 16, `Latency by hop (ms): ${series.name}`, 'font-weight="600"'),
    ...[0, 0.5, 1].map((part) => gridLine(y(part * top_ms), String(part * top_ms))),
    ...areas,
    `<path d="${total}" fill="none" stroke="currentColor"/>`,
    ...stalls,
    reference,
    text(PLOT.left, PLOT.bottom + 16, `${-span_ms / 1000} s`, 'opacity=".7"'),
    text(PLOT.right, PLOT.bottom + 16, "end", 'opacity=".7" text-anchor="end"'),
    ...legend(points, reference_ms),
    text(PLOT.left, HEIGHT - 6, note, 'opacity=".7"'),
    "</svg>",
  ].join("");
}

/** The middle of what is known, rounded; null if nothing is. */
export function median(values: readonly (number | null)[]): number | null {
  const known = values.filter((value): value is number => value !== null).sort((a, b) => a - b);
  return known[Math.floor(known.length / 2)] ?? null;
}

function thinned(points: readonly Point[]): Point[] {
  const every = Math.ceil(points.length / MAX_POINTS_DRAWN);
  return points.filter((_, index) => index % every === 0 || index === points.length - 1);
}

/** Closed areas between two edges; one for each stretch where both are known. */
function areaPath(
  xs: readonly number[],
  upper: readonly (number | null)[],
  lower: readonly (number | null)[],
  y: (value_ms: number) => number,
): string {
  let d = "";
  let stretch: { x: number; up: number; low: number }[] = [];
  const close = () => {
    if (stretch.length > 1) {
      const there = stretch.map(({ x, up }) => `${x} ${y(up)}`);
      const back = stretch.toReversed().map(({ x, low }) => `${x} ${y(low)}`);
      d += `M${[...there, ...back].join("L")}Z`;
    }
    stretch = [];
  };
  for (const [index, x] of xs.entries()) {
    const [up, low] = [upper[index], lower[index]];
    if (typeof up === "number" && typeof low === "number") stretch.push({ x, up, low });
    else close();
  }
  close();
  return d;
}

function linePath(
  xs: readonly number[],
  values: readonly (number | null)[],
  y: (value_ms: number) => number,
): string {
  let to = "M";
  return xs
    .map((x, index) => {
      const value = values[index] ?? null;
      const piece = value === null ? "" : `${to}${x} ${y(value)}`;
      to = value === null ? "M" : "L";
      return piece;
    })
    .join("");
}

function gridLine(at: number, label: string): string {
  const rule = `<path d="M${PLOT.left} ${at}H${PLOT.right}" stroke="currentColor" stroke-opacity=".2"/>`;
  return rule + text(PLOT.left - 6, at + 4, label, 'opacity=".7" text-anchor="end"');
}

function legend(points: readonly Point[], reference_ms: number | null): string[] {
  const entries: { mark: string; words: string; value_ms: number | null }[] = HOPS.map((hop) => ({
    mark: `<rect y="-9" width="10" height="10" rx="2" fill="${HOP_COLOURS[hop]}"/>`,
    words: hop,
    value_ms: median(points.map((point) => point.hops[hop])),
  }));
  entries.push({
    mark: "",
    words: "total",
    value_ms: median(points.map((point) => point.total_ms)),
  });
  if (reference_ms !== null) {
    entries.push({
      mark: `<path d="M0 -4H12" stroke="${REFERENCE_COLOUR}" stroke-width="2" stroke-dasharray="4 2"/>`,
      words: "WebRTC",
      value_ms: reference_ms,
    });
  }
  const step = (PLOT.right - PLOT.left) / entries.length;
  return entries.map(({ mark, words, value_ms }, index) => {
    const label = value_ms === null ? words : `${words} ${Math.round(value_ms)}`;
    const place = `translate(${round(PLOT.left + index * step)} ${PLOT.bottom + 40})`;
    return `<g transform="${place}">${mark}${text(mark === "" ? 0 : 15, 0, label)}</g>`;
  });
}

function text(x: number, y: number, words: string, extra = ""): string {
  return `<text x="${x}" y="${y}" ${extra}>${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
