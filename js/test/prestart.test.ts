// Programs are stored as they are after their start, and go on from there.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { Engine, EngineError } from "../engine.js";
import { root } from "./browser.js";

const dist = join(root, "js", "dist");
const empty = Buffer.from("\0asm\x01\0\0\0", "latin1");

test("engines of one module know nothing of each other", async () => {
  const module = await WebAssembly.compile(await readFile(join(dist, "preseal.wasm")));
  assert.ok(!WebAssembly.Module.exports(module).some(({ name }) => name === "run"), "there is no start to run again");
  const [first, second] = [await Engine.start(module), await Engine.start(module)];
  first.room(64 * 64 * 4);
  assert.equal(first.rows(64 * 64 * 4, "rgba", 64, 64, 0), false);
  const plane = { width: 500, height: 500, samples: new Uint8Array(500_000) };
  for (let i = 0; i < 40; i++) first.call("planes", [plane]); // its memory grows, and what it no longer uses is collected
  for (let i = 0; i < 3; i++) first.call("digest", new Uint8Array(1 << 20), i << 20);
  assert.throws(() => second.call("digest", new Uint8Array(1), 1), EngineError);
  const { sha256 } = second.call("digest", new Uint8Array(0), 0);
  assert.equal(Buffer.from(sha256).toString("hex").slice(0, 16), "e3b0c44298fc1c14");
});

test("a program that was not started before does not start", async () => {
  const start = Engine.start(await WebAssembly.compile(empty));
  await assert.rejects(start, { code: "engine-failed", message: /not started before/ });
});

test("what is no program of Go's, or was started before, is refused and left as it is", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "preseal-"));
  t.after(() => rm(folder, { recursive: true }));
  const engine = await readFile(join(dist, "preseal.wasm"));
  const files = { text: Buffer.from("text"), empty, cut: engine.subarray(0, engine.length / 2), engine };
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder, name);
    await writeFile(file, content);
    const prestart = ["js/scripts/prestart.mjs", join(dist, "wasm_exec.js"), file];
    await assert.rejects(promisify(execFile)(process.execPath, prestart, { cwd: root }), name);
    assert.ok((await readFile(file)).equals(content), name);
  }
});
