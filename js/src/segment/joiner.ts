// Objects cut from several small pieces, as if the pieces had been one: a recorder is asked for its bytes more often
// than they are sent. Pure.
import type { MediaObject } from "./cutter.js";

export class Joiner {
  #waiting: MediaObject[][] = [];
  #group = -1;
  #object = 0;

  add(objects: readonly MediaObject[]): void {
    for (const object of objects) {
      const last = this.#waiting.at(-1);
      if (last?.[0]?.group === object.group) last.push(object);
      else this.#waiting.push([object]);
    }
  }

  /** What was added since the last call: one object for each group. */
  take(): MediaObject[] {
    const joined = this.#waiting.map((parts) => this.#join(parts));
    this.#waiting = [];
    return joined;
  }

  #join(parts: readonly MediaObject[]): MediaObject {
    const [first] = parts as [MediaObject];
    this.#object = first.group === this.#group ? this.#object + 1 : 0;
    this.#group = first.group;
    const times_ms = parts.flatMap(({ mediaTime_ms }) => mediaTime_ms ?? []);
    return {
      ...first,
      object: this.#object,
      bytes: parts.length === 1 ? first.bytes : concatenated(parts.map(({ bytes }) => bytes)),
      mediaTime_ms: times_ms.length === 0 ? null : Math.max(...times_ms),
      hasVideo: parts.some(({ hasVideo }) => hasVideo),
    };
  }
}

export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}
