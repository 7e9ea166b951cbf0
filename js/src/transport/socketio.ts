// The relay's address directly, as plain Socket.IO.
import { io, type Socket } from "socket.io-client";
import { PROTOCOL_VERSION, type WireError } from "../protocol.js";
import { socketIoAddress } from "./address.js";
import type { Ticket, Transport, TransportEvents } from "./index.js";

const REQUEST_TIMEOUT_MS = 5000;
const RECONNECT_FIRST_MS = 150;
const RECONNECT_MAX_MS = 1200;

/** What engine.io-client keeps of its queue; not in its types. */
interface Engine {
  /** Packets from when they are written until they are known to have gone. */
  writeBuffer: readonly { data?: string | ArrayBuffer | ArrayBufferView }[];
  /** How many of them are with the transport. */
  _prevBufferLen: number;
  transport?: { ws?: { bufferedAmount: number } };
}

/** `ticket` is asked at every attempt, so that a fresh one is used as soon as there is one. */
export function createSocketIoTransport(ticket: () => Ticket, events: TransportEvents): Transport {
  const { origin, path } = socketIoAddress(ticket().url);
  const socket: Socket = io(origin, {
    path,
    autoConnect: false,
    multiplex: false,
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    withCredentials: false,
    reconnectionDelay: RECONNECT_FIRST_MS,
    reconnectionDelayMax: RECONNECT_MAX_MS,
    timeout: REQUEST_TIMEOUT_MS,
    auth: (send) => send({ token: ticket().token, protocol: PROTOCOL_VERSION }),
  });
  let attempts = 0;

  socket.on("connect", () => {
    attempts = 0;
    events.onUp();
  });
  socket.on("disconnect", (reason) => {
    events.onDown();
    // The relay ended this connection on purpose: socket.io-client does not come back by itself then.
    if (reason === "io server disconnect") socket.connect();
  });
  socket.on("connect_error", (error: Error & { data?: Partial<WireError> }) => {
    if (socket.active) {
      attempts += 1;
      events.onUnreachable(attempts);
    } else {
      events.onRefused({ code: error.data?.code ?? "forbidden", message: error.message });
    }
  });
  socket.onAny((event: string, ...args: unknown[]) => events.onEvent(event, args));

  return {
    name: "direct",
    get up() {
      return socket.connected;
    },
    get waiting_bytes() {
      return waitingBytes(socket.io.engine);
    },
    connect() {
      socket.connect();
    },
    send(event, ...args) {
      if (socket.connected) socket.emit(event, ...args);
    },
    request(event, payload) {
      return socket
        .timeout(REQUEST_TIMEOUT_MS)
        .emitWithAck(event, ...(payload === undefined ? [] : [payload]));
    },
    close() {
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
