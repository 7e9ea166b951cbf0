import { describe, expect, it } from "vitest";
import { isNumberOf } from "../src/names.js";
import type { ListenerInfo } from "../src/protocol.js";
import { type Moment, news } from "../src/ui/announce.js";
import { listenerSentences, recordedWords, watchedWords } from "../src/ui/phrases.js";

function listener(name: string, does: ListenerInfo["does"], of: string[] | null = null): ListenerInfo {
  return { id: `${name} ${does}`, name, does, of };
}

const ADA = listener("Ada", "records");
const EYE = listener("Ada", "watches", ["grace"]);

describe("who records", () => {
  it("is said by name, each once", () => {
    expect(recordedWords([])).toBe("");
    expect(recordedWords([EYE])).toBe("");
    expect(recordedWords([ADA])).toBe("recorded by Ada");
    expect(recordedWords([ADA, { ...ADA, id: "again" }])).toBe("recorded by Ada");
    expect(recordedWords([ADA, listener("Bob", "records")])).toBe("recorded by Ada and Bob");
    const many = ["Ada", "Bob", "Cy"].map((name) => listener(name, "records"));
    expect(recordedWords(many)).toBe("recorded by Ada and 2 others");
  });
});

describe("who watches", () => {
  it("is said on the tiles of those whose media it gets", () => {
    expect(watchedWords([EYE], "grace")).toBe("Python watches · Ada");
    expect(watchedWords([EYE], "joan")).toBe("");
    expect(watchedWords([{ ...EYE, of: [] }], "grace")).toBe("");
    expect(watchedWords([{ ...EYE, of: null }], "joan")).toBe("Python watches · Ada");
    expect(watchedWords([EYE], "")).toBe("");
    expect(watchedWords([ADA], "grace")).toBe("");
  });
});

describe("the live region", () => {
  const people = new Map([["grace", "Grace"]]);
  const moment = (listeners: ListenerInfo[], phase: Moment["phase"] = "joined"): Moment => ({
    phase,
    room: "lab",
    people,
    listeners: listenerSentences(listeners, people, "me"),
  });

  it("tells when somebody records or watches, and when it is over", () => {
    expect(news(moment([]), moment([ADA]))).toBe("Ada records this call.");
    expect(news(moment([ADA]), moment([]))).toBe("Ada no longer records this call.");
    expect(news(moment([]), moment([EYE]))).toBe("Ada’s Python watches Grace.");
    expect(news(moment([]), moment([{ ...EYE, of: ["me"] }]))).toBe("Ada’s Python watches you.");
    expect(news(moment([EYE]), moment([{ ...EYE, of: [] }]))).toBe("Ada’s Python no longer watches Grace.");
  });

  it("tells who comes in that the call is recorded", () => {
    expect(news({ ...moment([], "connecting"), people }, moment([ADA]))).toBe(
      "You are in lab. Ada records this call.",
    );
  });

  it("tells nothing again when the same person's program comes back", () => {
    expect(news(moment([ADA]), moment([{ ...ADA, id: "another" }]))).toBe("");
  });
});

describe("names that nobody chose", () => {
  it("are known by their number", () => {
    expect(isNumberOf("root", "root")).toBe(true);
    expect(isNumberOf("root", "root 2")).toBe(true);
    for (const other of ["root two", "root 2 3", "roots", "Root", ""])
      expect(isNumberOf("root", other)).toBe(false);
    expect(isNumberOf("", "")).toBe(false);
    expect(isNumberOf("", " 2")).toBe(false);
  });
});
