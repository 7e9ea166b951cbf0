import { describe, expect, it } from "vitest";
import { createSegmenter, Joiner, type MediaObject, packagingOf } from "../src/segment/index.js";
import { equal, join, pieces, run, seeded, sha256, VECTORS, type Vector } from "./vectors.js";

interface Group {
  start: number;
  length: number;
  newest_ms: number | null;
}

/** Objects put together again, group by group, with the labels checked on the way. */
function groupsOf(objects: readonly MediaObject[]): { init_bytes: number; groups: Group[] } {
  const init_bytes = objects[0]?.bytes.byteLength ?? 0;
  const groups: Group[] = [];
  let at = 0;
  let expected = { type: "init", group: 0, object: 0 };
  for (const { type, group, object, bytes, mediaTime_ms } of objects) {
    if (type === "key") expected = { type, group: expected.group + 1, object: 0 };
    const isExpected = type === expected.type && group === expected.group && object === expected.object;
    if (!isExpected || bytes.byteLength === 0) {
      expect({ type, group, object, bytes: bytes.byteLength }, `object at byte ${at}`).toEqual(expected);
    }
    const current = groups.at(-1);
    if (type === "key") groups.push({ start: at, length: bytes.byteLength, newest_ms: mediaTime_ms });
    else if (current !== undefined) {
      current.length += bytes.byteLength;
      current.newest_ms = newest(current.newest_ms, mediaTime_ms);
    }
    at += bytes.byteLength;
    expected = { type: "delta", group, object: object + 1 };
  }
  return { init_bytes, groups };
}

function same(some: readonly MediaObject[], others: readonly MediaObject[]): boolean {
  const told = (objects: readonly MediaObject[]) =>
    JSON.stringify(objects.map((object) => ({ ...object, bytes: sha256(object.bytes) })));
  return told(some) === told(others);
}

function newest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other);
}

function segment(vector: Vector, lengths: Iterable<number>): MediaObject[] {
  return run(createSegmenter(vector.packaging), pieces(vector.bytes, lengths));
}

describe.each(VECTORS)("$name", (vector) => {
  const { bytes, slices } = vector;
  const total = bytes.byteLength;
  const whole = segment(vector, [total]);

  it("is cut where the independent parser found its groups", () => {
    const found = groupsOf(whole);
    expect(found.init_bytes).toBe(vector.init_bytes);
    expect(found.groups.map((group) => group.start)).toEqual(vector.groups);
    expect(whole).toHaveLength(1 + vector.groups.length);
  });

  it("starts each group with a Cluster or a moof", () => {
    for (const object of whole.slice(1)) {
      if (vector.packaging === "webm") {
        expect([...object.bytes.subarray(0, 4)]).toEqual([0x1f, 0x43, 0xb6, 0x75]);
      } else {
        expect(String.fromCharCode(...object.bytes.subarray(4, 8))).toBe("moof");
      }
    }
  });

  const splits: [string, () => Iterable<number>][] = [
    ["as recorded", () => slices],
    ["in pieces of 1 byte", () => equal(total, 1)],
    ["in pieces of 7 bytes", () => equal(total, 7)],
    ...[1, 2, 3, 4].map((seed): [string, () => Iterable<number>] => [
      `split at random (seed ${seed})`,
      () => seeded(total, seed % 2 === 0 ? 40 : 3000, seed),
    ]),
  ];

  it.each(splits)("gives the same objects when small pieces are joined again (%s)", (_, lengths) => {
    const inPieces = createSegmenter(vector.packaging);
    const atOnce = createSegmenter(vector.packaging);
    const joiner = new Joiner();
    let waiting: Uint8Array[] = [];
    for (const [index, piece] of [...pieces(bytes, lengths())].entries()) {
      waiting.push(piece);
      joiner.add(inPieces.push(piece));
      if (index % 5 !== 4) continue;
      expect(same(joiner.take(), atOnce.push(join(waiting)))).toBe(true);
      waiting = [];
    }
  });

  it.each(splits)("gives the same groups and bytes %s", (_, lengths) => {
    const objects = segment(vector, lengths());
    expect(groupsOf(objects)).toEqual(groupsOf(whole));
    expect(sha256(join(objects.map((object) => object.bytes)))).toBe(vector.sha256);
  });

  it("passes the recorder's slices on as they are", () => {
    const segmenter = createSegmenter(vector.packaging);
    const lone = [...pieces(bytes, slices)].map((piece) => segmenter.push(piece).length);
    // A push gives nothing while it is undecided, one object as a rule, and one more for each group it starts.
    const several = lone.filter((count) => count > 1).length;
    expect(several).toBeLessThanOrEqual(vector.groups.length);
    expect(Math.max(...lone)).toBeLessThanOrEqual(3);
  });

  it("has media times that only grow, within the recording's length", () => {
    const times = segment(vector, slices).flatMap((object) => object.mediaTime_ms ?? []);
    expect(times.length).toBeGreaterThan(2);
    expect(times).toEqual([...times].sort((one, other) => one - other));
    expect(times[0]).toBeLessThan(1100); // the first MP4 fragment holds a whole group
    expect(times.at(-1)).toBeGreaterThan(3000);
    expect(times.at(-1)).toBeLessThan(4000);
  });

  it("gives what is left when the recording is cut short", () => {
    for (const length of [
      1,
      3,
      vector.init_bytes - 1,
      vector.init_bytes + 1,
      vector.init_bytes + 40,
      total - 5,
    ]) {
      const objects = run(createSegmenter(vector.packaging), [bytes.subarray(0, length)]);
      expect(join(objects.map((object) => object.bytes))).toEqual(bytes.subarray(0, length));
      expect(objects[0]?.type).toBe("init");
    }
  });

  it("holds back little, and for no longer than the two slices a cluster's head is spread over", () => {
    if (vector.packaging === "fmp4") return; // its slices are whole groups
    const segmenter = createSegmenter("webm");
    const ends: number[] = [];
    let given = 0;
    for (const piece of pieces(bytes, slices)) {
      const end = (ends.at(-1) ?? 0) + piece.byteLength;
      ends.push(end);
      for (const object of segmenter.push(piece)) given += object.bytes.byteLength;
      if (given === 0) continue; // the init is given with the first cluster
      expect(end - given).toBeLessThan(400);
      const pushesWaited = ends.filter((before) => before > given).length;
      expect(pushesWaited).toBeLessThanOrEqual(2);
    }
    expect(given).toBe(total);
  });
});

it("tells the packaging from the MIME type", () => {
  expect(packagingOf("video/webm;codecs=vp8,opus")).toBe("webm");
  expect(packagingOf("audio/webm;codecs=opus")).toBe("webm");
  expect(packagingOf("video/mp4;codecs=avc1.42E01E,opus")).toBe("fmp4");
  expect(packagingOf("Audio/MP4")).toBe("fmp4");
});
