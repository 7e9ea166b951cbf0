// Bytes as they arrive. A parser is a generator that reads from here and yields when it has eaten everything
// there is, so it never looks back, buffers nothing and does not care how its input was split.
import { SegmentError } from "./cutter.js";

export type Parse<T = void> = Generator<void, T, void>;

export class ByteInput {
  #bytes = new Uint8Array(0);
  #at = 0;
  #base = 0;

  /** Offset of the next byte in the whole stream. */
  get position(): number {
    return this.#base + this.#at;
  }

  /** The next piece. The parser has read the last one to its end: it yields for no other reason. */
  feed(bytes: Uint8Array): void {
    this.#base += this.#bytes.byteLength;
    this.#bytes = bytes as Uint8Array<ArrayBuffer>;
    this.#at = 0;
  }

  *byte(): Parse<number> {
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte !== undefined) {
        this.#at += 1;
        return byte;
      }
      yield;
    }
  }

  /** A big-endian unsigned number of up to 8 bytes. */
  *uint(length: number): Parse<number> {
    let value = 0;
    for (let left = length; left > 0; left -= 1) value = value * 256 + (yield* this.byte());
    if (length > 8 || !Number.isSafeInteger(value)) {
      throw new SegmentError(`A number at byte ${this.position - length} is too large to be real.`);
    }
    return value;
  }

  *skip(count: number): Parse {
    for (let left = count; left > 0; ) {
      const step = Math.min(left, this.#bytes.byteLength - this.#at);
      this.#at += step;
      left -= step;
      if (left > 0) yield;
    }
  }

  *skipTo(position: number): Parse {
    yield* this.skip(position - this.position);
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
