// One participant: puts the sending side, the receiving side and the session together, follows the kernel's
// traits, and keeps the state that the UI renders.
import { effect, signal } from "@preact/signals";
import { listDevices, onDevicesChanged, playableTypes } from "./capture/index.js";
import { Governor } from "./governor.js";
import type { KernelLink, KernelMessage } from "./model.js";
import { canPlay } from "./playback/index.js";
import {
  type Figures,
  type PeerInfo,
  REPORT_INTERVAL_MS,
  type TrackInfo,
  type TrackMuted,
  type WireError,
} from "./protocol.js";
import { AUDIO_TRACK, Publisher, VIDEO_TRACK, type Wishes } from "./publisher.js";
import type { Quality } from "./quality.js";
import { Receiver } from "./receiver.js";
import { Session } from "./session.js";
import { SendRate } from "./stats.js";
import type { RungName } from "./transport/index.js";
import { ladder } from "./transport/ladder.js";
import type {
  CallActions,
  CallState,
  Device,
  Invitation,
  KernelPresence,
  MutedByHost,
  Phase,
  Problem,
  Source,
  Tile,
} from "./ui/state.js";
import { whyNone } from "./ui/ways.js";
import { problemFor } from "./ui/words.js";

/** A call that no view shows any more ends after this long: a closed notebook must not go on listening. Long
 * enough for a view that is only being moved or rebuilt. */
const UNSEEN_LEAVE_MS = 3000;
const LEVEL_INTERVAL_MS = 100;
/** The kernel has not given a ticket for this long after Join: the user is told why nothing happens. */
const TICKET_PATIENCE_MS = 8000;
/** A ticket that grew old on the way is no failure; a second refusal in a row is. */
const MAX_TOKEN_REFUSALS = 2;
/** What the kernel says of the user's own relay; all else that it says is of one that was named. */
const OWN_RELAY_PROBLEMS = new Set([
  "relay-start",
  "runtime-dir",
  "disk-full",
  "port-in-use",
  "tls",
  "redis",
]);

export interface CallOptions {
  /** Play what one sends as it comes back from the relay, in a tile of this name; without the sound being heard. */
  ownTile?: string;
  /** What to report beside the figures of that. */
  ownFigures?: () => Record<string, number>;
  /** On a join page: what its link allows. */
  invitation?: Invitation;
}

export class CallController {
  readonly state: CallState;
  readonly actions: CallActions;
  readonly #session: Session;
  readonly #publisher: Publisher;
  readonly #receiver: Receiver;
  readonly #undo: (() => void)[] = [];
  readonly #rate = new SendRate();
  /** What the kernel has said last of a relay that it does not get into. */
  #kernelProblem: string | null = null;
  readonly #governor = new Governor(VIDEO_TRACK);
  readonly #maySend: boolean;
  readonly #mayReceive: boolean;
  #peers: readonly PeerInfo[] = [];
  readonly #ownTracks = new Map<string, TrackInfo>();
  #ownId = "";
  /** Our tracks that who runs the room has muted; null is all of them. */
  readonly #mutedTracks = new Set<string | null>();
  #views = 0;
  #unseenTimer: ReturnType<typeof setTimeout> | undefined;
  #patienceTimer: ReturnType<typeof setTimeout> | undefined;
  #reportTimer: ReturnType<typeof setInterval> | undefined;
  #levelTimer: ReturnType<typeof setInterval> | undefined;
  #reported_ms = 0;
  #tokenRefusals = 0;
  #autoJoined = false;
  /** Python asked to join before there was a view: a call that nobody sees must not open a camera. */
  #joinWhenSeen = false;
  #besidesScreen: Source = "camera";
  #closed = false;

  constructor(
    private readonly link: KernelLink,
    private readonly options: CallOptions = {},
  ) {
    this.#maySend = options.invitation?.publish ?? true;
    this.#mayReceive = options.invitation?.subscribe ?? true;
    this.state = {
      phase: signal<Phase>("idle"),
      problem: signal<Problem | null>(null),
      room: signal(link.get("room")),
      name: signal(link.get("name")),
      source: signal<Source>(link.get("source")),
      microphone: signal(link.get("microphone")),
      camera: signal(link.get("camera")),
      preview: signal<MediaStream | null>(null),
      previewing: signal(false),
      level: signal(0),
      cameras: signal<Device[]>([]),
      microphones: signal<Device[]>([]),
      cameraId: signal(""),
      microphoneId: signal(""),
      peopleHere: signal<string[] | null>(null),
      tiles: signal<Tile[]>([]),
      kernel: signal<KernelPresence>("here"),
      mutedByHost: signal<MutedByHost>({ audio: false, video: false }),
      transport: signal<RungName | "">(""),
      quality: signal<Quality | null>(null),
      canCapture: signal(window.isSecureContext && navigator.mediaDevices !== undefined),
      canShareScreen: signal(typeof navigator.mediaDevices?.getDisplayMedia === "function"),
      invitation: options.invitation ?? null,
    };
    this.actions = {
      startPreview: () => void this.#preview(),
      join: (options) => void this.#join(options?.media ?? "all"),
      leave: () => this.#leave("left"),
      toLobby: () => this.#toLobby(),
      setRoom: (room) => link.set("room", room),
      setName: (name) => {
        this.state.name.value = name; // as typed, spaces and all
        if (name.trim() !== "") link.set("name", name.trim());
      },
      setSource: (source) => link.set("source", source),
      setMicrophone: (on) => link.set("microphone", on),
      setCamera: (on) => link.set("camera", on),
      chooseCamera: (id) => this.#choose(this.state.cameraId, id),
      chooseMicrophone: (id) => this.#choose(this.state.microphoneId, id),
      unmute: (key) => void this.#receiver.unmute(key),
      retry: () => void this.#retry(),
      dismissProblem: () => {
        this.state.problem.value = null;
      },
    };
    this.#session = new Session(ladder(link.channel === null ? {} : { kernel: link.channel }), {
      onJoined: () => void this.#entered(),
      onReconnecting: () => {
        this.#publisher.stop();
        this.state.phase.value = "reconnecting";
        this.#showQuality();
      },
      onFailed: (error) => this.#refused(error),
      onUnreachable: () => this.#say("relay-unreachable", whyNone(this.#session.reasons)),
      onExpiring: () => link.askTicket(),
      onMuted: (muted) => this.#muted(muted),
      onWireError: (error) => console.warn(`relay-widget: ${error.message} (${error.code})`),
      onPeers: (peers) => {
        // Media of tracks that this page does not get would be waited for.
        this.#peers = this.#mayReceive ? peers : peers.map((peer) => ({ ...peer, tracks: [] }));
        this.#showPeers();
        if (this.state.problem.value?.code === "no-common-codec") this.state.problem.value = null;
        this.#publisher.negotiate(this.#listeners());
      },
      onPeerGone: (peer, reason) => this.#receiver.gone(peer, reason),
      onMedia: (header, bytes) => {
        this.#receiver.push(header, bytes);
        // Timers of a hidden page fire once a minute; arriving media keep the figures fresh there.
        if (performance.now() - this.#reported_ms > 2 * REPORT_INTERVAL_MS) this.#report();
      },
      onTrackLag: (lag) => this.#governor.onTrackLag(lag),
      onGroupsDropped: (dropped) => this.#receiver.leftOut(dropped),
    });
    this.#receiver = new Receiver(this.#session.clock, () =>
      this.#showTiles(this.#receiver.figures({ reset: false })),
    );
    this.#publisher = new Publisher({
      publish: (track) => {
        this.#ownTracks.set(track.track, track);
        this.#session.publish(track);
        this.#showPeers();
      },
      unpublish: (track) => {
        this.#ownTracks.delete(track);
        this.#session.unpublish(track);
        this.#showPeers();
      },
      sendMedia: (header, bytes) => {
        const delay_ms = this.#session.clock.now_ms() - header.captured_ms;
        this.#governor.onObject(header.track, bytes.byteLength, delay_ms, performance.now());
        this.#session.sendMedia(header, bytes);
      },
      toRelay_ms: (local_ms) => this.#session.clock.toRelay_ms(local_ms),
      onStream: (stream) => {
        this.state.preview.value = stream;
        if (stream !== null) void this.#listDevices();
      },
      onProblem: (code, message) => this.#captureProblem(code, message),
    });
    this.#followTraits();
    link.onMessage((message) => this.#onKernel(message));
    this.#undo.push(
      effect(() => {
        const problem = this.state.problem.value;
        const error =
          problem === null ? null : { code: problem.code, message: `${problem.title} ${problem.advice}` };
        link.tellState(this.state.phase.value, error, this.state.transport.value);
      }),
    );
    if (this.state.canCapture.value) this.#undo.push(onDevicesChanged(() => void this.#listDevices()));
    const leavePage = () => void this.#session.leave();
    window.addEventListener("pagehide", leavePage);
    this.#undo.push(() => window.removeEventListener("pagehide", leavePage));
    link.hello();
  }

  viewOpened(): void {
    this.#views += 1;
    clearTimeout(this.#unseenTimer);
    if ((this.link.get("auto_join") && !this.#autoJoined) || this.#joinWhenSeen) {
      this.#autoJoined = true;
      this.#joinWhenSeen = false;
      void this.#join("all");
    }
  }

  viewClosed(): void {
    this.#views -= 1;
    if (this.#views > 0) return;
    this.#unseenTimer = setTimeout(() => {
      this.#autoJoined = false;
      this.#leave("idle");
    }, UNSEEN_LEAVE_MS);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#unseenTimer);
    for (const undo of this.#undo) undo(); // before leaving: the model has gone, nothing can be told any more
    this.link.close();
    this.#leave("idle");
  }

  /** Send anew, to players that remember nothing of before. */
  async beginAnew(): Promise<void> {
    if (this.state.phase.value !== "joined") return;
    this.#publisher.stop();
    await this.#publisher.start(this.#listeners());
  }

  get #active(): boolean {
    const phase = this.state.phase.value;
    return phase === "connecting" || phase === "joined" || phase === "reconnecting";
  }

  #followTraits(): void {
    const { link, state } = this;
    this.#noteSource();
    link.onChange("room", () => {
      state.room.value = link.get("room");
      state.peopleHere.value = null;
      if (this.#active) this.#enterRoom();
    });
    link.onChange("name", () => {
      if (state.name.peek().trim() !== link.get("name")) state.name.value = link.get("name");
      if (this.#active) this.#session.rename(link.get("name"));
      void this.#applyWishes(); // the pattern shows it
    });
    link.onChange("source", () => {
      state.source.value = link.get("source");
      this.#noteSource();
      void this.#applyWishes();
    });
    link.onChange("microphone", () => {
      state.microphone.value = link.get("microphone");
      void this.#applyWishes();
    });
    link.onChange("camera", () => {
      state.camera.value = link.get("camera");
      void this.#applyWishes();
    });
    this.#applyTarget();
    link.onChange("target_latency", () => this.#applyTarget());
    link.onChange("timeslice", () => void this.#applyWishes());
    link.onChange("auto_join", () => {
      if (link.get("auto_join") && this.#views > 0 && state.phase.value === "idle") void this.#join("all");
    });
  }

  #onKernel(message: KernelMessage): void {
    switch (message.kind) {
      case "ticket":
        clearTimeout(this.#patienceTimer);
        if (this.#ofRelay()) this.state.problem.value = null;
        this.#session.offerTicket(message);
        break;
      case "people":
        this.state.peopleHere.value = message.names;
        break;
      case "relay-failed":
        this.#kernelProblem = message.code;
        this.state.problem.value = OWN_RELAY_PROBLEMS.has(message.code)
          ? problemFor(message.code, message.message)
          : { ...problemFor("named-relay", message.message), code: message.code };
        if (this.state.phase.value === "connecting") this.#leave("failed");
        break;
      case "closed":
        if (this.#active) break; // the relay ends it itself
        this.#say(message.code);
        this.#leave("failed");
        break;
      case "join":
        if (this.#views === 0) this.#joinWhenSeen = true;
        else if (!this.#active) void this.#join("all");
        break;
      case "leave":
        this.#joinWhenSeen = false;
        if (this.#active) this.#leave("left");
        break;
    }
  }

  // -- joining and leaving --

  async #preview(): Promise<void> {
    this.state.problem.value = null;
    this.state.previewing.value = true;
    this.#meterLevel();
    if (!(await this.#publisher.want(this.#wishes())) && !this.#active) this.state.previewing.value = false;
  }

  async #join(media: "all" | "sound" | "none"): Promise<void> {
    if (this.#active) return;
    const { state, link } = this;
    if (this.#mayReceive && playableTypes(canPlay).length === 0) {
      this.#say("mse-missing");
      return;
    }
    if (media !== "all") link.set("camera", false);
    if (media === "none") link.set("microphone", false);
    state.problem.value = null;
    state.phase.value = "connecting";
    const captured = await this.#publisher.want(this.#wishes());
    if (state.phase.value !== "connecting") return; // left again while a device was opening
    if (!captured) {
      state.phase.value = "idle"; // the lobby says why, and what can be done
      return;
    }
    this.#enterRoom();
    this.#meterLevel();
    this.#patienceTimer = setTimeout(() => {
      if (state.phase.value === "connecting" && state.problem.value === null) this.#say("ticket-missing");
    }, TICKET_PATIENCE_MS);
  }

  #enterRoom(): void {
    this.#session.join({
      room: this.state.room.value,
      name: this.state.name.value,
      plays: playableTypes(canPlay),
      ...(this.options.ownTile === undefined ? {} : { loopback: true }),
    });
  }

  async #entered(): Promise<void> {
    const { state } = this;
    clearTimeout(this.#patienceTimer);
    this.#tokenRefusals = 0;
    this.#mutedTracks.clear(); // the relay says it anew when we publish
    this.#showMuted();
    state.phase.value = "joined";
    state.problem.value = null;
    state.transport.value = this.#session.rung;
    this.#governor.begin();
    clearInterval(this.#reportTimer);
    this.#reportTimer = setInterval(() => this.#report(), REPORT_INTERVAL_MS);
    await this.#publisher.start(this.#listeners());
  }

  #refused(error: WireError): void {
    const stale = error.code === "bad-token" || error.code === "expired-token";
    if (stale && this.#active && ++this.#tokenRefusals < MAX_TOKEN_REFUSALS) {
      this.#publisher.stop(); // it may have expired in the middle of the call
      this.state.phase.value = "connecting";
      this.#enterRoom();
      this.link.askTicket();
      return;
    }
    this.#tokenRefusals = 0;
    this.#say(error.code, error.message);
    this.#leave("failed");
    this.link.askTicket();
  }

  #ofRelay(): boolean {
    const code = this.state.problem.value?.code;
    return code !== undefined && (code === "ticket-missing" || code === this.#kernelProblem);
  }

  #muted({ track, muted }: TrackMuted): void {
    if (muted) this.#mutedTracks.add(track);
    else if (track === null) this.#mutedTracks.clear();
    else this.#mutedTracks.delete(track);
    this.#showMuted();
  }

  #showMuted(): void {
    const all = this.#mutedTracks.has(null);
    this.state.mutedByHost.value = {
      audio: all || this.#mutedTracks.has(AUDIO_TRACK),
      video: all || this.#mutedTracks.has(VIDEO_TRACK),
    };
  }

  #leave(phase: "left" | "failed" | "idle"): void {
    const { state } = this;
    clearTimeout(this.#patienceTimer);
    clearInterval(this.#reportTimer);
    clearInterval(this.#levelTimer);
    this.#publisher.stop();
    void this.#publisher.want(null);
    void this.#session.leave();
    this.#receiver.clear();
    state.previewing.value = false;
    state.level.value = 0;
    state.quality.value = null;
    state.phase.value = phase;
    if (!this.#closed) this.link.askTicket();
  }

  #toLobby(): void {
    const { phase, problem } = this.state;
    if (phase.value !== "left" && phase.value !== "failed") return;
    problem.value = null;
    phase.value = "idle";
  }

  async #retry(): Promise<void> {
    const again = this.state.phase.value === "failed" || this.state.phase.value === "left";
    const ofRelay = this.#ofRelay();
    this.state.problem.value = null;
    if (again) await this.#join("all");
    else if (ofRelay) this.link.askTicket();
    else if (this.#active) await this.#applyWishes();
    else await this.#preview();
  }

  // -- what is sent --

  #wishes(): Wishes {
    const { state, link } = this;
    return {
      source: state.source.value,
      microphone: this.#maySend && state.microphone.value,
      camera: this.#maySend && state.camera.value,
      cameraId: state.cameraId.value,
      microphoneId: state.microphoneId.value,
      timeslice_ms: link.get("timeslice"),
      name: state.name.value,
    };
  }

  async #applyWishes(): Promise<void> {
    if (!this.#active && !this.state.previewing.value) return;
    await this.#publisher.want(this.#wishes());
  }

  #applyTarget(): void {
    const target_ms = this.link.get("target_latency");
    this.#receiver.setTarget(target_ms === null ? null : target_ms / 1000);
  }

  #choose(device: CallState["cameraId"], id: string): void {
    device.value = id;
    void this.#applyWishes();
  }

  /** A device did not open. The switches go back to what is really being sent. */
  #captureProblem(code: string, message: string): void {
    if (this.state.phase.value === "joined" && code !== "no-common-codec") {
      if (this.state.source.value === "screen") {
        // Sharing was declined, or stopped by the browser's own button: back to what was sent before.
        this.link.set("source", this.#besidesScreen);
        if (code === "cancelled" || code === "permission-denied" || code === "source-ended") return;
      } else {
        const stream = this.state.preview.value;
        if (stream === null) this.link.set(this.state.camera.value ? "camera" : "microphone", false);
        else {
          if (stream.getVideoTracks().length === 0) this.link.set("camera", false);
          if (stream.getAudioTracks().length === 0) this.link.set("microphone", false);
        }
      }
    }
    this.#say(code, message);
  }

  #noteSource(): void {
    const source = this.link.get("source");
    if (source !== "screen") this.#besidesScreen = source;
  }

  async #listDevices(): Promise<void> {
    const { cameras, microphones } = await listDevices();
    this.state.cameras.value = cameras;
    this.state.microphones.value = microphones;
  }

  #meterLevel(): void {
    clearInterval(this.#levelTimer);
    this.#levelTimer = setInterval(() => {
      this.state.level.value = this.#publisher.level;
    }, LEVEL_INTERVAL_MS);
  }

  // -- what is shown and told --

  /** What each of those who get our media can play. */
  #listeners(): string[][] {
    const own = this.options.ownTile === undefined ? [] : [playableTypes(canPlay)];
    return [...own, ...this.#peers.map((peer) => peer.plays)];
  }

  #showPeers(): void {
    const { ownTile } = this.options;
    if (ownTile === undefined || !this.#session.joined) {
      this.#receiver.setPeers(this.#peers);
      return;
    }
    const { peer: id } = this.#session;
    if (this.#ownId !== id) this.#receiver.gone(this.#ownId, "left");
    this.#ownId = this.#receiver.silent = id;
    const own = { id, name: ownTile, plays: [], tracks: [...this.#ownTracks.values()] };
    this.#receiver.setPeers([own, ...this.#peers]);
  }

  #govern(): void {
    const sendsPicture = this.#ownTracks.has(VIDEO_TRACK);
    if (this.#governor.look(this.#session.uplink, sendsPicture, this.#reported_ms)) {
      void this.#publisher.setQuality(this.#governor.picture);
    }
    this.#showQuality();
  }

  #showQuality(): void {
    const quality = this.#governor.quality(this.state.phase.value === "reconnecting");
    if (quality.words !== this.state.quality.value?.words) this.state.quality.value = quality;
  }

  #report(): void {
    this.#reported_ms = performance.now();
    this.#govern();
    const figures = this.#receiver.figures({ reset: true });
    this.#showTiles(figures);
    Object.assign(figures[this.#ownId] ?? {}, this.options.ownFigures?.());
    const { bytes, chunks } = this.#session.sent;
    this.#session.report({
      peers: figures,
      sent: {
        bytes,
        chunks,
        bitrate_kbps: this.#rate.kbps(bytes, this.#reported_ms),
        ...this.#governor.figures,
      },
    });
  }

  #showTiles(figures: Record<string, Figures>): void {
    this.state.tiles.value = this.#receiver.tiles(figures);
  }

  #say(code: string, detail?: string): void {
    this.state.problem.value = problemFor(code, detail, this.options.invitation !== undefined);
  }
}
