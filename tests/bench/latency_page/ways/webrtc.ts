// Peer to peer, both ends in this page: the least that a browser can do.
import type { Way } from "../way.js";

export class WebRtc implements Way {
  readonly video = Object.assign(document.createElement("video"), { autoplay: true, playsInline: true });
  readonly sounds = [];
  captured_ms = 0;
  readonly #near = new RTCPeerConnection();
  readonly #far = new RTCPeerConnection();
  #stream: MediaStream | null = null;

  async start(): Promise<void> {
    const [near, far] = [this.#near, this.#far];
    near.onicecandidate = ({ candidate }) => void far.addIceCandidate(candidate ?? undefined);
    far.onicecandidate = ({ candidate }) => void near.addIceCandidate(candidate ?? undefined);
    far.ontrack = ({ streams }) => {
      this.video.srcObject = streams[0] ?? null;
    };
    this.captured_ms = performance.now();
    this.#stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
    for (const track of this.#stream.getTracks()) near.addTrack(track, this.#stream);
    await near.setLocalDescription();
    await far.setRemoteDescription(near.localDescription ?? { type: "offer" });
    await far.setLocalDescription();
    await near.setRemoteDescription(far.localDescription ?? { type: "answer" });
  }

  async sent_bytes(): Promise<number> {
    let bytes = 0;
    for (const entry of (await this.#near.getStats()).values()) {
      if (entry.type === "outbound-rtp") bytes += entry.bytesSent + entry.headerBytesSent;
    }
    return bytes;
  }

  figures(): null {
    return null;
  }

  async stop(): Promise<void> {
    this.#near.close();
    this.#far.close();
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
    this.video.remove();
  }
}
