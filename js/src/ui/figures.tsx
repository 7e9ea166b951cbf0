// The panel below the call: the last half minute as two small charts, and the figures of now.
import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Bars } from "./bars.js";
import { HopChart, LatencyChart, LineChart, type Row } from "./charts.js";
import { distinctColours } from "./colour.js";
import { Fact, useFacts } from "./fact.js";
import type { Sample } from "./history.js";
import { slowest, stack_ms } from "./hops.js";
import { stepPath } from "./sparkline.js";
import { tip } from "./tips.js";
import { useView } from "./view.js";

const LEAST_QUEUE_SCALE = 5;

export function FiguresPanel() {
  const { figuresOpen } = useView();
  return figuresOpen.value ? <Figures /> : null;
}

function Figures() {
  const { state, people, history, historyAge } = useView();
  void historyAge.value; // drawn again whenever figures have come
  const names = [...people.value.values()];
  const colours = distinctColours(names);
  const rows = [...people.value].map(([peer, name], index) => ({
    peer,
    name,
    colour: colours[index] ?? "currentColor",
    samples: history.of(peer),
  }));
  const shown = useShown(rows);
  const own = state.quality.value;
  return (
    <section class="rw-figures" aria-label="Figures">
      {shown === undefined ? <LatencyChart rows={rows} /> : <HopChart row={shown} />}
      <LineChart
        title="Chunks waiting"
        rows={rows}
        value={({ figures }) => figures.queue_depth}
        least={LEAST_QUEUE_SCALE}
        unit=""
        draw={stepPath}
      />
      {rows.length > 0 ? (
        <FiguresTable rows={rows} shown={shown?.peer ?? null} />
      ) : (
        <p class="rw-note">Figures come with the first person.</p>
      )}
      {own !== null && own.grade !== "good" && <p class="rw-note">{own.words}</p>}
    </section>
  );
}

/** Whose hops to show: the chosen person's or the slowest one's; nobody's while no hops are known. */
function useShown(rows: readonly Row[]): Row | undefined {
  const { chosen } = useView();
  const last = useRef<string | null>(null);
  const known = rows.filter(({ samples }) => samples.some(({ figures }) => stack_ms(figures) !== null));
  const means = new Map(known.map(({ peer, samples }) => [peer, meanLatency_ms(samples)]));
  last.current = slowest(means, last.current);
  return known.find(({ peer }) => peer === chosen.value) ?? known.find(({ peer }) => peer === last.current);
}

function meanLatency_ms(samples: readonly Sample[]): number {
  const known = samples.map(({ figures }) => figures.latency_ms).filter((latency_ms) => latency_ms >= 0);
  return known.reduce((sum, latency_ms) => sum + latency_ms, 0) / Math.max(1, known.length);
}

/** The figures of now; a click on a person shows that person's hops. */
function FiguresTable({ rows, shown }: { rows: readonly Row[]; shown: string | null }) {
  const facts = useFacts<HTMLTableSectionElement>();
  return (
    <table class="rw-table">
      <thead ref={facts}>
        <tr>
          <th scope="col">Person</th>
          <th scope="col">Latency</th>
          <th scope="col">
            <Fact words="Chunks that wait to be played: now, and the most in the last 30 s">Waiting</Fact>
          </th>
          <th scope="col">
            <Fact words="Media ahead of the playing position">Ahead</Fact>
          </th>
          <th scope="col">
            <Fact words="How often playing ran dry">Stalls</Fact>
          </th>
          <th scope="col">
            <Fact words="How fast it plays: 1 is as recorded">Rate</Fact>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <FiguresRow key={row.peer} row={row} shown={row.peer === shown} />
        ))}
      </tbody>
    </table>
  );
}

function FiguresRow({ row, shown }: { row: Row; shown: boolean }) {
  const { state, chosen } = useView();
  const quality = useComputed(() => state.tiles.value.find(({ peer }) => peer === row.peer)?.quality ?? null);
  const now = row.samples.at(-1)?.figures;
  const deepest = Math.max(0, ...row.samples.map((sample) => sample.figures.queue_depth));
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          class="rw-person"
          aria-pressed={shown}
          {...tip(`Show ${row.name}'s hops`)}
          onClick={() => {
            chosen.value = row.peer;
          }}
        >
          <i style={{ backgroundColor: row.colour }} />
          <span>{row.name}</span>
        </button>
        <Bars quality={quality} />
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
