// Turns the recorder's bytes into labelled objects. The parsers say where a group starts and which bytes are
// still undecided; everything else leaves with the push that brought it.
import { MAX_CHUNK_BYTES, MAX_INIT_BYTES, type ObjectType } from "../protocol.js";

/** One object: a piece of the recorder's byte stream that belongs to exactly one group. */
export interface MediaObject {
  type: ObjectType;
  /** 0 is the init segment; groups of media count from 1. */
  group: number;
  object: number;
  bytes: Uint8Array;
  /** Media time of the newest block whose header ends in this object, ms from the epoch's start; null if none
   * does. */
  mediaTime_ms: number | null;
  /** The header of a video block ends in this object. */
  hasVideo: boolean;
}

/** The bytes cannot be what they claim to be: begin a new epoch. */
export class SegmentError extends Error {
  override readonly name = "SegmentError";
}

/** What may wait for the decision whether a group starts with it. More could not be sent as one object. */
export const MAX_HELD_BYTES = MAX_CHUNK_BYTES;

const MIN_BUFFER_BYTES = 256;

export class Cutter {
  /** Bytes held back at the end of the last push: the first `#held_bytes` of a buffer that grows by doubling. */
  #buffer = new Uint8Array(MIN_BUFFER_BYTES);
  #held_bytes = 0;
  #fresh = new Uint8Array(0);
  /** Offset of the first byte that has not left. */
  #sent = 0;
  #end = 0;
  #holdFrom: number | null = 0; // the init is held until the first group starts
  #starts: number[] = [];
  #blocks: { at: number; time_ms: number; isVideo: boolean }[] = [];
  #group = 0;
  #object = 0;

  /** The next piece of the stream. `drain` must follow before the next one. */
  add(bytes: Uint8Array): void {
    this.#fresh = bytes as Uint8Array<ArrayBuffer>;
    this.#end += bytes.byteLength;
  }

  /** Nothing from this offset on may leave yet. */
  hold(offset: number): void {
    if (this.#inMedia) this.#holdFrom = offset;
  }

  /** What was held is decided: it goes on with the current group. */
  release(): void {
    if (this.#inMedia) this.#holdFrom = null;
  }

  /** What was held is decided: a group starts at this offset. */
  startGroup(offset: number): void {
    if (!this.#inMedia && offset > MAX_INIT_BYTES) this.#refuseInit();
    this.#starts.push(offset);
    this.#holdFrom = null;
  }

  /** The header of a block with this media time ends at this offset. */
  markBlock(at: number, time_ms: number, isVideo: boolean): void {
    this.#blocks.push({ at, time_ms, isVideo });
  }

  /** The objects that can leave now. */
  drain(): MediaObject[] {
    const until = this.#holdFrom ?? this.#end;
    const held_bytes = this.#end - until;
    if (!this.#inMedia && held_bytes > MAX_INIT_BYTES) this.#refuseInit();
    if (held_bytes > MAX_HELD_BYTES) {
      throw new SegmentError(
        `More than ${MAX_HELD_BYTES} bytes could not be assigned to a group: lower the bit rate or the picture's size.`,
      );
    }
    const objects: MediaObject[] = [];
    for (const start of this.#starts) {
      this.#emit(start, objects);
      this.#group += 1;
      this.#object = 0;
    }
    this.#starts.length = 0;
    this.#emit(until, objects);
    this.#keep();
    return objects;
  }

  /** Everything that is still here, at the stream's end. */
  flush(): MediaObject[] {
    const objects: MediaObject[] = [];
    this.#emit(this.#end, objects);
    this.#keep();
    return objects;
  }

  get #inMedia(): boolean {
    return this.#group > 0 || this.#starts.length > 0;
  }

  #refuseInit(): never {
    throw new SegmentError(
      `No media within the first ${MAX_INIT_BYTES} bytes: choose another recording format (MIME type).`,
    );
  }

  #emit(to: number, objects: MediaObject[]): void {
    if (to <= this.#sent) return;
    const bytes = this.#take(to);
    this.#sent = to;
    objects.push({
      type: this.#group === 0 ? "init" : this.#object === 0 ? "key" : "delta",
      group: this.#group,
      object: this.#object,
      bytes,
      ...this.#takeBlocks(to),
    });
    this.#object += 1;
  }

  /** Bytes from `#sent` up to an offset: a view of the fresh piece where possible, a copy where held ones lead. */
  #take(to: number): Uint8Array {
    const freshStart = this.#end - this.#fresh.byteLength;
    if (this.#sent >= freshStart) return this.#fresh.subarray(this.#sent - freshStart, to - freshStart);
    const heldStart = freshStart - this.#held_bytes;
    const bytes = new Uint8Array(to - this.#sent);
    bytes.set(this.#buffer.subarray(this.#sent - heldStart, Math.min(to, freshStart) - heldStart));
    if (to > freshStart) bytes.set(this.#fresh.subarray(0, to - freshStart), freshStart - this.#sent);
    return bytes;
  }

  /** What the blocks up to an offset say about their object. */
  #takeBlocks(to: number): { mediaTime_ms: number | null; hasVideo: boolean } {
    let mediaTime_ms: number | null = null;
    let hasVideo = false;
    let count = 0;
    for (const block of this.#blocks) {
      if (block.at >= to) break;
      mediaTime_ms = mediaTime_ms === null ? block.time_ms : Math.max(mediaTime_ms, block.time_ms);
      hasVideo ||= block.isVideo;
      count += 1;
    }
    this.#blocks.splice(0, count);
    return { mediaTime_ms, hasVideo };
  }

  /** Keep a copy of what did not leave, so that a large piece is not kept alive by its last byte. */
  #keep(): void {
    const rest_bytes = this.#end - this.#sent;
    const fresh = this.#fresh;
    const fromFresh = Math.min(rest_bytes, fresh.byteLength);
    const fromHeld = rest_bytes - fromFresh;
    if (fromHeld > 0 && fromHeld < this.#held_bytes) {
      this.#buffer.copyWithin(0, this.#held_bytes - fromHeld, this.#held_bytes);
    }
    if (rest_bytes > this.#buffer.byteLength) {
      const larger = new Uint8Array(Math.max(rest_bytes, 2 * this.#buffer.byteLength));
      larger.set(this.#buffer.subarray(0, fromHeld));
      this.#buffer = larger;
    } else if (rest_bytes === 0 && this.#buffer.byteLength > MIN_BUFFER_BYTES) {
      this.#buffer = new Uint8Array(MIN_BUFFER_BYTES);
    }
    this.#buffer.set(fresh.subarray(fresh.byteLength - fromFresh), fromHeld);
    this.#held_bytes = rest_bytes;
    this.#fresh = new Uint8Array(0);
  }
}
