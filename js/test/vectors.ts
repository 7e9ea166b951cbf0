// The recordings of tests/vectors/media, and the ways to split them.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { Packaging } from "../src/protocol.js";
import type { MediaObject, Segmenter } from "../src/segment/index.js";

export { concatenated as join } from "../src/segment/joiner.js";

export interface Vector {
  name: string;
  mimeType: string;
  packaging: Packaging;
  sha256: string;
  init_bytes: number;
  /** Byte offset of each group's start, and of each Cluster or moof. */
  groups: number[];
  chunks: number[];
  slices: number[];
  bytes: Uint8Array;
}

const FOLDER = new URL("../../tests/vectors/media/", import.meta.url);

export const VECTORS: readonly Vector[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".json"))
  .map((file) => {
    const vector = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Omit<Vector, "name" | "bytes">;
    const name = file.replace(/\.json$/, "");
    const bytes = readFileSync(new URL(`${name}.${vector.packaging === "fmp4" ? "mp4" : "webm"}`, FOLDER));
    return { ...vector, name, bytes: new Uint8Array(bytes) };
  });

export function vector(name: string): Vector {
  const found = VECTORS.find((item) => item.name === name);
  if (found === undefined) throw new Error(`no vector named ${name}`);
  return found;
}

/** mulberry32: the same numbers from the same seed, everywhere. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function* pieces(bytes: Uint8Array, lengths: Iterable<number>): Generator<Uint8Array> {
  let at = 0;
  for (const length of lengths) {
    yield bytes.subarray(at, at + length);
    at += length;
  }
  if (at < bytes.byteLength) yield bytes.subarray(at);
}

export function* equal(total: number, length: number): Generator<number> {
  for (let at = 0; at < total; at += length) yield Math.min(length, total - at);
}

export function* seeded(total: number, longest: number, seed: number): Generator<number> {
  const next = random(seed);
  for (let at = 0; at < total; ) {
    const length = Math.min(Math.floor(next() * (longest + 1)), total - at);
    yield length;
    at += length;
  }
}

/** Everything a segmenter makes of these pieces. */
export function run(segmenter: Segmenter, parts: Iterable<Uint8Array>): MediaObject[] {
  const objects: MediaObject[] = [];
  for (const part of parts) objects.push(...segmenter.push(part));
  objects.push(...segmenter.flush());
  return objects;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
