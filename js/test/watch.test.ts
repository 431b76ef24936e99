// Which updates are refused, when the worker looks for them, and what checks see of them, in Chromium.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CLOCK, ListLab } from "./listlab.js";

let lab: ListLab;

before(async () => {
  lab = await ListLab.open();
});

after(() => lab?.close());

const refused: [version: string, code: string, before: string][] = [
  ["v1", "rolled-back", "v2"],
  ["rival", "conflicting", "v2"],
  ["forked", "broken-chain", "v1"],
  ["elsewhere", "wrong-origin", "v2"],
];

for (const [version, code, before] of refused) {
  test(`an update that is ${code} is refused, and the old snapshot serves on, in the next page too`, async (t) => {
    lab.lists.serve(before);
    const site = await lab.site(t);
    const tab = await site.tab();
    assert.equal(await tab.open(), "");
    const listed = await tab.listed();
    lab.lists.serve(version);
    assert.equal(await tab.call("update"), code);
    assert.deepEqual(await tab.call("heard", 1), [code]);
    assert.equal(await tab.listed(), listed);
    const next = await site.tab();
    assert.equal(await next.open(), "");
    assert.equal(await next.listed(), listed);
  });
}

test("with two keys, a list and its updates need both signatures", async (t) => {
  const trust = lab.lists.keys;
  const tab = await (await lab.site(t)).tab();
  lab.lists.serve("v1");
  assert.equal(await tab.open({ trust }), "untrusted");
  lab.lists.serve("audited");
  assert.equal(await tab.open({ trust }), "");
  const signers = [
    { name: "example.org/list", role: "authority" },
    { name: "example.org/auditor", role: "auditor" },
  ];
  assert.deepEqual((await tab.call("snapshot")).signers, signers);
  assert.equal(await tab.open({ trust: [...trust].reverse() }), "", "each key has signed, whatever its role");
  assert.equal(await tab.open({ trust }), "");
  lab.lists.serve("pending");
  assert.equal(await tab.call("update"), "untrusted");
  assert.equal(await tab.listed(), "1");
  lab.lists.serve("approved");
  assert.equal(await tab.call("update"), 2);
  assert.equal(await tab.listed(), "13");
});

test("an older snapshot is refused even if the newer one is no longer stored", async (t) => {
  lab.lists.serve("v2");
  const site = await lab.site(t);
  const tab = await site.tab();
  assert.equal(await tab.open(), "");
  await tab.call("forget", "lists", "chunks");
  lab.lists.serve("v1");
  assert.equal(await (await site.tab()).open(), "rolled-back");
  assert.equal(await tab.call("update"), "rolled-back");
});

test("a snapshot that expires while it serves is replaced at once if the publisher has another", async (t) => {
  lab.lists.serve("v1");
  const tab = await (await lab.site(t)).tab();
  assert.equal(await tab.open({ update: "auto", worker: lab.worker("clock", CLOCK) }), "");
  await tab.call("say", "days 31");
  assert.equal(await tab.listed(), "expiredexpiredexpired");
  assert.deepEqual(await tab.call("heard", 1), ["expired"], "the publisher has none");
  assert.equal(await tab.listed(), "expiredexpiredexpired");
  assert.deepEqual(await tab.call("heard", 1), ["expired"], "and is not asked for each file");
  lab.lists.serve("v2");
  await tab.call("say", "days 1");
  await tab.call("say", "look");
  assert.deepEqual(await tab.call("heard", 2), ["expired", "update 2"]);
  assert.equal(await tab.listed(), "12");
});

test("a stored snapshot that has expired is fetched anew", async (t) => {
  lab.lists.serve("v1");
  const site = await lab.site(t);
  assert.equal(await (await site.tab()).open(), "");
  lab.lists.asked();
  const late = `{ const real = Date.now; Date.now = () => real() + 31 * 86_400_000; }`;
  assert.equal(await (await site.tab()).open({ worker: lab.worker("late", late) }), "expired");
  assert.deepEqual(lab.lists.asked(), ["manifest 304"]);
});

test("the worker looks by itself when it is time, and clear files cause no request meanwhile", async (t) => {
  lab.lists.serve("v1");
  const tab = await (await lab.site(t)).tab();
  assert.equal(await tab.open({ update: "auto", worker: lab.worker("clock", CLOCK) }), "");
  assert.deepEqual(await lab.stage.during(() => tab.call("check", "2")), []);
  lab.lists.serve("v2");
  await tab.call("say", "days 1");
  await tab.call("say", "look");
  assert.deepEqual(await tab.call("heard", 1), ["update 2"]);
  lab.lists.serve("v1");
  await tab.call("say", "days 2");
  await tab.call("say", "look");
  assert.deepEqual(await tab.call("heard", 2), ["update 2", "rolled-back"]);
  lab.lists.serve("v3");
  await tab.call("say", "days 3");
  await tab.call("say", "look");
  assert.deepEqual(await tab.call("heard", 3), ["update 2", "rolled-back", "update 3"]);
  assert.equal(await tab.listed(), "123");
});

test("a file that is checked during an update is answered by the snapshot it began with", async (t) => {
  let proceed = () => {};
  const held = new Promise<void>((resolve) => {
    proceed = resolve;
  });
  lab.lists.serve("v1");
  const tab = await (await lab.site(t)).tab();
  lab.stage.routes.set("/slow/plain", async (_, response) => {
    const count = lab.stage.requests.at(-1)?.body[2] ?? 0;
    await held;
    response.writeHead(200, { "Content-Type": "application/vnd.preseal.confirm" });
    response.end(Buffer.from([2, 0, count, ...Array<number>(count).fill(0)]));
  });
  assert.equal(await tab.open({ confirm: "/slow/", confirmation: "plain" }), "");
  const checking = tab.call("check", "1");
  lab.lists.serve("v2");
  assert.equal(await tab.call("update"), 2);
  assert.equal((await tab.call("check", "3")).kind, "clear");
  proceed();
  assert.equal((await checking).kind, "cleared");
});

test("a worker that is replaced after its snapshot has expired says so while there is no other", async (t) => {
  lab.lists.serve("v1");
  const tab = await (await lab.site(t)).tab();
  const crash = `addEventListener("message", ({ data }) => { if (data.blob?.name === "3") throw new Error("crash"); });`;
  const worker = lab.worker("mortal", crash);
  assert.equal(await tab.open({ worker, update: "auto" }), "");
  lab.worker("mortal", "{ const real = Date.now; Date.now = () => real() + 31 * 86_400_000; }"); // the next one
  lab.lists.serve("v2", (_, __, ___, response) => !!response.destroy());
  assert.equal((await tab.call("check", "3")).reason, "engine-failed");
  assert.equal((await tab.call("check", "2")).reason, "expired");
  lab.worker("mortal", "");
  lab.lists.serve("v2");
  assert.equal((await tab.call("check", "2")).kind, "clear", "what was kept is of use again");
  assert.equal(await tab.call("update"), 2);
  assert.equal(await tab.listed(), "12");
});
