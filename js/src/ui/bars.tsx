// Three bars that say how good a connection is, with the words behind them in a tooltip and for screen readers.
import type { ReadonlySignal } from "@preact/signals";
import type { Grade, Quality } from "../quality.js";
import { tip } from "./tips.js";

const LIT: Record<Grade, number> = { poor: 1, fair: 2, good: 3 };
const HEIGHTS = [5, 8, 11];

export function Bars({ quality }: { quality: ReadonlySignal<Quality | null> }) {
  const now = quality.value;
  if (now === null) return null;
  return (
    <span class={`rw-bars rw-${now.grade}`} role="img" aria-label={now.words} {...tip(now.words)}>
      <svg viewBox="0 0 13 11" aria-hidden="true" focusable="false">
        {HEIGHTS.map((height, index) => (
          <rect
            key={height}
            class={index < LIT[now.grade] ? "rw-lit" : ""}
            x={index * 5}
            y={11 - height}
            width="3"
            height={height}
            rx="1"
          />
        ))}
      </svg>
    </span>
  );
}
