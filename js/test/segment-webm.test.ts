import { describe, expect, it } from "vitest";
import { MAX_INIT_BYTES } from "../src/protocol.js";
import { MAX_HELD_BYTES } from "../src/segment/cutter.js";
import { createSegmenter, type MediaObject, SegmentError } from "../src/segment/index.js";
import { MAX_LEADING_AUDIO_BLOCKS } from "../src/segment/webm.js";
import { equal, join, pieces, random, run, VECTORS, vector } from "./vectors.js";

const UNKNOWN = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const ID = {
  ebml: [0x1a, 0x45, 0xdf, 0xa3],
  segment: [0x18, 0x53, 0x80, 0x67],
  info: [0x15, 0x49, 0xa9, 0x66],
  scale: [0x2a, 0xd7, 0xb1],
  tracks: [0x16, 0x54, 0xae, 0x6b],
  entry: [0xae],
  number: [0xd7],
  type: [0x83],
  cluster: [0x1f, 0x43, 0xb6, 0x75],
  cues: [0x1c, 0x53, 0xbb, 0x6b],
  time: [0xe7],
  simple: [0xa3],
  group: [0xa0],
  block: [0xa1],
  duration: [0x9b],
  reference: [0xfb],
};

function size(length: number): number[] {
  return [0x10 | (length >> 24), (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff];
}

function element(id: readonly number[], ...body: readonly (readonly number[])[]): number[] {
  const content = body.flat();
  return [...id, ...size(content.length), ...content];
}

const open = (id: readonly number[], ...body: readonly number[][]): number[] => [
  ...id,
  ...UNKNOWN,
  ...body.flat(),
];
const AUDIO = 1;
const VIDEO = 2;
const track = (number: number, type: number): number[] =>
  element(ID.entry, element(ID.number, [number]), element(ID.type, [type]));
const INIT = [
  ...element(ID.ebml, [1, 2, 3]),
  ...open(ID.segment),
  ...element(ID.tracks, track(AUDIO, 2), track(VIDEO, 1)),
];
const frame = (number: number, time: number, flags: number): number[] => [
  0x80 | number,
  (time >> 8) & 0xff,
  time & 0xff,
  flags,
  9,
  9,
];
const audio = (time = 0): number[] => element(ID.simple, frame(AUDIO, time, 0x80));
const key = (time = 0): number[] => element(ID.simple, frame(VIDEO, time, 0x80));
const delta = (time = 0): number[] => element(ID.simple, frame(VIDEO, time, 0));
const timed = (time: number): number[] => element(ID.time, [time >> 8, time & 0xff]);
const cluster = (...body: number[][]): number[] => open(ID.cluster, timed(0), ...body);

function objectsOf(...parts: readonly (readonly number[])[]): MediaObject[] {
  return run(createSegmenter("webm"), [Uint8Array.from(parts.flat())]);
}

const lengths = (objects: readonly MediaObject[]) => objects.map((object) => object.bytes.byteLength);

describe("WebM group starts", () => {
  it("are clusters whose first video block is a keyframe, however much audio leads", () => {
    const leading = Array.from({ length: MAX_LEADING_AUDIO_BLOCKS }, () => audio());
    const parts = [cluster(key(), delta()), cluster(audio(), delta(), key()), cluster(...leading, key())];
    const objects = objectsOf(INIT, ...parts);
    expect(lengths(objects)).toEqual([
      INIT.length,
      (parts[0]?.length ?? 0) + (parts[1]?.length ?? 0),
      parts[2]?.length,
    ]);
  });

  it("are not clusters in which more audio than that leads", () => {
    const leading = Array.from({ length: MAX_LEADING_AUDIO_BLOCKS + 1 }, () => audio());
    expect(objectsOf(INIT, cluster(key()), cluster(...leading, key()))).toHaveLength(2);
  });

  it("let sound go on while the picture stands still", () => {
    const segmenter = createSegmenter("webm");
    segmenter.push(Uint8Array.from([...INIT, ...cluster(key())]));
    segmenter.push(Uint8Array.from(cluster()));
    const given: number[] = [];
    for (let count = 0; count <= MAX_LEADING_AUDIO_BLOCKS; count += 1) {
      given.push(segmenter.push(Uint8Array.from(audio(count))).length);
    }
    expect(given).toEqual([...Array.from({ length: MAX_LEADING_AUDIO_BLOCKS }, () => 0), 1]);
  });

  it("are seen in block groups", () => {
    const keyGroup = element(ID.group, element(ID.block, frame(VIDEO, 0, 0)), element(ID.duration, [33]));
    const deltaGroup = element(ID.group, element(ID.block, frame(VIDEO, 0, 0)), element(ID.reference, [1]));
    const audioGroup = element(ID.group, element(ID.block, frame(AUDIO, 0, 0)), element(ID.duration, [60]));
    const parts = [cluster(keyGroup), cluster(deltaGroup, keyGroup), cluster(audioGroup, keyGroup)];
    expect(objectsOf(INIT, ...parts).map((object) => object.type)).toEqual(["init", "key", "key"]);
  });

  it("are found in clusters of known size, and after Cues", () => {
    const known = (...body: number[][]): number[] => element(ID.cluster, timed(0), ...body);
    const cues = element(ID.cues, [1, 2, 3]);
    const parts = [INIT, known(key()), known(audio(), delta()), cues, known(audio(), key()), known()];
    const expected = [INIT.length, known(key()).length + known(audio(), delta()).length + cues.length];
    const bytes = Uint8Array.from(parts.flat());
    for (const length of [1, 5, bytes.byteLength]) {
      const objects = run(createSegmenter("webm"), pieces(bytes, equal(bytes.byteLength, length)));
      const starts = objects
        .filter((object) => object.type === "key")
        .map((object) => objects.indexOf(object));
      expect(starts).toHaveLength(2);
      const before = lengths(objects.slice(0, starts[1])).reduce((sum, count) => sum + count, 0);
      expect(before).toBe((expected[0] ?? 0) + (expected[1] ?? 0));
    }
  });

  it("are every cluster when there is no video", () => {
    const head = [...element(ID.ebml, [1]), ...open(ID.segment), ...element(ID.tracks, track(AUDIO, 2))];
    const objects = objectsOf(head, cluster(audio()), cluster(audio()), cluster(audio()));
    expect(objects.map((object) => object.type)).toEqual(["init", "key", "key", "key"]);
  });

  it("include the first cluster, whatever it begins with", () => {
    expect(objectsOf(INIT, cluster(audio()), cluster(key())).map((object) => object.type)).toEqual([
      "init",
      "key",
      "key",
    ]);
  });
});

it("a recording with its clusters' sizes filled in has the same groups", () => {
  for (const { bytes, packaging, chunks, groups } of VECTORS) {
    if (packaging !== "webm") continue;
    const sized = Uint8Array.from(bytes);
    chunks.forEach((start, index) => {
      const length = (chunks[index + 1] ?? bytes.byteLength) - start - 12;
      expect([...sized.subarray(start + 4, start + 12)]).toEqual(UNKNOWN);
      sized.set([0x01, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (length >> shift) & 0xff)], start + 4);
    });
    for (const length of [3, bytes.byteLength]) {
      const objects = run(createSegmenter("webm"), pieces(sized, equal(bytes.byteLength, length)));
      let at = 0;
      const starts: number[] = [];
      for (const object of objects) {
        if (object.type === "key") starts.push(at);
        at += object.bytes.byteLength;
      }
      expect(starts).toEqual(groups);
    }
  }
});

it("media time is the cluster's plus the block's, in the recording's own scale", () => {
  const scale = element(ID.info, element(ID.scale, [0x07, 0xa1, 0x20])); // 0.5 ms
  const late = open(ID.cluster, timed(1000), key(4), audio(-10));
  const objects = objectsOf(INIT, scale, cluster(key(2), audio(40)), late);
  expect(objects.map((object) => object.mediaTime_ms)).toEqual([null, 20, 502]);
});

it("objects tell whether a picture begins in them", () => {
  const segmenter = createSegmenter("webm");
  const parts = [
    [...INIT, ...cluster(audio(), key())],
    audio(),
    [...audio(), ...delta()],
    delta().slice(0, 3),
  ];
  const objects = parts.flatMap((part) => segmenter.push(Uint8Array.from(part)));
  expect(objects.map((object) => object.hasVideo)).toEqual([false, true, false, true, false]);
});

describe("bytes that cannot be WebM", () => {
  const refuse = (bytes: Uint8Array, words: RegExp) => {
    const segmenter = createSegmenter("webm");
    const attempt = () => run(segmenter, [bytes]);
    expect(attempt).toThrow(SegmentError);
    expect(attempt).toThrow(words); // and it stays refused
    expect(segmenter.flush()).toEqual([]);
  };

  it("are refused in words", () => {
    refuse(new TextEncoder().encode("<!doctype html>"), /not WebM/);
    refuse(new Uint8Array(100), /not WebM/);
    refuse(vector("h264-opus").bytes, /not WebM/);
    refuse(Uint8Array.from([...element(ID.ebml, [1]), ...element(ID.info, [])]), /no Segment/);
    refuse(Uint8Array.from([...INIT, ...cluster(), ...ID.simple, 0xff]), /no size/);
    refuse(
      Uint8Array.from([...INIT, ...cluster(), ...element(ID.simple, [0x81, 0]), ...audio()]),
      /own header/,
    );
    refuse(
      Uint8Array.from([...INIT, ...cluster(), ...ID.simple, 0x08, 0xff, 0xff, 0xff, 0xff, ...audio()]),
      /cannot be real/,
    );
  });

  it("are refused when the init does not end", () => {
    const segmenter = createSegmenter("webm");
    segmenter.push(Uint8Array.from([...INIT, 0xec, ...size(10 * MAX_INIT_BYTES)]));
    expect(() => segmenter.push(new Uint8Array(MAX_INIT_BYTES))).toThrow(
      /No media within the first 64000 bytes/,
    );
  });

  it("are refused when a group start stays undecided for too long", () => {
    const segmenter = createSegmenter("webm");
    segmenter.push(
      Uint8Array.from([...INIT, ...cluster(key()), ...cluster(), 0xec, ...size(2 * MAX_HELD_BYTES)]),
    );
    expect(segmenter.push(new Uint8Array(MAX_HELD_BYTES / 2))).toEqual([]);
    expect(() => segmenter.push(new Uint8Array(MAX_HELD_BYTES / 2))).toThrow(/could not be assigned/);
  });
});

it.each(VECTORS)(
  "mutated bytes of $name: given on or refused, never more out than in",
  ({ bytes, packaging }) => {
    const part = bytes.subarray(0, 20_000);
    for (let seed = 0; seed < 150; seed += 1) {
      const next = random(seed);
      const mutated = Uint8Array.from(part);
      const count = 1 + Math.floor(next() * 20);
      for (let index = 0; index < count; index += 1) {
        // Half of the hits in the first 2 kB, where the structure is.
        const range = next() < 0.5 ? 2000 : part.byteLength;
        mutated[Math.floor(next() * range)] = Math.floor(next() * 256);
      }
      const segmenter = createSegmenter(packaging);
      const out: Uint8Array[] = [];
      try {
        for (const piece of pieces(mutated, equal(mutated.byteLength, 1 + Math.floor(next() * 900)))) {
          for (const object of segmenter.push(piece)) out.push(object.bytes);
        }
      } catch (error) {
        if (!(error instanceof SegmentError)) throw error;
      }
      for (const object of segmenter.flush()) out.push(object.bytes);
      const given = join(out);
      expect(Buffer.compare(given, mutated.subarray(0, given.byteLength))).toBe(0);
    }
  },
);
