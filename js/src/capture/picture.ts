// A track of pictures that can be made smaller than it was opened, and as large again.

/** Writing on a screen can be read at half its size, not below. */
const LEAST_SCREEN_SCALE = 0.5;

export class Picture {
  readonly #opened: MediaTrackConstraints;
  /** Of the track as it was opened; read when it is needed first, with pictures under way. */
  #size: MediaTrackSettings | null = null;
  #scale = 1;
  #frameRate: number | null = null;

  constructor(
    readonly track: MediaStreamTrack,
    /** What makes it smaller in its own way; else the track is asked for it. */
    private readonly draw?: (scale: number, frameRate: number | null) => void,
  ) {
    this.#opened = track.getConstraints();
  }

  async set(scale: number, frameRate: number | null): Promise<void> {
    if (scale === this.#scale && frameRate === this.#frameRate) return;
    this.#scale = scale;
    this.#frameRate = frameRate;
    if (this.draw !== undefined) {
      this.draw(scale, frameRate);
      return;
    }
    try {
      await this.track.applyConstraints(this.#constraints(scale, frameRate));
    } catch {
      // A browser that cannot: the encoder then has to do with fewer bits for the same picture.
    }
  }

  #constraints(scale: number, frameRate: number | null): MediaTrackConstraints {
    if (scale < 1) this.#size ??= this.track.getSettings();
    const { width, height, displaySurface } = this.#size ?? {};
    const least = displaySurface === undefined ? 0 : LEAST_SCREEN_SCALE;
    const constraints = { ...this.#opened };
    // Both in the shape that it has, or the browser would cut it.
    if (scale < 1 && width !== undefined && height !== undefined) {
      constraints.width = { ideal: even(width * Math.max(scale, least)) };
      constraints.height = { ideal: even(height * Math.max(scale, least)) };
    }
    if (frameRate !== null) constraints.frameRate = { ideal: frameRate };
    return constraints;
  }
}

/** What encoders of half-sized colours like. */
function even(length: number): number {
  return 2 * Math.round(length / 2);
}
