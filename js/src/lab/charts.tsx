// The charts, their legend with the figures of now (or of where the pointer is), and the curve of a sweep.
import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { safeSvg } from "../still/safe-svg.js";
import { distinctColours } from "../ui/colour.js";
import { Fact, useFacts } from "../ui/fact.js";
import { useView } from "../ui/view.js";
import {
  type LatencyView,
  type LinesOptions,
  type LinesView,
  type LiveChart,
  latencyChart,
  linesChart,
} from "./chart.js";
import { HOP_COLOURS, HOP_WORDS, HOPS } from "./hops.js";
import type { Lab } from "./lab.js";
import type { Point } from "./series.js";
import { median } from "./still.js";

const QUEUE_CHART: LinesOptions = { stepped: true, least: 4, steps: [1, 2, 5, 10, 20, 50, 100, 200] };
const BUFFERED_CHART: LinesOptions = { stepped: false, least: 0.4 };
/** The legend tells the median of this many newest points (two seconds): single figures cannot be read. */
const LEGEND_POINTS = 8;

export function Charts({ lab }: { lab: Lab }) {
  const { people } = useView();
  const hovered = useSignal<number | null>(null);
  return (
    <div class="rw-lab-charts">
      <div class="rw-lab-title">
        <h4>Latency by hop (ms)</h4>
        {people.value.size > 1 && <Chooser lab={lab} />}
      </div>
      <LatencyChart lab={lab} onPoint={(index) => (hovered.value = index)} />
      <Legend lab={lab} hovered={hovered.value} />
      <div class="rw-lab-pair">
        <div>
          <h4>Chunks waiting</h4>
          <Lines lab={lab} value={(point) => point.queue_depth} options={QUEUE_CHART} />
        </div>
        <div>
          <h4>Buffered (s)</h4>
          <Lines lab={lab} value={(point) => point.buffered_s} options={BUFFERED_CHART} />
        </div>
      </div>
      {people.value.size > 1 && <PeopleLegend lab={lab} />}
    </div>
  );
}

/** Whose way the stacked chart shows. */
function Chooser({ lab }: { lab: Lab }) {
  const { people } = useView();
  return (
    <select
      class="rw-input"
      aria-label="Whose latency"
      value={lab.chosen?.peer ?? ""}
      onChange={(event) => {
        lab.wanted.value = event.currentTarget.value;
      }}
    >
      {[...people.value].map(([peer, name]) => (
        <option key={peer} value={peer}>
          {name}
        </option>
      ))}
    </select>
  );
}

function useNow(lab: Lab): () => number {
  // After the call time stands still, and so do the charts.
  const stopped_ms = useRef(performance.now());
  return () => {
    if (lab.running.peek()) stopped_ms.current = performance.now();
    return stopped_ms.current;
  };
}

/** A canvas chart in an element of the page, drawn again when there are new figures and somebody to see them. */
function useChart<T>(lab: Lab, make: (host: HTMLElement) => LiveChart<T>, view: () => T) {
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<LiveChart<T> | null>(null);
  const draw = () => {
    if (!document.hidden && host.current?.isConnected) chart.current?.show(view());
  };
  useEffect(() => {
    if (host.current === null) return;
    const made = make(host.current);
    chart.current = made;
    draw();
    const themes = new MutationObserver(draw);
    themes.observe(document.body, { attributeFilter: ["data-jp-theme-name", "class"] });
    return () => {
      themes.disconnect();
      made.close();
      chart.current = null;
    };
  }, []);
  useSignalEffect(() => {
    void lab.age.value;
    void lab.wanted.value;
    void lab.reference.median_ms.value;
    draw();
  });
  return host;
}

function LatencyChart({ lab, onPoint }: { lab: Lab; onPoint(index: number | null): void }) {
  const now_ms = useNow(lab);
  const host = useChart<LatencyView>(
    lab,
    (element) => latencyChart(element, onPoint),
    () => ({ series: lab.chosen, now_ms: now_ms(), reference_ms: lab.reference.median_ms.peek() }),
  );
  return <div ref={host} class="rw-plot rw-plot-latency" />;
}

interface LinesProps {
  lab: Lab;
  value(point: Point): number;
  options: LinesOptions;
}

function Lines({ lab, value, options }: LinesProps) {
  const now_ms = useNow(lab);
  const host = useChart<LinesView>(
    lab,
    (element) => linesChart(element, value, options),
    () => ({ lines: coloured(lab), now_ms: now_ms() }),
  );
  return <div ref={host} class="rw-plot" />;
}

function coloured(lab: Lab) {
  const { peers } = lab.recording;
  const alone = peers.length === 1;
  const colours = distinctColours(peers.map(({ name }) => name));
  return peers.map(({ peer, name, points }, index) => ({
    peer,
    name,
    colour: alone ? "" : (colours[index] ?? ""),
    points,
  }));
}

function PeopleLegend({ lab }: { lab: Lab }) {
  const { people } = useView();
  void people.value;
  return (
    <div class="rw-lab-legend">
      {coloured(lab).map(({ peer, name, colour }) => (
        <span key={peer}>
          <i style={{ backgroundColor: colour }} />
          {name}
        </span>
      ))}
    </div>
  );
}

/** Which colour is which hop, and how long it takes. */
function Legend({ lab, hovered }: { lab: Lab; hovered: number | null }) {
  void lab.age.value;
  const series = lab.chosen;
  const points = series?.points ?? [];
  const there = hovered === null ? undefined : points[hovered];
  const told = there === undefined ? points.slice(-LEGEND_POINTS) : [there];
  const reference = lab.reference.median_ms.value;
  const facts = useFacts<HTMLDivElement>();
  return (
    <div ref={facts} class="rw-lab-legend">
      {HOPS.map((hop) => (
        <Fact key={hop} class="" words={HOP_WORDS[hop]}>
          <i style={{ backgroundColor: HOP_COLOURS[hop] }} />
          {hop} <Ms value={median(told.map((point) => point.hops[hop]))} />
        </Fact>
      ))}
      <span class="rw-lab-legend-break" />
      <Fact class="" words="From capture to screen">
        <i class="rw-rule-solid" />
        total <Ms value={median(told.map((point) => point.total_ms))} />
      </Fact>
      <Fact class="" words="WebRTC from this page to itself">
        <i class="rw-rule-dashed" />
        WebRTC <Ms value={reference} />
      </Fact>
      <Fact class="" words="How often playing ran dry">
        <i class="rw-stall-mark" />
        stalls <b>{series?.stalls ?? 0}</b>
      </Fact>
    </div>
  );
}

function Ms({ value }: { value: number | null }) {
  return <b>{value === null ? "–" : Math.round(value)}</b>;
}

/** What Python has measured at several values of one setting. */
export function SweepCurve({ lab }: { lab: Lab }) {
  const { done = 0, of = 0, now = "", svg = "" } = lab.sweep.value;
  const curve = useMemo(() => (svg === "" ? null : safeSvg(svg)), [svg]);
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    host.current?.replaceChildren(...(curve === null ? [] : [curve]));
  }, [curve]);
  if (curve === null && now === "") return null;
  return (
    <div class="rw-sweep">
      {now !== "" && (
        <div class="rw-sweep-progress">
          <span>
            Sweep: {now} ({done + 1} of {of})
          </span>
          <progress max={of} value={done} />
        </div>
      )}
      <div ref={host} />
    </div>
  );
}
