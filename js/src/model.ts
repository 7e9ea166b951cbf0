// The widget model as this program sees it: typed traits both ways, and the messages of the kernel.
import type { AnyModel } from "@anywidget/types";
import type { ReadonlySignal } from "@preact/signals";
import { KernelWatch } from "./kernel-presence.js";
import { saveChanges } from "./saving.js";
import type { RungName, Ticket } from "./transport/index.js";
import type { KernelChannel } from "./transport/tunnel.js";
import type { InviteAnswer, KernelPresence, Phase, Source } from "./ui/state.js";
import { Voice } from "./voice.js";

/** The traits of relay_widget.Call that travel to the page. */
export interface Traits {
  room: string;
  name: string;
  timeslice: number;
  /** ms behind the live edge; null: as little as goes well. */
  target_latency: number | null;
  source: Source;
  microphone: boolean;
  camera: boolean;
  auto_join: boolean;
  /** What the name is if nobody chooses one; "" if it was chosen. */
  _default_name: string;
}

/** What the kernel says in custom messages. A ticket is never a trait: traits are saved in notebooks. */
export type KernelMessage =
  | ({ kind: "ticket" } & Ticket)
  /** Who takes part in the room, and who records it. */
  | { kind: "people"; names: string[]; recorders: string[] }
  | InviteAnswer
  | { kind: "relay-failed"; code: string; message: string }
  /** There is nothing to join (any more). */
  | { kind: "closed"; code: string }
  | { kind: "join" }
  | { kind: "leave" };

export interface KernelLink {
  readonly kernel: ReadonlySignal<KernelPresence>;
  /** The notebook: calls with the same one can replace each other. */
  readonly home: unknown;
  get<K extends keyof Traits>(name: K): Traits[K];
  /** Set a trait and send it to Python. */
  set<K extends keyof Traits>(name: K, value: Traits[K]): void;
  onChange(name: keyof Traits, changed: () => void): void;
  onMessage(heard: (message: KernelMessage) => void): void;
  /** This page listens now. The kernel tells the relay to serve it. */
  hello(): void;
  askTicket(): void;
  askInvite(rights: { publish: boolean }): void;
  tellState(state: Phase, error: { code: string; message: string } | null, transport: RungName | ""): void;
  /** For what goes through the kernel when nothing else comes through; null: there is no kernel. */
  readonly channel: KernelChannel | null;
  close(): void;
}

export function kernelLink(model: AnyModel<Traits>): KernelLink {
  const hello = () => voice.say({ kind: "hello", origin: location.origin });
  const watch = new KernelWatch(model, hello);
  const voice = new Voice(model, () => watch.lost());
  const undo: (() => void)[] = [() => voice.close(), () => watch.close()];
  return {
    kernel: watch.presence,
    home: model.widget_manager,
    get: (name) => model.get(name),
    set(name, value) {
      if (model.get(name) === value) return;
      model.set(name, value);
      saveChanges(model);
    },
    onChange(name, changed) {
      model.on(`change:${name}`, changed);
      undo.push(() => model.off(`change:${name}`, changed));
    },
    onMessage(heard) {
      const handler = (message: KernelMessage) => heard(message);
      model.on("msg:custom", handler);
      undo.push(() => model.off("msg:custom", handler));
    },
    hello,
    askInvite: ({ publish }) => voice.say({ kind: "invite", publish }),
    askTicket: () => voice.say({ kind: "ticket" }),
    tellState: (state, error, transport) => voice.say({ kind: "state", state, error, transport }),
    channel: {
      send: (content, buffers) => model.send(content, undefined, buffers),
      listen(heard) {
        model.on("msg:custom", heard);
        return () => model.off("msg:custom", heard);
      },
    },
    close() {
      for (const f of undo) f();
    },
  };
}
