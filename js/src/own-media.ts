// What this page captures and sends of its user, kept in step with what is wanted; and the switches, kept in step with
// what is really sent. The screen and the camera are different things: a shared screen is sent whatever `camera` says,
// in place of the camera's picture, which comes back after it if `camera` is on.
import { type Signal, signal } from "@preact/signals";
import { listDevices, onDevicesChanged } from "./capture/index.js";
import type { KernelLink } from "./model.js";
import type { Said } from "./problems.js";
import { Publisher, type PublisherEvents, type Wishes } from "./publisher.js";
import type { CallState, Source } from "./ui/state.js";

const LEVEL_INTERVAL_MS = 100;
/** The user has ended or declined the sharing of the screen: no need to tell them. */
const OWN_DOING = new Set(["cancelled", "permission-denied", "source-ended"]);

type Shown = Pick<
  CallState,
  | "phase"
  | "name"
  | "source"
  | "microphone"
  | "camera"
  | "cameraId"
  | "microphoneId"
  | "preview"
  | "level"
  | "cameras"
  | "microphones"
  | "canCapture"
>;

export class OwnMedia {
  readonly publisher: Publisher;
  /** A device did not open, or ended; null while all is well. */
  readonly trouble: Signal<Said | null> = signal(null);
  readonly noCommonCodec = signal(false);
  #besidesScreen: Source = "camera";
  #levelTimer: ReturnType<typeof setInterval> | undefined;
  readonly #undo: (() => void)[] = [];

  /** `maySend`: what the link of a join page allows. */
  constructor(
    private readonly link: KernelLink,
    private readonly state: Shown,
    private readonly maySend: boolean,
    events: Omit<PublisherEvents, "onStream" | "onProblem" | "onCommonCodec">,
  ) {
    this.publisher = new Publisher({
      ...events,
      onStream: (stream) => {
        state.preview.value = stream;
        if (stream !== null) void this.#listDevices();
      },
      onProblem: (code, message) => this.#failed(code, message),
      onCommonCodec: (common) => {
        this.noCommonCodec.value = !common;
      },
    });
    this.noteSource();
    if (state.canCapture.value) this.#undo.push(onDevicesChanged(() => void this.#listDevices()));
  }

  /** Open what is wanted now, or change to it. Resolves to whether it could be met. */
  open(): Promise<boolean> {
    this.#meterLevel();
    return this.publisher.want(this.#wishes());
  }

  /** Something else is wanted. What did not go well before is tried anew, and told anew. */
  change(): void {
    this.trouble.value = null;
    void this.open();
  }

  /** Nothing is captured any more. */
  close(): void {
    clearInterval(this.#levelTimer);
    this.publisher.stop();
    void this.publisher.want(null);
    this.state.level.value = 0;
  }

  /** For good. */
  end(): void {
    for (const undo of this.#undo) undo();
    this.close();
  }

  /** The camera is on in the picture that is sent, or will be. While a screen is shared, it is not: switching it on ends
   * the sharing. */
  setCamera(on: boolean): void {
    this.link.set("camera", on);
    if (on && this.state.source.value === "screen") this.link.set("source", this.#besidesScreen);
  }

  /** Remember where the picture comes from when the screen is no longer shared. */
  noteSource(): void {
    const source = this.link.get("source");
    if (source !== "screen") this.#besidesScreen = source;
  }

  #wishes(): Wishes {
    const { state, link } = this;
    const source = state.source.value;
    return {
      source,
      microphone: this.maySend && state.microphone.value,
      picture: this.maySend && (source === "screen" || state.camera.value),
      cameraId: state.cameraId.value,
      microphoneId: state.microphoneId.value,
      timeslice_ms: link.get("timeslice"),
      name: state.name.value,
    };
  }

  /** A device did not open, or ended. In a call the switches go back to what is really sent; before it they stay, for
   * the next try. */
  #failed(code: string, message: string): void {
    const { link, state } = this;
    const wasScreen = state.source.value === "screen";
    const inCall = state.phase.value === "joined" || state.phase.value === "reconnecting";
    if (inCall) {
      const { source, picture, sound } = this.publisher.captured;
      if (wasScreen) link.set("source", source === "pattern" ? "pattern" : this.#besidesScreen);
      else if (source === null) link.set(state.camera.value ? "camera" : "microphone", false);
      else {
        if (source !== state.source.value) link.set("source", source);
        if (!picture) link.set("camera", false);
        if (!sound) link.set("microphone", false);
      }
    }
    this.trouble.value = inCall && wasScreen && OWN_DOING.has(code) ? null : { code, message };
  }

  async #listDevices(): Promise<void> {
    const { cameras, microphones } = await listDevices();
    this.state.cameras.value = cameras;
    this.state.microphones.value = microphones;
  }

  #meterLevel(): void {
    clearInterval(this.#levelTimer);
    this.#levelTimer = setInterval(() => {
      this.state.level.value = this.publisher.level;
    }, LEVEL_INTERVAL_MS);
  }
}
