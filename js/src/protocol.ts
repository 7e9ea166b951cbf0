// The wire as types: the TypeScript twin of src/relay_widget/protocol.py (tests/vectors/protocol.json holds
// both to the same names and limits). The prose is PROTOCOL.md.

export const PROTOCOL_VERSION = 1;
export const MAX_CHUNK_BYTES = 1_000_000;
export const MAX_INIT_BYTES = 64_000;
export const MAX_NAME_CHARS = 64;
export const REPORT_INTERVAL_MS = 250;
export const REPORT_PEERS = 10;

export const EVENT = {
  join: "join",
  leave: "leave",
  rename: "rename",
  publish: "publish",
  unpublish: "unpublish",
  mediaChunk: "media-chunk",
  clock: "clock",
  report: "report",
  renew: "renew",
  peerJoined: "peer-joined",
  peerLeft: "peer-left",
  peerRenamed: "peer-renamed",
  listenerJoined: "listener-joined",
  listenerLeft: "listener-left",
  trackPublished: "track-published",
  trackUnpublished: "track-unpublished",
  trackMuted: "track-muted",
  groupsDropped: "groups-dropped",
  trackLag: "track-lag",
  relayEnding: "relay-ending",
  error: "error",
} as const;

export type ObjectType = "init" | "key" | "delta";
export type Packaging = "webm" | "fmp4";
export type LeftReason = "left" | "lost" | "replaced" | "expired" | "removed";

export interface WireError {
  code: string;
  message: string;
}

export interface TrackInfo {
  track: string;
  mimeType: string;
  packaging: Packaging;
  source: string;
  audio: boolean;
  video: boolean;
  muted: boolean;
  timeslice_ms: number;
}

export interface PeerInfo {
  id: string;
  name: string;
  plays: string[];
  tracks: TrackInfo[];
}

export const LISTENERS_DO = ["watches", "records"] as const;

/** Who receives in the room without being a participant of it. */
export interface ListenerInfo {
  id: string;
  /** Whose it is. */
  name: string;
  does: (typeof LISTENERS_DO)[number];
  /** Whose media it gets, by peer id; null: everybody's. */
  of: string[] | null;
}

/** The label of one object as its publisher sends it. Stamps are in the relay's clock. */
export interface MediaHeader {
  track: string;
  epoch: number;
  group: number;
  object: number;
  type: ObjectType;
  captured_ms: number;
  /** When the publisher handed it to its socket. */
  sent_ms?: number;
  /** Media time, from the epoch's start, of what `captured_ms` speaks of: its newest picture or sound block. */
  media_ms?: number;
  /** Loudness of the sound in it, 0..1, as RFC 6464 does for RTP: who speaks is shown without decoding. */
  level?: number;
}

/** The same label as it comes from the relay. Other publishers than ours may leave `captured_ms` out too: then it is
 * undefined here, and the latency unknown. */
export interface RelayedHeader extends MediaHeader {
  from: string;
  relayed_ms: number;
}

/** To the publisher of a track: how many of its subscribers lose groups of it, or did a moment ago. */
export interface TrackLag {
  track: string;
  subscribers: number;
  lagging: number;
}

/** To everybody: the relay ends; come back at some time within so long. */
export interface RelayEnding {
  message: string;
  reconnect_ms: number;
}

/** To the publisher: who runs the room has muted a track of it (null: all it sends), or unmuted it. */
export interface TrackMuted {
  track: string | null;
  muted: boolean;
}

/** To a subscriber: what was left out of a track for it, in all since it was subscribed. */
export interface GroupsDropped {
  from: string;
  track: string;
  dropped_groups: number;
  dropped_objects: number;
}

/** The way of an object: captured, sent, relayed, received, appended, shown; and all of it. */
export type Hop = "record" | "uplink" | "downlink" | "queue" | "play" | "total";

/** Over a sliding window; -1 while unknown. Of the picture, or of the sound where there is no picture. */
export type HopFigures = { [figure in `${Hop}_p50_ms` | `${Hop}_p95_ms`]?: number };

/** What a receiver reports about one peer, and what the badge of its tile shows. */
export interface Figures extends HopFigures {
  /** chunks waiting for append: the deepest it was since the last report */
  queue_depth: number;
  /** seconds of media ahead of the playing position */
  buffered_s: number;
  /** from the capture of the picture now shown to now, in the relay's clock; -1 while unknown */
  latency_ms: number;
  stalls: number;
  dropped_frames: number;
  dropped_groups: number;
  rate: number;
  /** how far behind the live edge the player means to play */
  target_ms?: number;
  /** how much of that is more than arrivals ask for now; it is given back slowly */
  surplus_ms?: number;
  /** how much of what arrivals ask for stalls have taught; it is given back very slowly */
  learnt_ms?: number;
  /** latency of the sound minus that of the picture */
  av_skew_ms?: number;
  /** how far the receiver's idea of the relay's clock may be off; -1 while unknown */
  clock_error_ms?: number;
}

/** What the page aims at with the picture it sends, and how that gets away. */
export interface SendingFigures {
  /** 0 is the best; higher ones are smaller pictures */
  level: number;
  /** of a camera's picture at that level */
  width: number;
  frame_rate: number;
  aim_kbps: number;
  /** how long what is sent now waits on its way to the relay */
  uplink_wait_ms: number;
  /** groups of video that were left out because of that, since the page joined */
  dropped_groups: number;
}

export interface Report {
  peers: Record<string, Figures>;
  sent: { bitrate_kbps: number; chunks: number; bytes: number } & Partial<SendingFigures>;
}

export type Ack<T extends object = object> = ({ ok: true } & T) | { ok: false; error: WireError };
/** A token to come back with, and until when the relay lets this page stay (null: for ever). */
interface Stay {
  resume: string;
  expires_ms: number | null;
}
export type JoinAck = Ack<
  Stay & { peer: string; name: string; peers: PeerInfo[]; listeners: ListenerInfo[]; now_ms: number }
>;
export type RenewAck = Ack<Stay>;
export type ClockAck = Ack<{ t0: number; now_ms: number }>;
