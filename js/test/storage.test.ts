// What becomes of a list when storage fails, when several pages have it open, and when they end at any moment, in Chromium.

import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { ListLab, type ListTab } from "./listlab.js";

let lab: ListLab;

before(async () => {
  lab = await ListLab.open({ isBig: true });
});

after(() => lab?.close());

/** Serves the second version, without its delta if the whole is wanted. */
function publishSecond(isWhole = false): void {
  const refuse = (file: string) => isWhole && file.endsWith(".delta");
  lab.lists.serve("v2", (file, _, __, response) => refuse(file) && !!response.writeHead(404).end());
}

test("a list that finds no room works from memory, and older versions stay refused", async (t) => {
  lab.lists.serve("big1");
  const site = await lab.site(t);
  const tab = await site.tab();
  const origin = lab.stage.url.slice(0, -1);
  await (await tab.debug()).send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 2_500_000 });
  assert.equal(await tab.open(), "");
  assert.equal((await tab.call("snapshot")).stored, false);
  assert.equal(await tab.listed(), "1");
  lab.lists.serve("big2");
  assert.equal(await tab.call("update"), 2);
  assert.equal((await tab.call("snapshot")).stored, false);
  assert.equal(await tab.listed(), "12");
  assert.deepEqual(await tab.call("stored"), { chunks: 0, lists: 0, marks: 1 });
  lab.lists.serve("big1");
  assert.equal(await (await site.tab()).open(), "rolled-back");

  await (await tab.debug()).send("Storage.overrideQuotaForOrigin", { origin });
  lab.lists.serve("big2");
  assert.equal(await tab.call("update"), 2);
  assert.equal((await tab.call("snapshot")).stored, true, "the next look finds room");
});

test("a list whose storage is cleared goes on, and is stored again at the next look", async (t) => {
  lab.lists.serve("v1");
  const site = await lab.site(t);
  const tab = await site.tab();
  assert.equal(await tab.open(), "");
  const clear = async () => {
    const origin = lab.stage.url.slice(0, -1);
    await (await tab.debug()).send("Storage.clearDataForOrigin", { origin, storageTypes: "all" });
  };
  await clear();
  assert.equal(await tab.listed(), "1");
  assert.equal(await tab.call("update"), 1);
  assert.deepEqual(await tab.call("stored"), { chunks: 1, lists: 1, marks: 1 });
  await clear();
  publishSecond();
  assert.equal(await tab.call("update"), 2);
  assert.equal(await tab.listed(), "12");
  assert.equal((await tab.call("snapshot")).stored, true);
  await clear();
  lab.lists.serve("v1");
  assert.equal(await tab.call("update"), "rolled-back", "the open snapshot's version counts as well");
});

const refusals: Record<string, string> = {
  missing: `Object.defineProperty(globalThis, "indexedDB", { value: undefined });`,
  refused: `IDBFactory.prototype.open = () => { throw new DOMException("no", "SecurityError"); };`,
  stuck: `IDBFactory.prototype.open = () => new EventTarget();`,
  broken: `IDBObjectStore.prototype.put = () => { throw new DOMException("no", "DataError"); };`,
};

for (const [name, code] of Object.entries(refusals)) {
  test(`with an IndexedDB that is ${name} a list opens and is updated in memory`, async (t) => {
    lab.lists.serve("v1");
    const tab = await (await lab.site(t)).tab();
    assert.equal(await tab.open({ worker: lab.worker(`store-${name}`, code), timeout: 20_000 }), "");
    assert.equal((await tab.call("snapshot")).stored, false);
    publishSecond();
    assert.equal(await tab.call("update"), 2);
    assert.equal(await tab.listed(), "12");
    lab.lists.serve("v1");
    assert.equal(await tab.call("update"), "rolled-back");
  });
}

const damages: [name: string, work: (tab: ListTab) => Promise<void>][] = [
  ["a chunk of other bytes", (tab) => tab.call("overwrite", "chunks", [1, 2, 3])],
  ["no chunks", (tab) => tab.call("forget", "chunks")],
  ["an entry that is none", (tab) => tab.call("overwrite", "lists", [1, 2, 3])],
];

for (const [name, work] of damages) {
  test(`a store with ${name} is mended`, async (t) => {
    lab.lists.serve("v1");
    const site = await lab.site(t);
    const first = await site.tab();
    assert.equal(await first.open(), "");
    await work(first);
    const second = await site.tab();
    assert.equal(await second.open(), "");
    assert.equal(await second.listed(), "1");
    lab.lists.serve("v1", (_, __, ___, response) => !!response.destroy());
    assert.equal(await (await site.tab()).open(), "", "from the store again");
  });
}

test("two pages that open a list at once download it once", async (t) => {
  lab.lists.serve("big1");
  const site = await lab.site(t);
  const tabs = await Promise.all([site.tab(), site.tab()]);
  assert.deepEqual(await Promise.all(tabs.map((tab) => tab.open())), ["", ""]);
  assert.equal(lab.lists.asked().filter((line) => line.startsWith("snap")).length, 1);
  for (const tab of tabs) assert.equal(await tab.listed(), "1");
});

test("two pages that update at once download once, and a third one follows", async (t) => {
  lab.lists.serve("v1");
  const site = await lab.site(t);
  const tabs = await Promise.all([site.tab(), site.tab(), site.tab()]);
  for (const tab of tabs) assert.equal(await tab.open(), "");
  publishSecond(true);
  const [one, two, three] = tabs as [ListTab, ListTab, ListTab];
  assert.deepEqual(await Promise.all([one.call("update"), two.call("update")]), [2, 2]);
  assert.equal(lab.lists.asked().filter((line) => line.startsWith("snap")).length, 1);
  assert.deepEqual(await three.call("heard", 1), ["update 2"]);
  const { source, downloaded } = await three.call("snapshot");
  assert.deepEqual([source, downloaded], ["stored", 0]);
  for (const tab of tabs) {
    assert.equal(await tab.listed(), "12");
    assert.deepEqual(await tab.call("heard", 1), ["update 2"]);
  }
});

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
  const instantiate = WebAssembly.instantiate;
  WebAssembly.instantiate = (...args) => {
    let ready;
    Object.defineProperty(globalThis, "presealReady", {
      configurable: true,
      get: () => (api) => {
        watch(api, "openManifest", "openChunks", "openSnapshot");
        ready(api);
      },
      set: (given) => { ready = given; },
    });
    return instantiate(...args);
  };`;

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
  publishSecond(true);
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
