// EBML (RFC 8794), as far as a recorder's WebM needs it: element headers.
import type { ByteInput, Parse } from "./bytes.js";
import { SegmentError } from "./cutter.js";

export interface Element {
  id: number;
  /** Offsets in the stream: of the header, and of what follows it. */
  start: number;
  body: number;
  /** null: unknown, until an element that cannot be its child. */
  size: number | null;
}

const MAX_ID_BYTES = 4;

export function* elementHeader(input: ByteInput): Parse<Element> {
  const start = input.position;
  return yield* restOfHeader(input, start, yield* input.byte());
}

/** The header of an element whose first byte has been read. */
export function* restOfHeader(input: ByteInput, start: number, first: number): Parse<Element> {
  const length = vintLength(first);
  if (length > MAX_ID_BYTES)
    throw new SegmentError(`These bytes are not WebM: no element begins at byte ${start}.`);
  let id = first;
  for (let left = length - 1; left > 0; left -= 1) id = id * 256 + (yield* input.byte());
  const size = yield* vint(input);
  return { id, start, body: input.position, size };
}

/** A variable-length integer; null if all its bits are set, which means "unknown". */
export function* vint(input: ByteInput): Parse<number | null> {
  const first = yield* input.byte();
  const length = vintLength(first);
  if (length > 8)
    throw new SegmentError(`These bytes are not WebM: no number begins at byte ${input.position - 1}.`);
  let value = first & (0xff >> length);
  let isUnknown = value === 0xff >> length;
  for (let left = length - 1; left > 0; left -= 1) {
    const byte = yield* input.byte();
    value = value * 256 + byte;
    isUnknown &&= byte === 0xff;
  }
  if (isUnknown) return null;
  if (!Number.isSafeInteger(value)) {
    throw new SegmentError(`A size at byte ${input.position - length} is too large to be real.`);
  }
  return value;
}

/** Offset after an element of known size. */
export function endOf(element: Element): number {
  if (element.size === null) {
    throw new SegmentError(
      `The element at byte ${element.start} has no size, which WebM does not allow there.`,
    );
  }
  return element.body + element.size;
}

function vintLength(first: number): number {
  return Math.clz32(first) - 23; // 9 for a zero byte, which is no length
}
