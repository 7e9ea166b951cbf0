import { afterEach, describe, expect, test, vi } from "vitest";
import { LEAVE_PATIENCE_MS, type Member, register, replaceOrphans } from "../src/orphans.js";

const HOME = {};

function member(of: Partial<Member> = {}): Member & { left: number } {
  const one = {
    home: HOME,
    room: "lab",
    person: "Ada",
    shown: true,
    orphaned: true,
    left: 0,
    leave: async () => {
      one.left += 1;
    },
    ...of,
  };
  forget.push(register(one));
  return one;
}

const forget: (() => void)[] = [];
afterEach(() => {
  for (const one of forget.splice(0)) one();
  vi.useRealTimers();
});

describe("a new call", () => {
  test("takes the place of orphans of its room and notebook, and of nobody else", async () => {
    const newcomer = member({ orphaned: false });
    const orphans = [member(), member(), member({ person: "Grace", shown: false })];
    const others = [
      member({ orphaned: false }),
      member({ room: "attic" }),
      member({ home: {} }),
      member({ person: "Grace" }),
    ];
    await replaceOrphans(newcomer);
    expect(orphans.map(({ left }) => left)).toEqual([1, 1, 1]);
    expect(others.map(({ left }) => left)).toEqual([0, 0, 0, 0]);
    expect(newcomer.left).toBe(0);
  });

  test("waits until they have left", async () => {
    let leave: () => void = () => undefined;
    member({ leave: () => new Promise<void>((resolve) => (leave = resolve)) });
    const entered = vi.fn();
    const replaced = replaceOrphans(member({ orphaned: false })).then(entered);
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(entered).not.toHaveBeenCalled();
    leave();
    await replaced;
    expect(entered).toHaveBeenCalled();
  });

  test("but not for ever", async () => {
    vi.useFakeTimers();
    member({ leave: () => new Promise(() => undefined) });
    const entered = vi.fn();
    void replaceOrphans(member({ orphaned: false })).then(entered);
    await vi.advanceTimersByTimeAsync(LEAVE_PATIENCE_MS);
    expect(entered).toHaveBeenCalled();
  });
});
