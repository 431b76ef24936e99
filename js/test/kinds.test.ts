// Lists with filters of the kind bloom.zst, which the decoders decompress, and lists without, which never load them: in Chromium,
// and the engine alone in Node.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { Decoders } from "../decoders.js";
import { type Decompress, Engine, EngineError } from "../engine.js";
import { root } from "./browser.js";
import { ListLab } from "./listlab.js";
import { tamper } from "./tamper.js";

let lab: ListLab;

before(async () => {
  lab = await ListLab.open();
});

after(() => lab?.close());

/** How often decoders.wasm is asked for while the work is done. */
async function loads(work: () => Promise<void>): Promise<number> {
  return (await lab.stage.during(work)).filter(({ path }) => /decoders.*\.wasm$/.test(path)).length;
}

test("a list of the kind rice opens, checks, updates and opens again without the decoders", async (t) => {
  const count = await loads(async () => {
    lab.lists.serve("v1");
    const site = await lab.site(t);
    const tab = await site.tab();
    assert.equal(await tab.open(), "");
    assert.equal(await tab.listed(), "1");
    lab.lists.serve("v2");
    assert.equal(await tab.call("update"), 2);
    assert.equal(await tab.listed(), "12");
    assert.equal(await (await site.tab()).open(), "");
  });
  assert.equal(count, 0);
});

test("a list of the kind bloom.zst loads the decoders once, and opens, checks, updates and is stored", async (t) => {
  lab.lists.serve("bloom1");
  const site = await lab.site(t);
  const tab = await site.tab();
  assert.equal(await loads(async () => assert.equal(await tab.open(), "")), 1);
  const { progress } = await tab.call("opened");
  const { loaded, total } = progress.filter(({ phase }) => phase === "decoders").at(-1) ?? {};
  assert.ok(loaded && loaded === total, "the decoders' progress shows");
  const rest = await loads(async () => {
    assert.equal(await tab.listed(), "1");
    lab.lists.serve("bloom2");
    assert.equal(await tab.call("update"), 2);
    assert.equal((await tab.call("snapshot")).source, "full", "no delta changes such a filter");
    assert.equal(await tab.listed(), "12");
    lab.lists.serve("bloom3");
    assert.equal(await tab.call("update"), 3);
    assert.equal((await tab.call("snapshot")).source, "delta", "and one leaves it as it is");
    assert.equal(await tab.listed(), "12");
  });
  assert.equal(rest, 0);
  lab.lists.serve("bloom3", (_, __, ___, response) => !!response.destroy());
  const other = await site.tab();
  assert.equal(await other.open(), "");
  assert.equal((await other.call("snapshot")).source, "stored");
  assert.equal(await other.listed(), "12");
});

test("an engine or a worker that crashes is replaced without another request for the decoders", async (t) => {
  lab.lists.serve("bloom1");
  const tab = await (await lab.site(t)).tab();
  const panics = lab.worker(
    "panics-with-bloom",
    // Without arguments: a panic in Go.
    `${tamper("const { check } = api; api.check = () => check();", 1)}
     addEventListener("message", ({ data }) => { if (data.blob?.name === "crash") throw new Error("crash"); });`,
  );
  await tab.call("make", "crash", [1]);
  assert.equal(await tab.open({ worker: panics }), "");
  const requests = await lab.stage.during(async () => {
    assert.equal((await tab.call("check", "1")).reason, "engine-failed");
    assert.equal(await tab.listed(), "1");
    assert.equal((await tab.call("check", "crash")).reason, "engine-failed");
    assert.equal((await tab.call("check", "1")).reason, "engine-failed", "the next worker's engine panics, too");
    assert.equal(await tab.listed(), "1");
  });
  assert.deepEqual(
    requests.map(({ path }) => path).filter((path) => !path.endsWith(".js")),
    [],
  );
});

const outages: [code: string, answer: (response: ServerResponse) => unknown][] = [
  ["network", (response) => response.destroy()],
  ["integrity", (response) => response.end(Buffer.alloc(8 << 20))],
  ["server", (response) => response.writeHead(404).end()],
  ["timeout", () => {}],
];

for (const [code, answer] of outages) {
  test(`decoders that cannot be had are an error of the code ${code}, and nothing else is fetched for it`, async (t) => {
    const decoders = `/decoders-${code}.wasm`;
    lab.stage.routes.set(decoders, (_, response) => void answer(response));
    lab.lists.serve("bloom1");
    const site = await lab.site(t);
    const tab = await site.tab();
    assert.equal(await tab.open({ decoders, timeout: 1000 }), code);
    assert.deepEqual(await tab.call("stored"), { chunks: 1, lists: 0, marks: 0 }, "what was verified stays");
    assert.equal(await tab.open(), "");
    const other = await site.tab();
    lab.lists.asked();
    assert.equal(await other.open({ decoders, timeout: 1000 }), code);
    assert.deepEqual(lab.lists.asked(), [], "the stored list would do");
  });
}

test("decoders that crash say nothing of the list", async (t) => {
  const worker = lab.worker(
    "panics-in-decoders",
    tamper("const { decompress } = api; if (decompress) api.decompress = () => decompress();"),
  );
  lab.lists.serve("bloom1");
  const tab = await (await lab.site(t)).tab();
  assert.equal(await tab.open({ worker }), "engine-failed");
  assert.equal(await tab.open(), "");
  assert.equal(await tab.listed(), "1");
});

test("an update that needs decoders which cannot be had changes nothing, and the next one tries again", async (t) => {
  let isDown = true;
  const wasm = await readFile(join(root, "js", "dist", "decoders.wasm"));
  lab.stage.routes.set("/decoders-later.wasm", (_, response) => (isDown ? response.destroy() : response.end(wasm)));
  lab.lists.serve("v1");
  const tab = await (await lab.site(t)).tab();
  assert.equal(await tab.open({ decoders: "/decoders-later.wasm" }), "");
  lab.lists.serve("turned");
  assert.equal(await tab.call("update"), "network");
  assert.equal(await tab.listed(), "1");
  isDown = false;
  assert.equal(await tab.call("update", "decoders"), "aborted by the test");
  assert.equal(await tab.listed(), "1");
  assert.equal(await tab.call("update"), 2);
  assert.equal(await tab.listed(), "12");
});

test("the engine asks for so many bytes, and believes nothing else", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "preseal-kinds-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const preseal = (...args: string[]) => promisify(execFile)(lab.stage.tool, args, { cwd: folder });
  await writeFile(join(folder, "list.csv"), `algorithm,hash\nsha256,${"01".repeat(32)}\n`);
  await preseal("keygen", "--name", "example.org/list", "--out", "key");
  await preseal("build", "--plain", "--kind", "bloom.zst", "--list", "list.csv", "--key", "key", "--out", "out");
  const compiled = async (name: string) => WebAssembly.compile(await readFile(join(root, "js", "dist", name)));
  const engine = await Engine.start(await compiled("preseal.wasm"));
  const keys = [(await readFile(join(folder, "key", "verifier.pub"), "utf8")).trim()];
  const trust = { roles: [{ name: "authority", keys }], threshold: 1, origin: "", purpose: "", minVersion: 0 };
  const manifest = await readFile(join(folder, "out", "manifest"));
  const file = await readFile(join(folder, "out", engine.call("openManifest", manifest, trust, Date.now()).file));
  const open = (decompress?: Decompress) => engine.call("openSnapshot", file, decompress);
  const check = () => engine.call("check", { sha256: new Uint8Array(32).fill(1), now: Date.now() }).candidates.length;
  const hasCode = (code: string) => (error: unknown) => error instanceof EngineError && error.code === code;

  assert.throws(() => open(), hasCode("compressed"));
  const { signal } = new AbortController();
  const decompress = await new Decoders("", 10_000, await compiled("decoders.wasm")).decompressor(signal);
  open(decompress);
  assert.equal(check(), 1);
  const bad: Decompress[] = [
    (stream, size) => decompress(stream, size - 1),
    (stream, size) => decompress(stream.subarray(1), size),
    (stream, size) => decompress(stream, size).subarray(1),
    (stream, size) => Uint8Array.of(...decompress(stream, size), 0),
    (_, size) => new Uint8Array(size),
    () => new Uint8Array(),
    () => {
      throw new Error("no");
    },
  ];
  for (const [i, other] of bad.entries()) assert.throws(() => open(other), hasCode("corrupt"), `number ${i}`);
  assert.equal(check(), 1, "the list that was open stays open");
  assert.throws(() => decompress(new Uint8Array(9), 2 ** 31 - 1), EngineError);
  assert.throws(() => decompress(new Uint8Array(9), -1), EngineError);
  open(decompress);
});
