// Whether the kernel of a widget is there. Hosts tell it in ways of their own, so several are listened to:
// the widget's comm ends; JupyterLab says that a kernel restarts, dies or is another one; nothing can be sent any more;
// and in every host, the kernel stops saying that it is alive. One that falls silent is asked whether it has the widget.
import type { AnyModel } from "@anywidget/types";
import { type ReadonlySignal, signal } from "@preact/signals";
import { ignoring, Machine, type Table } from "./machine.js";
import type { KernelPresence } from "./ui/state.js";

/** The kernel says every two seconds that it is alive, once a page has said hello (monitor.py). */
export const SILENCE_MS = 10_000;
/** A timer that fires so much later has slept with its page: what the kernel has said meanwhile is yet to be read. */
const SLEPT_MS = 2000;
/** After these a widget gets its kernel never back. A kernel that starts does not know it, and says so before it makes
 * any widget of its own. Of a restart that somebody else has asked for no more is heard, and that may be missed. */
const ENDS = new Set(["starting", "restarting", "autorestarting", "terminating", "dead"]);

/** For a page that has no kernel to lose. */
export const ALWAYS_HERE: ReadonlySignal<KernelPresence> = signal("here");

export type PresenceEvent = "said" | "silence" | "lost";
export type PresenceAction = "await" | "probe" | "ask" | "rest";

export const PRESENCE: Table<KernelPresence, PresenceEvent, PresenceAction> = {
  here: { said: ["here", "await"], silence: ["silent", "probe"], lost: ["gone", "rest"] },
  silent: { said: ["here", "await"], silence: ["silent", "ask"], lost: ["gone", "rest"] },
  /** Another kernel has no such widget: this is final. */
  gone: ignoring("said", "silence", "lost"),
};

export class KernelWatch {
  readonly #presence = signal<KernelPresence>("here");
  readonly #machine = new Machine<KernelPresence, PresenceEvent, PresenceAction>(PRESENCE, "here", (action) =>
    this.#act(action),
  );
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #undo: (() => void)[] = [];
  /** A kernel that is busy answers late, and once is enough. */
  #asking = false;

  /** `probe`: say something to the kernel, which fails if the widget has none. */
  constructor(
    private readonly model: Pick<AnyModel, "get" | "on" | "off" | "widget_manager">,
    private readonly probe: () => void,
  ) {
    const heard = ({ kind }: { kind?: string }) => {
      if (kind === "alive") this.#send("said");
    };
    const lost = () => this.lost();
    model.on("msg:custom", heard);
    // The model's `comm_live` changes once: to false.
    model.on("comm_live_update", lost);
    this.#undo.push(
      () => model.off("msg:custom", heard),
      () => model.off("comm_live_update", lost),
      ...watchHost(model.widget_manager as unknown as Manager, lost),
    );
  }

  get presence(): ReadonlySignal<KernelPresence> {
    return this.#presence;
  }

  lost(): void {
    this.#send("lost");
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const undo of this.#undo.splice(0)) undo();
  }

  #send(event: PresenceEvent): void {
    this.#machine.send(event);
    this.#presence.value = this.#machine.state;
  }

  #act(action: PresenceAction): void {
    switch (action) {
      case "await":
        this.#await();
        break;
      case "probe":
        this.probe();
        this.#ask();
        this.#await();
        break;
      case "ask":
        this.#ask();
        this.#await();
        break;
      case "rest":
        this.close();
        break;
    }
  }

  /** A kernel that answers, but does not know this widget, is not the one that made it. */
  #ask(): void {
    const id: unknown = this.model.get("_own_id");
    const kernel = (this.model.widget_manager as unknown as Manager | undefined)?.kernel;
    if (this.#asking || typeof id !== "string" || id === "" || !kernel?.requestCommInfo) return;
    this.#asking = true;
    const ask = async () => await kernel.requestCommInfo?.({});
    void ask()
      .then((answer) => {
        const comms = answer?.content.comms;
        if (comms !== undefined && !Object.hasOwn(comms, id)) this.lost();
      })
      // It cannot be asked now: so the question stays open, and is asked again.
      .catch(() => undefined)
      .finally(() => {
        this.#asking = false;
      });
  }

  #await(): void {
    clearTimeout(this.#timer);
    const due_ms = performance.now() + SILENCE_MS;
    this.#timer = setTimeout(() => {
      if (performance.now() - due_ms > SLEPT_MS) this.#await();
      else this.#send("silence");
    }, SILENCE_MS);
  }
}

interface Source<T> {
  connect(slot: (sender: unknown, value: T) => void): unknown;
  disconnect(slot: (sender: unknown, value: T) => void): unknown;
}

interface Kernel {
  id?: string;
  statusChanged?: Source<string>;
  requestCommInfo?(content: object): Promise<{ content: { comms?: Record<string, unknown> } }>;
}

interface KernelChange {
  oldValue?: Kernel | null;
  newValue?: Kernel | null;
}

/** What JupyterLab's widget managers have: that of a document, and that of a kernel alone. Others may lack any of it. */
interface Manager {
  context?: {
    sessionContext?: { statusChanged?: Source<string>; kernelChanged?: Source<KernelChange> };
  };
  kernel?: Kernel | null;
}

function watchHost(manager: Manager | undefined, lost: () => void): (() => void)[] {
  const session = manager?.context?.sessionContext;
  const onStatus = (_: unknown, status: string) => {
    if (ENDS.has(status)) lost();
  };
  // A kernel that was restarted is told as its own successor, a second later: its status has said that in time.
  const onKernel = (_: unknown, { oldValue, newValue }: KernelChange) => {
    if (oldValue != null && oldValue.id !== newValue?.id) lost();
  };
  return [
    ...(session?.statusChanged ? [listen(session.statusChanged, onStatus)] : []),
    ...(session?.kernelChanged ? [listen(session.kernelChanged, onKernel)] : []),
    ...(session === undefined && manager?.kernel?.statusChanged
      ? [listen(manager.kernel.statusChanged, onStatus)]
      : []),
  ];
}

function listen<T>(source: Source<T>, slot: (sender: unknown, value: T) => void): () => void {
  source.connect(slot);
  return () => {
    source.disconnect(slot);
  };
}
