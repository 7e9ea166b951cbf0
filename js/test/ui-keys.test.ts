import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { commandOf, KEYS, keyOf, type Pressed, withKey } from "../src/ui/keys.js";
import { isForHost } from "../src/ui/own-keys.js";
import { HOLD_MS, PushToTalk } from "../src/ui/push-to-talk.js";

function pressed(key: string, more: Partial<Pressed> = {}): Pressed {
  const none = { ctrlKey: false, metaKey: false, altKey: false, isComposing: false, repeat: false };
  return { key, code: "", ...none, ...more };
}

describe("keys", () => {
  it("mean what people know from other calls", () => {
    expect(["m", "M", "v", " ", "f", "?"].map((key) => commandOf(pressed(key)))).toEqual([
      "microphone",
      "microphone",
      "camera",
      "talk",
      "full-screen",
      "list",
    ]);
    expect(["x", "d", "Enter", "Escape", "Tab", "ArrowDown"].map((key) => commandOf(pressed(key)))).toEqual(
      Array(6).fill(null),
    );
  });

  it("mean nothing with a modifier, while held, or while text is composed", () => {
    for (const more of [
      { ctrlKey: true },
      { metaKey: true },
      { altKey: true },
      { repeat: true },
      { isComposing: true },
    ])
      expect(commandOf(pressed("m", more))).toBeNull();
  });

  it("are found by their place on a keyboard of another script, and by their letter on a Latin one", () => {
    expect(commandOf(pressed("ь", { code: "KeyM" }))).toBe("microphone");
    expect(commandOf(pressed("ה", { code: "KeyV" }))).toBe("camera");
    expect(commandOf(pressed("m", { code: "Semicolon" }))).toBe("microphone"); // AZERTY
    expect(commandOf(pressed("é", { code: "KeyM" }))).toBeNull();
  });

  it("stand once in the list, and on their buttons", () => {
    expect(new Set(KEYS.map(({ shown }) => shown)).size).toBe(KEYS.length);
    expect(withKey("Microphone is on", "microphone")).toBe("Microphone is on (M)");
    expect(keyOf("list").aria).toBe("?");
  });

  it("of saving alone are the host's", () => {
    const bare = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };
    expect(isForHost({ key: "s", ...bare, ctrlKey: true })).toBe(true);
    expect(isForHost({ key: "S", ...bare, metaKey: true })).toBe(true);
    expect(isForHost({ key: "s", ...bare })).toBe(false);
    expect(isForHost({ key: "s", ...bare, ctrlKey: true, shiftKey: true })).toBe(false);
    expect(isForHost({ key: "x", ...bare, ctrlKey: true })).toBe(false);
  });
});

describe("push to talk", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function talker() {
    const [heard, shown]: [boolean[], boolean[]] = [[], []];
    const talk = new PushToTalk(
      (on) => heard.push(on),
      (on) => shown.push(on),
    );
    return { heard, shown, talk };
  }

  it("talks while Space is held, and not after", () => {
    const { talk, heard } = talker();
    talk.send("held");
    expect(heard).toEqual([true]);
    talk.send("released");
    expect(heard).toEqual([true, false]);
    talk.send("released");
    expect(heard).toEqual([true, false]);
  });

  it("leaves a short press to the button, and talks with a long one", () => {
    const { talk, heard } = talker();
    talk.send("pressed");
    vi.advanceTimersByTime(HOLD_MS - 1);
    talk.send("released");
    vi.advanceTimersByTime(HOLD_MS);
    expect(heard).toEqual([]);
    talk.send("pressed");
    vi.advanceTimersByTime(HOLD_MS);
    expect([talk.state, heard]).toEqual(["talking", [true]]);
    talk.send("released");
    expect(heard).toEqual([true, false]);
  });

  it("does not switch off what somebody switched in the meantime", () => {
    const { talk, heard, shown } = talker();
    talk.send("held");
    talk.send("taken");
    talk.send("released");
    expect([heard, shown]).toEqual([[true], [true, false]]);
  });
});
