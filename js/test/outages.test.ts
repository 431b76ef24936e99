// Confirmation servers that fail, are busy, late or impostors, in Chromium. None of them clears anything.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CONTENT_TYPE } from "../confirm.js";
import { decide, type Verdict } from "../index.js";
import type { Handler } from "./browser.js";
import { type Checked, ConfirmLab } from "./confirmlab.js";
import { evaluate } from "./evaluator.js";

let lab: ConfirmLab;

before(async () => {
  lab = await ConfirmLab.open();
});

after(() => lab?.close());

/** The statuses of the answers to questions, and their lengths. */
function answersTo({ requests }: Checked): (number | undefined)[][] {
  return requests.flatMap(({ method, answer }) => (method === "POST" ? [[answer?.status, answer?.body.length]] : []));
}

/** Asserts that a check failed for a reason, and after how many requests to the server. */
function failed({ outcome }: Checked, reason: string, requests: number): void {
  assert.deepEqual([outcome.kind, outcome.reason, outcome.requests], ["unavailable", reason, requests]);
}

/** Lets a path of a server of the test's own do as it says. */
function answering(path: string, handler: Handler): void {
  lab.page.stage.routes.set(path, handler);
}

/** The last request's body. */
function asked(): Buffer {
  return lab.page.stage.requests.at(-1)?.body ?? assert.fail("no request");
}

test("a server with another key is found out, and the file is held under either policy", async () => {
  answering("/impostor/evaluate", (_, response) => {
    response.writeHead(200, { "Content-Type": CONTENT_TYPE }).end(evaluate(asked()));
  });
  assert.equal(await lab.openList({ confirm: "/impostor/" }), "");
  const checked = await lab.check("1");
  failed(checked, "bad-proof", 1);
  const verdict = checked.outcome as unknown as Verdict;
  assert.deepEqual([decide(verdict, "fail-open"), decide(verdict, "fail-closed")], ["hold", "hold"]);
  assert.equal(decide(verdict, "fail-open", { sendDespite: ["bad-proof"] }), "send");
});

test("a busy server is asked again when it wants, with the same bytes, unless that is too late", async () => {
  await lab.serve("narrow", "old", "--rate", "0.5", "--burst", "1");
  assert.equal(await lab.openList({ confirm: "/narrow/v1/" }), "");
  assert.deepEqual(answersTo(await lab.check("1")), [[200, 204]]);
  const again = await lab.check("1");
  assert.equal(again.outcome.kind, "match");
  assert.deepEqual(answersTo(again), [
    [429, 204],
    [200, 204],
  ]);
  const [first, second] = again.requests;
  assert.deepEqual(first?.body, second?.body);
  await lab.serve("shut", "old", "--rate", "0.01", "--burst", "1");
  assert.equal(await lab.openList({ confirm: "/shut/v1/" }), "");
  assert.equal((await lab.check("1")).outcome.kind, "match");
  const shut = await lab.check("1");
  failed(shut, "busy", 1);
  assert.deepEqual(answersTo(shut), [[429, 204]]);
});

test("a server that fails once is asked again, one that fails twice is not", async () => {
  let failures = 1;
  const path = "/old/v1/evaluate";
  answering(path, (_, response) => {
    if (--failures === 0) lab.page.stage.routes.delete(path);
    response.writeHead(503).end();
  });
  assert.equal(await lab.openList(), "");
  const passing = await lab.check("1");
  assert.deepEqual([passing.outcome.kind, passing.outcome.requests], ["match", 3]);
  failures = 2;
  answering(path, (_, response) => {
    if (--failures === 0) lab.page.stage.routes.delete(path);
    response.writeHead(503).end();
  });
  failed(await lab.check("1"), "server", 2);
});

const hopeless: [name: string, handler: Handler, reason: string, requests: number][] = [
  ["refuses", (_, response) => response.writeHead(400).end(), "server", 1],
  ["redirects", (_, response) => response.writeHead(307, { Location: "/old/v1/evaluate" }).end(), "network", 2],
  ["answers as text", (_, response) => response.end(evaluate(asked())), "bad-answer", 1],
  ["says too little", (_, response) => respond(response, evaluate(asked()).subarray(1)), "bad-answer", 1],
  ["says too much", (_, response) => respond(response, Uint8Array.of(...evaluate(asked()), 0)), "bad-answer", 1],
  ["says nothing", (_, response) => respond(response, new Uint8Array()), "bad-answer", 1],
  ["never answers", () => {}, "timeout", 2],
  // What comes after the deadline is not looked at: it would be a bad proof.
  ["is late", (_, response) => setTimeout(() => respond(response, evaluate(asked())), 900), "timeout", 2],
  ["breaks off", (_, response) => breakOff(response), "network", 2],
];

for (const [name, handler, reason, requests] of hopeless) {
  test(`a server that ${name}: ${reason}`, async () => {
    answering("/hopeless/evaluate", handler);
    assert.equal(await lab.openList({ confirm: "/hopeless/", timeout: 600 }), "");
    failed(await lab.check("1"), reason, requests);
    assert.equal((await lab.check("10")).outcome.kind, "clear");
  });
}

const entries: [name: string, handler: Handler, reason: string, requests: number][] = [
  ["missing", (_, response) => response.writeHead(404).end(), "server", 2],
  ["unreachable", (_, response) => response.writeHead(502).end(), "server", 3],
  ["empty", (_, response) => response.end(), "bad-answer", 2],
  ["of others", (_, response) => response.end(Buffer.alloc(101)), "bad-answer", 2],
  ["cut", (_, response) => response.end(Buffer.alloc(100)), "bad-answer", 2],
  ["too large", (_, response) => response.end(Buffer.alloc(101 * 10_400)), "bad-answer", 2],
];

for (const [name, handler, reason, requests] of entries) {
  test(`entries that are ${name}: ${reason}`, async (t) => {
    assert.equal(await lab.openList(), "");
    const { keyId } = (await lab.check("1")).outcome.asked ?? assert.fail("nothing was asked");
    const path = `/old/v1/entries/${keyId}/0`;
    answering(path, handler);
    t.after(() => lab.page.stage.routes.delete(path));
    // Two and more candidates are listed: the bucket is not asked for once for each of them.
    for (const file of ["1", "4"]) failed(await lab.check(file), reason, requests);
  });
}

test("after a bucket that does not open no other is asked for", async (t) => {
  await lab.serve("wide", "wide", "--rate", "0");
  assert.equal(await lab.openList({ snapshot: "/wide/lists/", confirm: "/wide/v1/" }), "");
  const good = await lab.check("4");
  assert.equal(good.outcome.kind, "cleared");
  const fetched = ({ requests }: Checked) =>
    requests.map(({ path }) => path).filter((path) => /\/entries\//.test(path));
  const buckets = fetched(good);
  assert.ok(buckets.length > 1, `${buckets.length} buckets`);
  assert.equal(new Set(buckets).size, buckets.length);
  const [first = ""] = buckets;
  const folder = first.replace(/[^/]*$/, "");
  answering(folder, (_, response) => response.end()); // every bucket is empty
  t.after(() => lab.page.stage.routes.delete(folder));
  const checked = await lab.check("4");
  failed(checked, "bad-answer", 2);
  assert.deepEqual(fetched(checked), [first]);
});

test("offline, nothing is attempted, not even the scripts", async () => {
  const code = `Object.defineProperty(WorkerNavigator.prototype, "onLine", { get: () => false });`;
  assert.equal(await lab.openList({ worker: lab.page.sabotage("offline", code) }), "");
  const checked = await lab.check("1");
  failed(checked, "network", 0);
  assert.deepEqual(checked.requests, []);
  assert.equal((await lab.check("10")).outcome.kind, "clear");
});

test("a list without a key is confirmed plainly if the page says so by name, and not at all otherwise", async () => {
  await lab.serve("plain", "plain", "--plain", "--rate", "0");
  const plain = { snapshot: "/plain/lists/", confirm: "/plain/v1/" };
  assert.equal(await lab.openList(plain), "");
  const refused = await lab.check("1");
  failed(refused, "no-confirmation", 0);
  assert.deepEqual(refused.requests, []);
  assert.equal(await lab.openList({ ...plain, confirmation: "plain" }), "");
  const { outcome, asked } = await lab.check("1");
  assert.deepEqual([outcome.kind, outcome.label, asked], ["match", "", ["POST /plain/v1/plain"]]);
  // Of more candidates than a plain question holds, those that are left out are not cleared.
  const cleared = await lab.check("4");
  assert.deepEqual([cleared.outcome.kind, cleared.asked], ["cleared", ["POST /plain/v1/plain"]]);
  failed(await lab.check("8"), "overflow", 1);
});

function respond(response: Parameters<Handler>[1], body: Uint8Array): void {
  response.writeHead(200, { "Content-Type": CONTENT_TYPE }).end(body);
}

function breakOff(response: Parameters<Handler>[1]): void {
  const body = evaluate(asked());
  response.writeHead(200, { "Content-Type": CONTENT_TYPE, "Content-Length": body.length });
  response.write(body.subarray(0, 100), () => response.destroy());
}
