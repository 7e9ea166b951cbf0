import { describe, expect, test } from "vitest";
import { withColour } from "../src/segment/colour.js";
import { createSegmenter } from "../src/segment/index.js";
import { random, run, VECTORS, vector } from "./vectors.js";

const COLOUR = Buffer.from([0x55, 0xb0]);
/** MatrixCoefficients 6: BT.601. */
const BT601_MATRIX = Buffer.from([0x55, 0xb1, 0x10, 0, 0, 4, 0, 0, 0, 6]);
const VIDEO_ELEMENT = 0xe0;
const PICTURES = VECTORS.filter(
  ({ packaging, bytes, init_bytes }) =>
    packaging === "webm" && bytes.subarray(0, init_bytes).includes(VIDEO_ELEMENT),
);

/** Kind, group and time of the media. */
function what(objects: ReturnType<typeof run>): unknown[] {
  return objects.slice(1).map(({ type, group, mediaTime_ms }) => [type, group, mediaTime_ms]);
}

describe("colours of an init segment", () => {
  test.each(PICTURES)("of $name are said once, and the media are the same", ({ bytes, init_bytes }) => {
    const init = bytes.subarray(0, init_bytes);
    const said = withColour(init);
    if (Buffer.from(init).includes(COLOUR)) expect(said).toBe(init);
    else expect(Buffer.from(said).includes(BT601_MATRIX)).toBe(true);
    expect(withColour(said)).toBe(said);
    const media = bytes.subarray(init_bytes);
    const after = run(createSegmenter("webm"), [said, media]);
    expect(after[0]?.bytes).toEqual(said);
    expect(what(after)).toEqual(what(run(createSegmenter("webm"), [bytes])));
  });

  test("of an MP4 are said once, in boxes that still fit, and the media are the same", () => {
    const { bytes, init_bytes } = vector("h264-opus");
    const [silent, colr] = [bytes.slice(), Buffer.from(bytes).indexOf("colr")];
    silent.set(Buffer.from("free"), colr);
    const said = withColour(silent.subarray(0, init_bytes));
    expect(Buffer.from(said).includes(Buffer.from("colrnclx\0\x01\0\x01\0\x06\0", "latin1"))).toBe(true);
    expect(withColour(said)).toBe(said);
    const media = bytes.subarray(init_bytes);
    const after = run(createSegmenter("fmp4"), [said, media]);
    expect(after[0]?.bytes).toEqual(said);
    expect(what(after)).toEqual(what(run(createSegmenter("fmp4"), [bytes])));
    const next = random(12);
    for (let round = 0; round < 1000; round += 1) {
      const broken = silent.slice(0, init_bytes);
      broken[Math.floor(next() * broken.length)] = Math.floor(next() * 256);
      expect(() => withColour(broken.subarray(0, Math.floor(next() * init_bytes)))).not.toThrow();
    }
  });

  test("are left as they are where there are no pictures, or an MP4 says them", () => {
    expect(PICTURES.length).toBeGreaterThan(0);
    for (const { bytes, init_bytes } of VECTORS) {
      const init = bytes.subarray(0, init_bytes);
      if (!PICTURES.some((one) => one.bytes === bytes)) expect(withColour(init)).toBe(init);
    }
  });

  test("of broken bytes are no error", () => {
    const next = random(11);
    for (const { bytes, init_bytes } of PICTURES) {
      for (let round = 0; round < 300; round += 1) {
        const broken = bytes.slice(0, init_bytes);
        broken[Math.floor(next() * broken.length)] = Math.floor(next() * 256);
        expect(() => withColour(broken)).not.toThrow();
      }
    }
  });
});
