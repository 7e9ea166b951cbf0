// What a person in front of the page sees and hears: how old the pictures are and when they stand still. Looks at the
// playing elements only, never at what the player says about itself.
import { readStampFrugally } from "../../e2e/player_page/stamp.js";
import { age_ms } from "./camera.js";

/** No new picture for longer than this is a standstill, however the element explains it. */
export const STANDSTILL_MS = 250;

export interface Seen {
  /** Age of each new picture at the moment it was shown, ms. */
  latencies_ms: number[];
  /** When each was shown, in ms of this page. */
  shown_ms: number[];
  /** Times that no new picture came for longer than `STANDSTILL_MS`. */
  standstills_ms: number[];
  /** `waiting` events: of the picture's element, and of the sound's if it has its own. */
  video_waits: number;
  audio_waits: number;
  dropped_frames: number;
  /** Pictures whose stamp could not be read. */
  unreadable: number;
}

export class Meter {
  /** Of the first new picture, in ms of this page. */
  first_ms: number | null = null;
  /** Called with each new picture. */
  onPicture: (shown_ms: number, latency_ms: number) => void = () => undefined;
  #seen = nothing();
  #dropped = 0;
  #last_ms: number | null = null;
  #stamp: number | null = null;
  #request = 0;
  readonly #ended = new AbortController();
  readonly #videoWaits = (): void => {
    this.#seen.video_waits += 1;
  };
  readonly #audioWaits = (): void => {
    this.#seen.audio_waits += 1;
  };

  constructor(private readonly video: HTMLVideoElement) {
    video.addEventListener("waiting", this.#videoWaits, { signal: this.#ended.signal });
    this.#look();
  }

  /** Forget what was seen; a standstill that is going on counts from here. `sounds`: elements that only sound. */
  begin(sounds: readonly HTMLMediaElement[] = []): void {
    for (const sound of sounds) {
      sound.addEventListener("waiting", this.#audioWaits, { signal: this.#ended.signal });
    }
    this.#seen = nothing();
    this.#dropped = this.video.getVideoPlaybackQuality().droppedVideoFrames;
    this.#last_ms = performance.now();
  }

  get seen(): Seen {
    const dropped = this.video.getVideoPlaybackQuality().droppedVideoFrames;
    const still_ms = performance.now() - (this.#last_ms ?? performance.now());
    return {
      ...this.#seen,
      standstills_ms: [...this.#seen.standstills_ms, ...(still_ms > STANDSTILL_MS ? [still_ms] : [])],
      dropped_frames: Math.max(0, dropped - this.#dropped),
    };
  }

  close(): void {
    this.#ended.abort();
    this.video.cancelVideoFrameCallback(this.#request);
  }

  #look(): void {
    this.#request = this.video.requestVideoFrameCallback(() => {
      void this.#onFrame(performance.now());
      this.#look();
    });
  }

  async #onFrame(now_ms: number): Promise<void> {
    const stamp = await readStampFrugally(this.video);
    if (this.#ended.signal.aborted) return;
    if (stamp === null) {
      this.#seen.unreadable += 1;
      return;
    }
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    const latency_ms = age_ms(stamp, performance.timeOrigin + now_ms);
    this.first_ms ??= now_ms;
    if (this.#last_ms !== null && now_ms - this.#last_ms > STANDSTILL_MS) {
      this.#seen.standstills_ms.push(now_ms - this.#last_ms);
    }
    this.#last_ms = now_ms;
    this.#seen.latencies_ms.push(latency_ms);
    this.#seen.shown_ms.push(now_ms);
    this.onPicture(now_ms, latency_ms);
  }
}

function nothing(): Seen {
  return {
    latencies_ms: [],
    shown_ms: [],
    standstills_ms: [],
    video_waits: 0,
    audio_waits: 0,
    dropped_frames: 0,
    unreadable: 0,
  };
}
