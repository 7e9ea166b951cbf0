// A call over the whole screen, with its controls: everybody, or one person alone.
import { type ReadonlySignal, signal } from "@preact/signals";

/** Everybody, for `FullScreen.toggle`. */
const EVERYBODY = "";

export class FullScreen {
  /** What fills the screen: a tile's key, "" for everybody; null while the call is in its place. */
  readonly shown: ReadonlySignal<string | null>;
  readonly #shown = signal<string | null>(null);
  readonly #ended = () => {
    if (!this.root.matches(":fullscreen")) this.#shown.value = null;
  };

  constructor(private readonly root: HTMLElement) {
    this.shown = this.#shown;
    root.addEventListener("fullscreenchange", this.#ended);
  }

  /** The browser lets this page do it: not in every frame, and not on an iPhone. */
  get possible(): boolean {
    return document.fullscreenEnabled;
  }

  /** Fill the screen with a tile, or with everybody (null); end it if that does so already. */
  toggle(tile: string | null): void {
    const wanted = tile ?? EVERYBODY;
    if (!this.possible) return;
    if (this.#shown.value === wanted || (this.#shown.value !== null && tile === null)) this.leave();
    else if (this.#shown.value !== null) this.#shown.value = wanted;
    else
      void this.root.requestFullscreen().then(
        () => {
          this.#shown.value = wanted;
        },
        (error: unknown) => console.warn("relay-widget: the browser gave no full screen", error),
      );
  }

  leave(): void {
    if (this.root.matches(":fullscreen")) void document.exitFullscreen();
  }

  close(): void {
    this.leave();
    this.root.removeEventListener("fullscreenchange", this.#ended);
  }
}
