import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { NARROW_PX } from "../src/ui/layout.js";

const css = readFileSync(new URL("../src/ui/style.css", import.meta.url), "utf8").replace(
  /\/\*[\s\S]*?\*\//g,
  "",
);

describe("style.css", () => {
  it("touches nothing of the page around it", () => {
    const selectors = [...css.matchAll(/(?:^|[{};])\s*([^{};@]+)\{/g)]
      .flatMap(([, list = ""]) => list.split(","))
      .map((selector) => selector.trim())
      .filter((selector) => !/^(\d+%|from|to)$/.test(selector));
    expect(selectors.length).toBeGreaterThan(50);
    expect(
      selectors.filter((selector) => !/^(\[data-jp-theme-light="\w+"\] )?\.rw(?![\w-])/.test(selector)),
    ).toEqual([]);
  });

  it("names its animations so that no other is meant", () => {
    for (const [, name = ""] of css.matchAll(/@keyframes\s+(\S+)/g)) expect(name).toMatch(/^rw-/);
  });

  it("folds at the width at which the tiles stack", () => {
    // A container query counts the content box, without the border; "below" is one less.
    expect(css).toContain(`@container (max-width: ${NARROW_PX - 2 - 1}px)`);
  });
});
