// What carries events to the relay and back. The session does not know how; only this folder knows sockets.
import type { WireError } from "../protocol.js";

export interface Ticket {
  url: string;
  token: string;
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
  /** How media travel, in a word for the head of the cell. */
  readonly name: string;
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
