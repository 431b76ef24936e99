// Digests made in a worker beside the one that decodes, and what happens without it, in Chromium.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Digester } from "../beside.js";
import { LabPage } from "./labpage.js";
import { png, waves } from "./png.js";

const SCRIPT = "/js/dist/digester.js";
const bytes = randomBytes(700_000);

let page: LabPage;

before(async () => {
  page = await LabPage.open();
  page.stage.routes.set("/bytes", (_, response) => response.end(bytes));
  await page.call("load", "bytes", "/bytes");
  await page.call("pad", "long.jpg", "listed", 600_000);
  const long = Buffer.concat([png(waves(5, 640, 480), 640, 480), Buffer.alloc(600_000)]);
  page.stage.routes.set("/long.png", (_, response) =>
    response.writeHead(200, { "Content-Type": "image/png" }).end(long),
  );
  await page.call("load", "long.png", "/long.png");
});

after(() => page?.close());

test("the digest is SHA-256", async () => {
  const got = await page.call("digests", ["bytes", "long.jpg", "bytes"]);
  const want = createHash("sha256").update(bytes).digest("hex");
  assert.deepEqual([got[0], got[2]], [want, want]);
  assert.match(got[1] ?? "", /^[0-9a-f]{64}$/);
  assert.notEqual(got[1], want);
});

test("where it cannot be made there, it is made here", async () => {
  page.stage.routes.set(SCRIPT, (_, response) => response.writeHead(404).end());
  try {
    assert.equal(await page.open(), "");
    const { outcome } = await page.check("long.jpg");
    assert.deepEqual([outcome.kind, outcome.lane === "sha256"], ["match", false]); // its digest is not the listed file's
    assert.equal((await page.check("long.png")).outcome.kind, "clear"); // read again: the decoder has taken the bytes
    assert.deepEqual(await page.call("digests", ["bytes"]), [""]);
  } finally {
    page.stage.routes.delete(SCRIPT);
  }
});

test("a worker that no longer answers is done without", async () => {
  const { port1, port2 } = new MessageChannel();
  const asked: unknown[] = [];
  const digester = new Digester(port1 as unknown as MessagePort, 50);
  port2.onmessage = ({ data }) => asked.push(data);
  port2.postMessage("ready");
  await setTimeout(10);
  const digest = () => digester.digest(new Blob([bytes]));
  assert.deepEqual(await Promise.all([digest(), digest()]), [undefined, undefined]);
  assert.equal(await digest(), undefined);
  assert.equal(asked.length, 2);
  port1.close();
});

const losses: [name: string, code: string][] = [
  ["in part", "FileReaderSync.prototype.readAsArrayBuffer = () => { throw gone; };"],
  ["as a whole", "Blob.prototype.arrayBuffer = async () => { throw gone; };"],
];

for (const [name, code] of losses) {
  test(`a file that cannot be read ${name} is undecodable`, async () => {
    const slow = `const gone = new DOMException("the file changed", "NotReadableError"); ${code}`;
    const worker = page.sabotage(
      name.replaceAll(" ", "-"),
      `addEventListener("message", ({ data }) => { if (data.blob) { ${slow} } });`,
    );
    assert.equal(await page.open({ worker }), "");
    const { outcome, requests } = await page.check("long.jpg");
    assert.deepEqual([outcome.kind, outcome.reason, requests], ["unsupported", "undecodable", []]);
  });
}
