// Fragmented MP4: a group starts at a moof whose video begins with a sync sample; without video, at any moof.
import type { ByteInput, Parse } from "./bytes.js";
import { type Cutter, SegmentError } from "./cutter.js";

interface Box {
  type: string;
  start: number;
  /** Infinity for a box that reaches to the end of the stream. */
  end: number;
}

interface Track {
  isVideo: boolean;
  timescale: number;
  default_duration: number;
  default_flags: number;
}

/** What a traf has said of its samples so far. */
interface Fragment {
  track: Track;
  time: number;
}

/** A moof's or moov's own size; above it the size was misread. The bytes of media are in mdat, not here. */
export const MAX_HEADER_BOX_BYTES = 1_000_000;

const NON_SYNC_SAMPLE = 0x10000;
const TFHD = { base: 0x1, description: 0x2, duration: 0x8, size: 0x10, flags: 0x20 };
const TRUN = { offset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, flags: 0x400, composition: 0x800 };
const VIDEO_HANDLER = 0x76696465; // "vide"
const MS_PER_S = 1000;
/** version and flags of a full box */
const FULL_BOX_BYTES = 4;

export function parseFmp4(input: ByteInput, cutter: Cutter): Parse {
  return new Fmp4Parser(input, cutter).run();
}

class Fmp4Parser {
  #tracks = new Map<number, Track>();
  #isFirstMoof = true;
  #undecided: number | null = null;

  constructor(
    private readonly input: ByteInput,
    private readonly cutter: Cutter,
  ) {}

  *run(): Parse {
    const first = yield* this.#header();
    if (first.type !== "ftyp")
      throw new SegmentError("These bytes are not MP4: they do not begin with an ftyp box.");
    yield* this.input.skipTo(first.end);
    for (;;) {
      // Until its type is known, any box may be the moof that starts a group.
      this.cutter.hold(this.input.position);
      const box = yield* this.#header();
      if (box.type === "moof") {
        yield* this.#moof(box);
        continue;
      }
      this.cutter.release();
      if (box.type === "moov") yield* this.#moov(box);
      yield* this.input.skipTo(box.end);
    }
  }

  *#header(): Parse<Box> {
    const start = this.input.position;
    const size = yield* this.input.uint(4);
    let type = "";
    for (let left = 4; left > 0; left -= 1) type += String.fromCharCode(yield* this.input.byte());
    const long = size === 1 ? yield* this.input.uint(8) : size;
    const end = size === 0 ? Number.POSITIVE_INFINITY : start + long;
    if (end < this.input.position)
      throw new SegmentError(`The MP4 box at byte ${start} is shorter than its header.`);
    return { type, start, end };
  }

  /** Every child of a box that is read to its end. */
  *#children(parent: Box, visit: (child: Box) => Parse | null): Parse {
    if (parent.end - parent.start > MAX_HEADER_BOX_BYTES) {
      throw new SegmentError(`The ${parent.type} box at byte ${parent.start} is too large to be real.`);
    }
    while (this.input.position < parent.end) {
      const child = yield* this.#header();
      if (child.end > parent.end)
        throw new SegmentError(`The MP4 box at byte ${child.start} is larger than its parent.`);
      const work = visit(child);
      if (work !== null) yield* work;
      if (this.input.position > child.end) {
        throw new SegmentError(
          `The ${child.type} box at byte ${child.start} is shorter than what it declares.`,
        );
      }
      yield* this.input.skipTo(child.end);
    }
  }

  *#moov(moov: Box): Parse {
    yield* this.#children(moov, (box) => {
      if (box.type === "trak") return this.#trak(box);
      if (box.type === "mvex")
        return this.#children(box, (child) => (child.type === "trex" ? this.#trex() : null));
      return null;
    });
  }

  *#trak(trak: Box): Parse {
    const found = { id: 0, timescale: 0, isVideo: false };
    yield* this.#children(trak, (box) => {
      if (box.type === "tkhd") return this.#tkhd(found);
      if (box.type !== "mdia") return null;
      return this.#children(box, (child) => {
        if (child.type === "mdhd") return this.#mdhd(found);
        return child.type === "hdlr" ? this.#hdlr(found) : null;
      });
    });
    const track = this.#track(found.id);
    track.timescale = found.timescale;
    track.isVideo = found.isVideo;
    this.#tracks.set(found.id, track);
  }

  *#tkhd(found: { id: number }): Parse {
    yield* this.#dates();
    found.id = yield* this.input.uint(4);
  }

  *#mdhd(found: { timescale: number }): Parse {
    yield* this.#dates();
    found.timescale = yield* this.input.uint(4);
  }

  *#hdlr(found: { isVideo: boolean }): Parse {
    yield* this.input.skip(FULL_BOX_BYTES + 4); // pre_defined
    found.isVideo = (yield* this.input.uint(4)) === VIDEO_HANDLER;
  }

  /** The head of a full box, then creation and modification time. */
  *#dates(): Parse {
    const { version } = yield* this.#fullBox();
    yield* this.input.skip(version === 1 ? 16 : 8);
  }

  *#trex(): Parse {
    yield* this.input.skip(FULL_BOX_BYTES);
    const id = yield* this.input.uint(4);
    const track = this.#track(id);
    yield* this.input.skip(4); // sample description
    track.default_duration = yield* this.input.uint(4);
    yield* this.input.skip(4); // size
    track.default_flags = yield* this.input.uint(4);
    this.#tracks.set(id, track);
  }

  *#moof(moof: Box): Parse {
    this.#undecided = moof.start;
    const hasVideo = [...this.#tracks.values()].some((track) => track.isVideo);
    // A recorder's first sample can be decoded, so its first fragment can be sent off at once.
    if (this.#isFirstMoof || !hasVideo) this.#decide(true);
    this.#isFirstMoof = false;
    yield* this.#children(moof, (box) => (box.type === "traf" ? this.#traf(box) : null));
    this.#decide(false);
  }

  *#traf(traf: Box): Parse {
    const fragment: Fragment = { track: this.#track(0), time: 0 };
    yield* this.#children(traf, (box) => {
      if (box.type === "tfhd") return this.#tfhd(fragment);
      if (box.type === "tfdt") return this.#tfdt(fragment);
      return box.type === "trun" ? this.#trun(fragment, box) : null;
    });
  }

  *#tfhd(fragment: Fragment): Parse {
    const { input } = this;
    const { flags } = yield* this.#fullBox();
    const track = { ...this.#track(yield* input.uint(4)) };
    yield* input.skip((flags & TFHD.base ? 8 : 0) + (flags & TFHD.description ? 4 : 0));
    if (flags & TFHD.duration) track.default_duration = yield* input.uint(4);
    if (flags & TFHD.size) yield* input.skip(4);
    if (flags & TFHD.flags) track.default_flags = yield* input.uint(4);
    fragment.track = track;
  }

  *#tfdt(fragment: Fragment): Parse {
    const { version } = yield* this.#fullBox();
    fragment.time = yield* this.input.uint(version === 1 ? 8 : 4);
  }

  *#trun(fragment: Fragment, box: Box): Parse {
    const { input } = this;
    const { track } = fragment;
    const { flags } = yield* this.#fullBox();
    const count = yield* input.uint(4);
    if (count === 0) return;
    if (flags & TRUN.offset) yield* input.skip(4);
    let firstFlags = flags & TRUN.firstFlags ? yield* input.uint(4) : track.default_flags;
    let newest = fragment.time;
    if (flags & (TRUN.duration | TRUN.size | TRUN.flags | TRUN.composition)) {
      for (let index = 0; index < count; index += 1) {
        newest = fragment.time;
        fragment.time += flags & TRUN.duration ? yield* input.uint(4) : track.default_duration;
        if (flags & TRUN.size) yield* input.skip(4);
        if (flags & TRUN.flags) {
          const own = yield* input.uint(4);
          if (index === 0 && (flags & TRUN.firstFlags) === 0) firstFlags = own;
        }
        if (flags & TRUN.composition) yield* input.skip(4);
        if (input.position > box.end) {
          throw new SegmentError(`The trun box at byte ${box.start} ends before its last sample.`);
        }
        if (index === 0 && track.isVideo) this.#decide(isSync(firstFlags));
      }
    } else {
      newest += (count - 1) * track.default_duration;
      fragment.time += count * track.default_duration;
      if (track.isVideo) this.#decide(isSync(firstFlags));
    }
    if (track.timescale > 0) {
      const time_ms = (newest * MS_PER_S) / track.timescale;
      this.cutter.markBlock(input.position - 1, time_ms, track.isVideo);
    }
  }

  /** Once per moof; later calls find nothing undecided. */
  #decide(startsGroup: boolean): void {
    if (this.#undecided === null) return;
    if (startsGroup) this.cutter.startGroup(this.#undecided);
    else this.cutter.release();
    this.#undecided = null;
  }

  #track(id: number): Track {
    return this.#tracks.get(id) ?? { isVideo: false, timescale: 0, default_duration: 0, default_flags: 0 };
  }

  *#fullBox(): Parse<{ version: number; flags: number }> {
    const version = yield* this.input.byte();
    return { version, flags: yield* this.input.uint(3) };
  }
}

function isSync(sampleFlags: number): boolean {
  return (sampleFlags & NON_SYNC_SAMPLE) === 0;
}
