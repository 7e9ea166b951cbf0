import { expect, test } from "vitest";
import { SendRate } from "../src/stats.js";

test("kilobits a second from growing totals", () => {
  const rate = new SendRate();
  expect(rate.kbps(0, 0)).toBe(0);
  expect(rate.kbps(12_500, 100)).toBe(1000); // 100 kbit in 100 ms
});

test("what is older than the window no longer counts", () => {
  const rate = new SendRate();
  rate.kbps(0, 0);
  let kbps = 0;
  for (let at_ms = 250; at_ms <= 5000; at_ms += 250) kbps = rate.kbps(1_000_000, at_ms);
  expect(kbps).toBe(0);
});
