import { describe, expect, it } from "vitest";
import type { DeviceFacts, LocalFacts } from "../src/doctor/facts.js";
import { asText, clockRow, localRows, type Row, typesInWords, verdict, wayRows } from "../src/doctor/rows.js";
import type { Attempt, RungProbe } from "../src/transport/probe.js";
import { problemFor } from "../src/ui/words.js";

const device: DeviceFacts = { delegated: true, permission: "granted", count: 1, opened: null };
const well: LocalFacts = {
  browser: "Chromium 156 on Linux",
  origin: "http://localhost:8888",
  secure: true,
  camera: device,
  microphone: device,
  records: ["video/webm;codecs=vp8", "audio/webm;codecs=opus"],
  plays: ["video/webm;codecs=vp8", "audio/webm;codecs=opus"],
  encodesSound: true,
};

function local(check: string, facts: Partial<LocalFacts>): Row {
  const found = localRows({ ...well, ...facts }).find((row) => row.check === check);
  if (found === undefined) throw new Error(`no row ${check}`);
  return found;
}

const camera = (facts: Partial<DeviceFacts>) => local("camera", { camera: { ...device, ...facts } });

describe("what the page sees", () => {
  it("is good where nothing is in the way", () => {
    const rows = localRows(well);
    expect(rows.filter(({ state, code }) => state !== "good" || code !== "ok")).toEqual([]);
    expect(new Set(rows.map(({ check }) => check)).size).toBe(rows.length);
    expect(verdict(rows)).toBe("Nothing is in the way");
  });

  it.each([
    [{ permission: "denied" }, "bad", "permission-denied"],
    [{ permission: "denied", count: 0 }, "bad", "permission-denied"],
    [{ permission: "prompt", opened: "permission-denied" }, "bad", "permission-denied"],
    [{ delegated: false, permission: "denied" }, "bad", "not-delegated"],
    [{ count: 0 }, "warning", "no-camera"],
    [{ count: 0, permission: "prompt", opened: "no-camera" }, "warning", "no-camera"],
    [{ opened: "device-busy" }, "bad", "device-busy"],
    [{ permission: "prompt" }, "unknown", "not-asked"],
    [{ permission: "unknown" }, "unknown", "not-asked"],
    [{ permission: "prompt", opened: "ok" }, "good", "ok"],
  ] as const)("names the camera's trouble: %j", (facts, state, code) => {
    expect(camera(facts)).toMatchObject({ state, code });
  });

  it("uses the words of the call", () => {
    const { title, advice } = problemFor("permission-denied");
    expect(camera({ permission: "denied" })).toMatchObject({ message: title, advice });
  });

  it("calls an insecure page by its name, and does not blame the devices", () => {
    const facts = { secure: false, camera: { ...device, count: null } };
    expect(local("secure page", facts)).toMatchObject({ state: "bad", code: "insecure-page" });
    expect(local("camera", facts)).toMatchObject({ state: "bad", code: "insecure-page" });
  });

  it("tells what goes one way only", () => {
    expect(local("recording", { records: [] })).toMatchObject({ state: "bad", code: "cannot-record" });
    expect(local("playing", { plays: [] })).toMatchObject({ state: "bad", code: "mse-missing" });
    expect(local("codecs both ways", { plays: [] })).toMatchObject({ state: "unknown" });
    const apart = local("codecs both ways", { plays: ["audio/webm;codecs=opus"] });
    expect(apart).toMatchObject({ state: "warning", code: "no-common-codec" });
    expect(apart.message).toContain("no pictures");
    expect(local("sound encoder", { encodesSound: false })).toMatchObject({ state: "warning" });
  });
});

describe("the ways to the relay", () => {
  const ok: Attempt = { code: "ok", message: "", took_ms: 12.3 };
  const off: Attempt = { code: "unreachable", message: "websocket error", took_ms: 3 };
  const way = (rung: RungProbe["rung"], first: Attempt, polling: Attempt | null = null): RungProbe => ({
    rung,
    first,
    polling,
    clock: null,
  });
  const states = (...probes: RungProbe[]) => wayRows(probes).map(({ state, code }) => [state, code]);

  it("is quiet about what is not needed", () => {
    const missing = { code: "proxy-missing", message: "Install it.", took_ms: 1 };
    expect(states(way("direct", ok), way("proxy", missing))).toEqual([
      ["good", "ok"],
      ["unknown", "proxy-missing"],
    ]);
    expect(states(way("proxy", missing), way("direct", ok))).toEqual([
      ["warning", "proxy-missing"],
      ["good", "ok"],
    ]);
    expect(states(way("proxy", missing), way("direct", off, off))).toEqual([
      ["bad", "proxy-missing"],
      ["bad", "relay-unreachable"],
    ]);
  });

  it("knows a blocked WebSocket from a relay that is gone, and a relay that says no", () => {
    const refusal = (code: string) => ({ code, message: "No.", took_ms: 3 });
    expect(states(way("url", off, ok))).toEqual([["warning", "websocket-blocked"]]);
    expect(states(way("url", off, off))).toEqual([["bad", "relay-unreachable"]]);
    expect(states(way("url", refusal("bad-token")))).toEqual([["bad", "bad-token"]]);
    expect(states(way("url", off, refusal("bad-token")))).toEqual([["bad", "bad-token"]]);
    expect(states(way("url", refusal("unsupported-protocol")))).toEqual([["bad", "unsupported-protocol"]]);
  });

  it("shows the relay's own sentence where the call would", () => {
    const said = "This relay speaks protocol 2, the client asked for 1.";
    const [row] = wayRows([way("url", { code: "unsupported-protocol", message: said, took_ms: 1 })]);
    expect(row?.advice).toBe(said);
  });

  it("tells the clock and how sure that is", () => {
    const clock = (offset_ms: number, error_ms: number) =>
      clockRow([{ ...way("url", ok), clock: { offset_ms, error_ms } }]);
    expect(clock(0.2, 0.3)).toMatchObject({ state: "good" });
    expect(clock(-2000, 1).message).toContain("2000.0 ms behind");
    expect(clock(0, 80)).toMatchObject({ state: "warning", code: "clock-vague" });
    expect(clockRow([way("url", off)])).toMatchObject({ state: "unknown" });
  });
});

describe("the verdict", () => {
  it("does not take for good what was not checked", () => {
    const rows = localRows({ ...well, camera: { ...device, permission: "prompt" } });
    expect(verdict(rows)).toBe("Nothing is in the way of what was checked; 1 not checked");
    const bad = localRows({ ...well, encodesSound: false, camera: { ...device, permission: "prompt" } });
    expect(verdict(bad)).toMatch(/^1 not checked, 1 (in the way|warning)/);
  });
});

describe("as text", () => {
  it("lists codecs by container", () => {
    const types = [
      "video/webm;codecs=vp8",
      "video/webm;codecs=vp9",
      "audio/webm;codecs=opus",
      "video/mp4;codecs=avc1.42E01E",
    ];
    expect(typesInWords(types)).toBe("VP8, VP9 and Opus in WebM; H.264 in MP4");
    expect(typesInWords([])).toBe("");
  });

  it("has a line for each row and its advice", () => {
    const text = asText(localRows({ ...well, secure: false }));
    expect(text).toContain("BAD secure page");
    expect(text).toContain("[insecure-page]");
    expect(text).toMatch(/^ +-> .*https/m);
    expect(verdict(localRows({ ...well, secure: false, encodesSound: false }))).toBe(
      "3 in the way, 1 warning",
    );
  });
});
