import { describe, expect, it } from "vitest";
import type { Figures } from "../src/protocol.js";
import { HOPS, hops_ms, slowest, stack_ms } from "../src/ui/hops.js";
import { areaPath } from "../src/ui/sparkline.js";

const FIGURES: Figures = {
  queue_depth: 0,
  buffered_s: 0.1,
  latency_ms: 182,
  stalls: 0,
  dropped_frames: 0,
  dropped_groups: 0,
  rate: 1,
};
const KNOWN: Figures = {
  ...FIGURES,
  record_p50_ms: 41,
  uplink_p50_ms: 1,
  downlink_p50_ms: 2,
  queue_p50_ms: 74,
  play_p50_ms: 64,
};

describe("hops", () => {
  it("are four: both legs through the relay are one", () => {
    expect(HOPS.map(({ name }) => name)).toEqual(["record", "relay", "queue", "play"]);
    expect(hops_ms(KNOWN)).toEqual([41, 3, 74, 64]);
    expect(stack_ms(KNOWN)).toEqual([41, 44, 118, 182]);
  });

  it("that are not known have no height, and nothing known is no stack", () => {
    expect(stack_ms(FIGURES)).toBeNull();
    const halfKnown = { ...KNOWN, record_p50_ms: -1, uplink_p50_ms: -1 };
    expect(hops_ms(halfKnown)).toEqual([null, null, 74, 64]);
    expect(stack_ms(halfKnown)).toEqual([0, 0, 74, 138]);
    expect(stack_ms({ ...FIGURES, play_p50_ms: Number.NaN })).toBeNull();
  });
});

describe("slowest", () => {
  const people = (ada: number, grace: number) =>
    new Map([
      ["ada", ada],
      ["grace", grace],
    ]);

  it("is who takes longest, and stays it until another is much slower", () => {
    expect(slowest(people(200, 210), null)).toBe("grace");
    expect(slowest(people(220, 210), "grace")).toBe("grace");
    expect(slowest(people(300, 210), "grace")).toBe("ada");
  });

  it("is nobody who has left, and nobody where nobody is", () => {
    expect(slowest(new Map([["ada", 100]]), "grace")).toBe("ada");
    expect(slowest(new Map(), "grace")).toBeNull();
    expect(slowest(new Map(), null)).toBeNull();
  });
});

describe("areaPath", () => {
  const scale = { now_ms: 300, span_ms: 300, max: 10, width: 300, height: 100 };
  const points = (...values: (number | null)[]) => values.map((value, i) => ({ at_ms: 100 * i, value }));

  it("goes along the upper line and back along the lower", () => {
    expect(areaPath(points(0, 0), points(10, 5), scale)).toBe("M0 0L100 50L100 100L0 100Z");
  });

  it("leaves a hole where nothing was known", () => {
    const d = areaPath(points(0, 0, null, 0, 0), points(10, 10, null, 10, 10), scale);
    expect(d.split("Z").length - 1).toBe(2);
    expect(areaPath(points(0, null, 0), points(10, null, 10), scale)).toBe("");
    expect(areaPath([], [], scale)).toBe("");
  });
});
