import { describe, expect, it } from "vitest";
import { createSegmenter, type MediaObject, SegmentError } from "../src/segment/index.js";
import { equal, pieces, run, vector } from "./vectors.js";

const u32 = (value: number): number[] => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);
const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));
const box = (type: string, ...body: number[][]): number[] => {
  const content = body.flat();
  return [...u32(8 + content.length), ...ascii(type), ...content];
};
const longBox = (type: string, ...body: number[][]): number[] => {
  const content = body.flat();
  return [...u32(1), ...ascii(type), ...u32(0), ...u32(16 + content.length), ...content];
};

const AUDIO = 1;
const VIDEO = 2;
const SYNC = 0x02000000;
const NON_SYNC = 0x01010000;

const trak = (id: number, handler: string, timescale: number, version = 0): number[] => {
  const dates = Array.from({ length: version === 1 ? 16 : 8 }, () => 0);
  return box(
    "trak",
    box("tkhd", u32(version << 24), dates, u32(id), u32(0)),
    box(
      "mdia",
      box("mdhd", u32(version << 24), dates, u32(timescale), u32(0)),
      box("hdlr", u32(0), u32(0), ascii(handler), u32(0)),
    ),
  );
};
const trex = (id: number, duration: number, flags: number): number[] =>
  box("trex", u32(0), u32(id), u32(1), u32(duration), u32(0), u32(flags));
const FTYP = box("ftyp", ascii("iso5"), u32(0));
const INIT = [
  ...FTYP,
  ...box(
    "moov",
    trak(AUDIO, "soun", 48_000),
    trak(VIDEO, "vide", 1000, 1),
    box("mvex", trex(AUDIO, 960, SYNC), trex(VIDEO, 40, NON_SYNC)),
  ),
];
const AUDIO_INIT = [
  ...FTYP,
  ...box("moov", trak(AUDIO, "soun", 48_000), box("mvex", trex(AUDIO, 960, SYNC))),
];

const tfhd = (id: number, flags = 0, ...fields: number[]): number[] =>
  box("tfhd", u32(flags), u32(id), ...fields.map(u32));
const tfdt = (time: number): number[] => box("tfdt", u32(0), u32(time));
const trun = (flags: number, count: number, ...fields: number[]): number[] =>
  box("trun", u32(flags), u32(count), ...fields.map(u32));
const moof = (...trafs: number[][]): number[] => box("moof", box("mfhd", u32(0), u32(1)), ...trafs);
const sound = (time = 0, count = 2): number[] => box("traf", tfhd(AUDIO), tfdt(time), trun(0, count));
const MDAT = box("mdat", [1, 2, 3, 4, 5]);

function types(...parts: number[][]): string[] {
  const bytes = Uint8Array.from(parts.flat());
  const whole = run(createSegmenter("fmp4"), [bytes]);
  const keysOf = (objects: MediaObject[]) => objects.filter((object) => object.type === "key").length;
  const bytewise = run(createSegmenter("fmp4"), pieces(bytes, equal(bytes.byteLength, 1)));
  expect(keysOf(bytewise)).toBe(keysOf(whole));
  return whole.map((object) => object.type);
}

const FIRST = [...moof(box("traf", tfhd(VIDEO), tfdt(0), trun(0x4, 1, SYNC))), ...MDAT];

describe("MP4 group starts", () => {
  it.each([
    ["first sample flags", box("traf", tfhd(VIDEO), trun(0x4, 3, SYNC)), true],
    ["first sample flags, not sync", box("traf", tfhd(VIDEO), trun(0x4, 3, NON_SYNC)), false],
    ["first sample flags beside durations", box("traf", tfhd(VIDEO), trun(0x105, 2, 0, SYNC, 40, 40)), true],
    ["each sample's own flags", box("traf", tfhd(VIDEO), trun(0x700, 2, 40, 9, SYNC, 40, 9, NON_SYNC)), true],
    ["each sample's own flags, not sync", box("traf", tfhd(VIDEO), trun(0x400, 2, NON_SYNC, SYNC)), false],
    ["the fragment's default", box("traf", tfhd(VIDEO, 0x28, 40, SYNC), trun(0, 1)), true],
    [
      "the fragment's default with all fields",
      box("traf", tfhd(VIDEO, 0x3b, 0, 0, 1, 40, 9, SYNC), trun(0, 1)),
      true,
    ],
    ["the movie's default (here: not sync)", box("traf", tfhd(VIDEO), trun(0, 1)), false],
    [
      "an empty run before the one that counts",
      box("traf", tfhd(VIDEO), trun(0, 0), trun(0x4, 1, SYNC)),
      true,
    ],
    ["no video in this fragment", sound(), false],
  ])("%s", (_, traf, isStart) => {
    const expected = isStart ? ["init", "key", "key"] : ["init", "key"];
    expect(types(INIT, FIRST, moof(traf), MDAT)).toEqual(expected);
    expect(types(INIT, FIRST, moof(sound(), traf), MDAT)).toEqual(expected);
  });

  it("are every moof without video, and the first in any case", () => {
    expect(types(AUDIO_INIT, moof(sound()), MDAT, moof(sound()), MDAT)).toEqual(["init", "key", "key"]);
    expect(types(INIT, moof(sound()), MDAT)).toEqual(["init", "key"]);
  });

  it("are found past 64-bit sizes, and not in a box that never ends", () => {
    const second = moof(box("traf", tfhd(VIDEO), trun(0x4, 1, SYNC)));
    expect(types(INIT, FIRST, longBox("mdat", [1, 2, 3]), longBox("moof", second.slice(8)))).toEqual([
      "init",
      "key",
      "key",
    ]);
    expect(types(INIT, FIRST, [...u32(0), ...ascii("mdat")], second)).toEqual(["init", "key"]);
  });
});

it("media time is that of the newest sample, in the track's timescale", () => {
  const parts = [
    INIT,
    moof(sound(48_000, 3)),
    MDAT,
    moof(box("traf", tfhd(VIDEO), tfdt(2000), trun(0x4, 3, SYNC))),
  ];
  const objects = run(createSegmenter("fmp4"), [Uint8Array.from(parts.flat())]);
  expect(objects.map((object) => object.mediaTime_ms)).toEqual([null, 1040, 2080]);
});

describe("bytes that cannot be MP4 are refused in words", () => {
  it.each([
    ["text", ascii("<!doctype html><title>"), /not MP4/],
    ["WebM", [...vector("opus").bytes.subarray(0, 100)], /not MP4|larger|shorter/],
    ["a box smaller than its header", [...FTYP, ...u32(4), ...ascii("free")], /shorter than its header/],
    [
      "a child larger than its parent",
      [...FTYP, ...u32(16), ...ascii("moov"), ...u32(99), ...ascii("trak")],
      /larger/,
    ],
    ["a moov without end", [...FTYP, ...u32(0), ...ascii("moov")], /too large/],
    [
      "a run that ends early",
      [...INIT, ...moof(box("traf", tfhd(VIDEO), trun(0x100, 1_000_000, 1))), ...MDAT],
      /ends before/,
    ],
  ])("%s", (_, bytes, words) => {
    const attempt = () => run(createSegmenter("fmp4"), [Uint8Array.from(bytes)]);
    expect(attempt).toThrow(SegmentError);
    expect(attempt).toThrow(words);
  });

  it("a run that claims billions of samples takes no time", () => {
    expect(types(INIT, FIRST, moof(box("traf", tfhd(VIDEO), trun(0x4, 0xffffffff, SYNC))))).toHaveLength(3);
  });
});
