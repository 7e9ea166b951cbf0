// Says in WebM's init segment that it is of something live.
import { ByteInput, concatenated, type Parse } from "./bytes.js";
import { SegmentError } from "./cutter.js";
import { type Element, elementHeader, endOf } from "./ebml.js";
import { element } from "./ebml-writer.js";
import { EBML, INFO, SEGMENT } from "./webm.js";

const DATE_UTC = 0x4461;
/** ns since 2001-01-01: that there is a date says it, not which. */
const A_DATE = new Uint8Array(8);

/** The init segment with a date in it, if it is WebM's and has none. Chromium takes pictures with a date and without an end for
 * live (`low_delay`): it plays on with one decoded picture in hand, where it would wait for four. */
export function asLive(init: Uint8Array): Uint8Array {
  const info = undated(init);
  if (info === null) return init;
  const end = endOf(info);
  return concatenated([
    init.subarray(0, info.start),
    element(INFO, init.subarray(info.body, end), element(DATE_UTC, A_DATE)),
    init.subarray(end),
  ]);
}

function undated(init: Uint8Array): Element | null {
  const input = new ByteInput();
  input.feed(init);
  try {
    const search = undatedInfo(input).next();
    return search.done ? search.value : null;
  } catch (error) {
    // Whoever plays it will say so.
    if (error instanceof SegmentError) return null;
    throw error;
  }
}

/** The Info element, if all of it is there and it has no date. */
function* undatedInfo(input: ByteInput): Parse<Element | null> {
  const header = yield* elementHeader(input);
  if (header.id !== EBML) return null;
  yield* input.skipTo(endOf(header));
  const segment = yield* elementHeader(input);
  // With a size it would be longer than it says.
  if (segment.id !== SEGMENT || segment.size !== null) return null;
  for (;;) {
    const info = yield* elementHeader(input);
    const end = endOf(info);
    while (info.id === INFO && input.position < end) {
      const child = yield* elementHeader(input);
      if (child.id === DATE_UTC) return null;
      yield* input.skipTo(endOf(child));
    }
    yield* input.skipTo(end);
    if (info.id === INFO) return info;
  }
}
