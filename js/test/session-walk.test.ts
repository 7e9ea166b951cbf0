// The session against a relay that answers late, never or with a no, over a network that breaks: whatever the order of
// wishes and answers, it ends where the last wish says.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Machine } from "../src/machine.js";
import { EVENT, type TrackInfo, type WireError } from "../src/protocol.js";
import { Session } from "../src/session.js";
import { SESSION } from "../src/session-states.js";
import { Random, walkSeeds } from "./fake/random.js";
import { FakeRelay, type FakeTransport } from "./fake/relay.js";

const STEPS = 400;
const URLS = ["http://a.example/", "http://b.example/"] as const;
const ROOMS = ["lab", "attic", "yard"];
const NAMES = ["Ada", "Grace"];
const TRACKS: TrackInfo[] = ["video", "audio"].map((track) => ({
  track,
  mimeType: "video/webm",
  packaging: "webm",
  source: "pattern",
  audio: track === "audio",
  video: track === "video",
  muted: false,
  timeslice_ms: 40,
}));

/** What the user of a session wants, and what the session says. */
class World {
  readonly relay = new FakeRelay();
  wanted: { room: string; name: string } | null = null;
  readonly tracks = new Map<string, TrackInfo>();
  failed: WireError[] = [];
  joined = 0;
  expiring = 0;
  peers: string[] = [];
  readonly log: string[] = [];
  #tokens = 0;
  /** The last one, unless it was refused. */
  #ticket: string | null = null;
  readonly session = new Session(this.relay.transport, {
    onJoined: () => {
      this.joined += 1;
    },
    onReconnecting: () => undefined,
    onFailed: (error) => {
      this.failed.push(error);
      this.wanted = this.#ticket = null;
    },
    onUnreachable: () => undefined,
    onWireError: () => undefined,
    onPeers: (peers) => {
      this.peers = peers.map(({ id }) => id);
    },
    onPeerGone: () => undefined,
    onListeners: () => undefined,
    onNamed: () => undefined,
    onMedia: () => undefined,
    // The kernel may be busy; "ticket" is its answer.
    onExpiring: () => {
      this.expiring += 1;
    },
    onMuted: () => undefined,
    onTrackLag: () => undefined,
    onGroupsDropped: () => undefined,
  });

  get transport(): FakeTransport | null {
    return [...this.relay.open][0] ?? null;
  }

  join(room: string, name = "Ada"): void {
    this.wanted = { room, name };
    this.session.join({ room, name, plays: [] });
  }

  leave(): void {
    this.wanted = null;
    this.tracks.clear();
    void this.session.leave();
  }

  rename(name: string): void {
    if (this.wanted !== null) this.wanted = { ...this.wanted, name };
    this.session.rename(name);
  }

  publish(track: TrackInfo): void {
    this.tracks.set(track.track, track);
    this.session.publish(track);
  }

  unpublish(track: string): void {
    this.tracks.delete(track);
    this.session.unpublish(track);
  }

  /** As the kernel gives one. */
  ticket({ url = URLS[0] as string, good = true } = {}): void {
    this.#tokens += 1;
    const token = `t${this.#tokens}`;
    if (good) this.relay.good.add(token);
    this.#ticket = token;
    this.session.offerTicket({ url, token, explicit: true, tunnel: false });
  }

  /** One round in which everything goes well. */
  async goesWell(): Promise<void> {
    this.transport?.arrive();
    for (const transport of this.relay.open) {
      while (transport.asked.length > 0) transport.read();
      while (transport.answers.length > 0) transport.hear();
    }
    await said();
  }

  /** Until nothing happens any more; what was under way may still take its time. */
  async settles(): Promise<void> {
    this.relay.refusal = null;
    this.relay.lifetime_ms = null;
    // A kernel gives another ticket only when it is asked for one: the last must do while it is good.
    if (this.#ticket === null || !this.relay.good.has(this.#ticket)) this.ticket();
    for (let round = 0; round < 20; round++) {
      await this.goesWell();
      vi.advanceTimersByTime(1000);
    }
    await this.goesWell();
  }

  /** What holds at every moment. */
  check(): void {
    expect(this.relay.open.size).toBeLessThanOrEqual(1);
    expect(vi.getTimerCount()).toBeLessThan(40);
    if (this.session.joined) {
      const { asked, answers } = this.transport as FakeTransport;
      expect(asked.length + answers.length).toBeLessThan(200);
    }
  }

  /** What holds when all has settled. */
  checkEnd(): void {
    const members = [...this.relay.members.values()];
    if (this.wanted === null) {
      expect([this.session.joined, members, this.relay.open.size, this.peers]).toEqual([false, [], 0, []]);
      return;
    }
    expect(this.session.joined).toBe(true);
    expect(members).toEqual([{ peer: this.session.peer, ...this.wanted, tracks: this.tracks }]);
    expect(this.peers).toEqual(this.relay.others.map(({ id }) => id));
  }
}

/** Promises that have been settled are heard. */
async function said(): Promise<void> {
  for (let tick = 0; tick < 12; tick++) await Promise.resolve();
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

type Act = (world: World, random: Random) => void;

const ACTS: Record<string, Act> = {
  join: (world, random) => world.join(random.of(ROOMS), random.of(NAMES)),
  leave: (world) => world.leave(),
  rename: (world, random) => world.rename(random.of(NAMES)),
  publish: (world, random) => world.publish({ ...random.of(TRACKS), muted: random.chance(0.5) }),
  unpublish: (world, random) => world.unpublish(random.of(TRACKS).track),
  ticket: (world, random) => world.ticket({ url: random.of(URLS) }),
  "bad ticket": (world, random) => world.ticket({ url: random.of(URLS), good: false }),
  "connection comes up": (world) => world.transport?.arrive(),
  "attempt fails": (world) => world.transport?.fail(),
  "connection breaks": (world, random) => world.transport?.break(random.chance(0.5)),
  "relay reads": (world) => world.transport?.read(),
  "answer arrives": (world) => world.transport?.hear(),
  "all goes well": (world) => void world.goesWell(),
  "everything goes well": (world) => void world.goesWell(),
  "the kernel answers": (world) => world.ticket(),
  "relay refuses": (world) => {
    world.relay.refusal = "room-full";
  },
  "relay refuses no more": (world) => {
    world.relay.refusal = null;
  },
  "relay forgets tokens": (world) => world.relay.good.clear(),
  "tokens end soon": (world) => {
    world.relay.lifetime_ms = 3000;
  },
  "somebody comes": (world, random) => {
    const id = `other${random.below(5)}`;
    const peer = { id, name: id, plays: [], tracks: [] };
    if (world.relay.others.some((one) => one.id === id)) return;
    world.relay.others = [...world.relay.others, peer];
    if (world.transport !== null && world.relay.members.has(world.transport)) {
      world.transport.say(EVENT.peerJoined, { peer });
    }
  },
  "relay ends": (world) => world.transport?.say(EVENT.relayEnding, { reconnect_ms: 500 }),
  removed: (world, random) => {
    if (random.chance(0.6)) world.transport?.say(EVENT.error, { code: "removed", message: "removed" });
  },
  "time passes": (_, random) => vi.advanceTimersByTime(random.of([10, 300, 2000, 6000])),
};

describe("whatever the order", () => {
  /** Steps of the table that were taken. */
  const taken = new Set<string>();

  test.each(walkSeeds(50))("it ends where the last wish says (SEED=%i)", async (seed) => {
    const random = new Random(seed);
    vi.spyOn(Math, "random").mockImplementation(() => random.next());
    const send = Machine.prototype.send;
    vi.spyOn(Machine.prototype, "send").mockImplementation(function (
      this: typeof Machine.prototype,
      ...said
    ) {
      taken.add(`${this.state}, ${said[0]}`);
      send.apply(this, said);
    });
    const world = new World();
    try {
      for (let step = 0; step < STEPS; step++) {
        const act = random.of(Object.keys(ACTS));
        world.log.push(act);
        ACTS[act]?.(world, random);
        if (random.chance(0.8)) await said();
        world.check();
        if (step % 20 !== 19) continue;
        world.log.push("-- settles");
        await world.settles();
        world.checkEnd();
      }
    } catch (error) {
      throw new Error(`SEED=${seed}; the last steps: ${world.log.slice(-45).join(", ")}`, { cause: error });
    }
  });

  test.skipIf(process.env.SEED !== undefined)("the walks take every step of the table", () => {
    const steps = Object.entries(SESSION).flatMap(([state, row]) =>
      Object.entries(row).flatMap(([event, step]) => (step === "ignored" ? [] : `${state}, ${event}`)),
    );
    expect(steps.filter((step) => !taken.has(step))).toEqual([]);
  });
});

describe("one order at a time", () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });

  test("leaving while the relay has not answered, and joining again", async () => {
    world.ticket();
    world.join("lab");
    world.transport?.arrive();
    world.leave();
    expect(world.relay.open.size).toBe(0);
    world.join("lab");
    await world.settles();
    world.checkEnd();
    expect(world.joined).toBe(1);
  });

  test("leaving while one room is left for another, and joining again", async () => {
    world.ticket();
    world.join("lab");
    await world.goesWell();
    await world.goesWell();
    expect(world.session.joined).toBe(true);
    world.join("attic");
    world.leave();
    world.join("yard");
    await world.settles();
    world.checkEnd();
  });

  test("a relay that never answers a move: the room is reached over another connection", async () => {
    world.ticket();
    world.join("lab");
    await world.goesWell();
    await world.goesWell();
    world.join("attic");
    vi.advanceTimersByTime(5000);
    await said();
    await world.settles();
    world.checkEnd();
  });

  test("another relay's ticket that came before the connection was lost is used then", async () => {
    world.ticket();
    world.join("lab");
    await world.goesWell();
    await world.goesWell();
    world.ticket({ url: URLS[1] });
    expect(world.session.joined).toBe(true);
    const before = world.transport;
    before?.break(true);
    expect(world.transport).not.toBe(before);
    await world.goesWell();
    await world.goesWell();
    world.checkEnd();
  });

  test("joining the same room under another name renames", async () => {
    world.ticket();
    world.join("lab", "Ada");
    await world.goesWell();
    await world.goesWell();
    world.join("lab", "Grace");
    await world.settles();
    world.checkEnd();
  });

  test("a fresh ticket is asked for at half of the time, also when that is days away", async () => {
    // Without the intervals in which the clock is asked for: there are 17,000 of them in two days.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
    const day_ms = 24 * 3_600_000;
    world.relay.lifetime_ms = 4 * day_ms;
    world.ticket();
    world.join("lab");
    await world.goesWell();
    await world.goesWell();
    await vi.advanceTimersByTimeAsync(1.99 * day_ms);
    expect(world.expiring).toBe(0);
    await vi.advanceTimersByTimeAsync(0.02 * day_ms);
    expect(world.expiring).toBe(1);
    world.leave();
    await world.settles();
  });
});
