// Lines of a small chart as SVG paths: x is time (the right edge is now), y grows upwards from 0.

export interface Point {
  at_ms: number;
  /** null: not known then; the line has a hole. */
  value: number | null;
}

export interface Scale {
  now_ms: number;
  span_ms: number;
  max: number;
  width: number;
  height: number;
}

/** Straight from point to point: for what changes smoothly. */
export function linePath(points: readonly Point[], scale: Scale): string {
  return path(points, scale, (x, y) => `L${x} ${y}`);
}

/** Level until the next point: for what is counted. */
export function stepPath(points: readonly Point[], scale: Scale): string {
  return path(points, scale, (x, y) => `H${x}V${y}`);
}

/** What lies between two lines, from each point to the next; `null` leaves a hole in both. */
export function areaPath(lower: readonly Point[], upper: readonly Point[], scale: Scale): string {
  let d = "";
  let start = 0;
  for (let end = 0; end <= upper.length; end++) {
    if (end < upper.length && upper[end]?.value !== null) continue;
    if (end - start > 1) {
      const there = linePath(upper.slice(start, end), scale);
      const back = linePath(lower.slice(start, end).reverse(), scale);
      d += `${there}L${back.slice(1)}Z`;
    }
    start = end + 1;
  }
  return d;
}

/** The smallest of 1, 2, 5, 10, 20, … that is not below the value (and not below `least`). */
export function roundedUp(value: number, least: number): number {
  const wanted = Math.max(value, least);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= wanted) ?? 10;
  return step * power;
}

function path(points: readonly Point[], scale: Scale, to: (x: number, y: number) => string): string {
  let drawing = false;
  let d = "";
  for (const { at_ms, value } of points) {
    if (value === null) {
      drawing = false;
      continue;
    }
    const x = round((1 - (scale.now_ms - at_ms) / scale.span_ms) * scale.width);
    const y = round((1 - Math.min(value, scale.max) / scale.max) * scale.height);
    d += drawing ? to(x, y) : `M${x} ${y}`;
    drawing = true;
  }
  return d;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
