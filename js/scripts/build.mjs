// Completes dist after tsc: the engine, the decoders and wasm_exec.js, which make builds (the flags are in the Makefile),
// release.js with the version and the digests of the two, the worker's scripts with the modules that they import, and the licences of
// everything that is in them.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { thirdParty } from "./licences.mjs";

const root = join(import.meta.dirname, "..", "..");
const dist = join(root, "js", "dist");

// Always: go knows best whether anything has changed, the compiler included.
execFileSync("make", ["--always-make", "-C", root, "wasm"], { stdio: "inherit" });

const { version } = JSON.parse(readFileSync(join(root, "js", "package.json"), "utf8"));
const release = { version, engine: releaseOf("preseal.wasm"), decoders: releaseOf("decoders.wasm") };
const lines = Object.entries(release).map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};\n`);
writeFileSync(join(dist, "release.js"), lines.join(""));

const common = {
  absWorkingDir: join(root, "js"),
  outdir: dist,
  allowOverwrite: true,
  bundle: true,
  format: "esm",
  target: "es2022",
  metafile: true,
};

// Workers have no import maps, so what comes from node_modules has to be in the file.
const arithmetic = await build({ ...common, entryPoints: ["dist/ristretto.js"], minify: true });

// Modules are fetched when the one above them is there, and the engine after all of the worker's: the farther the server is, the
// more it pays to have them in one script. What the worker shares with private.js is in shared.js.
const external = ["*/ristretto.js", "*/wasm_exec.js"];
const entryPoints = ["dist/worker.js", "dist/private.js"];
const worker = await build({ ...common, entryPoints, splitting: true, chunkNames: "shared", external });

const inputs = [arithmetic, worker].flatMap(({ metafile }) => Object.keys(metafile.inputs));
copyFileSync(join(root, "LICENSE"), join(dist, "LICENSE"));
writeFileSync(join(dist, "LICENSE-THIRD-PARTY"), thirdParty(root, inputs));

function releaseOf(name) {
  const wasm = readFileSync(join(dist, name));
  return { size: wasm.length, sha256: createHash("sha256").update(wasm).digest("hex") };
}
