// The face of playback: a Player turns one remote track's objects into a playing <video> element.
import type { Figures, MediaHeader, TrackInfo } from "../protocol.js";

export interface PlayerOptions {
  track: TrackInfo;
  /** The relay's clock, ms. */
  now_ms: () => number;
  /** Seconds behind the live edge to aim for before jitter is known. */
  target_s?: number;
  /** Called when the browser refused to play with sound: the element is muted and plays. */
  onMuted?: () => void;
  /** Called when something could not be played, with the reason, after the player gave up or recovered. */
  onProblem?: (problem: { code: string; message: string; fatal: boolean }) => void;
}

export interface Player {
  /** The element that plays. It goes on playing (sound too) when it is taken out of the page. */
  readonly video: HTMLVideoElement;
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
