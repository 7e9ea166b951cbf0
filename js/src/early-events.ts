// The relay's events that arrive before this page has read the answer to its join. The list is bounded: media are dropped
// first, since the next group replaces them; events that are said once are kept.
import { EVENT, type RelayedHeader } from "./protocol.js";

/** A dozen people's first groups are some hundred objects each. */
export const MAX_EARLY_EVENTS = 4096;

export interface RelayEvent {
  event: string;
  args: unknown[];
}

export class EarlyEvents {
  #kept: RelayEvent[] = [];

  get size(): number {
    return this.#kept.length;
  }

  add(event: RelayEvent): void {
    if (this.#kept.length >= MAX_EARLY_EVENTS) this.#kept.splice(this.#leastWorth(), 1);
    this.#kept.push(event);
  }

  /** All that was kept, oldest first; nothing is kept after that. */
  take(): RelayEvent[] {
    const kept = this.#kept;
    this.#kept = [];
    return kept;
  }

  clear(): void {
    this.#kept = [];
  }

  /** The oldest object that no other depends on being there; if there is none, the oldest event. */
  #leastWorth(): number {
    const media = this.#kept.findIndex(
      ({ event, args }) =>
        event === EVENT.mediaChunk && (args[0] as Partial<RelayedHeader> | undefined)?.type !== "init",
    );
    return Math.max(media, 0);
  }
}
