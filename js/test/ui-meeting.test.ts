import { describe, expect, it } from "vitest";
import { meetingIn } from "../src/ui/meeting.js";

const OWN = { url: null, needsToken: false };

describe("meetingIn", () => {
  it.each([
    "lab",
    'a "quoted" room',
    "it's",
    "back\\slash",
    "\\",
    "é 李雷 🎈",
    "{room}",
    "a\u2028b",
    "tab\there",
  ])("writes the room %j as a string that Python reads as the same", (room) => {
    const literal = /^Call\(room=(".*")\)$/s.exec(meetingIn(room, OWN).code)?.[1] ?? "";
    expect(JSON.parse(literal)).toBe(room);
    // JSON's escapes are Python's, but for "\/", which JSON.stringify does not write.
    expect(literal).not.toContain("\\/");
  });

  it("says that the user's own relay is found on one computer only", () => {
    expect(meetingIn("lab", OWN)).toEqual({
      where: "In another notebook of yours on this computer:",
      code: 'Call(room="lab")',
      needs: null,
    });
  });

  it("names the relay where one was named, and what it asks for", () => {
    const open = meetingIn("lab", { url: "https://relay.example/a", needsToken: false });
    expect(open.code).toBe('Call(room="lab", url="https://relay.example/a")');
    expect(open.needs).toBeNull();
    expect(meetingIn("lab", { url: "https://relay.example/a", needsToken: true }).needs).toContain("token");
  });
});
