// Says in an init segment how numbers stand for colours, where it does not say so itself.
import { concatenated } from "./bytes.js";
import { type Element, endOf } from "./ebml.js";
import { element, uint } from "./ebml-writer.js";
import { childrenOf, initElements } from "./init-elements.js";
import { isMp4, mp4WithColour } from "./mp4-colour.js";
import { TRACK_ENTRY, TRACKS } from "./webm.js";

const VIDEO = 0xe0;
const COLOUR = 0x55b0;
/** BT.601 in video range, numbers of ITU-T H.273: VP8's own (RFC 6386, 9.2), and a camera's. Primaries and transfer as of
 * the screens that cameras and pages are made for. */
const BT601 = element(
  COLOUR,
  uint(0x55b1, 6), // MatrixCoefficients
  uint(0x55b9, 1), // Range
  uint(0x55ba, 1), // TransferCharacteristics
  uint(0x55bb, 1), // Primaries
);

/** The init segment with a colour description, if it has pictures without one. Chromium writes one for canvases and none for
 * cameras, and takes pictures without one for BT.709: red is orange. */
export function withColour(init: Uint8Array): Uint8Array {
  return isMp4(init) ? mp4WithColour(init) : webmWithColour(init);
}

function webmWithColour(init: Uint8Array): Uint8Array {
  for (const tracks of initElements(init) ?? []) {
    if (tracks.id !== TRACKS) continue;
    for (const entry of childrenOf(init, tracks) ?? []) {
      const video = entry.id === TRACK_ENTRY ? uncolouredVideo(init, entry) : null;
      if (video === null) continue;
      const coloured = element(VIDEO, init.subarray(video.body, endOf(video)), BT601);
      const changed = within(init, tracks, entry, within(init, entry, video, coloured));
      return concatenated([init.subarray(0, tracks.start), changed, init.subarray(endOf(tracks))]);
    }
  }
  return init;
}

/** The Video element of a track, if it has no Colour. */
function uncolouredVideo(init: Uint8Array, entry: Element): Element | null {
  const video = childrenOf(init, entry)?.find(({ id }) => id === VIDEO);
  if (video === undefined) return null;
  return childrenOf(init, video)?.some(({ id }) => id === COLOUR) === false ? video : null;
}

/** An element with one of its children changed. */
function within(init: Uint8Array, outer: Element, inner: Element, changed: Uint8Array): Uint8Array {
  const [before, after] = [init.subarray(outer.body, inner.start), init.subarray(endOf(inner), endOf(outer))];
  return element(outer.id, before, changed, after);
}
