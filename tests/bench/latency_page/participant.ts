// A participant as a cell of a notebook is one, with everything but the kernel and the UI.
import { CallController } from "../../../js/src/call.js";
import { ALWAYS_HERE } from "../../../js/src/kernel-presence.js";
import type { KernelLink, KernelMessage, Traits } from "../../../js/src/model.js";
import type { Figures } from "../../../js/src/protocol.js";
import type { Tile } from "../../../js/src/ui/state.js";
import { elementsOfPeers } from "./elements.js";
import type { Ticket } from "./way.js";

export interface ParticipantOptions {
  room: string;
  name: string;
  ticket: Ticket;
  /** Absent: only watches. */
  timeslice_ms?: number;
}

export class Participant {
  readonly name: string;
  readonly #call: CallController;

  constructor(options: ParticipantOptions) {
    this.name = options.name;
    this.#call = new CallController(new Kernel(options));
  }

  /** Capture, come in, and send. Resolves when it is in. */
  async join(): Promise<void> {
    this.#call.viewOpened();
    const { phase, problem } = this.#call.state;
    await new Promise<void>((resolve, reject) => {
      const stop = phase.subscribe((now) => {
        if (now === "joined") resolve();
        else if (now === "failed") reject(new Error(problem.peek()?.title));
        else return;
        queueMicrotask(() => stop());
      });
    });
  }

  /** Somebody else's tile with a picture. */
  get #tile(): Tile | undefined {
    return this.#call.state.tiles.peek().find((tile) => tile.hasPicture);
  }

  get video(): HTMLVideoElement | null {
    return this.#tile?.video ?? null;
  }

  /** The picture of somebody, by name. */
  pictureOf(name: string): HTMLVideoElement | null {
    return this.#call.state.tiles.peek().find((tile) => tile.name === name && tile.hasPicture)?.video ?? null;
  }

  /** Elements that only sound, of whom the picture is. */
  get sounds(): HTMLMediaElement[] {
    const video = this.video;
    return elementsOfPeers().filter(
      (element) => element !== video && element.dataset.peerId === video?.dataset.peerId,
    );
  }

  get figures(): Figures | null {
    return this.#tile?.figures ?? null;
  }

  /** The id of somebody here, by name. */
  idOf(name: string): string | null {
    return this.#call.state.tiles.peek().find((tile) => tile.name === name)?.peer ?? null;
  }

  leave(): void {
    this.#call.close();
  }
}

/** Gives the ticket and keeps the traits, as the kernel does. */
class Kernel implements KernelLink {
  readonly kernel = ALWAYS_HERE;
  readonly home = this;
  readonly #traits: Traits;
  #heard: (message: KernelMessage) => void = () => undefined;

  constructor(private readonly options: ParticipantOptions) {
    const sends = options.timeslice_ms !== undefined;
    this.#traits = {
      room: options.room,
      name: options.name,
      timeslice: options.timeslice_ms ?? 0,
      source: "camera",
      microphone: sends,
      camera: sends,
      auto_join: true,
      target_latency: null,
      _default_name: "",
    };
  }

  get<K extends keyof Traits>(name: K): Traits[K] {
    return this.#traits[name];
  }

  set<K extends keyof Traits>(name: K, value: Traits[K]): void {
    this.#traits[name] = value;
  }

  onChange(): void {
    // Nobody changes them from outside.
  }

  onMessage(heard: (message: KernelMessage) => void): void {
    this.#heard = heard;
  }

  hello(): void {
    this.askTicket();
  }

  askTicket(): void {
    queueMicrotask(() => this.#heard({ kind: "ticket", explicit: true, tunnel: false, ...this.options.ticket }));
  }

  askInvite(): void {
    // Nobody is invited to a measurement.
  }

  tellState(state: string, error: { code: string; message: string } | null): void {
    if (error !== null) console.error(`${this.options.name} is ${state}: ${error.message} (${error.code})`);
  }

  readonly channel = { send: () => undefined, listen: () => () => undefined };

  close(): void {
    this.#heard = () => undefined;
  }
}
