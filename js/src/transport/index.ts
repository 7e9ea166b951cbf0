// What carries events to the relay and back. The session does not know how; only this folder knows sockets.
//
// A ticket says where the relay is as its kernel sees it. How a page gets there is the ladder's business (ladder.ts):
// it tries the rungs "url" or "proxy" and "direct", and last "tunnel". A page without a kernel, which the relay
// itself serves, has one that leaves only "direct": the address that the page came from.
import type { WireError } from "../protocol.js";

export interface Ticket {
  /** The relay's address as its kernel knows it, a path prefix included; tells one relay from another. */
  url: string;
  token: string;
  /** A word to join with, by which the kernel knows its page, where the token does not say. */
  call?: string;
  /** The user has named that address: no other is tried. */
  explicit: boolean;
  /** Whoever gave the ticket also carries events to the relay, if nothing else does. */
  tunnel: boolean;
}

/** Ways to the relay: the address that the user has named; the notebook server's own address, by
 * jupyter-server-proxy; the relay's port; the kernel's messages. */
export type RungName = "url" | "proxy" | "direct" | "tunnel";

/** Why a rung does not carry. `code` is for programs, `message` one sentence for people. */
export interface Reason {
  rung: RungName;
  code: string;
  message: string;
  took_ms: number;
}

export interface TransportEvents {
  /** The relay has accepted this connection (again). */
  onUp(): void;
  /** It is gone; the transport tries by itself to come back. */
  onDown(): void;
  /** The relay answered, with a no: a token, the version. The transport has stopped trying. */
  onRefused(error: WireError): void;
  /** The relay does not answer at all; `attempts` so far. */
  onUnreachable(attempts: number): void;
  onEvent(event: string, args: unknown[]): void;
}

export interface Transport {
  /** How events travel now; "" before the first connection. */
  readonly name: RungName | "";
  /** Why the rungs that were tried and do not carry now do not, best rung first. */
  readonly reasons: readonly Reason[];
  /** Whether events sent now reach the relay. */
  readonly up: boolean;
  /** Bytes that this page has sent and the network has not taken yet. */
  readonly waiting_bytes: number;
  /** Connect, or connect anew with another ticket. */
  connect(): void;
  /** Fire and forget; silently nothing while not `up` (media of a lost connection are of no use later). */
  send(event: string, ...args: unknown[]): void;
  /** Resolves to the relay's acknowledgement; rejects when the connection goes or nothing comes in time. */
  request(event: string, payload?: unknown): Promise<unknown>;
  close(): void;
}
