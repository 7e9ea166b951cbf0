// Keeps an element playing: with sound if the browser allows it, muted if not, and again after the browser
// paused it because it left the page.

export class KeepPlaying {
  #pending = false;
  #refused = false;
  #ended = false;
  readonly #resume = () => void this.play();

  constructor(
    private readonly video: HTMLMediaElement,
    private readonly onMuted: () => void,
  ) {
    video.addEventListener("pause", this.#resume);
  }

  /** Start or go on. Cheap when it plays already; does not insist where the browser has refused. */
  async play(): Promise<void> {
    if (this.#ended || this.#pending || this.#refused || !this.video.paused) return;
    this.#pending = true;
    try {
      await this.#attempt();
    } finally {
      this.#pending = false;
    }
  }

  /** In a click of the user: with sound from now on. Muted again if the browser still refuses. */
  async unmute(): Promise<void> {
    this.#refused = false;
    this.video.muted = false;
    await this.#attempt();
  }

  dispose(): void {
    this.#ended = true;
    this.video.removeEventListener("pause", this.#resume);
    this.video.pause();
  }

  async #attempt(): Promise<void> {
    try {
      await this.video.play();
    } catch (error) {
      // Anything else (AbortError: another source, a pause) is answered by the next event.
      if (!isRefusal(error) || this.#ended) return;
      if (this.video.muted) {
        this.#refused = true;
        return;
      }
      this.video.muted = true;
      this.onMuted();
      await this.#attempt();
    }
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof DOMException && error.name === "NotAllowedError";
}
