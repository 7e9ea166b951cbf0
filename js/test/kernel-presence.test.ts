import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { KernelWatch, SILENCE_MS } from "../src/kernel-presence.js";

type Slot = (sender: unknown, value: never) => void;

/** As JupyterLab's: connect and disconnect slots, and say something to them. */
class Source {
  readonly slots = new Set<Slot>();
  connect(slot: Slot): void {
    this.slots.add(slot);
  }
  disconnect(slot: Slot): void {
    this.slots.delete(slot);
  }
  say(value: unknown): void {
    for (const slot of [...this.slots]) slot(null, value as never);
  }
}

class Host {
  readonly status = new Source();
  readonly kernel = new Source();
  readonly heard = new Map<string, Set<(message?: unknown) => void>>();
  probed = 0;
  readonly watch: KernelWatch;

  constructor(manager?: object) {
    const sessionContext = { statusChanged: this.status, kernelChanged: this.kernel };
    const model = {
      get: () => "own",
      on: (name: string, heard: () => void) =>
        this.heard.set(name, (this.heard.get(name) ?? new Set()).add(heard)),
      off: (name: string, heard: () => void) => this.heard.get(name)?.delete(heard),
      widget_manager: manager ?? { context: { sessionContext } },
    };
    this.watch = new KernelWatch(model as never, () => {
      this.probed += 1;
    });
  }

  say(name: string, message?: unknown): void {
    for (const heard of [...(this.heard.get(name) ?? [])]) heard(message);
  }

  alive(): void {
    this.say("msg:custom", { kind: "alive" });
  }

  get presence(): string {
    return this.watch.presence.value;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("whether the kernel is there", () => {
  test("one that goes on saying that it is alive is", async () => {
    const host = new Host();
    for (let n = 0; n < 30; n++) {
      host.alive();
      await vi.advanceTimersByTimeAsync(2000);
    }
    expect(host.presence).toBe("here");
  });

  test("one that falls silent is asked, and is here again by itself", async () => {
    const host = new Host();
    host.alive();
    await vi.advanceTimersByTimeAsync(SILENCE_MS);
    expect([host.presence, host.probed]).toEqual(["silent", 1]);
    host.alive();
    expect(host.presence).toBe("here");
    await vi.advanceTimersByTimeAsync(SILENCE_MS);
    expect(host.presence).toBe("silent");
  });

  test("one that falls silent is asked whether it has the widget, until it answers", async () => {
    type Answer = { content: { comms?: Record<string, unknown> } };
    const questions: { resolve(answer: Answer): void; reject(error: Error): void }[] = [];
    const requestCommInfo = () =>
      new Promise<Answer>((resolve, reject) => {
        questions.push({ resolve, reject });
      });
    const host = new Host({ kernel: { requestCommInfo } });
    host.alive();
    await vi.advanceTimersByTimeAsync(3 * SILENCE_MS);
    expect(questions.length).toBe(1); // a busy kernel answers late
    questions[0]?.reject(new Error("Canceled"));
    await vi.advanceTimersByTimeAsync(SILENCE_MS);
    expect(questions.length).toBe(2);
    questions[1]?.resolve({ content: { comms: { own: {}, other: {} } } });
    await vi.advanceTimersByTimeAsync(SILENCE_MS);
    expect(host.presence).toBe("silent");
    questions[2]?.resolve({ content: {} }); // an error of the kernel's own
    await vi.advanceTimersByTimeAsync(SILENCE_MS);
    expect(host.presence).toBe("silent");
    questions[3]?.resolve({ content: { comms: { other: {} } } });
    await vi.advanceTimersByTimeAsync(0);
    expect(host.presence).toBe("gone");
    await vi.advanceTimersByTimeAsync(10 * SILENCE_MS);
    expect(questions.length).toBe(4);
  });

  test("nothing is said of one that has never said it", async () => {
    const host = new Host();
    await vi.advanceTimersByTimeAsync(10 * SILENCE_MS);
    expect(host.presence).toBe("here");
  });

  test("a page that slept reads first what was said meanwhile", async () => {
    const host = new Host();
    host.alive();
    vi.spyOn(performance, "now").mockReturnValue(performance.now() + 60_000);
    await vi.advanceTimersByTimeAsync(SILENCE_MS);
    expect(host.presence).toBe("here");
    vi.restoreAllMocks();
  });

  test.each(["starting", "restarting", "autorestarting", "terminating", "dead"])(
    "%s: it has gone",
    (status) => {
      const host = new Host();
      host.status.say(status);
      expect(host.presence).toBe("gone");
    },
  );

  test.each(["idle", "busy", "unknown", "connecting"])("%s: it has not", (status) => {
    const host = new Host();
    host.status.say(status);
    expect(host.presence).toBe("here");
  });

  test("another kernel, or none", () => {
    const [old, other] = [{ id: "a" }, { id: "b" }];
    for (const [change, presence] of [
      [{ oldValue: old, newValue: null }, "gone"],
      [{ oldValue: old, newValue: other }, "gone"],
      [{ oldValue: null, newValue: other }, "here"],
      [{ oldValue: old, newValue: old }, "here"], // late news of a restart: the widget may be of the new one
    ] as const) {
      const host = new Host();
      host.kernel.say(change);
      expect(host.presence).toBe(presence);
    }
  });

  test("the widget's comm is no more, or nothing can be said: it has gone, for good, and nothing is listened to", async () => {
    for (const end of [(host: Host) => host.say("comm_live_update"), (host: Host) => host.watch.lost()]) {
      const host = new Host();
      host.alive();
      end(host);
      expect(host.presence).toBe("gone");
      host.alive();
      await vi.advanceTimersByTimeAsync(SILENCE_MS);
      expect([host.presence, host.probed, host.status.slots.size, host.kernel.slots.size]).toEqual([
        "gone",
        0,
        0,
        0,
      ]);
      expect([...host.heard.values()].map((slots) => slots.size)).toEqual([0, 0]);
    }
  });

  test("the widget manager of a kernel alone", () => {
    const statusChanged = new Source();
    const host = new Host({ kernel: { statusChanged } });
    statusChanged.say("autorestarting");
    expect(host.presence).toBe("gone");
  });

  test("a host that tells nothing", () => {
    for (const manager of [{}, { context: {} }, { kernel: null }])
      expect(new Host(manager).presence).toBe("here");
  });
});
