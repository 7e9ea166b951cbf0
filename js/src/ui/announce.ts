// What a screen reader is told when the call changes: who came, who went, and how it stands.
import { type ReadonlySignal, signal } from "@preact/signals";
import type { Quality } from "../quality.js";
import type { MutedByHost, Phase } from "./state.js";

export interface Moment {
  phase: Phase;
  room: string;
  /** Names by peer id. */
  people: ReadonlyMap<string, string>;
  /** What listeners do, as sentences. */
  listeners: ReadonlyMap<string, { begun: string; over: string }>;
}

const PHASE_WORDS: Record<Phase, (room: string) => string> = {
  idle: () => "",
  connecting: (room) => `Joining ${room}.`,
  joined: (room) => `You are in ${room}.`,
  reconnecting: () => "The connection is lost. Coming back by itself.",
  left: (room) => `You have left ${room}.`,
  failed: () => "The call could not go on.",
};

/** One line for the live region; empty when there is nothing worth saying. */
export function news(before: Moment, after: Moment): string {
  const words: string[] = [];
  if (before.phase !== after.phase) words.push(PHASE_WORDS[after.phase](after.room));
  if (after.phase === "joined") {
    for (const [peer, name] of after.people) if (!before.people.has(peer)) words.push(`${name} is here.`);
    for (const [peer, name] of before.people) if (!after.people.has(peer)) words.push(`${name} has left.`);
    for (const [key, { begun }] of after.listeners) if (!before.listeners.has(key)) words.push(begun);
    // Of somebody who has left it goes without saying.
    for (const [key, { over }] of before.listeners) if (!after.listeners.has(key)) words.push(over);
  }
  return words.join(" ").trim();
}

/** One line for the live region; empty when the host has changed nothing. */
export function mutedNews(before: MutedByHost, after: MutedByHost): string {
  const words: string[] = [];
  if (before.audio !== after.audio)
    words.push(after.audio ? "The host has muted you." : "The host has unmuted you.");
  if (before.video !== after.video)
    words.push(after.video ? "The host has stopped your video." : "The host allows your video again.");
  return words.join(" ");
}

/** A line stays for so long: it has been read out by then, and who comes across it later would take it for what is. */
export const NEWS_SHOWN_MS = 10_000;

/** The live region's line. */
export class LiveRegion {
  readonly #line = signal("");
  #timer: ReturnType<typeof setTimeout> | undefined;

  get line(): ReadonlySignal<string> {
    return this.#line;
  }

  /** Say this; nothing is said for an empty line. */
  tell(line: string): void {
    if (line === "") return;
    clearTimeout(this.#timer);
    this.#line.value = line;
    this.#timer = setTimeout(() => {
      this.#line.value = "";
    }, NEWS_SHOWN_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}

/** One's own connection is news when it is bad, and when it is good again after that; not more often than this. */
export const QUALITY_NEWS_INTERVAL_MS = 20_000;

export class QualityNews {
  #told: "good" | "poor" = "good";
  #told_ms = Number.NEGATIVE_INFINITY;

  /** One line for the live region; empty when there is nothing worth saying. */
  of(quality: Quality | null, now_ms: number): string {
    const { grade, words } = quality ?? {};
    const news = (grade === "poor" || grade === "good") && grade !== this.#told;
    if (!news || words === undefined || now_ms - this.#told_ms < QUALITY_NEWS_INTERVAL_MS) return "";
    this.#told = grade;
    this.#told_ms = now_ms;
    return words;
  }
}
