// How far behind the live edge to play, and how to get there: pure functions of plain numbers (seconds).

/** Aimed for before anything is known of the jitter. */
export const DEFAULT_TARGET_S = 0.15;
export const MIN_TARGET_S = 0.08;
/** A receiver that needs more than this is not in a call any more; it seeks instead of waiting longer. */
export const MAX_TARGET_S = 4;
/** Kept above the lag of arrivals. With sound Chromium runs dry when 0.07 to 0.17 s are still buffered, for the
 * audio output takes its samples that much ahead of the picture. */
export const MARGIN_WITH_SOUND_S = 0.13;
/** On few cores a cell that computes takes one of them, all at once: no lag of the past tells of it. */
export const FEW_CORES = 2;
export const MARGIN_WITH_SOUND_ON_FEW_CORES_S = 0.3;
export const MARGIN_S = 0.05;
/** What each stall adds to the target, and how slowly that and any other surplus is given back. */
export const STALL_PENALTY_S = 0.05;
export const MAX_PENALTY_S = 0.4;
export const PENALTY_DECAY_PER_S = 0.005;
export const TARGET_FALL_PER_S = 0.05;
/** Lags are paid for up to this much beyond the pieces' own length: a call that lags more is none. */
export const MAX_JITTER_S = 0.8;
/** More than this too late: seek, unless a seek was just made. */
export const SEEK_BEHIND_S = 1;
export const START_SEEK_BEHIND_S = 0.25;
export const SEEK_PAUSE_S = 2;
/** After a stall nothing is speeded up for this long. */
export const CALM_AFTER_STALL_S = 1.5;
/** Never seek closer to the buffer's end than this. */
export const SEEK_RESERVE_S = 0.05;

const RATE_FAST = 1.1;
const RATE_CATCH_UP = 1.05;
const RATE_NORMAL = 1;
const RATE_SLOW = 0.95;
/** Beyond this error the faster of the two rates is used. */
const FAR_S = 0.2;
const CLOSE_ENOUGH_S = 0.01;

/** The target: above what the jitter asks for at once, below it slowly. */
export function nextTarget(now: {
  target_s: number;
  jitter_s: number;
  timeslice_s: number;
  penalty_s: number;
  elapsed_s: number;
  sound: boolean;
  cores: number;
}): number {
  const withSound_s = now.cores > FEW_CORES ? MARGIN_WITH_SOUND_S : MARGIN_WITH_SOUND_ON_FEW_CORES_S;
  const margin_s = now.sound ? withSound_s : MARGIN_S;
  const lag_s = Math.max(now.timeslice_s, Math.min(now.jitter_s, now.timeslice_s + MAX_JITTER_S));
  const wanted_s = Math.min(MAX_TARGET_S, Math.max(MIN_TARGET_S, lag_s + margin_s) + now.penalty_s);
  return Math.max(wanted_s, now.target_s - TARGET_FALL_PER_S * now.elapsed_s);
}

export function nextPenalty(penalty_s: number, elapsed_s: number): number {
  return Math.max(0, penalty_s - PENALTY_DECAY_PER_S * elapsed_s);
}

export function penaltyAfterStall(penalty_s: number): number {
  return Math.min(MAX_PENALTY_S, penalty_s + STALL_PENALTY_S);
}

export interface Situation {
  position_s: number;
  /** The live edge now; it may be beyond what is buffered. */
  edge_s: number;
  /** The newest continuous range of the buffer. */
  start_s: number;
  end_s: number;
  target_s: number;
  rate: number;
  /** Nothing has played yet since the start or a rebuild. */
  starting: boolean;
  sinceSeek_s: number;
  sinceStall_s: number;
}

export type Decision = { seek_s: number } | { rate: number };

/** Seek when far behind; otherwise nudge the rate, with a dead band so that it rests at 1. */
export function decide(now: Situation): Decision {
  const error_s = now.edge_s - now.target_s - now.position_s;
  const seek_s = Math.max(now.start_s, Math.min(now.edge_s - now.target_s, now.end_s - SEEK_RESERVE_S));
  const gain_s = seek_s - now.position_s;
  const enough_s = now.starting ? START_SEEK_BEHIND_S : SEEK_BEHIND_S;
  if (gain_s > enough_s && (now.starting || now.sinceSeek_s > SEEK_PAUSE_S)) return { seek_s };
  return { rate: rateFor(error_s, now) };
}

function rateFor(error_s: number, now: Situation): number {
  const band_s = Math.max(0.03, 0.15 * now.target_s);
  if (error_s > band_s || (now.rate > RATE_NORMAL && error_s > CLOSE_ENOUGH_S)) {
    if (now.sinceStall_s < CALM_AFTER_STALL_S) return RATE_NORMAL;
    if (now.rate > RATE_CATCH_UP) return error_s > FAR_S / 2 ? RATE_FAST : RATE_CATCH_UP;
    return error_s > FAR_S ? RATE_FAST : RATE_CATCH_UP;
  }
  if (error_s < -band_s || (now.rate < RATE_NORMAL && error_s < -CLOSE_ENOUGH_S)) return RATE_SLOW;
  return RATE_NORMAL;
}
