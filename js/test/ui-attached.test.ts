import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { whenAttached } from "../src/ui/attached.js";

let resized = () => {};

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal(
    "ResizeObserver",
    class {
      constructor(look: () => void) {
        resized = look;
      }
      observe() {}
      disconnect() {
        resized = () => {};
      }
    },
  );
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function view(isConnected: boolean) {
  const el = { isConnected } as { isConnected: boolean };
  const said: string[] = [];
  const end = whenAttached(
    el as HTMLElement,
    () => said.push("opened"),
    () => said.push("closed"),
  );
  return { el, said, end };
}

describe("whenAttached", () => {
  it("opens a view that is in the page at once, and closes it once", () => {
    const { said, end } = view(true);
    expect(said).toEqual(["opened"]);
    vi.runAllTimers();
    end();
    expect(said).toEqual(["opened", "closed"]);
  });

  it("never opens, nor closes, a view that no page ever shows", () => {
    const { said, end } = view(false);
    vi.runAllTimers();
    resized();
    end();
    expect(said).toEqual([]);
  });

  it.each(["a timer", "a size"])("opens a view that is attached later: %s tells", (how) => {
    const { el, said } = view(false);
    if (how === "a size") vi.runAllTimers();
    el.isConnected = true;
    if (how === "a size") resized();
    else vi.runAllTimers();
    expect(said).toEqual(["opened"]);
  });

  it("does not open a view that has ended before it was attached", () => {
    const { el, said, end } = view(false);
    end();
    el.isConnected = true;
    vi.runAllTimers();
    resized();
    expect(said).toEqual([]);
  });
});
