import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, openEntries } from "../entry.js";
import { coded, hexOf, read, unhex } from "./vectors.js";

interface File {
  bucket: string;
  keys: { output: string; entries: { pdq: string | null; label: string }[]; records: string[] }[];
}

const { bucket, keys } = read<File>("confirm", "entries.json");
const plain = ({ pdq, label }: Entry) => ({ pdq: pdq ? hexOf(pdq) : null, label });

for (const { output, entries } of keys) {
  test(`${entries.length} entries are found in their bucket: ${entries.map(({ label }) => label)}`, async () => {
    const opened = await openEntries(unhex(output), unhex(bucket));
    assert.deepEqual(opened.map(plain), entries);
  });
}

test("an output without entries opens nothing", async () => {
  for (const hex of ["", bucket]) {
    await assert.rejects(openEntries(new Uint8Array(64), unhex(hex)), coded("bad-answer"));
  }
});

const [output, records] = (({ output, records }) => [unhex(output), records] as const)(
  keys.at(-1) as File["keys"][number],
);

test("a bucket that lacks one of the entries clears nothing", async () => {
  for (const missing of records) {
    const rest = records.filter((record) => record !== missing).join("");
    await assert.rejects(openEntries(output, unhex(rest)), coded("bad-answer"));
  }
});

test("a bucket in which a byte was changed, added or left out clears nothing", async () => {
  const good = unhex(records.join(""));
  assert.equal((await openEntries(output, good)).length, records.length);
  for (const at of good.keys()) {
    const bad = good.slice();
    bad[at] = (bad[at] as number) ^ 1;
    await assert.rejects(openEntries(output, bad), coded("bad-answer"), `byte ${at}`);
  }
  await assert.rejects(openEntries(output, Uint8Array.of(...good, 0)), coded("bad-answer"));
  await assert.rejects(openEntries(output, good.slice(1)), coded("bad-answer"));
});
