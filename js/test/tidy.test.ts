import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readInvitation } from "../src/page/invitation.js";
import { tidy } from "../src/tidy.js";

interface Names {
  stay: string[];
  become: [string, string][];
}

const path = new URL("../../tests/vectors/names.json", import.meta.url);
const names = JSON.parse(readFileSync(path, "utf8")) as Names;

test.each(names.stay)("a name that people have stays: %s", (name) => {
  expect(tidy(name)).toBe(name);
});

test.each(names.become)("names of the same look become one: %j", (given, name) => {
  expect(tidy(given)).toBe(name);
});

test("of an invite link's token, too", () => {
  const claims = { exp: 1, room: "cafe\u0301", name: "Ada\u200b" };
  const bytes = String.fromCharCode(...new TextEncoder().encode(JSON.stringify(claims)));
  const found = readInvitation(`x.${btoa(bytes)}.x`);
  expect([found?.room, found?.name]).toEqual(["café", "Ada"]);
});
