// The page's half of a doctor: looks, asks the kernel where the relay is, tries every way to it, and tells.
import type { AnyModel } from "@anywidget/types";
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { probeRungs } from "../transport/probe.js";
import type { KernelChannel } from "../transport/tunnel.js";
import { Voice } from "../voice.js";
import { type Kind, lookHere, tryDevice } from "./facts.js";
import { clockRow, localRows, noTicketRow, type Row, wayRows } from "./rows.js";

/** The traits of relay_widget's Doctor that travel to the page. */
export interface DoctorTraits {
  _kernel_rows: Row[];
}

/** Where the relay is, and what to show it. Never a trait: traits are saved in notebooks. */
interface Ask {
  kind: "ask";
  /** Empty: there is none. */
  url: string;
  token: string | null;
  /** The user has named the address. */
  explicit: boolean;
  /** The kernel carries events, if nothing else does. */
  tunnel: boolean;
  /** Open camera and microphone without a click. */
  capture: boolean;
}

/** A kernel that is busy may take a while; so long it is waited for. */
const KERNEL_TIMEOUT_MS = 30_000;

export class Doctor {
  readonly kernelRows: ReadonlySignal<readonly Row[]>;
  readonly #ownRows: Signal<readonly Row[]> = signal([]);
  readonly pageRows: ReadonlySignal<readonly Row[]> = this.#ownRows;
  readonly looking = signal(false);
  readonly rows: ReadonlySignal<readonly Row[]>;
  readonly #undo: (() => void)[] = [];
  readonly #opened: Record<Kind, string | null> = { camera: null, microphone: null };
  readonly #voice: Voice;
  #begun = false;

  constructor(private readonly model: AnyModel<DoctorTraits>) {
    const kernelRows = signal<readonly Row[]>(model.get("_kernel_rows"));
    const changed = () => {
      kernelRows.value = model.get("_kernel_rows");
    };
    model.on("change:_kernel_rows", changed);
    this.#voice = new Voice(model);
    this.#undo.push(
      () => model.off("change:_kernel_rows", changed),
      () => this.#voice.close(),
    );
    this.kernelRows = kernelRows;
    this.rows = computed(() => [...this.#ownRows.value, ...kernelRows.value]);
  }

  /** Nothing is looked at before somebody sees it. */
  viewOpened(): void {
    if (this.#begun) return;
    this.#begun = true;
    void this.look(false);
  }

  /** Look at everything; `again`: the kernel is to look once more, too. */
  async look(again = true): Promise<void> {
    if (this.looking.value) return;
    this.looking.value = true;
    try {
      const asked = this.#askKernel(again);
      this.#tell(localRows(await lookHere(this.#opened)), false);
      const ask = await asked;
      if (ask?.capture) await this.#openDevices();
      const here = localRows(await lookHere(this.#opened));
      this.#tell(here, false);
      this.#tell([...here, ...(await this.#ways(ask))], true);
    } finally {
      this.looking.value = false;
    }
  }

  /** Open camera and microphone for a moment, and look again. */
  async tryDevices(): Promise<void> {
    await this.#openDevices();
    await this.look(false);
  }

  close(): void {
    for (const undo of this.#undo) undo();
  }

  async #openDevices(): Promise<void> {
    // One after the other: a browser asks one question at a time.
    for (const kind of ["camera", "microphone"] as const) this.#opened[kind] = await tryDevice(kind);
  }

  async #ways(ask: Ask | null): Promise<Row[]> {
    if (ask === null) return [noTicketRow("ticket-missing")];
    if (ask.url === "") return [noTicketRow("relay-unreachable")];
    const probes = await probeRungs({ ...ask, token: ask.token ?? "" }, this.#channel);
    return [...wayRows(probes), clockRow(probes)];
  }

  /** Asked anew each time: a token ends. */
  #askKernel(again: boolean): Promise<Ask | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => end(null), KERNEL_TIMEOUT_MS);
      const heard = (message: Ask) => {
        if (message.kind === "ask") end(message);
      };
      const end = (ask: Ask | null) => {
        clearTimeout(timer);
        this.model.off("msg:custom", heard);
        resolve(ask);
      };
      this.model.on("msg:custom", heard);
      this.#voice.say({ kind: "hello", origin: location.origin, again });
    });
  }

  #tell(rows: readonly Row[], done: boolean): void {
    this.#ownRows.value = rows;
    this.#voice.say({ kind: "rows", rows, done });
  }

  readonly #channel: KernelChannel = {
    send: (content, buffers) => this.model.send(content, undefined, buffers),
    listen: (heard) => {
      this.model.on("msg:custom", heard);
      return () => this.model.off("msg:custom", heard);
    },
  };
}
