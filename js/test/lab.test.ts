import { expect, it } from "vitest";
import { HOP_COLOURS, HOPS } from "../src/lab/hops.js";
import { nearestStep, RATES_KBPS, TARGETS_MS, TIMESLICES_MS } from "../src/lab/scales.js";
import { axisEnd, MAX_POINTS, Recording, SPAN_MS, spanOf, stacked } from "../src/lab/series.js";
import { age_ms, drawStamp, PICTURE, readStamp, STAMP_SPAN_MS } from "../src/lab/stamp.js";
import { median, stillSvg } from "../src/lab/still.js";
import type { Figures } from "../src/protocol.js";
import { withStill } from "../src/still/keeper.js";

function figures(changes: Partial<Figures> = {}): Figures {
  return {
    queue_depth: 1,
    buffered_s: 0.2,
    latency_ms: 150,
    stalls: 0,
    dropped_frames: 0,
    dropped_groups: 0,
    rate: 1,
    record_p50_ms: 30,
    uplink_p50_ms: 1,
    downlink_p50_ms: 2,
    queue_p50_ms: 7,
    play_p50_ms: 110,
    ...changes,
  };
}

function recorded(...all: Figures[]): Recording {
  const recording = new Recording();
  for (const [index, one] of all.entries()) {
    recording.add(index * 250, [{ peer: "p", name: "Ada", figures: one }]);
  }
  return recording;
}

it("keeps a minute of each peer, and forgets who has left", () => {
  const recording = new Recording();
  for (let at_ms = 0; at_ms <= 2 * SPAN_MS; at_ms += 250) {
    recording.add(at_ms, [
      { peer: "p", name: "Ada", figures: figures() },
      { peer: "q", name: "Grace", figures: null },
    ]);
  }
  const points = recording.of("p")?.points ?? [];
  expect(points.at(-1)?.at_ms).toBe(2 * SPAN_MS);
  expect(points[0]?.at_ms).toBe(SPAN_MS);
  expect(points.length).toBeLessThanOrEqual(MAX_POINTS);
  expect(recording.of("q")?.points).toEqual([]);
  recording.add(2 * SPAN_MS + 250, [{ peer: "q", name: "Grace", figures: figures() }]);
  expect(recording.peers.map(({ name }) => name)).toEqual(["Grace"]);
});

it("does not take the same figures twice", () => {
  const same = figures();
  expect(recorded(same, same).of("p")?.points.length).toBe(1);
});

it("marks when playing ran dry, also after the player counted from zero again", () => {
  const series = recorded(
    figures({ stalls: 1 }),
    figures({ stalls: 3 }),
    figures({ stalls: 0 }),
    figures({ stalls: 1 }),
  ).of("p");
  expect(series?.stalls_ms).toEqual([250, 750]);
  expect(series?.stalls).toBe(3);
});

it("stacks hops in their order, and leaves a hole from the first that is unknown", () => {
  const points = recorded(figures(), figures({ downlink_p50_ms: -1 })).of("p")?.points ?? [];
  expect(stacked(points)).toEqual({
    record: [30, 30],
    uplink: [31, 31],
    downlink: [33, null],
    queue: [40, null],
    play: [150, null],
  });
});

it("takes figures that are absent, negative or no number for unknown", () => {
  const { record_p50_ms: _, ...without } = figures({
    queue_p50_ms: Number.NaN,
    latency_ms: -1,
  });
  const [point] = recorded(without).of("p")?.points ?? [];
  expect(point?.hops.record).toBeNull();
  expect(point?.hops.queue).toBeNull();
  expect(point?.total_ms).toBeNull();
});

it("ends an axis at a round number", () => {
  expect([0, 50, 51, 99, 181, 240, 1737].map((value) => axisEnd(value, 50))).toEqual([
    50, 50, 60, 100, 200, 250, 2000,
  ]);
});

it("shows no more time than there are figures for", () => {
  const points = recorded(figures()).of("p")?.points ?? [];
  expect([1000, 16_000, 59_000, 90_000].map((now_ms) => spanOf(points, now_ms))).toEqual([
    15_000,
    30_000,
    SPAN_MS,
    SPAN_MS,
  ]);
});

it("draws the last chart as one SVG that needs nothing else", () => {
  const series = recorded(figures(), figures({ stalls: 1 })).of("p");
  if (series === undefined) throw new Error("nothing recorded");
  series.name = '<b>"Ada"</b>';
  const svg = stillSvg({ series, reference_ms: 44, note: "timeslice 20 ms" }) ?? "";
  for (const hop of HOPS) expect(svg).toContain(`fill="${HOP_COLOURS[hop]}"`);
  expect(svg).toContain("play 110");
  expect(svg).toContain("total 150");
  expect(svg).toContain("WebRTC 44");
  expect(svg).not.toContain("<b>");
  expect(svg).not.toContain("NaN");
  expect(svg.length).toBeLessThan(20_000);
});

it("draws a long chart in a bounded number of bytes", () => {
  const all = Array.from({ length: MAX_POINTS }, (_, i) => figures({ record_p50_ms: i / 7, latency_ms: i }));
  const series = recorded(...all).of("p");
  if (series === undefined) throw new Error("nothing recorded");
  expect(stillSvg({ series, reference_ms: null, note: "" })?.length).toBeLessThan(30_000);
});

it("draws nothing where nothing is known", () => {
  const unknown = { latency_ms: -1, play_p50_ms: -1 };
  const series = recorded(figures(unknown)).of("p");
  if (series === undefined) throw new Error("nothing recorded");
  expect(stillSvg({ series, reference_ms: 44, note: "" })).toBeNull();
});

it("finds the middle of what is known", () => {
  expect([median([]), median([null]), median([3, null, 1, 2])]).toEqual([null, null, 2]);
});

it("puts a slider where the value is, or nearest", () => {
  expect(TIMESLICES_MS[nearestStep(TIMESLICES_MS, 40)]).toBe(40);
  expect(TIMESLICES_MS[nearestStep(TIMESLICES_MS, 37)]).toBe(40);
  expect(TARGETS_MS[nearestStep(TARGETS_MS, null)]).toBeNull();
  expect(TARGETS_MS[nearestStep(TARGETS_MS, 5000)]).toBe(3000);
  expect(RATES_KBPS[nearestStep(RATES_KBPS, 0)]).toBe(0);
  expect(RATES_KBPS[nearestStep(RATES_KBPS, 20_000)]).toBe(5000);
});

it("reads the time that was drawn, and nothing from a picture without one", () => {
  for (const time_ms of [0, 1, 43_210, STAMP_SPAN_MS - 1, STAMP_SPAN_MS + 5]) {
    expect(readStamp(painted(time_ms))).toBe(time_ms % STAMP_SPAN_MS);
  }
  expect(readStamp(new Uint8Array(PICTURE.width * PICTURE.height * 4))).toBeNull();
  expect(age_ms(STAMP_SPAN_MS - 10, STAMP_SPAN_MS + 30)).toBe(40);
});

/** What a canvas would hold. */
function painted(time_ms: number): Uint8Array {
  const pixels = new Uint8Array(PICTURE.width * PICTURE.height * 4);
  const canvas = {
    fillStyle: "" as unknown,
    fillRect(x: number, y: number, width: number, height: number) {
      for (let row = y; row < y + height; row++) {
        pixels.fill(
          this.fillStyle === "#fff" ? 255 : 0,
          (row * PICTURE.width + x) * 4,
          (row * PICTURE.width + x + width) * 4,
        );
      }
    },
  };
  drawStamp(canvas, time_ms);
  return pixels;
}

const WORDS = {
  title: "Call · room lab",
  saved: "It was here.",
  closed: "It was closed.",
  picture: "call",
} as const;
const STILL = {
  words: WORDS,
  closed: false,
  svg: "<svg/>",
  esm: "export default {}",
  module_version: "~0.9.0",
};

it("keeps the states of other widgets, and of its own only those that a cell still shows", () => {
  const foreign = { model_name: "M", model_module: "m", model_module_version: "1", state: { x: 1 } };
  const first = withStill({ other: foreign }, "a", STILL, '{"model_id":"a"}');
  expect(Object.keys(first)).toEqual(["other", "a"]);
  const second = withStill(first, "b", STILL, '{"model_id":"b"}');
  expect(Object.keys(second)).toEqual(["other", "b"]);
  expect(second.other).toEqual(foreign);
  expect(second.b?.state).toMatchObject({ last_chart: "<svg/>", _still: WORDS, _closed: false });
  // Its own cell was cleared: nothing is left of it either.
  expect(withStill(second, "b", STILL, "{}")).toEqual({ other: foreign });
});
