// The tiles, and what is laid over them when the call is not well.
import { signal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { CallBanner } from "./banner.js";
import { EmptyPlace } from "./empty-place.js";
import { InviteSheet } from "./invite-sheet.js";
import { useMaySend } from "./invited.js";
import {
  GAP_PX,
  lastRowOffset,
  layoutTiles,
  STAGE_INSET_PX,
  STAGE_PADDING_PX,
  stageHeight_px,
} from "./layout.js";
import { rove } from "./rove.js";
import { OWN_TILE, PeerTile, SelfTile } from "./tile.js";
import { stable, useView } from "./view.js";

interface Size {
  width_px: number;
  height_px: number;
}

export function Stage() {
  const { state, width_px, fullScreen } = useView();
  const keys = useMemo(
    () =>
      stable(
        () => state.tiles.value.map((tile) => tile.key),
        (a, b) => a.length === b.length && a.every((key, index) => key === b[index]),
      ),
    [state],
  ).value;
  // A guest who only watches has no tile: it would never show anything.
  const own = useMaySend() ? 1 : 0;
  // Alone, the second place says how others come; the first of them takes it.
  const filling = fullScreen.shown.value;
  const alone =
    filling !== null && (keys.includes(filling) || (own > 0 && filling === OWN_TILE)) ? filling : null;
  const count = alone === null ? Math.max(keys.length, 1) + own : 1;
  const natural: Size = natural_px(width_px.value);
  const { place, size } = usePlace(natural);
  const { columns, tileWidth_px, tileHeight_px, scrolls } = layoutTiles(count, size.width_px, size.height_px);
  const grid = useRef<HTMLUListElement>(null);
  useLayoutEffect(() => (grid.current === null ? undefined : rove(grid.current)), []);
  const column = (index: number) => 1 + lastRowOffset(index, count, columns);
  const columnOf = (key: string, index: number) => {
    if (alone === null) return column(index);
    return key === alone ? column(0) : null;
  };
  return (
    <div
      class={`rw-stage rw-phase-${state.phase.value}`}
      style={{ flexBasis: `${natural.height_px + STAGE_PADDING_PX}px` }}
    >
      <div ref={place} class={scrolls ? "rw-scroll rw-scrolls" : "rw-scroll"}>
        <ul
          ref={grid}
          class="rw-grid"
          aria-label="People in the call"
          style={{
            gap: `${GAP_PX}px`,
            gridTemplateColumns: `repeat(${columns * 2}, ${(tileWidth_px - GAP_PX) / 2}px)`,
            gridAutoRows: `${tileHeight_px}px`,
          }}
        >
          {own > 0 && <SelfTile column={columnOf(OWN_TILE, 0)} />}
          {keys.length === 0 && alone === null && <EmptyPlace column={column(own)} />}
          {keys.map((key, index) => (
            <PeerTile key={key} id={key} column={columnOf(key, index + own)} />
          ))}
        </ul>
      </div>
      <CallBanner />
      <InviteSheet />
    </div>
  );
}

function natural_px(width_px: number): Size {
  const inner_px = Math.max(width_px - STAGE_INSET_PX, 0);
  return { width_px: inner_px, height_px: stageHeight_px(inner_px) };
}

/** The size of the tiles' place, as it is laid out: what bounds the call has made it smaller, or larger. */
function usePlace(natural: Size) {
  const place = useRef<HTMLDivElement>(null);
  const measured = useMemo(() => signal<Size | null>(null), []);
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const resized = new ResizeObserver(([entry]) => {
      if (entry === undefined || entry.contentRect.width === 0) return; // not shown
      const { width, height } = entry.contentRect;
      const size = { width_px: Math.floor(width), height_px: Math.floor(height) };
      const last = measured.peek();
      if (last?.width_px !== size.width_px || last.height_px !== size.height_px) measured.value = size;
    });
    resized.observe(element);
    return () => resized.disconnect();
  }, [measured]);
  return { place, size: measured.value ?? natural };
}
