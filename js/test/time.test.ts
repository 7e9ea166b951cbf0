import { expect, test } from "vitest";
import { RelayClock } from "../src/time.js";

test("the offset is the relay's time at the middle of the exchange", () => {
  const clock = new RelayClock();
  clock.add(1000, 5010, 1020);
  expect(clock.toRelay_ms(1000)).toBe(5000);
  expect(clock.error_ms).toBe(10);
});

test("the shortest round trip is believed", () => {
  const clock = new RelayClock();
  clock.add(1000, 5002, 1004); // 4 ms: offset 4000
  clock.add(2000, 6400, 2400); // 400 ms, all of it on the way there
  expect(clock.toRelay_ms(0)).toBe(4000);
});

test("old samples are forgotten, so that a clock that drifts is followed", () => {
  const clock = new RelayClock();
  clock.add(0, 100, 0);
  for (let i = 1; i <= 12; i++) clock.add(i * 1000, i * 1000 + 150, i * 1000 + 20);
  expect(clock.toRelay_ms(0)).toBe(140);
});

test("without a sample the error is unbounded", () => {
  expect(new RelayClock().error_ms).toBe(Number.POSITIVE_INFINITY);
});
