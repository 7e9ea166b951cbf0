// One connection to the relay over one address, as plain Socket.IO. It does not come back by itself: the ladder
// decides by which way next.
import { io, type Socket, type WebSocket as WebSocketTransport } from "socket.io-client";
import { PROTOCOL_VERSION, type WireError } from "../protocol.js";

export const REQUEST_TIMEOUT_MS = 5000;

export interface Way {
  /** Where the relay answers, or what stands for it: `https://host/prefix/`. */
  address: string;
  token: string;
  /** Packets go by this Engine.IO transport instead of the network's. */
  carrier?: typeof WebSocketTransport;
  /** Of the network's two, only this one. */
  only?: "websocket" | "polling";
}

export interface ConnectionEvents {
  onUp(): void;
  /** It was up, and is over. */
  onDown(): void;
  /** The relay answered, with a no. */
  onRefused(error: WireError): void;
  /** It never came up; `cause` is what the carrier said of it. */
  onFailed(message: string, cause: unknown): void;
  onEvent(event: string, args: unknown[]): void;
}

export interface Connection {
  readonly up: boolean;
  readonly waiting_bytes: number;
  send(event: string, args: unknown[]): void;
  request(event: string, payload?: unknown): Promise<unknown>;
  close(): void;
}

/** What engine.io-client keeps of its queue; not in its types. */
interface Engine {
  /** Packets from when they are written until they are known to have gone. */
  writeBuffer: readonly { data?: string | ArrayBuffer | ArrayBufferView }[];
  /** How many of them are with the transport. */
  _prevBufferLen: number;
  transport?: { ws?: { bufferedAmount: number } };
}

export function connectSocketIo(
  { address, token, carrier, only }: Way,
  events: ConnectionEvents,
): Connection {
  const { origin, pathname } = new URL(address);
  const socket: Socket = io(origin, {
    path: `${pathname.replace(/\/$/, "")}/socket.io/`,
    multiplex: false,
    reconnection: false,
    transports: carrier !== undefined ? [carrier] : only !== undefined ? [only] : ["websocket", "polling"],
    tryAllTransports: true,
    withCredentials: false,
    timeout: REQUEST_TIMEOUT_MS,
    auth: { token, protocol: PROTOCOL_VERSION },
  });
  let over = false;
  /** The last word of this connection. */
  const end = (say: () => void) => {
    if (over) return;
    over = true;
    socket.close();
    say();
  };
  socket.on("connect", () => {
    if (!over) events.onUp();
  });
  socket.on("disconnect", () => end(() => events.onDown()));
  socket.on("connect_error", (error: Error & { data?: Partial<WireError>; description?: unknown }) => {
    if (socket.active) end(() => events.onFailed(error.message, error.description));
    else end(() => events.onRefused({ code: error.data?.code ?? "forbidden", message: error.message }));
  });
  socket.onAny((event: string, ...args: unknown[]) => {
    if (!over) events.onEvent(event, args);
  });

  return {
    get up() {
      return !over && socket.connected;
    },
    get waiting_bytes() {
      return waitingBytes(socket.io.engine);
    },
    send(event, args) {
      if (socket.connected) socket.emit(event, ...args);
    },
    request(event, payload) {
      return socket
        .timeout(REQUEST_TIMEOUT_MS)
        .emitWithAck(event, ...(payload === undefined ? [] : [payload]));
    },
    close() {
      over = true;
      socket.close();
    },
  };
}

/** Over a WebSocket the browser has all but what was written in this task; over polling nothing is the browser's
 * before the request that carries it has been answered. */
function waitingBytes(engine: unknown): number {
  if (engine === undefined) return 0;
  const { writeBuffer, _prevBufferLen: given, transport } = engine as Engine;
  const ws = transport?.ws;
  let bytes = ws?.bufferedAmount ?? 0;
  for (let index = ws === undefined ? 0 : given; index < writeBuffer.length; index++) {
    const data = writeBuffer[index]?.data;
    bytes += typeof data === "string" ? data.length : (data?.byteLength ?? 0);
  }
  return bytes;
}
