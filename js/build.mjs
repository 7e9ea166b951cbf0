// Bundles src/index.ts into the two files that the Python package ships:
// one minified ES module (anywidget loads a single file) and its stylesheet.

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const out = new URL("../src/relay_widget/static/", import.meta.url).pathname;

await build({
  entryPoints: [new URL("src/index.ts", import.meta.url).pathname],
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
});

const gzipped_bytes = gzipSync(readFileSync(`${out}index.js`)).length;
console.log(`static/index.js: ${(gzipped_bytes / 1000).toFixed(1)} kB gzipped`);
