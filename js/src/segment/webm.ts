// WebM: a group starts at a Cluster whose first video block is a keyframe; without video, at any Cluster.
//
// What Chromium's recorder was seen to do: a video keyframe always opens a Cluster, with at most one queued
// audio block before it; audio opens others, which begin with audio or delta frames. Camera frames are
// SimpleBlocks; frames of a canvas with alpha are BlockGroups, where a keyframe is one without ReferenceBlock.
import type { ByteInput, Parse } from "./bytes.js";
import { type Cutter, SegmentError } from "./cutter.js";
import { type Element, elementHeader, endOf, restOfHeader, vint } from "./ebml.js";

export const EBML = 0x1a45dfa3;
export const SEGMENT = 0x18538067;
export const INFO = 0x1549a966;
export const TIMESTAMP_SCALE = 0x2ad7b1;
export const TRACKS = 0x1654ae6b;
export const TRACK_ENTRY = 0xae;
export const TRACK_NUMBER = 0xd7;
export const TRACK_TYPE = 0x83;
const VIDEO = 1;
export const CLUSTER = 0x1f43b675;
const CLUSTER_FIRST_BYTE = 0x1f; // no other element of WebM begins with it
export const TIMESTAMP = 0xe7;
export const SIMPLE_BLOCK = 0xa3;
const BLOCK_GROUP = 0xa0;
const BLOCK = 0xa1;
const REFERENCE_BLOCK = 0xfb;
/** SeekHead, Info, Tracks, Chapters, Cluster, Cues, Attachments, Tags: they end a Cluster of unknown size. */
const TOP_LEVEL = new Set([
  0x114d9b74,
  INFO,
  TRACKS,
  0x1043a770,
  CLUSTER,
  0x1c53bb6b,
  0x1941a469,
  0x1254c367,
]);

/** Audio blocks at a Cluster's start that are waited through for its first video block. One was the most seen;
 * eight are half a second of Opus, and then sound must not wait any longer. */
export const MAX_LEADING_AUDIO_BLOCKS = 8;
/** An element larger than this is not from a recorder; its size was misread. */
export const MAX_ELEMENT_BYTES = 16_000_000;

const DEFAULT_TIMESTAMP_SCALE_NS = 1_000_000;
const NS_PER_MS = 1_000_000;

export function parseWebm(input: ByteInput, cutter: Cutter): Parse {
  return new WebmParser(input, cutter).run();
}

class WebmParser {
  #scale_ns = DEFAULT_TIMESTAMP_SCALE_NS;
  #video = new Set<number>();
  #isFirstCluster = true;
  /** Offset of the Cluster that may turn out to start a group. */
  #undecided: number | null = null;

  constructor(
    private readonly input: ByteInput,
    private readonly cutter: Cutter,
  ) {}

  *run(): Parse {
    const header = yield* elementHeader(this.input);
    if (header.id !== EBML)
      throw new SegmentError("These bytes are not WebM: they do not begin with an EBML header.");
    yield* this.#skip(header);
    const segment = yield* elementHeader(this.input);
    if (segment.id !== SEGMENT)
      throw new SegmentError("These bytes are not WebM: no Segment follows the EBML header.");
    for (let element = yield* this.#header(); ; ) {
      if (element.id === CLUSTER) {
        element = yield* this.#cluster(element);
      } else {
        yield* this.#describe(element);
        element = yield* this.#header();
      }
    }
  }

  /** The next header where a Cluster may come: from the first byte that can be one, nothing leaves. */
  *#header(): Parse<Element> {
    const start = this.input.position;
    const first = yield* this.input.byte();
    const mayBeCluster = first === CLUSTER_FIRST_BYTE && this.#undecided === null;
    if (mayBeCluster) this.cutter.hold(start);
    const element = yield* restOfHeader(this.input, start, first);
    if (mayBeCluster && element.id !== CLUSTER) this.cutter.release();
    return element;
  }

  /** What stands before or between Clusters. */
  *#describe(element: Element): Parse {
    if (element.id !== INFO && element.id !== TRACKS) return yield* this.#skip(element);
    const end = endOf(element);
    while (this.input.position < end) {
      const child = yield* elementHeader(this.input);
      if (child.id === TIMESTAMP_SCALE) this.#scale_ns = yield* this.#uint(child);
      else if (child.id === TRACK_ENTRY) yield* this.#trackEntry(child);
      else yield* this.#skip(child);
    }
    this.#checkEnd(end);
  }

  *#trackEntry(entry: Element): Parse {
    const end = endOf(entry);
    let number = 0;
    let type = 0;
    while (this.input.position < end) {
      const child = yield* elementHeader(this.input);
      if (child.id === TRACK_NUMBER) number = yield* this.#uint(child);
      else if (child.id === TRACK_TYPE) type = yield* this.#uint(child);
      else yield* this.#skip(child);
    }
    this.#checkEnd(end);
    if (type === VIDEO) this.#video.add(number);
  }

  /** One Cluster; returns the header that follows it. */
  *#cluster(cluster: Element): Parse<Element> {
    const end = cluster.size === null ? Number.POSITIVE_INFINITY : endOf(cluster);
    this.#undecided = cluster.start;
    this.cutter.hold(cluster.start);
    // A recorder's first frame can be decoded, so its first Cluster can be sent off at once.
    if (this.#isFirstCluster || this.#video.size === 0) this.#decide(true);
    this.#isFirstCluster = false;
    let time = 0;
    let leadingAudioBlocks = 0;
    while (this.input.position < end) {
      const child = yield* this.#header();
      if (child.id === TIMESTAMP) {
        time = yield* this.#uint(child);
      } else if (child.id === SIMPLE_BLOCK || child.id === BLOCK_GROUP) {
        const isVideo =
          child.id === BLOCK_GROUP
            ? yield* this.#blockGroup(child, time)
            : yield* this.#simpleBlock(child, time);
        if (!isVideo && ++leadingAudioBlocks > MAX_LEADING_AUDIO_BLOCKS) this.#decide(false);
      } else if (TOP_LEVEL.has(child.id)) {
        this.#decide(false);
        return child;
      } else {
        yield* this.#skip(child);
      }
    }
    this.#checkEnd(end);
    this.#decide(false);
    return yield* this.#header();
  }

  /** Once per Cluster; later calls find nothing undecided. */
  #decide(startsGroup: boolean): void {
    if (this.#undecided === null) return;
    if (startsGroup) this.cutter.startGroup(this.#undecided);
    else this.cutter.release();
    this.#undecided = null;
  }

  *#simpleBlock(element: Element, clusterTime: number): Parse<boolean> {
    const { isVideo, isKey } = yield* this.#blockHeader(element, clusterTime);
    if (isVideo) this.#decide(isKey);
    yield* this.#skip(element);
    return isVideo;
  }

  *#blockGroup(group: Element, clusterTime: number): Parse<boolean> {
    const end = endOf(group);
    let isVideo = false;
    while (this.input.position < end) {
      const child = yield* elementHeader(this.input);
      if (child.id === BLOCK) ({ isVideo } = yield* this.#blockHeader(child, clusterTime));
      else if (child.id === REFERENCE_BLOCK && isVideo) this.#decide(false);
      yield* this.#skip(child);
    }
    this.#checkEnd(end);
    if (isVideo) this.#decide(true);
    return isVideo;
  }

  *#blockHeader(block: Element, clusterTime: number): Parse<{ isVideo: boolean; isKey: boolean }> {
    const end = endOf(block);
    const track = yield* vint(this.input);
    const unsigned = yield* this.input.uint(2);
    const flags = yield* this.input.byte();
    if (this.input.position > end) {
      throw new SegmentError(`The block at byte ${block.start} is shorter than its own header.`);
    }
    const time = clusterTime + (unsigned < 0x8000 ? unsigned : unsigned - 0x10000);
    const isVideo = track !== null && this.#video.has(track);
    this.cutter.markBlock(this.input.position - 1, (time * this.#scale_ns) / NS_PER_MS, isVideo);
    return { isVideo, isKey: (flags & 0x80) !== 0 };
  }

  *#uint(element: Element): Parse<number> {
    return yield* this.input.uint(endOf(element) - element.body);
  }

  *#skip(element: Element): Parse {
    const end = endOf(element);
    if (end - element.body > MAX_ELEMENT_BYTES) {
      throw new SegmentError(
        `The element at byte ${element.start} claims ${element.size} bytes, which cannot be real.`,
      );
    }
    yield* this.input.skipTo(end);
  }

  #checkEnd(end: number): void {
    if (this.input.position > end) {
      throw new SegmentError(`An element reaches past byte ${end}, where the one around it ends.`);
    }
  }
}
