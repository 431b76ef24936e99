// What `npm publish` would publish.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { root } from "./browser.js";

const dist = join(root, "js", "dist");
const EDGE = /(?:\bfrom|\bimport\(?|new URL\()\s*"\.\/([\w.-]+)"/g;

/** The files that a script leads to, itself included. */
async function closure(name: string, found = new Set<string>()): Promise<Set<string>> {
  if (found.has(name)) return found;
  found.add(name);
  if (!name.endsWith(".js")) return found;
  const script = await readFile(join(dist, name), "utf8");
  for (const [, next] of script.matchAll(EDGE)) if (next) await closure(next, found);
  return found;
}

test("the package holds the scripts and programs that its page needs, and no others", async () => {
  const pack = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const { stdout } = await promisify(execFile)("npm", pack, { cwd: join(root, "js") });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const packed = files.flatMap(({ path }) => /^dist\/(.*\.(?:js|wasm))$/.exec(path)?.[1] ?? []);
  assert.deepEqual(packed.sort(), [...(await closure("index.js"))].sort());
  for (const path of ["README.md", "dist/LICENSE", "dist/LICENSE-THIRD-PARTY", "dist/index.d.ts", "dist/worker.d.ts"]) {
    assert.ok(
      files.some((file) => file.path === path),
      path,
    );
  }
});
