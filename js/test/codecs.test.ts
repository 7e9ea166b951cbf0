import { describe, expect, it } from "vitest";
import { chooseMimeType, playableTypes, recordingType } from "../src/capture/codecs.js";

const MAX_PLAYS = 16; // src/relay_widget/protocol.py
const MAX_MIME_TYPE_CHARS = 128;

/** As measured: what isTypeSupported of Chromium 156 says to a MediaSource and to a MediaRecorder. */
const chromium = {
  canPlay: (type: string) => !/webm;codecs=(avc1|h264)/.test(type),
  canRecord: (type: string) => !type.includes("mp4a"),
};
const safari = {
  canPlay: (type: string) => type.includes("/mp4"),
  canRecord: (type: string) => type.includes("mp4") && !type.includes("opus"),
};
const firefox = {
  canPlay: (type: string) => chromium.canPlay(type),
  canRecord: (type: string) => type.includes("vp8") || type === "audio/webm;codecs=opus",
};

describe("playableTypes", () => {
  it("fits the join message, whatever the browser can play", () => {
    const all = playableTypes(() => true);
    expect(all.length).toBeLessThanOrEqual(MAX_PLAYS);
    expect(new Set(all).size).toBe(all.length);
    for (const type of all) expect(type.length).toBeLessThanOrEqual(MAX_MIME_TYPE_CHARS);
  });

  it("names only what this browser plays, best first", () => {
    const types = playableTypes(chromium.canPlay);
    expect(types[0]).toBe("video/webm;codecs=vp8,opus");
    expect(types).toContain("audio/webm;codecs=opus");
    expect(types).toContain("video/mp4;codecs=avc1.42E01E");
    expect(types.filter((type) => type.includes("webm;codecs=avc1"))).toEqual([]);
    expect(playableTypes(() => false)).toEqual([]);
  });
});

describe("chooseMimeType", () => {
  const chromiumPlays = playableTypes(chromium.canPlay);
  const safariPlays = playableTypes(safari.canPlay);
  const both = { video: true, audio: true };

  it("is VP8 and Opus in WebM where it can be", () => {
    const first = "video/webm;codecs=vp8,opus";
    expect(chooseMimeType({ ...both, canRecord: chromium.canRecord, plays: [] })).toBe(first);
    expect(chooseMimeType({ ...both, canRecord: chromium.canRecord, plays: [chromiumPlays] })).toBe(first);
    expect(chooseMimeType({ ...both, canRecord: firefox.canRecord, plays: [chromiumPlays] })).toBe(first);
  });

  it("declares no track that the stream does not have", () => {
    const { canRecord } = chromium;
    expect(chooseMimeType({ video: true, audio: false, canRecord, plays: [] })).toBe("video/webm;codecs=vp8");
    expect(chooseMimeType({ video: false, audio: true, canRecord, plays: [] })).toBe(
      "audio/webm;codecs=opus",
    );
    expect(chooseMimeType({ video: false, audio: false, canRecord, plays: [] })).toBeNull();
  });

  it("is what everybody plays, not only the first", () => {
    const { canRecord } = chromium;
    const wanted = { ...both, canRecord, plays: [chromiumPlays, safariPlays] };
    expect(chooseMimeType(wanted)).toBe("video/mp4;codecs=avc1.42E01E,opus");
    expect(chooseMimeType({ ...wanted, canRecord: safari.canRecord })).toBe(
      "video/mp4;codecs=avc1.42E01E,mp4a.40.2",
    );
  });

  it("takes a peer that did not say what it plays as one that plays all", () => {
    const plays = [[], safariPlays, []];
    expect(chooseMimeType({ ...both, canRecord: chromium.canRecord, plays })).toBe(
      "video/mp4;codecs=avc1.42E01E,opus",
    );
  });

  it("is null when there is none for all", () => {
    expect(chooseMimeType({ ...both, canRecord: firefox.canRecord, plays: [safariPlays] })).toBeNull();
    expect(chooseMimeType({ ...both, canRecord: () => false, plays: [] })).toBeNull();
  });
});

it("a MediaRecorder is asked by the name it knows", () => {
  expect(recordingType("video/webm;codecs=avc1.42E01E,opus")).toBe("video/webm;codecs=h264,opus");
  expect(recordingType("video/webm;codecs=vp8,opus")).toBe("video/webm;codecs=vp8,opus");
  expect(recordingType("video/webm")).toBe("video/webm");
});
