// A whole call but for its pictures: the controller, its session and a relay that answers late, never or with a no, with a
// kernel that comes late or goes. Whatever the order, it ends where the last wish says, and says what is so.
import { signal } from "@preact/signals";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CallController } from "../src/call.js";
import type { KernelLink, KernelMessage, Traits } from "../src/model.js";
import type { KernelPresence } from "../src/ui/state.js";
import { Random, walkSeeds } from "./fake/random.js";
import { FakeRelay, type FakeTransport } from "./fake/relay.js";

const STEPS = 300;

class Kernel implements KernelLink {
  readonly kernel = signal<KernelPresence>("here");
  readonly channel = null;
  /** It is asked for a ticket, and has not answered. */
  asked = false;
  #tokens = 0;
  readonly #traits: Traits = {
    room: "lab",
    name: "Ada",
    timeslice: 20,
    target_latency: null,
    source: "camera",
    microphone: false,
    camera: false,
    auto_join: false,
    _default_name: "root",
  };
  readonly #changed = new Map<keyof Traits, () => void>();
  #heard: (message: KernelMessage) => void = () => undefined;

  constructor(
    private readonly relay: FakeRelay,
    readonly home: unknown,
  ) {}

  get<K extends keyof Traits>(name: K): Traits[K] {
    return this.#traits[name];
  }
  set<K extends keyof Traits>(name: K, value: Traits[K]): void {
    if (this.#traits[name] === value) return;
    this.#traits[name] = value;
    this.#changed.get(name)?.();
  }
  onChange(name: keyof Traits, changed: () => void): void {
    this.#changed.set(name, changed);
  }
  onMessage(heard: (message: KernelMessage) => void): void {
    this.#heard = heard;
  }
  say(message: KernelMessage): void {
    if (this.kernel.peek() !== "gone") this.#heard(message);
  }
  hello(): void {
    this.asked = true;
  }
  askTicket(): void {
    this.asked = true;
  }
  /** It answers what it has been asked. */
  answer(): void {
    if (!this.asked || this.kernel.peek() === "gone") return;
    this.asked = false;
    this.#tokens += 1;
    const token = `k${this.#tokens}`;
    this.relay.good.add(token);
    this.say({ kind: "ticket", url: "http://a.example/", token, explicit: true, tunnel: false });
  }
  tellState(): void {}
  askInvite(): void {}
  close(): void {
    this.#heard = () => undefined;
  }
}

class World {
  readonly relay = new FakeRelay();
  readonly home = {};
  kernel = new Kernel(this.relay, this.home);
  call = this.#made();
  readonly log: string[] = [];

  #made(): CallController {
    const call = new CallController(this.kernel, { transport: this.relay.transport });
    call.viewOpened();
    return call;
  }

  /** The cell is run again: its view closes, and another widget comes. */
  runAgain(): void {
    this.call.viewClosed();
    if (this.kernel.kernel.peek() !== "gone") this.call.close(); // as JupyterLab does once the old object is collected
    this.kernel = new Kernel(this.relay, this.home);
    this.call = this.#made();
  }

  get transports(): FakeTransport[] {
    return [...this.relay.open];
  }

  async goesWell(): Promise<void> {
    this.kernel.answer();
    for (const transport of this.transports) {
      transport.arrive();
      while (transport.asked.length > 0) transport.read();
      while (transport.answers.length > 0) transport.hear();
    }
    await said();
  }

  async settles(): Promise<void> {
    this.relay.refusal = null;
    for (let round = 0; round < 25; round++) {
      await this.goesWell();
      vi.advanceTimersByTime(1000);
    }
    await this.goesWell();
  }

  checkEnd(): void {
    const { phase, problem } = this.call.state;
    const here = [...this.relay.members.values()].map(({ room, name }) => ({ room, name }));
    expect(["idle", "joined", "left", "failed"]).toContain(phase.value);
    if (phase.value === "joined")
      expect(here).toEqual([{ room: this.kernel.get("room"), name: this.kernel.get("name") }]);
    else expect([here, this.relay.open.size]).toEqual([[], 0]);
    const gone = this.kernel.kernel.value === "gone";
    if (phase.value === "joined") expect(problem.value?.code ?? null).toBe(gone ? "kernel-gone" : null);
    else if (gone) expect(problem.value?.code).toMatch(/-without-kernel$/);
    else if (phase.value !== "failed") expect(problem.value).toBeNull();
  }
}

async function said(): Promise<void> {
  for (let tick = 0; tick < 20; tick++) await Promise.resolve();
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", { isSecureContext: false, addEventListener() {}, removeEventListener() {} });
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("document", { hidden: false });
  vi.stubGlobal("MediaSource", { isTypeSupported: () => true });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const ACTS: Record<string, (world: World, random: Random) => void> = {
  join: ({ call }) => call.actions.join({ media: "none" }),
  "join again": ({ call }) => call.actions.join({ media: "none" }),
  leave: ({ call }) => call.actions.leave(),
  "to the lobby": ({ call }) => call.actions.toLobby(),
  retry: ({ call }) => call.actions.retry(),
  "Python joins": ({ kernel }) => kernel.say({ kind: "join" }),
  "Python leaves": ({ kernel }) => kernel.say({ kind: "leave" }),
  room: ({ call }, random) => call.actions.setRoom(random.of(["lab", "attic"])),
  name: ({ call }, random) => call.actions.setName(random.of(["Ada", "Grace"])),
  "kernel answers": ({ kernel }) => kernel.answer(),
  "kernel has no relay": ({ kernel }, random) => {
    kernel.asked = true; // it tells the ticket once it has found it
    kernel.say({ kind: "relay-failed", code: random.of(["no-answer", "disk-full"]), message: "No." });
  },
  "kernel goes": ({ kernel }, random) => {
    if (random.chance(0.2)) kernel.kernel.value = "gone";
  },
  "the cell runs again": (world) => world.runAgain(),
  "view closes and comes back": ({ call }, random) => {
    call.viewClosed();
    vi.advanceTimersByTime(random.of([100, 5000]));
    call.viewOpened();
  },
  "connection comes up": ({ transports }) => transports[0]?.arrive(),
  "attempt fails": ({ transports }) => transports[0]?.fail(),
  "connection breaks": ({ transports }, random) => transports[0]?.break(random.chance(0.5)),
  "relay reads": ({ transports }) => transports[0]?.read(),
  "answer arrives": ({ transports }) => transports[0]?.hear(),
  "all goes well": (world) => void world.goesWell(),
  "relay refuses": ({ relay }, random) => {
    relay.refusal = random.of(["room-full", null]);
  },
  "relay forgets tokens": ({ relay }) => relay.good.clear(),
  removed: ({ transports }) => transports[0]?.say("error", { code: "removed", message: "removed" }),
  "time passes": (_, random) => vi.advanceTimersByTime(random.of([10, 300, 2000, 9000, 20_000])),
};

describe("a call, whatever happens", () => {
  test.each(walkSeeds(16))("ends where the last wish says, and says what is so (SEED=%i)", async (seed) => {
    const random = new Random(seed);
    vi.spyOn(Math, "random").mockImplementation(() => random.next());
    vi.spyOn(console, "warn").mockReturnValue();
    const world = new World();
    try {
      for (let step = 0; step < STEPS; step++) {
        const act = random.of(Object.keys(ACTS));
        world.log.push(act);
        ACTS[act]?.(world, random);
        if (random.chance(0.8)) await said();
        if (step % 20 !== 19) continue;
        world.log.push("-- settles");
        await world.settles();
        world.checkEnd();
      }
    } catch (error) {
      throw new Error(`SEED=${seed}; the last steps: ${world.log.slice(-45).join(", ")}`, { cause: error });
    }
    world.call.close();
  });

  test("running the cell again after a restart: the orphan has left before the newcomer is there", async () => {
    const world = new World();
    world.call.actions.join({ media: "none" });
    await world.settles();
    expect(world.call.state.phase.value).toBe("joined");
    const orphan = world.call;
    world.kernel.kernel.value = "gone";
    expect(orphan.state.phase.value).toBe("joined");
    // Another cell's call, while the orphan is still shown.
    world.kernel = new Kernel(world.relay, world.home);
    world.call = new CallController(world.kernel, { transport: world.relay.transport });
    world.call.viewOpened();
    world.call.actions.join({ media: "none" });
    await said();
    expect(orphan.state.phase.value).toBe("left");
    await world.settles();
    expect([world.call.state.phase.value, world.relay.members.size]).toEqual(["joined", 1]);
  });
});
