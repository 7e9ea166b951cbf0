import { describe, expect, test } from "vitest";
import {
  Adaptation,
  FAR_BEHIND_MS,
  FIRST_PATIENCE_MS,
  FULL_QUALITY,
  HOLD_MS,
  LEVELS,
  MAX_PATIENCE_MS,
  SETTLE_MS,
  type Signals,
  SLOW_ENCODER_MS,
  SLOW_UPLINK_MS,
} from "../src/adaptation.js";

const STEP_MS = 250;
const WELL: Omit<Signals, "now_ms"> = {
  subscribers: 1,
  lagging: 0,
  uplinkWait_ms: 0,
  uplinkSkipping: false,
  video_kbps: 0,
};
/** What sound and labels take of a link beside the picture. */
const BESIDE_KBPS = 80;
/** As long as the relay counts somebody as lagging who has gone on (core/lag.py). */
const LINGER_MS = 3000;
/** Until what waits has drained, and the next group begins. */
const RESUME_MS = 1300;

/** An adaptation and its time. */
class Run {
  readonly adaptation = new Adaptation();
  now_ms = 0;
  changes: { at_ms: number; level: number }[] = [];

  for(duration_ms: number, signals: (run: Run) => Partial<Signals>): this {
    const end_ms = this.now_ms + duration_ms;
    while (this.now_ms < end_ms) {
      this.now_ms += STEP_MS;
      const changed = this.adaptation.step({ ...WELL, ...signals(this), now_ms: this.now_ms });
      if (changed) this.changes.push({ at_ms: this.now_ms, level: this.adaptation.level });
    }
    return this;
  }
}

/** One subscriber behind a link that holds so much, as the relay tells of it. */
function link(capacity: { kbps: number }): (run: Run) => Partial<Signals> {
  let lagsUntil_ms = 0;
  return ({ adaptation, now_ms }) => {
    const wanted_kbps = adaptation.quality.videoBitsPerSecond / 1000 + BESIDE_KBPS;
    if (wanted_kbps > capacity.kbps) lagsUntil_ms = now_ms + RESUME_MS + LINGER_MS;
    return { lagging: now_ms < lagsUntil_ms ? 1 : 0 };
  };
}

describe("the levels", () => {
  test("begin with what a call sends, and each asks for less than the one before", () => {
    expect(FULL_QUALITY).toMatchObject({
      width: 640,
      height: 360,
      frameRate: 30,
      videoBitsPerSecond: 1_000_000,
    });
    for (let level = 1; level < LEVELS.length; level++) {
      const [better, worse] = [LEVELS[level - 1], LEVELS[level]];
      expect(worse?.videoBitsPerSecond).toBeLessThanOrEqual((better?.videoBitsPerSecond ?? 0) / 2);
      expect(worse?.frameRate).toBeLessThan(better?.frameRate ?? 0);
      expect(worse?.width).toBeLessThanOrEqual(better?.width ?? 0);
    }
  });
});

describe("down", () => {
  test("nothing happens while all is well", () => {
    const run = new Run().for(120_000, () => ({}));
    expect(run.changes).toEqual([]);
    expect(run.adaptation.cause).toBeNull();
  });

  test("a link capped to 300 kbit/s is adapted to within 10 s", () => {
    const run = new Run().for(10_000, link({ kbps: 300 }));
    const { name, videoBitsPerSecond } = run.adaptation.quality;
    expect(name).toBe("small");
    expect(videoBitsPerSecond / 1000 + BESIDE_KBPS).toBeLessThanOrEqual(300);
    expect(run.adaptation.cause).toBe("subscribers");
  });

  test("a hiccup changes nothing", () => {
    const run = new Run();
    for (let i = 0; i < 10; i++) {
      run.for(HOLD_MS - STEP_MS, () => ({ lagging: 1 })).for(2000, () => ({}));
    }
    expect(run.changes).toEqual([]);
  });

  test("only when most of them lag: one of two or of three must bear it", () => {
    const few = new Run().for(60_000, () => ({ subscribers: 2, lagging: 1 }));
    few.for(60_000, () => ({ subscribers: 3, lagging: 1 }));
    expect(few.changes).toEqual([]);
    const most = new Run().for(2000, () => ({ subscribers: 3, lagging: 2 }));
    expect(most.adaptation.level).toBe(1);
    expect(new Run().for(60_000, () => ({ subscribers: 0, lagging: 0 })).changes).toEqual([]);
  });

  test("one step at a time: whether it was enough is not known at once", () => {
    const run = new Run().for(60_000, () => ({ lagging: 1 }));
    expect(run.changes.map(({ level }) => level)).toEqual([1, 2, 3]);
    const gaps = run.changes.slice(1).map(({ at_ms }, index) => at_ms - (run.changes[index]?.at_ms ?? 0));
    for (const gap_ms of gaps) expect(gap_ms).toBeGreaterThanOrEqual(SETTLE_MS);
  });

  test("the own uplink counts too, and two steps at once when it is far behind", () => {
    const slow = new Run().for(2000, () => ({ uplinkWait_ms: SLOW_UPLINK_MS + 1 }));
    expect(slow.changes.map(({ level }) => level)).toEqual([1]);
    expect(slow.adaptation.cause).toBe("uplink");
    const far = new Run().for(2000, () => ({ uplinkWait_ms: FAR_BEHIND_MS + 1 }));
    expect(far.changes.map(({ level }) => level)).toEqual([2]);
    const skipping = new Run().for(2000, () => ({ uplinkSkipping: true }));
    expect(skipping.adaptation.level).toBe(1);
  });

  test("a step is one: where a still picture takes less than the next level allows, it is a longer one", () => {
    const still = new Run().for(2000, () => ({ lagging: 1, video_kbps: 230 }));
    expect(still.adaptation.quality.name).toBe("small");
    const moving = new Run().for(2000, () => ({ lagging: 1, video_kbps: 900 }));
    expect(moving.adaptation.quality.name).toBe("medium");
    const dark = new Run().for(2000, () => ({ lagging: 1, video_kbps: 5 }));
    expect(dark.adaptation.level).toBe(LEVELS.length - 1);
  });

  test("an encoder that is always late is given less; a page that is blocked now and then is not", () => {
    const late = new Run().for(6000, ({ adaptation, now_ms }) => {
      for (let i = 0; i < 6; i++) adaptation.encoded(SLOW_ENCODER_MS + 50 + 10 * i, now_ms);
      return {};
    });
    expect(late.adaptation.level).toBe(1);
    expect(late.adaptation.cause).toBe("encoder");
    const blocked = new Run().for(60_000, ({ adaptation, now_ms }) => {
      // Nothing for three seconds, then all that was recorded meanwhile at once.
      if (now_ms % 3000 === 0)
        for (let delay_ms = 3000; delay_ms > 0; delay_ms -= 40) adaptation.encoded(delay_ms, now_ms);
      return {};
    });
    expect(blocked.changes).toEqual([]);
  });
});

describe("up", () => {
  test("all the way in less than a minute after the cap is gone", () => {
    const capacity = { kbps: 300 };
    const signals = link(capacity);
    const run = new Run().for(15_000, signals);
    expect(run.adaptation.level).toBe(2);
    capacity.kbps = 100_000;
    run.for(60_000, signals);
    expect(run.adaptation.level).toBe(0);
    expect(run.adaptation.cause).toBeNull();
  });

  test("a try that fails is taken back, and the next comes later and later", () => {
    const run = new Run().for(600_000, link({ kbps: 300 }));
    const tries = run.changes.filter(({ level }, index) => level < (run.changes[index - 1]?.level ?? 0));
    expect(tries.every(({ level }) => level === 1)).toBe(true);
    const gaps = tries.slice(1).map(({ at_ms }, index) => at_ms - (tries[index]?.at_ms ?? 0));
    expect(gaps[0]).toBeGreaterThan(2 * FIRST_PATIENCE_MS);
    for (const [index, gap_ms] of gaps.slice(1).entries())
      expect(gap_ms).toBeGreaterThanOrEqual(gaps[index] ?? 0);
    expect(gaps.at(-1)).toBeLessThan(MAX_PATIENCE_MS + 15_000);
    // Nine tenths of ten minutes on the level that the link holds.
    expect(tries.length).toBeLessThanOrEqual(12);
    expect(run.changes.every(({ level }) => level === 1 || level === 2)).toBe(true);
  });

  test("never below what held before the try", () => {
    const run = new Run().for(2000, () => ({ uplinkWait_ms: FAR_BEHIND_MS + 1 }));
    run.for(FIRST_PATIENCE_MS + 2 * STEP_MS, () => ({}));
    expect(run.adaptation.level).toBe(1);
    run.for(SETTLE_MS - 1000, () => ({ uplinkWait_ms: FAR_BEHIND_MS + 1 }));
    expect(run.adaptation.level).toBe(2);
  });

  test("a level that has held for long is the base of new tries", () => {
    const capacity = { kbps: 300 };
    const signals = link(capacity);
    const run = new Run().for(200_000, signals); // the patience has grown
    capacity.kbps = 600; // the medium level fits
    run.for(120_000, signals);
    expect(run.adaptation.quality.name).toBe("medium");
    capacity.kbps = 100_000;
    run.for(MAX_PATIENCE_MS + 30_000, signals);
    expect(run.adaptation.level).toBe(0);
  });

  test("a pause is neither trouble nor calm", () => {
    const run = new Run().for(2000, () => ({ lagging: 1 }));
    expect(run.adaptation.level).toBe(1);
    run.adaptation.pause();
    run.now_ms += 600_000; // the camera was off
    run.for(FIRST_PATIENCE_MS - 1000, () => ({}));
    expect(run.adaptation.level).toBe(1);
    run.for(2000, () => ({}));
    expect(run.adaptation.level).toBe(0);
  });
});
