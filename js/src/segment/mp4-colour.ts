// Says in an MP4's init segment how numbers stand for colours, where it does not say so itself.
import { concatenated } from "./bytes.js";

interface Box {
  type: string;
  start: number;
  end: number;
}

/** Where the descriptions of what is in a track are. */
const PATH = ["moov", "trak", "mdia", "minf", "stbl", "stsd"] as const;
const HEADER_BYTES = 8;
/** version, flags and the number of entries (ISO/IEC 14496-12, 8.5.2) */
const STSD_BYTES = HEADER_BYTES + 8;
/** VisualSampleEntry (ISO/IEC 14496-12, 12.1.3): what stands before its boxes. */
const ENTRY_BYTES = HEADER_BYTES + 78;
const PICTURES = new Set(["avc1", "avc3", "hvc1", "hev1", "vp08", "vp09", "av01"]);
/** BT.601 in video range, as WebM's in colour.ts: primaries, transfer, matrix, range (ISO/IEC 14496-12, 12.1.5). */
const BT601 = Uint8Array.of(0, 0, 0, 19, ...ascii("colrnclx"), 0, 1, 0, 1, 0, 6, 0);

export function isMp4(init: Uint8Array): boolean {
  return typeOf(init, 0) === "ftyp";
}

/** The init segment with a colour description, if it has pictures without one. */
export function mp4WithColour(init: Uint8Array): Uint8Array {
  const found = uncoloured(init, 0, init.byteLength, PATH);
  const entry = found?.at(-1);
  if (found === null || entry === undefined) return init;
  const said = concatenated([init.subarray(0, entry.end), BT601, init.subarray(entry.end)]);
  const view = new DataView(said.buffer, said.byteOffset);
  for (const { start, end } of found) view.setUint32(start, end - start + BT601.byteLength);
  return said;
}

/** The first entry of pictures without a colour description, after the boxes around it. */
function uncoloured(init: Uint8Array, from: number, to: number, path: readonly string[]): Box[] | null {
  const [wanted, ...inside] = path;
  for (const box of boxes(init, from, to) ?? []) {
    if (wanted === undefined) {
      const described = PICTURES.has(box.type) ? boxes(init, box.start + ENTRY_BYTES, box.end) : null;
      if (described?.every(({ type }) => type !== "colr")) return [box];
    } else if (box.type === wanted) {
      const found = uncoloured(
        init,
        box.start + (wanted === "stsd" ? STSD_BYTES : HEADER_BYTES),
        box.end,
        inside,
      );
      if (found !== null) return [box, ...found];
    }
  }
  return null;
}

/** What lies there; null if it is broken, or of a kind that no recorder writes in an init segment (64-bit sizes). */
function boxes(init: Uint8Array, from: number, to: number): Box[] | null {
  const view = new DataView(init.buffer, init.byteOffset, init.byteLength);
  const found: Box[] = [];
  for (let start = from; start !== to; ) {
    if (start + HEADER_BYTES > to) return null;
    const end = start + view.getUint32(start);
    if (end < start + HEADER_BYTES || end > to) return null;
    found.push({ type: typeOf(init, start), start, end });
    start = end;
  }
  return found;
}

function typeOf(init: Uint8Array, start: number): string {
  return String.fromCharCode(...init.subarray(start + 4, start + HEADER_BYTES));
}

function ascii(text: string): number[] {
  return [...text].map((letter) => letter.charCodeAt(0));
}
