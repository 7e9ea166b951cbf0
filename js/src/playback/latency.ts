// How far behind the live edge to play, and how to get there: pure functions of plain numbers (seconds).

/** Aimed for before anything is known of the jitter. */
export const DEFAULT_TARGET_S = 0.15;
export const MIN_TARGET_S = 0.06;
/** A receiver that needs more than this is not in a call any more; it seeks instead of waiting longer. */
export const MAX_TARGET_S = 4;
/** Kept above the lag of arrivals, for Chromium runs dry with something left in the buffer: the last two pictures of 30 a
 * second; 0.05 s of sound, or 0.12 s where the element hands it to the device itself, which takes it ahead. Sound has more in
 * hand than that: it may be a little later than its picture, and a gap in it disturbs more. */
export const MARGIN_S = 0.065;
export const MARGIN_OF_SOUND_S = 0.1;
export const MARGIN_OF_OWN_SOUND_S = 0.13;
/** What comes later than usual by this much is waited for at half speed, if there is no more left than this much above the
 * margin: what is left lasts twice as long, and nothing stands still. Slower than that it does not last longer: Chromium takes
 * a picture that is not followed for so long for the last one, and its time-stretching wants more sound in hand. */
export const THIN_BEYOND_USUAL_S = 0.02;
export const THIN_ABOVE_MARGIN_S = 0.05;
/** What each stall adds to the target at least, and how slowly that and any other surplus is given back. */
export const STALL_PENALTY_S = 0.03;
/** Kept above what was left in the buffer when it ran dry, as far as one stall can tell: a page that had no CPU for a
 * moment runs dry with its buffer full. */
export const ABOVE_DRY_S = 0.03;
export const MAX_LESSON_S = 0.1;
export const MAX_PENALTY_S = 0.4;
export const PENALTY_DECAY_PER_S = 0.003;
export const TARGET_FALL_PER_S = 0.1;
/** A large surplus is that of an outage that is over: this part of it a second. */
export const SURPLUS_FALL_PER_S = 1;
/** Lags are paid for up to this much beyond the pieces' own length: a call that lags more is none. */
export const MAX_JITTER_S = 0.8;
/** More than this too late: seek, unless a seek was just made. The more there is to gain, the sooner the next one may come:
 * after an outage media pour in, and the first seek reaches only what has come by then. */
export const SEEK_BEHIND_S = 0.6;
export const START_SEEK_BEHIND_S = 0.1;
/** After an outage, once the target can be reached: there was a hole already, and half a second made up for by playing
 * faster takes five. */
export const RECOVERY_SEEK_BEHIND_S = 0.05;
export const SEEK_PAUSE_S = 2;
/** After a stall nothing is speeded up for this long. */
export const CALM_AFTER_STALL_S = 1;
/** Never seek closer to the buffer's end than this. */
export const SEEK_RESERVE_S = 0.05;

const RATE_FAST = 1.1;
const RATE_CATCH_UP = 1.04;
const RATE_NORMAL = 1;
const RATE_SLOW = 0.96;
const RATE_STRETCHED = 0.5;
/** At half speed until there is so much more than a thin buffer. */
const NO_LONGER_THIN_S = 0.02;
/** Beyond this error the faster of the two rates is used. */
const FAR_S = 0.15;
const CLOSE_ENOUGH_S = 0.01;
/** An error within the dead band is left alone. It is wider for longer slices, but never so wide that picture and sound
 * of one peer, each at its own end of it, come apart so that it shows. */
const MIN_BAND_S = 0.025;
const MAX_BAND_S = 0.035;
const BAND_OF_TARGET = 0.1;

/** What the buffer itself asks for: to lie this far behind the live edge. A target that somebody has chosen takes
 * the place of jitter and margin; what stalls have taught is added all the same. */
export function neededLead(now: {
  jitter_s: number;
  timeslice_s: number;
  penalty_s: number;
  margin_s: number;
  chosen_s: number | null;
}): number {
  if (now.chosen_s !== null) return Math.min(MAX_TARGET_S, now.chosen_s + now.penalty_s);
  const lag_s = Math.max(now.timeslice_s, Math.min(now.jitter_s, now.timeslice_s + MAX_JITTER_S));
  return Math.min(MAX_TARGET_S, Math.max(MIN_TARGET_S, lag_s + now.margin_s) + now.penalty_s);
}

/** A buffer with less than this in it is thin: what comes next is late. Never more than there is in a usual second at this
 * target (`usualLag_s`): somebody may have chosen one of less than the margin. */
export function thinBuffer(now: { target_s: number; usualLag_s: number; margin_s: number }): number {
  const left_s = now.target_s - now.usualLag_s - THIN_BEYOND_USUAL_S;
  return Math.min(now.margin_s + THIN_ABOVE_MARGIN_S, left_s);
}

/** The target: up to what is needed at once, down to it slowly, the slower the closer, but never further behind than
 * `lead_s`, where playback is already (NaN: unknown). */
export function nextTarget(now: {
  target_s: number;
  needed_s: number;
  lead_s: number;
  elapsed_s: number;
}): number {
  const fall_per_s = Math.max(TARGET_FALL_PER_S, SURPLUS_FALL_PER_S * (now.target_s - now.needed_s));
  const fallen_s = now.target_s - fall_per_s * now.elapsed_s;
  return Math.max(now.needed_s, now.lead_s < fallen_s ? now.lead_s : fallen_s);
}

export function nextPenalty(penalty_s: number, elapsed_s: number): number {
  return Math.max(0, penalty_s - PENALTY_DECAY_PER_S * elapsed_s);
}

/** `left_s`: what was left in the buffer when it ran dry. More than the margin: this machine needs more, if it happens again
 * before the first is forgiven; once, for a tenth of a second, any machine has something else to do. */
export function penaltyAfterStall(now: { penalty_s: number; left_s: number; margin_s: number }): number {
  const most_s = now.penalty_s > 0 ? now.penalty_s + MAX_LESSON_S : 0;
  const learnt_s = Math.min(now.left_s + ABOVE_DRY_S - now.margin_s, most_s);
  return Math.min(MAX_PENALTY_S, Math.max(now.penalty_s + STALL_PENALTY_S, learnt_s));
}

export interface Situation {
  position_s: number;
  /** The live edge now; it may be beyond what is buffered. */
  edge_s: number;
  /** The newest continuous range of the buffer. */
  start_s: number;
  end_s: number;
  target_s: number;
  /** Less than this to play: see `thinBuffer`. */
  thin_s: number;
  rate: number;
  /** Nothing has played yet since the start or a rebuild. */
  starting: boolean;
  /** It ran dry in an outage, has not been at its target since, and can go there now. */
  recovering: boolean;
  sinceSeek_s: number;
  sinceStall_s: number;
}

export type Decision = { seek_s: number } | { rate: number };

/** Seek when far behind; otherwise nudge the rate, with a dead band so that it rests at 1. */
export function decide(now: Situation): Decision {
  const error_s = now.edge_s - now.target_s - now.position_s;
  const seek_s = Math.max(now.start_s, Math.min(now.edge_s - now.target_s, now.end_s - SEEK_RESERVE_S));
  const gain_s = seek_s - now.position_s;
  const pause_s = (SEEK_PAUSE_S * SEEK_BEHIND_S) / gain_s;
  if (gain_s > enoughAnyTime_s(now) || (gain_s > SEEK_BEHIND_S && now.sinceSeek_s > pause_s))
    return { seek_s };
  const enough_s = now.thin_s + (now.rate === RATE_STRETCHED ? NO_LONGER_THIN_S : 0);
  return { rate: now.end_s - now.position_s < enough_s ? RATE_STRETCHED : rateFor(error_s, now) };
}

/** What a seek must gain to be made however short a time ago the last one was. */
function enoughAnyTime_s(now: Situation): number {
  if (now.starting) return START_SEEK_BEHIND_S;
  return now.recovering ? RECOVERY_SEEK_BEHIND_S : Number.POSITIVE_INFINITY;
}

function rateFor(error_s: number, now: Situation): number {
  const band_s = Math.min(MAX_BAND_S, Math.max(MIN_BAND_S, BAND_OF_TARGET * now.target_s));
  if (error_s > band_s || (now.rate > RATE_NORMAL && error_s > CLOSE_ENOUGH_S)) {
    if (now.sinceStall_s < CALM_AFTER_STALL_S) return RATE_NORMAL;
    if (now.rate > RATE_CATCH_UP) return error_s > FAR_S / 2 ? RATE_FAST : RATE_CATCH_UP;
    return error_s > FAR_S ? RATE_FAST : RATE_CATCH_UP;
  }
  if (error_s < -band_s || (now.rate < RATE_NORMAL && error_s < -CLOSE_ENOUGH_S)) return RATE_SLOW;
  return RATE_NORMAL;
}
