// Which media time is on the screen, or heard, now: a sample now and then.

/** Some ten pictures a second are enough for percentiles; each one looked at costs the page a rendering. */
const INTERVAL_MS = 200;
/** Two in a row: the first picture after any moment is more often one that was long in coming, and the one after it
 * makes up for that. */
const PICTURES = 2;

export class Shown {
  readonly #video: HTMLVideoElement | null;
  readonly #onTime = () => this.#look();
  #request: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looked_ms = Number.NEGATIVE_INFINITY;

  /** `onShown` hears the media time of a picture at the moment it is presented, or of the sound, and how far ahead of
   * the element's position that is (s): browsers choose the picture for when it will be on the screen. Sound is heard
   * `soundDelay_s` behind it. */
  constructor(
    private readonly element: HTMLMediaElement,
    private readonly soundDelay_s: () => number,
    private readonly onShown: (media_s: number, ahead_s: number) => void,
  ) {
    const counts = element instanceof HTMLVideoElement && "requestVideoFrameCallback" in element;
    this.#video = counts ? element : null;
    element.addEventListener("timeupdate", this.#onTime);
  }

  dispose(): void {
    this.element.removeEventListener("timeupdate", this.#onTime);
    clearTimeout(this.#timer);
    if (this.#request !== null) this.#video?.cancelVideoFrameCallback(this.#request);
  }

  #look(): void {
    const now_ms = performance.now();
    if (now_ms - this.#looked_ms < INTERVAL_MS) return;
    this.#looked_ms = now_ms;
    // Nothing is presented in a hidden tab; what would be is as good as heard.
    const video = document.hidden ? null : this.#video;
    if (video === null) {
      const ahead_s = -this.soundDelay_s();
      if (!this.element.paused && !this.element.seeking)
        this.onShown(this.element.currentTime + ahead_s, ahead_s);
      return;
    }
    if (this.#request !== null) return;
    // At any moment: `timeupdate` keeps step with the pieces, and would always meet the same part of them.
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lookAt(video, PICTURES), INTERVAL_MS * Math.random());
  }

  #lookAt(video: HTMLVideoElement, pictures: number): void {
    this.#request = video.requestVideoFrameCallback((_now, { mediaTime }) => {
      this.#request = null;
      if (pictures > 1) this.#lookAt(video, pictures - 1);
      this.onShown(mediaTime, mediaTime - video.currentTime);
    });
  }
}
