// A microphone made in a worker: silence, and a beep as each full second begins, so that what is heard tells when it
// was said. Written ten milliseconds at a time, as a real one delivers.

const RATE_Hz = 48_000;
const CHUNK_MS = 10;
const FRAMES = (RATE_Hz * CHUNK_MS) / 1000;
const BEEP_MS = 50;
const PITCH_Hz = 1000;

self.onmessage = ({ data: { writable } }: MessageEvent<{ writable: WritableStream<AudioData> }>): void => {
  const writer = writable.getWriter();
  const begin_ms = performance.now();
  let written = 0;
  const tick = (): void => {
    // As many as are due: timers are late, time is not.
    while (begin_ms + (written + 1) * CHUNK_MS <= performance.now()) {
      const from_ms = begin_ms + written * CHUNK_MS;
      written += 1;
      void writer.write(chunk(from_ms));
    }
    setTimeout(tick, begin_ms + (written + 1) * CHUNK_MS - performance.now());
  };
  tick();
};

function chunk(from_ms: number): AudioData {
  const samples = new Float32Array(FRAMES);
  for (let index = 0; index < FRAMES; index++) {
    const at_ms = performance.timeOrigin + from_ms + (index * 1000) / RATE_Hz;
    const since_ms = at_ms % 1000;
    if (since_ms < BEEP_MS) samples[index] = 0.5 * Math.sin((2 * Math.PI * PITCH_Hz * since_ms) / 1000);
  }
  return new AudioData({
    format: "f32-planar",
    sampleRate: RATE_Hz,
    numberOfFrames: FRAMES,
    numberOfChannels: 1,
    timestamp: from_ms * 1000,
    data: samples,
  });
}
