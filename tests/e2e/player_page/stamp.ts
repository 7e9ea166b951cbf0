// A time written into a picture as black and white squares, and read back from a playing element: what was really
// shown, whatever anybody says about it. Squares survive every codec, also when the picture is scaled.

const BITS = 24;
const ROW = 12;
const ROWS = BITS / ROW;
/** Side of a square in widths of the picture. */
const SQUARE = 0.075;
/** Stamps begin again after this long (4.7 hours). */
export const STAMP_SPAN_MS = 2 ** BITS;
/** Between these a square is neither black nor white. */
const BLACK = 80;
const WHITE = 176;

type Context2D = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export function drawStamp(context: Context2D, time_ms: number): void {
  const stamp = Math.round(time_ms) % STAMP_SPAN_MS;
  const side = SQUARE * context.canvas.width;
  for (let bit = 0; bit < BITS; bit++) {
    context.fillStyle = (stamp >> bit) & 1 ? "#fff" : "#000";
    context.fillRect((bit % ROW) * side, Math.floor(bit / ROW) * side, side, side);
  }
}

let reading: OffscreenCanvasRenderingContext2D | null = null;

/** The stamp in the picture that the video shows; null if it shows none. */
export function readStamp(video: HTMLVideoElement): number | null {
  reading ??= new OffscreenCanvas(ROW, ROWS).getContext("2d", { willReadFrequently: true });
  if (reading === null || video.videoWidth === 0) return null;
  const side = SQUARE * video.videoWidth;
  // The middles of the squares only: their edges are blurred by the codec.
  reading.imageSmoothingEnabled = false;
  reading.drawImage(video, 0, 0, ROW * side, ROWS * side, 0, 0, ROW, ROWS);
  const { data } = reading.getImageData(0, 0, ROW, ROWS);
  return stampOf((bit) => data[bit * 4] ?? 0);
}

/** Used again and again: 5 MB/s of new ones had the whole page's garbage collected every few seconds, by the threads that
 * encode, and what is measured stood still for 0.2 s each time. */
const spare: Uint8Array[] = [];

/** The same without a canvas, which converts the whole picture's colours: that took the page's own thread 2 ms for each
 * picture, and what is measured had to wait for it. */
export async function readStampFrugally(video: HTMLVideoElement): Promise<number | null> {
  if (video.videoWidth === 0) return null;
  const frame = new VideoFrame(video);
  let bytes = spare.pop() ?? new Uint8Array(0);
  try {
    if (frame.format !== "I420" && frame.format !== "NV12") return readStamp(video); // not in the computer's memory
    const side = SQUARE * frame.codedWidth;
    const rect = { x: 0, y: 0, width: even(ROW * side), height: even(ROWS * side) };
    const size = frame.allocationSize({ rect });
    if (bytes.length < size) bytes = new Uint8Array(size);
    const [luma] = await frame.copyTo(bytes, { rect });
    if (luma === undefined) return null;
    return stampOf((bit) => {
      const row = Math.floor((Math.floor(bit / ROW) + 0.5) * side);
      return bytes[luma.offset + row * luma.stride + Math.floor(((bit % ROW) + 0.5) * side)] ?? 0;
    });
  } finally {
    frame.close();
    spare.push(bytes);
  }
}

function stampOf(brightness: (bit: number) => number): number | null {
  let stamp = 0;
  for (let bit = 0; bit < BITS; bit++) {
    const value = brightness(bit);
    if (value > BLACK && value < WHITE) return null;
    if (value >= WHITE) stamp |= 1 << bit;
  }
  return stamp;
}

function even(pixels: number): number {
  return 2 * Math.floor(pixels / 2);
}
