// The receiving side of a participant: one player for each remote track, and the tiles that show them. A peer's
// picture and sound are two tracks, two players and one tile.
import {
  createPlayer,
  leastLatencyBesidePicture,
  leastLatencyBesideSound,
  type Player,
  type PlayerOptions,
} from "./playback/index.js";
import type { Figures, GroupsDropped, LeftReason, PeerInfo, RelayedHeader, TrackInfo } from "./protocol.js";
import { PeerQuality, type Quality } from "./quality.js";
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
  quality: PeerQuality;
  /** What the relay has left out of each track for this page, in groups. */
  leftOut: Map<string, number>;
  awayTimer: ReturnType<typeof setTimeout> | undefined;
  backTimer: ReturnType<typeof setTimeout> | undefined;
}

function newRemote(info: PeerInfo): Remote {
  return {
    info,
    streams: new Map(),
    quality: new PeerQuality(),
    leftOut: new Map(),
    awayTimer: undefined,
    backTimer: undefined,
  };
}

export class Receiver {
  #remotes = new Map<string, Remote>();
  #chosen_s: number | null = null;
  /** A peer whose sound is played, because it has its part in the timing, but not heard: oneself. */
  silent = "";
  /** This computer is. */
  busy = false;

  constructor(
    private readonly clock: PlayerOptions["clock"],
    private readonly changed: () => void,
  ) {}

  /** How far behind the live edge to play; null for as little as goes well. */
  setTarget(chosen_s: number | null): void {
    this.#chosen_s = chosen_s;
  }

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
    if (reason !== "lost" && reason !== "replaced") this.#remove(peer);
    else remote.awayTimer = setTimeout(() => this.#remove(peer), AWAY_KEPT_MS);
    this.changed();
  }

  push(header: RelayedHeader, bytes: Uint8Array): void {
    const stream = this.#remotes.get(header.from)?.streams.get(header.track);
    if (stream === undefined) return; // the last chunks of a track that is no longer published
    if ((header.level ?? 0) > SPEAKING_LEVEL) stream.spoke_ms = performance.now();
    stream.player.push(header, bytes);
  }

  /** The relay leaves out what this page does not take in time. */
  leftOut({ from, track, dropped_groups }: GroupsDropped): void {
    this.#remotes.get(from)?.leftOut.set(track, dropped_groups);
  }

  /** Figures by peer: of its picture, with what its other tracks add. */
  figures(options: { reset: boolean }): Record<string, Figures> {
    const all: Record<string, Figures> = {};
    for (const [peer, remote] of this.#remotes) {
      const streams = [...remote.streams.values()];
      const picture = streams.find(({ track }) => track.video) ?? streams[0];
      if (picture === undefined) continue;
      const figures = picture.player.figures(options);
      for (const stream of streams) {
        if (stream !== picture) add(figures, stream.player.figures(options), stream.track);
      }
      // A player sees a hole when something comes after it; the relay tells of one that has no end yet.
      figures.dropped_groups = Math.max(figures.dropped_groups, leftOut_groups(remote));
      all[peer] = figures;
    }
    return all;
  }

  tiles(figures: Record<string, Figures>): Tile[] {
    return [...this.#remotes.values()].flatMap((remote): Tile[] => {
      const away = remote.awayTimer !== undefined;
      const quality = this.#quality(remote, figures[remote.info.id] ?? null);
      const common = { peer: remote.info.id, name: remote.info.name, quality };
      if (remote.streams.size === 0) {
        const note = away ? "reconnecting…" : null;
        return [{ ...common, ...EMPTY_TILE, key: remote.info.id, note }];
      }
      const sound = soundOf(remote);
      return shownOf(remote).map((stream) => ({
        ...common,
        key: `${remote.info.id}/${stream.track.track}`,
        video: stream.player.element instanceof HTMLVideoElement ? stream.player.element : null,
        hasPicture: stream.track.video,
        muted: sound === undefined || sound.track.muted,
        isScreen: stream.track.video && stream.track.source === "screen",
        speaking:
          sound !== undefined && !sound.track.muted && performance.now() - sound.spoke_ms < SPEAKING_HOLD_MS,
        figures: figures[remote.info.id] ?? null,
        silenced: sound?.silenced === true && remote.info.id !== this.silent,
        note: away ? "reconnecting…" : (stream.note ?? sound?.note ?? null),
      }));
    });
  }

  async unmute(key: string): Promise<void> {
    const [peer = ""] = key.split("/");
    const remote = this.#remotes.get(peer);
    const stream = remote === undefined ? undefined : soundOf(remote);
    if (stream === undefined) return;
    await stream.player.unmute();
    stream.silenced = stream.player.element.muted;
    this.changed();
  }

  clear(): void {
    for (const peer of [...this.#remotes.keys()]) this.#remove(peer);
  }

  #quality(remote: Remote, figures: Figures | null): Quality | null {
    const [shown] = shownOf(remote);
    if (shown === undefined && remote.awayTimer === undefined) return null;
    return remote.quality.look(
      {
        name: remote.info.name,
        figures,
        leftOut_groups: leftOut_groups(remote),
        timeslice_ms: shown?.track.timeslice_ms ?? 0,
        target_ms: 1000 * (this.#chosen_s ?? 0),
        away: remote.awayTimer !== undefined,
        busy: this.busy,
      },
      performance.now(),
    );
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
      clock: this.clock,
      chosen_s: () => this.#chosen_s,
      leastLatency_s: () => leastLatency_s(remote, stream),
      onMuted: () => {
        stream.silenced = true;
        this.changed();
      },
      onProblem: ({ message, fatal }) => {
        stream.note = fatal ? message : null;
        this.changed();
      },
    });
    player.element.dataset.peerId = remote.info.id;
    if (remote.info.id === this.silent) player.element.volume = 0;
    // Sound needs no place in a view, but whoever looks for it should find it.
    if (player.element instanceof HTMLAudioElement) document.body.append(player.element);
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

function leftOut_groups({ leftOut }: Remote): number {
  return [...leftOut.values()].reduce((sum, groups) => sum + groups, 0);
}

/** What is heard of a peer: its sound, or the sound of its picture. */
function soundOf(remote: Remote): Stream | undefined {
  const streams = [...remote.streams.values()];
  return streams.find(({ track }) => track.audio && !track.video) ?? streams.find(({ track }) => track.audio);
}

/** What has a tile: the pictures; without any, whatever there is. */
function shownOf(remote: Remote): Stream[] {
  const streams = [...remote.streams.values()];
  const pictures = streams.filter(({ track }) => track.video);
  return pictures.length > 0 ? pictures : streams.slice(0, 1);
}

/** Lip-sync: picture and sound are each told how late the other has to be. */
function leastLatency_s(remote: Remote, stream: Stream): number {
  const { audio, video } = stream.track;
  if (audio && video) return Number.NaN;
  const beside = [...remote.streams.values()].find(({ track }) =>
    video ? track.audio && !track.video : track.video && !track.audio,
  );
  if (beside === undefined) return Number.NaN;
  const latency_s = beside.player.ownLatency_s;
  return video ? leastLatencyBesideSound(latency_s) : leastLatencyBesidePicture(latency_s);
}

/** What another track of the same peer adds to the figures of its picture. */
function add(figures: Figures, other: Figures, track: TrackInfo): void {
  figures.queue_depth = Math.max(figures.queue_depth, other.queue_depth);
  figures.stalls += other.stalls;
  figures.dropped_frames += other.dropped_frames;
  figures.dropped_groups += other.dropped_groups;
  // Each waits for the other: what one has learnt holds for both.
  figures.surplus_ms = Math.max(figures.surplus_ms ?? 0, other.surplus_ms ?? 0);
  figures.learnt_ms = Math.max(figures.learnt_ms ?? 0, other.learnt_ms ?? 0);
  const known = figures.latency_ms >= 0 && other.latency_ms >= 0;
  if (track.audio && !track.video && known) figures.av_skew_ms = other.latency_ms - figures.latency_ms;
}
