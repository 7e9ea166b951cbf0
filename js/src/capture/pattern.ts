// A test pattern with a tone in place of camera and microphone: for trying, teaching and testing without either.
import { CaptureError } from "./errors.js";
import { HEIGHT, TestCard, WIDTH } from "./test-card.js";
import { startTicker } from "./ticker.js";

export const FRAMES_PER_S = 25;
/** 480 x 360: two of these, recorded and played, must fit on two cores (see the camera's size). */
const PICTURE_SCALE = 0.75;
const TONE_GAIN = 0.03;
/** A context that may run does so within some 10 ms. */
const AUDIO_START_MS = 300;
const LOWEST_HZ = 165;
/** Half tones of a pentatonic scale over three octaves: any two of them sound well together. */
const SCALE = [0, 2, 4, 7, 9, 12, 14, 16, 19, 21, 24, 26, 28, 31, 33];

export interface PatternOptions {
  name: string;
  video: boolean;
  audio: boolean;
}

export interface Pattern {
  /** Without sound as long as the page has had no click and may not run audio. */
  stream: MediaStream;
  /** Called with the stream to use from then on, once sound can be made. */
  onAudioReady(listener: (stream: MediaStream) => void): void;
  /** A smaller card, or one drawn less often; 1 and null: as opened. */
  setPicture(scale: number, frameRate: number | null): void;
  close: () => void;
}

export async function openPattern(options: PatternOptions): Promise<Pattern> {
  const picture = options.video ? openPicture(options.name) : null;
  const tone = options.audio ? openTone(pitchOf(options.name)) : null;
  const pictureTracks = picture?.stream.getVideoTracks() ?? [];
  const withTone = () => new MediaStream([...pictureTracks, ...(tone?.stream.getAudioTracks() ?? [])]);
  // Alone, a tone that does not sound yet is still a stream; beside a picture it would hold the recorder up.
  const waits = picture !== null && tone !== null && !(await tone.soundsWithin(AUDIO_START_MS));
  return {
    stream: waits ? new MediaStream(pictureTracks) : withTone(),
    onAudioReady(listener) {
      if (waits) void tone.sounds.then(() => listener(withTone()));
    },
    setPicture: (scale, frameRate) => picture?.draw(scale, frameRate),
    close() {
      picture?.close();
      tone?.close();
    },
  };
}

/** The same name has the same pitch everywhere; two names, most likely, different ones. */
export function pitchOf(name: string): number {
  let hash = 0x811c9dc5; // FNV-1a
  for (const letter of name) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return LOWEST_HZ * 2 ** ((SCALE[hash % SCALE.length] ?? 0) / 12);
}

interface CardPicture {
  stream: MediaStream;
  draw(scale: number, frameRate: number | null): void;
  close(): void;
}

function openPicture(name: string): CardPicture {
  const canvas = document.createElement("canvas");
  // With alpha, Chromium encodes every frame twice. In main memory, because each frame is read back.
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (context === null) {
    throw new CaptureError("capture-failed", "This browser cannot draw the test pattern: use the camera.");
  }
  let stop: () => void = () => undefined;
  // The canvas itself changes: the recorder pays no heed to a size that its track was asked for.
  const draw = (scale: number, frameRate: number | null) => {
    stop();
    canvas.width = WIDTH * PICTURE_SCALE * scale;
    canvas.height = HEIGHT * PICTURE_SCALE * scale;
    context.scale(PICTURE_SCALE * scale, PICTURE_SCALE * scale);
    const card = new TestCard(context, name);
    card.drawTime(new Date());
    stop = startTicker(1000 / (frameRate ?? FRAMES_PER_S), () => card.drawTime(new Date()));
  };
  draw(1, null);
  // No frame rate here: it would drop every second frame of a timer that is a little early.
  const stream = canvas.captureStream();
  return {
    stream,
    draw,
    close() {
      stop();
      for (const track of stream.getTracks()) track.stop();
    },
  };
}

interface Tone {
  stream: MediaStream;
  /** Resolves when it can be heard; never, if it is closed before. */
  sounds: Promise<void>;
  soundsWithin(patience_ms: number): Promise<boolean>;
  close(): void;
}

function openTone(pitch_Hz: number): Tone {
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context, { frequency: pitch_Hz });
  const gain = new GainNode(context, { gain: TONE_GAIN });
  const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  oscillator.connect(gain).connect(destination);
  oscillator.start();
  // A page that has had no click may not run audio: the first click or key lets it.
  const waiting = new AbortController();
  const resume = () => void context.resume();
  for (const gesture of ["pointerdown", "keydown"]) {
    window.addEventListener(gesture, resume, { capture: true, signal: waiting.signal });
  }
  const sounds = new Promise<void>((resolve) => {
    const look = () => {
      if (context.state !== "running") return;
      waiting.abort();
      resolve();
    };
    context.addEventListener("statechange", look, { signal: waiting.signal });
    look();
  });
  return {
    stream: destination.stream,
    sounds,
    soundsWithin(patience_ms) {
      const patience = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), patience_ms));
      return Promise.race([sounds.then(() => true), patience]);
    },
    close() {
      waiting.abort();
      for (const track of destination.stream.getTracks()) track.stop();
      if (context.state !== "closed") void context.close();
    },
  };
}
