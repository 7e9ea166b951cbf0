import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as protocol from "../src/protocol.js";

interface Vectors {
  protocol: number;
  events: { to_relay: string[]; from_relay: string[]; monitor: string[] };
  listeners_do: string[];
  limits: Record<string, number>;
}

const path = new URL("../../tests/vectors/protocol.json", import.meta.url);
const vectors = JSON.parse(readFileSync(path, "utf8")) as Vectors;

describe("the wire's names and limits are the vectors'", () => {
  it("version", () => {
    expect(protocol.PROTOCOL_VERSION).toBe(vectors.protocol);
  });

  it("events", () => {
    const names = new Set([...vectors.events.to_relay, ...vectors.events.from_relay]);
    expect(new Set<string>(Object.values(protocol.EVENT))).toEqual(names);
  });

  it("words", () => {
    expect([...protocol.LISTENERS_DO]).toEqual(vectors.listeners_do);
  });

  it("limits", () => {
    const limits = Object.entries<unknown>({ ...protocol }).filter(
      (entry): entry is [string, number] => /^[A-Z_]+$/.test(entry[0]) && typeof entry[1] === "number",
    );
    const own = limits.filter(([name]) => name !== "PROTOCOL_VERSION");
    expect(own.length).toBeGreaterThan(0);
    for (const [name, value] of own) expect([name, value]).toEqual([name, vectors.limits[name]]);
  });
});
