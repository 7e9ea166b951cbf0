// Every rung tried for itself, whether or not a better one carries: for the doctor, who wants to know all of them.
import { EVENT } from "../protocol.js";
import { local_ms, RelayClock } from "../time.js";
import type { RungName, Ticket } from "./index.js";
import { type Candidate, candidates, thisPage } from "./page.js";
import { askProxy } from "./proxy.js";
import { type Connection, connectSocketIo, type Way } from "./socketio.js";
import { type KernelChannel, tunnelCarrier } from "./tunnel.js";

const CLOCK_EXCHANGES = 5;
const CLOCK_GAP_MS = 30;

/** How one attempt ended: "ok", the relay's code, "unreachable", or why it could not begin. */
export interface Attempt {
  code: string;
  message: string;
  took_ms: number;
}

/** The relay's clock is ahead by `offset_ms`, give or take `error_ms`. */
export interface ClockReading {
  offset_ms: number;
  error_ms: number;
}

export interface RungProbe {
  rung: RungName;
  /** By WebSocket; through the kernel, where the rung is the tunnel. */
  first: Attempt;
  /** By plain requests, which is tried when no WebSocket comes through. */
  polling: Attempt | null;
  clock: ClockReading | null;
}

/** Best rung first, as the ladder would try them. */
export async function probeRungs(ticket: Ticket, kernel: KernelChannel): Promise<RungProbe[]> {
  return await Promise.all(candidates(ticket, thisPage()).map((one) => probe(one, ticket.token, kernel)));
}

export function reached({ code }: Attempt): boolean {
  return code !== "unreachable";
}

async function probe(candidate: Candidate, token: string, kernel: KernelChannel): Promise<RungProbe> {
  const { rung } = candidate;
  const ended = (code: string, message: string, took_ms = 0): RungProbe => ({
    rung,
    first: { code, message, took_ms },
    polling: null,
    clock: null,
  });
  if (!("address" in candidate)) return ended(candidate.code, candidate.message);
  const { address } = candidate;
  if (rung === "proxy") {
    const began_ms = performance.now();
    const objection = await askProxy(address);
    if (objection !== null) return ended(objection.code, objection.message, performance.now() - began_ms);
  }
  if (rung === "tunnel") {
    const { first, clock } = await attempt({ address, token, carrier: tunnelCarrier(kernel) });
    if (reached(first)) return { rung, first, polling: null, clock };
    return ended("no-tunnel", "The kernel does not carry it to the relay.", first.took_ms);
  }
  const byWebSocket = await attempt({ address, token, only: "websocket" });
  if (reached(byWebSocket.first)) return { rung, polling: null, ...byWebSocket };
  const byPolling = await attempt({ address, token, only: "polling" });
  return { rung, first: byWebSocket.first, polling: byPolling.first, clock: byPolling.clock };
}

/** Connect as a participant does, compare clocks, and go. */
async function attempt(way: Way): Promise<{ first: Attempt; clock: ClockReading | null }> {
  const began_ms = performance.now();
  let connection: Connection | undefined;
  const first = await new Promise<Attempt>((resolve) => {
    const end = (code: string, message: string) =>
      resolve({ code, message, took_ms: performance.now() - began_ms });
    connection = connectSocketIo(way, {
      onUp: () => end("ok", ""),
      onDown: () => end("unreachable", "lost"),
      onRefused: (error) => end(error.code, error.message),
      onFailed: (message) => end("unreachable", message),
      onEvent: () => undefined,
    });
  });
  const clock = connection?.up ? await compareClocks(connection).catch(() => null) : null;
  connection?.close();
  return { first, clock };
}

async function compareClocks(connection: Connection): Promise<ClockReading> {
  const clock = new RelayClock();
  for (let exchange = 0; exchange < CLOCK_EXCHANGES; exchange++) {
    const asked_ms = local_ms();
    const ack = (await connection.request(EVENT.clock, asked_ms)) as { now_ms?: unknown };
    clock.add(asked_ms, Number(ack.now_ms), local_ms());
    await new Promise((resolve) => setTimeout(resolve, CLOCK_GAP_MS));
  }
  const here_ms = local_ms();
  return { offset_ms: clock.toRelay_ms(here_ms) - here_ms, error_ms: clock.error_ms };
}
