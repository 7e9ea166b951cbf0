import { describe, expect, it } from "vitest";
import { boundOf, MIN_BOUND_PX, PROBE_PX, type Surrounding } from "../src/ui/bounds.js";
import {
  frameOf,
  GAP_PX,
  headWidth_px,
  lastRowOffset,
  layoutTiles,
  stageHeight_px,
} from "../src/ui/layout.js";

const WIDTHS_PX = [294, 400, 453, 454, 640, 734, 1174];
/** Where tiles may be: notebooks of all widths, phones both ways, tablets, a flat output view and a very wide one. */
const PLACES_PX: [width: number, height: number][] = [
  ...WIDTHS_PX.map((width_px): [number, number] => [width_px, stageHeight_px(width_px)]),
  [348, 640],
  [378, 744],
  [728, 302],
  [832, 332],
  [744, 930],
  [1000, 640],
  [788, 114],
  [348, 114],
  [2400, 150],
];

describe("layoutTiles", () => {
  it.each(PLACES_PX)(
    "keeps 1 to 30 tiles inside %i x %i px, or lets them scroll there, in a shape a picture can have",
    (width_px, height_px) => {
      for (let count = 1; count <= 30; count++) {
        const { columns, rows, tileWidth_px, tileHeight_px, scrolls } = layoutTiles(
          count,
          width_px,
          height_px,
        );
        expect(columns * rows).toBeGreaterThanOrEqual(count);
        expect(columns * (rows - 1)).toBeLessThan(count);
        expect(columns * tileWidth_px + (columns - 1) * GAP_PX).toBeLessThanOrEqual(width_px);
        expect(rows * tileHeight_px + (rows - 1) * GAP_PX > height_px).toBe(scrolls);
        expect(tileHeight_px, "each can be seen whole").toBeLessThanOrEqual(height_px);
        expect(tileWidth_px).toBeGreaterThanOrEqual(140);
        const upright = height_px > 1.4 * width_px;
        expect(tileWidth_px / tileHeight_px).toBeGreaterThanOrEqual(upright ? 3 / 4 : 1);
        expect(tileWidth_px / tileHeight_px).toBeLessThan(16 / 9 + 0.03);
      }
    },
  );

  it("scrolls for a crowd only", () => {
    for (const [width_px, height_px] of PLACES_PX) {
      const most = height_px < 200 ? 2 : 6;
      for (let count = 1; count <= most; count++)
        expect(
          layoutTiles(count, width_px, height_px).scrolls,
          `${count} in ${width_px} x ${height_px}`,
        ).toBe(false);
    }
    expect(layoutTiles(30, 294, 353)).toMatchObject({ columns: 2, tileWidth_px: 143, scrolls: true });
  });

  it.each([
    [348, 640],
    [378, 744],
    [728, 302],
    [832, 332],
  ])("leaves little of a phone's %i x %i px empty", (width_px, height_px) => {
    for (const count of [2, 3, 4, 6, 8, 12]) {
      const { tileWidth_px, tileHeight_px } = layoutTiles(count, width_px, height_px);
      const share = (count * tileWidth_px * tileHeight_px) / (width_px * height_px);
      expect(share, `${count} tiles`).toBeGreaterThan(0.55);
    }
  });

  it("no other number of columns gives larger tiles", () => {
    // A stage 734 px wide is 294 px tall: two rows of five would be 140 x 105 px, three of three 164 x 92 px.
    expect(layoutTiles(9, 734, 294)).toMatchObject({ columns: 3, rows: 3 });
    expect(layoutTiles(2, 734, 294)).toMatchObject({ columns: 2, rows: 1, tileWidth_px: 363 });
    expect(layoutTiles(3, 734, 294)).toMatchObject({ columns: 3, rows: 1 });
    expect(layoutTiles(4, 734, 294)).toMatchObject({ columns: 2, rows: 2 });
    expect(layoutTiles(3, 2400, 150)).toMatchObject({ columns: 3, rows: 1, tileHeight_px: 150 });
  });

  it("stacks on a narrow stage", () => {
    expect(layoutTiles(2, 294, 353)).toMatchObject({ columns: 1, rows: 2 });
    expect(layoutTiles(3, 294, 353)).toMatchObject({ columns: 1, rows: 3 });
    expect(layoutTiles(4, 294, 353)).toMatchObject({ columns: 2, rows: 2 });
  });

  it("gives no negative sizes before the size is known", () => {
    for (const size_px of [0, 1, 5]) {
      const { tileWidth_px, tileHeight_px } = layoutTiles(3, size_px, size_px);
      expect(tileWidth_px).toBeGreaterThanOrEqual(0);
      expect(tileHeight_px).toBeGreaterThanOrEqual(0);
    }
  });
});

describe("frameOf", () => {
  const within = (height_px: number) => ({ height_px, fills: true });
  it.each([
    ["roomy", 360, null],
    ["roomy", 360, within(740)],
    ["roomy", 768, within(1024)],
    ["roomy", 500, within(400)], // as tall as it would be by itself
    ["line", 740, within(360)],
    ["line", 844, within(390)],
    ["line", 800, within(200)],
    ["line", 2400, within(200)],
    ["compact", 360, within(312)],
    ["bare", 360, within(200)],
  ] as const)("is %s at %i px within %o", (frame, width_px, bound) => {
    expect(frameOf(width_px, bound)).toBe(frame);
  });

  it("leaves the head less where the controls are beside it", () => {
    expect(headWidth_px(740, "roomy")).toBe(740);
    expect(headWidth_px(740, "line")).toBeLessThan(480);
  });
});

describe("boundOf", () => {
  const passing: Surrounding = { clips: false, inner_px: PROBE_PX, inset_px: 0, grows: false, alone: true };
  const growing: Surrounding = { ...passing, clips: true, inner_px: PROBE_PX };
  const view: Surrounding = { ...passing, clips: true, inner_px: 300, inset_px: 8 };
  const page: Surrounding = { ...passing, clips: true, inner_px: 800, alone: false };

  it("is none where everything grows with the call", () => {
    expect(boundOf([])).toBeNull();
    expect(boundOf([passing, growing])).toBeNull();
  });

  it("is what is nearest, less what is between", () => {
    expect(boundOf([passing, view, page])).toEqual({ height_px: 292, fills: true });
  });

  it("is filled only by a call that is alone in it", () => {
    expect(boundOf([{ ...view, alone: false }])).toEqual({ height_px: 292, fills: false });
    expect(boundOf([page])).toEqual({ height_px: 800, fills: false });
  });

  it("is not filled where it would only grow for that", () => {
    expect(boundOf([{ ...view, grows: true }, page])).toEqual({ height_px: 292, fills: false });
  });

  it("is no taller than what is around it, too", () => {
    expect(boundOf([{ ...view, inner_px: 900 }, page])).toEqual({ height_px: 800, fills: true });
  });

  it("ignores what has no height, and ends somewhere", () => {
    expect(boundOf([{ ...view, inner_px: 0 }])).toBeNull();
    expect(boundOf([{ ...view, inner_px: 20 }])).toEqual({ height_px: MIN_BOUND_PX, fills: true });
  });
});

describe("lastRowOffset", () => {
  it("centres a last row that is not full, and no other", () => {
    expect([0, 1, 2, 3, 4].map((index) => lastRowOffset(index, 5, 3))).toEqual([0, 0, 0, 1, 0]);
    expect([0, 1, 2, 3].map((index) => lastRowOffset(index, 4, 2))).toEqual([0, 0, 0, 0]);
    expect(lastRowOffset(2, 3, 2)).toBe(1);
  });
});
