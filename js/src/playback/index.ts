// The face of playback: a Player turns one remote track's objects into a playing <video> element.
import type { Figures, MediaHeader, TrackInfo } from "../protocol.js";

export interface PlayerOptions {
  track: TrackInfo;
  /** The relay's clock, and how far off it may be. */
  clock: { now_ms(): number; readonly error_ms: number };
  /** Seconds behind the live edge that a person has chosen to play; null or absent: as little as goes well. */
  chosen_s?: () => number | null;
  /** Seconds since capture that this may not fall below, for the sake of the picture or sound beside it; NaN for
   * none. */
  leastLatency_s?: () => number;
  /** Called when the browser refused to play with sound: the element is muted and plays. */
  onMuted?: () => void;
  /** Called when something could not be played, with the reason, after the player gave up or recovered. */
  onProblem?: (problem: { code: string; message: string; fatal: boolean }) => void;
}

export interface Player {
  /** The element that plays: a video, or for sound alone an audio. It goes on playing when it is taken out of the
   * page. */
  readonly element: HTMLMediaElement;
  /** Seconds since capture that this player would play at if it were alone; NaN while unknown. */
  readonly ownLatency_s: number;
  /** One object, in the order of the wire. Never throws on bad media: rebuilds at the next group. */
  push(header: MediaHeader, bytes: Uint8Array): void;
  /** The publisher changed the track's description (mute, another MIME type). */
  update(track: TrackInfo): void;
  /** Live figures; `queue_depth` is the peak since the last call with `reset: true`. */
  figures(options?: { reset: boolean }): Figures;
  /** After a click of the user: with sound again. */
  unmute(): Promise<void>;
  dispose(): void;
}

export { createPlayer } from "./player.js";
export { canPlay } from "./source.js";
export { leastLatencyBesidePicture, leastLatencyBesideSound } from "./sync.js";
