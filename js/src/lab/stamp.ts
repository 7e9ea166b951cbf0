// A time written into a picture as black and white blocks, and read back from its pixels: what was really shown.
// Twice, the second time inverted, so that a picture that the codec has blurred is not misread. Pure.

export const PICTURE = { width: 160, height: 90 };
const BITS = 16;
const BLOCK = { width: PICTURE.width / BITS, height: PICTURE.height / 2 };
/** Stamps begin again after this long. */
export const STAMP_SPAN_MS = 2 ** BITS;

/** The part of a canvas that is needed. */
interface Canvas {
  fillStyle: unknown;
  fillRect(x: number, y: number, width: number, height: number): void;
}

export function drawStamp(context: Canvas, time_ms: number): void {
  const stamp = Math.round(time_ms) % STAMP_SPAN_MS;
  for (let row = 0; row < 2; row++) {
    for (let bit = 0; bit < BITS; bit++) {
      const lit = ((stamp >> bit) & 1) !== row;
      context.fillStyle = lit ? "#fff" : "#000";
      context.fillRect(bit * BLOCK.width, row * BLOCK.height, BLOCK.width, BLOCK.height);
    }
  }
}

/** The stamp in RGBA pixels of a picture; null if there is none to be read. */
export function readStamp(pixels: ArrayLike<number>): number | null {
  let stamp = 0;
  for (let bit = 0; bit < BITS; bit++) {
    const [first, second] = [isLit(pixels, bit, 0), isLit(pixels, bit, 1)];
    if (first === second) return null;
    if (first) stamp |= 1 << bit;
  }
  return stamp;
}

/** How long ago a stamp was drawn. */
export function age_ms(stamp: number, now_ms: number): number {
  const passed_ms = (now_ms - stamp) % STAMP_SPAN_MS;
  return passed_ms < 0 ? passed_ms + STAMP_SPAN_MS : passed_ms;
}

function isLit(pixels: ArrayLike<number>, bit: number, row: number): boolean {
  const x = Math.floor((bit + 0.5) * BLOCK.width);
  const y = Math.floor((row + 0.5) * BLOCK.height);
  return (pixels[(y * PICTURE.width + x) * 4] ?? 0) > 127;
}
