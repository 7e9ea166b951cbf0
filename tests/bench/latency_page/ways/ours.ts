// The product: a sending and a receiving participant of one room, as two cells of a notebook are, less the UI.
import { playableTypes } from "../../../../js/src/capture/index.js";
import { canPlay } from "../../../../js/src/playback/index.js";
import { type Figures, type PeerInfo, REPORT_INTERVAL_MS } from "../../../../js/src/protocol.js";
import { Publisher, type Wishes } from "../../../../js/src/publisher.js";
import { Receiver } from "../../../../js/src/receiver.js";
import { Session, type SessionEvents } from "../../../../js/src/session.js";
import { createSocketIoTransport } from "../../../../js/src/transport/socketio.js";
import { elementsOfPeers } from "../elements.js";
import type { Ticket, Way } from "../way.js";

export class Ours implements Way {
  readonly sender: Sender;
  readonly receiver: Subscriber;

  constructor(room: string, ticket: Ticket, timeslice_ms: number) {
    this.sender = new Sender(room, ticket, timeslice_ms);
    this.receiver = new Subscriber(room, ticket);
  }

  async start(): Promise<void> {
    await this.receiver.join();
    await this.sender.join();
    await this.sender.send();
  }

  get captured_ms(): number {
    return this.sender.captured_ms;
  }

  get video(): HTMLVideoElement | null {
    return this.receiver.video;
  }

  get sounds(): readonly HTMLMediaElement[] {
    return this.receiver.sounds;
  }

  async sent_bytes(): Promise<number> {
    return this.sender.session.sent.bytes;
  }

  figures(): Record<string, number> | null {
    return this.receiver.figures();
  }

  async stop(): Promise<void> {
    await this.sender.leave();
    await this.receiver.leave();
  }
}

const QUIET: Omit<SessionEvents, "onJoined" | "onPeers"> = {
  onReconnecting: () => undefined,
  onFailed: (error) => console.error(error.code, error.message),
  onUnreachable: () => console.error("the relay does not answer"),
  onWireError: (error) => console.error(error.code, error.message),
  onPeerGone: () => undefined,
  onMedia: () => undefined,
};

function enter(session: Session, ticket: Ticket, room: string, name: string): void {
  session.offerTicket(ticket);
  session.join({ room, name, plays: playableTypes(canPlay) });
}

export class Sender {
  readonly session: Session;
  readonly #publisher: Publisher;
  captured_ms = 0;
  #peers: readonly PeerInfo[] = [];
  #joined: () => void = () => undefined;

  constructor(
    private readonly room: string,
    private readonly ticket: Ticket,
    private readonly timeslice_ms: number,
  ) {
    this.session = new Session(createSocketIoTransport, {
      ...QUIET,
      onJoined: () => this.#joined(),
      onPeers: (peers) => {
        this.#peers = peers;
        this.#publisher.negotiate(peers.map((peer) => peer.plays));
      },
    });
    this.#publisher = new Publisher({
      publish: (track) => this.session.publish(track),
      unpublish: (track) => this.session.unpublish(track),
      sendMedia: (header, bytes) => this.session.sendMedia(header, bytes),
      toRelay_ms: (local_ms) => this.session.clock.toRelay_ms(local_ms),
      onStream: () => undefined,
      onProblem: (code, message) => console.error(code, message),
    });
  }

  join(): Promise<void> {
    return new Promise((resolve) => {
      this.#joined = resolve;
      enter(this.session, this.ticket, this.room, "sender");
    });
  }

  async send(): Promise<void> {
    const wishes: Wishes = {
      source: "camera",
      microphone: true,
      camera: true,
      cameraId: "",
      microphoneId: "",
      timeslice_ms: this.timeslice_ms,
      name: "sender",
    };
    this.captured_ms = performance.now();
    await this.#publisher.want(wishes);
    await this.#publisher.start(this.#peers.map((peer) => peer.plays));
  }

  async leave(): Promise<void> {
    this.#publisher.stop();
    await this.#publisher.want(null);
    await this.session.leave();
  }
}

export class Subscriber {
  readonly session: Session;
  readonly #receiver: Receiver;
  #joined: () => void = () => undefined;
  #reports: ReturnType<typeof setInterval> | undefined;
  #figures: Record<string, Figures> = {};

  constructor(
    private readonly room: string,
    private readonly ticket: Ticket,
  ) {
    this.session = new Session(createSocketIoTransport, {
      ...QUIET,
      onJoined: () => this.#joined(),
      onPeers: (peers) => this.#receiver.setPeers(peers),
      onPeerGone: (peer, reason) => this.#receiver.gone(peer, reason),
      onMedia: (header, bytes) => this.#receiver.push(header, bytes),
    });
    this.#receiver = new Receiver(this.session.clock, () => undefined);
  }

  async join(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#joined = resolve;
      enter(this.session, this.ticket, this.room, "receiver");
    });
    this.#reports = setInterval(() => this.#report(), REPORT_INTERVAL_MS);
  }

  get video(): HTMLVideoElement | null {
    return this.#receiver.tiles({}).find((tile) => tile.hasPicture)?.video ?? null;
  }

  get sounds(): readonly HTMLMediaElement[] {
    const { video } = this;
    return elementsOfPeers().filter((element) => element !== video);
  }

  figures(): Record<string, number> | null {
    return (Object.values(this.#figures)[0] as Record<string, number> | undefined) ?? null;
  }

  async leave(): Promise<void> {
    clearInterval(this.#reports);
    await this.session.leave();
    this.#receiver.clear();
  }

  /** As the call does it, so that the relay and the page have the load of it. */
  #report(): void {
    this.#figures = this.#receiver.figures({ reset: true });
    this.session.report({ peers: this.#figures, sent: { bytes: 0, chunks: 0, bitrate_kbps: 0 } });
  }
}
