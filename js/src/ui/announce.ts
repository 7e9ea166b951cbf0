// What a screen reader is told when the call changes: who came, who went, and how it stands.
import type { Phase } from "./state.js";

export interface Moment {
  phase: Phase;
  room: string;
  /** Names by peer id. */
  people: ReadonlyMap<string, string>;
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
  }
  return words.join(" ").trim();
}
