// What becomes of a list when storage fails, and when several pages have it open, in Chromium.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CHUNK } from "../chunks.js";
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

/** Lets the site store so many bytes; without a number, as many as the browser likes. */
async function limit(tab: ListTab, quotaSize?: number): Promise<void> {
  const origin = lab.stage.url.slice(0, -1);
  await (await tab.debug()).send("Storage.overrideQuotaForOrigin", { origin, ...(quotaSize && { quotaSize }) });
}

test("a list that finds no room works from memory, and older versions stay refused", async (t) => {
  lab.lists.serve("big1");
  const site = await lab.site(t);
  const tab = await site.tab();
  await limit(tab, 500_000);
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
});

test("a list that finds room for a part of it only works from memory, until there is more", async (t) => {
  lab.lists.serve("big1");
  const tab = await (await lab.site(t)).tab();
  await limit(tab, 2_500_000);
  assert.equal(await tab.open(), "");
  assert.equal((await tab.call("snapshot")).stored, false);
  lab.lists.serve("big2");
  assert.equal(await tab.call("update"), 2);
  assert.equal(await tab.listed(), "12");
  assert.equal((await tab.call("snapshot")).stored, false);
  await limit(tab);
  assert.equal(await tab.call("update"), 2);
  assert.equal((await tab.call("snapshot")).stored, true, "the next look finds room");
  assert.deepEqual(await tab.call("stored"), { chunks: 4, lists: 1, marks: 1 });
});

test("an update that finds no room serves from memory, and the snapshot that it makes too old goes", async (t) => {
  const full = `
    let isFull = false;
    addEventListener("message", ({ data }) => { isFull ||= data.type === "update"; });
    const put = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (...args) {
      if (isFull && this.name !== "marks") throw new DOMException("full", "QuotaExceededError");
      return put.apply(this, args);
    };`;
  lab.lists.serve("v1");
  const site = await lab.site(t);
  const tab = await site.tab();
  assert.equal(await tab.open({ worker: lab.worker("full", full) }), "");
  assert.equal((await tab.call("snapshot")).stored, true);
  assert.equal(await tab.call("update"), 1);
  assert.equal((await tab.call("snapshot")).stored, true, "what is there and valid stays");
  publishSecond();
  assert.equal(await tab.call("update"), 2);
  assert.equal(await tab.listed(), "12");
  assert.equal((await tab.call("snapshot")).stored, false);
  assert.deepEqual(await tab.call("stored"), { chunks: 0, lists: 0, marks: 1 });
  const other = await site.tab();
  assert.equal(await other.open(), "");
  assert.equal(await other.listed(), "12");
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
  ["a chunk too many", (tab) => tab.call("overfill")],
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

test("a file ends with the first of its chunks that is not full", async (t) => {
  const tab = await (await lab.site(t)).tab();
  const files: [lengths: (number | null)[], want: number][] = [
    [[], 0],
    [[5], 5],
    [[CHUNK], CHUNK],
    [[CHUNK, CHUNK], 2 * CHUNK],
    [[CHUNK, 5, CHUNK], CHUNK + 5],
    [[CHUNK, null, CHUNK], CHUNK],
    [[null, CHUNK], 0],
  ];
  for (const [lengths, want] of files) assert.equal(await tab.call("join", lengths), want, String(lengths));
});

test("a list that nobody has opened for long goes when another is stored", async (t) => {
  lab.lists.serve("v1");
  lab.stage.routes.set("/moved/", lab.lists.handle);
  const site = await lab.site(t);
  const tab = await site.tab();
  assert.equal(await tab.open(), "");
  await tab.call("backdate", 80);
  assert.equal(await tab.open({ snapshot: "/moved/" }), "");
  assert.deepEqual(await tab.call("stored"), { chunks: 2, lists: 2, marks: 1 });
  await tab.call("backdate", 20);
  assert.equal(await tab.call("update"), 1);
  assert.deepEqual(await tab.call("stored"), { chunks: 1, lists: 1, marks: 1 });
});

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
