// A relay and the way to it, as the session sees them, in one process and without time: the test says when a connection
// comes up, when the relay reads a request, when its answer arrives, and when anything breaks.
import { EVENT, type JoinAck, type ListenerInfo, type PeerInfo, type TrackInfo } from "../../src/protocol.js";
import type { Ticket, Transport, TransportEvents } from "../../src/transport/index.js";

/** As the transport's own: the session hears that nothing came. */
const REQUEST_TIMEOUT_MS = 5000;

interface Asked {
  event: string;
  payload: unknown;
  resolve(answer: unknown): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

export interface Member {
  peer: string;
  room: string;
  name: string;
  tracks: Map<string, TrackInfo>;
}

export class FakeRelay {
  readonly members = new Map<FakeTransport, Member>();
  /** Every transport that was ever made and has not been closed. */
  readonly open = new Set<FakeTransport>();
  /** Tokens that are good; resume tokens are the peers' ids. */
  readonly good = new Set<string>();
  /** What the next join is refused with. */
  refusal: string | null = null;
  others: PeerInfo[] = [];
  listeners: ListenerInfo[] = [];
  /** When a token's holder has to hand in a fresh one, ms from now; null: never. */
  lifetime_ms: number | null = null;
  #ids = 0;

  readonly transport = (ticket: () => Ticket, events: TransportEvents): Transport =>
    new FakeTransport(this, ticket, events);

  answer(transport: FakeTransport, { event, payload }: Asked): unknown {
    const member = this.members.get(transport);
    const refused = (code: string) => ({ ok: false, error: { code, message: code } });
    const expires_ms = this.lifetime_ms === null ? null : Date.now() + this.lifetime_ms;
    if (event === EVENT.clock) return { ok: true, t0: payload, now_ms: Date.now() };
    if (event === EVENT.join) {
      if (member !== undefined) return refused("already-joined");
      if (this.refusal !== null) return refused(this.refusal);
      const { room, name } = payload as { room: string; name: string };
      this.#ids += 1;
      const peer = `p${this.#ids}`;
      this.members.set(transport, { peer, room, name, tracks: new Map() });
      this.good.add(peer);
      const ack: JoinAck = {
        ok: true,
        peer,
        name,
        peers: this.others,
        listeners: this.listeners,
        now_ms: Date.now(),
        resume: peer,
        expires_ms,
      };
      return ack;
    }
    if (member === undefined) return refused("not-joined");
    if (event === EVENT.leave) this.members.delete(transport);
    else if (event === EVENT.rename) member.name = (payload as { name: string }).name;
    else if (event === EVENT.publish) {
      member.tracks.set((payload as TrackInfo).track, payload as TrackInfo);
    } else if (event === EVENT.unpublish) member.tracks.delete((payload as { track: string }).track);
    else if (event === EVENT.renew) {
      if (!this.good.has((payload as { token: string }).token)) return refused("expired-token");
      return { ok: true, resume: member.peer, expires_ms };
    }
    return { ok: true };
  }
}

export class FakeTransport implements Transport {
  readonly name = "direct";
  readonly reasons = [];
  readonly waiting_bytes = 0;
  up = false;
  trying = false;
  /** Under way to the relay, in their order; and answers under way back. */
  readonly asked: Asked[] = [];
  readonly answers: (() => void)[] = [];
  #attempts = 0;

  constructor(
    private readonly relay: FakeRelay,
    private readonly ticket: () => Ticket,
    private readonly events: TransportEvents,
  ) {
    relay.open.add(this);
  }

  connect(): void {
    if (!this.up) this.trying = true;
  }

  send(): void {}

  request(event: string, payload?: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (!this.up) {
        reject(new Error("not connected"));
        return;
      }
      const timer = setTimeout(() => reject(new Error("no answer")), REQUEST_TIMEOUT_MS);
      this.asked.push({ event, payload, resolve, reject, timer });
    });
  }

  close(): void {
    this.relay.open.delete(this);
    this.up = this.trying = false;
    this.#drop();
  }

  // -- what happens to it --

  /** The attempt that is going on comes to its end. */
  arrive(): void {
    if (!this.trying) return;
    this.trying = false;
    if (this.relay.good.has(this.ticket().token)) {
      this.up = true;
      this.#attempts = 0;
      this.events.onUp();
    } else this.events.onRefused({ code: "expired-token", message: "expired-token" });
  }

  fail(): void {
    if (!this.trying) return;
    this.#attempts += 1;
    this.events.onUnreachable(this.#attempts); // and goes on trying
  }

  break(acksFirst: boolean): void {
    if (!this.up) return;
    this.up = false;
    this.trying = true;
    if (acksFirst) this.#drop();
    this.events.onDown();
    if (!acksFirst) this.#drop();
  }

  /** The relay reads the next request; its answer is under way. */
  read(): void {
    const next = this.asked.shift();
    if (next === undefined) return;
    const answer = this.relay.answer(this, next);
    this.answers.push(() => {
      clearTimeout(next.timer);
      next.resolve(answer);
    });
  }

  /** The next answer arrives. */
  hear(): void {
    this.answers.shift()?.();
  }

  say(event: string, payload: unknown): void {
    if (this.up) this.events.onEvent(event, [payload]);
  }

  #drop(): void {
    this.relay.members.delete(this);
    for (const { reject, timer } of this.asked.splice(0)) {
      clearTimeout(timer);
      reject(new Error("disconnected"));
    }
    this.answers.length = 0;
  }
}
