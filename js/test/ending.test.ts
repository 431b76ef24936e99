// What becomes of a list when pages end, and workers crash, at any moment of an update, in Chromium.

import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { ListLab, type ListTab } from "./listlab.js";
import { tamper } from "./tamper.js";

let lab: ListLab;

before(async () => {
  lab = await ListLab.open();
});

after(() => lab?.close());

/**
 * Code for a worker that reports every step of an update, of the store, the network, the lock, the engine and the other pages,
 * before it takes it, and waits for the answer. 200 is to go on, 205 to crash.
 */
const STEPWISE = `
  let isArmed = false;
  addEventListener("message", ({ data }) => { isArmed ||= data.type === "update"; });
  const step = (name) => {
    if (!isArmed) return;
    const report = new XMLHttpRequest();
    report.open("GET", "/step?" + name, false);
    report.send();
    if (report.status === 205) setTimeout(() => { throw new Error("crash"); });
  };
  const watch = (object, ...names) => {
    for (const name of names) {
      const real = object[name];
      object[name] = function (...args) { step(name); return real.apply(this, args); };
    }
  };
  watch(globalThis, "fetch");
  watch(IDBDatabase.prototype, "transaction");
  watch(IDBObjectStore.prototype, "put", "delete");
  watch(LockManager.prototype, "request");
  watch(BroadcastChannel.prototype, "postMessage");
  ${tamper('watch(api, "openManifest", "openChunks", "openSnapshot");')}`;

/** Lets the update in the page come to its step of the number; says whether it has that many. */
async function stopAt(
  wanted: number,
  tab: ListTab,
  status?: number,
): Promise<{ name: string | undefined; update: Promise<unknown> }> {
  let steps = 0;
  let update: Promise<unknown> = Promise.resolve();
  const name = await new Promise<string | undefined>((reached) => {
    lab.stage.routes.set("/step", ({ url }, response) => {
      if (++steps !== wanted) response.end();
      else if (status !== undefined) response.writeHead(status).end();
      if (steps === wanted) reached(url);
    });
    update = tab.call("update").then(
      (result) => {
        reached(undefined);
        return result;
      },
      () => "gone", // with its page
    );
  });
  return { name, update };
}

/** Opens the first version in a page whose worker takes one step at a time, with the second version published. */
async function openStepwise(t: TestContext, worker = lab.worker("stepwise", STEPWISE)) {
  lab.lists.serve("v1");
  const site = await lab.site(t);
  const tab = await site.tab();
  assert.equal(await tab.open({ worker }), "");
  lab.lists.serve("v2", (file, _, __, response) => file.endsWith(".delta") && !!response.writeHead(404).end());
  return { site, tab };
}

test("a page that ends at any step of an update leaves a list that works", async (t) => {
  const names: string[] = [];
  for (let n = 1; ; n++) {
    const { site, tab } = await openStepwise(t);
    const { name, update } = await stopAt(n, tab);
    if (name === undefined) {
      assert.equal(await update, 2);
      t.diagnostic(`${n - 1} steps: ${names.join(" ")}`);
      break;
    }
    names.push(name);
    await tab.page.close();
    const next = await site.tab();
    assert.equal(await next.open(), "", name);
    const isListed = async () => (await next.call("check", "2")).reason === "no-confirmation";
    assert.equal(await isListed(), (await next.call("snapshot")).version === 2, name);
    assert.equal(await next.call("update"), 2, name);
    assert.ok(await isListed(), name);
    assert.deepEqual(await next.call("stored"), { chunks: 1, lists: 1, marks: 1 }, name);
    await site.close();
  }
  for (const kind of [
    "request",
    "fetch",
    "transaction",
    "put",
    "delete",
    "openManifest",
    "openSnapshot",
    "postMessage",
  ]) {
    assert.ok(names.includes(`/step?${kind}`), `${kind} is a step`);
  }
});

for (const n of [1, 5, 10, 15]) {
  test(`a worker that crashes at step ${n} of an update is replaced, and what served serves on`, async (t) => {
    const { tab } = await openStepwise(t);
    const { update } = await stopAt(n, tab, 205);
    assert.equal(await update, "engine-failed");
    assert.match(await tab.listed(), /^12?$/);
    assert.equal(await tab.call("update"), 2);
    assert.equal(await tab.listed(), "12");
  });
}

test("closing amid an update ends it, and the next page goes on", async (t) => {
  const { site, tab } = await openStepwise(t, lab.worker("plain", ""));
  assert.equal(await tab.call("update", undefined, "snapshot"), "closed");
  const next = await site.tab();
  assert.equal(await next.open(), "");
  assert.equal(await next.call("update"), 2);
  assert.equal(await next.listed(), "12");
});
