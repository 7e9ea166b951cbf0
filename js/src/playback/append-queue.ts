// Everything that is done to a SourceBuffer goes through this one queue, in order, so that nothing collides
// with `updating` and nothing is lost while it waits. Bounded: over its limits whole groups go, never parts.
import type { Stamps } from "./hops.js";

/** Objects that may wait: 20 s of 40 ms objects. */
export const MAX_QUEUED_OBJECTS = 500;
export const MAX_QUEUED_BYTES = 16_000_000;
/** Small objects that wait together are appended together, up to this size: fewer appends, less CPU. */
export const MAX_MERGED_BYTES = 64_000;

/** The part of a SourceBuffer that the queue uses. */
export interface MediaSink {
  readonly updating: boolean;
  timestampOffset: number;
  appendBuffer(data: Uint8Array<ArrayBuffer>): void;
  remove(start_s: number, end_s: number): void;
  abort(): void;
  changeType(mimeType: string): void;
}

export interface Append {
  kind: "append";
  group: number;
  /** The first object of its group. */
  key: boolean;
  /** Of the objects in it: more than one if it was merged. */
  stamps: readonly Stamps[];
  bytes: Uint8Array;
}

export type Operation =
  | Append
  /** A recorder's new run: its media times start again near 0 and its init segment comes first. */
  | { kind: "new-epoch"; epoch: number; mimeType: string; bytes: Uint8Array }
  /** Forget the half element that the parser may be in. */
  | { kind: "reset-parser" }
  | { kind: "remove"; start_s: number; end_s: number };

export interface QueueEvents {
  /** The offset that a new epoch's media times get. */
  epochOffset_s(): number;
  /** Just before the sink is given an append (of several objects, if merged). */
  onAppend(append: Append): void;
  /** Whole groups were dropped; `cut` when the newest is among them, so that what follows cannot be decoded
   * before the next key. */
  onDropped(groups: number, cut: boolean): void;
  /** The sink has no room: call `makeRoom` or give up. */
  onFull(): void;
  /** The sink refused an operation in a way that only a new sink can mend. */
  onFailed(reason: string): void;
}

export class AppendQueue {
  #waiting: Operation[] = [];
  #objects = 0;
  #bytes = 0;
  #peak = 0;
  #sink: MediaSink | null = null;
  #mimeType = "";
  #full = false;

  constructor(private readonly events: QueueEvents) {}

  /** Objects that wait for append. */
  get depth(): number {
    return this.#objects;
  }

  /** The deepest it was, whenever something had to wait, since the last call with `reset`. */
  peak(reset: boolean): number {
    const peak = Math.max(this.#peak, this.#objects);
    if (reset) this.#peak = this.#objects;
    return peak;
  }

  /** From now on operations go to this sink, which was made for `mimeType`. */
  attach(sink: MediaSink, mimeType: string): void {
    this.#sink = sink;
    this.#mimeType = mimeType;
    this.run();
  }

  /** Hold everything back until the next `attach`. */
  detach(): void {
    this.#sink = null;
    this.#full = false;
  }

  clear(): void {
    this.#waiting = [];
    this.#objects = 0;
    this.#bytes = 0;
  }

  push(operation: Operation): void {
    this.#waiting.push(operation);
    this.#account(operation, 1);
    this.run();
    if (this.#objects > this.#peak) this.#peak = this.#objects;
    if (this.#objects > MAX_QUEUED_OBJECTS || this.#bytes > MAX_QUEUED_BYTES) this.#shed();
  }

  /** After `onFull`: remove this first, then go on. */
  makeRoom(start_s: number, end_s: number): void {
    this.#waiting.unshift({ kind: "remove", start_s, end_s });
    this.#full = false;
    this.run();
  }

  /** Do what can be done now. To be called at the sink's `updateend`. */
  run(): void {
    while (this.#sink !== null && !this.#sink.updating && !this.#full) {
      const operation = this.#take();
      if (operation === undefined) return;
      try {
        this.#perform(operation, this.#sink);
      } catch (error) {
        if (error instanceof DOMException && error.name === "QuotaExceededError") {
          this.#waiting.unshift(operation);
          this.#account(operation, 1);
          this.#full = true;
          this.events.onFull();
        } else {
          this.events.onFailed(
            `${label(operation)}: ${error instanceof Error ? error.message : String(error)}`,
          );
        }
      }
    }
  }

  /** For logs and tests: what waits, in order. */
  toString(): string {
    return this.#waiting.map(label).join(" | ");
  }

  #perform(operation: Operation, sink: MediaSink): void {
    switch (operation.kind) {
      case "append":
        this.events.onAppend(operation);
        sink.appendBuffer(plain(operation.bytes));
        return;
      case "remove":
        sink.remove(operation.start_s, operation.end_s);
        return;
      case "reset-parser":
        sink.abort();
        return;
      case "new-epoch":
        // Without abort() the next two are an InvalidStateError or a fatal parse error; without an offset the
        // new epoch would silently overwrite the start of the old one.
        sink.abort();
        if (operation.mimeType !== this.#mimeType) {
          sink.changeType(operation.mimeType);
          this.#mimeType = operation.mimeType;
        }
        sink.timestampOffset = this.events.epochOffset_s();
        sink.appendBuffer(plain(operation.bytes));
    }
  }

  /** The next operation; small objects of one group that wait behind each other come as one. */
  #take(): Operation | undefined {
    const first = this.#waiting.shift();
    if (first === undefined) return undefined;
    this.#account(first, -1);
    if (first.kind !== "append") return first;
    let size_bytes = first.bytes.length;
    let count = 0;
    for (const next of this.#waiting) {
      if (next.kind !== "append" || next.key || size_bytes + next.bytes.length > MAX_MERGED_BYTES) break;
      size_bytes += next.bytes.length;
      count += 1;
    }
    if (count === 0) return first;
    const bytes = new Uint8Array(size_bytes);
    bytes.set(first.bytes);
    let at = first.bytes.length;
    const stamps = [...first.stamps];
    for (const next of this.#waiting.splice(0, count)) {
      this.#account(next, -1);
      if (next.kind !== "append") continue;
      bytes.set(next.bytes, at);
      at += next.bytes.length;
      stamps.push(...next.stamps);
    }
    return { ...first, bytes, stamps };
  }

  #account(operation: Operation, sign: 1 | -1): void {
    if (operation.kind !== "append") return;
    this.#objects += sign;
    this.#bytes += sign * operation.bytes.length;
  }

  /** Drop groups from the front, up to a later group's start, until the limits hold. */
  #shed(): void {
    while (this.#objects > MAX_QUEUED_OBJECTS || this.#bytes > MAX_QUEUED_BYTES) {
      const first = this.#waiting.findIndex((operation) => operation.kind === "append");
      if (first < 0) return;
      const length = this.#waiting.slice(first + 1).findIndex(startsAfresh);
      const dropped = this.#waiting.splice(first, length < 0 ? this.#waiting.length : length + 1);
      for (const operation of dropped) this.#account(operation, -1);
      // The group's head may have been appended already, up to the middle of an element.
      this.#waiting.splice(first, 0, { kind: "reset-parser" });
      this.events.onDropped(1, length < 0);
    }
  }
}

function startsAfresh(operation: Operation): boolean {
  return operation.kind === "new-epoch" || (operation.kind === "append" && operation.key);
}

function label(operation: Operation): string {
  switch (operation.kind) {
    case "append":
      return `append g${operation.group}${operation.key ? " key" : ""} ${operation.bytes.length} B`;
    case "new-epoch":
      return `new-epoch ${operation.epoch} ${operation.bytes.length} B`;
    case "remove":
      return `remove ${operation.start_s.toFixed(2)}-${operation.end_s.toFixed(2)} s`;
    case "reset-parser":
      return "reset-parser";
  }
}

/** SourceBuffers take no shared memory; bytes off the wire never are, which the types cannot know. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}
