// Writes EBML (RFC 8794) elements.
import { concatenated } from "./bytes.js";

export function element(elementId: number, ...parts: Uint8Array[]): Uint8Array {
  const body = concatenated(parts);
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, 0x1000_0000 + body.byteLength);
  return concatenated([id(elementId), size, body]);
}

export function uint(elementId: number, value: number): Uint8Array {
  const body = new Uint8Array(4);
  new DataView(body.buffer).setUint32(0, value);
  return element(elementId, body);
}

export function float(elementId: number, value: number): Uint8Array {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setFloat64(0, value);
  return element(elementId, body);
}

export function text(elementId: number, value: string): Uint8Array {
  return element(elementId, new TextEncoder().encode(value));
}

/** An id carries its own length: its first byte is never zero. */
export function id(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes.subarray(Math.clz32(value) >> 3);
}
