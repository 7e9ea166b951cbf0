// One participant's dialogue with the relay: join, publish, subscribe, clock, reports; and coming back after
// a lost connection under the same peer id. Knows the wire, not the socket, the recorder or the page.
// Where it stands and what follows from what is a table (session-states.ts); here is what its actions do.
import { EarlyEvents } from "./early-events.js";
import { Machine } from "./machine.js";
import {
  type ClockAck,
  EVENT,
  type GroupsDropped,
  type JoinAck,
  type LeftReason,
  type ListenerInfo,
  type MediaHeader,
  type PeerInfo,
  type RelayEnding,
  type RelayedHeader,
  type RenewAck,
  type Report,
  type TrackInfo,
  type TrackLag,
  type TrackMuted,
  type WireError,
} from "./protocol.js";
import { SESSION, type SessionAction, type SessionEvent, type SessionState } from "./session-states.js";
import { local_ms, MAX_TIMER_MS, RelayClock } from "./time.js";
import type { Reason, RungName, Ticket, Transport, TransportEvents } from "./transport/index.js";
import { Uplink, type UplinkState } from "./uplink.js";

const CLOCK_BURST = 4;
const CLOCK_BURST_GAP_MS = 60;
const CLOCK_INTERVAL_MS = 10_000;
/** A question that the relay has not answered at all has waited as long as one waits for an answer. */
const UNANSWERED_MS = 5000;
const UNREACHABLE_AFTER_ATTEMPTS = 4;
/** Errors after which the relay ends the connection, and which coming back by itself would not mend. */
const ENDS = new Set(["replaced", "removed", "room-ended", "expired-token"]);
const MIN_RENEWAL_MS = 500;

export interface SessionEvents {
  /** In the room (again); the relay knows nothing of our media. */
  onJoined(): void;
  onReconnecting(): void;
  /** It cannot go on without something new (another ticket, another name). */
  onFailed(error: WireError): void;
  /** The relay has not answered for a while; attempts go on. */
  onUnreachable(): void;
  /** A refusal that does not end the call. */
  onWireError(error: WireError): void;
  onPeers(peers: readonly PeerInfo[]): void;
  /** Who receives in the room without being a participant. */
  onListeners(listeners: readonly ListenerInfo[]): void;
  /** What the relay calls us, if it is not what was asked for: somebody else has that name. */
  onNamed(name: string): void;
  onPeerGone(peer: string, reason: LeftReason): void;
  onMedia(header: RelayedHeader, bytes: Uint8Array): void;
  /** The relay lets this page stay for so long only: a fresh ticket is wanted before (`offerTicket`). */
  onExpiring(): void;
  /** Who runs the room has muted or unmuted us. */
  onMuted(muted: TrackMuted): void;
  /** How many of those who get one of our tracks lose groups of it. */
  onTrackLag(lag: TrackLag): void;
  /** The relay has left out what did not fit through the way to this page: totals of one track. */
  onGroupsDropped(dropped: GroupsDropped): void;
}

export interface JoinRequest {
  room: string;
  name: string;
  plays: string[];
  /** Nobody chose the name: the relay may add a number. */
  numbered?: boolean;
  /** Get back what one sends, as the others get it. */
  loopback?: boolean;
}

/** What comes with an event. */
interface Detail {
  error?: WireError;
  /** The relay's yes to `join`, and when it was asked for what. */
  entry?: { ack: Extract<JoinAck, { ok: true }>; asked_ms: number; asked: JoinRequest };
  /** A fresh ticket, and the relay's yes to it. */
  renewal?: { ticket: Ticket; ack?: Extract<RenewAck, { ok: true }> };
}

export class Session {
  readonly clock = new RelayClock();
  readonly #machine = new Machine<SessionState, SessionEvent, SessionAction, Detail>(
    SESSION,
    "closed",
    (action, detail) => this.#act(action, detail),
  );
  #transport: Transport | null = null;
  #ticket: Ticket | null = null;
  #resume: Ticket | null = null;
  #openedUrl = "";
  /** Where the last wish is to be, and under which name; null: nowhere. */
  #wish: JoinRequest | null = null;
  /** The room that we are in, or that the relay has been asked for, and the name that it knows. */
  #place: JoinRequest | null = null;
  /** The question whose answer moves the machine: a join or a leave. Others' answers come too late. */
  #question: object | null = null;
  #departed: Promise<void> = Promise.resolve();
  #peer = "";
  #peers = new Map<string, PeerInfo>();
  #listeners = new Map<string, ListenerInfo>();
  #tracks = new Map<string, TrackInfo>();
  #clockTimer: ReturnType<typeof setInterval> | undefined;
  #renewalTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #uplink = new Uplink();
  /** What arrived between the relay's yes to `join` and our reading of it (one polling answer holds both). */
  readonly #early = new EarlyEvents();
  #sent = { bytes: 0, chunks: 0 };

  constructor(
    private readonly createTransport: (ticket: () => Ticket, events: TransportEvents) => Transport,
    private readonly events: SessionEvents,
  ) {}

  get state(): SessionState {
    return this.#machine.state;
  }

  /** The relay has us in the room, and nothing else is under way. */
  get joined(): boolean {
    return this.state === "joined" || this.state === "expiring";
  }

  get peer(): string {
    return this.#peer;
  }

  /** How media travel now; "" while they do not. */
  get rung(): RungName | "" {
    return this.#transport?.up ? this.#transport.name : "";
  }

  /** Why they do not travel in a better way, or not at all. */
  get reasons(): readonly Reason[] {
    return this.#transport?.reasons ?? [];
  }

  /** Totals of what has been handed to the network. */
  get sent(): Readonly<{ bytes: number; chunks: number }> {
    return this.#sent;
  }

  /** How our media get away. */
  get uplink(): Readonly<UplinkState> {
    return this.#uplink.state(this.#transport?.waiting_bytes ?? 0, local_ms());
  }

  /** A ticket from the kernel: used for the next connection that has no resume token of its own. */
  offerTicket(ticket: Ticket): void {
    this.#ticket = ticket;
    if (this.#transport === null || ticket.url === this.#openedUrl)
      this.#send("ticket", { renewal: { ticket } });
    else this.#send("new-relay");
  }

  /** Enter a room, or move to another. Settles through the events. */
  join(request: JoinRequest): void {
    this.#wish = request;
    this.#send(this.#place !== null && this.#place.room !== request.room ? "move" : "join");
  }

  rename(name: string): void {
    if (this.#wish !== null && this.#wish.name !== name) this.join({ ...this.#wish, name, numbered: false });
  }

  /** Leave the room and end the connection. Resolves when the relay knows, or cannot be told. */
  leave(): Promise<void> {
    this.#wish = null;
    this.#resume = null;
    this.#tracks.clear();
    this.#send("leave");
    return this.#departed;
  }

  /** Announce a track, or a change of its description. Remembered, and said again after a reconnection. */
  publish(track: TrackInfo): void {
    this.#tracks.set(track.track, track);
    if (this.joined) void this.#ask(EVENT.publish, track);
  }

  unpublish(track: string): void {
    this.#uplink.forget(track);
    if (this.#tracks.delete(track) && this.joined) void this.#ask(EVENT.unpublish, { track });
  }

  /** One object. Whole groups are left out while the uplink is too slow for them, sound last. */
  sendMedia(header: MediaHeader, bytes: Uint8Array): void {
    const transport = this.#transport;
    const track = this.#tracks.get(header.track);
    if (!this.joined || transport === null || track === undefined) return;
    const now_ms = local_ms();
    if (this.#uplink.ask(now_ms)) void this.#askUplink(now_ms);
    const { type } = header;
    const object = { track: track.track, key: type === "key", audio: track.audio && !track.video };
    if (type !== "init" && !this.#uplink.passes(object, transport.waiting_bytes, now_ms)) return;
    transport.send(EVENT.mediaChunk, { ...header, sent_ms: this.clock.toRelay_ms(now_ms) }, bytes);
    this.#sent.bytes += bytes.byteLength;
    this.#sent.chunks += 1;
  }

  report(report: Report): void {
    if (this.joined) this.#transport?.send(EVENT.report, report);
  }

  #send(event: SessionEvent, detail?: Detail): void {
    this.#machine.send(event, detail);
  }

  #act(action: SessionAction, detail?: Detail): void {
    switch (action) {
      case "use-ticket":
        if (this.#ticket !== null) this.offerTicket(this.#ticket);
        break;
      case "open":
        this.#open();
        break;
      case "connect":
        if (!this.#transport?.up) this.#transport?.connect();
        break;
      case "close":
        this.#close();
        break;
      case "enter":
        void this.#enter();
        break;
      case "settle":
        if (detail?.entry !== undefined) this.#settle(detail.entry);
        break;
      case "rename":
        this.#rename();
        break;
      case "depart":
        this.#departed = this.#depart();
        break;
      case "forget":
        this.#forget();
        break;
      case "lose":
        this.#stopTimers();
        this.#place = null;
        this.events.onReconnecting();
        break;
      case "carry-resume":
        this.#resume = carried(this.#resume, this.#ticket);
        break;
      case "drop-resume":
        this.#resume = null;
        break;
      case "ask-ticket":
        this.events.onExpiring();
        break;
      case "renew":
        if (detail?.renewal !== undefined) void this.#renew(detail.renewal.ticket);
        break;
      case "stay":
        if (detail?.renewal?.ack !== undefined) this.#stay(detail.renewal.ticket, detail.renewal.ack);
        break;
      case "fail":
        this.#wish = this.#resume = null;
        // A ticket is good for one try after a refusal; the kernel sends another.
        this.#ticket = null;
        if (detail?.error !== undefined) this.events.onFailed(detail.error);
        break;
    }
  }

  #open(): void {
    this.#openedUrl = this.#currentTicket().url;
    // What an old transport still has to say is not about this session any more.
    const ifCurrent =
      <T extends unknown[]>(heard: (...args: T) => void) =>
      (...args: T): void => {
        if (this.#transport === transport) heard(...args);
      };
    const transport = this.createTransport(() => this.#currentTicket(), {
      onUp: ifCurrent(() => this.#send("up")),
      onDown: ifCurrent(() => {
        this.#question = null;
        this.#send("down");
      }),
      // A resume token that has grown old is no reason to give up while the kernel's ticket is fresh.
      onRefused: ifCurrent((error) =>
        this.#send(this.#resume === null ? "refused" : "resume-refused", { error }),
      ),
      onUnreachable: ifCurrent((attempts) => {
        if (attempts % UNREACHABLE_AFTER_ATTEMPTS === 0) this.events.onUnreachable();
      }),
      onEvent: ifCurrent((event, args) => this.#onEvent(event, args)),
    });
    this.#transport = transport;
    transport.connect();
  }

  #close(): void {
    const transport = this.#transport;
    this.#transport = null; // first: that its end is no reconnection
    this.#question = null;
    this.#early.clear();
    this.#stopTimers();
    transport?.close();
  }

  /** All pages of a relay come back to the next one, each at a time of its own. */
  #goBeforeItEnds(within_ms: number): void {
    const transport = this.#transport;
    setTimeout(() => {
      if (this.#transport === transport) this.#send("ending");
    }, Math.random() * within_ms);
  }

  #currentTicket(): Ticket {
    const ticket = this.#resume ?? this.#ticket;
    if (ticket === null) throw new Error("a transport is opened only once there is a ticket");
    return ticket;
  }

  #called(request: JoinRequest): JoinRequest & { call?: string } {
    const call = this.#ticket?.call;
    return call === undefined ? request : { ...request, call };
  }

  async #enter(): Promise<void> {
    const asked = this.#wish;
    if (asked === null) return;
    this.#place = null;
    this.#early.clear();
    const asked_ms = local_ms();
    await this.#inquire(EVENT.join, this.#called(asked), (answer) => {
      const ack = answer as JoinAck;
      if (ack.ok) this.#send("entered", { entry: { ack, asked_ms, asked } });
      else this.#send("denied", { error: ack.error });
    });
  }

  #settle({ ack, asked_ms, asked }: NonNullable<Detail["entry"]>): void {
    this.#place = { ...asked, name: ack.name };
    if (ack.name !== asked.name && this.#wish?.name === asked.name) {
      this.#wish = { ...this.#wish, name: ack.name };
      this.events.onNamed(ack.name);
    }
    this.clock.reset();
    this.clock.add(asked_ms, ack.now_ms, local_ms());
    this.#peer = ack.peer;
    this.#stay(this.#currentTicket(), ack);
    this.#uplink.reset();
    for (const peer of this.#peers.keys()) {
      if (!ack.peers.some((now) => now.id === peer)) this.#drop(peer, "lost");
    }
    for (const peer of ack.peers) this.#peers.set(peer.id, peer);
    this.#peersChanged();
    this.#listen(ack.listeners);
    for (const { event, args } of this.#early.take()) this.#onEvent(event, args);
    for (const track of this.#tracks.values()) void this.#ask(EVENT.publish, track);
    this.events.onJoined();
    this.#keepClock();
    // Asked for while the answer was under way.
    if (this.#wish !== null) this.join(this.#wish);
  }

  #rename(): void {
    if (this.#wish === null || this.#place === null || this.#wish.name === this.#place.name) return;
    this.#place = { ...this.#place, name: this.#wish.name };
    void this.#ask(EVENT.rename, { name: this.#wish.name });
  }

  /** What the relay gives us to come back with; and ask for a fresh ticket at half of the time that is left, and again
   * at half of the rest, since a kernel that computes answers late. */
  #stay(ticket: Ticket, { resume, expires_ms }: { resume: string; expires_ms: number | null }): void {
    this.#resume = { ...ticket, token: resume };
    clearTimeout(this.#renewalTimer);
    if (expires_ms !== null) this.#awaitExpiry(expires_ms);
  }

  #awaitExpiry(expires_ms: number): void {
    const half_ms = (expires_ms - this.clock.now_ms()) / 2;
    this.#renewalTimer = setTimeout(
      () => {
        if (half_ms <= MAX_TIMER_MS) this.#send("expiry");
        this.#awaitExpiry(expires_ms);
      },
      Math.min(MAX_TIMER_MS, Math.max(MIN_RENEWAL_MS, half_ms)),
    );
  }

  async #renew(ticket: Ticket): Promise<void> {
    const transport = this.#transport;
    const ack = (await this.#ask(EVENT.renew, { token: ticket.token })) as RenewAck | null;
    if (this.#transport === transport && ack?.ok) this.#send("renewed", { renewal: { ticket, ack } });
  }

  async #depart(): Promise<void> {
    this.#stopTimers();
    this.#place = null;
    await this.#inquire(EVENT.leave, undefined, () => this.#send("departed"));
  }

  /** Ask what the machine waits for. No answer although the connection stands is one, too; if the connection is going,
   * its end is. */
  async #inquire(event: string, payload: unknown, answered: (ack: unknown) => void): Promise<void> {
    const question = {};
    this.#question = question;
    const ack = await this.#ask(event, payload);
    if (this.#question !== question) return;
    this.#question = null;
    if (ack !== null) answered(ack);
    else if (this.#transport?.up) this.#send("unanswered");
  }

  #stopTimers(): void {
    clearInterval(this.#clockTimer);
    clearTimeout(this.#renewalTimer);
  }

  #forget(): void {
    this.#place = null;
    this.#early.clear();
    for (const peer of this.#peers.keys()) this.#drop(peer, "left");
    this.#peersChanged();
    this.#listen([]);
  }

  /** A request whose refusal is told to the user; null when the connection went meanwhile. */
  async #ask(event: string, payload?: unknown): Promise<unknown> {
    try {
      const ack = (await this.#transport?.request(event, payload)) as JoinAck | undefined;
      if (ack !== undefined && !ack.ok && event !== EVENT.join) this.events.onWireError(ack.error);
      return ack ?? null;
    } catch {
      return null; // no answer: the connection is going, and coming back says everything again
    }
  }

  #keepClock(): void {
    clearInterval(this.#clockTimer);
    this.#clockTimer = setInterval(() => void this.#syncClock(), CLOCK_INTERVAL_MS);
    for (let i = 0; i < CLOCK_BURST; i++) setTimeout(() => void this.#syncClock(), i * CLOCK_BURST_GAP_MS);
  }

  async #syncClock(): Promise<void> {
    if (!this.joined) return;
    const t0 = local_ms();
    const ack = (await this.#ask(EVENT.clock, t0)) as ClockAck | null;
    if (ack?.ok) this.clock.add(t0, ack.now_ms, local_ms());
  }

  /** Between our media and on their way, so that it waits as they do. */
  async #askUplink(asked_ms: number): Promise<void> {
    const transport = this.#transport;
    const ack = (await this.#ask(EVENT.clock, asked_ms)) as ClockAck | null;
    if (this.#transport !== transport || !this.joined) return;
    const now_ms = local_ms();
    if (ack?.ok) {
      this.#uplink.answered(ack.now_ms - this.clock.toRelay_ms(asked_ms) - this.clock.error_ms, now_ms);
    } else this.#uplink.answered(UNANSWERED_MS, now_ms);
  }

  #onEvent(event: string, args: unknown[]): void {
    const [payload, bytes] = args;
    if (event === EVENT.error && ENDS.has((payload as WireError).code)) {
      this.#send("ended", { error: payload as WireError });
      return;
    }
    if (event === EVENT.relayEnding) this.#goBeforeItEnds((payload as RelayEnding).reconnect_ms);
    else if (this.state === "entering") this.#early.add({ event, args });
    if (!this.joined) return;
    switch (event) {
      case EVENT.mediaChunk: {
        const header = payload as RelayedHeader;
        // A chunk without a track is the origin's plain form: there is no init to play it with.
        if (header.track !== undefined) this.events.onMedia(header, asBytes(bytes));
        break;
      }
      case EVENT.peerJoined: {
        const { peer } = payload as { peer: PeerInfo };
        this.#peers.set(peer.id, peer);
        this.#peersChanged();
        break;
      }
      case EVENT.peerLeft: {
        const { peer, reason } = payload as { peer: string; reason: LeftReason };
        this.#drop(peer, reason);
        this.#peersChanged();
        break;
      }
      case EVENT.peerRenamed: {
        const { peer: id, name } = payload as { peer: string; name: string };
        const peer = this.#peers.get(id);
        if (peer !== undefined) this.#peers.set(id, { ...peer, name });
        this.#peersChanged();
        break;
      }
      case EVENT.listenerJoined: {
        const { listener } = payload as { listener: ListenerInfo };
        this.#listen([...this.#listeners.values(), listener]);
        break;
      }
      case EVENT.listenerLeft: {
        const { listener: gone } = payload as { listener: string };
        this.#listen([...this.#listeners.values()].filter(({ id }) => id !== gone));
        break;
      }
      case EVENT.trackPublished: {
        const { from, track } = payload as { from: string; track: TrackInfo };
        this.#changeTracks(from, (tracks) => [...tracks.filter((t) => t.track !== track.track), track]);
        break;
      }
      case EVENT.trackUnpublished: {
        const { from, track } = payload as { from: string; track: string };
        this.#changeTracks(from, (tracks) => tracks.filter((t) => t.track !== track));
        break;
      }
      case EVENT.trackMuted:
        this.events.onMuted(payload as TrackMuted);
        break;
      case EVENT.trackLag:
        this.events.onTrackLag(payload as TrackLag);
        break;
      case EVENT.groupsDropped:
        this.events.onGroupsDropped(payload as GroupsDropped);
        break;
      case EVENT.error:
        this.events.onWireError(payload as WireError);
        break;
    }
  }

  #changeTracks(id: string, change: (tracks: TrackInfo[]) => TrackInfo[]): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    this.#peers.set(id, { ...peer, tracks: change(peer.tracks) });
    this.#peersChanged();
  }

  #drop(peer: string, reason: LeftReason): void {
    if (this.#peers.delete(peer)) this.events.onPeerGone(peer, reason);
  }

  #listen(listeners: readonly ListenerInfo[]): void {
    this.#listeners = new Map(listeners.map((one) => [one.id, one]));
    this.events.onListeners([...this.#listeners.values()]);
  }

  #peersChanged(): void {
    this.events.onPeers([...this.#peers.values()]);
  }
}

/** What to come back with at another address: a relay that is started again while its port is taken has another one, and
 * whoever came back there as somebody new would stand twice in everybody's call. Another machine is told no secret. */
function carried(resume: Ticket | null, ticket: Ticket | null): Ticket | null {
  if (resume === null || ticket === null) return null;
  return new URL(resume.url).hostname === new URL(ticket.url).hostname
    ? { ...ticket, token: resume.token }
    : null;
}

function asBytes(data: unknown): Uint8Array {
  return data instanceof Uint8Array ? data : new Uint8Array(data as ArrayBuffer);
}
