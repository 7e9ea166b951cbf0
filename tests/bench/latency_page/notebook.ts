// Brought into JupyterLab's page before its own scripts: the stamped camera for the calls, and a meter for every
// picture of a peer. Driven from Python through `probe`.
import { installCamera } from "./camera.js";
import { elementsOfPeers, watchElements } from "./elements.js";
import { Meter, type Seen } from "./meter.js";

const BADGE_EVERY_MS = 1000;

interface Watched extends Seen {
  /** Of the peer. */
  name: string;
  seconds: number;
  /** What the tile's badge said, once a second. */
  badges_ms: number[];
}

interface Watch {
  meter: Meter;
  badges_ms: number[];
}

/** What Chromium counts, and no standard names. */
type Decoded = HTMLMediaElement & {
  webkitVideoDecodedByteCount?: number;
  webkitAudioDecodedByteCount?: number;
};

class Probe {
  #watches = new Map<string, Watch>();
  #begun_ms = 0;
  #reading: ReturnType<typeof setInterval> | undefined;

  /** The pictures that play now. */
  get pictures(): HTMLVideoElement[] {
    return elementsOfPeers()
      .filter((one) => one instanceof HTMLVideoElement)
      .filter((video) => video.videoWidth > 0);
  }

  /** Bytes of picture and sound that have been decoded, by peer. */
  get decoded_bytes(): Record<string, number> {
    const bytes: Record<string, number> = {};
    for (const element of elementsOfPeers() as Decoded[]) {
      const peer = element.dataset.peerId ?? "";
      const { webkitVideoDecodedByteCount: picture = 0, webkitAudioDecodedByteCount: sound = 0 } = element;
      bytes[peer] = (bytes[peer] ?? 0) + picture + sound;
    }
    return bytes;
  }

  /** Look at every picture that plays now. To begin with it costs the page a moment, which is not to be measured. */
  watch(): void {
    for (const video of this.pictures) {
      this.#watches.set(video.dataset.peerId ?? "", { meter: new Meter(video), badges_ms: [] });
    }
    this.#reading = setInterval(() => this.#readBadges(), BADGE_EVERY_MS);
  }

  /** What is seen counts from here on. */
  begin(): void {
    const elements = elementsOfPeers();
    for (const [peer, watch] of this.#watches) {
      watch.meter.begin(
        elements.filter((one) => one.dataset.peerId === peer && one instanceof HTMLAudioElement),
      );
      watch.badges_ms = [];
    }
    this.#begun_ms = performance.now();
  }

  /** What was seen of each peer. */
  end(): Record<string, Watched> {
    clearInterval(this.#reading);
    const seconds = (performance.now() - this.#begun_ms) / 1000;
    const all: Record<string, Watched> = {};
    for (const [peer, { meter, badges_ms }] of this.#watches) {
      const name = tileOf(peer)?.ariaLabel ?? "";
      all[peer] = { ...meter.seen, name, seconds, badges_ms };
      meter.close();
    }
    this.#watches.clear();
    return all;
  }

  #readBadges(): void {
    for (const [peer, { badges_ms }] of this.#watches) {
      const badge = tileOf(peer)?.querySelector(".rw-badge");
      const [, figure] = /(\d+) ms/.exec(badge?.textContent ?? "") ?? [];
      if (figure !== undefined) badges_ms.push(Number(figure));
    }
  }
}

function tileOf(peer: string): Element | null {
  return document.querySelector(`.rw-tile[data-peer="${peer}"]`);
}

installCamera({ restless: "restlessCamera" in window });
watchElements();
Object.assign(window, { probe: new Probe() });
