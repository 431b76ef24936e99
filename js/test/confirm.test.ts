import assert from "node:assert/strict";
import { test } from "node:test";
import { type Key, plain } from "../confirm.js";
import { PresealError } from "../index.js";

const phash: Key = { lane: "phash", bytes: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) };
const sha256: Key = { lane: "sha256", bytes: new Uint8Array(32).fill(9) };

test("a question holds type, version, count and the keys", () => {
  const { request, path } = plain.ask([phash, sha256]);
  assert.equal(path, "plain");
  assert.deepEqual([...request], [1, 0, 2, 3, 8, ...phash.bytes, 1, 32, ...sha256.bytes]);
});

test("a question holds 1 to 16 keys", () => {
  assert.throws(() => plain.ask([]), RangeError);
  assert.throws(() => plain.ask(Array(17).fill(phash)), RangeError);
  assert.equal(plain.ask(Array(16).fill(phash)).responseSize, 19);
});

test("answers come in the order asked", () => {
  assert.deepEqual(plain.ask([phash, sha256]).answers(Uint8Array.of(2, 0, 2, 0, 1)), [false, true]);
});

const hostile: [name: string, response: number[]][] = [
  ["empty", []],
  ["head only", [2, 0, 2]],
  ["a request", [1, 0, 2, 0, 0]],
  ["another version", [2, 1, 2, 0, 0]],
  ["another count", [2, 0, 1, 0, 0]],
  ["neither yes nor no", [2, 0, 2, 0, 2]],
  ["too short", [2, 0, 2, 0]],
  ["too long", [2, 0, 2, 0, 0, 0]],
  ["text", [...Buffer.from("<html>")]],
];

for (const [name, response] of hostile) {
  test(`bad-answer: ${name}`, () => {
    const question = plain.ask([phash, sha256]);
    const isBadAnswer = (error: unknown) => error instanceof PresealError && error.code === "bad-answer";
    assert.throws(() => question.answers(Uint8Array.from(response)), isBadAnswer);
  });
}
