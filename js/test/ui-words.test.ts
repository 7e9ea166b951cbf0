import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { whyNone } from "../src/ui/ways.js";
import { emptyPictureWords, endedBy, problemFor } from "../src/ui/words.js";

const python = (file: string) =>
  readFileSync(new URL(`../../src/relay_widget/${file}`, import.meta.url), "utf8");

/** The codes of the wire, from where they are defined. */
function wireCodes(): string[] {
  const [, body = ""] = /class Code\(StrEnum\):([\s\S]*?)\n\n\n/.exec(python("protocol.py")) ?? [];
  return [...body.matchAll(/^ {4}[A-Z_]+ = "([a-z-]+)"/gm)].map(([, code = ""]) => code);
}

function relayStartCodes(): string[] {
  const [, body = ""] =
    /class RelayStartError[\s\S]*?Codes: ([\s\S]*?)\n\s*"""/.exec(python("errors.py")) ?? [];
  return [...body.matchAll(/``([a-z-]+)``/g)].map(([, code = ""]) => code);
}

const CAPTURE = [
  "permission-denied",
  "no-camera",
  "no-microphone",
  "device-busy",
  "insecure-page",
  "not-delegated",
  "cancelled",
  "capture-failed",
  "gesture-needed",
];
const LOCAL = [
  "relay-unreachable",
  "websocket-blocked",
  "ticket-missing",
  "mse-missing",
  "no-common-codec",
  "playback-blocked",
  "track-muted",
];
const FALLBACK = problemFor("never-heard-of").title;

describe("problemFor", () => {
  it("finds the codes it is to know", () => {
    expect(wireCodes()).toContain("room-full");
    expect(wireCodes().length).toBeGreaterThan(15);
    expect(relayStartCodes()).toContain("port-in-use");
  });

  it.each([...wireCodes(), ...relayStartCodes(), ...CAPTURE, ...LOCAL])("has words for %s", (code) => {
    const problem = problemFor(code);
    expect(problem.code).toBe(code);
    expect(problem.title).not.toBe(FALLBACK);
    expect(problem.title).toMatch(/^[A-Z].*\.$/);
    expect(problem.advice).toMatch(/^[A-Z].*\.$/);
    expect(problem.actions.length).toBeGreaterThan(0);
  });

  it.each([...CAPTURE, ...LOCAL])("leaves a way out of %s", (code) => {
    const { level, actions } = problemFor(code);
    expect(level === "warn" ? actions.includes("dismiss") : actions.length > 0).toBe(true);
  });

  it("says something useful about a code it does not know", () => {
    expect(problemFor("new-code", "The moon is full.")).toMatchObject({
      code: "new-code",
      advice: "The moon is full.",
    });
    expect(problemFor("constructor").title).toBe(FALLBACK);
    expect(problemFor("new-code").actions).toContain("retry");
  });

  it("lets the relay say it where it knows more, and only there", () => {
    expect(problemFor("bad-name", "The name has 80 characters: use at most 64.").advice).toContain("80");
    expect(problemFor("bad-name").advice).not.toBe("");
    expect(problemFor("permission-denied", "NotAllowedError").advice).not.toContain("NotAllowed");
  });
});

describe("endedBy", () => {
  it.each([...wireCodes(), ...relayStartCodes(), ...LOCAL])(
    "leaves a way back to the lobby after %s",
    (code) => {
      const { actions } = endedBy(problemFor(code));
      expect(actions).toContain("lobby");
      expect(actions).not.toContain("dismiss");
    },
  );

  it("has the right way out first", () => {
    const first = (code: string) => endedBy(problemFor(code)).actions[0];
    for (const code of ["room-full", "removed", "room-ended", "bad-name", "bad-room", "too-many-rooms"])
      expect(first(code), code).toBe("lobby");
    expect(first("replaced")).toBe("rejoin");
    expect(first("relay-unreachable")).toBe("retry");
  });

  it("offers nothing where nothing helps", () => {
    expect(endedBy(problemFor("no-link", undefined, true)).actions).toEqual([]);
  });
});

describe("problemFor on the join page", () => {
  it.each(["no-link", "mse-missing", "relay-unreachable", ...wireCodes(), ...CAPTURE])(
    "has words for %s without a kernel or a cell",
    (code) => {
      const { title, advice } = problemFor(code, undefined, true);
      expect(title).toMatch(/^[A-Z].*\.$/);
      expect(title).not.toBe(FALLBACK);
      expect(`${title} ${advice}`).not.toMatch(/kernel|cell\b|ticket/);
    },
  );

  it("offers to try again only what may go better then", () => {
    for (const code of ["no-link", "bad-token", "expired-token"]) {
      expect(problemFor(code, undefined, true).actions).toEqual([]);
    }
    expect(problemFor("room-locked", undefined, true).actions).toContain("retry");
  });
});

describe("emptyPictureWords", () => {
  it("names what is in the way of the picture", () => {
    expect(emptyPictureWords("permission-denied")).toBe("Camera is blocked");
    expect(emptyPictureWords("something-else")).toBe("No picture");
  });
});

describe("why no way to the relay carries", () => {
  it("is said in the cell, way by way", () => {
    const reasons = [
      { rung: "direct", message: "Nothing answers there that is a relay." },
      { rung: "proxy", message: "The notebook server does not answer." },
    ] as const;
    const { advice } = problemFor("relay-unreachable", whyNone(reasons));
    expect(advice).toContain("Relay's port: Nothing answers there");
    expect(advice).toContain("Via Jupyter: The notebook server");
    expect(advice).toMatch(/doctor\(\).*\.$/);
  });

  it("is what is generally true where nothing was tried", () => {
    expect(problemFor("relay-unreachable", whyNone([])).advice).toBe(problemFor("relay-unreachable").advice);
  });
});
