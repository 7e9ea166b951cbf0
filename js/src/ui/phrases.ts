// Short phrases with figures in them, as the tiles, the chips and the lobby show them.
import type { Figures, ListenerInfo } from "../protocol.js";
import type { RungName } from "../transport/index.js";
import type { Invitation } from "./state.js";

type Rights = Pick<Invitation, "publish" | "subscribe">;

interface Measured {
  figures: Figures | null;
}

/** A dash while it is not known. */
export function latencyWords(latency_ms: number | undefined): string {
  return latency_ms === undefined || latency_ms < 0 ? "–" : `${Math.round(latency_ms)} ms`;
}

/** The badge's tooltip. */
export function figuresSentence(figures: Figures | null): string {
  if (figures === null) return "No figures yet.";
  const latency =
    figures.latency_ms < 0
      ? "Latency not known yet"
      : `Latency ${Math.round(figures.latency_ms)} ms: from the capture of this picture until now`;
  return `${latency}. Chunks that wait to be played: ${figures.queue_depth}.`;
}

export function worstLatency_ms(tiles: readonly Measured[]): number {
  return Math.max(-1, ...tiles.map((tile) => tile.figures?.latency_ms ?? -1));
}

export function deepestQueue(tiles: readonly Measured[]): number {
  return Math.max(0, ...tiles.map((tile) => tile.figures?.queue_depth ?? 0));
}

/** `count` includes oneself. */
export function peopleWords(count: number): string {
  return count === 1 ? "only you" : `${count} people`;
}

/** "recorded by Ada"; empty while nobody records. */
export function recordedWords(listeners: readonly ListenerInfo[]): string {
  const names = namesOf(listeners.filter(({ does }) => does === "records"));
  return names === "" ? "" : `recorded by ${names}`;
}

/** "Python watches · Ada", for the tile of this peer; empty while nobody's program does. */
export function watchedWords(listeners: readonly ListenerInfo[], peer: string): string {
  const names = namesOf(listeners.filter((one) => watches(one, peer)));
  return names === "" ? "" : `Python watches · ${names}`;
}

/** What each listener does, for the live region: by what it does, of whom; when it begins, and when it has ended. */
export function listenerSentences(
  listeners: readonly ListenerInfo[],
  people: ReadonlyMap<string, string>,
  ownId: string,
): Map<string, { begun: string; over: string }> {
  const sentences = new Map<string, { begun: string; over: string }>();
  for (const listener of listeners) {
    const { name } = listener;
    if (listener.does === "records") {
      sentences.set(`${name} records`, {
        begun: `${name} records this call.`,
        over: `${name} no longer records this call.`,
      });
    }
    for (const [peer, whom] of [[ownId, "you"] as const, ...people]) {
      if (!watches(listener, peer)) continue;
      sentences.set(`${name} watches ${peer}`, {
        begun: `${name}’s Python watches ${whom}.`,
        over: `${name}’s Python no longer watches ${whom}.`,
      });
    }
  }
  return sentences;
}

function watches({ does, of }: ListenerInfo, peer: string): boolean {
  return does === "watches" && peer !== "" && (of === null || of.includes(peer));
}

function namesOf(listeners: readonly ListenerInfo[]): string {
  return together(listeners.map(({ name }) => name));
}

/** "Ada", "Ada and Bob", "Ada and 2 others": each name once. */
export function together(names: readonly string[]): string {
  const [first = "", ...more] = new Set(names);
  if (more.length === 0) return first;
  return `${first} and ${more.length === 1 ? more[0] : `${more.length} others`}`;
}

export function hereSentence(names: readonly string[]): string {
  if (names.length === 0) return "Nobody is here yet.";
  if (names.length === 1) return `1 person is here: ${names[0]}.`;
  return `${names.length} people are here: ${names.join(", ")}.`;
}

/** What a link allows, to its guest. */
export function rightsSentence({ publish, subscribe }: Rights): string {
  if (publish && subscribe) return "You see and hear the others, and they see and hear you.";
  if (subscribe) return "You watch and listen. Nothing of you is sent.";
  if (publish) return "The others see and hear you. You get nothing of them.";
  return "You see who is there, nothing more.";
}

/** The same, to who made it. */
export function guestSentence({ publish, subscribe }: Rights): string {
  if (publish && subscribe) return "A guest sees and hears everybody, and is seen and heard.";
  if (subscribe) return "A guest may watch and listen, and sends nothing.";
  if (publish) return "A guest is seen and heard, and gets nothing of the others.";
  return "A guest sees who is there, nothing more.";
}

/** "17:30"; with the day if it is another. */
export function untilWords(until_ms: number, now_ms: number = Date.now()): string {
  const until = new Date(until_ms);
  const time = until.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (until.toDateString() === new Date(now_ms).toDateString()) return time;
  return `${until.toLocaleDateString([], { dateStyle: "medium" })}, ${time}`;
}

/** How media travel: in the head of the cell, and what it says when one points at it. */
export function pathWords(rung: RungName | ""): { name: string; explanation: string } {
  return PATHS[rung];
}

const PATHS: Record<RungName | "", { name: string; explanation: string }> = {
  "": { name: "–", explanation: "Media do not travel now." },
  url: {
    name: "shared relay",
    explanation: "Media travel by the relay that was named: url= or RELAY_WIDGET_URL.",
  },
  direct: { name: "direct", explanation: "Media travel straight between this page and the relay." },
  proxy: {
    name: "via Jupyter",
    explanation:
      "Media travel by way of the notebook server, which hands them on to the relay (jupyter-server-proxy).",
  },
  tunnel: {
    name: "through the kernel: slower",
    explanation:
      "Nothing but the notebook's own connection comes through to the kernel, so media travel in it: later, and in a smaller picture if it carries no more. With jupyter-server-proxy beside the notebook server it would be faster.",
  },
};
