// The relay's port directly, as plain Socket.IO.
import { io, type Socket } from "socket.io-client";
import { PROTOCOL_VERSION, type WireError } from "../protocol.js";
import type { Ticket, Transport, TransportEvents } from "./index.js";

const REQUEST_TIMEOUT_MS = 5000;
const RECONNECT_FIRST_MS = 150;
const RECONNECT_MAX_MS = 1200;

/** `ticket` is asked at every attempt, so that a fresh one is used as soon as there is one. */
export function createSocketIoTransport(ticket: () => Ticket, events: TransportEvents): Transport {
  const socket: Socket = io(ticket().url, {
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
      // engine.io-client hands everything to the WebSocket at once, so this is the whole queue.
      const transport = socket.io.engine?.transport as { ws?: { bufferedAmount?: number } } | undefined;
      return transport?.ws?.bufferedAmount ?? 0;
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
