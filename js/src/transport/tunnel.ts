// A WebSocket by way of the kernel: Engine.IO's packets as messages of the widget's model, for where nothing else
// comes through.
import { WebSocket as WebSocketTransport } from "socket.io-client";

/** The messages of one widget's model, both ways. */
export interface KernelChannel {
  send(content: object, buffers: ArrayBuffer[]): void;
  /** Returns what ends it. */
  listen(heard: (content: unknown, buffers: readonly DataView[]) => void): () => void;
}

export function tunnelCarrier(_kernel: KernelChannel): typeof WebSocketTransport {
  return WebSocketTransport;
}
