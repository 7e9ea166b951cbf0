// The sound that a player has been given, decoded once more: when in its time each beep begins.

const SILENCE = 0.1;
/** So long without a beep, and the next loud sample begins another. */
const PAUSE_S = 0.5;

const given: Uint8Array<ArrayBuffer>[] = [];
let start_s: number | null = null;

/** Keep what is appended from now on for sound alone. One player, one epoch. */
export function keepSound(): void {
  const sounds = new Set<SourceBuffer>();
  const { addSourceBuffer } = MediaSource.prototype;
  MediaSource.prototype.addSourceBuffer = function (type) {
    const buffer = addSourceBuffer.call(this, type);
    if (type.startsWith("audio/")) {
      sounds.add(buffer);
      buffer.addEventListener("updateend", () => {
        if (buffer.buffered.length > 0) start_s ??= buffer.buffered.start(0);
      });
    }
    return buffer;
  };
  const { appendBuffer } = SourceBuffer.prototype;
  SourceBuffer.prototype.appendBuffer = function (data) {
    if (sounds.has(this)) given.push(copyOf(data));
    appendBuffer.call(this, data);
  };
}

/** When each beep begins, in the player's time. */
export async function beeps_s(): Promise<number[]> {
  const context = new OfflineAudioContext({ length: 1, sampleRate: 48_000 });
  const sound = await context.decodeAudioData(await new Blob(given).arrayBuffer());
  const samples = sound.getChannelData(0);
  const beeps: number[] = [];
  let loud_s = Number.NEGATIVE_INFINITY;
  for (const [index, sample] of samples.entries()) {
    if (Math.abs(sample) < SILENCE) continue;
    const at_s = index / sound.sampleRate;
    if (at_s - loud_s > PAUSE_S) beeps.push((start_s ?? Number.NaN) + at_s);
    loud_s = at_s;
  }
  return beeps;
}

function copyOf(data: BufferSource): Uint8Array<ArrayBuffer> {
  const view = ArrayBuffer.isView(data) ? data : new Uint8Array(data);
  const copy = new Uint8Array(view.byteLength);
  copy.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return copy;
}
