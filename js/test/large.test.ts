// Files that are read in slices, and files that cannot be read to the end, in Chromium.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { asked, LabPage } from "./labpage.js";

const MIB = 2 ** 20;

let page: LabPage;

before(async () => {
  page = await LabPage.open();
  assert.equal(await page.open(), "");
  await page.call("pad", "large.jpg", "listed", 70 * MIB);
  await page.call("make", "text", [...Buffer.from("just text")]);
  await page.call("pad", "large.txt", "text", 70 * MIB);
});

after(() => page?.close());

test("a large file is read in slices: its picture is found, and whether it is one", async () => {
  const { outcome, requests } = await page.check("large.jpg");
  assert.deepEqual([outcome.kind, outcome.decoder], ["match", "jpeg"]);
  assert.notEqual(outcome.lane, "sha256"); // it has another digest than the listed file
  assert.deepEqual(asked(requests), ["POST evaluate", "GET entries"]);
  const phases = outcome.phases ?? [];
  assert.equal(phases.filter((phase) => phase === "read").length, Math.ceil(70.01 / 4));
  assert.deepEqual(phases.slice(-4), ["decode", "probe", "confirm", "confirm"]);
  const text = (await page.check("large.txt")).outcome;
  assert.deepEqual([text.kind, text.reason], ["unsupported", "not-an-image"]);
  assert.ok((text.probes ?? 0) > 0, "the digest is looked for");
});

test("an abort is heard between slices", async () => {
  assert.equal((await page.call("check", "large.jpg", "read")).error, "aborted by the test");
  assert.equal((await page.check("unlisted")).outcome.kind, "clear");
});

const losses: [name: string, code: string][] = [
  ["at once", "Blob.prototype.arrayBuffer = async () => { throw gone; };"],
  ["for the decoder", "FileReaderSync.prototype.readAsArrayBuffer = () => { throw gone; };"],
];

for (const [name, code] of losses) {
  test(`a file that is gone when it is read ${name} is undecodable`, async () => {
    const slow = `const gone = new DOMException("the file changed", "NotReadableError"); ${code}`;
    const worker = page.sabotage(
      name.replaceAll(" ", "-"),
      `addEventListener("message", ({ data }) => { if (data.blob) { ${slow} } });`,
    );
    assert.equal(await page.open({ worker }), "");
    const { outcome, requests } = await page.check("large.jpg");
    assert.deepEqual([outcome.kind, outcome.reason, requests], ["unsupported", "undecodable", []]);
  });
}
