import { describe, expect, it } from "vitest";
import { GAP_PX, lastRowOffset, layoutTiles, stageHeight_px } from "../src/ui/layout.js";

const WIDTHS_PX = [294, 400, 453, 454, 640, 734, 1174];

describe("layoutTiles", () => {
  it.each(WIDTHS_PX)(
    "keeps 1 to 9 tiles inside a stage %i px wide, in a shape a picture can have",
    (width_px) => {
      for (let count = 1; count <= 9; count++) {
        const { columns, rows, tileWidth_px, tileHeight_px, stageHeight_px } = layoutTiles(count, width_px);
        expect(columns * rows).toBeGreaterThanOrEqual(count);
        expect(columns * (rows - 1)).toBeLessThan(count);
        expect(columns * tileWidth_px + (columns - 1) * GAP_PX).toBeLessThanOrEqual(width_px);
        expect(rows * tileHeight_px + (rows - 1) * GAP_PX).toBeLessThanOrEqual(stageHeight_px);
        expect(tileWidth_px).toBeGreaterThanOrEqual(140);
        expect(tileWidth_px / tileHeight_px).toBeGreaterThanOrEqual(1);
        expect(tileWidth_px / tileHeight_px).toBeLessThan(16 / 9 + 0.03);
      }
    },
  );

  it("is as tall for one as for four, so that nothing moves when people come", () => {
    for (const width_px of WIDTHS_PX) {
      for (let count = 1; count <= 4; count++) {
        expect(layoutTiles(count, width_px).stageHeight_px).toBe(stageHeight_px(width_px));
      }
    }
  });

  it("no other number of columns gives larger tiles", () => {
    // A stage 734 px wide is 294 px tall: two rows of five would be 140 x 105 px, three of three 164 x 92 px.
    expect(layoutTiles(9, 734)).toMatchObject({ columns: 3, rows: 3 });
    expect(layoutTiles(2, 734)).toMatchObject({ columns: 2, rows: 1, tileWidth_px: 363 });
    expect(layoutTiles(3, 734)).toMatchObject({ columns: 3, rows: 1 });
    expect(layoutTiles(4, 734)).toMatchObject({ columns: 2, rows: 2 });
  });

  it("stacks on a narrow stage", () => {
    expect(layoutTiles(2, 294)).toMatchObject({ columns: 1, rows: 2 });
    expect(layoutTiles(3, 294)).toMatchObject({ columns: 1, rows: 3 });
    expect(layoutTiles(4, 294)).toMatchObject({ columns: 2, rows: 2 });
  });

  it("grows taller rather than make unreadable tiles", () => {
    const crowded = layoutTiles(30, 294);
    expect(crowded.columns).toBe(2);
    expect(crowded.tileWidth_px).toBe(143);
    expect(crowded.stageHeight_px).toBeGreaterThan(stageHeight_px(294));
  });

  it("gives no negative sizes before the width is known", () => {
    const { tileWidth_px, tileHeight_px } = layoutTiles(3, 0);
    expect(tileWidth_px).toBeGreaterThanOrEqual(0);
    expect(tileHeight_px).toBeGreaterThanOrEqual(0);
  });
});

describe("lastRowOffset", () => {
  it("centres a last row that is not full, and no other", () => {
    expect([0, 1, 2, 3, 4].map((index) => lastRowOffset(index, 5, 3))).toEqual([0, 0, 0, 1, 0]);
    expect([0, 1, 2, 3].map((index) => lastRowOffset(index, 4, 2))).toEqual([0, 0, 0, 0]);
    expect(lastRowOffset(2, 3, 2)).toBe(1);
  });
});
