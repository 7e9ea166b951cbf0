// One participant: puts its own media, the others' and the session together, follows the kernel's traits, and keeps the
// state that the UI renders. How the call stands and what follows from what is a table (call-states.ts); what is in the
// way is derived from facts (troubles.ts, problems.ts).
import { batch, effect, type Signal, signal, untracked } from "@preact/signals";
import { CALL, type CallAction, type CallEvent, type CallStateName, phaseOf } from "./call-states.js";
import { playableTypes } from "./capture/index.js";
import { Machine } from "./machine.js";
import type { KernelLink, KernelMessage } from "./model.js";
import { isNumberOf } from "./names.js";
import { type Member, register, replaceOrphans } from "./orphans.js";
import { OwnMedia } from "./own-media.js";
import { canPlay } from "./playback/index.js";
import { isFinal, type Said } from "./problems.js";
import type { ListenerInfo, TrackMuted, WireError } from "./protocol.js";
import { AUDIO_TRACK, VIDEO_TRACK } from "./publisher.js";
import type { Quality } from "./quality.js";
import { Reporter } from "./reporter.js";
import { Session } from "./session.js";
import { tidy } from "./tidy.js";
import type { RungName } from "./transport/index.js";
import { ladder } from "./transport/ladder.js";
import { Troubles } from "./troubles.js";
import type {
  CallActions,
  CallState,
  Device,
  Invitation,
  InviteAnswer,
  MutedByHost,
  Phase,
  RelayPlace,
  Source,
  Tile,
} from "./ui/state.js";
import { whyNone } from "./ui/ways.js";

/** A call that no view shows any more ends after this long: a closed notebook must not go on listening. Long
 * enough for a view that is only being moved or rebuilt. */
const UNSEEN_LEAVE_MS = 3000;
/** A ticket that grew old on the way is no failure; a second refusal in a row is. */
const MAX_TOKEN_REFUSALS = 2;

export interface CallOptions {
  /** Play what one sends as it comes back from the relay, in a tile of this name; without the sound being heard. */
  ownTile?: string;
  /** What to report beside the figures of that. */
  ownFigures?: () => Record<string, number>;
  /** On a join page: what its link allows. */
  invitation?: Invitation;
  /** What carries events to the relay, if not the ladder of routes. */
  transport?: ReturnType<typeof ladder>;
}

/** What comes with an event. */
interface Detail {
  media?: "all" | "sound" | "none";
  ended?: Said;
}

export class CallController {
  readonly state: CallState;
  readonly actions: CallActions;
  readonly #machine = new Machine<CallStateName, CallEvent, CallAction, Detail>(
    CALL,
    "unseen",
    (action, detail) => this.#act(action, detail),
  );
  readonly #session: Session;
  readonly #media: OwnMedia;
  readonly #reporter: Reporter;
  readonly #member: Member;
  readonly #undo: (() => void)[] = [];
  readonly #mayReceive: boolean;
  readonly #troubles: Troubles;
  /** Our tracks that the host has muted; null is all of them. */
  readonly #mutedTracks = new Set<string | null>();
  #views = 0;
  #unseenTimer: ReturnType<typeof setTimeout> | undefined;
  #tokenRefusals = 0;
  /** The opening of devices whose end counts. */
  #opening: object | null = null;
  /** The way into a room that counts. */
  #entering: object | null = null;
  /** Whether the guest of the link that was asked for last may send. */
  #invitePublish = true;

  constructor(
    private readonly link: KernelLink,
    private readonly options: CallOptions = {},
  ) {
    this.#mayReceive = options.invitation?.subscribe ?? true;
    const phase = signal<Phase>("idle");
    this.#troubles = new Troubles({
      phase,
      kernel: link.kernel,
      guest: options.invitation !== undefined,
      capture: () => this.#media.trouble.value,
      noCommonCodec: () => this.#media.noCommonCodec.value,
    });
    this.state = {
      phase,
      problem: this.#troubles.problem,
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
      recordersHere: signal<string[]>([]),
      tiles: signal<Tile[]>([]),
      listeners: signal<readonly ListenerInfo[]>([]),
      ownId: signal(""),
      kernel: link.kernel,
      mutedByHost: signal<MutedByHost>({ audio: false, video: false }),
      relay: signal<RelayPlace>({ url: null, needsToken: false }),
      invite: signal<InviteAnswer | null>(null),
      transport: signal<RungName | "">(""),
      quality: signal<Quality | null>(null),
      canCapture: signal(window.isSecureContext && navigator.mediaDevices !== undefined),
      canShareScreen: signal(typeof navigator.mediaDevices?.getDisplayMedia === "function"),
      invitation: options.invitation ?? null,
    };
    this.actions = {
      startPreview: () => this.#send("preview"),
      join: (options) => this.#join(options?.media ?? "all"),
      leave: () => this.#send("leave"),
      toLobby: () => this.#send("to-lobby"),
      setRoom: (room) => link.set("room", room),
      setName: (name) => {
        this.state.name.value = name; // as typed, spaces and all
        if (tidy(name) !== "") link.set("name", tidy(name));
      },
      setSource: (source) => link.set("source", source),
      setMicrophone: (on) => link.set("microphone", on),
      setCamera: (on) => this.#media.setCamera(on),
      chooseCamera: (id) => this.#choose(this.state.cameraId, id),
      chooseMicrophone: (id) => this.#choose(this.state.microphoneId, id),
      unmute: (key) => void this.#reporter.receiver.unmute(key),
      askInvite: (rights) => {
        this.state.invite.value = null;
        this.#invitePublish = rights.publish;
        link.askInvite(rights);
      },
      retry: () => this.#retry(),
      dismissProblem: () => this.#dismiss(),
    };
    this.#session = new Session(
      options.transport ?? ladder(link.channel === null ? {} : { kernel: link.channel }),
      {
        onJoined: () => this.#send("entered"),
        onReconnecting: () => this.#send("lost"),
        onFailed: (error) => this.#refused(error),
        onUnreachable: () => {
          this.#troubles.unreached.value = whyNone(this.#session.reasons);
        },
        onExpiring: () => link.askTicket(),
        onMuted: (muted) => this.#muted(muted),
        onWireError: (error) => console.warn(`relay-widget: ${error.message} (${error.code})`),
        onPeers: (peers) => {
          // Media of tracks that this page does not get would be waited for.
          this.#reporter.setPeers(this.#mayReceive ? peers : peers.map((peer) => ({ ...peer, tracks: [] })));
          this.#media.publisher.negotiate(this.#listeners());
        },
        onListeners: (listeners) => {
          this.state.ownId.value = this.#session.peer;
          this.state.listeners.value = listeners;
        },
        onNamed: (name) => {
          this.state.name.value = name; // first, so that the trait's change is known for ours
          link.set("name", name);
        },
        onPeerGone: (peer, reason) => this.#reporter.receiver.gone(peer, reason),
        onMedia: (header, bytes) => {
          this.#reporter.receiver.push(header, bytes);
          this.#reporter.keepFresh();
        },
        onTrackLag: (lag) => this.#reporter.governor.onTrackLag(lag),
        onGroupsDropped: (dropped) => this.#reporter.receiver.leftOut(dropped),
      },
    );
    this.#reporter = new Reporter(
      this.#session,
      this.state,
      () => this.#media.publisher,
      options.ownTile === undefined
        ? null
        : { name: options.ownTile, figures: () => options.ownFigures?.() ?? {} },
    );
    this.#media = new OwnMedia(link, this.state, options.invitation?.publish ?? true, {
      publish: (track) => {
        this.#session.publish(track);
        this.#reporter.published(track);
      },
      unpublish: (track) => {
        this.#session.unpublish(track);
        this.#reporter.unpublished(track);
      },
      sendMedia: (header, bytes) => {
        const delay_ms = this.#session.clock.now_ms() - header.captured_ms;
        this.#reporter.governor.onObject(header.track, bytes.byteLength, delay_ms, performance.now());
        this.#session.sendMedia(header, bytes);
      },
      toRelay_ms: (local_ms) => this.#session.clock.toRelay_ms(local_ms),
    });
    const isShown = () => this.#views > 0;
    const isOrphaned = () => this.#isActive && (link.kernel.peek() === "gone" || !isShown());
    const person = () => (this.#isDefault(link.get("name")) ? link.get("_default_name") : link.get("name"));
    this.#member = {
      home: link.home,
      get room() {
        return link.get("room");
      },
      get orphaned() {
        return isOrphaned();
      },
      get person() {
        return person();
      },
      get shown() {
        return isShown();
      },
      leave: () => {
        this.#send(this.#views === 0 ? "unseen" : "leave");
        return this.#session.leave();
      },
    };
    this.#undo.push(register(this.#member));
    this.#followTraits();
    this.#followKernel();
    const leavePage = () => void this.#session.leave();
    window.addEventListener("pagehide", leavePage);
    this.#undo.push(() => window.removeEventListener("pagehide", leavePage));
    link.hello();
  }

  viewOpened(): void {
    this.#views += 1;
    clearTimeout(this.#unseenTimer);
    this.#send("seen");
  }

  viewClosed(): void {
    this.#views -= 1;
    if (this.#views > 0) return;
    // No view will be made anew of a widget without a kernel.
    if (this.link.kernel.peek() === "gone") this.#send("unseen");
    else this.#unseenTimer = setTimeout(() => this.#send("unseen"), UNSEEN_LEAVE_MS);
  }

  close(): void {
    clearTimeout(this.#unseenTimer);
    for (const undo of this.#undo) undo(); // before leaving: the model has gone, nothing can be told any more
    this.link.close();
    this.#send("close");
    this.#media.end();
  }

  /** Send anew, to players that remember nothing of before; nor does this page. */
  async beginAnew(): Promise<void> {
    if (this.state.phase.value !== "joined") return;
    const { publisher } = this.#media;
    publisher.stop();
    this.#reporter.governor.beginAnew();
    void publisher.setQuality(this.#reporter.governor.picture);
    await publisher.start(this.#listeners());
  }

  /** In the room, or on the way into it. */
  get #isActive(): boolean {
    const phase = phaseOf(this.#machine.state);
    return phase === "connecting" || phase === "joined" || phase === "reconnecting";
  }

  #send(event: CallEvent, detail?: Detail): void {
    batch(() => {
      this.#machine.send(event, detail);
      this.#showPhase();
    });
  }

  #showPhase(): void {
    this.state.phase.value = phaseOf(this.#machine.state);
    this.state.previewing.value = this.#machine.state === "preview";
  }

  #act(action: CallAction, detail?: Detail): void {
    this.#showPhase();
    switch (action) {
      case "auto-join":
        if (this.link.get("auto_join")) this.#join("all");
        break;
      case "show-devices":
        this.#media.trouble.value = null;
        void this.#open();
        break;
      case "capture":
        this.#capture(detail?.media ?? "all");
        break;
      case "drop-devices":
        this.#media.close();
        break;
      case "enter":
        void this.#enter();
        break;
      case "begin":
        this.#begin();
        break;
      case "pause":
        this.#media.publisher.stop();
        this.#reporter.showQuality();
        this.#beginToWait();
        break;
      case "ask-ticket":
        this.link.askTicket();
        break;
      case "end":
        this.#end(detail);
        break;
      case "forget":
        this.#troubles.ended.value = null;
        break;
    }
  }

  #followTraits(): void {
    const { link, state } = this;
    link.onChange("room", () => {
      state.room.value = link.get("room");
      state.peopleHere.value = null;
      state.recordersHere.value = [];
      this.#send("move");
    });
    link.onChange("name", () => {
      const name = link.get("name");
      if (tidy(state.name.peek()) !== name) {
        // The relay has given this number to another page of this call: this one keeps its own.
        if (this.#isActive && this.#isDefault(name) && this.#isDefault(state.name.peek())) return;
        state.name.value = name;
      }
      if (this.#isActive) this.#session.rename(name);
      this.#openIfOpen(); // the pattern shows it
    });
    link.onChange("source", () => {
      state.source.value = link.get("source");
      this.#media.noteSource();
      this.#change();
    });
    link.onChange("microphone", () => {
      state.microphone.value = link.get("microphone");
      this.#change();
    });
    link.onChange("camera", () => {
      state.camera.value = link.get("camera");
      this.#change();
    });
    this.#applyTarget();
    link.onChange("target_latency", () => this.#applyTarget());
    link.onChange("timeslice", () => this.#openIfOpen());
    link.onChange("auto_join", () => {
      if (link.get("auto_join") && state.phase.value === "idle" && this.#views > 0) this.#join("all");
    });
  }

  #followKernel(): void {
    const { link, state } = this;
    link.onMessage((message) => this.#onKernel(message));
    this.#undo.push(
      effect(() => {
        const { value: problem } = state.problem;
        const told = problem !== null && (problem.level === "warn" || problem.level === "error");
        const error = told ? { code: problem.code, message: `${problem.title} ${problem.advice}` } : null;
        link.tellState(state.phase.value, error, state.transport.value);
      }),
      effect(() => {
        this.#troubles.showAgain();
        if (link.kernel.value !== "gone") return;
        state.peopleHere.value = null; // nobody tells any more who is there
        state.recordersHere.value = [];
        untracked(() => {
          if (this.#views === 0) this.#send("unseen");
          this.#giveUpWithoutKernel();
        });
      }),
    );
  }

  #onKernel(message: KernelMessage): void {
    switch (message.kind) {
      case "ticket":
        this.#troubles.ticketCame();
        this.state.relay.value = {
          url: message.explicit ? message.url : null,
          needsToken: message.explicit && message.token !== "",
        };
        this.#session.offerTicket(message);
        break;
      case "people":
        this.state.peopleHere.value = message.names;
        this.state.recordersHere.value = message.recorders;
        break;
      case "invite":
      case "invite-refused":
        // An answer to what was asked before is none to what is asked now.
        if (message.publish === this.#invitePublish) this.state.invite.value = message;
        break;
      case "relay-failed":
        this.#troubles.relay.value = message;
        if (isFinal(message)) this.#send("no-relay", { ended: { ...message, ofRelay: true } });
        break;
      case "closed":
        this.#send("door-closed", { ended: message });
        break;
      case "join":
        this.#join("all");
        break;
      case "leave":
        this.#send("leave");
        break;
    }
  }

  // -- joining and leaving --

  #join(media: "all" | "sound" | "none"): void {
    if (this.#isActive) return;
    if (this.link.kernel.peek() === "gone") {
      this.#troubles.joinRefused.value = true; // nobody would let it in
      return;
    }
    this.#troubles.cannotPlay.value = this.#mayReceive && playableTypes(canPlay).length === 0;
    if (!this.#troubles.cannotPlay.value) this.#send("join", { media });
  }

  /** Nobody chose this name: the relay may number it. */
  #isDefault(name: string): boolean {
    return isNumberOf(this.link.get("_default_name"), name);
  }

  #capture(media: "all" | "sound" | "none"): void {
    if (media !== "all") this.link.set("camera", false);
    if (media === "none") this.link.set("microphone", false);
    this.#media.trouble.value = null;
    this.#troubles.begin();
    void this.#open();
  }

  async #open(): Promise<void> {
    const opening = {};
    this.#opening = opening;
    const met = await this.#media.open();
    if (this.#opening === opening) this.#send(met ? "captured" : "uncaptured");
  }

  async #enter(): Promise<void> {
    this.#beginToWait();
    const entering = {};
    this.#entering = entering;
    await replaceOrphans(this.#member);
    if (this.#entering !== entering) return;
    this.#session.join({
      room: this.state.room.value,
      name: this.state.name.value,
      plays: playableTypes(canPlay),
      ...(this.#isDefault(this.state.name.value) ? { numbered: true } : {}),
      ...(this.options.ownTile === undefined ? {} : { loopback: true }),
    });
    this.#giveUpWithoutKernel();
  }

  /** A ticket that has not come comes from nobody else. */
  #giveUpWithoutKernel(): void {
    if (this.link.kernel.peek() !== "gone" || this.#session.state !== "waiting") return;
    this.#send("no-relay", { ended: { code: "join-without-kernel" } });
  }

  /** On the way in. */
  #beginToWait(): void {
    if (this.state.phase.value === "joined") return; // to another room
    this.#troubles.wait(() => this.#session.state === "waiting");
  }

  #begin(): void {
    this.#troubles.waitNoMore();
    this.#tokenRefusals = 0;
    this.#mutedTracks.clear(); // the relay says it anew when we publish
    this.#showMuted();
    this.state.transport.value = this.#session.rung;
    this.#reporter.begin();
    void this.#media.publisher.start(this.#listeners());
  }

  #refused(error: WireError): void {
    const stale = error.code === "bad-token" || error.code === "expired-token";
    this.#tokenRefusals += 1;
    if (stale && this.link.kernel.peek() !== "gone" && this.#tokenRefusals < MAX_TOKEN_REFUSALS) {
      this.#send("stale");
    } else this.#send("refused", { ended: error });
  }

  #end(detail: Detail | undefined): void {
    this.#troubles.waitNoMore();
    this.#opening = this.#entering = null;
    this.#tokenRefusals = 0;
    this.#troubles.ended.value = detail?.ended ?? null;
    this.#mutedTracks.clear();
    this.#showMuted();
    this.#media.close();
    void this.#session.leave();
    this.#reporter.end();
  }

  #retry(): void {
    const relay = this.#troubles.relay.value !== null || this.#troubles.ticketMissing.value;
    this.#troubles.ticketMissing.value = false;
    this.#media.trouble.value = null;
    if (this.state.phase.value === "failed" || this.state.phase.value === "left") this.#join("all");
    else if (relay) this.link.askTicket();
    else if (this.#isActive) this.#change();
    else this.#send("preview");
  }

  #dismiss(): void {
    const code = this.state.problem.peek()?.code;
    if (code === undefined) return;
    if (this.#media.trouble.peek()?.code === code) this.#media.trouble.value = null;
    else this.#troubles.dismiss(code);
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

  // -- what is sent --

  /** The user wants something else sent. */
  #change(): void {
    if (this.#isActive || this.#machine.state === "preview") this.#media.change();
  }

  /** Something else is to be sent the same way. */
  #openIfOpen(): void {
    if (this.#isActive || this.#machine.state === "preview") void this.#media.open();
  }

  #choose(device: Signal<string>, id: string): void {
    device.value = id;
    this.#change();
  }

  #applyTarget(): void {
    const target_ms = this.link.get("target_latency");
    this.#reporter.receiver.setTarget(target_ms === null ? null : target_ms / 1000);
  }

  /** What each of those who get our media can play. */
  #listeners(): string[][] {
    const own = this.options.ownTile === undefined ? [] : [playableTypes(canPlay)];
    return [...own, ...this.#reporter.peers.map((peer) => peer.plays)];
  }
}
