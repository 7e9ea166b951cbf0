// Short phrases with figures in them, as the tiles, the chips and the lobby show them.
import type { Figures } from "../protocol.js";

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

export function hereSentence(names: readonly string[]): string {
  if (names.length === 0) return "Nobody is here yet.";
  if (names.length === 1) return `1 person is here: ${names[0]}.`;
  return `${names.length} people are here: ${names.join(", ")}.`;
}
