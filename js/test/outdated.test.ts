// Clients whose list is older than the confirmation server's, in Chromium.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConfirmLab } from "./confirmlab.js";

const QUESTION = "POST /new/v1/evaluate";
const LOOK = "GET /list/lists/manifest";

let lab: ConfirmLab;

before(async () => {
  lab = await ConfirmLab.open();
  await lab.serve("new", "new", "--rate", "0");
  await lab.serve("bare", "bare", "--rate", "0");
});

after(() => lab?.close());

/** Opens the old list, which the server of the new one confirms; then lets another version be published. */
async function open(published: "old" | "new" | "bare", update: "auto" | "manual" = "auto"): Promise<void> {
  const { servers } = lab.page.stage;
  const at = (name: string) => servers.get(name) ?? assert.fail(`no server ${name}`);
  servers.set("list", at("old"));
  assert.equal(await lab.openList({ snapshot: "/list/lists/", confirm: "/new/v1/", update }), "");
  servers.set("list", at(published));
}

test("a server that lacks the key of the list says so, in an answer of the usual size, and no newer list is found", async () => {
  await open("old");
  const { outcome, requests, asked } = await lab.check("1");
  assert.deepEqual([outcome.kind, outcome.reason], ["unavailable", "unknown-key"]);
  assert.deepEqual(asked, [QUESTION, LOOK]);
  assert.deepEqual(
    requests.flatMap(({ method, answer }) => (method === "POST" ? [answer?.status, answer?.body.length] : [])),
    [200, 204],
  );
});

test("the newer list is fetched at once, and the check goes on with it", async () => {
  await open("new");
  const { outcome, asked } = await lab.check("1");
  assert.deepEqual([outcome.kind, outcome.label], ["match", "picture 1"]);
  assert.deepEqual(asked, [
    QUESTION,
    LOOK,
    "GET /list/lists/*.chunks",
    "GET /list/lists/*.snap",
    QUESTION,
    "GET /new/v1/entries/*/0",
  ]);
  assert.equal(outcome.requests, 3);
  assert.ok(outcome.phases?.includes("update"));
  assert.equal((await lab.page.call("snapshot")).version, 2);
  assert.equal((await lab.check("3")).asked.filter((one) => one === QUESTION).length, 1);
});

test("a file that the newer list has no candidate for is cleared", async () => {
  await open("bare");
  const { outcome, asked } = await lab.check("1");
  assert.deepEqual([outcome.kind, outcome.requests, outcome.candidates], ["cleared", 1, []]);
  assert.equal(asked.filter((one) => one === QUESTION).length, 1);
});

test("updates that are left to the page are left to it", async () => {
  await open("new", "manual");
  const { outcome, asked } = await lab.check("1");
  assert.deepEqual([outcome.kind, outcome.reason], ["unavailable", "unknown-key"]);
  assert.deepEqual(asked, [QUESTION]);
  assert.equal(await lab.page.call("update"), 2);
  assert.equal((await lab.check("1")).outcome.kind, "match");
});

test("a listed candidate without entries is looked for in a newer list, and never cleared", async () => {
  await open("old");
  assert.equal(await lab.openList({ update: "auto" }), "");
  const { keyId } = (await lab.check("1")).outcome.asked ?? assert.fail("nothing was asked");
  lab.page.stage.routes.set(`/old/v1/entries/${keyId}/0`, (_, response) => response.end());
  const { outcome, asked } = await lab.check("1");
  assert.deepEqual([outcome.kind, outcome.reason], ["unavailable", "bad-answer"]);
  assert.deepEqual(asked, ["POST /old/v1/evaluate", "GET /old/v1/entries/*/0", "GET /old/lists/manifest"]);
});
