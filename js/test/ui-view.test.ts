import { signal } from "@preact/signals";
import { expect, it } from "vitest";
import type { Quality } from "../src/quality.js";
import type { CallActions, CallState, Phase, Tile } from "../src/ui/state.js";
import { createView } from "../src/ui/view.js";

const LOST: Quality = { grade: "poor", words: "Your connection is lost. It comes back by itself." };
const SLOW: Quality = { grade: "poor", words: "Your connection is slow." };

function viewOf() {
  const state = {
    phase: signal<Phase>("joined"),
    room: signal("lab"),
    source: signal("camera"),
    tiles: signal<Tile[]>([]),
    microphone: signal(true),
    camera: signal(true),
    mutedByHost: signal({ audio: false, video: false }),
    listeners: signal([]),
    ownId: signal(""),
    quality: signal<Quality | null>({ grade: "good", words: "Your connection is good." }),
  };
  const root = { addEventListener() {}, removeEventListener() {}, matches: () => false };
  const view = createView(
    root as unknown as HTMLElement,
    state as unknown as CallState,
    {} as CallActions,
    false,
  );
  return { state, view };
}

it("the live region does not say that a connection is lost which is back", () => {
  const { state, view } = viewOf();
  state.phase.value = "reconnecting";
  state.quality.value = LOST;
  expect(view.news.value).toContain("lost");
  state.phase.value = "joined"; // the next report says how good it is: not yet here
  state.tiles.value = [];
  expect(view.news.value).toBe("You are in lab.");
  state.quality.value = SLOW;
  expect(view.news.value).toBe("Your connection is slow.");
  view.close();
});

it("the card of a call that is over is not there again with the next one", () => {
  const { state, view } = viewOf();
  view.inviteOpen.value = true;
  state.phase.value = "reconnecting";
  expect(view.inviteOpen.value).toBe(true);
  state.phase.value = "left";
  state.phase.value = "joined";
  expect(view.inviteOpen.value).toBe(false);
  view.close();
});
