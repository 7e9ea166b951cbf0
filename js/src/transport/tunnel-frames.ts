// What one message of the tunnel carries: WebSocket frames one after the other, each as its kind (0 text, 1 binary) in
// a byte, its length in four (big endian), and its bytes. The twin of pack and unpack in src/relay_widget/tunnel.py;
// tests/vectors/tunnel.json holds both to the same bytes. Pure.

export interface Frame {
  /** Its bytes are UTF-8. */
  text: boolean;
  bytes: Uint8Array<ArrayBuffer>;
}

const HEAD_BYTES = 5;
const TEXT = 0;
const BINARY = 1;

export function packedSize(frame: Frame): number {
  return HEAD_BYTES + frame.bytes.length;
}

export function pack(frames: readonly Frame[]): ArrayBuffer {
  const packed = new Uint8Array(frames.reduce((sum, frame) => sum + packedSize(frame), 0));
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const { text, bytes } of frames) {
    view.setUint8(at, text ? TEXT : BINARY);
    view.setUint32(at + 1, bytes.length);
    packed.set(bytes, at + HEAD_BYTES);
    at += HEAD_BYTES + bytes.length;
  }
  return packed.buffer;
}

/** Throws a RangeError for what is not whole frames. */
export function unpack(packed: DataView): Frame[] {
  const frames: Frame[] = [];
  let at = 0;
  while (at < packed.byteLength) {
    const kind = packed.getUint8(at);
    const length = packed.getUint32(at + 1);
    const from = packed.byteOffset + at + HEAD_BYTES;
    at += HEAD_BYTES + length;
    if (kind > BINARY || at > packed.byteLength) throw new RangeError("not whole frames");
    // A copy: whoever gets it keeps it, and the whole message would be kept with it.
    const bytes = new Uint8Array(packed.buffer.slice(from, from + length) as ArrayBuffer);
    frames.push({ text: kind === TEXT, bytes });
  }
  return frames;
}
