import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Climb, DECIDE_MS, decide, HEAD_START_MS, type Held } from "../src/transport/climb.js";
import type { RungName, Ticket } from "../src/transport/index.js";
import { baseUrlOf, type Candidate, candidates } from "../src/transport/page.js";
import {
  FIRST_WINDOW_BYTES,
  MAX_WINDOW_BYTES,
  MIN_WINDOW_BYTES,
  SendWindow,
  TARGET_MS,
} from "../src/transport/send-window.js";
import type { Connection } from "../src/transport/socketio.js";
import {
  type KernelChannel,
  MESSAGE_INTERVAL_MS,
  type TunnelError,
  TunnelSocket,
} from "../src/transport/tunnel.js";
import { type Frame, pack, unpack } from "../src/transport/tunnel-frames.js";

const RELAY: Ticket = { url: "http://127.0.0.1:8765", token: "t", explicit: false, tunnel: true };
const words = (found: Candidate[]) =>
  found.map((one) => `${one.rung} ${"address" in one ? one.address : one.code}`);

describe("the rungs that a page can stand on", () => {
  it.each([
    [
      "on one machine, the port first",
      RELAY,
      { href: "http://localhost:8888/lab/tree/a.ipynb", baseUrl: "/" },
      [
        "direct http://127.0.0.1:8765",
        "proxy http://localhost:8888/proxy/8765/",
        "tunnel http://127.0.0.1:8765",
      ],
    ],
    [
      "on a hub, with the prefix of a named server, and no look at the page's own machine",
      RELAY,
      { href: "https://hub.example/user/ada/class%201/lab", baseUrl: "/user/ada/class%201/" },
      [
        "proxy https://hub.example/user/ada/class%201/proxy/8765/",
        "direct other-machine",
        "tunnel http://127.0.0.1:8765",
      ],
    ],
    [
      "a relay that its network reaches",
      { ...RELAY, url: "http://10.0.0.7:8765" },
      { href: "http://lab.example:8888/lab", baseUrl: "/" },
      [
        "proxy http://lab.example:8888/proxy/8765/",
        "direct http://10.0.0.7:8765",
        "tunnel http://10.0.0.7:8765",
      ],
    ],
    [
      "an address that the user has named: no other",
      { ...RELAY, url: "https://relay.example/a/", explicit: true },
      { href: "https://hub.example/user/ada/lab", baseUrl: "/user/ada/" },
      ["url https://relay.example/a/", "tunnel https://relay.example/a/"],
    ],
    [
      "one that a page from https:// may not use",
      { ...RELAY, url: "http://relay.example", explicit: true },
      { href: "https://hub.example/user/ada/lab", baseUrl: "/user/ada/" },
      ["url mixed-content", "tunnel http://relay.example"],
    ],
    [
      "a webview of an editor, which has no server",
      RELAY,
      { href: "vscode-webview://1a2b/index.html", baseUrl: null },
      ["proxy no-server", "direct http://127.0.0.1:8765", "tunnel http://127.0.0.1:8765"],
    ],
    [
      "a page without a kernel",
      { ...RELAY, explicit: true, tunnel: false },
      { href: "http://127.0.0.1:8765/join", baseUrl: null },
      ["url http://127.0.0.1:8765"],
    ],
  ] as const)("%s", (_, ticket, page, expected) => {
    expect(words(candidates(ticket, page))).toEqual(expected);
  });

  it("the base URL is what the server's configuration says, and not guessed", () => {
    expect(baseUrlOf('{"baseUrl": "/user/ada/", "appUrl": "/lab"}')).toBe("/user/ada/");
    expect(baseUrlOf("{}")).toBeNull();
    expect(baseUrlOf("not JSON")).toBeNull();
    expect(baseUrlOf(null)).toBeNull();
  });
});

describe("which rung is taken", () => {
  it.each([
    [["trying", "waiting"], 0, "wait"],
    [["up", "waiting"], 0, 0],
    [["failed", "up"], 0, 1],
    [["trying", "up"], DECIDE_MS - 1, "wait"],
    [["trying", "up", "up"], DECIDE_MS, 1],
    [["trying", "failed"], DECIDE_MS, "wait"],
    [["failed", "failed"], 0, "none"],
    [[], 0, "none"],
  ] as const)("%j after %d ms: %s", (states, elapsed_ms, expected) => {
    expect(decide(states, elapsed_ms)).toBe(expected);
  });
});

describe("a climb", () => {
  const NAMES: RungName[] = ["proxy", "direct", "tunnel"];
  const connections = new Map<RungName, Connection & { closed: boolean }>();
  let say: Map<RungName, Parameters<ConstructorParameters<typeof Climb>[1]>[1]>;
  let begun: { rung: RungName; at_ms: number }[];
  let outcome: string[];

  const ALL: Candidate[] = NAMES.map((rung) => ({ rung, address: "http://x" }));

  function climb(steps: Candidate[] = ALL, held: Held | null = null): Climb {
    say = new Map();
    begun = [];
    outcome = [];
    const started_ms = performance.now();
    return new Climb(
      steps,
      ({ rung }, events) => {
        begun.push({ rung, at_ms: performance.now() - started_ms });
        say.set(rung, events);
        const connection = { closed: false } as Connection & { closed: boolean };
        connections.set(rung, connection);
        return {
          connection: () => connection,
          close: () => {
            connection.closed = true;
          },
        };
      },
      {
        onStand: (rung) => outcome.push(rung),
        onNone: () => outcome.push("none"),
        onRefused: (error) => outcome.push(error.code),
      },
      held,
    );
  }

  beforeEach(() => {
    vi.useFakeTimers();
    connections.clear();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("takes the first that carries, and leaves no other", async () => {
    climb();
    await vi.advanceTimersByTimeAsync(0);
    say.get("proxy")?.onUp();
    expect(outcome).toEqual(["proxy"]);
    await vi.advanceTimersByTimeAsync(10 * DECIDE_MS);
    expect(begun.map(({ rung }) => rung)).toEqual(["proxy"]);
    expect(connections.get("proxy")?.closed).toBe(false);
  });

  it("goes on at once where a rung fails, with a reason for each", async () => {
    const going = climb([
      { rung: "proxy", code: "no-server", message: "None." },
      { rung: "direct", address: "http://x" },
      { rung: "tunnel", address: "http://x" },
    ]);
    await vi.advanceTimersByTimeAsync(5);
    say.get("direct")?.onFailed("unreachable", "Nothing answers.");
    say.get("tunnel")?.onUp();
    expect(outcome).toEqual(["tunnel"]);
    expect(going.reasons).toEqual([
      { rung: "proxy", code: "no-server", message: "None.", took_ms: 0 },
      { rung: "direct", code: "unreachable", message: "Nothing answers.", took_ms: 5 },
    ]);
  });

  it("gives one that hangs a head start, and is on another within three seconds", async () => {
    const going = climb();
    await vi.advanceTimersByTimeAsync(2 * HEAD_START_MS);
    expect(begun.map(({ rung }) => rung)).toEqual(NAMES);
    say.get("direct")?.onUp();
    say.get("tunnel")?.onUp();
    expect(outcome).toEqual([]);
    await vi.advanceTimersByTimeAsync(DECIDE_MS - 2 * HEAD_START_MS);
    expect(outcome).toEqual(["direct"]);
    expect(connections.get("proxy")?.closed).toBe(true);
    expect(connections.get("tunnel")?.closed).toBe(true);
    expect(going.reasons.map(({ rung, code }) => `${rung} ${code}`)).toEqual(["proxy timeout"]);
  });

  it("a better one that comes up in time is preferred", async () => {
    climb();
    await vi.advanceTimersByTimeAsync(2 * HEAD_START_MS);
    say.get("tunnel")?.onUp();
    say.get("proxy")?.onUp();
    expect(outcome).toEqual(["proxy"]);
    expect(connections.get("tunnel")?.closed).toBe(true);
  });

  it("a no of the relay is one on every rung", async () => {
    climb();
    await vi.advanceTimersByTimeAsync(0);
    say.get("proxy")?.onRefused({ code: "bad-token", message: "No." });
    await vi.advanceTimersByTimeAsync(10 * DECIDE_MS);
    expect(outcome).toEqual(["bad-token"]);
    expect(begun.length).toBe(1);
  });

  it("after a loss it is true to the rungs that carried, for a while", async () => {
    climb(ALL, { from: 2, until_ms: 1500 });
    await vi.advanceTimersByTimeAsync(0);
    say.get("proxy")?.onFailed("unreachable", "No.");
    say.get("direct")?.onFailed("unreachable", "No.");
    expect(outcome).toEqual(["none"]);
    climb(ALL, { from: 2, until_ms: 1500 });
    await vi.advanceTimersByTimeAsync(1499);
    expect(begun.map(({ rung }) => rung)).toEqual(["proxy", "direct"]);
    await vi.advanceTimersByTimeAsync(1);
    say.get("tunnel")?.onUp();
    await vi.advanceTimersByTimeAsync(DECIDE_MS - 1500);
    expect(outcome).toEqual(["tunnel"]);
  });

  it("all fail", async () => {
    climb();
    await vi.advanceTimersByTimeAsync(0);
    for (const rung of NAMES) say.get(rung)?.onFailed("unreachable", "No.");
    expect(outcome).toEqual(["none"]);
  });
});

interface Vectors {
  messages: { frames: ({ text: string } | { bytes: string })[]; packed: string }[];
  broken: string[];
}
const vectors = JSON.parse(
  readFileSync(new URL("../../tests/vectors/tunnel.json", import.meta.url), "utf8"),
) as Vectors;
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const frameOf = (frame: { text: string } | { bytes: string }): Frame =>
  "text" in frame
    ? { text: true, bytes: new TextEncoder().encode(frame.text) }
    : { text: false, bytes: bytes(frame.bytes) };

describe("what a message of the tunnel carries", () => {
  it.each(vectors.messages)("$packed", ({ frames, packed }) => {
    expect(Buffer.from(pack(frames.map(frameOf))).toString("hex")).toBe(packed);
    expect(unpack(new DataView(bytes(packed).buffer))).toEqual(frames.map(frameOf));
  });

  it.each(vectors.broken)("%s is none", (packed) => {
    expect(() => unpack(new DataView(bytes(packed).buffer))).toThrow(RangeError);
  });
});

describe("the window", () => {
  /** Send until it is shut, and have all of it taken after so long. */
  function fill(window: SendWindow, now_ms: number, took_ms: number): void {
    let last = 0;
    while (window.open) last = window.sent(8_000, now_ms);
    window.acknowledged(last, now_ms + took_ms);
    expect(window.in_flight_bytes).toBe(0);
  }

  it("grows while it is used up and answers come fast, up to its bound", () => {
    const window = new SendWindow();
    fill(window, 0, 20);
    expect(window.limit_bytes).toBeGreaterThan(FIRST_WINDOW_BYTES);
    for (let now_ms = 100; now_ms < 10_000; now_ms += 100) fill(window, now_ms, 20);
    expect(window.limit_bytes).toBe(MAX_WINDOW_BYTES);
  });

  it("shrinks when they come late, once for all that was under way, down to its bound", () => {
    const window = new SendWindow();
    fill(window, 0, TARGET_MS + 1);
    expect(window.limit_bytes).toBeCloseTo(0.7 * FIRST_WINDOW_BYTES);
    for (let now_ms = 1000; now_ms < 20_000; now_ms += 1000) fill(window, now_ms, TARGET_MS + 1);
    expect(window.limit_bytes).toBe(MIN_WINDOW_BYTES);
  });

  it("stays as it is while little goes through it", () => {
    const window = new SendWindow();
    for (let now_ms = 0; now_ms < 5000; now_ms += 100)
      window.acknowledged(window.sent(500, now_ms), now_ms + 5);
    expect(window.limit_bytes).toBe(FIRST_WINDOW_BYTES);
  });
});

describe("a socket through the kernel", () => {
  let said: { word: Record<string, unknown>; buffers: ArrayBuffer[] }[];
  let hear: (word: object, buffers?: DataView[]) => void;
  let socket: TunnelSocket;
  let events: string[];

  beforeEach(() => {
    vi.useFakeTimers();
    said = [];
    events = [];
    const kernel: KernelChannel = {
      send: (content, buffers) => said.push({ word: content as Record<string, unknown>, buffers }),
      listen(heard) {
        hear = (word, buffers = []) =>
          heard({ kind: "tunnel", tunnel: said[0]?.word.tunnel, ...word }, buffers);
        return () => {
          hear = () => undefined;
        };
      },
    };
    socket = new TunnelSocket(kernel);
    socket.onopen = () => events.push("open");
    socket.onclose = ({ code }) => events.push(`close ${code}`);
    socket.onmessage = ({ data }) =>
      events.push(typeof data === "string" ? data : `bytes ${new Uint8Array(data).join()}`);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const ops = () => said.map(({ word }) => word.op);
  const data = (number: number, ...frames: Frame[]) =>
    hear({ op: "data", number }, [new DataView(pack(frames))]);
  const text = (words: string): Frame => ({ text: true, bytes: new TextEncoder().encode(words) });

  it("opens when the kernel says so", () => {
    expect(ops()).toEqual(["open"]);
    hear({ op: "open" });
    expect(events).toEqual(["open"]);
  });

  it("asks again until it opens, for a request may wait for a cell", async () => {
    await vi.advanceTimersByTimeAsync(300);
    expect(ops()).toEqual(["open", "open"]);
    hear({ op: "open" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ops()).toEqual(["open", "open"]);
    socket.close();
    const givenUp = new TunnelSocket({
      send: (word) => said.push({ word: { ...word }, buffers: [] }),
      listen: () => () => undefined,
    });
    givenUp.close();
    said = [];
    await vi.advanceTimersByTimeAsync(60_000);
    expect(said).toEqual([]);
  });

  it("sends what comes close together in one message, and tells what waits until it is taken", async () => {
    socket.send("one");
    socket.send(new Uint8Array([1, 2]).buffer);
    expect(socket.bufferedAmount).toBe(2 * 5 + 3 + 2);
    await vi.advanceTimersByTimeAsync(0);
    socket.send("two");
    await vi.advanceTimersByTimeAsync(MESSAGE_INTERVAL_MS);
    expect(ops()).toEqual(["open", "data", "data"]);
    expect(unpack(new DataView(said[1]?.buffers[0] as ArrayBuffer)).length).toBe(2);
    expect(socket.bufferedAmount).toBe(15 + 8);
    hear({ op: "ack", ack: 1 });
    expect(socket.bufferedAmount).toBe(8);
    hear({ op: "ack", ack: 2 });
    expect(socket.bufferedAmount).toBe(0);
  });

  it("sends no more than the window while nothing is taken, and goes on when it is", async () => {
    const piece = new Uint8Array(10_000).buffer;
    for (let i = 0; i < 30; i++) socket.send(piece);
    await vi.advanceTimersByTimeAsync(60_000);
    const sent = () => said.reduce((sum, { buffers }) => sum + (buffers[0]?.byteLength ?? 0), 0);
    expect(sent()).toBeLessThan(FIRST_WINDOW_BYTES + 64_000);
    expect(socket.bufferedAmount).toBe(30 * 10_005);
    for (let number = 1; number < 20; number++) {
      hear({ op: "ack", ack: number });
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(sent()).toBe(30 * 10_005);
    expect(socket.bufferedAmount).toBe(0);
  });

  it("hands on what it hears in order, and acknowledges it", async () => {
    data(1, text("a"), { text: false, bytes: new Uint8Array([7, 8]) });
    data(2, text("b"));
    expect(events).toEqual(["a", "bytes 7,8", "b"]);
    await vi.advanceTimersByTimeAsync(1000);
    const acks = said.filter(({ word }) => word.op === "ack").map(({ word }) => word.ack);
    expect(acks.at(-1)).toBe(2);
    data(3, text("c"));
    socket.send("d");
    await vi.advanceTimersByTimeAsync(1000);
    expect(said.findLast(({ word }) => word.op === "data")?.word.ack).toBe(3);
  });

  it("hears nothing that is for others", () => {
    hear({ op: "data", number: 1, tunnel: "another" }, [new DataView(pack([text("a")]))]);
    hear({ op: "open", kind: "ticket" });
    expect(events).toEqual([]);
  });

  it("ends when a message is missing, for nothing makes up for it", async () => {
    hear({ op: "open" });
    data(1, text("a"));
    data(3, text("c"));
    await vi.advanceTimersByTimeAsync(0);
    expect(events).toEqual(["open", "a", "close message-lost"]);
    expect(ops().at(-1)).toBe("close");
  });

  it("does not open when the kernel says so, in its words", async () => {
    socket.onerror = (error) => events.push(`error ${(error as TunnelError).code}`);
    hear({ op: "close", code: "no-relay", message: "The kernel has no relay now." });
    await vi.advanceTimersByTimeAsync(0);
    expect(events).toEqual(["error no-relay"]);
  });

  it("ends when the kernel says so, and says no more then", async () => {
    hear({ op: "open" });
    hear({ op: "close", code: "closed", message: "" });
    await vi.advanceTimersByTimeAsync(0);
    expect(events).toEqual(["open", "close closed"]);
    socket.close();
    expect(ops()).toEqual(["open"]);
  });
});
