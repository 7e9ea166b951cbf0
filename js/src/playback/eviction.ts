// What of the buffer behind the playing position can go. Pure; seconds.

/** Kept behind the position. */
export const KEEP_BEHIND_S = 8;
/** Trimmed in steps of at least this: a remove costs as much as an append. */
export const TRIM_STEP_S = 4;
/** Kept behind when the browser has no room left. */
export const KEEP_BEHIND_WHEN_FULL_S = 0.5;
export const MAX_GROUP_STARTS = 256;

/** What to remove, always up to a group's start: cutting into a group would take its key and with it the
 * picture that is playing. Null when it is not worth it. */
export function evictionRange(now: {
  position_s: number;
  bufferedStart_s: number;
  /** Media times where groups start, rising. */
  groupStarts_s: readonly number[];
  keepBehind_s: number;
  step_s: number;
}): { start_s: number; end_s: number } | null {
  const limit_s = now.position_s - now.keepBehind_s;
  const end_s = now.groupStarts_s.findLast((start_s) => start_s <= limit_s);
  // Without a step, too: to remove what is gone already makes no room.
  if (end_s === undefined || end_s <= now.bufferedStart_s || end_s - now.bufferedStart_s < now.step_s) {
    return null;
  }
  return { start_s: 0, end_s };
}
