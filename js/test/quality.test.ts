import { describe, expect, test } from "vitest";
import type { Figures } from "../src/protocol.js";
import {
  CALM_MS,
  FAIR_LATE_MS,
  ownQuality,
  PeerQuality,
  POOR_LATE_MS,
  type Seen,
  type Sending,
  WINDOW_MS,
} from "../src/quality.js";

const FIGURES: Figures = {
  queue_depth: 0,
  buffered_s: 0.1,
  latency_ms: 180,
  stalls: 0,
  dropped_frames: 0,
  dropped_groups: 0,
  rate: 1,
};
const ADA: Seen = {
  name: "Ada",
  figures: FIGURES,
  leftOut_groups: 0,
  timeslice_ms: 40,
  target_ms: 0,
  away: false,
};
const STEP_MS = 250;

/** The connection to Ada, looked at four times a second. */
class Watch {
  readonly quality = new PeerQuality();
  now_ms = 0;
  grades: string[] = [];
  words = "";

  for(duration_ms: number, figures: Partial<Figures> = {}, seen: Partial<Seen> = {}): this {
    const end_ms = this.now_ms + duration_ms;
    for (; this.now_ms < end_ms; this.now_ms += STEP_MS) {
      const now = this.quality.look({ ...ADA, figures: { ...FIGURES, ...figures }, ...seen }, this.now_ms);
      if (this.grades.at(-1) !== now.grade) this.grades.push(now.grade);
      this.words = now.words;
    }
    return this;
  }
}

describe("the connection to a person", () => {
  test("is good while nothing is the matter", () => {
    const watch = new Watch().for(60_000);
    expect(watch.grades).toEqual(["good"]);
    expect(watch.words).toBe("The connection to Ada is good.");
    expect(new Watch().for(5000, {}, { figures: null }).grades).toEqual(["good"]);
  });

  test("counts what is new, not what was before it was looked at", () => {
    expect(new Watch().for(5000, { stalls: 40, dropped_groups: 7 }, { leftOut_groups: 7 }).grades).toEqual([
      "good",
    ]);
  });

  test("is fair after one stall, poor with several, and good when they are past", () => {
    const watch = new Watch().for(1000).for(1000, { stalls: 1 });
    expect(watch.grades).toEqual(["good", "fair"]);
    expect(watch.words).toBe("Ada stood still once in the last 10 seconds.");
    watch.for(1000, { stalls: 3 });
    expect(watch.grades).toEqual(["good", "fair", "poor"]);
    expect(watch.words).toContain("3 times");
    watch.for(WINDOW_MS + CALM_MS + 1000, { stalls: 3 });
    expect(watch.grades.at(-1)).toBe("good");
  });

  test("says whose connection it is", () => {
    const hers = new Watch().for(1000).for(1000, { dropped_groups: 1 });
    expect(hers.words).toBe("Ada's connection is slow: pictures are left out, the sound goes on.");
    const mine = new Watch().for(1000).for(1000, { dropped_groups: 1 }, { leftOut_groups: 1 });
    expect(mine.words).toMatch(/^Your connection is too slow for Ada's picture/);
  });

  test("is late beyond what slices and target make of it", () => {
    const late = (latency_ms: number, seen: Partial<Seen> = {}) =>
      new Watch().for(5000, { latency_ms }, seen).grades;
    expect(late(500)).toEqual(["good"]);
    expect(late(400 + FAIR_LATE_MS)).toEqual(["fair"]);
    expect(late(400 + POOR_LATE_MS)).toEqual(["poor"]);
    expect(late(2500, { timeslice_ms: 1500 })).toEqual(["good"]);
    expect(late(1300, { target_ms: 1000 })).toEqual(["good"]);
    expect(late(-1)).toEqual(["good"]);
    expect(late(Number.NaN)).toEqual(["good"]);
  });

  test("one late figure is none", () => {
    const watch = new Watch();
    for (let i = 0; i < 20; i++) watch.for(1500).for(STEP_MS, { latency_ms: 4000 });
    expect(watch.grades).toEqual(["good"]);
  });

  test("names the part of the way that takes the time", () => {
    const at = (figures: Partial<Figures>) => new Watch().for(5000, { latency_ms: 1500, ...figures }).words;
    expect(at({ uplink_p50_ms: 900, downlink_p50_ms: 5 })).toBe(
      "Ada's connection is slow: you see Ada late.",
    );
    expect(at({ uplink_p50_ms: 5, downlink_p50_ms: 900 })).toBe("Your connection is slow: you see Ada late.");
    expect(at({})).toBe("Something on the way is slow: you see Ada late.");
  });

  test("does not flicker around a threshold", () => {
    const watch = new Watch();
    for (let i = 0; i < 100; i++)
      watch.for(STEP_MS, { total_p50_ms: 310 + FAIR_LATE_MS + (i % 8 < 4 ? -9 : 9) });
    for (let i = 0; i < 100; i++) watch.for(CALM_MS / 2, { total_p50_ms: i % 2 === 0 ? 2500 : 200 });
    expect(watch.grades.length).toBeLessThanOrEqual(3);
  });

  test("is poor while she is away", () => {
    const watch = new Watch().for(1000).for(1000, {}, { away: true });
    expect(watch.grades).toEqual(["good", "poor"]);
    expect(watch.words).toBe("Ada's connection is lost. It may come back by itself.");
    watch.for(CALM_MS + 1000);
    expect(watch.grades.at(-1)).toBe("good");
  });

  test("a player that begins anew is no trouble", () => {
    const watch = new Watch().for(12_000, { stalls: 9 }).for(12_000, { stalls: 0 });
    expect(watch.grades).toEqual(["good"]);
  });
});

describe("one's own connection", () => {
  const sending: Sending = { level: 0, least: 3, cause: null, skipping: false, reconnecting: false };

  test("in words", () => {
    expect(ownQuality(sending)).toEqual({ grade: "good", words: "Your connection is good." });
    expect(ownQuality({ ...sending, level: 1, cause: "uplink" })).toEqual({
      grade: "fair",
      words: "Your connection is slow: your picture is sent smaller.",
    });
    expect(ownQuality({ ...sending, level: 3, cause: "subscribers" })).toMatchObject({ grade: "poor" });
    expect(ownQuality({ ...sending, level: 1, cause: "encoder" }).words).toMatch(/^This computer is busy/);
    expect(ownQuality({ ...sending, skipping: true }).grade).toBe("poor");
    expect(ownQuality({ ...sending, skipping: true }).words).toContain("your sound goes on");
    expect(ownQuality({ ...sending, reconnecting: true }).words).toContain("comes back by itself");
  });
});
