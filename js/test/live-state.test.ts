import { describe, expect, it } from "vitest";
import { Machine } from "../src/machine.js";
import {
  isBehindOutage,
  isStarting,
  isWaiting,
  LIVE_STATES,
  type LiveAction,
  type LiveEvent,
  type LiveState,
} from "../src/playback/live-state.js";

const STATES = Object.keys(LIVE_STATES) as LiveState[];
const EVENTS = Object.keys(LIVE_STATES.starting) as LiveEvent[];

function run(...events: LiveEvent[]): { state: LiveState; actions: LiveAction[] } {
  const actions: LiveAction[] = [];
  const machine = new Machine(LIVE_STATES, "starting", (action: LiveAction) => actions.push(action));
  for (const event of events) machine.send(event);
  return { state: machine.state, actions };
}

function stepFrom(state: LiveState, event: LiveEvent): { state: LiveState; actions: readonly LiveAction[] } {
  const step = LIVE_STATES[state][event];
  if (typeof step === "string") return { state, actions: [] };
  const [next, ...actions] = step;
  return { state: next, actions };
}

describe("how a player stands", () => {
  it("starts without a stall, however long its first media take", () => {
    expect(run("waiting", "waiting-in-seek", "outage", "playing").actions).not.toContain("count-stall");
  });

  it("counts one stall each time that it runs dry, none for its own seeks", () => {
    const stalls = (...events: LiveEvent[]) =>
      run("playing", ...events).actions.filter((action) => action === "count-stall").length;
    expect(stalls("waiting", "playing")).toBe(1);
    expect(stalls("waiting", "outage", "playing")).toBe(1);
    expect(stalls("waiting-in-seek", "playing")).toBe(0);
    expect(stalls("waiting-in-seek", "outage", "playing")).toBe(1);
    expect(stalls("waiting", "playing", "waiting", "playing")).toBe(2);
  });

  it("keeps nothing of what it learnt from a standstill that was an outage", () => {
    expect(run("playing", "waiting", "outage").actions.slice(-2)).toEqual(["learn", "unlearn"]);
  });

  it("is behind from an outage until it has been at its target", () => {
    expect(run("playing", "waiting", "outage", "playing").state).toBe("behind");
    expect(run("playing", "waiting", "outage", "playing", "at-target").state).toBe("playing");
    expect(run("playing", "waiting", "outage", "at-target", "playing").state).toBe("playing");
    expect(run("playing", "waiting", "outage", "playing", "waiting-in-seek", "playing").state).toBe("behind");
  });

  it.each(STATES)("waits and starts only as the events say, from %s", (state) => {
    for (const event of EVENTS) {
      const next = stepFrom(state, event).state;
      if (event === "playing") expect(isWaiting(next) || isStarting(next)).toBe(false);
      if (event === "waiting" || event === "waiting-in-seek") expect(isWaiting(next)).toBe(true);
      if (event === "at-target")
        expect([isWaiting(next), isBehindOutage(next)]).toEqual([isWaiting(state), false]);
      if (event === "new-source") expect(next).toBe("starting");
      if (event !== "new-source" && !isStarting(state)) expect(isStarting(next)).toBe(false);
      // An outage is one only of a player that waits.
      if (event === "outage") expect(isBehindOutage(next)).toBe(isWaiting(state) || isBehindOutage(state));
    }
  });
});
