// Where each millisecond goes: what is known of the objects of one track on their way from the capture to the
// screen. Objects come with their stamps; when a picture is shown, the object that holds it tells how long each
// hop took. All times but media times are in the relay's clock. Pure, and no memory grows.
import type { HopFigures } from "../protocol.js";
import { CaptureLine } from "./capture-line.js";
import { HopWindow } from "./hop-window.js";
import { HOPS, hopsOf, type Stamps } from "./hops.js";

export const MAX_ENTRIES = 1024;
/** What a publisher says of media times cannot be true if it is this far from where the media are. */
const MAX_APART_S = 5;
/** Sums of media times are not exact, and pictures are further apart than this. */
const SAME_S = 0.001;
const TOTAL = HOPS.indexOf("total");

/** An object in the buffer: the media after `start_s` up to its newest block at `end_s`. */
interface Entry {
  readonly start_s: number;
  readonly end_s: number;
  readonly appended_ms: number;
  readonly stamps: Stamps;
  /** The capture time of what is at `end_s`; NaN unless it can be believed. */
  readonly captured_ms: number;
}

type Placed = Pick<Entry, "end_s" | "stamps">;

export class Ledger {
  /** In the order of media time. */
  #entries: Entry[] = [];
  #line = new CaptureLine();
  #window = new HopWindow();
  #error_ms = Number.POSITIVE_INFINITY;
  /** The newest epoch whose publisher says where on the timeline its objects are. */
  #datedEpoch = Number.NaN;

  /** A new source: media times begin anew. (A new epoch of the same source goes on in time.) */
  reset(): void {
    this.#entries = [];
    this.#line.forget();
  }

  /** These objects, the newest last, have been appended together. `end_s`: where the buffer now ends; `offset_s`: where
   * on its timeline their epoch starts. */
  appended(objects: readonly Stamps[], at: { appended_ms: number; end_s: number; offset_s: number }): void {
    for (const { stamps, end_s } of this.#placed(objects, at.end_s, at.offset_s)) {
      const start_s = this.#end_s;
      if (!(end_s > start_s)) continue;
      this.#entries.push(this.#entry({ start_s, end_s, appended_ms: at.appended_ms, stamps }));
      this.#error_ms = stamps.error_ms;
    }
    if (this.#entries.length > MAX_ENTRIES) this.#entries.splice(0, this.#entries.length - MAX_ENTRIES / 2);
  }

  /** What is at `media_s` was on the screen, or heard, at `shown_ms`. */
  shown(media_s: number, shown_ms: number): void {
    const entry = this.#at(media_s);
    if (entry === undefined) return;
    const age_ms = (entry.end_s - media_s) * 1000;
    this.#window.add(shown_ms, hopsOf(entry.stamps, age_ms, entry.appended_ms, shown_ms));
  }

  /** When what is at `media_s` was captured; NaN if unknown. */
  captured_at_ms(media_s: number): number {
    const entry = this.#at(media_s);
    return entry === undefined ? Number.NaN : entry.captured_ms - (entry.end_s - media_s) * 1000;
  }

  /** Of what was shown lately; -1 where unknown. */
  figures(now_ms: number): Required<HopFigures> & { clock_error_ms: number } {
    const error_ms = Number.isFinite(this.#error_ms) ? Math.round(this.#error_ms * 10) / 10 : -1;
    return { ...this.#window.figures(now_ms), clock_error_ms: error_ms };
  }

  get #end_s(): number {
    return this.#entries.at(-1)?.end_s ?? Number.NEGATIVE_INFINITY;
  }

  /** Where on the timeline the objects of one append end, in order; those of which it cannot be said are left out, and
   * count as part of the next. */
  #placed(objects: readonly Stamps[], end_s: number, offset_s: number): Placed[] {
    const dated = objects.filter((stamps) => !Number.isNaN(stamps.media_ms));
    const placed = dated.map((stamps) => ({ stamps, end_s: offset_s + stamps.media_ms / 1000 }));
    const last = placed.at(-1);
    if (last !== undefined && Math.abs(last.end_s - end_s) <= MAX_APART_S) {
      this.#datedEpoch = last.stamps.epoch;
      return placed.filter((object) => object.end_s <= last.end_s);
    }
    // Bytes without a block, of a publisher who says where its blocks are.
    if (last === undefined && objects.at(-1)?.epoch === this.#datedEpoch) return [];
    return placedByCapture(objects, end_s);
  }

  #entry(fresh: Omit<Entry, "captured_ms">): Entry {
    const { stamps, appended_ms, end_s } = fresh;
    const { epoch, captured_ms } = stamps;
    const unknown = { ...fresh, captured_ms: Number.NaN };
    if (Number.isNaN(captured_ms)) return unknown;
    const total_ms = hopsOf(stamps, 0, appended_ms, appended_ms)[TOTAL] ?? Number.NaN;
    if (Number.isNaN(total_ms)) {
      this.#line.forget(); // it led to stamps that cannot be
      return unknown;
    }
    if (this.#line.admit(epoch, captured_ms, end_s)) return { ...fresh, captured_ms };
    return { ...unknown, stamps: { ...stamps, captured_ms: Number.NaN, sent_ms: Number.NaN } };
  }

  /** The object that holds this media time: the first that ends at or after it, or the newest. */
  #at(media_s: number): Entry | undefined {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.end_s ?? 0) < media_s - SAME_S) low = middle + 1;
      else high = middle;
    }
    const entry = this.#entries[Math.min(low, this.#entries.length - 1)];
    return entry !== undefined && media_s >= entry.start_s ? entry : undefined;
  }
}

/** The last object ends where the buffer does; those before it as much earlier as they were captured earlier. */
function placedByCapture(objects: readonly Stamps[], end_s: number): Placed[] {
  const placed: Placed[] = [];
  for (const stamps of objects.toReversed()) {
    const next = placed.at(-1);
    if (next === undefined) {
      placed.push({ stamps, end_s });
      continue;
    }
    const earlier_s = (next.stamps.captured_ms - stamps.captured_ms) / 1000;
    if (earlier_s > 0) placed.push({ stamps, end_s: next.end_s - earlier_s });
  }
  return placed.reverse();
}
