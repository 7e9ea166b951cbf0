// The panel below the call: the last half minute as two small charts, and the figures of now.
import { distinctColours } from "./colour.js";
import { HISTORY_MS, type Sample } from "./history.js";
import { linePath, type Point, roundedUp, stepPath } from "./sparkline.js";
import { useView } from "./view.js";

const CHART = { width: 400, height: 70 };
const LEAST_LATENCY_SCALE_MS = 100;
const LEAST_QUEUE_SCALE = 5;

interface Row {
  peer: string;
  name: string;
  colour: string;
  samples: readonly Sample[];
}

export function FiguresPanel() {
  const { figuresOpen } = useView();
  return figuresOpen.value ? <Figures /> : null;
}

function Figures() {
  const { people, history, historyAge } = useView();
  void historyAge.value; // drawn again whenever figures have come
  const names = [...people.value.values()];
  const colours = distinctColours(names);
  const rows = [...people.value].map(([peer, name], index) => ({
    peer,
    name,
    colour: colours[index] ?? "currentColor",
    samples: history.of(peer),
  }));
  return (
    <section class="rw-figures" aria-label="Figures">
      <Chart
        title="Latency, last 30 s"
        rows={rows}
        value={({ figures }) => (figures.latency_ms < 0 ? null : figures.latency_ms)}
        least={LEAST_LATENCY_SCALE_MS}
        unit=" ms"
        draw={linePath}
      />
      <Chart
        title="Chunks waiting"
        rows={rows}
        value={({ figures }) => figures.queue_depth}
        least={LEAST_QUEUE_SCALE}
        unit=""
        draw={stepPath}
      />
      {rows.length > 0 ? (
        <FiguresTable rows={rows} />
      ) : (
        <p class="rw-note">Figures come with the first person.</p>
      )}
    </section>
  );
}

interface ChartProps {
  title: string;
  rows: readonly Row[];
  value(sample: Sample): number | null;
  least: number;
  unit: string;
  draw: typeof linePath;
}

function Chart({ title, rows, value, least, unit, draw }: ChartProps) {
  const lines = rows.map(({ peer, colour, samples }) => ({
    peer,
    colour,
    points: samples.map((sample): Point => ({ at_ms: sample.at_ms, value: value(sample) })),
  }));
  const highest = Math.max(0, ...lines.flatMap(({ points }) => points.map((point) => point.value ?? 0)));
  const max = roundedUp(highest, least);
  const scale = { ...CHART, now_ms: performance.now(), span_ms: HISTORY_MS, max };
  return (
    <figure class="rw-chart">
      <figcaption>
        <b>{title}</b>
        <span>
          0–{max}
          {unit}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${CHART.width} ${CHART.height}`} preserveAspectRatio="none" aria-hidden="true">
        <path class="rw-rule" d={`M0 ${CHART.height / 2}H${CHART.width}`} />
        {lines.map(({ peer, colour, points }) => (
          <path key={peer} d={draw(points, scale)} stroke={colour} />
        ))}
      </svg>
    </figure>
  );
}

/** The legend of both charts, and the figures of now. */
function FiguresTable({ rows }: { rows: readonly Row[] }) {
  return (
    <table class="rw-table">
      <thead>
        <tr>
          <th scope="col">Person</th>
          <th scope="col">Latency</th>
          <th scope="col" title="Chunks that wait to be played: now, and the most in the last 30 s">
            Waiting
          </th>
          <th scope="col" title="Media ahead of the playing position">
            Ahead
          </th>
          <th scope="col" title="How often playing ran dry">
            Stalls
          </th>
          <th scope="col" title="How fast it plays: 1 is as recorded">
            Rate
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <FiguresRow key={row.peer} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function FiguresRow({ row }: { row: Row }) {
  const now = row.samples.at(-1)?.figures;
  const deepest = Math.max(0, ...row.samples.map((sample) => sample.figures.queue_depth));
  return (
    <tr>
      <th scope="row" title={row.name}>
        <i style={{ backgroundColor: row.colour }} />
        {row.name}
      </th>
      <td>{now === undefined || now.latency_ms < 0 ? "–" : `${Math.round(now.latency_ms)} ms`}</td>
      <td>
        {now === undefined ? "–" : now.queue_depth}
        <span class="rw-dim"> / {deepest}</span>
      </td>
      <td>{now === undefined ? "–" : `${now.buffered_s.toFixed(2)} s`}</td>
      <td>{now === undefined ? "–" : now.stalls}</td>
      <td>{now === undefined ? "–" : `${now.rate.toFixed(2)}×`}</td>
    </tr>
  );
}
