// The facts about what is in the way of a call, gathered as they come; `problems.ts` makes of them what a person is told.
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { type Facts, LASTING_MS, problemOf, type Said } from "./problems.js";
import type { KernelPresence, Phase, Problem } from "./ui/state.js";

/** The kernel has not given a ticket for this long after Join: the user is told why nothing happens. */
const TICKET_PATIENCE_MS = 8000;

/** What is known elsewhere. */
interface Sources {
  phase: ReadonlySignal<Phase>;
  kernel: ReadonlySignal<KernelPresence>;
  guest: boolean;
  capture(): Facts["capture"];
  noCommonCodec(): boolean;
}

export class Troubles {
  readonly joinRefused = signal(false);
  readonly ended = signal<Said | null>(null);
  readonly relay = signal<Said | null>(null);
  readonly unreached = signal<string | null>(null);
  readonly ticketMissing = signal(false);
  readonly cannotPlay = signal(false);
  readonly problem: ReadonlySignal<Problem | null>;
  readonly #lasting = signal(false);
  readonly #dismissed = signal<ReadonlySet<string>>(new Set());
  #patienceTimer: ReturnType<typeof setTimeout> | undefined;
  #lastingTimer: ReturnType<typeof setTimeout> | undefined;

  constructor({ phase, kernel, guest, capture, noCommonCodec }: Sources) {
    this.problem = computed(() =>
      problemOf({
        phase: phase.value,
        kernel: kernel.value,
        guest,
        joinRefused: this.joinRefused.value,
        ended: this.ended.value,
        relay: this.relay.value,
        unreached: this.unreached.value,
        lasting: this.#lasting.value,
        ticketMissing: this.ticketMissing.value,
        capture: capture(),
        cannotPlay: this.cannotPlay.value,
        noCommonCodec: noCommonCodec(),
        dismissed: this.#dismissed.value,
      }),
    );
  }

  /** A new try: what was the matter with the last one is over. */
  begin(): void {
    this.ended.value = null;
    this.ticketMissing.value = false;
    this.showAgain();
  }

  /** On the way in: what takes too long is told. */
  wait(ticketMissing: () => boolean): void {
    clearTimeout(this.#patienceTimer);
    this.#patienceTimer = setTimeout(() => {
      this.ticketMissing.value = ticketMissing();
    }, TICKET_PATIENCE_MS);
    this.#lastingTimer ??= setTimeout(() => {
      this.#lasting.value = true;
    }, LASTING_MS);
  }

  /** In, or out of it for good. */
  waitNoMore(): void {
    clearTimeout(this.#patienceTimer);
    clearTimeout(this.#lastingTimer);
    this.#lastingTimer = undefined;
    this.#lasting.value = this.ticketMissing.value = this.joinRefused.value = false;
    this.unreached.value = null;
  }

  /** The kernel has given a ticket. */
  ticketCame(): void {
    this.relay.value = null;
    this.ticketMissing.value = false;
  }

  dismiss(code: string): void {
    this.#dismissed.value = new Set([...this.#dismissed.peek(), code]);
  }

  /** What was put away was of another moment. */
  showAgain(): void {
    this.#dismissed.value = new Set();
  }
}
