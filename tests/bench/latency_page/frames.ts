// The page of the frames benchmark: it sends the stamped camera, in the size that Python is measured at, or watches
// those who send. Driven from Python through `probe`.
import { installCamera } from "./camera.js";
import { watchElements } from "./elements.js";
import { Meter, type Seen } from "./meter.js";
import { Participant, type ParticipantOptions } from "./participant.js";

const HEIGHT = 480;

class Probe {
  #participant: Participant | null = null;
  #meters = new Map<string, Meter>();
  #begun_ms = 0;

  async join(options: ParticipantOptions): Promise<void> {
    this.#participant = new Participant(options);
    await this.#participant.join();
  }

  leave(): void {
    for (const meter of this.#meters.values()) meter.close();
    this.#meters.clear();
    this.#participant?.leave();
    this.#participant = null;
  }

  /** The time of this page, to compare it with Python's. */
  now_ms(): number {
    return performance.timeOrigin + performance.now();
  }

  sees(name: string): boolean {
    return (this.#participant?.pictureOf(name)?.currentTime ?? 0) > 0;
  }

  /** Look at the pictures of these people, who are seen. What is seen counts from `begin` on. */
  watch(names: string[]): void {
    for (const name of names) {
      const video = this.#participant?.pictureOf(name);
      if (!video) throw new Error(`${name} is not seen`);
      document.querySelector("#stage")?.append(video);
      this.#meters.set(name, new Meter(video));
    }
  }

  begin(): void {
    for (const meter of this.#meters.values()) meter.begin();
    this.#begun_ms = performance.now();
  }

  /** What was seen of each since `begin`. */
  seen(): Record<string, Seen & { seconds: number }> {
    const seconds = (performance.now() - this.#begun_ms) / 1000;
    return Object.fromEntries([...this.#meters].map(([name, meter]) => [name, { ...meter.seen, seconds }]));
  }
}

installCamera({ height: HEIGHT });
watchElements();
Object.assign(window, { probe: new Probe() });
