// What to do with each object as it comes off the wire: which epoch is current, what is continuous, and what
// must be left out because its beginning was never seen. Pure.
import type { MediaHeader } from "../protocol.js";

export type Verdict =
  /** Cannot be decoded (its group's key or its epoch's init was not seen), or was seen before. */
  | "ignore"
  /** The init segment of a recorder's new run. */
  | "new-epoch"
  /** A group that does not follow what was appended last: the parser may be inside an element of the old one. */
  | "resume"
  /** Follows on. */
  | "append";

const NOTHING = -1;
/** A key captured (of a publisher who does not say when: received) this much later than the object before it: the tail
 * of the old group is missing, which its numbers cannot show. Resetting the parser for nothing would cost one picture. */
const TAIL_LOST_AFTER_MS = 150;
const TAIL_LOST_AFTER_SLICES = 2;

export class Intake {
  #epoch: number | null = null;
  #group = NOTHING;
  #object = NOTHING;
  /** Nothing can be decoded before the next key. */
  #waiting = true;
  #lostGroups = 0;
  #made_ms = 0;

  /** `timeslice_ms`: how long one object is meant to be. */
  accept(header: MediaHeader, timeslice_ms = 0, received_ms = Number.NaN): Verdict {
    if (header.type === "init") return this.#init(header.epoch);
    if (header.epoch !== this.#epoch || this.#seen(header)) return "ignore";
    const made_ms = Number.isFinite(header.captured_ms) ? header.captured_ms : received_ms;
    if (header.type === "key") return this.#key(header, made_ms, timeslice_ms);
    if (this.#waiting) return "ignore";
    if (header.group !== this.#group || header.object !== this.#object + 1) {
      this.waitForKey();
      this.#lostGroups += 1;
      return "ignore";
    }
    this.#object = header.object;
    this.#made_ms = made_ms;
    return "append";
  }

  /** What was appended last is no longer a base to go on from. */
  waitForKey(): void {
    this.#waiting = true;
  }

  /** Groups that did not arrive, or not whole, since the last call. */
  takeLostGroups(): number {
    const lost = this.#lostGroups;
    this.#lostGroups = 0;
    return lost;
  }

  #init(epoch: number): Verdict {
    // After a reconnection the relay sends init and current group again: what is here already goes on.
    if (epoch === this.#epoch) return "ignore";
    this.#epoch = epoch;
    this.#group = NOTHING;
    this.#object = NOTHING;
    this.#waiting = true;
    return "new-epoch";
  }

  #key(header: MediaHeader, made_ms: number, timeslice_ms: number): Verdict {
    const first = this.#group === NOTHING;
    const missing = first ? 0 : header.group - this.#group - 1;
    const patience_ms = Math.max(TAIL_LOST_AFTER_MS, TAIL_LOST_AFTER_SLICES * timeslice_ms);
    const cut = !first && !this.#waiting && made_ms - this.#made_ms > patience_ms;
    this.#lostGroups += missing;
    const verdict = (this.#waiting && !first) || missing > 0 || cut ? "resume" : "append";
    this.#made_ms = made_ms;
    this.#group = header.group;
    this.#object = header.object;
    this.#waiting = false;
    return verdict;
  }

  #seen(header: MediaHeader): boolean {
    return header.group < this.#group || (header.group === this.#group && header.object <= this.#object);
  }
}
