// A page that records for real and plays with the player alone: the relay in between is a function call that
// a test can bend (leave groups out, break bytes, join late). Driven from test_player.py through `bench`.
import { CaptureClock } from "../../../js/src/capture/capture-clock.js";
import { createPlayer, type Player } from "../../../js/src/playback/index.js";
import type { MediaHeader, ObjectType, TrackInfo } from "../../../js/src/protocol.js";
import { createSegmenter, packagingOf } from "../../../js/src/segment/index.js";
import { Pattern } from "./pattern.js";
import { readStamp } from "./stamp.js";

interface Take {
  mimeType: string;
  timeslice_ms: number;
  audio: boolean;
  video: boolean;
}

interface Entry {
  header: MediaHeader;
  bytes: Uint8Array;
}

const VP8_OPUS: Take = { mimeType: "video/webm;codecs=vp8,opus", timeslice_ms: 40, audio: true, video: true };
const KEY_INTERVAL_MS = 1000;

class Bench {
  readonly pattern = new Pattern();
  readonly problems: { code: string; message: string; fatal: boolean }[] = [];
  /** Everything sent since the current epoch began, for late joiners and replays. */
  sent: Entry[] = [];
  mutedCalls = 0;
  /** Tracks are said to have sound whether they have or not. */
  announcesSound = false;
  latencies_ms: number[] = [];
  #player: Player | null = null;
  #recorder: MediaRecorder | null = null;
  #epoch = 0;
  #take = VP8_OPUS;
  #dropUntilGroup = -1;
  #groupNow = -1;
  #garbage = 0;
  #tails = 0;
  #tailLength = 1;
  #held: { header: MediaHeader; payload: Uint8Array }[] = [];
  #delivering = true;
  #delay_ms: () => number = () => 0;
  #due_ms = 0;

  get player(): Player {
    if (this.#player === null) throw new Error("no player yet");
    return this.#player;
  }

  get video(): HTMLVideoElement {
    return this.player.element as HTMLVideoElement;
  }

  /** Records and plays. */
  async start(take: Partial<Take> = {}, options: { chosen_s?: () => number | null } = {}): Promise<void> {
    await this.record(take);
    this.play(options);
  }

  /** A new run of the recorder: a new epoch, announced to the player as the session would. */
  async record(take: Partial<Take> = {}): Promise<void> {
    this.stopRecording();
    this.#take = { ...this.#take, ...take };
    this.#epoch += 1;
    this.sent = [];
    this.#player?.update(this.#track());
    const stream = await this.pattern.stream(this.#take);
    const options: MediaRecorderOptions & { videoKeyFrameIntervalDuration: number } = {
      mimeType: this.#take.mimeType,
      videoBitsPerSecond: 1_000_000,
      videoKeyFrameIntervalDuration: KEY_INTERVAL_MS,
    };
    const recorder = new MediaRecorder(stream, options);
    this.#recorder = recorder;
    const segmenter = createSegmenter(packagingOf(this.#take.mimeType));
    const epoch = this.#epoch;
    const clock = new CaptureClock(this.#take.audio);
    let reading: Promise<void> = Promise.resolve();
    recorder.addEventListener("dataavailable", ({ data }) => {
      reading = reading.then(async () => {
        const bytes = new Uint8Array(await data.arrayBuffer());
        if (recorder !== this.#recorder) return;
        for (const object of segmenter.push(bytes)) {
          clock.observe(performance.now(), object.mediaTime_ms);
          const captured_ms = clock.captured_ms(object.mediaTime_ms);
          this.#send({ epoch, captured_ms, ...object }, object.bytes);
        }
      });
    });
    recorder.start(this.#take.timeslice_ms);
  }

  stopRecording(): void {
    const recorder = this.#recorder;
    this.#recorder = null;
    if (recorder !== null && recorder.state !== "inactive") recorder.stop();
  }

  /** Make the player and put it on the stage. It gets what is sent from now on. */
  play(options: { chosen_s?: () => number | null } = {}): void {
    this.#player = createPlayer({
      track: this.#track(),
      clock: { now_ms: () => performance.now(), error_ms: 0 },
      onMuted: () => {
        this.mutedCalls += 1;
        console.log("muted");
      },
      onProblem: (problem) => this.problems.push(problem),
      ...options,
    });
    this.attach();
  }

  /** As the relay does it for a late joiner: init and the current group at once, then live. */
  joinLate(): void {
    this.play();
    const start = this.sent.findLastIndex((entry) => entry.header.type === "key");
    const init = this.sent.find((entry) => entry.header.type === "init");
    for (const { header, bytes } of [...(init ? [init] : []), ...this.sent.slice(start)]) {
      this.player.push(header, bytes);
    }
  }

  /** Play what another publisher sends: its objects come through `receive`. */
  listen(take: Take): void {
    this.#take = take;
    this.play();
  }

  receive(header: MediaHeader, base64: string): void {
    this.player.push(
      header,
      Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)),
    );
  }

  attach(): void {
    document.querySelector("#stage")?.append(this.video);
  }

  detach(): void {
    this.video.remove();
  }

  /** Leave out the rest of this group and all groups before the one `count` later. */
  dropGroups(count: number): void {
    this.#dropUntilGroup = this.#groupNow + count;
  }

  /** Leave out so many objects at the end of each of the next groups: tails too short to be missed. */
  loseTails(groups: number, length: number): void {
    this.#tails = groups;
    this.#tailLength = length;
  }

  /** Break the bytes where the next groups start: elsewhere they might be taken for a picture. */
  breakGroups(count = 1): void {
    this.#garbage = count;
  }

  pauseDelivery(): void {
    this.#delivering = false;
  }

  resumeDelivery(): void {
    this.#delivering = true;
  }

  /** Deliver late by what this gives, in order. */
  delayBy(delay_ms: () => number): void {
    this.#delay_ms = delay_ms;
  }

  /** Push what was recorded of this epoch again and again as ever new epochs, as fast as it goes. */
  async replay(times: number): Promise<number> {
    const recorded = [...this.sent];
    this.stopRecording();
    let longest_s = 0;
    for (let time = 0; time < times; time++) {
      this.#epoch += 1;
      for (const { header, bytes } of recorded) this.player.push({ ...header, epoch: this.#epoch }, bytes);
      await this.#atTheEnd();
      const { buffered, currentTime } = this.video;
      longest_s = Math.max(longest_s, currentTime - buffered.start(0));
    }
    return longest_s;
  }

  /** Draws what the video shows; true if it is a picture of the pattern that is newer than `than_ms`. */
  shows(than_ms = 0): boolean {
    const stamp = readStamp(this.video);
    return stamp !== null && stamp > than_ms;
  }

  /** For the message of a test that waited in vain. */
  state(): string {
    const { buffered, currentTime, readyState, seeking, paused } = this.video;
    const ranges = Array.from({ length: buffered.length }, (_, at) => [buffered.start(at), buffered.end(at)]);
    const { problems, sent } = this;
    const figures = this.player.figures();
    const now_ms = performance.now();
    const last = sent.at(-1)?.header;
    const stamp_ms = this.stamp_ms();
    return JSON.stringify({
      now_ms,
      stamp_ms,
      currentTime,
      ranges,
      readyState,
      seeking,
      paused,
      figures,
      problems,
      last,
    });
  }

  stamp_ms(): number | null {
    return readStamp(this.video);
  }

  /** Glass to glass, for each frame shown from now on. */
  measure(): void {
    this.latencies_ms = [];
    const look = (): void => {
      const stamp = readStamp(this.video);
      if (stamp !== null) this.latencies_ms.push(performance.now() - stamp);
      this.video.requestVideoFrameCallback(look);
    };
    this.video.requestVideoFrameCallback(look);
  }

  /** Objects of this epoch so far. */
  get sentCount(): number {
    return this.sent.length;
  }

  #track(): TrackInfo {
    const { mimeType, timeslice_ms, audio, video } = this.#take;
    return {
      track: "main",
      mimeType,
      packaging: packagingOf(mimeType),
      source: "pattern",
      audio: audio || this.announcesSound,
      video,
      muted: false,
      timeslice_ms,
    };
  }

  #send(
    label: { epoch: number; group: number; object: number; type: ObjectType; captured_ms: number },
    bytes: Uint8Array,
  ): void {
    const { epoch, group, object, type, captured_ms } = label;
    const header: MediaHeader = { track: "main", epoch, group, object, type, captured_ms };
    this.#groupNow = group;
    this.sent.push({ header, bytes });
    if (!this.#delivering || this.#player === null) return;
    if (type !== "init" && group < this.#dropUntilGroup) return;
    let payload = bytes;
    if (this.#garbage > 0 && type === "key") {
      this.#garbage -= 1;
      payload = new Uint8Array(bytes.length).fill(0xff);
    }
    if (type === "key" && this.#held.length > 0) {
      this.#tails -= 1;
      this.#held = [];
    }
    // Whether it is of a group's end shows with the next key.
    this.#held.push({ header, payload });
    const keep = this.#tails > 0 ? this.#tailLength : 0;
    for (const { header, payload } of this.#held.splice(0, this.#held.length - keep)) this.#deliver(header, payload);
  }

  #deliver(header: MediaHeader, bytes: Uint8Array): void {
    const wait_ms = this.#delay_ms();
    const now_ms = performance.now();
    if (wait_ms <= 0 && this.#due_ms <= now_ms) {
      this.#player?.push(header, bytes);
      return;
    }
    this.#due_ms = Math.max(this.#due_ms, now_ms + wait_ms);
    setTimeout(() => this.#player?.push(header, bytes), this.#due_ms - now_ms);
  }

  /** Everything is appended, and the player has gone where it ends. */
  #atTheEnd(): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        const { queue_depth, buffered_s } = this.player.figures({ reset: true });
        if (queue_depth === 0 && buffered_s < 2) resolve();
        else setTimeout(look, 20);
      };
      look();
    });
  }
}

declare global {
  interface Window {
    bench: Bench;
  }
}
window.bench = new Bench();
// Before any script of the test, which would count as the user's doing.
// Without a microphone, for who captures may play sound; the track says there is sound, so it is tried.
if (location.search === "?start") {
  window.bench.announcesSound = true;
  void window.bench.start({ mimeType: "video/webm;codecs=vp8", audio: false });
}
