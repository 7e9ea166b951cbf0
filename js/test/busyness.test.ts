import { describe, expect, test } from "vitest";
import { BUSY_WINDOW_MS, Busyness } from "../src/busyness.js";
import { Governor } from "../src/governor.js";
import { PeerQuality } from "../src/quality.js";

const TICK_MS = 250;

/** Ticks that come so much later than they are due. */
function ticked(late_ms: readonly number[], hidden = false): Busyness {
  const busyness = new Busyness();
  let now_ms = 1000;
  busyness.tick(now_ms, TICK_MS, hidden);
  for (const late of late_ms) {
    now_ms += TICK_MS + late;
    busyness.tick(now_ms, TICK_MS, hidden);
  }
  return busyness;
}

describe("whether this computer is busy", () => {
  test("late timers tell, one hiccup does not", () => {
    expect(ticked([10, 20, 5]).busy).toBe(false);
    expect(ticked([400, 0, 0]).busy).toBe(false);
    expect(ticked([200, 0, 300]).busy).toBe(true);
  });

  test("it is over when the timers have been in time for a while", () => {
    const calm = Array.from({ length: BUSY_WINDOW_MS / TICK_MS + 1 }, () => 0);
    expect(ticked([300, 300, ...calm]).busy).toBe(false);
  });

  test("a page that nobody sees has slow timers, and tells nothing", () => {
    expect(ticked([750, 750, 750], true).busy).toBe(false);
  });
});

describe("a busy computer is not called a slow network", () => {
  const slow = { waiting_bytes: 0, wait_ms: 900, dropped_groups: 0, skipping: false };

  test.each([
    [true, "This computer is busy: your picture is sent smaller."],
    [false, "Your connection is slow: your picture is sent smaller."],
  ])("what is sent (busy: %s)", (busy, words) => {
    const governor = new Governor("video");
    for (let now_ms = 0; now_ms <= 2000; now_ms += TICK_MS) governor.look(slow, true, now_ms, busy);
    expect(governor.quality(false).words).toBe(words);
    governor.look({ ...slow, skipping: true }, true, 2250, busy);
    expect(governor.quality(false).words).toMatch(
      busy ? /^This computer is busy: / : /^Your connection is slow: /,
    );
  });

  test.each([
    [true, /^This computer is busy: you see Ada late/],
    [false, /^Your connection is slow: you see Ada late/],
  ])("what is received late (busy: %s)", (busy, words) => {
    const figures = {
      latency_ms: 1500,
      stalls: 0,
      dropped_groups: 0,
      uplink_p50_ms: 5,
      downlink_p50_ms: 900,
    };
    const quality = new PeerQuality();
    const seen = {
      name: "Ada",
      figures: figures as never,
      leftOut_groups: 0,
      timeslice_ms: 20,
      target_ms: 0,
    };
    expect(quality.look({ ...seen, away: false, busy }, 1000).words).toMatch(words);
  });

  test("what the relay leaves out for this page", () => {
    const figures = { latency_ms: 100, stalls: 0, dropped_groups: 0 } as never;
    const quality = new PeerQuality();
    const seen = { name: "Ada", figures, timeslice_ms: 20, target_ms: 0, away: false, busy: true };
    quality.look({ ...seen, leftOut_groups: 0 }, 1000);
    expect(quality.look({ ...seen, leftOut_groups: 3 }, 1500).words).toMatch(
      /^This computer is too busy for Ada's/,
    );
  });
});
