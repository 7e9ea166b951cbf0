// How good a connection is for people: good, fair or poor, and in words what is the matter. Pure.
import type { Cause } from "./adaptation.js";
import type { Figures } from "./protocol.js";

export type Grade = "good" | "fair" | "poor";

export interface Quality {
  grade: Grade;
  /** One sentence, or two: what is wrong, and what that means. */
  words: string;
}

/** What happened in this time counts. */
export const WINDOW_MS = 10_000;
/** A grade gets better when it has been for so long. */
export const CALM_MS = 3000;
/** Stalls or groups (a second of pictures each) in the window: one is fair, so many are poor. */
export const POOR_EVENTS = 3;
/** Later than expected. */
export const FAIR_LATE_MS = 400;
export const POOR_LATE_MS = 1500;
/** What a call on a fair network and machine takes anyhow, beside what the slices and the chosen target add. */
const USUAL_LATENCY_MS = 250;
const SLICES = 1.5;
/** One late figure is none: they have to be late for this long. */
const LATE_FOR_MS = 2000;
/** Figures come four times a second, and now and then between. */
const SAMPLE_INTERVAL_MS = 200;
const GRADES: readonly Grade[] = ["good", "fair", "poor"];

/** What is known of a person's picture and sound at one moment. Counts are totals; only what is new counts. */
export interface Seen {
  name: string;
  figures: Figures | null;
  /** What the relay has left out because this page did not take it. */
  leftOut_groups: number;
  /** The sender's slices. */
  timeslice_ms: number;
  /** The latency that was asked for; 0 if none was. */
  target_ms: number;
  /** Its connection is lost; it may come back. */
  away: boolean;
  /** This computer is busy, which makes things late as a slow network does. */
  busy?: boolean;
}

/** The latency beyond which a picture is late. */
function expected_ms({ timeslice_ms, target_ms }: Seen): number {
  return Math.max(USUAL_LATENCY_MS, target_ms) + SLICES * timeslice_ms;
}

interface Sample {
  at_ms: number;
  stalls: number;
  lost: number;
  leftOut: number;
  late_ms: number;
}

/** The connection to one person. */
export class PeerQuality {
  #samples: Sample[] = [];
  #shown: Quality | null = null;
  #better_ms: number | null = null;

  look(seen: Seen, now_ms: number): Quality {
    const { figures } = seen;
    const last_ms = this.#samples.at(-1)?.at_ms ?? Number.NEGATIVE_INFINITY;
    if (figures !== null && now_ms - last_ms >= SAMPLE_INTERVAL_MS) this.#add(seen, figures, now_ms);
    const now = seen.away ? lost(seen.name) : this.#judge(seen, now_ms);
    if (this.#shown === null || worse(now, this.#shown) >= 0) {
      this.#better_ms = null;
      this.#shown = same(now, this.#shown) ? this.#shown : now;
    } else {
      this.#better_ms ??= now_ms;
      if (now_ms - this.#better_ms >= CALM_MS) {
        this.#better_ms = null;
        this.#shown = now;
      }
    }
    return this.#shown ?? now;
  }

  #add(seen: Seen, figures: Figures, now_ms: number): void {
    const total_ms = figures.total_p50_ms ?? -1;
    const latency_ms = total_ms >= 0 ? total_ms : figures.latency_ms;
    this.#samples.push({
      at_ms: now_ms,
      stalls: figures.stalls,
      lost: figures.dropped_groups,
      leftOut: seen.leftOut_groups,
      late_ms: latency_ms - expected_ms(seen),
    });
    while ((this.#samples[0]?.at_ms ?? now_ms) < now_ms - WINDOW_MS) this.#samples.shift();
  }

  #judge({ name, figures, busy = false }: Seen, now_ms: number): Quality {
    const leftOut = this.#rise(({ leftOut: total }) => total);
    const lostGroups = this.#rise(({ lost: total }) => total);
    const stalls = this.#rise(({ stalls: total }) => total);
    const lately = this.#samples.filter(({ at_ms }) => now_ms - at_ms <= LATE_FOR_MS);
    const late_ms = Math.min(...lately.map((sample) => sample.late_ms));
    if (leftOut > 0) {
      return {
        grade: grade(leftOut),
        words: `${busy ? "This computer is too busy" : "Your connection is too slow"} for ${name}'s picture: parts are left out, the sound goes on.`,
      };
    }
    if (lostGroups > 0) {
      return {
        grade: grade(lostGroups),
        words: `${name}'s connection is slow: pictures are left out, the sound goes on.`,
      };
    }
    if (lately.length > 0 && Number.isFinite(late_ms) && late_ms > FAIR_LATE_MS) {
      return {
        grade: late_ms > POOR_LATE_MS ? "poor" : "fair",
        words: `${lateReason(name, figures, busy)}: you see ${name} late.`,
      };
    }
    if (stalls > 0) {
      const times = stalls === 1 ? "once" : `${stalls} times`;
      return { grade: grade(stalls), words: `${name} stood still ${times} in the last 10 seconds.` };
    }
    return { grade: "good", words: `The connection to ${name} is good.` };
  }

  /** How much a total has grown in the window. It begins anew when its player or subscription does. */
  #rise(total: (sample: Sample) => number): number {
    let rise = 0;
    for (let index = 1; index < this.#samples.length; index++) {
      const [before, after] = [this.#samples[index - 1], this.#samples[index]];
      if (before !== undefined && after !== undefined) rise += Math.max(0, total(after) - total(before));
    }
    return rise;
  }
}

/** The way one's own picture and sound take. */
export interface Sending {
  /** Index into the levels; 0 is the best, `least` the last. */
  level: number;
  least: number;
  cause: Cause | null;
  /** Video does not get out at all for the moment. */
  skipping: boolean;
  /** This computer is busy. */
  busy?: boolean;
  reconnecting: boolean;
}

export function ownQuality({ level, least, cause, skipping, busy = false, reconnecting }: Sending): Quality {
  if (reconnecting) return { grade: "poor", words: "Your connection is lost. It comes back by itself." };
  if (skipping) {
    return {
      grade: "poor",
      words: `${CAUSES[busy ? "encoder" : "uplink"]}: pictures of you are left out, your sound goes on.`,
    };
  }
  if (level === 0 || cause === null) return { grade: "good", words: "Your connection is good." };
  return {
    grade: level === least ? "poor" : "fair",
    words: `${CAUSES[cause]}: your picture is sent smaller.`,
  };
}

const CAUSES: Record<Cause, string> = {
  uplink: "Your connection is slow",
  subscribers: "The others' connections are slow",
  encoder: "This computer is busy",
};

function lost(name: string): Quality {
  return { grade: "poor", words: `${name}'s connection is lost. It may come back by itself.` };
}

/** Which part of the way takes the time, where that is known. */
function lateReason(name: string, figures: Figures | null, busy: boolean): string {
  const up_ms = figures?.uplink_p50_ms ?? -1;
  const down_ms = figures?.downlink_p50_ms ?? -1;
  const most_ms = Math.max(up_ms, down_ms);
  if (up_ms > down_ms && most_ms >= FAIR_LATE_MS / 2) return `${name}'s connection is slow`;
  if (busy) return CAUSES.encoder;
  return most_ms < FAIR_LATE_MS / 2 ? "Something on the way is slow" : "Your connection is slow";
}

function grade(events: number): Grade {
  return events >= POOR_EVENTS ? "poor" : "fair";
}

/** Positive: `a` is the worse one. */
function worse(a: Quality, b: Quality): number {
  return GRADES.indexOf(a.grade) - GRADES.indexOf(b.grade);
}

function same(a: Quality, b: Quality | null): boolean {
  return a.grade === b?.grade && a.words === b.words;
}
