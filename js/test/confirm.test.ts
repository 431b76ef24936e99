import assert from "node:assert/strict";
import { test } from "node:test";
import { type Key, plain } from "../confirm.js";
import { coded, read } from "./vectors.js";

const phash: Key = { lane: "phash", bytes: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) };
const sha256: Key = { lane: "sha256", bytes: new Uint8Array(32).fill(9) };
const hashes = (...values: number[]) => values.flatMap((value) => Array<number>(32).fill(value));
const isBadAnswer = coded("bad-answer");

interface Vector {
  keys: { lane: Key["lane"]; key: string }[];
  request: string;
  response: string;
  listed: boolean[];
  hashes: string[][];
}

const vectors = read<Vector[]>("confirm", "plain.json");

for (const { keys, request, response, listed, hashes } of vectors) {
  const question = plain.ask(keys.map(({ lane, key }) => ({ lane, bytes: Buffer.from(key, "hex") })));
  const bytes = Buffer.from(response, "hex");

  test(`${keys.length} keys are asked about, and the answers read, as the vectors say`, () => {
    assert.equal(Buffer.from(question.request).toString("hex"), request);
    const answers = question.answers(bytes);
    assert.deepEqual(
      answers.map((answer) => answer.listed),
      listed,
    );
    assert.deepEqual(
      answers.map((answer) => answer.hashes.map((hash) => Buffer.from(hash).toString("hex"))),
      hashes,
    );
  });

  test(`no part of the answers about ${keys.length} keys is well formed, nor more than they`, () => {
    for (let end = 0; end < bytes.length; end++) {
      assert.throws(() => question.answers(bytes.subarray(0, end)), isBadAnswer, `${end} bytes`);
    }
    assert.throws(() => question.answers(Buffer.concat([bytes, Buffer.alloc(1)])), isBadAnswer);
    assert.ok(bytes.length <= question.maxResponse);
  });
}

test("a question holds type, version, count and the keys", () => {
  const { request, path } = plain.ask([phash, sha256]);
  assert.equal(path, "plain");
  assert.deepEqual([...request], [1, 0, 2, 3, 8, ...phash.bytes, 1, 32, ...sha256.bytes]);
});

test("a question holds 1 to 16 keys", () => {
  assert.throws(() => plain.ask([]), RangeError);
  assert.throws(() => plain.ask(Array(17).fill(phash)), RangeError);
  assert.equal(plain.ask(Array(16).fill(phash)).maxResponse, 3 + 16 * (1 + 254 * 32));
});

test("answers come in the order asked, each with its hashes", () => {
  const response = Uint8Array.of(2, 0, 3, 0, 2, ...hashes(7, 8), 255);
  assert.deepEqual(plain.ask([phash, phash, sha256]).answers(response), [
    { listed: false, hashes: [] },
    { listed: true, hashes: [new Uint8Array(32).fill(7), new Uint8Array(32).fill(8)] },
    { listed: true, hashes: [] },
  ]);
});

test("the longest response is well formed", () => {
  const question = plain.ask([phash]);
  const response = Uint8Array.of(2, 0, 1, 254, ...hashes(...Array(254).keys()));
  assert.equal(response.length, question.maxResponse);
  assert.equal(question.answers(response)[0]?.hashes.length, 254);
});

const hostile: [name: string, response: number[]][] = [
  ["empty", []],
  ["head only", [2, 0, 2]],
  ["a request", [1, 0, 2, 0, 0]],
  ["another version", [2, 1, 2, 0, 0]],
  ["another count", [2, 0, 1, 0, 0]],
  ["one answer missing", [2, 0, 2, 0]],
  ["one answer missing behind a hash", [2, 0, 2, 1, ...hashes(0)]],
  ["one answer too many", [2, 0, 2, 0, 0, 0]],
  ["a byte behind the last hash", [2, 0, 2, 0, 1, ...hashes(0), 0]],
  ["a hash without its count", [2, 0, 2, 0, 255, ...hashes(0)]],
  ["no hash where there should be one", [2, 0, 2, 0, 1]],
  ["half a hash", [2, 0, 2, 0, 1, ...hashes(0).slice(16)]],
  ["a hash too few", [2, 0, 2, 0, 254, ...hashes(...Array(253).keys())]],
  ["a hash too many", [2, 0, 2, 0, 1, ...hashes(1, 2)]],
  ["255 hashes", [2, 0, 2, 0, 255, ...hashes(...Array(255).keys())]],
  ["text", [...Buffer.from("<html>")]],
];

for (const [name, response] of hostile) {
  test(`bad-answer: ${name}`, () => {
    assert.throws(() => plain.ask([phash, sha256]).answers(Uint8Array.from(response)), isBadAnswer);
  });
}
