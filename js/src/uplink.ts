// How long what this page sends has to wait on its way to the relay, and what is left out when that is too long.
// What waits in the WebSocket does not say it: the system below takes hundreds of kB before the first byte waits in
// the page. So the relay is asked for its time in between the media, on the same way and in their order; when it got
// the question it had got all before it. Video gives way long before sound, as in the relay (core/load.py). Pure.

/** What may wait in the page itself before objects are left out: of video, and of tracks that are sound only. */
export const MAX_UPLINK_BYTES = 500_000;
export const MAX_AUDIO_UPLINK_BYTES = 2 * MAX_UPLINK_BYTES;
/** And how long it may be made to wait. */
export const MAX_VIDEO_WAIT_MS = 500;
export const MAX_AUDIO_WAIT_MS = 5_000;
/** What was left out goes on when no more than this share of its bounds waits: what is sent then is fresh. */
export const RESUME_SHARE = 0.25;
/** After a pause of the network everything has waited long, and a moment later nothing waits any more. So the least
 * wait of all that arrived in this time counts: only a queue that stands is too long (the idea of CoDel, RFC 8289). */
export const WINDOW_MS = 250;
export const ASK_INTERVAL_MS = 250;
/** Questions under way: who does not answer for this many intervals is asked no more until he does. */
export const MAX_ASKED = 20;

export interface UplinkState {
  /** In this page, not yet taken by the network. */
  waiting_bytes: number;
  /** How long what is sent now waits until it is at the relay. */
  wait_ms: number;
  /** Groups of video that were left out, since the page joined. */
  dropped_groups: number;
  /** Video is being left out now. */
  skipping: boolean;
}

export class Uplink {
  #asked = 0;
  #asked_ms = Number.NEGATIVE_INFINITY;
  #wait_ms = 0;
  /** The window: when the first answer of it came, and the least wait in it. */
  #since_ms = Number.POSITIVE_INFINITY;
  #least_ms = Number.POSITIVE_INFINITY;
  /** Tracks of which the rest of a group is left out; true: sound only. */
  #skipping = new Map<string, boolean>();
  #droppedGroups = 0;

  /** A new connection: nothing waits, and every track begins anew. */
  reset(): void {
    this.#asked = 0;
    this.#asked_ms = Number.NEGATIVE_INFINITY;
    this.#wait_ms = 0;
    this.#since_ms = this.#least_ms = Number.POSITIVE_INFINITY;
    this.#skipping.clear();
    this.#droppedGroups = 0;
  }

  /** Whether to ask the relay now; counts as having asked. */
  ask(now_ms: number): boolean {
    if (now_ms - this.#asked_ms < ASK_INTERVAL_MS || this.#asked >= MAX_ASKED) return false;
    this.#asked += 1;
    this.#asked_ms = now_ms;
    return true;
  }

  /** A question came to the relay so long after it was asked, as is heard now. */
  answered(waited_ms: number, now_ms: number): void {
    this.#asked = Math.max(0, this.#asked - 1);
    const wait_ms = Math.max(0, waited_ms);
    this.#closeWindow(now_ms);
    this.#wait_ms = Math.min(this.#wait_ms, wait_ms);
    this.#least_ms = Math.min(this.#least_ms, wait_ms);
    this.#since_ms = Math.min(this.#since_ms, now_ms);
  }

  wait_ms(now_ms: number): number {
    this.#closeWindow(now_ms);
    return this.#wait_ms;
  }

  /** Whether this object goes out. Who is left out loses whole groups, or the rest of one, never parts. */
  passes(
    object: { track: string; key: boolean; audio: boolean },
    waiting_bytes: number,
    now_ms: number,
  ): boolean {
    const { track, key, audio } = object;
    const used = Math.max(
      waiting_bytes / (audio ? MAX_AUDIO_UPLINK_BYTES : MAX_UPLINK_BYTES),
      this.wait_ms(now_ms) / (audio ? MAX_AUDIO_WAIT_MS : MAX_VIDEO_WAIT_MS),
    );
    const skipped = this.#skipping.has(track);
    if (used <= (skipped ? RESUME_SHARE : 1) && (key || !skipped)) {
      this.#skipping.delete(track);
      return true;
    }
    if (!audio && (key || !skipped)) this.#droppedGroups += 1;
    this.#skipping.set(track, audio);
    return false;
  }

  /** The track is no longer sent. */
  forget(track: string): void {
    this.#skipping.delete(track);
  }

  state(waiting_bytes: number, now_ms: number): UplinkState {
    return {
      waiting_bytes,
      wait_ms: this.wait_ms(now_ms),
      dropped_groups: this.#droppedGroups,
      skipping: [...this.#skipping.values()].includes(false),
    };
  }

  #closeWindow(now_ms: number): void {
    if (now_ms - this.#since_ms < WINDOW_MS) return;
    this.#wait_ms = this.#least_ms;
    this.#since_ms = this.#least_ms = Number.POSITIVE_INFINITY;
  }
}
