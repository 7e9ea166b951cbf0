import { describe, expect, it } from "vitest";
import { createSegmenter, type MediaObject, SoundMuxer } from "../src/segment/index.js";
import { SOUND_GROUP_MS } from "../src/segment/sound-muxer.js";
import { equal, join, pieces, run, sha256 } from "./vectors.js";

const BLOCK_MS = 40;
const FORMAT = {
  opusHead: Uint8Array.from({ length: 19 }, (_, at) => at),
  channels: 2,
  sampleRate_hz: 48_000,
};

/** Blocks of 1 to 300 bytes, which hold what looks like the start of a Cluster. */
function blocks(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) =>
    Uint8Array.from(
      { length: 1 + ((index * 37) % 300) },
      (_, at) => [0x1f, 0x43, 0xb6, 0x75][(index + at) % 4] ?? 0,
    ),
  );
}

function muxed(count: number) {
  const muxer = new SoundMuxer(FORMAT);
  return blocks(count).flatMap((block, index) => muxer.push(index * BLOCK_MS, block));
}

describe("SoundMuxer", () => {
  it("makes the objects that a segmenter cuts out of its bytes", () => {
    const made = muxed(85);
    const segmenter = createSegmenter("webm");
    const cut = made.flatMap(({ bytes }) => segmenter.push(bytes));
    expect(cut.map(({ bytes: _, ...labels }) => labels)).toEqual(
      made.map(({ bytes: _, ...labels }) => labels),
    );
    expect(cut.map(({ bytes }) => sha256(bytes))).toEqual(made.map(({ bytes }) => sha256(bytes)));
  });

  it("is WebM however it is cut into pieces", () => {
    const made = muxed(60);
    const bytes = join(made.map((object) => object.bytes));
    const cut = run(createSegmenter("webm"), pieces(bytes, equal(bytes.byteLength, 7)));
    const lengths = (objects: readonly MediaObject[]) =>
      [0, 1, 2, 3].map((group) =>
        objects
          .filter((object) => object.group === group)
          .reduce((sum, one) => sum + one.bytes.byteLength, 0),
      );
    expect(lengths(cut)).toEqual(lengths(made));
  });

  it("begins a group each second, and numbers its objects from 0", () => {
    const objects = muxed(2 * (SOUND_GROUP_MS / BLOCK_MS) + 1).slice(1);
    const keys = objects.filter(({ type }) => type === "key");
    expect(keys.map(({ group, object, mediaTime_ms }) => [group, object, mediaTime_ms])).toEqual([
      [1, 0, 0],
      [2, 0, SOUND_GROUP_MS],
      [3, 0, 2 * SOUND_GROUP_MS],
    ]);
    expect(objects[24]).toMatchObject({ type: "delta", group: 1, object: 24, mediaTime_ms: 960 });
  });

  it("says what the decoder must know", () => {
    const [init] = muxed(1);
    const text = String.fromCharCode(...(init?.bytes ?? []));
    expect(text).toContain("A_OPUS");
    expect(text).toContain("webm");
    expect(text).toContain(String.fromCharCode(...FORMAT.opusHead));
  });
});
