import { describe, expect, test } from "vitest";
import { createSegmenter } from "../src/segment/index.js";
import { asLive } from "../src/segment/live.js";
import { random, run, VECTORS } from "./vectors.js";

const WEBM = VECTORS.filter(({ packaging }) => packaging === "webm");
const DATE = [0x44, 0x61, 0x10, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];

describe("an init segment of something live", () => {
  test.each(WEBM)("of $name has one date more, and the same media after it", ({ bytes, init_bytes }) => {
    const dated = asLive(bytes.subarray(0, init_bytes));
    expect(Buffer.from(dated).indexOf(Buffer.from(DATE))).toBeGreaterThan(0);
    expect(asLive(dated)).toBe(dated);
    const media = bytes.subarray(init_bytes);
    const before = run(createSegmenter("webm"), [bytes]);
    const after = run(createSegmenter("webm"), [dated, media]);
    expect(after[0]?.bytes).toEqual(dated);
    expect(after.slice(1).map(({ type, group, mediaTime_ms }) => [type, group, mediaTime_ms])).toEqual(
      before.slice(1).map(({ type, group, mediaTime_ms }) => [type, group, mediaTime_ms]),
    );
  });

  test("that is none of WebM, or not whole, stays as it is", () => {
    const { bytes, init_bytes } = WEBM[0] ?? { bytes: new Uint8Array(), init_bytes: 0 };
    const init = bytes.subarray(0, init_bytes);
    const tooShort = init.subarray(0, 40);
    for (const other of [
      new Uint8Array(0),
      tooShort,
      VECTORS.find((one) => one.packaging === "fmp4")?.bytes,
    ]) {
      expect(other).toBeDefined();
      if (other !== undefined) expect(asLive(other)).toBe(other);
    }
    const next = random(7);
    for (let round = 0; round < 500; round += 1) {
      const broken = init.slice();
      broken[Math.floor(next() * broken.length)] = Math.floor(next() * 256);
      expect(() => asLive(broken)).not.toThrow();
    }
  });
});
