import { expect, test } from "vitest";
import { EarlyEvents, MAX_EARLY_EVENTS } from "../src/early-events.js";
import { EVENT } from "../src/protocol.js";

const object = (type: string, group: number) => ({ event: EVENT.mediaChunk, args: [{ type, group }] });

test("what is said before we know that we are in is kept in its order, and bounded: media go first", () => {
  const early = new EarlyEvents();
  early.add(object("init", 0));
  early.add({ event: EVENT.peerJoined, args: [{ peer: "ada" }] });
  for (let group = 1; group < 2 * MAX_EARLY_EVENTS; group++) early.add(object("key", group));
  expect(early.size).toBe(MAX_EARLY_EVENTS);
  const kept = early.take();
  expect(kept.slice(0, 2)).toEqual([object("init", 0), { event: EVENT.peerJoined, args: [{ peer: "ada" }] }]);
  expect(kept.at(-1)).toEqual(object("key", 2 * MAX_EARLY_EVENTS - 1));
  expect(early.size).toBe(0);
});

test("without media the oldest goes", () => {
  const early = new EarlyEvents();
  for (let id = 0; id <= MAX_EARLY_EVENTS; id++) early.add({ event: EVENT.peerLeft, args: [id] });
  expect(early.take()[0]).toEqual({ event: EVENT.peerLeft, args: [1] });
});
