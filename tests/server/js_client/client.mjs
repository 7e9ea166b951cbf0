// A stock socket.io-client, driven line by line: one JSON command on stdin, one JSON line out per event.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../../../js/package.json", import.meta.url));
const { io } = require("socket.io-client");

const [url, optionsText] = process.argv.slice(2);
const socket = io(url, { reconnection: false, ...JSON.parse(optionsText) });
const say = (record) => process.stdout.write(`${JSON.stringify(record)}\n`);
const shown = (value) =>
  value instanceof Uint8Array
    ? { bytes: value.byteLength, sha256: createHash("sha256").update(value).digest("hex") }
    : value;

socket.on("connect", () => say({ event: "connect", args: [] }));
socket.on("connect_error", (error) => say({ event: "connect_error", args: [error.message, error.data ?? null] }));
socket.on("disconnect", (reason) => say({ event: "disconnect", args: [reason] }));
socket.onAny((event, ...args) => say({ event, args: args.map(shown) }));
socket.io.on("open", () => {
  socket.io.engine.on("upgrade", (transport) => say({ event: "upgrade", args: [transport.name] }));
});

for await (const line of createInterface({ input: process.stdin })) {
  const { event, args, base64, ack } = JSON.parse(line);
  const all = base64 === undefined ? args : [...args, Buffer.from(base64, "base64")];
  if (ack) socket.emit(event, ...all, (answer) => say({ event: "ack", args: [answer] }));
  else socket.emit(event, ...all);
}
socket.close();
process.exit(0);
