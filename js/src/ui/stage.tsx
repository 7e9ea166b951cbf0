// The tiles, and what is laid over them when the call is not well.
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { ProblemBanner } from "./banner.js";
import { EmptyPlace } from "./empty-place.js";
import { useMaySend } from "./invited.js";
import { GAP_PX, lastRowOffset, layoutTiles, STAGE_INSET_PX } from "./layout.js";
import { rove } from "./rove.js";
import { OWN_TILE, PeerTile, SelfTile } from "./tile.js";
import { stable, useView } from "./view.js";

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
  const { columns, tileWidth_px, tileHeight_px, stageHeight_px } = layoutTiles(
    count,
    Math.max(width_px.value - STAGE_INSET_PX, 0),
  );
  const grid = useRef<HTMLUListElement>(null);
  useLayoutEffect(() => (grid.current === null ? undefined : rove(grid.current)), []);
  const place = (index: number) => 1 + lastRowOffset(index, count, columns);
  const placeOf = (key: string, index: number) => {
    if (alone === null) return place(index);
    return key === alone ? place(0) : null;
  };
  return (
    <div class={`rw-stage rw-phase-${state.phase.value}`}>
      <ul
        ref={grid}
        class="rw-grid"
        aria-label="People in the call"
        style={{
          minHeight: `${stageHeight_px}px`,
          gap: `${GAP_PX}px`,
          gridTemplateColumns: `repeat(${columns * 2}, ${(tileWidth_px - GAP_PX) / 2}px)`,
          gridAutoRows: `${tileHeight_px}px`,
        }}
      >
        {own > 0 && <SelfTile column={placeOf(OWN_TILE, 0)} />}
        {keys.length === 0 && alone === null && <EmptyPlace column={place(own)} />}
        {keys.map((key, index) => (
          <PeerTile key={key} id={key} column={placeOf(key, index + own)} />
        ))}
      </ul>
      <div class="rw-over">
        <ProblemBanner />
      </div>
    </div>
  );
}
