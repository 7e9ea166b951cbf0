// The product: two participants of one room, one who sends and one who watches.
import { Participant } from "../participant.js";
import type { Ticket, Way } from "../way.js";

/** Media travel as binary messages, everything else as text. */
let mediaBytes = 0;
const { send } = WebSocket.prototype;
WebSocket.prototype.send = function (data) {
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) mediaBytes += data.byteLength;
  send.call(this, data);
};

export class Ours implements Way {
  captured_ms = 0;
  readonly #sender: Participant;
  readonly #receiver: Participant;

  constructor(room: string, ticket: Ticket, timeslice_ms: number) {
    this.#sender = new Participant({ room, ticket, name: "sender", timeslice_ms });
    this.#receiver = new Participant({ room, ticket, name: "receiver" });
  }

  async start(): Promise<void> {
    await this.#receiver.join();
    this.captured_ms = performance.now();
    await this.#sender.join();
  }

  get video(): HTMLVideoElement | null {
    return this.#receiver.video;
  }

  get sounds(): readonly HTMLMediaElement[] {
    return this.#receiver.sounds;
  }

  async sent_bytes(): Promise<number> {
    return mediaBytes;
  }

  figures(): Record<string, number> | null {
    return this.#receiver.figures as Record<string, number> | null;
  }

  async stop(): Promise<void> {
    this.#sender.leave();
    this.#receiver.leave();
  }
}
