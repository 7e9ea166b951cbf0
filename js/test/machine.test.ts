// The machine, and the tables that it runs.
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CALL } from "../src/call-states.js";
import { PRESENCE } from "../src/kernel-presence.js";
import { ignoring, Machine, markdown, type Table } from "../src/machine.js";
import { LIVE_STATES } from "../src/playback/live-state.js";
import { SESSION } from "../src/session-states.js";
import { PUSH_TO_TALK } from "../src/ui/push-to-talk.js";

type Light = "red" | "green";
const LIGHT: Table<Light, "change" | "fail", "ring" | "shout"> = {
  red: { change: ["green", "ring", "shout"], ...ignoring("fail") },
  green: { change: ["red"], fail: ["red", "shout"] },
};

describe("a machine", () => {
  test("follows its table, and does the actions in their order with what came", () => {
    const done: unknown[] = [];
    const light = new Machine<Light, "change" | "fail", "ring" | "shout", number>(LIGHT, "red", (action, n) =>
      done.push([action, light.state, n]),
    );
    light.send("fail", 1);
    expect([light.state, done]).toEqual(["red", []]);
    light.send("change", 2);
    expect(done).toEqual([
      ["ring", "green", 2],
      ["shout", "green", 2],
    ]);
  });

  test("an event from an action waits until the step is done", () => {
    const done: string[] = [];
    const light = new Machine<Light, "change" | "fail", "ring" | "shout">(LIGHT, "red", (action) => {
      done.push(`${action} ${light.state}`);
      if (action === "ring") light.send("change");
    });
    light.send("change");
    expect([light.state, done]).toEqual(["red", ["ring green", "shout green"]]);
  });

  test("an action that throws stops neither the others nor the machine, and is heard of", () => {
    const done: string[] = [];
    const light = new Machine<Light, "change" | "fail", "ring" | "shout">(LIGHT, "red", (action) => {
      if (action === "ring") throw new Error("no bell");
      done.push(action);
    });
    expect(() => light.send("change")).toThrow("no bell");
    expect([light.state, done]).toEqual(["green", ["shout"]]);
    light.send("fail");
    expect([light.state, done]).toEqual(["red", ["shout", "shout"]]);
  });
});

const TABLES: [name: string, table: Table<string, string, string>, start: string, finals: string[]][] = [
  ["A call in a page", CALL, "unseen", ["closed"]],
  ["Its session with the relay", SESSION, "closed", []],
  ["The presence of its kernel", PRESENCE, "here", ["gone"]],
  ["The player of one track", LIVE_STATES, "starting", []],
  ["Space, held to talk", PUSH_TO_TALK, "silent", []],
];

describe.each(TABLES)("%s", (_, table, start, finals) => {
  const next = (state: string) =>
    Object.values(table[state] ?? {}).flatMap((step) => (step === "ignored" ? [] : step[0]));

  test("every state can be reached, and left for every other, unless it is final", () => {
    const reachable = (from: string) => {
      const found = new Set([from]);
      for (const state of found) for (const one of next(state)) found.add(one);
      return [...found].sort();
    };
    const all = Object.keys(table).sort();
    expect(all).toContain(start);
    for (const state of all) expect(reachable(state)).toEqual(finals.includes(state) ? [state] : all);
  });
});

describe("the session's table", () => {
  test("leaving ends in closed from everywhere, with at most one answer of the relay", () => {
    for (const row of Object.values(SESSION)) {
      const left = row.leave === "ignored" ? null : row.leave[0];
      if (left === "leaving") {
        for (const answer of ["departed", "unanswered", "down"] as const) {
          expect(SESSION.leaving[answer]).toEqual(["closed", "close"]);
        }
      } else expect([null, "closed"]).toContain(left);
    }
  });
});

test("docs/states.md shows the tables (UPDATE_DOCS=1 writes them)", () => {
  const path = new URL("../../docs/states.md", import.meta.url);
  const [begin, end] = ["<!-- page: begin -->", "<!-- page: end -->"];
  const said = readFileSync(path, "utf8");
  const [before, rest] = [said.slice(0, said.indexOf(begin)), said.slice(said.indexOf(end))];
  const sections = TABLES.map(([name, table, start]) => {
    return `### ${name}\n\nIt begins in **${start}**.\n\n${markdown(table)}\n`;
  });
  const wanted = `${before}${begin}\n\n${sections.join("\n")}\n${rest}`;
  if (process.env.UPDATE_DOCS !== undefined) writeFileSync(path, wanted);
  expect(readFileSync(path, "utf8")).toBe(wanted);
});
