// A WebSocket by way of the kernel: Engine.IO's packets as messages of the widget's model, for where nothing else
// comes through. The other end is src/relay_widget/tunnel.py, which has a WebSocket to the relay for each of these;
// docs/transports.md describes the messages.
//
// A message of a widget is dear (the notebook server, the kernel and the page all look at it), so frames that come
// close together share one. What is under way is bounded by acknowledgements; the rest waits here, where
// `bufferedAmount` tells of it, and the uplink leaves out what would come too late.
import { WebSocket as WebSocketTransport } from "socket.io-client";
import { sayUntilHeard } from "../voice.js";
import { SendWindow } from "./send-window.js";
import { type Frame, pack, packedSize, unpack } from "./tunnel-frames.js";

/** At least so long between two messages with data, and at most so long until what came is acknowledged. */
export const MESSAGE_INTERVAL_MS = 80;
export const ACK_INTERVAL_MS = 120;
/** What one message takes at most, if it is more than one frame. */
const MAX_MESSAGE_BYTES = 64_000;
/** Timers of hidden pages fire once a second: a message that is so late goes with what is sent next. */
const LATE_TIMER_MS = 50;
const TUNNEL_ID_BYTES = 8;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The messages of one widget's model, both ways. */
export interface KernelChannel {
  send(content: object, buffers: ArrayBuffer[]): void;
  /** Returns what ends it. */
  listen(heard: (content: unknown, buffers: readonly DataView[]) => void): () => void;
}

/** What the kernel says to a tunnel. */
interface Word {
  kind?: unknown;
  tunnel?: unknown;
  op?: "open" | "data" | "ack" | "close";
  number?: number;
  ack?: number;
  code?: string;
  message?: string;
}

/** The Engine.IO transport whose sockets are tunnels by this kernel. */
export function tunnelCarrier(kernel: KernelChannel): typeof WebSocketTransport {
  return class Tunnel extends WebSocketTransport {
    override get name(): string {
      return "tunnel";
    }

    override createSocket(): TunnelSocket {
      return new TunnelSocket(kernel);
    }
  };
}

/** Why a tunnel did not open, in the kernel's words. */
export class TunnelError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** As much of a WebSocket as Engine.IO uses of one. */
export class TunnelSocket {
  binaryType = "arraybuffer";
  onopen: () => void = () => undefined;
  onclose: (event: { code: string; reason: string }) => void = () => undefined;
  onerror: (error: unknown) => void = () => undefined;
  onmessage: (event: { data: string | ArrayBuffer }) => void = () => undefined;

  readonly #id = newId();
  readonly #stopListening: () => void;
  readonly #stopAsking: () => void;
  readonly #window = new SendWindow();
  #frames: Frame[] = [];
  #waiting_bytes = 0;
  #sent_ms = Number.NEGATIVE_INFINITY;
  #taken = 0;
  #acknowledged = 0;
  #acknowledged_ms = Number.NEGATIVE_INFINITY;
  #due_ms = 0;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  #opened = false;
  #over = false;

  constructor(private readonly kernel: KernelChannel) {
    this.#stopListening = kernel.listen((content, buffers) => this.#hear(content as Word, buffers));
    this.#stopAsking = sayUntilHeard(() => this.#say({ op: "open" }));
  }

  /** Waits here, or is under way and not acknowledged. */
  get bufferedAmount(): number {
    return this.#waiting_bytes + this.#window.in_flight_bytes;
  }

  send(data: string | ArrayBuffer | ArrayBufferView): void {
    const frame = frameOf(data);
    this.#frames.push(frame);
    this.#waiting_bytes += packedSize(frame);
    this.#flushSoon();
  }

  close(): void {
    if (this.#over) return;
    this.#say({ op: "close" });
    this.#end("closed", "");
  }

  #hear(word: Word, buffers: readonly DataView[]): void {
    if (this.#over || word.kind !== "tunnel" || word.tunnel !== this.#id) return;
    if (word.ack !== undefined) {
      this.#window.acknowledged(word.ack, performance.now());
      this.#flushSoon();
    }
    switch (word.op) {
      case "open":
        this.#stopAsking();
        this.#opened = true;
        this.onopen();
        break;
      case "data":
        this.#take(word.number ?? 0, buffers[0]);
        break;
      case "close":
        this.#end(word.code ?? "", word.message ?? "");
        break;
    }
  }

  #take(number: number, packed: DataView | undefined): void {
    if (packed === undefined || number !== this.#taken + 1) {
      // A notebook server drops messages of a kernel that it finds too many.
      this.#say({ op: "close" });
      this.#end("message-lost", "A message of the kernel got lost on its way.");
      return;
    }
    this.#taken = number;
    for (const { text, bytes } of unpack(packed)) {
      if (!this.#over) this.onmessage({ data: text ? decoder.decode(bytes) : bytes.buffer });
    }
    if (this.#over) return;
    // At once where it may be, since the timers of a hidden page hardly run.
    const wait_ms = this.#acknowledged_ms + ACK_INTERVAL_MS - performance.now();
    if (wait_ms <= 0) this.#acknowledge();
    else this.#ackTimer ??= setTimeout(() => this.#acknowledge(), wait_ms);
  }

  #acknowledge(): void {
    if (this.#over || this.#acknowledged === this.#taken) return;
    this.#say({ op: "ack", ack: this.#ackNow() });
  }

  #ackNow(): number {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    this.#acknowledged = this.#taken;
    this.#acknowledged_ms = performance.now();
    return this.#taken;
  }

  #flushSoon(): void {
    if (this.#frames.length === 0 || !this.#window.open) return;
    const now_ms = performance.now();
    if (this.#flushTimer === undefined) {
      this.#due_ms = Math.max(now_ms, this.#sent_ms + MESSAGE_INTERVAL_MS);
      // In a task of its own even if it may go now: what belongs to one event is written in several frames.
      this.#flushTimer = setTimeout(() => this.#flush(), this.#due_ms - now_ms);
    } else if (now_ms > this.#due_ms + LATE_TIMER_MS) this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    if (this.#over || this.#frames.length === 0 || !this.#window.open) return;
    let count = 0;
    let size_bytes = 0;
    for (const frame of this.#frames) {
      if (count > 0 && size_bytes + packedSize(frame) > MAX_MESSAGE_BYTES) break;
      size_bytes += packedSize(frame);
      count += 1;
    }
    const packed = pack(this.#frames.splice(0, count));
    this.#waiting_bytes -= size_bytes;
    this.#sent_ms = performance.now();
    const number = this.#window.sent(size_bytes, this.#sent_ms);
    this.#say({ op: "data", number, ack: this.#ackNow() }, [packed]);
    this.#flushSoon();
  }

  #say(word: Omit<Word, "kind" | "tunnel">, buffers: ArrayBuffer[] = []): void {
    this.kernel.send({ kind: "tunnel", tunnel: this.#id, ...word }, buffers);
  }

  #end(code: string, reason: string): void {
    this.#over = true;
    this.#stopListening();
    this.#stopAsking();
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#ackTimer);
    this.#frames = [];
    this.#waiting_bytes = 0;
    queueMicrotask(() => {
      if (this.#opened) this.onclose({ code, reason });
      else this.onerror(new TunnelError(code, reason));
    });
  }
}

function frameOf(data: string | ArrayBuffer | ArrayBufferView): Frame {
  if (typeof data === "string") return { text: true, bytes: encoder.encode(data) };
  if (data instanceof ArrayBuffer) return { text: false, bytes: new Uint8Array(data) };
  const { buffer, byteOffset, byteLength } = data;
  return { text: false, bytes: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength) };
}

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(TUNNEL_ID_BYTES));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
