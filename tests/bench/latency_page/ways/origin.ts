// The plain design: slices of 1500 ms as the recorder gives them, passed on by the relay as bare bytes, appended in
// order of arrival, played from where the first one begins. Nobody looks at how far behind that is.
import { io, type Socket } from "socket.io-client";
import type { Ticket, Way } from "../way.js";

const TIMESLICE_MS = 1500;
const MIME_TYPE = "video/webm;codecs=vp8,opus";

export class Origin implements Way {
  readonly video = Object.assign(document.createElement("video"), { autoplay: true, playsInline: true });
  readonly sounds = [];
  captured_ms = 0;
  #sockets: Socket[] = [];
  #stream: MediaStream | null = null;
  #recorder: MediaRecorder | null = null;
  #sent_bytes = 0;

  constructor(
    private readonly room: string,
    private readonly ticket: Ticket,
  ) {}

  async start(): Promise<void> {
    const [sender, receiver] = await Promise.all([this.#join(), this.#join()]);
    const append = await this.#play();
    receiver.on("media-chunk", (_header: unknown, bytes: ArrayBuffer) => append(bytes));
    this.captured_ms = performance.now();
    this.#stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
    const recorder = new MediaRecorder(this.#stream, { mimeType: MIME_TYPE });
    recorder.ondataavailable = ({ data }) => {
      this.#sent_bytes += data.size;
      if (data.size > 0) void data.arrayBuffer().then((bytes) => sender.emit("media-chunk", bytes));
    };
    recorder.start(TIMESLICE_MS);
    this.#recorder = recorder;
  }

  async sent_bytes(): Promise<number> {
    return this.#sent_bytes;
  }

  figures(): null {
    return null;
  }

  async stop(): Promise<void> {
    if (this.#recorder?.state === "recording") this.#recorder.stop();
    for (const socket of this.#sockets) socket.close();
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.video.removeAttribute("src");
    this.video.load();
    this.video.remove();
  }

  async #join(): Promise<Socket> {
    const { url, token } = this.ticket;
    const socket = io(url, { multiplex: false, transports: ["websocket"], auth: { token, protocol: 1 } });
    this.#sockets.push(socket);
    await socket.timeout(5000).emitWithAck("join", this.room);
    return socket;
  }

  async #play(): Promise<(bytes: ArrayBuffer) => void> {
    const source = new MediaSource();
    this.video.src = URL.createObjectURL(source);
    await new Promise((resolve) => source.addEventListener("sourceopen", resolve, { once: true }));
    const buffer = source.addSourceBuffer(MIME_TYPE);
    const waiting: ArrayBuffer[] = [];
    const next = (): void => {
      const bytes = buffer.updating ? undefined : waiting.shift();
      if (bytes !== undefined) buffer.appendBuffer(bytes);
    };
    buffer.addEventListener("updateend", next);
    return (bytes) => {
      waiting.push(bytes);
      next();
    };
  }
}
