// From the bytes of a recorder to labelled objects: picks the parser for a track's packaging.
import type { Packaging } from "../protocol.js";
import { ByteInput, type Parse } from "./bytes.js";
import { withColour } from "./colour.js";
import { Cutter, type MediaObject, SegmentError } from "./cutter.js";
import { parseFmp4 } from "./fmp4.js";
import { Joiner } from "./joiner.js";
import { asLive } from "./live.js";
import { type SoundFormat, SoundMuxer } from "./sound-muxer.js";
import { parseWebm } from "./webm.js";

export { asLive, Joiner, type MediaObject, SegmentError, type SoundFormat, SoundMuxer, withColour };

/**
 * Cuts a recorder's byte stream at group starts, and nowhere else. Incremental: any split of the input gives
 * the same groups, and the output's bytes, joined, are the input's. The first object is the init segment
 * (group 0); then each push gives what it brought as one object, or, where groups start inside it, one for
 * each group. Only bytes that may yet start a group wait for the next push. An object's bytes may be a view
 * of what was pushed. Throws SegmentError on bytes that cannot be this packaging; it is of no use after that.
 */
export interface Segmenter {
  push(bytes: Uint8Array): MediaObject[];
  /** What is still held back, at the recorder's end. */
  flush(): MediaObject[];
}

export function packagingOf(mimeType: string): Packaging {
  return /^(video|audio)\/mp4/i.test(mimeType) ? "fmp4" : "webm";
}

export function createSegmenter(packaging: Packaging): Segmenter {
  return new GroupSegmenter(packaging === "fmp4" ? parseFmp4 : parseWebm);
}

class GroupSegmenter implements Segmenter {
  readonly #input = new ByteInput();
  readonly #cutter = new Cutter();
  readonly #parser: Parse;
  #failure: unknown = null;

  constructor(parse: (input: ByteInput, cutter: Cutter) => Parse) {
    this.#parser = parse(this.#input, this.#cutter);
  }

  push(bytes: Uint8Array): MediaObject[] {
    if (this.#failure !== null) throw this.#failure;
    try {
      this.#cutter.add(bytes);
      this.#input.feed(bytes);
      this.#parser.next();
      return this.#cutter.drain();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  flush(): MediaObject[] {
    return this.#failure === null ? this.#cutter.flush() : [];
  }
}
