// Where to go on when the position is before, between or stuck in buffered ranges. Pure; seconds.

/** A position this close to the end of its range has nothing left to play there; when the element waits, it has
 * run dry somewhat earlier (see MARGIN_S). */
const AT_END_S = 0.06;
const AT_END_WAITING_S = 0.3;
/** Chromium's own tolerance between ranges is smaller than this, so landing a little inside is safe. */
const LANDING_S = 0.001;
/** What must lie after a hole before it is jumped, as a part of the target: enough not to stall again. */
const ENOUGH_OF_TARGET = 0.8;
/** Waiting this long with enough media ahead: nudge. Chromium wants more buffered after each time it ran dry; a
 * seek, which takes it some 15 ms, makes it forget that. */
export const STUCK_S = 0.5;
const STUCK_AHEAD_S = 0.2;
const FIRST_NUDGE_S = 0.01;
const NUDGE_S = 0.1;
export const MAX_NUDGES = 3;

/** Ranges as flat pairs: start, end, start, end, … in order. */
export type Ranges = readonly number[];

/** The start of the next range if the position is in no range, or at the end of one, and what follows is worth
 * going to; null to stay. */
export function jumpOver(now: {
  position_s: number;
  ranges: Ranges;
  target_s: number;
  waiting: boolean;
}): number | null {
  const atEnd_s = now.waiting ? AT_END_WAITING_S : AT_END_S;
  if (rangeEnd(now.ranges, now.position_s) - now.position_s > atEnd_s) return null;
  for (let index = 0; index < now.ranges.length; index += 2) {
    const start_s = now.ranges[index] ?? 0;
    const end_s = now.ranges[index + 1] ?? 0;
    if (start_s <= now.position_s) continue;
    const isLast = index + 2 >= now.ranges.length;
    if (!isLast || end_s - start_s >= now.target_s * ENOUGH_OF_TARGET) return start_s + LANDING_S;
  }
  return null;
}

/** The end of the range that the position is in; the position itself if it is in none. */
export function rangeEnd(ranges: Ranges, position_s: number): number {
  for (let index = 0; index < ranges.length; index += 2) {
    const end_s = ranges[index + 1] ?? 0;
    if (position_s >= (ranges[index] ?? 0) && position_s <= end_s) return end_s;
  }
  return position_s;
}

/** A small step forward for an element that waits although media lies ahead; null when there is no need. */
export function nudge(now: {
  position_s: number;
  end_s: number;
  target_s: number;
  waiting_s: number;
  nudges: number;
}): number | null {
  if (!isStuck(now) || now.nudges >= MAX_NUDGES) return null;
  return now.position_s + (now.nudges === 0 ? FIRST_NUDGE_S : NUDGE_S);
}

/** It waits although there is enough to play. */
export function isStuck(now: {
  position_s: number;
  end_s: number;
  target_s: number;
  waiting_s: number;
}): boolean {
  return now.waiting_s >= STUCK_S && now.end_s - now.position_s >= Math.max(STUCK_AHEAD_S, now.target_s);
}
