// A moving picture with the time of its drawing in it as black and white squares, and a tone.

const WIDTH = 640;
const HEIGHT = 480;
const BITS = 24;
const SQUARE = 24;
const ROW = 12;
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
    for (let bit = 0; bit < BITS; bit++) {
      context.fillStyle = (now_ms >> bit) & 1 ? "#fff" : "#000";
      context.fillRect((bit % ROW) * SQUARE * 2, Math.floor(bit / ROW) * SQUARE * 2, SQUARE * 2, SQUARE * 2);
    }
  }
}

const reader = Object.assign(document.createElement("canvas"), { width: ROW, height: 2 });
const reading = reader.getContext("2d", { willReadFrequently: true });

/** The time in the picture that the video shows; null if it shows none. */
export function readStamp(video: HTMLVideoElement): number | null {
  if (reading === null || video.videoWidth === 0) return null;
  const side = SQUARE * 2;
  // The middles of the squares only: their edges are blurred by the codec.
  reading.imageSmoothingEnabled = false;
  reading.drawImage(video, 0, 0, ROW * side, 2 * side, 0, 0, ROW, 2);
  const { data } = reading.getImageData(0, 0, ROW, 2);
  let stamp = 0;
  for (let bit = 0; bit < BITS; bit++) {
    const value = data[bit * 4] ?? 0;
    if (value > 80 && value < 176) return null;
    if (value >= 128) stamp |= 1 << bit;
  }
  return stamp;
}
