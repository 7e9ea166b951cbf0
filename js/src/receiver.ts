// The receiving side of a participant: one player for each remote track, and the tiles that show them.
import { createPlayer, type Player } from "./playback/index.js";
import type { Figures, LeftReason, PeerInfo, RelayedHeader, TrackInfo } from "./protocol.js";
import { SPEAKING_LEVEL } from "./stats.js";
import type { Tile } from "./ui/state.js";

/** A peer whose connection broke keeps its tile for this long, so that nothing jumps while it comes back. */
const AWAY_KEPT_MS = 8000;
/** And its players this long after it has come back, until it has said what it publishes. */
const BACK_KEPT_MS = 3000;
/** How long the ring of a person who has spoken stays on. */
const SPEAKING_HOLD_MS = 500;

interface Stream {
  player: Player;
  track: TrackInfo;
  silenced: boolean;
  note: string | null;
  spoke_ms: number;
}

interface Remote {
  info: PeerInfo;
  streams: Map<string, Stream>;
  awayTimer: ReturnType<typeof setTimeout> | undefined;
  backTimer: ReturnType<typeof setTimeout> | undefined;
}

function newRemote(info: PeerInfo): Remote {
  return { info, streams: new Map(), awayTimer: undefined, backTimer: undefined };
}

export class Receiver {
  #remotes = new Map<string, Remote>();

  constructor(
    private readonly now_ms: () => number,
    private readonly changed: () => void,
  ) {}

  /** Everybody in the room now. Peers not named here are left to `gone`. */
  setPeers(peers: readonly PeerInfo[]): void {
    for (const info of peers) {
      const remote = this.#remotes.get(info.id) ?? newRemote(info);
      if (remote.awayTimer !== undefined) this.#cameBack(remote);
      remote.info = info;
      this.#remotes.set(info.id, remote);
      for (const track of info.tracks) this.#follow(remote, track);
      if (remote.backTimer === undefined) this.#prune(remote);
    }
    this.changed();
  }

  gone(peer: string, reason: LeftReason): void {
    const remote = this.#remotes.get(peer);
    if (remote === undefined) return;
    clearTimeout(remote.awayTimer);
    if (reason === "left") this.#remove(peer);
    else remote.awayTimer = setTimeout(() => this.#remove(peer), AWAY_KEPT_MS);
    this.changed();
  }

  push(header: RelayedHeader, bytes: Uint8Array): void {
    const stream = this.#remotes.get(header.from)?.streams.get(header.track);
    if (stream === undefined) return; // the last chunks of a track that is no longer published
    if ((header.level ?? 0) > SPEAKING_LEVEL) stream.spoke_ms = performance.now();
    stream.player.push(header, bytes);
  }

  /** Figures by peer; of a peer with several tracks the worst of each. */
  figures(options: { reset: boolean }): Record<string, Figures> {
    const all: Record<string, Figures> = {};
    for (const [peer, remote] of this.#remotes) {
      const figures = [...remote.streams.values()].map((stream) => stream.player.figures(options));
      if (figures.length > 0) all[peer] = figures.reduce(worst);
    }
    return all;
  }

  tiles(figures: Record<string, Figures>): Tile[] {
    return [...this.#remotes.values()].flatMap((remote): Tile[] => {
      const away = remote.awayTimer !== undefined;
      const common = { peer: remote.info.id, name: remote.info.name };
      if (remote.streams.size === 0) {
        const note = away ? "reconnecting…" : null;
        return [{ ...common, ...EMPTY_TILE, key: remote.info.id, note }];
      }
      return [...remote.streams.values()].map((stream) => ({
        ...common,
        key: `${remote.info.id}/${stream.track.track}`,
        video: stream.player.video,
        hasPicture: stream.track.video,
        muted: stream.track.muted || !stream.track.audio,
        isScreen: stream.track.source === "screen",
        speaking: !stream.track.muted && performance.now() - stream.spoke_ms < SPEAKING_HOLD_MS,
        figures: figures[remote.info.id] ?? null,
        silenced: stream.silenced,
        note: away ? "reconnecting…" : stream.note,
      }));
    });
  }

  async unmute(key: string): Promise<void> {
    const [peer = "", track = ""] = key.split("/");
    const stream = this.#remotes.get(peer)?.streams.get(track);
    if (stream === undefined) return;
    await stream.player.unmute();
    stream.silenced = stream.player.video.muted;
    this.changed();
  }

  clear(): void {
    for (const peer of [...this.#remotes.keys()]) this.#remove(peer);
  }

  #follow(remote: Remote, track: TrackInfo): void {
    const known = remote.streams.get(track.track);
    if (known !== undefined) {
      known.track = track;
      known.player.update(track);
      return;
    }
    const player = createPlayer({
      track,
      now_ms: this.now_ms,
      onMuted: () => {
        stream.silenced = true;
        this.changed();
      },
      onProblem: ({ message, fatal }) => {
        stream.note = fatal ? message : null;
        this.changed();
      },
    });
    player.video.dataset.peerId = remote.info.id;
    const stream: Stream = { player, track, silenced: false, note: null, spoke_ms: Number.NEGATIVE_INFINITY };
    remote.streams.set(track.track, stream);
  }

  /** It says its tracks again in a moment: until then its players stay, and play on from there. */
  #cameBack(remote: Remote): void {
    clearTimeout(remote.awayTimer);
    clearTimeout(remote.backTimer);
    remote.awayTimer = undefined;
    remote.backTimer = setTimeout(() => {
      remote.backTimer = undefined;
      this.#prune(remote);
      this.changed();
    }, BACK_KEPT_MS);
  }

  /** Let go of what is not published any more. */
  #prune(remote: Remote): void {
    for (const [id, stream] of remote.streams) {
      if (remote.info.tracks.some((track) => track.track === id)) continue;
      stream.player.dispose();
      remote.streams.delete(id);
    }
  }

  #remove(peer: string): void {
    const remote = this.#remotes.get(peer);
    if (remote === undefined) return;
    clearTimeout(remote.awayTimer);
    clearTimeout(remote.backTimer);
    for (const stream of remote.streams.values()) stream.player.dispose();
    this.#remotes.delete(peer);
    this.changed();
  }
}

const EMPTY_TILE = {
  video: null,
  hasPicture: false,
  muted: true,
  isScreen: false,
  speaking: false,
  figures: null,
  silenced: false,
};

function worst(a: Figures, b: Figures): Figures {
  return {
    queue_depth: Math.max(a.queue_depth, b.queue_depth),
    buffered_s: Math.min(a.buffered_s, b.buffered_s),
    latency_ms: Math.max(a.latency_ms, b.latency_ms),
    stalls: a.stalls + b.stalls,
    dropped_frames: a.dropped_frames + b.dropped_frames,
    dropped_groups: a.dropped_groups + b.dropped_groups,
    rate: Math.max(a.rate, b.rate),
  };
}
