// Digests made in a worker beside the one that decodes, and what happens without it, in Chromium.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Digester } from "../beside.js";
import { root } from "./browser.js";
import { LabPage } from "./labpage.js";
import { png, waves } from "./png.js";

const SCRIPT = "/js/dist/digester.js";
const bytes = randomBytes(700_000);
const large = randomBytes(2 ** 23 + 1); // is not read into memory that is kept
const sha256 = (data: Buffer) => createHash("sha256").update(data).digest("hex");

let page: LabPage;

before(async () => {
  page = await LabPage.open();
  page.stage.routes.set("/bytes", (_, response) => response.end(bytes));
  page.stage.routes.set("/large", (_, response) => response.end(large));
  page.stage.routes.set("/full", (_, response) => response.end(large.subarray(1)));
  for (const name of ["bytes", "large", "full"]) await page.call("load", name, `/${name}`);
  await page.call("pad", "long.jpg", "listed", 600_000);
  const long = Buffer.concat([png(waves(5, 640, 480), 640, 480), Buffer.alloc(600_000)]);
  page.stage.routes.set("/long.png", (_, response) =>
    response.writeHead(200, { "Content-Type": "image/png" }).end(long),
  );
  await page.call("load", "long.png", "/long.png");
});

after(() => page?.close());

const names = ["full", "bytes", "large", "long.jpg", "bytes"];

test("the digest is SHA-256", async () => {
  const got = await page.call("digests", names);
  const [full, short, long, jpeg] = [sha256(large.subarray(1)), sha256(bytes), sha256(large), got[3] ?? ""];
  assert.match(jpeg, /^[0-9a-f]{64}$/);
  const want = [full, short, long, jpeg, short];
  assert.deepEqual(got, [...want, ...want]);
});

/** Digests files where something goes before the script. */
async function digestsAfter(code: string, names: string[]): Promise<string[]> {
  const script = await readFile(join(root, SCRIPT), "utf8");
  page.stage.routes.set(SCRIPT, (_, response) =>
    response.writeHead(200, { "Content-Type": "text/javascript" }).end(`${code}\n${script}`),
  );
  try {
    return await page.call("digests", names);
  } finally {
    page.stage.routes.delete(SCRIPT);
  }
}

test("it is the same where a file cannot be read into memory that is kept", async () => {
  const code = "ReadableStream.prototype.getReader = () => { throw new TypeError(); };";
  assert.deepEqual(await digestsAfter(code, names), await page.call("digests", names));
});

test("a file that has become shorter has none", async () => {
  const code =
    "const { stream } = Blob.prototype; Blob.prototype.stream = function () { return stream.call(this.slice(1)); };";
  assert.deepEqual(await digestsAfter(code, ["bytes", "large"]), ["", sha256(large), "", sha256(large)]);
});

test("where it cannot be made there, it is made here", async () => {
  page.stage.routes.set(SCRIPT, (_, response) => response.writeHead(404).end());
  try {
    assert.equal(await page.open(), "");
    const { outcome } = await page.check("long.jpg");
    assert.deepEqual([outcome.kind, outcome.lane === "sha256"], ["match", false]); // its digest is not the listed file's
    assert.equal((await page.check("long.png")).outcome.kind, "clear"); // read again: the decoder has taken the bytes
    assert.deepEqual(await page.call("digests", ["bytes"]), ["", ""]);
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
