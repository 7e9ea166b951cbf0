// The elements of a WebM's init segment, all of which is there.
import { ByteInput, type Parse } from "./bytes.js";
import { SegmentError } from "./cutter.js";
import { type Element, elementHeader, endOf } from "./ebml.js";
import { EBML, SEGMENT } from "./webm.js";

/** What its Segment holds: Info, Tracks, and others. Null if these bytes are something else; whoever plays them says so. */
export function initElements(init: Uint8Array): Element[] | null {
  const input = new ByteInput();
  input.feed(init);
  return whole(segmentOf(input, init.byteLength));
}

/** What an element of it holds; null if that is broken. */
export function childrenOf(init: Uint8Array, parent: Element): Element[] | null {
  const input = new ByteInput();
  input.feed(init);
  return whole(elements(input, parent.body, endOf(parent)));
}

function whole(parse: Parse<Element[] | null>): Element[] | null {
  try {
    const result = parse.next();
    return result.done ? result.value : null;
  } catch (error) {
    if (error instanceof SegmentError) return null;
    throw error;
  }
}

function* segmentOf(input: ByteInput, end: number): Parse<Element[] | null> {
  const header = yield* elementHeader(input);
  if (header.id !== EBML) return null;
  yield* input.skipTo(endOf(header));
  const segment = yield* elementHeader(input);
  // With a size it would be longer than it says, once something is added.
  if (segment.id !== SEGMENT || segment.size !== null) return null;
  return yield* elements(input, segment.body, end);
}

function* elements(input: ByteInput, start: number, end: number): Parse<Element[] | null> {
  const found: Element[] = [];
  yield* input.skipTo(start);
  while (input.position < end) {
    const element = yield* elementHeader(input);
    yield* input.skipTo(endOf(element));
    found.push(element);
  }
  return input.position === end ? found : null;
}
