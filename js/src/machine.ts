// A state machine as data: for every state and every event, what comes next and what is done. A pair that has nothing to
// do says so; the types leave none out. What an action does is the business of the machine's owner.

/** Nothing follows: the state stays, nothing is done. */
const IGNORED = "ignored";

/** The next state, then the actions in their order. */
export type Step<S extends string, A extends string> = readonly [next: S, ...actions: A[]];

export type Table<S extends string, E extends string, A extends string> = {
  readonly [state in S]: { readonly [event in E]: Step<S, A> | typeof IGNORED };
};

/** The rest of a row: these events change nothing in its state. */
export function ignoring<E extends string>(...events: E[]): Record<E, typeof IGNORED> {
  return Object.fromEntries(events.map((event) => [event, IGNORED])) as Record<E, typeof IGNORED>;
}

/** Runs a table. An event that an action sends waits until the step before it is done. */
export class Machine<S extends string, E extends string, A extends string, Detail = undefined> {
  #state: S;
  readonly #waiting: { event: E; detail: Detail | undefined }[] = [];
  #running = false;

  /** `act` does one action; `detail` is what came with the event. */
  constructor(
    private readonly table: Table<S, E, A>,
    start: S,
    private readonly act: (action: A, detail: Detail | undefined) => void,
  ) {
    this.#state = start;
  }

  get state(): S {
    return this.#state;
  }

  /** An action that throws does not stop the others: half a step would leave what the state does not say. */
  send(event: E, detail?: Detail): void {
    this.#waiting.push({ event, detail });
    if (this.#running) return;
    this.#running = true;
    const mistakes: unknown[] = [];
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const step = this.table[this.#state][next.event];
      if (step === IGNORED) continue;
      this.#state = step[0];
      for (const action of step.slice(1) as A[]) {
        try {
          this.act(action, next.detail);
        } catch (mistake) {
          mistakes.push(mistake);
        }
      }
    }
    this.#running = false;
    if (mistakes.length > 0) throw mistakes[0];
  }
}

/** The table for people, in Markdown. */
export function markdown<S extends string, E extends string, A extends string>(
  table: Table<S, E, A>,
): string {
  const lines = ["| state | event | next | actions |", "|---|---|---|---|"];
  for (const state of Object.keys(table) as S[]) {
    const ignored: E[] = [];
    for (const event of Object.keys(table[state]) as E[]) {
      const step = table[state][event];
      if (step === IGNORED) ignored.push(event);
      else lines.push(`| **${state}** | ${event} | ${step[0]} | ${step.slice(1).join(", ")} |`);
    }
    if (ignored.length > 0) lines.push(`| **${state}** | *${ignored.join(", ")}* | *ignored* | |`);
  }
  return lines.join("\n");
}
