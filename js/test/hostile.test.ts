// Servers, engines and workers that misbehave, in Chromium.

import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { after, before, test } from "node:test";
import { apart, asked, LabPage } from "./labpage.js";
import { avifHeader, png, waves } from "./png.js";
import { tamper } from "./tamper.js";

let page: LabPage;

before(async () => {
  page = await LabPage.open();
  await page.call("make", "text.jpg", [...Buffer.from("just text")]);
  assert.equal(await page.open(), "");
});

after(() => page?.close());

/** Serves /lists/ under another base, with a part of it replaced. */
async function twist(base: string, part: "manifest" | "snap", answer: (good: Buffer, r: ServerResponse) => void) {
  const path = page.stage.requests.find((r) => /^\/lists\/[0-9a-f]{64}\.snap$/.test(r.path))?.path ?? "";
  const file = path.slice("/lists/".length);
  const chunksFile = file.replace(".snap", ".chunks");
  const get = async (name: string) => Buffer.from(await (await fetch(new URL(name, page.stage.url))).arrayBuffer());
  const [manifest, snap, chunks] = [await get("lists/manifest"), await get(path), await get(`lists/${chunksFile}`)];
  const plainly = (good: Buffer, r: ServerResponse) => r.end(good);
  page.stage.routes.set(`/${base}/manifest`, (_, r) => (part === "manifest" ? answer : plainly)(manifest, r));
  page.stage.routes.set(`/${base}/${chunksFile}`, (_, r) => r.end(chunks));
  page.stage.routes.set(`/${base}/${file}`, (_, r) => (part === "snap" ? answer : plainly)(snap, r));
  return page.open({ snapshot: `/${base}/`, timeout: 1000 });
}

test("hostile servers get a code and no more bytes than agreed", async () => {
  assert.equal(await twist("fat", "manifest", (_, r) => r.end(Buffer.alloc((16 << 10) + 1))), "too-large");
  assert.equal(await twist("garbage", "manifest", (_, r) => r.end("<!doctype html>")), "untrusted");
  assert.equal(await twist("short", "snap", (good, r) => r.end(good.subarray(1))), "network");
  assert.equal(await twist("stalled", "snap", (good, r) => r.write(good.subarray(1))), "timeout");
  assert.equal(await twist("silent", "manifest", () => {}), "timeout");
  const endless = (_: Buffer, r: ServerResponse) => {
    const more = () => r.write(Buffer.alloc(1 << 16), () => !r.destroyed && more());
    more();
  };
  assert.equal(await twist("endless", "snap", endless), "too-large");
});

test("an engine of other bytes is refused, one that does not arrive is an outage", async () => {
  const wasm = Buffer.from(await (await fetch(new URL("js/dist/preseal.wasm", page.stage.url))).arrayBuffer());
  page.stage.routes.set("/untyped.wasm", (_, response) => response.end(wasm));
  page.stage.routes.set("/long.wasm", (_, response) => response.end(Buffer.concat([wasm, Buffer.alloc(1)])));
  page.stage.routes.set("/other.wasm", (_, response) => response.end(Buffer.from(wasm).fill(0, 1000)));
  page.stage.routes.set("/short.wasm", (_, response) => response.end(wasm.subarray(1)));
  page.stage.routes.set("/broken.wasm", (_, response) => {
    response.writeHead(200, { "Content-Length": wasm.length });
    response.write(wasm.subarray(0, 1000), () => response.destroy());
  });
  page.stage.routes.set("/refused.wasm", (_, response) => response.destroy());
  assert.equal(await page.open({ wasm: "/untyped.wasm" }), "");
  const { progress } = await page.call("opened");
  const engine = progress.filter(({ phase }) => phase === "engine");
  assert.ok(engine.length > 2 && engine.at(-1)?.loaded === wasm.length, "the engine's progress shows");
  for (const name of ["long", "other"]) assert.equal(await page.open({ wasm: `/${name}.wasm` }), "integrity", name);
  for (const name of ["short", "broken", "refused"])
    assert.equal(await page.open({ wasm: `/${name}.wasm` }), "network", name);
  assert.equal(await page.open({ wasm: "/missing.wasm" }), "server");
  assert.equal(await page.open({ worker: "/missing.js" }), "engine-failed");
});

for (const part of ["check", "confirmed"]) {
  test(`an engine that crashes in ${part} fails its check, and the next one finds another engine`, async () => {
    const worker = page.sabotage(
      `panics-in-${part}`,
      tamper(`const { ${part} } = api; api.${part} = () => ${part}();`, 1), // without arguments: a panic in Go
    );
    assert.equal(await page.open({ worker }), "");
    const first = await page.check("listed");
    assert.deepEqual([first.outcome.kind, first.outcome.reason], ["unavailable", "engine-failed"]);
    const second = await page.check("listed");
    assert.equal(second.outcome.kind, "match");
    assert.deepEqual(asked(second.requests), ["POST evaluate", "GET entries"]);
  });
}

const crashes: [name: string, code: string][] = [
  ["throws", "throw new Error('crash')"],
  ["hangs", "for (;;);"],
  ["ends", "close()"],
  ["babbles", "postMessage({ type: 'checked', id: 1, verdict: { kind: 'fine' } })"],
];

for (const [name, code] of crashes) {
  test(`a worker that ${name} fails its check and is replaced at once, with nothing fetched but scripts`, async () => {
    const listener = `addEventListener("message", ({ data }) => { if (data.blob?.name === "text.jpg") { ${code} } });`;
    assert.equal(await page.open({ worker: page.sabotage(name, listener), timeout: 1000 }), "");
    const first = await page.check("text.jpg");
    assert.deepEqual(
      [first.outcome.kind, first.outcome.reason],
      ["unavailable", name === "babbles" ? "bad-message" : "engine-failed"],
    );
    assert.deepEqual(
      first.requests.filter((request) => !/^GET .*\.js$/.test(request)),
      [],
    );
    const second = await page.check("unlisted");
    assert.deepEqual([second.outcome.kind, second.requests], ["clear", []]);
  });
}

test("a worker that crashes on every file is replaced until three have crashed in a row, and then when it is needed", async () => {
  const listener = `addEventListener("message", ({ data }) => { if (data.blob?.name === "text.jpg") throw new Error("crash"); });`;
  assert.equal(await page.open({ worker: page.sabotage("fragile", listener) }), "");
  const isReplaced = async (name: string) => (await page.check(name)).requests.includes("GET /fragile.js");
  for (const wanted of [true, true, true, false, true]) assert.equal(await isReplaced("text.jpg"), wanted);
  assert.equal((await page.check("unlisted")).outcome.kind, "clear");
  assert.equal(await isReplaced("text.jpg"), true);
});

test("a worker that gets nowhere is given up, even if it answers", async () => {
  const listener = `addEventListener("message", (event) => { if (event.data.blob?.name === "text.jpg") event.stopImmediatePropagation(); });`;
  assert.equal(await page.open({ worker: page.sabotage("lazy", listener), timeout: 500 }), "");
  const { outcome } = await page.check("text.jpg");
  assert.deepEqual([outcome.kind, outcome.reason], ["unavailable", "timeout"]);
  assert.equal((await page.check("unlisted")).outcome.kind, "clear");
});

test("a report shows what was sent, even if the worker is lost before the answer", async () => {
  const code = `const real = fetch;
    globalThis.fetch = async (url, init) => {
      const response = await real(url, init);
      if (init?.method === "POST") setTimeout(() => { throw new Error("crash"); });
      return init?.method === "POST" ? new Promise(() => {}) : response;
    };`;
  assert.equal(await page.open({ worker: page.sabotage("mute", code) }), "");
  const { outcome, requests } = await page.check("listed");
  assert.deepEqual([outcome.kind, outcome.reason, outcome.requests], ["unavailable", "engine-failed", 1]);
  assert.deepEqual(asked(requests), ["POST evaluate"]);
  assert.deepEqual(
    [...(page.stage.requests.filter(({ path }) => path === "/v1/evaluate").at(-1)?.body ?? [])],
    outcome.sent,
  );
});

const noise = `const real = OffscreenCanvasRenderingContext2D.prototype.getImageData;
  OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...args) {
    const data = real.apply(this, args);
    return new ImageData(data.data.map(() => Math.random() * 256), data.width);
  };`;

test("pixels that the browser falsifies are not hashed: other decoders are loaded, before the first check", async () => {
  await page.call("make", "waves.png", [...png(waves(5, 320, 240), 320, 240)]);
  await page.call("make", "rare.avif", [...avifHeader(320, 240)]);
  const honest = (await page.check("waves.png")).outcome;
  assert.equal(honest.decoder, "imagedecoder");
  const opening = await page.stage.during(async () =>
    assert.equal(await page.open({ worker: page.sabotage("noise", noise) }), ""),
  );
  assert.ok(opening.some(({ path }) => path === "/js/dist/decoders.wasm"));
  const { outcome, requests } = await page.check("waves.png");
  assert.deepEqual([outcome.kind, outcome.decoder, requests], ["clear", "fallback", []]);
  assert.ok(apart(outcome.phash, honest.phash) <= 2, `${outcome.phash} ${honest.phash}`);
  const rare = (await page.check("rare.avif")).outcome;
  assert.deepEqual([rare.kind, rare.reason, rare.phash], ["unavailable", "decoder-untrusted", undefined]);
  assert.equal((await page.check("listed")).outcome.lane, "sha256");
});

test("decoders of other bytes are refused, and a JPEG needs none", async () => {
  page.stage.routes.set("/other-decoders.wasm", (_, response) => response.end(Buffer.alloc(8 << 20)));
  assert.equal(await page.open({ worker: page.sabotage("noise", noise), decoders: "/other-decoders.wasm" }), "");
  const { kind, reason } = (await page.check("waves.png")).outcome;
  assert.deepEqual([kind, reason], ["unavailable", "integrity"]);
  assert.equal((await page.check("unlisted")).outcome.kind, "clear");
});

test("a worker answers nonsense, and a page of another version, with an error and goes on", async () => {
  const trust = { roles: [], threshold: 1, origin: "", purpose: "", minVersion: 0 };
  const settings = { snapshot: "", confirmation: "private", trust, update: "auto", timeout: 1 };
  const messages = [
    null,
    "text",
    { id: {} },
    { type: "check", id: 5 },
    { type: "toString", id: 6 },
    { type: "open", id: 7, version: "0.0.0-other", settings },
    { type: "ping" },
  ];
  const replies = (await page.call("provoke", messages, 4)) as { type: string; id?: number; code?: string }[];
  const codes = new Map(replies.map(({ type, id, code }) => [id ?? type, code]));
  const expected = { 5: "bad-message", 6: "bad-message", 7: "version-mismatch" };
  assert.deepEqual(Object.fromEntries(codes), { ...expected, pong: undefined });
});

test("without IndexedDB a snapshot opens, and no version is remembered", async () => {
  const worker = page.sabotage("forgetful", `Object.defineProperty(globalThis, "indexedDB", { value: undefined });`);
  const older = { snapshot: "/faults/rolled-back/" };
  assert.equal(await page.open({ ...older, worker }), "");
  assert.equal(await page.open(older), "rolled-back");
});
