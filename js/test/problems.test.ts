import { describe, expect, test } from "vitest";
import { type Facts, problemOf } from "../src/problems.js";

const CALM: Facts = {
  phase: "joined",
  kernel: "here",
  guest: false,
  joinRefused: false,
  ended: null,
  relay: null,
  unreached: null,
  lasting: false,
  ticketMissing: false,
  capture: null,
  cannotPlay: false,
  noCommonCodec: false,
  dismissed: new Set(),
};

const shown = (facts: Partial<Facts>) => {
  const problem = problemOf({ ...CALM, ...facts });
  return problem === null ? null : [problem.code, problem.level];
};
const NO_ANSWER = { code: "no-answer", message: "The relay at http://r/ does not answer." };
const FORBIDDEN = { code: "forbidden", message: "The token is for another room.", ofRelay: true };

describe("what is in the way", () => {
  test.each<[what: string, facts: Partial<Facts>, shown: [string, string] | null]>([
    ["all is well", {}, null],
    ["a recovery is calm", { phase: "reconnecting" }, ["reconnecting", "calm"]],
    [
      "a recovery is calm, whatever kernel and page have seen of it",
      { phase: "reconnecting", relay: NO_ANSWER, unreached: "refused" },
      ["reconnecting", "calm"],
    ],
    [
      "one that lasts is told once: by the kernel, who knows more",
      { phase: "reconnecting", relay: NO_ANSWER, unreached: "refused", lasting: true },
      ["no-answer", "error"],
    ],
    [
      "and by the page where the kernel is well",
      { phase: "reconnecting", unreached: "refused", lasting: true },
      ["relay-unreachable", "error"],
    ],
    ["it is over when the call is back", { unreached: "refused", relay: NO_ANSWER }, null],
    [
      "on the way in, a relay that is slow is calm",
      { phase: "connecting", relay: NO_ANSWER },
      ["relay-slow", "calm"],
    ],
    ["no ticket", { phase: "connecting", ticketMissing: true }, ["ticket-missing", "error"]],
    ["why it failed", { phase: "failed", ended: FORBIDDEN }, ["forbidden", "error"]],
    [
      "why it failed stays, although the kernel gives tickets again",
      { phase: "failed", ended: { code: "removed" } },
      ["removed", "error"],
    ],
    ["a device", { capture: { code: "no-camera" } }, ["no-camera", "warn"]],
    [
      "a device goes before a note",
      { capture: { code: "no-camera" }, kernel: "gone" },
      ["no-camera", "warn"],
    ],
    ["the kernel has gone", { kernel: "gone" }, ["kernel-gone", "note"]],
    ["the kernel is silent", { kernel: "silent" }, ["kernel-silent", "note"]],
    ["a note that was put away", { kernel: "gone", dismissed: new Set(["kernel-gone"]) }, null],
    ["in the lobby, without a kernel", { phase: "idle", kernel: "gone" }, ["lobby-without-kernel", "warn"]],
    [
      "Join without a kernel",
      { phase: "idle", kernel: "gone", joinRefused: true },
      ["join-without-kernel", "error"],
    ],
    [
      "Rejoin without a kernel, whatever else there was",
      { phase: "failed", kernel: "gone", joinRefused: true, ended: { code: "expired-token" } },
      ["join-without-kernel", "error"],
    ],
  ])("%s", (_, facts, wanted) => {
    expect(shown(facts)).toEqual(wanted);
  });

  test("nothing but a lasting loss is red while the call comes back, and everything of it goes when it is back", () => {
    const truths = [true, false];
    for (const relay of [null, NO_ANSWER])
      for (const unreached of [null, "refused"])
        for (const kernel of ["here", "silent", "gone"] as const)
          for (const capture of [null, { code: "no-camera" }])
            for (const noCommonCodec of truths) {
              const facts = { relay, unreached, kernel, capture, noCommonCodec };
              expect(shown({ ...facts, phase: "reconnecting" })).toEqual(["reconnecting", "calm"]);
              expect(shown({ ...facts, phase: "joined" })?.[1] ?? "note").not.toBe("error");
            }
  });
});
