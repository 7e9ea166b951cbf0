// The page of the latency benchmarks: one way after the other brings the same pictures to an element, and a meter
// looks at that element. Driven from Python through `probe`.
import { installCamera } from "./camera.js";
import { watchElements } from "./elements.js";
import { Meter, type Seen } from "./meter.js";
import type { Ticket, Way } from "./way.js";
import { Origin } from "./ways/origin.js";
import { Ours } from "./ways/ours.js";
import { WebRtc } from "./ways/webrtc.js";

/** A way that shows nothing for this long does not work. */
const FIRST_PICTURE_MS = 15_000;
const FIGURES_EVERY_MS = 250;

interface Setting {
  kind: "webrtc" | "origin" | "ours";
  room: string;
  ticket: Ticket;
  timeslice_ms: number;
}

interface Row extends Seen {
  /** From the beginning of capture to the first picture shown. */
  start_ms: number;
  seconds: number;
  sent_bytes: number;
  /** What the way said about itself, sample by sample. */
  figures: Record<string, number>[];
  /** The most that any element kept behind its position. */
  behind_s: number;
}

class Probe {
  #way: Way | null = null;
  #meter: Meter | null = null;
  #begun = { at_ms: 0, sent_bytes: 0 };
  #figures: Record<string, number>[] = [];
  #behind_s = 0;
  #sampling: ReturnType<typeof setInterval> | undefined;

  /** Resolves when the first picture is there. */
  async start(setting: Setting): Promise<void> {
    const way = wayOf(setting);
    this.#way = way;
    await way.start();
    const video = await present("an element", () => way.video);
    document.querySelector("#stage")?.append(video);
    const meter = new Meter(video);
    this.#meter = meter;
    await present("a picture", () => meter.first_ms);
  }

  /** What was seen before does not count: the way has settled, or another lap begins. */
  async begin(): Promise<void> {
    const { way, meter } = this.#running;
    this.#begun = { at_ms: performance.now(), sent_bytes: await way.sent_bytes() };
    meter.begin(way.sounds);
    this.#figures = [];
    this.#behind_s = 0;
    clearInterval(this.#sampling);
    this.#sampling = setInterval(() => this.#sample(), FIGURES_EVERY_MS);
  }

  /** What was seen since `begin`. */
  async row(): Promise<Row> {
    const { way, meter } = this.#running;
    const seconds = (performance.now() - this.#begun.at_ms) / 1000;
    const sent_bytes = (await way.sent_bytes()) - this.#begun.sent_bytes;
    const start_ms = (meter.first_ms ?? Number.NaN) - way.captured_ms;
    return { ...meter.seen, start_ms, seconds, sent_bytes, figures: this.#figures, behind_s: this.#behind_s };
  }

  async end(): Promise<Row> {
    const { way, meter } = this.#running;
    clearInterval(this.#sampling);
    const row = await this.row();
    meter.close();
    await way.stop();
    this.#way = this.#meter = null;
    return row;
  }

  #sample(): void {
    const { way } = this.#running;
    const figures = way.figures();
    if (figures !== null) this.#figures.push(figures);
    for (const { buffered, currentTime } of [way.video, ...way.sounds].filter((one) => one !== null)) {
      if (buffered.length > 0) this.#behind_s = Math.max(this.#behind_s, currentTime - buffered.start(0));
    }
  }

  get #running(): { way: Way; meter: Meter } {
    if (this.#way === null || this.#meter === null) throw new Error("start() first");
    return { way: this.#way, meter: this.#meter };
  }
}

function wayOf({ kind, room, ticket, timeslice_ms }: Setting): Way {
  if (kind === "webrtc") return new WebRtc();
  return kind === "origin" ? new Origin(room, ticket) : new Ours(room, ticket, timeslice_ms);
}

/** Looks until there is one. */
async function present<T>(what: string, look: () => T | null): Promise<T> {
  const end_ms = performance.now() + FIRST_PICTURE_MS;
  for (;;) {
    const found = look();
    if (found !== null) return found;
    if (performance.now() > end_ms) throw new Error(`${what} has not come within ${FIRST_PICTURE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

installCamera();
watchElements();
declare global {
  interface Window {
    probe: Probe;
  }
}
window.probe = new Probe();
