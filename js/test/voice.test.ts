import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sayUntilHeard, Voice } from "../src/voice.js";

describe("saying it until it is heard", () => {
  let times: number;
  const say = () => {
    times += 1;
  };

  beforeEach(() => {
    vi.useFakeTimers();
    times = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("says it at once, and no more when it has been heard", async () => {
    const heard = sayUntilHeard(say);
    expect(times).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    const before = times;
    expect(before).toBeGreaterThan(1);
    heard();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(times).toBe(before);
  });

  it("gives up: what a busy kernel has not heard lies before it when it is free", async () => {
    sayUntilHeard(say);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(times).toBe(7);
  });

  it("ends where it cannot be said", async () => {
    const fails = () => {
      say();
      throw new Error("nobody there");
    };
    expect(() => sayUntilHeard(fails)).toThrow("nobody there");
    await vi.advanceTimersByTimeAsync(600_000);
    expect(times).toBe(1);
  });
});

describe("a page's voice", () => {
  let sent: Record<string, unknown>[];
  let listeners: ((word: object) => void)[];
  const kernel = {
    send: (content: unknown) => void sent.push(content as Record<string, unknown>),
    on: (_name: unknown, heard: unknown) => void listeners.push(heard as () => void),
    off: (_name: unknown, heard: unknown) => {
      listeners = listeners.filter((one) => one !== heard);
    },
  };
  const hear = (word: object) => {
    for (const heard of listeners) heard(word);
  };
  const kinds = () => sent.map(({ kind }) => kind);

  beforeEach(() => {
    vi.useFakeTimers();
    sent = [];
    listeners = [];
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("repeats what is not heard, and only that", async () => {
    const voice = new Voice(kernel);
    voice.say({ kind: "hello", origin: "http://localhost" });
    voice.say({ kind: "state" });
    const { page, number } = sent[1] as { page: string; number: number };
    hear({ kind: "heard", page, number });
    await vi.advanceTimersByTimeAsync(300);
    expect(kinds()).toEqual(["hello", "state", "hello"]);
    expect(sent[2]).toEqual(sent[0]);
    expect(number).toBeGreaterThan(sent[0]?.number as number);
  });

  it("is not quieted by what the kernel says to other pages", async () => {
    const voice = new Voice(kernel);
    voice.say({ kind: "hello" });
    const { page, number } = sent[0] as { page: string; number: number };
    hear({ kind: "heard", page: `${page}0`, number });
    hear({ kind: "ticket", page, number });
    await vi.advanceTimersByTimeAsync(300);
    expect(kinds()).toEqual(["hello", "hello"]);
    new Voice(kernel).say({ kind: "hello" });
    expect(sent[2]?.page).not.toBe(page);
  });

  it("falls silent with a word when there is no kernel any more", async () => {
    const warned = vi.spyOn(console, "warn").mockReturnValue();
    const gone = {
      ...kernel,
      send: () => {
        throw new Error("Cannot send");
      },
    };
    const voice = new Voice(gone);
    voice.say({ kind: "state" });
    voice.say({ kind: "state" });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(warned).toHaveBeenCalledOnce();
    expect(listeners).toEqual([]);
    warned.mockRestore();
  });

  it("is silent when it is closed", async () => {
    const voice = new Voice(kernel);
    voice.say({ kind: "hello" });
    voice.close();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(kinds()).toEqual(["hello"]);
    expect(listeners).toEqual([]);
  });

  it("keeps the last of each kind when nobody answers, and no more kinds than it may", async () => {
    const voice = new Voice(kernel);
    for (let n = 0; n < 1000; n++) voice.say({ kind: "state", n });
    expect(voice.unheard).toBe(1);
    sent = [];
    await vi.advanceTimersByTimeAsync(300);
    expect(sent.map(({ n }) => n)).toEqual([999]);
    for (let n = 0; n < 1000; n++) voice.say({ kind: `kind ${n}` });
    expect(voice.unheard).toBe(16);
    sent = [];
    await vi.advanceTimersByTimeAsync(300);
    expect(kinds()).toEqual(Array.from({ length: 16 }, (_, n) => `kind ${984 + n}`));
  });

  it("says when it has lost its kernel", () => {
    const warned = vi.spyOn(console, "warn").mockReturnValue();
    const lost = vi.fn();
    const gone = {
      ...kernel,
      send: () => {
        throw new Error("Cannot send");
      },
    };
    new Voice(gone, lost).say({ kind: "hello" });
    expect(lost).toHaveBeenCalledOnce();
    warned.mockRestore();
  });
});
