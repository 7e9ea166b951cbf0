// Says in WebM's init segment that it is of something live.
import { concatenated } from "./bytes.js";
import { endOf } from "./ebml.js";
import { element } from "./ebml-writer.js";
import { childrenOf, initElements } from "./init-elements.js";
import { INFO } from "./webm.js";

const DATE_UTC = 0x4461;
/** ns since 2001-01-01: that there is a date says it, not which. */
const A_DATE = new Uint8Array(8);

/** The init segment with a date in it, if it is WebM's and has none. Chromium takes pictures with a date and without an end for
 * live (`low_delay`): it plays on with one decoded picture in hand, where it would wait for four. */
export function asLive(init: Uint8Array): Uint8Array {
  const info = initElements(init)?.find(({ id }) => id === INFO);
  if (info === undefined) return init;
  const children = childrenOf(init, info);
  if (children === null || children.some(({ id }) => id === DATE_UTC)) return init;
  const end = endOf(info);
  return concatenated([
    init.subarray(0, info.start),
    element(INFO, init.subarray(info.body, end), element(DATE_UTC, A_DATE)),
    init.subarray(end),
  ]);
}
