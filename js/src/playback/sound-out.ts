// The way out for what sounds: through an AudioContext where that is sooner heard and the browser lets it run.
//
// In Chromium an element that hands its sound to the device itself takes it from the buffer 0.12 s before it is heard;
// an AudioContext asks for it every 10 ms. What has not been taken need not have come in yet: all of that time can be
// cut from the latency, or is there for what comes late.

/** For all players of this page, while there are any. */
let shared: { context: AudioContext; users: number } | null = null;

export class SoundOut {
  #node: MediaElementAudioSourceNode | null = null;
  #context: AudioContext | null = null;
  readonly #listening = new AbortController();

  constructor(private readonly element: HTMLMediaElement) {
    // Of no other browser it is known to be sooner.
    if (!("userAgentData" in navigator)) return;
    const { signal } = this.#listening;
    for (const event of ["playing", "volumechange"]) {
      element.addEventListener(event, () => void this.#route(), { signal });
    }
  }

  /** It goes out through the context. */
  get routed(): boolean {
    return this.#node !== null;
  }

  /** How long after the element's position passed it is heard, s. */
  get delay_s(): number {
    if (this.#node === null || this.#context === null) return 0;
    return this.#context.baseLatency + this.#context.outputLatency;
  }

  dispose(): void {
    if (this.#listening.signal.aborted) return;
    this.#listening.abort();
    this.#node?.disconnect();
    if (this.#context !== null) release();
  }

  /** Once it plays with sound: then the page may run a context too. For an element there is no way back. */
  async #route(): Promise<void> {
    if (this.#node !== null || this.element.paused || this.element.muted) return;
    this.#context ??= acquire();
    const context = this.#context;
    if (!(await runs(context)) || this.#node !== null || this.#listening.signal.aborted) return;
    this.#node = new MediaElementAudioSourceNode(context, { mediaElement: this.element });
    this.#node.connect(context.destination);
  }
}

/** Whether it runs now; not, if it was closed meanwhile. */
async function runs(context: AudioContext): Promise<boolean> {
  await context.resume().catch(() => undefined);
  return context.state === "running";
}

function acquire(): AudioContext {
  shared ??= { context: open(), users: 0 };
  shared.users += 1;
  return shared.context;
}

function open(): AudioContext {
  const context = new AudioContext({ latencyHint: "interactive" });
  // The elements of a context that does not run stand still.
  context.addEventListener("statechange", () => {
    if (context.state !== "running" && context.state !== "closed") void runs(context);
  });
  return context;
}

function release(): void {
  if (shared === null) return;
  shared.users -= 1;
  if (shared.users > 0) return;
  void shared.context.close();
  shared = null;
}
