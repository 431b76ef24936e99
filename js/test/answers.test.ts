// What a plain confirmation server says, and what the package makes of it, in Chromium.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CONTENT_TYPE } from "../confirm.js";
import { LabPage } from "./labpage.js";

let page: LabPage;

before(async () => {
  page = await LabPage.open();
});

after(() => page?.close());

const no = Buffer.of(0);

/** Opens the demo's list, to be asked about plainly. */
function open(confirm: string): Promise<string> {
  return page.open({ confirm, confirmation: "plain" });
}

/** Serves the same answer for every key asked about. */
function serve(path: string, answer: Buffer, status = 200, type = CONTENT_TYPE): void {
  page.stage.routes.set(path, (_, response) => {
    const count = page.stage.requests.at(-1)?.body[2] ?? 0;
    response.writeHead(status, { "Content-Type": type });
    response.end(Buffer.concat([Buffer.of(2, 0, count), ...Array<Buffer>(count).fill(answer)]));
  });
}

test("a confirmation is an answer only with status 200, the right type and from the server asked", async () => {
  serve("/accepted/plain", no, 202);
  serve("/untyped/plain", no, 200, "text/html");
  serve("/elsewhere", no);
  page.stage.routes.set("/moved/plain", (_, response) => response.writeHead(307, { Location: "/elsewhere" }).end());
  const bases = { accepted: "server", untyped: "bad-answer", moved: "network" };
  for (const [base, reason] of Object.entries(bases)) {
    assert.equal(await open(`/${base}/`), "");
    const { outcome, requests } = await page.check("listed");
    assert.deepEqual([outcome.kind, outcome.reason], ["unavailable", reason], base);
    assert.deepEqual([...new Set(requests)], [`POST /${base}/plain`]);
    assert.equal(requests.length, reason === "network" ? 2 : 1, base); // a redirect that is refused looks like an outage
  }
});

test("a candidate that the server does not list is cleared", async () => {
  serve("/says-no/plain", no);
  assert.equal(await open("/says-no/"), "");
  assert.equal((await page.check("listed")).outcome.kind, "cleared");
});

/** Lets a server say of every key that it is listed, with the PDQ hashes given. */
async function listsAll(...hashes: Buffer[]) {
  serve("/says-yes/plain", Buffer.concat([Buffer.of(hashes.length || 255), ...hashes]));
  assert.equal(await open("/says-yes/"), "");
  return (await page.check("copy")).outcome;
}

test("a listed key is a match only with a second hash near the picture's", async () => {
  await page.call("derive", "copy", "listed", 0.5, "image/jpeg", 0.5);
  const { kind, reason } = await listsAll();
  assert.deepEqual([kind, reason], ["unavailable", "bad-answer"]);
  const { pdq = "" } = (await page.check("copy")).outcome;
  const own = Buffer.from(pdq, "hex");
  const far = Buffer.from(own.map((byte) => byte ^ 0x11)); // 64 bits
  assert.equal((await listsAll(far)).kind, "cleared");
  assert.deepEqual((await listsAll(far, own)).secondHash, 0);
});

const confirmations: [base: string | undefined, reason: string, requests: number][] = [
  ["/faults/confirm-down/", "network", 2],
  ["/faults/confirm-500/", "server", 2],
  ["/faults/confirm-garbage/", "bad-answer", 1],
  ["/faults/confirm-slow/", "timeout", 2],
  [undefined, "no-confirmation", 0],
];

for (const [confirm, reason, count] of confirmations) {
  test(`confirmation ${confirm ?? "not configured"}: unavailable, ${reason}`, async () => {
    const options = { snapshot: "/lists/", trust: page.trust, timeout: 2000, confirmation: "plain" } as const;
    assert.equal(await page.call("open", { ...options, ...(confirm !== undefined && { confirm }) }), "");
    const { outcome } = await page.check("listed");
    assert.deepEqual([outcome.kind, outcome.reason, outcome.requests], ["unavailable", reason, count]);
    assert.equal((await page.check("unlisted")).outcome.kind, "clear");
  });
}
