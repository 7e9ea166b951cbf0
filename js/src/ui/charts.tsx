// The small charts of the figures panel: the last half minute, now at the right edge.
import type { ComponentChildren } from "preact";
import { Fact, useFacts } from "./fact.js";
import { HISTORY_MS, type Sample } from "./history.js";
import { HOPS, hops_ms, stack_ms } from "./hops.js";
import { areaPath, linePath, type Point, roundedUp, type Scale } from "./sparkline.js";
import { tip } from "./tips.js";

const CHART = { width: 400, height: 70 };
const LEAST_LATENCY_SCALE_MS = 100;

export interface Row {
  peer: string;
  name: string;
  colour: string;
  samples: readonly Sample[];
}

interface LineChartProps {
  title: string;
  rows: readonly Row[];
  value(sample: Sample): number | null;
  least: number;
  unit: string;
  draw: typeof linePath;
}

/** One line for each person. */
export function LineChart({ title, rows, value, least, unit, draw }: LineChartProps) {
  const lines = rows.map(({ peer, colour, samples }) => ({
    peer,
    colour,
    points: samples.map((sample): Point => ({ at_ms: sample.at_ms, value: value(sample) })),
  }));
  const scale = scaleTo(
    lines.flatMap(({ points }) => points),
    least,
  );
  return (
    <Chart title={title} scale={scale} unit={unit}>
      {lines.map(({ peer, colour, points }) => (
        <path key={peer} d={draw(points, scale)} stroke={colour} />
      ))}
    </Chart>
  );
}

export function LatencyChart({ rows }: { rows: readonly Row[] }) {
  return (
    <LineChart
      title="Latency, last 30 s"
      rows={rows}
      value={({ figures }) => (figures.latency_ms < 0 ? null : figures.latency_ms)}
      least={LEAST_LATENCY_SCALE_MS}
      unit=" ms"
      draw={linePath}
    />
  );
}

/** One person's latency as a stack of its hops, with the medians of now below. */
export function HopChart({ row }: { row: Row }) {
  const stacks = row.samples.map(({ at_ms, figures }) => ({ at_ms, sums: stack_ms(figures) }));
  // What there was when the stack is empty: the floor.
  const floor = stacks.map(({ at_ms, sums }): Point => ({ at_ms, value: sums === null ? null : 0 }));
  const lines = HOPS.map((_, hop) =>
    stacks.map(({ at_ms, sums }): Point => ({ at_ms, value: sums?.[hop] ?? null })),
  );
  const scale = scaleTo(lines.at(-1) ?? [], LEAST_LATENCY_SCALE_MS);
  const facts = useFacts<HTMLUListElement>();
  const last = row.samples.at(-1);
  const now = last === undefined ? [] : hops_ms(last.figures);
  return (
    <Chart
      title={`Latency by hop, ${row.name}, last 30 s`}
      scale={scale}
      unit=" ms"
      legend={
        <ul ref={facts} class="rw-legend">
          {HOPS.map(({ name, colour, title }, hop) => (
            <li key={name}>
              <Fact class="" words={title}>
                <i style={{ backgroundColor: colour }} />
                {name} <span>{whole(now[hop])}</span>
              </Fact>
            </li>
          ))}
        </ul>
      }
    >
      {HOPS.map(({ name, colour }, hop) => (
        <path
          key={name}
          class="rw-area"
          d={areaPath(lines[hop - 1] ?? floor, lines[hop] ?? floor, scale)}
          fill={colour}
        />
      ))}
    </Chart>
  );
}

interface ChartProps {
  title: string;
  scale: Scale;
  unit: string;
  legend?: ComponentChildren;
  children: ComponentChildren;
}

function Chart({ title, scale, unit, legend, children }: ChartProps) {
  return (
    <figure class="rw-chart">
      <figcaption>
        <b {...tip(title)}>{title}</b>
        <span>
          0–{scale.max}
          {unit}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${CHART.width} ${CHART.height}`} preserveAspectRatio="none" aria-hidden="true">
        <path class="rw-rule" d={`M0 ${CHART.height / 2}H${CHART.width}`} />
        {children}
      </svg>
      {legend}
    </figure>
  );
}

function scaleTo(points: readonly Point[], least: number): Scale {
  const highest = Math.max(0, ...points.map((point) => point.value ?? 0));
  return { ...CHART, now_ms: performance.now(), span_ms: HISTORY_MS, max: roundedUp(highest, least) };
}

function whole(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? "–" : String(Math.round(ms));
}
