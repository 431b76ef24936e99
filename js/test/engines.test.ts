// The same few things in every browser engine. Chromium always; Firefox and WebKitGTK with PRESEAL_ALL_BROWSERS set.

import assert from "node:assert/strict";
import { test } from "node:test";
import { apart, asked, LabPage } from "./labpage.js";
import { png, waves } from "./png.js";

const all = process.env.PRESEAL_ALL_BROWSERS !== undefined;
const engines = all ? (["Chromium", "Firefox", "WebKitGTK"] as const) : (["Chromium"] as const);
const hashes = new Map<string, string>();

for (const engine of engines) {
  test(`${engine}: clear without a request, match with one, a crash that heals, a rollback refused, a list stored`, async (t) => {
    const page = await LabPage.open(engine);
    t.after(() => page.close());
    const crash = `addEventListener("message", ({ data }) => { if (data.blob?.name === "crash") throw new Error("crash"); });`;
    assert.equal(await page.open({ worker: page.sabotage("crashing", crash) }), "");

    const silent = await page.check("unlisted");
    assert.deepEqual([silent.outcome.kind, silent.requests], ["clear", []]);
    const loud = await page.check("listed");
    assert.deepEqual([loud.outcome.kind, asked(loud.requests)], ["match", ["POST evaluate", "GET entries"]]);
    await page.call("derive", "copy", "listed", 0.5, "image/jpeg", 0.5);
    assert.equal((await page.check("copy")).outcome.kind, "match");

    page.stage.routes.set("/waves.png", (_, response) => response.end(png(waves(5, 640, 480), 640, 480)));
    await page.call("load", "waves", "/waves.png");
    hashes.set(engine, (await page.check("waves")).outcome.phash ?? "");

    for (const whole of ["listed", "waves"]) {
      await page.call("truncate", "part", whole, 0.6);
      const { kind, reason } = (await page.check("part")).outcome;
      assert.deepEqual([kind, reason], ["unsupported", "undecodable"], `a part of ${whole}`);
    }

    await page.call("make", "crash", [1]);
    assert.equal((await page.check("crash")).outcome.reason, "engine-failed");
    const healed = await page.check("unlisted");
    assert.deepEqual([healed.outcome.kind, healed.requests], ["clear", []]);
    assert.equal(await page.open({ snapshot: "/faults/rolled-back/" }), "rolled-back");

    const again = await page.stage.during(async () => assert.equal(await page.open(), ""));
    const paths = again.map(({ path }) => path).filter((path) => path.startsWith("/lists/"));
    assert.deepEqual(paths, [], "the list is stored");
    const { version, stored } = await page.call("snapshot");
    assert.deepEqual([await page.call("update"), stored], [version, true]);
    assert.equal((await page.check("listed")).outcome.kind, "match");
  });
}

test("the engines hash the same picture alike", {
  skip: all ? false : "needs Firefox and WebKitGTK: npm run test:all",
}, () => {
  const values = [...hashes.values()];
  assert.equal(values.length, engines.length);
  for (const a of values) for (const b of values) assert.ok(apart(a, b) <= 2, JSON.stringify([...hashes]));
});
