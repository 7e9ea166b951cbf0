// Keeps the picture that this page sends in step with what gets through: gathers what the relay, the own uplink and
// the encoder tell of it, and says when to send more or less. Pure: time comes in.
import { Adaptation, LEVELS, type VideoQuality } from "./adaptation.js";
import type { SendingFigures, TrackLag } from "./protocol.js";
import { ownQuality, type Quality } from "./quality.js";
import { SendRate } from "./stats.js";
import type { UplinkState } from "./uplink.js";

const NO_LAG = { subscribers: 0, lagging: 0 };

export class Governor {
  #adaptation = new Adaptation();
  readonly #rate = new SendRate();
  #recorded_bytes = 0;
  #busy = false;
  #lag: { subscribers: number; lagging: number } = NO_LAG;
  #uplink: UplinkState = { waiting_bytes: 0, wait_ms: 0, dropped_groups: 0, skipping: false };

  /** `track` is the one of the picture. */
  constructor(private readonly track: string) {}

  get picture(): VideoQuality {
    return this.#adaptation.quality;
  }

  onTrackLag(lag: TrackLag): void {
    if (lag.track === this.track) this.#lag = lag;
  }

  /** So many bytes came out of a recorder, so long after they were captured. */
  onObject(track: string, size_bytes: number, delay_ms: number, now_ms: number): void {
    if (track !== this.track) return;
    this.#recorded_bytes += size_bytes;
    this.#adaptation.encoded(delay_ms, now_ms);
  }

  /** The relay has forgotten the track, or will: what it told of it is over. */
  begin(): void {
    this.#lag = NO_LAG;
    this.#adaptation.pause();
  }

  /** Begin with the best picture, as if nothing had ever been the matter. */
  beginAnew(): void {
    this.#adaptation = new Adaptation();
    this.begin();
  }

  /** To be called a few times a second; `busy`: this computer is. Returns whether another `picture` is to be sent from now on. */
  look(uplink: UplinkState, sendsPicture: boolean, now_ms: number, busy = false): boolean {
    this.#uplink = uplink;
    this.#busy = busy;
    const video_kbps = this.#rate.kbps(this.#recorded_bytes, now_ms);
    if (!sendsPicture) {
      this.begin();
      return false;
    }
    return this.#adaptation.step({
      now_ms,
      ...this.#lag,
      uplinkWait_ms: uplink.wait_ms,
      uplinkSkipping: uplink.skipping,
      busy,
      video_kbps,
    });
  }

  /** For the report. */
  get figures(): SendingFigures {
    const { level, quality } = this.#adaptation;
    return {
      level,
      width: quality.width,
      frame_rate: quality.frameRate,
      aim_kbps: quality.videoBitsPerSecond / 1000,
      uplink_wait_ms: Math.round(this.#uplink.wait_ms),
      dropped_groups: this.#uplink.dropped_groups,
    };
  }

  /** For people. */
  quality(reconnecting: boolean): Quality {
    const { level, cause } = this.#adaptation;
    return ownQuality({
      level,
      cause,
      least: LEVELS.length - 1,
      skipping: this.#uplink.skipping,
      busy: this.#busy,
      reconnecting,
    });
  }
}
