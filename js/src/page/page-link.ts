// What a kernel is to a call in a notebook, on the join page: it keeps the call's settings, and its ticket is the link's.
import { ALWAYS_HERE } from "../kernel-presence.js";
import type { KernelLink, KernelMessage, Traits } from "../model.js";
import type { Invitation } from "../ui/state.js";

const ROOM_IF_FREE = "lab";
const TIMESLICE_MS = 20;

export class PageLink implements KernelLink {
  readonly channel = null;
  /** There is none to lose. */
  readonly kernel = ALWAYS_HERE;
  readonly home = this;
  readonly #traits: Traits;
  readonly #changed = new Map<keyof Traits, (() => void)[]>();
  #heard: (message: KernelMessage) => void = () => undefined;

  /** `url` is the relay's address, as this page sees it. */
  constructor(
    private readonly token: string,
    private readonly url: string,
    invitation: Invitation,
  ) {
    this.#traits = {
      room: invitation.room ?? ROOM_IF_FREE,
      name: invitation.name ?? "",
      timeslice: TIMESLICE_MS,
      target_latency: null,
      source: "camera",
      microphone: true,
      camera: true,
      auto_join: false,
      _default_name: "",
    };
  }

  get<K extends keyof Traits>(name: K): Traits[K] {
    return this.#traits[name];
  }

  set<K extends keyof Traits>(name: K, value: Traits[K]): void {
    if (this.#traits[name] === value) return;
    this.#traits[name] = value;
    for (const changed of this.#changed.get(name) ?? []) changed();
  }

  onChange(name: keyof Traits, changed: () => void): void {
    this.#changed.set(name, [...(this.#changed.get(name) ?? []), changed]);
  }

  onMessage(heard: (message: KernelMessage) => void): void {
    this.#heard = heard;
  }

  hello(): void {
    this.askTicket();
  }

  askTicket(): void {
    // Later, as from a kernel.
    const ticket = { url: this.url, token: this.token, explicit: false, tunnel: false };
    queueMicrotask(() => this.#heard({ kind: "ticket", ...ticket }));
  }

  /** This link leads nowhere (any more). A call that is going on is left to the relay. */
  closeDoor(code: string): void {
    this.#heard({ kind: "closed", code });
  }

  /** A guest has no more rights than its link: links are made in the notebook. */
  askInvite(): void {}

  tellState(): void {}

  close(): void {
    this.#heard = () => undefined;
  }
}
