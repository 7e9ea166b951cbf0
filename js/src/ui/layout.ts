// Where everything goes: pure functions of how wide the call is, how tall it may be, and how many tiles there are. The
// stage's height depends on the room it has alone, never on the number of people, so that nothing moves when they come
// and go: tiles that would become unreadable scroll inside it.
import type { Bound } from "./bounds.js";

export const GAP_PX = 8;
/** The stage is this much narrower than the call: padding and border on both sides. */
export const STAGE_INSET_PX = 26;
/** Above and below the tiles. */
export const STAGE_PADDING_PX = 24;
/** What a screen without tiles must be taller to be as tall as the call: the stage's padding and the bar. */
export const BELOW_STAGE_PX = 74;
/** Below this width of the whole call tiles stack, and chips and charts fold. style.css has the same number. */
export const NARROW_PX = 480;

const NARROW_STAGE_PX = NARROW_PX - STAGE_INSET_PX;
/** A little flatter than one picture: two or three people, the usual call, leave little of it empty. */
const STAGE_SHAPE = 0.4;
const MIN_STAGE_HEIGHT_PX = 236;
const MAX_STAGE_HEIGHT_PX = 480;
/** A tile narrower than this cannot hold a name and a latency. */
const MIN_TILE_WIDTH_PX = 140;
/** Cameras give 4:3 to 16:9; a tile may have any shape between, so that little of a picture is cut. On a stage that is
 * taller than wide, where width is dear, it may be as tall as wide; on a phone held upright as a picture of such a phone. */
const TALLEST = 4 / 3;
const TALLEST_NARROW = 1;
const TALLEST_UPRIGHT = 3 / 4;
const UPRIGHT = 1.4;
const WIDEST = 16 / 9;

/** The head, the bar and the call's border. */
const CHROME_PX = 90;
/** Where the call may be taller than this, it has room for everything. */
const ROOMY_PX = 420;
/** The room's name and state, and the controls, fit into one line. */
const LINE_PX = 560;
/** Where it may be no taller than this, the head is left out. */
const BARE_PX = 210;
/** What the controls take of that line. */
const LINE_CONTROLS_PX = 395;

/** How the call is put together.
 * - `roomy`: head, stage, controls, one below the other
 * - `line`: head and controls in one line above the stage (a phone on its side, a flat output)
 * - `compact`: as `roomy`, with less around everything
 * - `bare`: stage and controls only */
export type Frame = "roomy" | "line" | "compact" | "bare";

export function frameOf(width_px: number, bound: Bound | null): Frame {
  if (bound === null || bound.height_px >= Math.min(ROOMY_PX, naturalHeight_px(width_px))) return "roomy";
  if (width_px >= LINE_PX) return "line";
  return bound.height_px > BARE_PX ? "compact" : "bare";
}

/** The width of the line with the room's name and the figures. */
export function headWidth_px(width_px: number, frame: Frame): number {
  return frame === "line" ? width_px - LINE_CONTROLS_PX : width_px;
}

export interface TileLayout {
  columns: number;
  rows: number;
  tileWidth_px: number;
  tileHeight_px: number;
  /** They do not fit: the stage scrolls. */
  scrolls: boolean;
}

/** How tall the tiles' place is where nothing bounds the call. */
export function stageHeight_px(width_px: number): number {
  if (width_px < NARROW_STAGE_PX) return Math.round(width_px * 1.2);
  return Math.round(Math.min(Math.max(width_px * STAGE_SHAPE, MIN_STAGE_HEIGHT_PX), MAX_STAGE_HEIGHT_PX));
}

/** The columns that give `count` tiles the largest area in a place of this size. */
export function layoutTiles(count: number, width_px: number, height_px: number): TileLayout {
  let best = arranged(1, Math.max(count, 1), width_px, height_px);
  for (let columns = 2; columns <= count; columns++) {
    const next = arranged(columns, count, width_px, height_px);
    if (area(next) > area(best)) best = next;
  }
  const readable_px = Math.min(MIN_TILE_WIDTH_PX, width_px);
  return best.tileWidth_px < readable_px && count > 1 ? scrolling(count, width_px, height_px) : best;
}

/** How many half columns the tile at `index` moves right, so that a last row that is not full is centred. */
export function lastRowOffset(index: number, count: number, columns: number): number {
  const inLastRow = count % columns;
  return inLastRow > 0 && index === count - inLastRow ? columns - inLastRow : 0;
}

function naturalHeight_px(width_px: number): number {
  return stageHeight_px(width_px - STAGE_INSET_PX) + STAGE_PADDING_PX + CHROME_PX;
}

function arranged(columns: number, count: number, width_px: number, height_px: number): TileLayout {
  const rows = Math.ceil(count / columns);
  const cellWidth_px = (width_px - GAP_PX * (columns - 1)) / columns;
  const cellHeight_px = (height_px - GAP_PX * (rows - 1)) / rows;
  return {
    columns,
    rows,
    tileWidth_px: Math.max(0, Math.floor(Math.min(cellWidth_px, cellHeight_px * WIDEST))),
    tileHeight_px: Math.max(
      0,
      Math.floor(Math.min(cellHeight_px, cellWidth_px / tallest(width_px, height_px))),
    ),
    scrolls: false,
  };
}

/** Too many to be seen at once: the tiles keep a readable width, and none is taller than the place. */
function scrolling(count: number, width_px: number, height_px: number): TileLayout {
  const most = Math.max(1, Math.floor((width_px + GAP_PX) / (MIN_TILE_WIDTH_PX + GAP_PX)));
  const columns = Math.min(most, count);
  const rows = Math.ceil(count / columns);
  const cellWidth_px = (width_px - GAP_PX * (columns - 1)) / columns;
  const tileHeight_px = Math.max(0, Math.floor(Math.min(cellWidth_px / TALLEST, height_px)));
  return {
    columns,
    rows,
    tileWidth_px: Math.max(
      0,
      Math.floor(Math.min(cellWidth_px, Math.max(tileHeight_px * WIDEST, MIN_TILE_WIDTH_PX))),
    ),
    tileHeight_px,
    scrolls: rows * tileHeight_px + GAP_PX * (rows - 1) > height_px,
  };
}

function tallest(width_px: number, height_px: number): number {
  if (height_px > width_px * UPRIGHT) return TALLEST_UPRIGHT;
  return height_px > width_px ? TALLEST_NARROW : TALLEST;
}

function area(layout: TileLayout): number {
  return layout.tileWidth_px * layout.tileHeight_px;
}
