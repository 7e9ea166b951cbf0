// The page for trouble on purpose: participants come into a room as they are asked to, and what each sees and hears
// is written down with its time. Driven from Python through `probe`, which draws the conclusions. All times are ms
// since 1970, so that several pages and Python speak of the same moments.
import { beeps_s, keepSound } from "./appended.js";
import { installCamera } from "./camera.js";
import { heard_s, watchElements } from "./elements.js";
import { Meter } from "./meter.js";
import { Participant, type ParticipantOptions } from "./participant.js";

const LOOK_EVERY_MS = 50;

interface Diary {
  /** When each new picture was shown, and how old it was then. */
  pictures: [at_ms: number, latency_ms: number][];
  /** Where the sound was, again and again. */
  sound: [at_ms: number, position_s: number][];
  /** `waiting` of the sound's element. */
  sound_waits_ms: number[];
  /** What it says about itself. */
  figures: Record<string, number>[];
}

class Probe {
  /** When this page became hidden (true) or visible again. */
  readonly hidden: [at_ms: number, hidden: boolean][] = [];
  readonly #participants = new Map<string, Participant>();
  readonly #diaries = new Map<string, Diary>();

  constructor() {
    document.addEventListener("visibilitychange", () => this.hidden.push([now_ms(), document.hidden]));
  }

  async join(options: ParticipantOptions): Promise<void> {
    const participant = new Participant(options);
    this.#participants.set(options.name, participant);
    await participant.join();
  }

  /** Keep a diary for this participant from now on. Fails if there is nothing to see yet. */
  watch(name: string): void {
    const participant = this.#participants.get(name);
    const [video, sound] = [participant?.video, participant?.sounds[0]];
    if (!participant || !video || !sound) throw new Error(`${name} sees or hears nothing`);
    const diary: Diary = { pictures: [], sound: [], sound_waits_ms: [], figures: [] };
    this.#diaries.set(name, diary);
    document.querySelector("#stage")?.append(video);
    new Meter(video).onPicture = (_shown_ms, latency_ms) => diary.pictures.push([now_ms(), latency_ms]);
    sound.addEventListener("waiting", () => diary.sound_waits_ms.push(now_ms()));
    setInterval(() => {
      diary.sound.push([now_ms(), heard_s(sound)]);
      if (participant.figures !== null) diary.figures.push({ at_ms: now_ms(), ...participant.figures });
    }, LOOK_EVERY_MS);
  }

  /** Whether there is something to watch. */
  sees(name: string): boolean {
    const participant = this.#participants.get(name);
    return (participant?.video?.currentTime ?? 0) > 0 && (participant?.sounds[0]?.currentTime ?? 0) > 0;
  }

  diary(name: string): Diary | undefined {
    return this.#diaries.get(name);
  }

  /** Where the sound of somebody else is, for this participant (s). */
  heard_s(name: string): number {
    return this.#participants.get(name)?.sounds[0]?.currentTime ?? 0;
  }

  /** When the beeps of the sound begin, in its element's time; of a page opened with `?beeps` where one watches. */
  beeps_s(): Promise<number[]> {
    return beeps_s();
  }

  /** The id of a participant, as another one knows it. */
  idOf(name: string, known: string): string | null {
    return this.#participants.get(known)?.idOf(name) ?? null;
  }
}

function now_ms(): number {
  return performance.timeOrigin + performance.now();
}

const beeps = location.search === "?beeps";
installCamera({ beeps });
if (beeps) keepSound();
watchElements();
Object.assign(window, { probe: new Probe() });
