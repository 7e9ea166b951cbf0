// The session over the real transport against the real relay process.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer, connect as open, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type {
  GroupsDropped,
  LeftReason,
  ListenerInfo,
  ObjectType,
  PeerInfo,
  RelayedHeader,
  TrackInfo,
  TrackLag,
  TrackMuted,
  WireError,
} from "../src/protocol.js";
import { Session } from "../src/session.js";
import type { Transport } from "../src/transport/index.js";
import { ladder } from "../src/transport/ladder.js";
import { MAX_VIDEO_WAIT_MS } from "../src/uplink.js";

const python = new URL("../../.venv/bin/python", import.meta.url).pathname;
const runtimeFile = join(mkdtempSync(join(tmpdir(), "relay-")), "relay.json");
let relay: ChildProcess;
let url: string;
let secret = "";

const TRACK: TrackInfo = {
  track: "main",
  mimeType: 'video/webm;codecs="vp8,opus"',
  packaging: "webm",
  source: "pattern",
  audio: true,
  video: true,
  muted: false,
  timeslice_ms: 40,
};

async function startRelay(...more: string[]): Promise<void> {
  // It would wait a minute for pages that do not go by themselves.
  const serve = ["-m", "relay_widget", "serve", "--runtime-file", runtimeFile, "--grace", "60", ...more];
  const env = { ...process.env, ...(secret && { RELAY_WIDGET_SECRET: secret }) };
  relay = spawn(python, serve, { stdio: "ignore", env });
  await vi.waitFor(
    () => {
      const record = JSON.parse(readFileSync(runtimeFile, "utf8")) as {
        pid: number;
        url: string;
        secret: string;
      };
      expect(record.pid).toBe(relay.pid);
      ({ url, secret } = record);
    },
    { timeout: 20_000 },
  );
}

beforeAll(() => startRelay(), 30_000);
afterAll(() => {
  relay.kill("SIGKILL");
});

/** A token as the kernel mints it. */
async function mint(role: "peer" | "monitor" = "peer", lifetime_s = 600): Promise<string> {
  const code =
    "import sys; from relay_widget.tokens import mint; print(mint(sys.argv[1], role=sys.argv[2], lifetime_s=float(sys.argv[3]), administers=('*',)))";
  return await new Promise((resolve, reject) => {
    const child = spawn(python, ["-c", code, secret, role, String(lifetime_s)]);
    let out = "";
    child.stdout.on("data", (data) => {
      out += data;
    });
    child.on("close", (status) =>
      status === 0 ? resolve(out.trim()) : reject(new Error(`mint: ${status}`)),
    );
  });
}

const transports = ladder({ page: { href: "http://localhost:8888/lab", baseUrl: null } });

/** What the kernel does with `call.impair`, `call.mute` and so on. */
async function administer(act: string, payload: object): Promise<void> {
  const token = await mint("monitor");
  await new Promise<void>((resolve, reject) => {
    const transport: Transport = transports(() => ({ url, token, explicit: true, tunnel: false }), {
      onUp: async () => {
        const ack = (await transport.request(act, payload)) as { ok: boolean };
        transport.close();
        if (ack.ok) resolve();
        else reject(new Error(JSON.stringify(ack)));
      },
      onDown: () => undefined,
      onRefused: reject,
      onUnreachable: reject,
      onEvent: () => undefined,
    });
    transport.connect();
  });
}

/** A client that listens, as one in Python does; and how to end it. */
async function listen(room: string, listener: object): Promise<() => void> {
  const token = await mint();
  return await new Promise((resolve, reject) => {
    const transport: Transport = transports(() => ({ url, token, explicit: true, tunnel: false }), {
      onUp: async () => {
        await transport.request("join", { room, name: "Rita", listener });
        resolve(() => transport.close());
      },
      onDown: () => undefined,
      onRefused: reject,
      onUnreachable: reject,
      onEvent: () => undefined,
    });
    transport.connect();
  });
}

/** A way to the relay on which so much passes upwards. */
class SlowWay {
  kbps = Number.POSITIVE_INFINITY;
  #sockets = new Set<Socket>();
  readonly #server = createServer({ pauseOnConnect: true }, (page) => {
    const relayPort = Number(new URL(url).port);
    const relaySide = open(relayPort, "127.0.0.1");
    for (const socket of [page, relaySide]) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        page.destroy();
        relaySide.destroy();
      });
    }
    relaySide.pipe(page);
    page.on("data", (piece) => {
      relaySide.write(piece);
      page.pause();
      setTimeout(() => page.resume(), (piece.byteLength * 8) / this.kbps);
    });
    page.resume();
  });

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

class Participant {
  joined = 0;
  reconnecting = 0;
  failed: WireError[] = [];
  errors: WireError[] = [];
  peers: readonly PeerInfo[] = [];
  gone: { peer: string; reason: LeftReason }[] = [];
  listeners: readonly ListenerInfo[] = [];
  named: string[] = [];
  media: { header: RelayedHeader; bytes: Uint8Array }[] = [];
  lags: TrackLag[] = [];
  expiring = 0;
  muted: TrackMuted[] = [];
  dropped: GroupsDropped[] = [];
  readonly session = new Session(transports, {
    onJoined: () => {
      this.joined += 1;
    },
    onReconnecting: () => {
      this.reconnecting += 1;
    },
    onFailed: (error) => this.failed.push(error),
    onUnreachable: () => {},
    onExpiring: () => {
      this.expiring += 1;
    },
    onMuted: (muted) => this.muted.push(muted),
    onWireError: (error) => this.errors.push(error),
    onPeers: (peers) => {
      this.peers = peers;
    },
    onPeerGone: (peer, reason) => this.gone.push({ peer, reason }),
    onListeners: (listeners) => {
      this.listeners = listeners;
    },
    onNamed: (name) => this.named.push(name),
    onMedia: (header, bytes) => this.media.push({ header, bytes }),
    onTrackLag: (lag) => this.lags.push(lag),
    onGroupsDropped: (dropped) => this.dropped.push(dropped),
  });

  constructor(readonly name: string) {}

  async join(room: string, way = url, lifetime_s?: number, numbered = false): Promise<this> {
    this.session.join({ room, name: this.name, plays: [], numbered });
    this.session.offerTicket({
      url: way,
      token: await mint("peer", lifetime_s),
      explicit: true,
      tunnel: false,
    });
    await vi.waitFor(() => expect(this.joined).toBeGreaterThan(0), { timeout: 10_000 });
    return this;
  }

  send(epoch: number, group: number, object: number, type: ObjectType, media: string | Uint8Array): void {
    const header = { track: "main", epoch, group, object, type, captured_ms: this.session.clock.now_ms() };
    const bytes = typeof media === "string" ? new TextEncoder().encode(media) : media;
    this.session.sendMedia(header, bytes);
  }

  /** Send something like a camera's second after second, until told to stop. */
  film(kbps: number): () => void {
    const bytes = new Uint8Array((kbps * 1000) / 8 / PICTURES_PER_S);
    this.send(1, 0, 0, "init", "header");
    let picture = 0;
    const timer = setInterval(() => {
      const [group, object] = [Math.floor(picture / PICTURES_PER_S), picture % PICTURES_PER_S];
      this.send(1, group + 1, object, object === 0 ? "key" : "delta", bytes);
      picture += 1;
    }, 1000 / PICTURES_PER_S);
    return () => clearInterval(timer);
  }
}

const PICTURES_PER_S = 25;

const texts = (participant: Participant) =>
  participant.media.map(({ header, bytes }) => `${header.type} ${new TextDecoder().decode(bytes)}`);

describe("two participants", () => {
  let ada: Participant;
  let grace: Participant;
  let room = 0;

  beforeEach(async () => {
    room += 1;
    ada = await new Participant("Ada").join(`room-${room}`);
    grace = await new Participant("Grace").join(`room-${room}`);
    return async () => {
      await ada.session.leave();
      await grace.session.leave();
    };
  }, 30_000);

  test("see each other, and what is published arrives unchanged and in order", async () => {
    await vi.waitFor(() => expect(ada.peers.map((peer) => peer.name)).toEqual(["Grace"]));
    expect(grace.peers.map((peer) => peer.name)).toEqual(["Ada"]);
    ada.session.publish(TRACK);
    ada.send(1, 0, 0, "init", "header");
    ada.send(1, 1, 0, "key", "one");
    ada.send(1, 1, 1, "delta", "two");
    await vi.waitFor(() => expect(texts(grace)).toEqual(["init header", "key one", "delta two"]));
    expect(grace.peers[0]?.tracks[0]).toEqual(TRACK);
    expect(grace.media[0]?.header.from).toBe(ada.session.peer);
    expect(ada.errors).toEqual([]);
  });

  test("a late joiner gets init and the current group", async () => {
    ada.session.publish(TRACK);
    ada.send(1, 0, 0, "init", "header");
    ada.send(1, 1, 0, "key", "old");
    ada.send(1, 2, 0, "key", "new");
    ada.send(1, 2, 1, "delta", "newer");
    await vi.waitFor(() => expect(grace.media).toHaveLength(4));
    const late = await new Participant("Katherine").join(`room-${room}`);
    await vi.waitFor(() => expect(texts(late)).toEqual(["init header", "key new", "delta newer"]));
    await late.session.leave();
  });

  test("who listens is told to those who are there and to those who come later, and is no peer", async () => {
    const end = await listen(`room-${room}`, { does: "records" });
    const records = [expect.objectContaining({ name: "Rita", does: "records", of: null })];
    await vi.waitFor(() => expect(ada.listeners).toEqual(records));
    const late = await new Participant("Katherine").join(`room-${room}`);
    expect(late.listeners).toEqual(records);
    expect(late.peers.map((peer) => peer.name)).toEqual(["Ada", "Grace"]);
    end();
    await vi.waitFor(() => expect(late.listeners).toEqual([]));
    ada.session.join({ room: `elsewhere-${room}`, name: "Ada", plays: [] });
    await vi.waitFor(() => expect(ada.joined).toBe(2));
    expect(ada.listeners).toEqual([]);
    await late.session.leave();
  });

  test("a name that nobody chose gets its number from the relay, and keeps it", async () => {
    const second = await new Participant("Ada").join(`room-${room}`, url, undefined, true);
    expect(second.named).toEqual(["Ada 2"]);
    await vi.waitFor(() => expect(grace.peers.map((peer) => peer.name)).toEqual(["Ada", "Ada 2"]));
    second.session.rename("Ada 2"); // as the trait follows
    second.session.rename("Countess");
    await vi.waitFor(() => expect(grace.peers.map((peer) => peer.name)).toEqual(["Ada", "Countess"]));
    await second.session.leave();
  });

  test("a new name, a mute and an unpublish are told", async () => {
    ada.session.publish(TRACK);
    ada.session.publish({ ...TRACK, muted: true });
    ada.session.rename("Ada L.");
    await vi.waitFor(() => expect(grace.peers[0]?.tracks[0]?.muted).toBe(true));
    await vi.waitFor(() => expect(grace.peers[0]?.name).toBe("Ada L."));
    ada.session.unpublish("main");
    await vi.waitFor(() => expect(grace.peers[0]?.tracks).toEqual([]));
  });

  test("moving to another room leaves this one", async () => {
    ada.session.join({ room: `other-${room}`, name: "Ada", plays: [] });
    await vi.waitFor(() => expect(grace.gone).toEqual([{ peer: expect.any(String), reason: "left" }]));
    await vi.waitFor(() => expect(ada.joined).toBe(2));
    expect(ada.peers).toEqual([]);
  });

  test("rooms and names changed faster than the relay answers: the last ones hold", async () => {
    for (const [place, name] of [
      [`b-${room}`, "B"],
      [`c-${room}`, "C"],
      [`d-${room}`, "D"],
    ] as const) {
      ada.session.join({ room: place, name: "Ada", plays: [] });
      ada.session.rename(name);
    }
    grace.session.join({ room: `d-${room}`, name: "Grace", plays: [] });
    await vi.waitFor(() => expect(grace.peers.map((peer) => peer.name)).toEqual(["D"]), { timeout: 10_000 });
    expect(ada.failed).toEqual([]);
  }, 20_000);

  test("leaving and joining again at once", async () => {
    const left = ada.session.leave();
    await ada.join(`room-${room}`);
    await left;
    await vi.waitFor(() => expect(ada.joined).toBe(2));
    await vi.waitFor(() => expect(grace.peers.map((peer) => peer.name)).toEqual(["Ada"]));
    expect(ada.session.joined).toBe(true);
    expect(ada.reconnecting).toBe(0);
  }, 20_000);

  test("the relay's clock is close to ours on one machine", async () => {
    await vi.waitFor(() => expect(ada.session.clock.error_ms).toBeLessThan(1000));
    expect(Math.abs(ada.session.clock.now_ms() - Date.now())).toBeLessThan(1000);
  });

  test("what is sent says when", async () => {
    ada.session.publish(TRACK);
    const before_ms = ada.session.clock.now_ms();
    ada.send(1, 0, 0, "init", "header");
    await vi.waitFor(() => expect(grace.media).toHaveLength(1));
    const { sent_ms = 0, relayed_ms = 0 } = grace.media[0]?.header ?? {};
    expect(sent_ms).toBeGreaterThanOrEqual(before_ms);
    expect(relayed_ms - sent_ms).toBeLessThan(1000);
  });

  test("who does not get all is told, and so is who sends it", async () => {
    ada.session.publish(TRACK);
    await administer("impair", { room: `room-${room}`, peer: grace.session.peer, rate_kbps: 200 });
    const stop = ada.film(1500);
    await vi.waitFor(
      () => expect(ada.lags.at(-1)).toEqual({ track: "main", subscribers: 1, lagging: 1 }),
      15_000,
    );
    await vi.waitFor(() => expect(grace.dropped.at(-1)?.dropped_groups).toBeGreaterThan(0), 15_000);
    expect(grace.dropped.at(-1)).toMatchObject({ from: ada.session.peer, track: "main" });
    await administer("impair", { room: `room-${room}`, peer: grace.session.peer, rate_kbps: 0 });
    await vi.waitFor(() => expect(ada.lags.at(-1)?.lagging).toBe(0), 15_000);
    expect(ada.session.uplink.skipping).toBe(false); // its own way is good
    stop();
  }, 60_000);

  test("a slow way to the relay is seen, although the page's own buffers are empty, and video gives way", async () => {
    const way = new SlowWay();
    const slow = await new Participant("Katherine").join(`room-${room}`, await way.open());
    slow.session.publish(TRACK);
    const stop = slow.film(2000);
    await vi.waitFor(() => expect(grace.media.length).toBeGreaterThan(20));
    expect(slow.session.uplink.skipping).toBe(false);
    way.kbps = 300;
    await vi.waitFor(() => expect(slow.session.uplink.wait_ms).toBeGreaterThan(MAX_VIDEO_WAIT_MS), 15_000);
    await vi.waitFor(() => expect(slow.session.uplink.skipping).toBe(true), 15_000);
    way.kbps = Number.POSITIVE_INFINITY;
    await vi.waitFor(() => expect(slow.session.uplink.skipping).toBe(false), 15_000);
    expect(slow.session.uplink.dropped_groups).toBeGreaterThan(0);
    const { group } = grace.media.at(-1)?.header ?? { group: 0 };
    await vi.waitFor(() => expect(grace.media.at(-1)?.header.group).toBeGreaterThan(group + 1), 15_000);
    expect(slow.errors).toEqual([]); // whole groups only: the relay found none with a hole
    stop();
    await slow.session.leave();
    way.close();
  }, 60_000);

  test("a refusal is told and the call goes on", async () => {
    ada.session.publish({ ...TRACK, track: "not a track id" });
    await vi.waitFor(() => expect(ada.errors.map((error) => error.code)).toEqual(["bad-track"]));
    expect(ada.session.joined).toBe(true);
  });

  test("a muted track is gone for the others and comes back; its publisher is told", async () => {
    const act = { room: `room-${room}`, peer: ada.session.peer, track: "main" };
    ada.session.publish(TRACK);
    ada.send(1, 0, 0, "init", "header");
    ada.send(1, 1, 0, "key", "heard");
    await vi.waitFor(() => expect(texts(grace)).toEqual(["init header", "key heard"]));
    await administer("mute", act);
    await vi.waitFor(() => expect(ada.muted).toEqual([{ track: "main", muted: true }]));
    await vi.waitFor(() => expect(grace.peers[0]?.tracks).toEqual([]));
    ada.send(1, 2, 0, "key", "unheard");
    await administer("mute", { ...act, muted: false });
    await vi.waitFor(() => expect(ada.muted.at(-1)).toEqual({ track: "main", muted: false }));
    ada.send(1, 3, 0, "key", "heard again");
    await vi.waitFor(() =>
      expect(texts(grace)).toEqual(["init header", "key heard", "init header", "key heard again"]),
    );
    expect(grace.peers[0]?.tracks).toEqual([TRACK]);
  });

  test("who is removed is told, and does not come back by itself", async () => {
    await administer("remove", { room: `room-${room}`, peer: ada.session.peer });
    await vi.waitFor(() => expect(ada.failed.map((error) => error.code)).toEqual(["removed"]));
    await vi.waitFor(() => expect(grace.gone).toEqual([{ peer: expect.any(String), reason: "removed" }]));
    await administer("lock", { room: `room-${room}` });
    const late = new Participant("Katherine");
    late.session.join({ room: `room-${room}`, name: "Katherine", plays: [] });
    late.session.offerTicket({ url, token: await mint(), explicit: true, tunnel: false });
    await vi.waitFor(() => expect(late.failed.map((error) => error.code)).toEqual(["room-locked"]));
    expect([ada.joined, ada.reconnecting, grace.joined]).toEqual([1, 0, 1]);
    expect(grace.peers).toEqual([]);
  });

  test("a call that is ended is over for everybody", async () => {
    await administer("end", { room: `room-${room}` });
    for (const one of [ada, grace]) {
      await vi.waitFor(() => expect(one.failed.map((error) => error.code)).toEqual(["room-ended"]));
      expect([one.joined, one.reconnecting]).toEqual([1, 0]);
    }
  });

  test("a killed relay: both come back under their own ids, and say their tracks again", async () => {
    const id = ada.session.peer;
    ada.session.publish(TRACK);
    await vi.waitFor(() => expect(grace.peers[0]?.tracks).toHaveLength(1));
    relay.kill("SIGKILL");
    await vi.waitFor(() => expect([ada.reconnecting, grace.reconnecting]).toEqual([1, 1]));
    await startRelay();
    await vi.waitFor(() => expect([ada.joined, grace.joined]).toEqual([2, 2]), { timeout: 15_000 });
    expect(ada.session.peer).toBe(id);
    await vi.waitFor(() =>
      expect(grace.peers.map((peer) => [peer.id, peer.tracks.length])).toEqual([[id, 1]]),
    );
  }, 40_000);

  test("a relay that ends is left before it has, and the next one at its address is found", async () => {
    const ended = new Promise((resolve) => relay.once("exit", resolve));
    const id = ada.session.peer;
    ada.session.publish(TRACK);
    await vi.waitFor(() => expect(grace.peers[0]?.tracks).toHaveLength(1));
    relay.kill("SIGTERM");
    await vi.waitFor(() => expect([ada.reconnecting, grace.reconnecting]).toEqual([1, 1]), {
      timeout: 10_000,
    });
    expect(await ended).toBe(0);
    await startRelay("--port", new URL(url).port);
    await vi.waitFor(() => expect([ada.joined, grace.joined]).toEqual([2, 2]), { timeout: 15_000 });
    expect(ada.session.peer).toBe(id);
    await vi.waitFor(() =>
      expect(grace.peers.map((peer) => [peer.id, peer.tracks.length])).toEqual([[id, 1]]),
    );
    expect([ada.failed, grace.failed]).toEqual([[], []]);
  }, 40_000);

  async function startElsewhere(): Promise<void> {
    const taken = createServer().listen(Number(new URL(url).port), "127.0.0.1");
    await startRelay();
    taken.close();
  }

  test("a relay that is started again at another port, with its secret: nobody comes back as somebody new", async () => {
    const [before, id] = [url, ada.session.peer];
    relay.kill("SIGKILL");
    await vi.waitFor(() => expect([ada.reconnecting, grace.reconnecting]).toEqual([1, 1]));
    await startElsewhere();
    expect(url).not.toBe(before);
    for (const one of [ada, grace])
      one.session.offerTicket({ url, token: await mint(), explicit: true, tunnel: false });
    await vi.waitFor(() => expect([ada.joined, grace.joined]).toEqual([2, 2]), { timeout: 15_000 });
    expect(ada.session.peer).toBe(id);
    await vi.waitFor(() => expect(grace.peers.map((peer) => peer.id)).toEqual([id]));
  }, 40_000);

  test("a relay at another port with another secret: a new participant, and no error", async () => {
    const id = ada.session.peer;
    relay.kill("SIGKILL");
    await vi.waitFor(() => expect(ada.reconnecting).toBe(1));
    secret = `another-${secret}`;
    await startElsewhere();
    ada.session.offerTicket({ url, token: await mint(), explicit: true, tunnel: false });
    await vi.waitFor(() => expect(ada.joined).toBe(2), { timeout: 15_000 });
    expect(ada.session.peer).not.toBe(id);
    expect([ada.failed, ada.errors]).toEqual([[], []]);
  }, 40_000);
});

test("a wrong ticket fails with its code, and a good one then works", async () => {
  const ada = new Participant("Ada");
  ada.session.join({ room: "doors", name: "Ada", plays: [] });
  ada.session.offerTicket({ url, token: "nonsense", explicit: true, tunnel: false });
  await vi.waitFor(() => expect(ada.failed.map((error) => error.code)).toEqual(["bad-token"]));
  await ada.join("doors");
  await ada.session.leave();
});

test("who is given a fresh ticket in time stays, who is not is told why", async () => {
  const ada = await new Participant("Ada").join("long", url, 6);
  const grace = await new Participant("Grace").join("long", url, 6);
  await vi.waitFor(() => expect(ada.expiring).toBeGreaterThan(0), 10_000);
  ada.session.offerTicket({ url, token: await mint(), explicit: true, tunnel: false });
  await vi.waitFor(() => expect(grace.failed.map((error) => error.code)).toEqual(["expired-token"]), 10_000);
  await vi.waitFor(() => expect(ada.gone).toEqual([{ peer: expect.any(String), reason: "expired" }]));
  const late = await new Participant("Katherine").join("long");
  expect(late.peers.map((peer) => peer.name)).toEqual(["Ada"]);
  await new Promise((resolve) => setTimeout(resolve, 2000)); // its first ticket's end, if it had come later
  expect([ada.joined, ada.reconnecting, ada.failed, ada.errors]).toEqual([1, 0, [], []]);
  await ada.session.leave();
  await late.session.leave();
}, 40_000);

test("an unusable name fails with its code", async () => {
  const nobody = new Participant("");
  nobody.session.join({ room: "doors", name: "", plays: [] });
  nobody.session.offerTicket({ url, token: await mint(), explicit: true, tunnel: false });
  await vi.waitFor(() => expect(nobody.failed.map((error) => error.code)).toEqual(["bad-name"]));
});
