// Completes dist after tsc: wasm_exec.js of the Go distribution that builds the engine, the engine itself, and release.js
// with the version and the engine's digest.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const js = join(import.meta.dirname, "..");
const dist = join(js, "dist");
const wasm = join(dist, "preseal.wasm");
const { version } = JSON.parse(readFileSync(join(js, "package.json"), "utf8"));

const goroot = execFileSync("go", ["env", "GOROOT"], { encoding: "utf8" }).trim();
copyFileSync(join(goroot, "lib", "wasm", "wasm_exec.js"), join(dist, "wasm_exec.js"));
// Engine and wasm_exec.js are made of Go's own code as well.
copyFileSync(join(goroot, "LICENSE"), join(dist, "LICENSE-GO"));
copyFileSync(join(js, "..", "LICENSE"), join(dist, "LICENSE"));

if (!existsSync(wasm)) {
  // The flags make the bytes independent of the folder, and leave out what only debuggers read.
  const flags = ["-trimpath", "-buildvcs=false", `-ldflags=-s -w -buildid= -X main.version=${version}`];
  execFileSync("go", ["build", ...flags, "-o", wasm, "./wasm"], {
    cwd: join(js, ".."),
    env: { ...process.env, GOOS: "js", GOARCH: "wasm" },
    stdio: "inherit",
  });
}

const digest = createHash("sha384").update(readFileSync(wasm)).digest("base64");
writeFileSync(
  join(dist, "release.js"),
  `export const version = ${JSON.stringify(version)};\nexport const integrity = ${JSON.stringify(`sha384-${digest}`)};\n`,
);
