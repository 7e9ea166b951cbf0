// A moving picture with the time of its drawing in it, and a tone.
import { drawStamp } from "./stamp.js";

const WIDTH = 640;
const HEIGHT = 480;
const FRAME_MS = 1000 / 30;

export class Pattern {
  readonly #canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  readonly #context = this.#canvas.getContext("2d", { alpha: false });
  #picture: MediaStream | null = null;
  #sound: MediaStream | null = null;

  async stream(want: { audio: boolean; video: boolean }): Promise<MediaStream> {
    const tracks: MediaStreamTrack[] = [];
    if (want.video) tracks.push(...this.#moving().getVideoTracks());
    if (want.audio) tracks.push(...(await this.#tone()).getAudioTracks());
    return new MediaStream(tracks);
  }

  #moving(): MediaStream {
    if (this.#picture === null) {
      this.#draw();
      setInterval(() => this.#draw(), FRAME_MS);
      this.#picture = this.#canvas.captureStream(30);
    }
    return this.#picture;
  }

  async #tone(): Promise<MediaStream> {
    // The browser's fake microphone: an AudioContext would need a click of the user.
    this.#sound ??= await navigator.mediaDevices.getUserMedia({ audio: true });
    return this.#sound;
  }

  #draw(): void {
    const context = this.#context;
    if (context === null) return;
    const now_ms = Math.round(performance.now());
    context.fillStyle = `hsl(${(now_ms / 50) % 360} 50% 50%)`;
    context.fillRect(0, 0, WIDTH, HEIGHT);
    for (let index = 0; index < 20; index++) {
      context.fillStyle = `hsl(${index * 18} 80% 60%)`;
      context.fillRect((now_ms / 4 + index * 97) % WIDTH, 100 + index * 18, 60, 16);
    }
    drawStamp(context, now_ms);
  }
}
