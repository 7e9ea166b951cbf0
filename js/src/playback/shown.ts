// Which media time is on the screen, or heard, now: a sample now and then.

/** Ten samples a second are enough for percentiles; each picture looked at costs the page a rendering. */
const INTERVAL_MS = 100;

export class Shown {
  readonly #video: HTMLVideoElement | null;
  readonly #onTime = () => this.look();
  #request: number | null = null;
  #looked_ms = Number.NEGATIVE_INFINITY;

  /** `onShown` hears the media time (s) of a picture at the moment it is presented, or of the sound. */
  constructor(
    private readonly element: HTMLMediaElement,
    private readonly onShown: (media_s: number) => void,
  ) {
    const counts = element instanceof HTMLVideoElement && "requestVideoFrameCallback" in element;
    this.#video = counts ? element : null;
    // Beside the arrivals, which long slices make rare, and always at the same place of an object.
    element.addEventListener("timeupdate", this.#onTime);
  }

  /** To be called often; looks at the next picture if the last look was a while ago. */
  look(): void {
    const now_ms = performance.now();
    if (this.#request !== null || now_ms - this.#looked_ms < INTERVAL_MS) return;
    this.#looked_ms = now_ms;
    // Nothing is presented in a hidden tab; what would be is as good as heard.
    if (this.#video === null || document.hidden) {
      if (!this.element.paused && !this.element.seeking) this.onShown(this.element.currentTime);
      return;
    }
    this.#request = this.#video.requestVideoFrameCallback((_now, { mediaTime }) => {
      this.#request = null;
      this.onShown(mediaTime);
    });
  }

  dispose(): void {
    this.element.removeEventListener("timeupdate", this.#onTime);
    if (this.#request !== null) this.#video?.cancelVideoFrameCallback(this.#request);
  }
}
