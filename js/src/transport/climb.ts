// One way up the ladder: tries the rungs, the better ones first, and settles for the best that carries.
//
// A rung that is refused by the network fails at once, and the next one follows at once. One that hangs (a firewall
// that drops what it does not like) is given a head start and then gets company; when DECIDE_MS are over, the best
// rung that is up by then is taken. So a page is on some rung within three seconds, whichever of them are blocked,
// and on a better one than the last whenever one of those needs no longer than that.
import type { WireError } from "../protocol.js";
import type { Reason, RungName } from "./index.js";
import type { Candidate } from "./page.js";
import type { Connection, ConnectionEvents } from "./socketio.js";

export const HEAD_START_MS = 600;
export const DECIDE_MS = 2500;

type State = "waiting" | "trying" | "up" | "failed";

/** Which step is to be stood on now; "wait" while a better one may still come up; "none" when all have failed. */
export function decide(states: readonly State[], elapsed_ms: number): number | "wait" | "none" {
  const up = states.indexOf("up");
  const hopeful = states.findIndex((state) => state === "waiting" || state === "trying");
  if (up === -1) return hopeful === -1 ? "none" : "wait";
  return hopeful === -1 || up < hopeful || elapsed_ms >= DECIDE_MS ? up : "wait";
}

/** Begins one attempt; `failed` is told why it cannot even begin, or has failed. */
export type Begin = (
  candidate: { rung: RungName; address: string },
  events: Pick<ConnectionEvents, "onUp" | "onDown" | "onRefused"> & {
    onFailed(code: string, message: string): void;
  },
) => { connection(): Connection | null; close(): void };

export interface ClimbEvents {
  onStand(rung: RungName, connection: Connection): void;
  onNone(): void;
  onRefused(error: WireError): void;
}

/** Steps from this one on are not begun before so long after the start; if those before have failed by then, all have. */
export interface Held {
  from: number;
  until_ms: number;
}

interface Step {
  candidate: Candidate;
  state: State;
  begun_ms: number;
  reason: Reason | null;
  attempt: ReturnType<Begin> | null;
}

export class Climb {
  readonly #steps: Step[];
  readonly #started_ms = performance.now();
  #timers: ReturnType<typeof setTimeout>[] = [];
  #over = false;

  constructor(
    candidates: readonly Candidate[],
    private readonly begin: Begin,
    private readonly events: ClimbEvents,
    private readonly held: Held | null = null,
  ) {
    this.#steps = candidates.map((candidate) => ({
      candidate,
      state: "waiting",
      begun_ms: 0,
      reason: null,
      attempt: null,
    }));
    this.#timers.push(setTimeout(() => this.#settle(), DECIDE_MS));
    if (held !== null) this.#timers.push(setTimeout(() => this.#beginNext(), held.until_ms));
    // Not before who made this climb has it in hand.
    queueMicrotask(() => this.#beginNext());
  }

  /** Why the steps that have failed have. */
  get reasons(): Reason[] {
    return this.#steps.flatMap((step) => step.reason ?? []);
  }

  cancel(): void {
    this.#end(null);
  }

  #beginNext(): void {
    if (this.#over) return;
    const index = this.#steps.findIndex((one) => one.state === "waiting");
    const step = this.#steps[index];
    if (step === undefined) {
      this.#settle();
      return;
    }
    if (this.#isHeld(index)) {
      if (this.#steps.every((one) => one.state === "waiting" || one.state === "failed")) {
        this.#end(null);
        this.events.onNone();
      }
      return;
    }
    const { candidate } = step;
    step.state = "trying";
    step.begun_ms = performance.now();
    if (!("address" in candidate)) {
      this.#failed(step, candidate.code, candidate.message);
      return;
    }
    step.attempt = this.begin(candidate, {
      onUp: () => {
        if (step.state === "trying") step.state = "up";
        this.#settle();
      },
      onDown: () => this.#failed(step, "lost", "The connection came up and went again."),
      onRefused: (error) => {
        if (this.#over) return;
        this.#end(null);
        this.events.onRefused(error);
      },
      onFailed: (code, message) => this.#failed(step, code, message),
    });
    this.#timers.push(
      setTimeout(() => {
        if (step.state === "trying") this.#beginNext();
      }, HEAD_START_MS),
    );
  }

  #isHeld(index: number): boolean {
    const { held } = this;
    return held !== null && index >= held.from && performance.now() - this.#started_ms < held.until_ms;
  }

  #failed(step: Step, code: string, message: string): void {
    if (this.#over || step.state === "failed") return;
    const { rung } = step.candidate;
    step.state = "failed";
    step.reason = { rung, code, message, took_ms: Math.round(performance.now() - step.begun_ms) };
    if (this.#steps.some((one) => one.state === "trying")) this.#settle();
    else this.#beginNext();
  }

  #settle(): void {
    if (this.#over) return;
    const states = this.#steps.map((step) => step.state);
    const chosen = decide(states, performance.now() - this.#started_ms);
    if (chosen === "wait") return;
    if (chosen === "none") {
      this.#end(null);
      this.events.onNone();
      return;
    }
    const step = this.#steps[chosen] as Step;
    const connection = step.attempt?.connection();
    if (connection == null) return;
    for (const better of this.#steps.slice(0, chosen)) {
      if (better.reason !== null) continue;
      const took_ms = Math.round(performance.now() - better.begun_ms);
      const { rung } = better.candidate;
      better.reason = { rung, code: "timeout", message: "There was no answer in time.", took_ms };
    }
    this.#end(step);
    this.events.onStand(step.candidate.rung, connection);
  }

  /** Leave nothing but the step that is stood on. */
  #end(chosen: Step | null): void {
    if (this.#over) return;
    this.#over = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const step of this.#steps) if (step !== chosen) step.attempt?.close();
  }
}
