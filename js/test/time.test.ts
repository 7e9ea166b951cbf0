import { describe, expect, test } from "vitest";
import { RelayClock } from "../src/time.js";

/** An exchange with a relay that is `offset_ms` ahead: so long there, so long back. */
function exchange(
  clock: RelayClock,
  at_ms: number,
  offset_ms: number,
  there_ms: number,
  back_ms: number,
): void {
  clock.add(at_ms, at_ms + there_ms + offset_ms, at_ms + there_ms + back_ms);
}

describe("the relay's clock", () => {
  test("without an exchange the error is unbounded", () => {
    expect(new RelayClock().error_ms).toBe(Number.POSITIVE_INFINITY);
  });

  test("the offset is the relay's time at the middle of an exchange", () => {
    const clock = new RelayClock();
    clock.add(1000, 5010, 1020);
    expect(clock.toRelay_ms(1000)).toBeCloseTo(5000, 6);
    expect(clock.error_ms).toBeCloseTo(10.1, 6);
  });

  test("a long way there or back teaches only what it can", () => {
    const clock = new RelayClock();
    exchange(clock, 1000, 4000, 2, 2);
    exchange(clock, 1100, 4000, 400, 0);
    expect(Math.abs(clock.toRelay_ms(0) - 4000)).toBeLessThanOrEqual(clock.error_ms);
    expect(clock.error_ms).toBeLessThan(2.2);
  });

  test("one exchange that was slow to go and one that was slow to come back are good together", () => {
    const clock = new RelayClock();
    exchange(clock, 1000, 4000, 1, 300);
    exchange(clock, 1400, 4000, 300, 1);
    expect(clock.toRelay_ms(0)).toBeCloseTo(4000, 0);
    expect(clock.error_ms).toBeLessThan(1.2);
  });

  test("on a link with delay on one side the error says how far off the estimate may be", () => {
    const clock = new RelayClock();
    for (let i = 0; i < 10; i++) exchange(clock, i * 10_000, 4000, 500, 1);
    expect(clock.error_ms).toBeGreaterThan(249);
    expect(Math.abs(clock.toRelay_ms(0) - 4000)).toBeLessThanOrEqual(clock.error_ms);
  });

  test("what was known before a link became slow stays known for a while", () => {
    const clock = new RelayClock();
    exchange(clock, 0, 4000, 1, 1);
    for (let at_ms = 10_000; at_ms <= 60_000; at_ms += 10_000) exchange(clock, at_ms, 4000, 800, 1);
    expect(clock.error_ms).toBeLessThan(8);
    expect(Math.abs(clock.toRelay_ms(0) - 4000)).toBeLessThanOrEqual(clock.error_ms);
  });

  test.each([-50, 50])("clocks that drift apart by %i ppm are followed for hours within the error", (ppm) => {
    const clock = new RelayClock();
    let worst_ms = 0;
    for (let at_ms = 0; at_ms < 4 * 3_600_000; at_ms += 10_000) {
      const offset_ms = 4000 + (at_ms * ppm) / 1e6;
      // One exchange in ten is quick.
      exchange(clock, at_ms, offset_ms, at_ms % 100_000 === 0 ? 1 : 40, at_ms % 70_000 === 0 ? 1 : 25);
      const off_ms = Math.abs(clock.toRelay_ms(at_ms) - at_ms - offset_ms);
      expect(off_ms).toBeLessThanOrEqual(clock.error_ms + 0.01);
      worst_ms = Math.max(worst_ms, off_ms);
    }
    expect(worst_ms).toBeLessThan(15);
  });

  test.each([-3_600_000, 700, 3_600_000])(
    "a clock that steps by %i ms is followed at the next exchange",
    (step_ms) => {
      const clock = new RelayClock();
      for (let i = 0; i < 5; i++) exchange(clock, i * 60, 4000, 1, 1);
      exchange(clock, 10_000, 4000 + step_ms, 3, 3);
      expect(clock.toRelay_ms(0)).toBeCloseTo(4000 + step_ms, 6);
      expect(clock.error_ms).toBeCloseTo(3.1, 6);
    },
  );

  test("an answer that cannot be is left aside", () => {
    const clock = new RelayClock();
    exchange(clock, 1000, 4000, 2, 2);
    clock.add(2000, Number.NaN, 2001);
    clock.add(2000, undefined as unknown as number, 2001);
    clock.add(2000, 9000, 1990);
    expect(clock.toRelay_ms(0)).toBeCloseTo(4000, 6);
  });

  test("after a reset the old offset serves until there is a new one", () => {
    const clock = new RelayClock();
    exchange(clock, 1000, 4000, 2, 2);
    clock.reset();
    expect(clock.error_ms).toBe(Number.POSITIVE_INFINITY);
    expect(clock.toRelay_ms(0)).toBeCloseTo(4000, 6);
    exchange(clock, 1000, 90_000, 2, 2);
    expect(clock.toRelay_ms(0)).toBeCloseTo(90_000, 6);
  });
});
