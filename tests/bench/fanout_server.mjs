// What the relay is compared with: a fan-out as anybody would write it with Node's socket.io.
// Prints its port. `join` and `media-chunk` are named and shaped as the relay's own.
import { createServer } from "node:http";
import { createRequire } from "node:module";

const { Server } = createRequire(new URL("../../js/package.json", import.meta.url))("socket.io");

const server = createServer();
const io = new Server(server, { maxHttpBufferSize: 4_000_000 });
io.on("connection", (socket) => {
  let room;
  socket.on("join", (request, acknowledge) => {
    room = request.room;
    socket.join(room);
    acknowledge({ ok: true });
  });
  socket.on("media-chunk", (header, data) => socket.to(room).emit("media-chunk", header, data));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
