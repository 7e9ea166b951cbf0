// What is seen and measured of everybody in the call, several times a second: the tiles, how well one's own picture gets
// away, and the report to the relay. And the picture that is sent is made smaller or larger accordingly.

import { Busyness } from "./busyness.js";
import { Governor } from "./governor.js";
import { type Figures, type PeerInfo, REPORT_INTERVAL_MS, REPORT_PEERS, type TrackInfo } from "./protocol.js";
import { type Publisher, VIDEO_TRACK } from "./publisher.js";
import { Receiver } from "./receiver.js";
import type { Session } from "./session.js";
import { SendRate } from "./stats.js";
import type { CallState } from "./ui/state.js";

/** Play what one sends as it comes back from the relay, in a tile of this name; without the sound being heard. */
export interface OwnTile {
  name: string;
  /** What to report beside the figures of that. */
  figures(): Record<string, number>;
}

export class Reporter {
  readonly receiver: Receiver;
  readonly governor = new Governor(VIDEO_TRACK);
  readonly #rate = new SendRate();
  readonly #busyness = new Busyness();
  readonly #ownTracks = new Map<string, TrackInfo>();
  #peers: readonly PeerInfo[] = [];
  #ownId = "";
  #timer: ReturnType<typeof setInterval> | undefined;
  #reported_ms = 0;

  constructor(
    private readonly session: Session,
    private readonly state: Pick<CallState, "phase" | "tiles" | "quality">,
    private readonly publisher: () => Publisher,
    private readonly ownTile: OwnTile | null,
  ) {
    this.receiver = new Receiver(session.clock, () =>
      this.#showTiles(this.receiver.figures({ reset: false })),
    );
  }

  get peers(): readonly PeerInfo[] {
    return this.#peers;
  }

  /** In the room (again): what was told of our tracks is over. */
  begin(): void {
    this.governor.begin();
    this.showQuality();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      this.#busyness.tick(performance.now(), REPORT_INTERVAL_MS, document.hidden);
      this.receiver.busy = this.#busyness.busy;
      if (this.#since_ms() > this.#interval_ms() - REPORT_INTERVAL_MS / 2) this.report();
      else this.#look();
    }, REPORT_INTERVAL_MS);
  }

  end(): void {
    clearInterval(this.#timer);
    this.receiver.clear();
    this.state.quality.value = null;
  }

  setPeers(peers: readonly PeerInfo[]): void {
    this.#peers = peers;
    this.#showPeers();
  }

  published(track: TrackInfo): void {
    this.#ownTracks.set(track.track, track);
    this.#showPeers();
  }

  unpublished(track: string): void {
    this.#ownTracks.delete(track);
    this.#showPeers();
  }

  /** Timers of hidden pages fire once a minute; arriving media keep the figures fresh there. */
  keepFresh(): void {
    if (this.#since_ms() > 2 * this.#interval_ms()) this.report();
  }

  #since_ms(): number {
    return performance.now() - this.#reported_ms;
  }

  /** A report grows with the others in the room, and so does what all reports cost the relay: by the square. */
  #interval_ms(): number {
    return REPORT_INTERVAL_MS * Math.max(1, this.#peers.length / REPORT_PEERS);
  }

  #look(): void {
    this.#govern();
    this.#showTiles(this.receiver.figures({ reset: false }));
  }

  showQuality(): void {
    const quality = this.governor.quality(this.state.phase.value === "reconnecting");
    if (quality.words !== this.state.quality.value?.words) this.state.quality.value = quality;
  }

  report(): void {
    this.#reported_ms = performance.now();
    this.#govern();
    const figures = this.receiver.figures({ reset: true });
    this.#showTiles(figures);
    Object.assign(figures[this.#ownId] ?? {}, this.ownTile?.figures());
    const { bytes, chunks } = this.session.sent;
    this.session.report({
      peers: figures,
      sent: {
        bytes,
        chunks,
        bitrate_kbps: this.#rate.kbps(bytes, this.#reported_ms),
        ...this.governor.figures,
      },
    });
  }

  #govern(): void {
    const sendsPicture = this.#ownTracks.has(VIDEO_TRACK);
    if (this.governor.look(this.session.uplink, sendsPicture, performance.now(), this.#busyness.busy)) {
      void this.publisher().setQuality(this.governor.picture);
    }
    this.showQuality();
  }

  #showPeers(): void {
    if (this.ownTile === null || !this.session.joined) {
      this.receiver.setPeers(this.#peers);
      return;
    }
    const { peer: id } = this.session;
    if (this.#ownId !== id) this.receiver.gone(this.#ownId, "left");
    this.#ownId = this.receiver.silent = id;
    const own = { id, name: this.ownTile.name, plays: [], tracks: [...this.#ownTracks.values()] };
    this.receiver.setPeers([own, ...this.#peers]);
  }

  #showTiles(figures: Record<string, Figures>): void {
    this.state.tiles.value = this.receiver.tiles(figures);
  }
}
