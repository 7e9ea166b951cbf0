// How loud a stream is now, for a meter. Nothing is computed until it is asked.

const SAMPLES = 1024;
/** A voice at a normal distance has an RMS of 0.05 to 0.2: shown as about half to full. */
const GAIN = 4;

export class LevelMeter {
  readonly #context: AudioContext;
  readonly #analyser: AnalyserNode;
  readonly #source: MediaStreamAudioSourceNode;
  readonly #samples = new Float32Array(SAMPLES);

  constructor(stream: MediaStream) {
    this.#context = new AudioContext({ latencyHint: "playback" }); // large buffers: a meter is in no hurry
    this.#analyser = new AnalyserNode(this.#context, { fftSize: SAMPLES });
    this.#source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    this.#source.connect(this.#analyser);
  }

  /** 0..1; 0 while the page has had no click yet and may not run audio. */
  level(): number {
    if (this.#context.state !== "running") {
      // Before the page's first click it would only queue up.
      if (navigator.userActivation?.hasBeenActive !== false) void this.#context.resume();
      return 0;
    }
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.min(1, GAIN * Math.sqrt(sum / SAMPLES));
  }

  close(): void {
    this.#source.disconnect();
    void this.#context.close();
  }
}
