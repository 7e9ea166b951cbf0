// What the UI shows and what it may ask for. The UI renders CallState and calls CallActions; it knows no
// session, no socket and no recorder.
import type { ReadonlySignal, Signal } from "@preact/signals";
import type { Figures, ListenerInfo } from "../protocol.js";
import type { Quality } from "../quality.js";
import type { RungName } from "../transport/index.js";

export type Phase = "idle" | "connecting" | "joined" | "reconnecting" | "left" | "failed";
export type Source = "camera" | "screen" | "pattern";

/** Whether Python is there. silent: nothing has been heard from the kernel for a while (it may be stopped, or the
 * network to it be down); gone: it was restarted, killed or shut down, and this widget gets no other kernel. */
export type KernelPresence = "here" | "silent" | "gone";

/** Which of one's own tracks the host has muted: the relay passes them on to nobody. */
export interface MutedByHost {
  audio: boolean;
  video: boolean;
}

/** Something in the way, in words: what it is, what to do, and which buttons help. */
export interface Problem {
  code: string;
  title: string;
  advice: string;
  /** calm: it passes by itself; note: good to know; warn: the call can go on; error: it cannot until this is mended. */
  level: "calm" | "note" | "warn" | "error";
  actions: ReadonlyArray<
    | "retry"
    | "rejoin"
    | "lobby"
    | "join-without-media"
    | "join-sound-only"
    | "use-pattern"
    | "leave"
    | "dismiss"
  >;
}

export interface Device {
  id: string;
  label: string;
}

/** What the link of a join page allows. Read from its token to be shown; the relay decides. */
export interface Invitation {
  /** The one room it is for; null: the guest may choose. */
  room: string | null;
  /** What the guest is called; null: the guest may choose. */
  name: string | null;
  publish: boolean;
  subscribe: boolean;
  /** Until when, in ms since 1970; null: unknown. */
  expires_ms: number | null;
}

/** A link into the call, as the kernel has made it. It is in no trait: notebooks are saved with theirs. */
export interface Invite {
  link: string;
  /** The QR code, as a data: address of an SVG. */
  qr: string;
  room: string;
  /** What its guest is called; null: the guest may choose. */
  name: string | null;
  publish: boolean;
  subscribe: boolean;
  expires_ms: number;
  /** What is in the way of those who open it; null: nothing is known to be. */
  warning: string | null;
}

/** What the kernel says when it is asked for a link. */
export type InviteAnswer =
  | ({ kind: "invite" } & Invite)
  | { kind: "invite-refused"; publish: boolean; code: string; message: string };

/** Where the call's relay is: at an address that was named, or (null) the user's own, which only other notebooks of the
 * same user on the same computer find by themselves. */
export interface RelayPlace {
  url: string | null;
  needsToken: boolean;
}

/** One remote track (or a peer that publishes nothing: `video` is null). */
export interface Tile {
  /** Stable while the peer is here: `${peer}/${track}`, or the peer's id alone. */
  key: string;
  peer: string;
  name: string;
  /** The playing element, owned by the player; null when there is nothing to play. */
  video: HTMLVideoElement | null;
  /** The track carries a picture (camera on). */
  hasPicture: boolean;
  /** The peer's microphone is off or absent. */
  muted: boolean;
  isScreen: boolean;
  speaking: boolean;
  figures: Figures | null;
  /** How well this person comes through, in words; null while there is nothing to tell. */
  quality: Quality | null;
  /** The browser refused sound until the user clicks. */
  silenced: boolean;
  /** Words for the tile when it cannot show: "connecting", "cannot play VP9", "away". */
  note: string | null;
}

export interface CallState {
  phase: Signal<Phase>;
  /** What is in the way now, the most important thing first; derived, never set. */
  problem: ReadonlySignal<Problem | null>;
  room: Signal<string>;
  name: Signal<string>;
  source: Signal<Source>;
  microphone: Signal<boolean>;
  camera: Signal<boolean>;
  /** Local picture: the lobby's preview and the own tile. Null when nothing is captured. */
  preview: Signal<MediaStream | null>;
  /** The user has asked for the preview (nothing is captured before that). */
  previewing: Signal<boolean>;
  /** Own microphone level 0..1, for the meter and the own speaking ring. */
  level: Signal<number>;
  cameras: Signal<Device[]>;
  microphones: Signal<Device[]>;
  cameraId: Signal<string>;
  microphoneId: Signal<string>;
  /** Names of the people already in the room, as the kernel tells the lobby; null while unknown. */
  peopleHere: Signal<string[] | null>;
  /** And who records there. */
  recordersHere: Signal<string[]>;
  tiles: Signal<Tile[]>;
  /** Who receives in the room without being a participant: programs that watch, and recordings. */
  listeners: Signal<readonly ListenerInfo[]>;
  /** One's own id on the relay; "" before the first call. */
  ownId: Signal<string>;
  /** Whether Python is there. A call goes on without it; joining needs it. A join page has no kernel: always here. */
  kernel: ReadonlySignal<KernelPresence>;
  mutedByHost: Signal<MutedByHost>;
  /** How media travel now, for the head's chip; "" before the first connection. */
  transport: Signal<RungName | "">;
  /** How well one's own picture and sound get away; null before the call. */
  quality: Signal<Quality | null>;
  /** This page can capture (secure context with mediaDevices). */
  canCapture: Signal<boolean>;
  canShareScreen: Signal<boolean>;
  relay: Signal<RelayPlace>;
  /** The answer to askInvite; null: there is none yet. */
  invite: Signal<InviteAnswer | null>;
  /** On a join page, its link's; null in a notebook. */
  readonly invitation: Invitation | null;
}

export interface CallActions {
  /** Lobby: ask for camera and microphone and show them. */
  startPreview(): void;
  join(options?: { media: "all" | "sound" | "none" }): void;
  leave(): void;
  /** After the call (left, failed): back to the lobby, where room, name and devices can be chosen. */
  toLobby(): void;
  setRoom(room: string): void;
  setName(name: string): void;
  setSource(source: Source): void;
  setMicrophone(on: boolean): void;
  setCamera(on: boolean): void;
  chooseCamera(id: string): void;
  chooseMicrophone(id: string): void;
  /** Play this peer's sound after the browser refused it. */
  unmute(key: string): void;
  /** Have the kernel make a link; its answer comes in `invite`. */
  askInvite(rights: { publish: boolean }): void;
  retry(): void;
  dismissProblem(): void;
}
