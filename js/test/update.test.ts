// How a list is stored, opened again and updated, in Chromium: what is fetched, and what of it is believed.

import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { ListLab, type ListTab } from "./listlab.js";
import { answer, flipped, type Interference } from "./lists.js";

const CHUNK = 1 << 20;
let lab: ListLab;

before(async () => {
  lab = await ListLab.open({ isBig: true });
});

after(() => lab?.close());

test("a list is fetched once, and then opens from the store without a request, or a server", async (t) => {
  lab.lists.serve("v1");
  const site = await lab.site(t);
  const first = await site.tab();
  assert.equal(await first.open({ update: "auto" }), "");
  assert.deepEqual(lab.lists.asked(), ["manifest 200", "chunks 200", "snap 200"]);
  const { size, ...info } = await first.call("snapshot");
  assert.deepEqual([info.stored, info.source, info.downloaded], [true, "full", size]);
  assert.equal(await first.listed(), "1");
  await first.page.close();

  lab.lists.serve("v1", (_, __, ___, response) => !!response.destroy());
  const second = await site.tab();
  const requests = await lab.stage.during(async () => {
    assert.equal(await second.open({ update: "auto" }), "");
    assert.equal(await second.listed(), "1");
  });
  assert.deepEqual(
    requests.map(({ path }) => path).filter((path) => path.startsWith("/list/")),
    [],
  );
  const { stored, source, downloaded } = await second.call("snapshot");
  assert.deepEqual([stored, source, downloaded], [true, "stored", 0]);
});

test("an update that is not there costs one conditional request", async (t) => {
  lab.lists.serve("v1");
  const tab = await (await lab.site(t)).tab();
  assert.equal(await tab.open(), "");
  lab.lists.asked();
  assert.equal(await tab.call("update"), 1);
  assert.deepEqual(lab.lists.asked(), ["manifest 304"]);
  assert.deepEqual(await tab.call("heard", 0), []);
});

test("an update is a delta, and what it brings is stored", async (t) => {
  lab.lists.serve("v1");
  const site = await lab.site(t);
  const tab = await site.tab();
  assert.equal(await tab.open(), "");
  lab.lists.serve("v2");
  assert.equal(await tab.call("update"), 2);
  assert.deepEqual(lab.lists.asked(), ["manifest 200", "delta 200"]);
  assert.equal(await tab.listed(), "12");
  assert.deepEqual(await tab.call("heard", 1), ["update 2"]);
  const { version, deltas, stored, source, downloaded } = await tab.call("snapshot");
  assert.deepEqual([version, stored, source, downloaded], [2, true, "delta", deltas[0]?.size]);
  assert.deepEqual(await tab.call("stored"), { chunks: 1, lists: 1, marks: 1 });

  lab.lists.serve("v2", (_, __, ___, response) => !!response.destroy());
  const other = await site.tab();
  assert.equal(await other.open(), "");
  assert.equal(await other.listed(), "12");
});

test("a delta from an older version than the last serves as well", async (t) => {
  lab.lists.serve("v1");
  const tab = await (await lab.site(t)).tab();
  assert.equal(await tab.open(), "");
  lab.lists.serve("v3");
  assert.equal(await tab.call("update"), 3);
  assert.deepEqual(lab.lists.asked(), ["manifest 200", "delta 200"]);
  assert.equal(await tab.listed(), "123");
});

const uselessDeltas: [name: string, body: (good: Buffer) => Buffer | undefined][] = [
  ["is missing", () => undefined],
  ["has a flipped bit", (good) => flipped(good, good.length >> 1)],
  ["is cut", (good) => good.subarray(1)],
  ["is too long", (good) => Buffer.concat([good, good])],
];

for (const [name, change] of uselessDeltas) {
  test(`instead of a delta that ${name}, the whole is fetched`, async (t) => {
    lab.lists.serve("v1");
    const tab = await (await lab.site(t)).tab();
    assert.equal(await tab.open(), "");
    lab.lists.serve("v2", (file, body, request, response) => {
      if (!file.endsWith(".delta")) return false;
      const other = change(body);
      if (other) answer(other, "no-store", request, response);
      else response.writeHead(404).end();
      return true;
    });
    assert.equal(await tab.call("update"), 2);
    assert.deepEqual(lab.lists.asked().slice(2), ["chunks 200", "snap 200"]);
    assert.equal((await tab.call("snapshot")).source, "full");
    assert.equal(await tab.listed(), "12");
  });
}

/** Opens the big list's first version; the second is then served without its delta. */
async function openBig(t: TestContext, interfere?: Interference): Promise<ListTab> {
  lab.lists.serve("big1");
  const tab = await (await lab.site(t)).tab();
  assert.equal(await tab.open(), "");
  lab.lists.serve("big2", (file, body, request, response) => {
    if (file.endsWith(".delta")) return !!response.writeHead(404).end();
    return interfere?.(file, body, request, response) ?? false;
  });
  return tab;
}

const spoiled: [name: string, kind: string, at: number][] = [
  ["the first chunk", ".snap", 5],
  ["the last chunk", ".snap", 3 * CHUNK + 5],
  ["the hashes of the chunks", ".chunks", 40],
];

for (const [name, kind, at] of spoiled) {
  test(`a flipped bit in ${name} is corrupt, and the old snapshot serves on`, async (t) => {
    const tab = await openBig(t, (file, body, request, response) => {
      if (file.endsWith(kind)) answer(flipped(body, at), "no-store", request, response);
      return file.endsWith(kind);
    });
    assert.equal(await tab.call("update"), "corrupt");
    assert.deepEqual(await tab.call("heard", 1), ["corrupt"]);
    assert.equal(await tab.listed(), "1");
    lab.lists.serve("big2");
    assert.equal(await tab.call("update"), 2);
    assert.equal(await tab.listed(), "12");
  });
}

test("chunks' hashes that are missing are the server's fault", async (t) => {
  const tab = await openBig(t, (file, _, __, response) => file.endsWith(".chunks") && !!response.writeHead(404).end());
  assert.equal(await tab.call("update"), "server");
  assert.equal(await tab.listed(), "1");
});

/** Breaks connections after so many bytes of the file, one after the other. */
function breaking(...ends: number[]): Interference {
  return (file, body, request, response) => {
    const end = file.endsWith(".snap") ? ends.shift() : undefined;
    if (end === undefined) return false;
    const from = Number(/\d+/.exec(request.headers.range ?? "0"));
    const range = { "Content-Range": `bytes ${from}-${body.length - 1}/${body.length}` };
    response.writeHead(from > 0 ? 206 : 200, { "Content-Length": body.length - from, ...(from > 0 && range) });
    response.write(body.subarray(from, end), () => setTimeout(() => response.destroy(), 100));
    return true;
  };
}

test("a download goes on at the first missing chunk when the connection breaks", async (t) => {
  const tab = await openBig(t, breaking(CHUNK + 5000, 2 * CHUNK + 5000));
  assert.equal(await tab.call("update"), 2);
  const snaps = lab.lists.asked().filter((line) => line.startsWith("snap"));
  assert.deepEqual(snaps, ["snap 200", `snap 206 bytes=${CHUNK}-`, `snap 206 bytes=${2 * CHUNK}-`]);
  assert.equal(await tab.listed(), "12");
});

test("a server that ignores Range is understood", async (t) => {
  const cut = breaking(2 * CHUNK + 5000);
  const tab = await openBig(t, (file, body, request, response) => {
    if (cut(file, body, request, response)) return true;
    if (request.headers.range) response.end(body);
    return request.headers.range !== undefined;
  });
  assert.equal(await tab.call("update"), 2);
  assert.deepEqual(lab.lists.asked().slice(-2), ["snap 200", `snap 200 bytes=${2 * CHUNK}-`]);
  assert.equal(await tab.listed(), "12");
});

test("a first download goes on after the page was closed", async (t) => {
  lab.lists.serve("big1", breaking(2 * CHUNK + 5000, 0, 0, 0));
  const site = await lab.site(t);
  const first = await site.tab();
  assert.equal(await first.open(), "network");
  assert.deepEqual(await first.call("stored"), { chunks: 2, lists: 0, marks: 0 });
  await first.page.close();
  lab.lists.serve("big1");
  const second = await site.tab();
  assert.equal(await second.open(), "");
  assert.deepEqual(lab.lists.asked(), ["manifest 304", "chunks 200", `snap 206 bytes=${2 * CHUNK}-`]);
  const { size, source, downloaded } = await second.call("snapshot");
  assert.deepEqual([source, downloaded], ["full", size - 2 * CHUNK]);
  assert.equal(await second.listed(), "1");
  assert.deepEqual(await second.call("stored"), { chunks: 4, lists: 1, marks: 1 });
});

test("chunks of a download that nobody wants any longer go with the next", async (t) => {
  const tab = await openBig(t, breaking(2 * CHUNK + 5000, 0, 0, 0));
  assert.equal(await tab.call("update"), "network");
  assert.deepEqual(await tab.call("stored"), { chunks: 6, lists: 1, marks: 1 });
  lab.lists.serve("big2");
  assert.equal(await tab.call("update"), 2);
  assert.deepEqual(lab.lists.asked().slice(1), ["delta 200"], "the delta is less than the rest");
  assert.deepEqual(await tab.call("stored"), { chunks: 4, lists: 1, marks: 1 });
});

test("calls at the same time are one update, an abort ends it, and closing ends all", async (t) => {
  const tab = await openBig(t, breaking(CHUNK + 5000, CHUNK + 6000));
  assert.equal(await tab.call("update", "snapshot"), "aborted by the test");
  assert.equal(await tab.listed(), "1");
  lab.lists.serve("big2");
  assert.deepEqual(await tab.call("updateTwice", "manifest"), ["aborted by the test", 2]);
  lab.lists.serve("big2");
  assert.deepEqual(await tab.call("updateAll", 3), [2, 2, 2]);
  assert.equal(lab.lists.asked().filter((line) => line.startsWith("manifest")).length, 1);
  lab.lists.serve("big2");
  assert.equal(await tab.call("update", undefined, "manifest"), "closed");
  assert.equal(await tab.call("update"), "closed");
});
