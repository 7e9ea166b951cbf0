// Where the tiles go: a pure function from how many there are and how wide the stage is. The stage's height
// depends on the width alone (until tiles would become unreadable), so that the notebook below does not move
// when people come and go.

export const GAP_PX = 8;
/** The stage is this much narrower than the call: padding and border on both sides. */
export const STAGE_INSET_PX = 26;
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
/** Cameras give 4:3 to 16:9; a tile may have any shape between, so that little of a picture is cut. On a narrow
 * stage, where width is dear, it may be as tall as wide. */
const TALLEST = 4 / 3;
const TALLEST_NARROW = 1;
const WIDEST = 16 / 9;

export interface TileLayout {
  columns: number;
  rows: number;
  tileWidth_px: number;
  tileHeight_px: number;
  stageHeight_px: number;
}

export function stageHeight_px(width_px: number): number {
  if (width_px < NARROW_STAGE_PX) return Math.round(width_px * 1.2);
  return Math.round(Math.min(Math.max(width_px * STAGE_SHAPE, MIN_STAGE_HEIGHT_PX), MAX_STAGE_HEIGHT_PX));
}

/** The columns that give `count` tiles the largest area in a stage of this width. */
export function layoutTiles(count: number, width_px: number): TileLayout {
  const height_px = stageHeight_px(width_px);
  let best = arranged(1, Math.max(count, 1), width_px, height_px);
  for (let columns = 2; columns <= count; columns++) {
    const next = arranged(columns, count, width_px, height_px);
    if (area(next) > area(best)) best = next;
  }
  return best.tileWidth_px < MIN_TILE_WIDTH_PX ? overflowing(count, width_px) : best;
}

/** How many half columns the tile at `index` moves right, so that a last row that is not full is centred. */
export function lastRowOffset(index: number, count: number, columns: number): number {
  const inLastRow = count % columns;
  return inLastRow > 0 && index === count - inLastRow ? columns - inLastRow : 0;
}

function arranged(columns: number, count: number, width_px: number, height_px: number): TileLayout {
  const rows = Math.ceil(count / columns);
  const cellWidth_px = (width_px - GAP_PX * (columns - 1)) / columns;
  const cellHeight_px = (height_px - GAP_PX * (rows - 1)) / rows;
  return {
    columns,
    rows,
    tileWidth_px: Math.max(0, Math.floor(Math.min(cellWidth_px, cellHeight_px * WIDEST))),
    tileHeight_px: Math.max(0, Math.floor(Math.min(cellHeight_px, cellWidth_px / tallest(width_px)))),
    stageHeight_px: height_px,
  };
}

/** Too many for the stage: it grows, and the tiles keep a readable width. */
function overflowing(count: number, width_px: number): TileLayout {
  const columns = Math.max(1, Math.floor((width_px + GAP_PX) / (MIN_TILE_WIDTH_PX + GAP_PX)));
  const rows = Math.ceil(count / columns);
  const tileWidth_px = Math.floor((width_px - GAP_PX * (columns - 1)) / columns);
  const tileHeight_px = Math.floor(tileWidth_px / TALLEST);
  const needed_px = rows * tileHeight_px + GAP_PX * (rows - 1);
  return {
    columns,
    rows,
    tileWidth_px,
    tileHeight_px,
    stageHeight_px: Math.max(needed_px, stageHeight_px(width_px)),
  };
}

function tallest(width_px: number): number {
  return width_px < NARROW_STAGE_PX ? TALLEST_NARROW : TALLEST;
}

function area(layout: TileLayout): number {
  return layout.tileWidth_px * layout.tileHeight_px;
}
