// Runs ui-browser.page.ts in a real Chromium: it posts what it found, and the browser is ended.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { expect, it, onTestFinished } from "vitest";
import type { Result } from "./ui-browser.page.js";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const TIME_LIMIT_MS = 90_000;
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--no-first-run",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
  "--window-size=2500,1300",
];

it.skipIf(!existsSync(CHROMIUM))(
  "the views share elements, render finely and keep their keys",
  async () => {
    const results = await resultsOf(await bundle());
    expect(results.length).toBeGreaterThan(5);
    expect(results.filter(({ error }) => error !== null)).toEqual([]);
  },
  TIME_LIMIT_MS,
);

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [new URL("ui-browser.page.ts", import.meta.url).pathname],
    bundle: true,
    write: false,
    format: "esm",
    jsx: "automatic",
    jsxImportSource: "preact",
    loader: { ".css": "text" }, // for the tests that want the look, too
    logOverride: { "ignored-bare-import": "silent" },
  });
  return outputFiles[0]?.text ?? "";
}

async function resultsOf(script: string): Promise<Result[]> {
  const profile = mkdtempSync(join(tmpdir(), "relay-widget-chromium-"));
  let resolvePosted: (results: Result[]) => void = () => {};
  let rejectPosted: (error: Error) => void = () => {};
  const posted = new Promise<Result[]>((resolve, reject) => {
    [resolvePosted, rejectPosted] = [resolve, reject];
  });
  const server = createServer((request, response) => {
    if (request.url === "/page.js") {
      response.setHeader("content-type", "text/javascript").end(script);
    } else if (request.url === "/done") {
      let body = "";
      request.on("data", (piece) => (body += piece));
      request.on("end", () => {
        response.end();
        resolvePosted(JSON.parse(body));
      });
    } else {
      response
        .setHeader("content-type", "text/html")
        .end('<!doctype html><script type="module" src="/page.js"></script>');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const flags = [...FLAGS, `--user-data-dir=${profile}`, `http://127.0.0.1:${port}/`];
  const browser = spawn(CHROMIUM, flags, { stdio: "ignore", detached: true });
  const ended = new Promise<void>((resolve) => browser.once("exit", () => resolve()));
  browser.once("error", rejectPosted);
  browser.once("exit", (code) => rejectPosted(new Error(`Chromium ended by itself (${code})`)));
  onTestFinished(async () => {
    // Its whole group at once: an end by halves would still write into the profile.
    if (browser.pid !== undefined && browser.exitCode === null) process.kill(-browser.pid, "SIGKILL");
    await ended;
    server.close();
    server.closeAllConnections();
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });
  return posted;
}
