// What a page says to its kernel, so that it is heard. A widget's messages go beside a running cell only from a moment
// after the widget has come, when JupyterLab has begun a subshell for them; one sent before then may wait for the whole
// cell, and is then heard after those that were sent later. So things are said again, and have numbers.
import type { AnyModel } from "@anywidget/types";

/** The first wait; each is twice as long as the one before. */
const FIRST_WAIT_MS = 250;
/** Sixteen seconds in all: where nothing is heard by then, all of it waits for the cell, and more would only pile up. */
const MAX_TIMES = 7;

/** Say it now, and again until the returned function is called, or `say` throws. It must do no harm to hear it more
 * than once. */
export function sayUntilHeard(say: () => void): () => void {
  let times = 0;
  let heard = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const once = () => {
    say();
    times += 1;
    if (!heard && times < MAX_TIMES) timer = setTimeout(once, FIRST_WAIT_MS * 2 ** (times - 1));
  };
  once();
  return () => {
    heard = true;
    clearTimeout(timer);
  };
}

/** How many kinds of things may be unheard at a time; a page has fewer. */
const MAX_UNHEARD = 16;

/** Says each thing until the kernel has heard it. The kernel (subshells.py) hears it once, and nothing of a kind that
 * this page has said later things of; so only the last of each kind is kept and said again. */
export class Voice {
  /** Tells this page from others that show the same widget, and from itself before it was loaded anew. */
  readonly #page = `${Math.random()}`;
  #number = 0;
  readonly #unheard = new Map<string, { number: number; stop: () => void }>();
  #closed = false;

  /** `lost`: nothing can be said any more, because this widget has no kernel. */
  constructor(
    private readonly model: Pick<AnyModel, "send" | "on" | "off">,
    private readonly lost: () => void = () => undefined,
  ) {
    model.on("msg:custom", this.#heard);
  }

  /** How many things have not been heard. */
  get unheard(): number {
    return this.#unheard.size;
  }

  say(words: { kind: string; [word: string]: unknown }): void {
    if (this.#closed) return;
    this.#forget(words.kind);
    if (this.#unheard.size >= MAX_UNHEARD) this.#forget(this.#unheard.keys().next().value ?? "");
    this.#number += 1;
    const message = { ...words, page: this.#page, number: this.#number };
    const stop = sayUntilHeard(() => this.#send(message));
    if (!this.#closed) this.#unheard.set(words.kind, { number: message.number, stop });
  }

  close(): void {
    this.#closed = true;
    this.model.off("msg:custom", this.#heard);
    for (const kind of [...this.#unheard.keys()]) this.#forget(kind);
  }

  #forget(kind: string): void {
    this.#unheard.get(kind)?.stop();
    this.#unheard.delete(kind);
  }

  #send(message: object): void {
    if (this.#closed) return;
    try {
      this.model.send(message);
    } catch (error) {
      // So it is after a restart: this widget has no kernel any more, and will not get one.
      console.warn(`relay-widget: this page has lost its kernel (${error})`);
      this.close();
      this.lost();
    }
  }

  readonly #heard = ({ kind, page, number }: { kind: string; page?: string; number?: number }): void => {
    if (kind !== "heard" || page !== this.#page) return;
    for (const [said, unheard] of this.#unheard) if (unheard.number === number) this.#forget(said);
  };
}
