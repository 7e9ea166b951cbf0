import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LiveRegion, NEWS_SHOWN_MS } from "../src/ui/announce.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("a line is gone when it has been read, and does not cut the next one short", () => {
  const region = new LiveRegion();
  region.tell("The connection is lost. Coming back by itself.");
  vi.advanceTimersByTime(NEWS_SHOWN_MS - 1);
  region.tell("");
  expect(region.line.value).toBe("The connection is lost. Coming back by itself.");
  region.tell("You are in lab.");
  vi.advanceTimersByTime(NEWS_SHOWN_MS - 1);
  expect(region.line.value).toBe("You are in lab.");
  vi.advanceTimersByTime(1);
  expect(region.line.value).toBe("");
});
