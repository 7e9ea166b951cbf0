// The transport that the session gets: stands on the best rung that carries, comes back when it is lost, and looks
// now and then whether a better one carries by now.
import type { WireError } from "../protocol.js";
import { Climb, type ClimbEvents, type Held } from "./climb.js";
import type { Reason, RungName, Ticket, Transport, TransportEvents } from "./index.js";
import { type Candidate, candidates, type PageAddress, thisPage } from "./page.js";
import { askProxy } from "./proxy.js";
import { type Connection, connectSocketIo } from "./socketio.js";
import { type KernelChannel, TunnelError, tunnelCarrier } from "./tunnel.js";

const RETRY_FIRST_MS = 150;
const RETRY_MAX_MS = 1200;
/** After a loss only the rungs down to the one that carried are tried for so long: a relay that is just being started
 * again is no reason to go through the kernel. */
const LOYAL_MS = 1500;
const UPWARD_FIRST_MS = 5_000;
const UPWARD_MAX_MS = 60_000;

export interface LadderOptions {
  /** The kernel's messages; without, there is no tunnel. */
  kernel?: KernelChannel;
  page?: PageAddress;
}

/** Makes the transports of sessions. `ticket` is asked at every attempt, so that a fresh one is used as soon as there
 * is one. */
export function ladder(
  options: LadderOptions = {},
): (ticket: () => Ticket, events: TransportEvents) => Transport {
  const memory: Memory = { rung: "", lost_ms: Number.NEGATIVE_INFINITY };
  return (ticket, events) => new Ladder(ticket, events, options, memory);
}

/** What one transport of a session leaves to the next. */
interface Memory {
  /** Which rung carried last, and when it was left. */
  rung: RungName | "";
  lost_ms: number;
}

class Ladder implements Transport {
  #rung: RungName | "" = "";
  #connection: Connection | null = null;
  #climb: Climb | null = null;
  #reasons: readonly Reason[] = [];
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #upward_ms = UPWARD_FIRST_MS;

  constructor(
    private readonly ticket: () => Ticket,
    private readonly events: TransportEvents,
    private readonly options: LadderOptions,
    private readonly memory: Memory,
  ) {}

  get name(): RungName | "" {
    return this.#rung;
  }

  get reasons(): readonly Reason[] {
    return this.#climb === null ? this.#reasons : merged(this.#climb.reasons, this.#reasons);
  }

  get up(): boolean {
    return this.#connection?.up ?? false;
  }

  get waiting_bytes(): number {
    return this.#connection?.waiting_bytes ?? 0;
  }

  connect(): void {
    if (this.up || this.#climb !== null) return;
    clearTimeout(this.#timer);
    const all = this.#candidates();
    const loyal_ms = this.memory.lost_ms + LOYAL_MS - performance.now();
    const lowest = all.findIndex((candidate) => candidate.rung === this.memory.rung);
    const held = loyal_ms > 0 && lowest !== -1 ? { from: lowest + 1, until_ms: loyal_ms } : null;
    const otherwise = {
      onNone: () => {
        this.#attempts += 1;
        const wait_ms = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (this.#attempts - 1));
        this.#timer = setTimeout(() => this.connect(), wait_ms * (0.5 + Math.random()));
        this.events.onUnreachable(this.#attempts);
      },
      onRefused: (error: WireError) => this.events.onRefused(error),
    };
    this.#start(all, otherwise, held);
  }

  send(event: string, ...args: unknown[]): void {
    this.#connection?.send(event, args);
  }

  async request(event: string, payload?: unknown): Promise<unknown> {
    if (this.#connection === null) throw new Error("not connected");
    return await this.#connection.request(event, payload);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#climb?.cancel();
    this.#climb = null;
    if (this.#connection !== null) this.memory.lost_ms = performance.now();
    this.#connection?.close();
    this.#connection = null;
  }

  #candidates(): Candidate[] {
    const { kernel, page } = this.options;
    const ticket = this.ticket();
    return candidates({ ...ticket, tunnel: ticket.tunnel && kernel !== undefined }, page ?? thisPage());
  }

  #start(
    steps: readonly Candidate[],
    otherwise: { onNone(): void; onRefused(error: WireError): void },
    held: Held | null = null,
  ): void {
    const end = () => {
      this.#reasons = merged(climb.reasons, this.#reasons);
      this.#climb = null;
    };
    const events: ClimbEvents = {
      onStand: (rung, connection) => {
        end();
        this.#stand(rung, connection);
      },
      onNone: () => {
        end();
        otherwise.onNone();
      },
      onRefused: (error) => {
        end();
        otherwise.onRefused(error);
      },
    };
    const climb = new Climb(steps, (candidate, heard) => this.#begin(candidate, heard), events, held);
    this.#climb = climb;
  }

  /** Stand on this rung, and let go of the one before. */
  #stand(rung: RungName, connection: Connection): void {
    const before = this.#connection;
    if (before !== null) {
      before.close();
      this.events.onDown();
    }
    this.#rung = this.memory.rung = rung;
    this.#connection = connection;
    this.#attempts = 0;
    const better = this.#better().map((one) => one.rung);
    this.#reasons = this.#reasons.filter((reason) => better.includes(reason.rung));
    if (before !== null) this.#upward_ms = UPWARD_FIRST_MS;
    this.#lookUpward();
    this.events.onUp();
  }

  #lost(): void {
    this.#connection = null;
    this.#climb?.cancel();
    this.#climb = null;
    this.memory.lost_ms = performance.now();
    this.events.onDown();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.connect(), RETRY_FIRST_MS * (0.5 + Math.random()));
  }

  /** The rungs above this one. */
  #better(): Candidate[] {
    const all = this.#candidates();
    return all.slice(
      0,
      all.findIndex((candidate) => candidate.rung === this.#rung),
    );
  }

  #lookUpward(): void {
    clearTimeout(this.#timer);
    if (!this.#better().some((candidate) => "address" in candidate)) return;
    this.#timer = setTimeout(() => {
      const again = () => this.#lookUpward();
      // A refusal up there is told to nobody: here it goes well.
      this.#start(this.#better(), { onNone: again, onRefused: again });
    }, this.#upward_ms);
    this.#upward_ms = Math.min(2 * this.#upward_ms, UPWARD_MAX_MS);
  }

  #begin: ConstructorParameters<typeof Climb>[1] = ({ rung, address }, events) => {
    let connection: Connection | null = null;
    let closed = false;
    const open = () => {
      if (closed) return;
      const { kernel } = this.options;
      const carrier = rung === "tunnel" && kernel !== undefined ? tunnelCarrier(kernel) : undefined;
      connection = connectSocketIo(
        { address, token: this.ticket().token, ...(carrier === undefined ? {} : { carrier }) },
        {
          onUp: events.onUp,
          onDown: () => {
            if (connection === this.#connection) this.#lost();
            else events.onDown();
          },
          onRefused: events.onRefused,
          onFailed: (message, cause) => events.onFailed(...whyNot(rung, message, cause)),
          onEvent: (event, args) => {
            if (connection === this.#connection) this.events.onEvent(event, args);
          },
        },
      );
    };
    if (rung === "proxy") {
      void askProxy(address).then((objection) => {
        if (closed) return;
        if (objection === null) open();
        else events.onFailed(objection.code, objection.message);
      });
    } else open();
    return {
      connection: () => connection,
      close: () => {
        closed = true;
        connection?.close();
      },
    };
  };
}

/** A code and a sentence. */
function whyNot(rung: RungName, message: string, cause: unknown): [string, string] {
  if (cause instanceof TunnelError) return [cause.code, cause.message];
  if (message !== "timeout") return ["unreachable", "Nothing answers there that is a relay."];
  if (rung !== "tunnel") return ["timeout", "There was no answer in time."];
  return ["kernel-silent", "The kernel did not answer in time: it may be busy with a cell."];
}

/** What is known now, and of other rungs what was known before. */
function merged(now: readonly Reason[], before: readonly Reason[]): Reason[] {
  return [...now, ...before.filter((old) => !now.some((reason) => reason.rung === old.rung))];
}
