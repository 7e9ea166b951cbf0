// The stamps of one object and what lies between them: how long each hop of its way took. Pure.
import type { Hop, MediaHeader } from "../protocol.js";

/** In the order of the way; the last is all of it. */
export const HOPS = [
  "record",
  "uplink",
  "downlink",
  "queue",
  "play",
  "total",
] as const satisfies readonly Hop[];
/** The first of them end at the relay and hold the publisher's clock, the others hold this page's. */
const PUBLISHERS_HOPS = 2;
const PARTS = HOPS.length - 1;

/** The publisher does not say how well it knows the relay's clock: half a round trip on a fair network. */
export const PUBLISHER_SLACK_MS = 25;
/** Beside this page's own clock error: timers are coarse, and events are handled a little late. */
export const SLACK_MS = 5;
/** Longer than this no hop of a call takes: such a stamp is in another clock. */
export const MAX_HOP_MS = 60_000;

/** When an object was where, in the relay's clock; NaN: unknown. */
export interface Stamps {
  readonly epoch: number;
  /** Media time in its epoch of the object's newest block. */
  readonly media_ms: number;
  /** Of that block. */
  readonly captured_ms: number;
  readonly sent_ms: number;
  readonly relayed_ms: number;
  readonly received_ms: number;
  /** How far this page's idea of the relay's clock may be off. */
  readonly error_ms: number;
}

/** What is known of an object that has just been received. */
export function stampsOf(
  header: MediaHeader & { relayed_ms?: number },
  received_ms: number,
  error_ms: number,
): Stamps {
  // Without the relay's clock nothing that happened elsewhere can be compared with what happens here.
  const comparable = Number.isFinite(error_ms);
  return {
    epoch: header.epoch,
    media_ms: known(header.media_ms),
    captured_ms: comparable ? known(header.captured_ms) : Number.NaN,
    sent_ms: comparable ? known(header.sent_ms) : Number.NaN,
    relayed_ms: comparable ? known(header.relayed_ms) : Number.NaN,
    received_ms,
    error_ms: comparable ? error_ms : Number.POSITIVE_INFINITY,
  };
}

/** For a picture (or sound) that was captured `age_ms` before its object's newest block: the ms of each of `HOPS`,
 * NaN where unknown. They add up to the total: a clock error makes no hop negative, the next is shorter instead.
 * Where a clock contradicts the others by more than its error, none of its hops are known. */
export function hopsOf(stamps: Stamps, age_ms: number, appended_ms: number, shown_ms: number): number[] {
  const times_ms = [
    stamps.captured_ms - age_ms,
    stamps.sent_ms,
    stamps.relayed_ms,
    stamps.received_ms,
    appended_ms,
    shown_ms,
  ];
  const hops_ms = new Array<number>(HOPS.length).fill(Number.NaN);
  let publisherRight = true;
  let pageRight = true;
  let before_ms = Number.NaN;
  let reached_ms = Number.NaN;
  let gap = true;
  for (const [index, time_ms] of times_ms.entries()) {
    const hop = index - 1;
    if (Number.isNaN(time_ms)) {
      gap = true;
      continue;
    }
    const took_ms = time_ms - before_ms;
    const slack_ms = hop < PUBLISHERS_HOPS ? PUBLISHER_SLACK_MS : stamps.error_ms + SLACK_MS;
    if (took_ms < -slack_ms || took_ms > MAX_HOP_MS) {
      if (hop < PUBLISHERS_HOPS) publisherRight = false;
      else pageRight = false;
      reached_ms = time_ms;
    } else {
      const from_ms = Number.isNaN(reached_ms) ? time_ms : reached_ms;
      reached_ms = Math.max(from_ms, time_ms);
      if (!gap) hops_ms[hop] = reached_ms - from_ms;
    }
    before_ms = time_ms;
    gap = false;
  }
  if (!publisherRight) hops_ms.fill(Number.NaN, 0, PUBLISHERS_HOPS);
  if (!pageRight) hops_ms.fill(Number.NaN, PUBLISHERS_HOPS);
  if (publisherRight && pageRight) hops_ms[PARTS] = reached_ms - (times_ms[0] ?? Number.NaN);
  return hops_ms;
}

/** What comes off the wire may be anything. */
function known(stamp_ms: unknown): number {
  return typeof stamp_ms === "number" && Number.isFinite(stamp_ms) ? stamp_ms : Number.NaN;
}
