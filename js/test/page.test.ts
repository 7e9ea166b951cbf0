import { describe, expect, it } from "vitest";
import type { KernelMessage } from "../src/model.js";
import { readInvitation, takeToken } from "../src/page/invitation.js";
import { PageLink } from "../src/page/page-link.js";
import { guestSentence, rightsSentence, untilWords } from "../src/ui/phrases.js";
import type { Invitation } from "../src/ui/state.js";

const encoded = (text: string) => Buffer.from(text).toString("base64url");
const token = (claims: unknown) => `${encoded("{}")}.${encoded(JSON.stringify(claims))}.signature`;
const ALL: Invitation = { room: null, name: null, publish: true, subscribe: true, expires_ms: 1000 };

describe("readInvitation", () => {
  it("reads what relay_widget.tokens writes", () => {
    const claims = { role: "peer", exp: 1795458697, room: "lab", name: "Élodie 李", publish: false };
    expect(readInvitation(token(claims))).toEqual({
      room: "lab",
      name: "Élodie 李",
      publish: false,
      subscribe: true,
      expires_ms: 1795458697000,
    });
    expect(readInvitation(token({ exp: 1 }))).toEqual(ALL);
    expect(readInvitation(token({ exp: 1, room: "lab-*" }))?.room).toBe(null);
    expect(readInvitation(token({ exp: 1, subscribe: false }))?.subscribe).toBe(false);
  });

  it.each([
    "",
    ".",
    "nonsense",
    "a.b.c",
    token(null),
    token([]),
    token({ exp: "1" }),
    token({ room: "lab" }),
  ])("takes %j for no invitation", (text) => expect(readInvitation(text)).toBe(null));
});

describe("takeToken", () => {
  const page = (hash: string, state: unknown = null) => {
    const replaced: unknown[] = [];
    const history = { state, replaceState: (...args: unknown[]) => void replaced.push(args) };
    const location = { hash, pathname: "/call/join", search: "?x=1" };
    return { taken: takeToken(location, history as unknown as History), replaced };
  };

  it("takes it out of the address and keeps it for a reload", () => {
    expect(page("#token=a.b-c_d.e")).toEqual({
      taken: "a.b-c_d.e",
      replaced: [[{ token: "a.b-c_d.e" }, "", "/call/join?x=1"]],
    });
    expect(page("", { token: "kept" })).toEqual({ taken: "kept", replaced: [] });
  });

  it("takes a link that was broken into lines", () => {
    expect(page("#token=a.b-%0A%20c_d.%0D%0Ae").taken).toBe("a.b-c_d.e");
  });

  it("finds none where there is none", () => {
    for (const hash of ["", "#", "#token=", "#other=1"]) expect(page(hash).taken).toBe(null);
    expect(page("", { token: 7 }).taken).toBe(null);
    expect(page("#token=new", { token: "old" }).taken).toBe("new");
  });
});

describe("PageLink", () => {
  it("keeps settings as a kernel does, and tells only what changes", () => {
    const link = new PageLink("t", "https://relay.example/call/", { ...ALL, room: "lab", name: "Grace" });
    const told: unknown[] = [];
    link.onChange("camera", () => told.push(link.get("camera")));
    link.set("camera", true);
    link.set("camera", false);
    expect(told).toEqual([false]);
    expect([link.get("room"), link.get("name")]).toEqual(["lab", "Grace"]);
  });

  it("gives its one ticket whenever it is asked, but not at once, as a kernel would not", async () => {
    const link = new PageLink("t", "https://relay.example/call/", ALL);
    const heard: KernelMessage[] = [];
    link.onMessage((message) => heard.push(message));
    link.hello();
    link.askTicket();
    expect(heard).toEqual([]);
    await Promise.resolve();
    const ticket = { kind: "ticket", url: "https://relay.example/call/", token: "t" };
    expect(heard).toMatchObject([ticket, ticket]);
  });
});

describe("the words about a link", () => {
  const rights = [true, false].flatMap((publish) =>
    [true, false].map((subscribe) => ({ publish, subscribe })),
  );

  it("differ with what it allows", () => {
    expect(new Set(rights.map(rightsSentence)).size).toBe(4);
    expect(new Set(rights.map(guestSentence)).size).toBe(4);
  });

  it("name the day only if it is another", () => {
    const noon_ms = new Date(2026, 5, 1, 12).getTime();
    const day_ms = 24 * 3_600_000;
    expect(untilWords(noon_ms, noon_ms)).not.toContain("2026");
    expect(untilWords(noon_ms + day_ms, noon_ms)).toContain("2026");
  });
});
