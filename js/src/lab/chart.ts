// The lab's live charts, on uPlot: latency stacked by hop, and lines of several peers. They are drawn at most as
// often as figures come; colours are JupyterLab's, read anew for each drawing so that a change of theme shows.
import uPlot from "uplot";
import { HOP_COLOURS, HOPS, type Hop, REFERENCE_COLOUR } from "./hops.js";
import { axisEnd, type Point, type Series, spanOf, stacked } from "./series.js";

const LEAST_LATENCY_SCALE_MS = 50;
const AXIS_WIDTH_PX = 40;
/** Half of "now", which stands below the right edge. */
const EDGE_PX = 14;
const FONT = "11px system-ui, -apple-system, 'Segoe UI', sans-serif";

export interface LatencyView {
  series: Series | undefined;
  now_ms: number;
  /** WebRTC in the same page; null while unknown. */
  reference_ms: number | null;
}

export interface LinesView {
  /** The colour is empty for the page's accent. */
  lines: readonly { colour: string; points: readonly Point[] }[];
  now_ms: number;
}

export interface LiveChart<T> {
  show(view: T): void;
  close(): void;
}

/** `onPoint` hears which point the pointer is over; null: none. */
export function latencyChart(
  host: HTMLElement,
  onPoint: (index: number | null) => void,
): LiveChart<LatencyView> {
  const ink = inks(host);
  let view: LatencyView = { series: undefined, now_ms: 0, reference_ms: null };
  const plot = new uPlot(
    {
      ...sizeOf(host),
      ...COMMON,
      padding: [8, EDGE_PX, 0, 0],
      scales: { x: X_SCALE, y: { range: (_, __, max) => [0, axisEnd(max, LEAST_LATENCY_SCALE_MS)] } },
      axes: [timeAxis(ink), valueAxis(ink)],
      series: [{}, ...HOPS.map((hop) => area(hop, ink)), line(() => ink.text, false)],
      bands: HOPS.slice(1).map((hop, index) => ({ series: [index + 2, index + 1], fill: HOP_COLOURS[hop] })),
      hooks: {
        draw: [(u) => drawReference(u, view.reference_ms), (u) => drawStalls(u, view)],
        setCursor: [(u) => onPoint(u.cursor.idx ?? null)],
      },
    },
    nothing(HOPS.length + 1),
    host,
  );
  const resizing = followSize(plot, host);
  return {
    show(next) {
      view = next;
      ink.read();
      const points = next.series?.points ?? [];
      const edges = stacked(points);
      plot.setData([
        ages_s(points, next.now_ms),
        ...HOPS.map((hop) => edges[hop]),
        points.map((point) => point.total_ms),
      ]);
      showSpan(plot, spanOf(points, next.now_ms));
    },
    close() {
      resizing.disconnect();
      plot.destroy();
    },
  };
}

export interface LinesOptions {
  /** Level until the next point: for what is counted. */
  stepped: boolean;
  /** Where the axis ends at least. */
  least: number;
  /** What the axis may be divided into. */
  steps?: number[];
}

/** One line for each peer. */
export function linesChart(
  host: HTMLElement,
  value: (point: Point) => number,
  options: LinesOptions,
): LiveChart<LinesView> {
  const ink = inks(host);
  let plot: uPlot | null = null;
  let shownColours: readonly string[] | null = null;
  const build = (colours: readonly string[]) => {
    plot?.destroy();
    plot = new uPlot(
      {
        ...sizeOf(host),
        ...COMMON,
        padding: [6, EDGE_PX, 0, 0],
        scales: { x: X_SCALE, y: { range: (_, __, max) => [0, axisEnd(max, options.least)] } },
        axes: [timeAxis(ink), valueAxis(ink, options.steps)],
        series: [{}, ...colours.map((stroke) => line(stroke || (() => ink.brand), options.stepped))],
      },
      nothing(colours.length),
      host,
    );
  };
  const resizing = new ResizeObserver(() => plot?.setSize(sizeOf(host)));
  resizing.observe(host);
  return {
    show({ lines, now_ms }) {
      ink.read();
      const colours = lines.map(({ colour }) => colour);
      if (JSON.stringify(shownColours) !== JSON.stringify(colours)) build(colours);
      shownColours = colours;
      const tables = lines.map(
        ({ points }): uPlot.AlignedData => [ages_s(points, now_ms), points.map(value)],
      );
      plot?.setData(tables.length > 1 ? uPlot.join(tables) : (tables[0] ?? nothing(0)));
      showSpan(plot, Math.max(...lines.map(({ points }) => spanOf(points, now_ms))));
    },
    close() {
      resizing.disconnect();
      plot?.destroy();
    },
  };
}

const COMMON = {
  legend: { show: false },
  cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
} satisfies Partial<uPlot.Options>;

/** Seconds ago; `show` sets from when. */
const X_SCALE: uPlot.Scale = { time: false, auto: false, min: -15, max: 0 };

function showSpan(plot: uPlot | null, span_ms: number): void {
  plot?.setScale("x", { min: -span_ms / 1000, max: 0 });
}

interface Inks {
  text: string;
  grid: string;
  ground: string;
  brand: string;
  read(): void;
}

function inks(host: HTMLElement): Inks {
  const ink: Inks = {
    text: "",
    grid: "",
    ground: "",
    brand: "",
    read() {
      const style = getComputedStyle(host);
      ink.text = style.getPropertyValue("--rw-ink2");
      ink.grid = style.getPropertyValue("--rw-line");
      ink.ground = style.getPropertyValue("--rw-bg");
      ink.brand = style.getPropertyValue("--rw-brand");
    },
  };
  ink.read();
  return ink;
}

/** Up to the edge of this hop; the bands between the edges are what is seen. */
function area(hop: Hop, ink: Inks): uPlot.Series {
  const lowest = hop === HOPS[0];
  return {
    stroke: () => ink.ground,
    width: 1,
    points: { show: false },
    ...(lowest ? { fill: HOP_COLOURS[hop] } : {}),
  };
}

function line(stroke: string | (() => string), stepped: boolean): uPlot.Series {
  const paths = stepped ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
  return { stroke, width: 1.5, points: { show: false }, spanGaps: true, ...(paths ? { paths } : {}) };
}

function timeAxis(ink: Inks): uPlot.Axis {
  return {
    stroke: () => ink.text,
    font: FONT,
    size: 24,
    gap: 6,
    incrs: [5, 10, 15, 30, 60],
    space: 60,
    values: (_, ticks) => ticks.map((tick) => (tick === 0 ? "now" : `${tick} s`)),
    grid: { show: false },
    ticks: { show: false },
  };
}

function valueAxis(ink: Inks, steps?: number[]): uPlot.Axis {
  return {
    ...(steps ? { incrs: steps } : {}),
    stroke: () => ink.text,
    font: FONT,
    size: AXIS_WIDTH_PX,
    gap: 4,
    space: 34,
    values: (_, ticks) => ticks.map(String),
    grid: { stroke: () => ink.grid, width: 1 },
    ticks: { show: false },
  };
}

function drawReference(plot: uPlot, reference_ms: number | null): void {
  if (reference_ms === null) return;
  const { ctx, bbox } = plot;
  const y = Math.round(plot.valToPos(reference_ms, "y", true));
  if (y < bbox.top) return;
  ctx.save();
  ctx.strokeStyle = REFERENCE_COLOUR;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

/** A mark at the top, and a thin line down from it, where playing ran dry. */
function drawStalls(plot: uPlot, { series, now_ms }: LatencyView): void {
  const { ctx, bbox } = plot;
  const half = 4.5 * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = REFERENCE_COLOUR;
  for (const stall_ms of series?.stalls_ms ?? []) {
    const x = plot.valToPos((stall_ms - now_ms) / 1000, "x", true);
    if (x < bbox.left) continue;
    ctx.fillRect(x - devicePixelRatio / 2, bbox.top, devicePixelRatio, bbox.height);
    ctx.beginPath();
    ctx.moveTo(x - half, bbox.top);
    ctx.lineTo(x + half, bbox.top);
    ctx.lineTo(x, bbox.top + 1.6 * half);
    ctx.fill();
  }
  ctx.restore();
}

function ages_s(points: readonly Point[], now_ms: number): number[] {
  return points.map(({ at_ms }) => (at_ms - now_ms) / 1000);
}

function nothing(lines: number): uPlot.AlignedData {
  return [[], ...Array.from({ length: lines }, () => [])];
}

function sizeOf(host: HTMLElement): { width: number; height: number } {
  return { width: Math.max(host.clientWidth, 1), height: Math.max(host.clientHeight, 1) };
}

function followSize(plot: uPlot, host: HTMLElement): ResizeObserver {
  const observer = new ResizeObserver(() => plot.setSize(sizeOf(host)));
  observer.observe(host);
  return observer;
}
