// The session over the real transport against the real relay process.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { LeftReason, PeerInfo, RelayedHeader, TrackInfo, WireError } from "../src/protocol.js";
import { Session } from "../src/session.js";
import { createSocketIoTransport } from "../src/transport/socketio.js";

const python = new URL("../../.venv/bin/python", import.meta.url).pathname;
const runtimeFile = join(mkdtempSync(join(tmpdir(), "relay-")), "relay.json");
let relay: ChildProcess;
let url: string;
let secret: string;

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

async function startRelay(): Promise<void> {
  relay = spawn(python, ["-m", "relay_widget", "serve", "--runtime-file", runtimeFile], { stdio: "ignore" });
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

beforeAll(startRelay, 30_000);
afterAll(() => {
  relay.kill("SIGTERM");
});

/** A token as the kernel mints it. */
async function mint(lifetime_s = 60): Promise<string> {
  const code =
    "import sys; from relay_widget.tokens import mint; print(mint(sys.argv[1], role='peer', lifetime_s=int(sys.argv[2])))";
  return await new Promise((resolve, reject) => {
    const child = spawn(python, ["-c", code, secret, String(lifetime_s)]);
    let out = "";
    child.stdout.on("data", (data) => {
      out += data;
    });
    child.on("close", (status) =>
      status === 0 ? resolve(out.trim()) : reject(new Error(`mint: ${status}`)),
    );
  });
}

class Participant {
  joined = 0;
  reconnecting = 0;
  failed: WireError[] = [];
  errors: WireError[] = [];
  peers: readonly PeerInfo[] = [];
  gone: { peer: string; reason: LeftReason }[] = [];
  media: { header: RelayedHeader; bytes: Uint8Array }[] = [];
  readonly session = new Session(createSocketIoTransport, {
    onJoined: () => {
      this.joined += 1;
    },
    onReconnecting: () => {
      this.reconnecting += 1;
    },
    onFailed: (error) => this.failed.push(error),
    onUnreachable: () => {},
    onWireError: (error) => this.errors.push(error),
    onPeers: (peers) => {
      this.peers = peers;
    },
    onPeerGone: (peer, reason) => this.gone.push({ peer, reason }),
    onMedia: (header, bytes) => this.media.push({ header, bytes }),
  });

  constructor(readonly name: string) {}

  async join(room: string): Promise<this> {
    this.session.join({ room, name: this.name, plays: [] });
    this.session.offerTicket({ url, token: await mint() });
    await vi.waitFor(() => expect(this.joined).toBeGreaterThan(0), { timeout: 10_000 });
    return this;
  }

  send(epoch: number, group: number, object: number, type: "init" | "key" | "delta", text: string): void {
    const header = { track: "main", epoch, group, object, type, captured_ms: this.session.clock.now_ms() };
    this.session.sendMedia(header, new TextEncoder().encode(text));
  }
}

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

  test("a refusal is told and the call goes on", async () => {
    ada.session.publish({ ...TRACK, track: "not a track id" });
    await vi.waitFor(() => expect(ada.errors.map((error) => error.code)).toEqual(["bad-track"]));
    expect(ada.session.joined).toBe(true);
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
});

test("a wrong ticket fails with its code, and a good one then works", async () => {
  const ada = new Participant("Ada");
  ada.session.join({ room: "doors", name: "Ada", plays: [] });
  ada.session.offerTicket({ url, token: "nonsense" });
  await vi.waitFor(() => expect(ada.failed.map((error) => error.code)).toEqual(["bad-token"]));
  await ada.join("doors");
  await ada.session.leave();
});

test("an unusable name fails with its code", async () => {
  const nobody = new Participant("");
  nobody.session.join({ room: "doors", name: "", plays: [] });
  nobody.session.offerTicket({ url, token: await mint() });
  await vi.waitFor(() => expect(nobody.failed.map((error) => error.code)).toEqual(["bad-name"]));
});
