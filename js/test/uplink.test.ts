import { describe, expect, test } from "vitest";
import {
  ASK_INTERVAL_MS,
  MAX_ASKED,
  MAX_UPLINK_BYTES,
  MAX_VIDEO_WAIT_MS,
  Uplink,
  WINDOW_MS,
} from "../src/uplink.js";

const VIDEO = { track: "video", audio: false };
const AUDIO = { track: "audio", audio: true };

/** Answers that all waited this long, until the uplink believes it. */
function waits(uplink: Uplink, wait_ms: number, from_ms: number): number {
  uplink.answered(wait_ms, from_ms);
  uplink.answered(wait_ms, from_ms + WINDOW_MS);
  return from_ms + 2 * WINDOW_MS;
}

describe("the wait", () => {
  test("is what stands, not what passes", () => {
    const uplink = new Uplink();
    // A pause of three seconds: everything comes at once, the last of it without a wait.
    for (let wait_ms = 3000; wait_ms >= 0; wait_ms -= ASK_INTERVAL_MS) uplink.answered(wait_ms, 1000);
    expect(uplink.wait_ms(1000)).toBe(0);
    expect(uplink.wait_ms(2000)).toBe(0);
    const now_ms = waits(uplink, 800, 3000);
    expect(uplink.wait_ms(now_ms)).toBe(800);
    uplink.answered(20, now_ms);
    expect(uplink.wait_ms(now_ms)).toBe(20);
  });

  test("is known a moment after the first late answer, also if no other comes", () => {
    const uplink = new Uplink();
    uplink.answered(900, 0);
    expect(uplink.wait_ms(WINDOW_MS - 1)).toBe(0);
    expect(uplink.wait_ms(WINDOW_MS)).toBe(900);
  });

  test("is never negative: the clock is not exact", () => {
    const uplink = new Uplink();
    const now_ms = waits(uplink, -7, 0);
    expect(uplink.wait_ms(now_ms)).toBe(0);
  });

  test("is asked for now and then, and not for ever without an answer", () => {
    const uplink = new Uplink();
    let asked = 0;
    for (let now_ms = 0; now_ms < 60_000; now_ms += 10) if (uplink.ask(now_ms)) asked += 1;
    expect(asked).toBe(MAX_ASKED);
    uplink.answered(0, 60_000);
    expect(uplink.ask(60_000)).toBe(true);
    expect(uplink.ask(60_000 + ASK_INTERVAL_MS - 1)).toBe(false);
  });
});

describe("what is left out", () => {
  test("is nothing on a good uplink", () => {
    const uplink = new Uplink();
    expect(uplink.passes({ ...VIDEO, key: true }, 0, 0)).toBe(true);
    expect(uplink.passes({ ...VIDEO, key: false }, MAX_UPLINK_BYTES, 0)).toBe(true);
    expect(uplink.state(0, 0)).toMatchObject({ skipping: false, dropped_groups: 0 });
  });

  test("is video from the object on that does not fit, until a key when hardly anything waits", () => {
    const uplink = new Uplink();
    const delta = { ...VIDEO, key: false };
    const key = { ...VIDEO, key: true };
    expect(uplink.passes(key, 0, 0)).toBe(true);
    expect(uplink.passes(delta, MAX_UPLINK_BYTES + 1, 0)).toBe(false);
    expect(uplink.state(0, 0)).toMatchObject({ skipping: true, dropped_groups: 1 });
    expect(uplink.passes(delta, 0, 0)).toBe(false); // its group has a hole
    expect(uplink.passes(key, MAX_UPLINK_BYTES / 2, 0)).toBe(false); // it would be left out again at once
    expect(uplink.passes(key, 0, 0)).toBe(true);
    expect(uplink.passes(delta, 0, 0)).toBe(true);
    expect(uplink.state(0, 0)).toMatchObject({ skipping: false, dropped_groups: 2 });
  });

  test("is video long before sound", () => {
    const uplink = new Uplink();
    const now_ms = waits(uplink, MAX_VIDEO_WAIT_MS + 1, 0);
    expect(uplink.passes({ ...VIDEO, key: true }, 0, now_ms)).toBe(false);
    expect(uplink.passes({ ...AUDIO, key: true }, 0, now_ms)).toBe(true);
    expect(uplink.passes({ ...AUDIO, key: false }, MAX_UPLINK_BYTES + 1, now_ms)).toBe(true);
  });

  test("is forgotten with the track and with the connection", () => {
    const uplink = new Uplink();
    uplink.passes({ ...VIDEO, key: true }, MAX_UPLINK_BYTES + 1, 0);
    uplink.forget("video");
    expect(uplink.passes({ ...VIDEO, key: false }, 0, 0)).toBe(true);
    const now_ms = waits(uplink, 10_000, 0);
    expect(uplink.passes({ ...AUDIO, key: true }, 0, now_ms)).toBe(false);
    uplink.reset();
    expect(uplink.passes({ ...AUDIO, key: false }, 0, now_ms)).toBe(true);
  });
});
