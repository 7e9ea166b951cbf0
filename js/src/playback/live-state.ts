// How a player stands, as named states: starting, playing, held by a seek of our own, stalled for lack of media, or in an
// outage, in which nothing arrives at all. The table says what each event makes of each state; pilot.ts does the actions. Pure.
import { ignoring, type Table } from "../machine.js";

/**
 * - `starting`: nothing has played yet since the start, or since the source was built anew.
 * - `starting-dry`: it waits for its first media.
 * - `starting-outage`: it waits for its first media, and nothing arrives.
 * - `playing`: it plays, near its target.
 * - `held`: it waits because of a seek of our own: no stall.
 * - `stalled`: it waits for media; counted as a stall.
 * - `outage`: stalled, and nothing arrives: no margin would have helped.
 * - `behind`: it plays again after an outage, and has not been at its target since.
 * - `behind-held`: the same, and it waits because of a seek of our own.
 */
export type LiveState =
  | "starting"
  | "starting-dry"
  | "starting-outage"
  | "playing"
  | "held"
  | "stalled"
  | "outage"
  | "behind"
  | "behind-held";

/**
 * - `waiting`: the element has run dry; `waiting-in-seek`: it waits, and a seek of ours is going on.
 * - `playing`: the element plays.
 * - `outage`: media arrive after so long that the standstill was an outage.
 * - `at-target`: playback is at its target, or goes there now, and the target can be reached.
 * - `new-source`: a new, empty source.
 */
export type LiveEvent = "waiting" | "waiting-in-seek" | "playing" | "outage" | "at-target" | "new-source";

/**
 * - `count-stall`: it is one more stall in the figures.
 * - `learn`: keep more of a margin because of it, if it lacked one.
 * - `unlearn`: an outage it was: take back what was learnt from it.
 * - `settle`: it plays: the standstill is over.
 */
export type LiveAction = "count-stall" | "learn" | "unlearn" | "settle";

export const LIVE_STATES: Table<LiveState, LiveEvent, LiveAction> = {
  starting: {
    waiting: ["starting-dry"],
    "waiting-in-seek": ["starting-dry"],
    playing: ["playing", "settle"],
    "new-source": ["starting"],
    ...ignoring("outage", "at-target"),
  },
  "starting-dry": {
    outage: ["starting-outage", "unlearn"],
    playing: ["playing", "settle"],
    "new-source": ["starting"],
    ...ignoring("waiting", "waiting-in-seek", "at-target"),
  },
  "starting-outage": {
    outage: ["starting-outage", "unlearn"],
    "at-target": ["starting-dry"],
    playing: ["behind", "settle"],
    "new-source": ["starting"],
    ...ignoring("waiting", "waiting-in-seek"),
  },
  playing: {
    waiting: ["stalled", "count-stall", "learn"],
    "waiting-in-seek": ["held"],
    playing: ["playing", "settle"],
    "new-source": ["starting"],
    ...ignoring("outage", "at-target"),
  },
  held: {
    waiting: ["stalled", "count-stall", "learn"],
    outage: ["outage", "count-stall", "unlearn"],
    playing: ["playing", "settle"],
    "new-source": ["starting"],
    ...ignoring("waiting-in-seek", "at-target"),
  },
  stalled: {
    waiting: ["stalled", "count-stall", "learn"],
    outage: ["outage", "unlearn"],
    playing: ["playing", "settle"],
    "new-source": ["starting"],
    ...ignoring("waiting-in-seek", "at-target"),
  },
  outage: {
    waiting: ["outage", "count-stall", "learn"],
    outage: ["outage", "unlearn"],
    "at-target": ["stalled"],
    playing: ["behind", "settle"],
    "new-source": ["starting"],
    ...ignoring("waiting-in-seek"),
  },
  behind: {
    waiting: ["outage", "count-stall", "learn"],
    "waiting-in-seek": ["behind-held"],
    "at-target": ["playing"],
    playing: ["behind", "settle"],
    "new-source": ["starting"],
    ...ignoring("outage"),
  },
  "behind-held": {
    waiting: ["outage", "count-stall", "learn"],
    outage: ["outage", "count-stall", "unlearn"],
    "at-target": ["held"],
    playing: ["behind", "settle"],
    "new-source": ["starting"],
    ...ignoring("waiting-in-seek"),
  },
};

/** Nothing has played since the source was built. */
export function isStarting(state: LiveState): boolean {
  return state === "starting" || state === "starting-dry" || state === "starting-outage";
}

/** The element waits for something. */
export function isWaiting(state: LiveState): boolean {
  return !(state === "starting" || state === "playing" || state === "behind");
}

/** It has run dry in an outage, and has not been at its target since. */
export function isBehindOutage(state: LiveState): boolean {
  return state === "starting-outage" || state === "outage" || state === "behind" || state === "behind-held";
}
