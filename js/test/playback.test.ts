import { describe, expect, test } from "vitest";
import {
  type Append,
  AppendQueue,
  MAX_MERGED_BYTES,
  MAX_QUEUED_OBJECTS,
  type MediaSink,
  type QueueEvents,
} from "../src/playback/append-queue.js";
import { Arrivals } from "../src/playback/arrivals.js";
import { evictionRange } from "../src/playback/eviction.js";
import { jumpOver, MAX_NUDGES, nudge, rangeEnd } from "../src/playback/gap.js";
import { stampsOf } from "../src/playback/hops.js";
import { Intake } from "../src/playback/intake.js";
import * as latency from "../src/playback/latency.js";
import { leastLatencyBesidePicture, leastLatencyBesideSound } from "../src/playback/sync.js";
import type { MediaHeader, ObjectType } from "../src/protocol.js";

function header(type: ObjectType, group: number, object: number, epoch = 1): MediaHeader {
  return { track: "main", epoch, group, object, type, captured_ms: 0 };
}

describe("intake", () => {
  const started = (): Intake => {
    const intake = new Intake();
    intake.accept(header("init", 0, 0));
    intake.accept(header("key", 0, 0));
    return intake;
  };

  test("nothing is taken before an init and a key", () => {
    const intake = new Intake();
    expect(intake.accept(header("key", 3, 0))).toBe("ignore");
    expect(intake.accept(header("init", 0, 0))).toBe("new-epoch");
    expect(intake.accept(header("delta", 3, 5))).toBe("ignore");
    expect(intake.accept(header("key", 4, 0))).toBe("append");
    expect(intake.accept(header("delta", 4, 1))).toBe("append");
    expect(intake.takeLostGroups()).toBe(0);
  });

  test("a lost object costs the rest of its group, and the next key resets the parser", () => {
    const intake = started();
    expect(intake.accept(header("delta", 0, 2))).toBe("ignore");
    expect(intake.accept(header("delta", 0, 3))).toBe("ignore");
    expect(intake.accept(header("key", 1, 0))).toBe("resume");
    expect(intake.takeLostGroups()).toBe(1);
    expect(intake.takeLostGroups()).toBe(0);
  });

  test("missing groups are counted", () => {
    const intake = started();
    expect(intake.accept(header("key", 4, 0))).toBe("resume");
    expect(intake.takeLostGroups()).toBe(3);
  });

  test("a key much later than what came before: the tail of the old group is missing", () => {
    const late = { ...header("key", 1, 0), captured_ms: 500 };
    const intake = started();
    expect(intake.accept(late, 40)).toBe("resume");
    expect(started().accept(late, 1500)).toBe("append");
    expect(started().accept({ ...late, captured_ms: 60 }, 40)).toBe("append");
  });

  test("of a publisher without stamps it is known by when it is received", () => {
    const key = { ...header("key", 1, 0), captured_ms: Number.NaN };
    const intake = new Intake();
    intake.accept(header("init", 0, 0), 40, 1000);
    intake.accept({ ...key, group: 0 }, 40, 1000);
    expect(intake.accept(key, 40, 1040)).toBe("append");
    expect(intake.accept({ ...key, group: 2 }, 40, 1500)).toBe("resume");
  });

  test("what the relay sends again after a reconnection is not appended twice", () => {
    const intake = started();
    intake.accept(header("delta", 0, 1));
    expect(intake.accept(header("init", 0, 0))).toBe("ignore");
    expect(intake.accept(header("key", 0, 0))).toBe("ignore");
    expect(intake.accept(header("delta", 0, 1))).toBe("ignore");
    expect(intake.accept(header("delta", 0, 2))).toBe("append");
  });

  test("the tail of an old epoch is left out", () => {
    const intake = started();
    expect(intake.accept(header("init", 0, 0, 2))).toBe("new-epoch");
    expect(intake.accept(header("delta", 0, 1, 1))).toBe("ignore");
    expect(intake.accept(header("key", 0, 0, 2))).toBe("append");
  });

  test("after a break the current group is skipped", () => {
    const intake = started();
    intake.waitForKey();
    expect(intake.accept(header("delta", 0, 1))).toBe("ignore");
    expect(intake.accept(header("key", 1, 0))).toBe("resume");
  });
});

/** A SourceBuffer as far as the queue can tell: one operation at a time, each ended by `finish`. */
class Sink implements MediaSink {
  updating = false;
  timestampOffset = 0;
  readonly log: string[] = [];
  full = false;

  appendBuffer(data: Uint8Array<ArrayBuffer>): void {
    if (this.full) throw new DOMException("no room", "QuotaExceededError");
    this.#begin(`append ${data.length}`);
  }
  remove(start_s: number, end_s: number): void {
    this.#begin(`remove ${start_s}-${end_s}`);
  }
  abort(): void {
    this.log.push("abort");
  }
  changeType(mimeType: string): void {
    this.log.push(`type ${mimeType}`);
  }
  #begin(what: string): void {
    if (this.updating) throw new DOMException("updating", "InvalidStateError");
    this.updating = true;
    this.log.push(what);
  }
}

function setUp() {
  const sink = new Sink();
  const seen = { dropped: 0, cut: 0, full: 0, failed: [] as string[], stamps: [] as number[][] };
  const events: QueueEvents = {
    epochOffset_s: () => 12,
    onAppend: (append) => seen.stamps.push(append.stamps.map((stamps) => stamps.captured_ms)),
    onDropped: (groups, cut) => {
      seen.dropped += groups;
      if (cut) seen.cut += 1;
    },
    onFull: () => {
      seen.full += 1;
    },
    onFailed: (reason) => seen.failed.push(reason),
  };
  const queue = new AppendQueue(events);
  const finish = (): void => {
    sink.updating = false;
    queue.run();
  };
  return { queue, sink, seen, finish };
}

function append(group: number, key: boolean, size_bytes = 10, captured_ms = 0): Append {
  const label: MediaHeader = { ...header(key ? "key" : "delta", group, 0), captured_ms };
  return { kind: "append", group, key, stamps: [stampsOf(label, 0, 0)], bytes: new Uint8Array(size_bytes) };
}

describe("append queue", () => {
  test("waits for a sink and for the end of each operation, in order", () => {
    const { queue, sink, finish } = setUp();
    queue.push({ kind: "new-epoch", epoch: 1, mimeType: "a", bytes: new Uint8Array(3) });
    queue.push(append(0, true));
    expect(sink.log).toEqual([]);
    expect(queue.depth).toBe(1);
    queue.attach(sink, "a");
    expect(sink.log).toEqual(["abort", "append 3"]);
    expect(sink.timestampOffset).toBe(12);
    finish();
    expect(sink.log.at(-1)).toBe("append 10");
    expect(queue.depth).toBe(0);
  });

  test("another MIME type changes the sink's type before its init", () => {
    const { queue, sink } = setUp();
    queue.attach(sink, "a");
    queue.push({ kind: "new-epoch", epoch: 2, mimeType: "b", bytes: new Uint8Array(3) });
    expect(sink.log).toEqual(["abort", "type b", "append 3"]);
  });

  test("small objects that wait are appended together, but never across a group's start", () => {
    const { queue, sink, seen, finish } = setUp();
    queue.attach(sink, "a");
    queue.push(append(0, true));
    for (const captured_ms of [1, 2, 3]) queue.push(append(0, false, 10, captured_ms));
    queue.push(append(1, true, 7, 4));
    expect(queue.depth).toBe(4);
    finish();
    finish();
    expect(sink.log).toEqual(["append 10", "append 30", "append 7"]);
    expect(seen.stamps).toEqual([[0], [1, 2, 3], [4]]);
  });

  test("merging is bounded", () => {
    const { queue, sink, finish } = setUp();
    queue.attach(sink, "a");
    queue.push(append(0, true));
    for (let index = 0; index < 3; index++) queue.push(append(0, false, MAX_MERGED_BYTES / 2));
    finish();
    finish();
    expect(sink.log).toEqual(["append 10", `append ${MAX_MERGED_BYTES}`, `append ${MAX_MERGED_BYTES / 2}`]);
  });

  test("its peak is what had to wait since the last reset", () => {
    const { queue, sink, finish } = setUp();
    queue.attach(sink, "a");
    queue.push(append(0, true));
    expect(queue.peak(false)).toBe(0);
    queue.push(append(0, false));
    queue.push(append(0, false));
    finish();
    expect(queue.peak(true)).toBe(2);
    expect(queue.peak(false)).toBe(0);
  });

  test("over the limit whole groups go from the front, up to a later group's start", () => {
    const { queue, sink, seen, finish } = setUp();
    queue.attach(sink, "a");
    queue.push(append(0, true)); // in the sink: the head of group 0
    const half = MAX_QUEUED_OBJECTS / 2;
    for (let index = 0; index < half; index++) queue.push(append(0, false));
    for (let index = 0; index <= half; index++) queue.push(append(1, index === 0));
    expect(seen.dropped).toBe(1);
    expect(seen.cut).toBe(0);
    expect(queue.depth).toBe(half + 1);
    expect(queue.toString().startsWith("reset-parser | append g1 key")).toBe(true);
    finish();
    expect(sink.log.slice(1, 2)).toEqual(["abort"]);
  });

  test("a single group over the limit goes whole, and nothing can follow on it", () => {
    const { queue, seen } = setUp();
    for (let index = 0; index <= MAX_QUEUED_OBJECTS; index++) queue.push(append(0, index === 0));
    expect(seen).toMatchObject({ dropped: 1, cut: 1 });
    expect(queue.toString()).toBe("reset-parser");
  });

  test("an epoch's start is never dropped", () => {
    const { queue } = setUp();
    for (let index = 0; index < MAX_QUEUED_OBJECTS; index++) queue.push(append(0, index === 0));
    queue.push({ kind: "new-epoch", epoch: 2, mimeType: "a", bytes: new Uint8Array(3) });
    queue.push(append(0, true));
    expect(queue.toString()).toBe("reset-parser | new-epoch 2 3 B | append g0 key 10 B");
  });

  test("a full sink keeps the object until there is room", () => {
    const { queue, sink, seen, finish } = setUp();
    sink.full = true;
    queue.attach(sink, "a");
    queue.push(append(0, true));
    queue.push(append(0, false));
    expect(seen.full).toBe(1);
    expect(queue.depth).toBe(2);
    sink.full = false;
    queue.makeRoom(0, 4);
    finish();
    expect(sink.log).toEqual(["remove 0-4", "append 20"]);
  });

  test("an operation the sink refuses is reported by its label", () => {
    const { queue, sink, seen } = setUp();
    sink.appendBuffer = () => {
      throw new DOMException("removed from its source", "InvalidStateError");
    };
    queue.attach(sink, "a");
    queue.push(append(5, true));
    expect(seen.failed).toEqual(["append g5 key 10 B: removed from its source"]);
  });
});

describe("arrivals", () => {
  /** Media of `piece_s` come every `piece_s`, `late_s` late. */
  function feed(
    arrivals: Arrivals,
    piece_s: number,
    seconds: number,
    late_s: (index: number) => number,
  ): number {
    let end_s = Number.NaN;
    let now_s = 0;
    for (let index = 1; index * piece_s < seconds; index++) {
      now_s = 100 + index * piece_s + late_s(index);
      arrivals.observe(now_s, end_s, index * piece_s, index > 1);
      end_s = index * piece_s;
    }
    return now_s;
  }

  test("knows no edge before media came", () => {
    expect(new Arrivals().edge_s(1)).toBeNaN();
  });

  test.each([0.02, 0.1, 1.5])("even arrivals of %d s pieces lag by one piece", (piece_s) => {
    const arrivals = new Arrivals();
    const now_s = feed(arrivals, piece_s, 20, () => 0);
    expect(arrivals.lag().likely_s).toBeCloseTo(piece_s, 5);
    expect(arrivals.edge_s(now_s)).toBeCloseTo(now_s - 100, 5);
  });

  test("the worst lateness of the last twenty seconds counts", () => {
    const regular = new Arrivals();
    feed(regular, 0.05, 20, (index) => (index % 10 === 0 ? 0.04 : 0));
    expect(regular.lag().likely_s).toBeCloseTo(0.09, 5);
    const once = new Arrivals();
    feed(once, 0.05, 40, (index) => (index === 500 ? 0.04 : 0));
    expect(once.lag().usual_s).toBeCloseTo(0.05, 5);
    expect(once.lag().likely_s).toBeCloseTo(0.09 + 0.04 / 2, 5); // unusual: more of it may come
    expect([once.isOut(141, 40.6), once.isOut(141, 40.9)]).toEqual([true, false]);
    const stood = new Arrivals();
    feed(stood, 0.05, 40, (index) => (index === 500 ? 0.9 : 0));
    expect(stood.lag().likely_s).toBeLessThan(0.1); // the link stood still once: that is no jitter
    const stands = new Arrivals();
    feed(stands, 0.05, 40, (index) => (index % 60 === 0 ? 0.9 : 0));
    expect(stands.lag().likely_s).toBeGreaterThan(0.9); // it does so every three seconds
    const gathered_s = (index: number): number => 0.05 * (11 - (index % 12)); // all that comes in 0.6 s at its end
    const busy = new Arrivals();
    feed(busy, 0.05, 31, (index) => (index > 480 && index <= 588 ? gathered_s(index) : 0));
    expect(busy.lag().likely_s).toBeLessThan(0.1); // for five seconds, until a second ago
    const stillBusy = new Arrivals();
    feed(stillBusy, 0.05, 29, (index) => (index > 480 ? gathered_s(index) : 0));
    expect(stillBusy.lag().likely_s).toBeGreaterThan(0.55);
    const longAgo = new Arrivals();
    feed(longAgo, 0.05, 40, (index) => (index === 100 ? 0.04 : 0));
    expect(longAgo.lag().likely_s).toBeCloseTo(0.05, 5);
  });

  test("a break in the media is no lateness", () => {
    const arrivals = new Arrivals();
    feed(arrivals, 0.05, 5, () => 0);
    arrivals.observe(107, 5, 7, false);
    expect(arrivals.lag().likely_s).toBeCloseTo(0.05, 5);
  });

  test("the edge survives a pause longer than the window", () => {
    const arrivals = new Arrivals();
    arrivals.observe(100, Number.NaN, 5, false);
    arrivals.observe(160, 5, 6, true);
    expect(arrivals.edge_s(160)).toBeCloseTo(65, 5);
  });

  test("reset forgets", () => {
    const arrivals = new Arrivals();
    feed(arrivals, 1.5, 20, () => 0);
    arrivals.reset();
    expect(arrivals.lag().likely_s).toBe(0);
    expect(arrivals.edge_s(1)).toBeNaN();
  });
});

describe("latency", () => {
  const calm: latency.Situation = {
    position_s: 9.8,
    edge_s: 10,
    start_s: 0,
    end_s: 10,
    target_s: 0.2,
    thin_s: 0.08,
    rate: 1,
    starting: false,
    recovering: false,
    sinceSeek_s: 60,
    sinceStall_s: 60,
  };

  test("rests at the target, and near it", () => {
    expect(latency.decide(calm)).toEqual({ rate: 1 });
    expect(latency.decide({ ...calm, position_s: 9.78 })).toEqual({ rate: 1 });
    expect(latency.decide({ ...calm, position_s: 9.82 })).toEqual({ rate: 1 });
  });

  test("catches up when late, faster when later, and goes on until it is there", () => {
    expect(latency.decide({ ...calm, position_s: 9.7 })).toEqual({ rate: 1.04 });
    expect(latency.decide({ ...calm, position_s: 9.4 })).toEqual({ rate: 1.1 });
    expect(latency.decide({ ...calm, position_s: 9.78, rate: 1.04 })).toEqual({ rate: 1.04 });
    expect(latency.decide({ ...calm, position_s: 9.795, rate: 1.04 })).toEqual({ rate: 1 });
  });

  test("slows down when too close", () => {
    expect(latency.decide({ ...calm, position_s: 9.9 })).toEqual({ rate: 0.96 });
    expect(latency.decide({ ...calm, position_s: 9.82, rate: 0.96 })).toEqual({ rate: 0.96 });
  });

  test("waits for what is late at half speed, until there is more than enough again", () => {
    const late = { ...calm, edge_s: 10, position_s: 9.8, end_s: 9.87 };
    expect(latency.decide(late)).toEqual({ rate: 0.5 });
    expect(latency.decide({ ...late, end_s: 9.89 })).toEqual({ rate: 1 });
    expect(latency.decide({ ...late, end_s: 9.89, rate: 0.5 })).toEqual({ rate: 0.5 });
    expect(latency.decide({ ...late, end_s: 9.91, rate: 0.5 })).toEqual({ rate: 1 });
    expect(latency.decide({ ...late, position_s: 9.4, end_s: 9.87 })).toEqual({ rate: 1.1 }); // late, but not thin
  });

  test("a buffer is thin when something is later than usual, and not at a target that leaves it no more", () => {
    const margin_s = latency.MARGIN_S;
    const thin_s = (target_s: number, usualLag_s: number): number =>
      latency.thinBuffer({ target_s, usualLag_s, margin_s });
    expect(thin_s(0.5, 0.1)).toBeCloseTo(margin_s + latency.THIN_ABOVE_MARGIN_S);
    expect(thin_s(0.1 + margin_s, 0.1)).toBeCloseTo(margin_s - latency.THIN_BEYOND_USUAL_S);
    expect(thin_s(0.08, 0.1)).toBeLessThan(0);
  });

  test("does not catch up right after a stall", () => {
    expect(latency.decide({ ...calm, position_s: 9.4, sinceStall_s: 0.2 })).toEqual({ rate: 1 });
  });

  test("seeks when far behind, into what is buffered, and the sooner again the further behind", () => {
    expect(latency.decide({ ...calm, position_s: 5 })).toEqual({ seek_s: 9.8 });
    expect(latency.decide({ ...calm, position_s: 5, end_s: 9 })).toEqual({
      seek_s: 9 - latency.SEEK_RESERVE_S,
    });
    expect(latency.decide({ ...calm, position_s: 5, start_s: 9.9 })).toEqual({ seek_s: 9.9 });
    expect(latency.decide({ ...calm, position_s: 9, sinceSeek_s: 0.5 })).toEqual({ rate: 1.1 });
    expect(latency.decide({ ...calm, position_s: 5, sinceSeek_s: 0.1 })).toEqual({ rate: 1.1 });
    expect(latency.decide({ ...calm, position_s: 5, sinceSeek_s: 0.5 })).toEqual({ seek_s: 9.8 });
  });

  test("after an outage it goes all the way at once, however short the rest", () => {
    const after = { ...calm, recovering: true, sinceSeek_s: 0.1, sinceStall_s: 0.2 };
    expect(latency.decide({ ...after, position_s: 9.4 })).toEqual({ seek_s: 9.8 });
    expect(latency.decide({ ...after, position_s: 9.7 })).toEqual({ seek_s: 9.8 });
    expect(latency.decide({ ...after, position_s: 9.78 })).toEqual({ rate: 1 });
  });

  test("a late joiner goes to the edge sooner", () => {
    const joining = { ...calm, position_s: 9.4, starting: true };
    expect(latency.decide(joining)).toEqual({ seek_s: 9.8 });
  });

  const even = { jitter_s: 0.1, timeslice_s: 0.02, penalty_s: 0, margin_s: latency.MARGIN_S, chosen_s: null };

  test("needs the lag of arrivals and a margin, within bounds", () => {
    const needed = (jitter_s: number, timeslice_s = jitter_s): number =>
      latency.neededLead({ ...even, jitter_s, timeslice_s });
    expect(needed(0.5)).toBeCloseTo(0.5 + latency.MARGIN_S);
    expect(needed(0)).toBeCloseTo(Math.max(latency.MIN_TARGET_S, latency.MARGIN_S));
    expect(needed(1.5)).toBeGreaterThan(1.5);
    expect(needed(60)).toBe(latency.MAX_TARGET_S);
    expect(latency.neededLead({ ...even, penalty_s: 0.2 })).toBeCloseTo(0.1 + latency.MARGIN_S + 0.2);
  });

  test("some elements need more in hand, and lags count up to a bound beyond the pieces", () => {
    const margin_s = latency.MARGIN_OF_OWN_SOUND_S;
    expect(latency.neededLead({ ...even, margin_s })).toBeCloseTo(0.1 + margin_s);
    expect(latency.neededLead({ ...even, jitter_s: 3 })).toBeCloseTo(
      0.02 + latency.MAX_JITTER_S + latency.MARGIN_S,
    );
  });

  test("a chosen target takes the place of jitter and margin; stalls still add to it", () => {
    expect(latency.neededLead({ ...even, chosen_s: 0.08 })).toBe(0.08);
    expect(latency.neededLead({ ...even, chosen_s: 0.08, penalty_s: 0.1 })).toBeCloseTo(0.18);
    expect(latency.neededLead({ ...even, chosen_s: 100 })).toBe(latency.MAX_TARGET_S);
  });

  test("the target rises at once and falls slowly, a large surplus faster", () => {
    const lead_s = Number.NaN;
    expect(latency.nextTarget({ target_s: 0.1, needed_s: 0.5, lead_s, elapsed_s: 1 })).toBe(0.5);
    expect(latency.nextTarget({ target_s: 0.15, needed_s: 0.1, lead_s, elapsed_s: 0.1 })).toBeCloseTo(
      0.15 - latency.TARGET_FALL_PER_S * 0.1,
    );
    expect(latency.nextTarget({ target_s: 1.1, needed_s: 0.1, lead_s, elapsed_s: 0.1 })).toBeCloseTo(1);
  });

  test.each([
    ["closer to live than the target", 0.3, 0.3],
    ["closer than is safe", 0.05, 0.1],
    ["further behind", 3, 0.5],
  ])("who plays %s is not slowed down to it", (_, lead_s, expected_s) => {
    const now = { target_s: 0.5, needed_s: 0.1, lead_s, elapsed_s: 0 };
    expect(latency.nextTarget(now)).toBe(expected_s);
  });

  test("stalls add to the target up to a bound and are forgiven with time", () => {
    let penalty_s = 0;
    for (let stall = 0; stall < 50; stall++) {
      const more_s = latency.penaltyAfterStall({ penalty_s, left_s: 0, margin_s: latency.MARGIN_S });
      expect(more_s).toBeGreaterThanOrEqual(penalty_s);
      penalty_s = more_s;
    }
    expect(penalty_s).toBe(latency.MAX_PENALTY_S);
    expect(latency.nextPenalty(penalty_s, 1)).toBeLessThan(penalty_s);
    expect(latency.nextPenalty(penalty_s, 1e6)).toBe(0);
  });

  test("a few stalls with media in hand teach how much this machine needs, one alone not all of it", () => {
    let penalty_s = 0;
    for (let stall = 0; stall < 3; stall++) {
      const before_s = penalty_s;
      penalty_s = latency.penaltyAfterStall({ penalty_s, left_s: 0.25, margin_s: latency.MARGIN_S });
      expect(penalty_s - before_s).toBeLessThanOrEqual(latency.MAX_LESSON_S + 1e-9);
    }
    expect(latency.MARGIN_S + penalty_s).toBeGreaterThan(0.25);
  });
});

describe("lip-sync", () => {
  test("sound may be a little late, and hardly early", () => {
    const picture_s = 0.1;
    const sound_s = 0.3;
    const slowed_s = Math.max(picture_s, leastLatencyBesideSound(sound_s));
    expect(sound_s - slowed_s).toBeLessThan(0.08);
    expect(leastLatencyBesidePicture(0.4)).toBeGreaterThan(sound_s);
  });
});

describe("gap", () => {
  const ranges = [0, 5, 7, 8];

  test("stays where there is media", () => {
    expect(jumpOver({ position_s: 3, ranges, target_s: 0.2, waiting: false })).toBeNull();
    expect(jumpOver({ position_s: 7.5, ranges, target_s: 0.2, waiting: false })).toBeNull();
    expect(jumpOver({ position_s: 8, ranges, target_s: 0.2, waiting: false })).toBeNull();
    expect(jumpOver({ position_s: 3, ranges: [], target_s: 0.2, waiting: false })).toBeNull();
    expect(jumpOver({ position_s: 4.8, ranges, target_s: 0.2, waiting: false })).toBeNull();
  });

  test("jumps to the next range from the end of one, from a hole and from before the first", () => {
    expect(jumpOver({ position_s: 4.97, ranges, target_s: 0.2, waiting: false })).toBeCloseTo(7, 2);
    expect(jumpOver({ position_s: 6, ranges, target_s: 0.2, waiting: false })).toBeCloseTo(7, 2);
    expect(jumpOver({ position_s: 0, ranges: [400, 401], target_s: 0, waiting: false })).toBeCloseTo(400, 2);
  });

  test("jumps earlier when the element has run dry", () => {
    expect(jumpOver({ position_s: 4.8, ranges, target_s: 0.2, waiting: true })).toBeCloseTo(7, 2);
  });

  test("knows where the range of a position ends", () => {
    expect(rangeEnd(ranges, 4.8)).toBe(5);
    expect(rangeEnd(ranges, 6)).toBe(6);
  });

  test("waits until what follows is worth the jump", () => {
    expect(jumpOver({ position_s: 5, ranges: [0, 5, 7, 7.1], target_s: 0.2, waiting: false })).toBeNull();
    expect(jumpOver({ position_s: 5, ranges: [0, 5, 7, 7.2], target_s: 0.2, waiting: false })).toBeCloseTo(
      7,
      2,
    );
  });

  test("nudges what waits with media ahead, a few times", () => {
    const stuck = { position_s: 3, end_s: 4, target_s: 0.3, waiting_s: 1, nudges: 0 };
    expect(nudge(stuck)).toBeCloseTo(3.01);
    expect(nudge({ ...stuck, nudges: 1 })).toBeCloseTo(3.1);
    expect(nudge({ ...stuck, target_s: 2 })).toBeNull();
    expect(nudge({ ...stuck, waiting_s: 0.1 })).toBeNull();
    expect(nudge({ ...stuck, end_s: 3.1 })).toBeNull();
    expect(nudge({ ...stuck, nudges: MAX_NUDGES })).toBeNull();
  });
});

describe("eviction", () => {
  const groupStarts_s = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20];
  const base = { position_s: 13.5, bufferedStart_s: 0, groupStarts_s, keepBehind_s: 8, step_s: 4 };

  test("removes up to a group's start, well behind the position", () => {
    expect(evictionRange(base)).toEqual({ start_s: 0, end_s: 5 });
  });

  test("waits until it is worth it", () => {
    expect(evictionRange({ ...base, bufferedStart_s: 2 })).toBeNull();
    expect(evictionRange({ ...base, position_s: 6 })).toBeNull();
  });

  test("never cuts the group that plays, however long it is", () => {
    const range = evictionRange({ ...base, groupStarts_s: [0, 10, 20], position_s: 19.5, keepBehind_s: 0 });
    expect(range).toEqual({ start_s: 0, end_s: 10 });
    expect(evictionRange({ ...base, groupStarts_s: [0], position_s: 100 })).toBeNull();
  });

  test("takes nothing away that has gone", () => {
    const full = { ...base, groupStarts_s: [0, 5, 10], position_s: 12, keepBehind_s: 0, step_s: 0 };
    expect(evictionRange({ ...full, bufferedStart_s: 5 })).toEqual({ start_s: 0, end_s: 10 });
    expect(evictionRange({ ...full, bufferedStart_s: 10 })).toBeNull();
  });
});
