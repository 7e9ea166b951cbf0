// Bundles what the Python package ships: for each widget one minified ES module (anywidget loads a single file) and
// its stylesheet.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const out = new URL("../src/relay_widget/static/", import.meta.url).pathname;
const here = (path) => new URL(path, import.meta.url).pathname;
const common = {
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  logLevel: "warning",
};

// The card that widgets write into notebooks is a program of its own, carried inside theirs as text.
const still = await build({
  ...common,
  entryPoints: { still: here("src/still/program.ts") },
  outdir: out,
  write: false,
});
const [program] = still.outputFiles;
mkdirSync(out, { recursive: true });
writeFileSync(program.path, program.contents);

await build({
  ...common,
  entryPoints: {
    index: here("src/index.ts"),
    lab: here("src/lab/index.ts"),
    doctor: here("src/doctor/index.ts"),
    invite: here("src/invite/index.tsx"),
  },
  outdir: out,
  define: {
    "process.env.NODE_ENV": '"production"',
    STILL_ESM: JSON.stringify(program.text),
  },
});

console.log(`written into notebooks: ${(program.contents.length / 1000).toFixed(1)} kB`);
for (const name of ["index.js", "lab.js", "doctor.js", "invite.js"]) {
  const gzipped_bytes = gzipSync(readFileSync(out + name)).length;
  console.log(`static/${name}: ${(gzipped_bytes / 1000).toFixed(1)} kB gzipped`);
}
