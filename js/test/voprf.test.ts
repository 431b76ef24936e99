// The private protocol's client: against the Go side's vectors, and against a server that noble makes.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Key } from "../confirm.js";
import { voprf } from "../voprf.js";
import { evaluate, publicKey } from "./evaluator.js";
import { coded, type Exchange, hexOf, read, scripted, unhex } from "./vectors.js";

const exchanges = read<Exchange[]>("confirm", "exchange.json");
const badElements = read<{ name: string; element: string }[]>("confirm", "bad-elements.json");
const refusals = read<{ name: string; status: string; request: string; response: string }[]>(
  "confirm",
  "refusals.json",
);

const keysOf = ({ keys }: Exchange): Key[] => keys.map(({ lane, key }) => ({ lane, bytes: unhex(key) }));
const questionOf = (vector: Exchange) => voprf(unhex(vector.publicKey), scripted(vector)).ask(keysOf(vector));

for (const vector of exchanges) {
  test(`${vector.keys.length} keys are asked about, and the answer read, as the vectors say`, async () => {
    const question = await questionOf(vector);
    assert.equal(question.path, "evaluate");
    assert.equal(hexOf(question.request), vector.request);
    const response = unhex(vector.response);
    assert.equal(question.maxResponse, response.length);
    assert.deepEqual(question.answers(response).map(hexOf), vector.outputs);
  });
}

const first = exchanges[0] as Exchange;
const good = unhex(first.response);
const HEADER = 12;
const PROOF = good.length - 64;

/** A copy of the good response with other bytes at some place. */
function patched(at: number, bytes: ArrayLike<number>): Uint8Array {
  const copy = good.slice();
  copy.set(bytes, at);
  return copy;
}

for (const { name, element } of badElements) {
  test(`an element that is none: ${name}`, async () => {
    const question = await questionOf(first);
    for (let slot = 0; slot < 4; slot++) {
      assert.throws(() => question.answers(patched(HEADER + 32 * slot, unhex(element))), coded("bad-answer"));
    }
    await assert.rejects(async () => voprf(unhex(element)).ask(keysOf(first)), coded("corrupt"));
  });
}

const ORDER = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");

const hostile: [name: string, response: Uint8Array][] = [
  ["empty", new Uint8Array()],
  ["the header only", good.slice(0, HEADER)],
  ["a byte too few", good.slice(0, -1)],
  ["a byte too many", Uint8Array.of(...good, 0)],
  ["without a proof", good.slice(0, PROOF)],
  ["more slots", unhex((exchanges[3] as Exchange).response)],
  ["a request", unhex(first.request)],
  ["type request", patched(0, [1])],
  ["version 0", patched(1, [0])],
  ["version 2", patched(1, [2])],
  ["status 5", patched(2, [5])],
  ["status 255", patched(2, [255])],
  ["m = 0", patched(3, [0])],
  ["m = 8", patched(3, [8])],
  ["another key id", patched(4, [(good[4] as number) ^ 1])],
  ["a refusal with elements", patched(2, [3])],
  ["a refusal with a proof", Uint8Array.of(2, 1, 3, 4, ...good.slice(4, HEADER), ...new Uint8Array(191), 1)],
  ["its own key is unknown", Uint8Array.of(2, 1, 1, 4, ...good.slice(4, HEADER), ...new Uint8Array(192))],
  ["c is the order", patched(PROOF, ORDER)],
  ["s is the order", patched(PROOF + 32, ORDER)],
  ["a proof of ones", patched(PROOF, new Uint8Array(64).fill(255))],
  ["text", new TextEncoder().encode("<!doctype html>".repeat(20)).slice(0, good.length)],
];

for (const [name, response] of hostile) {
  test(`bad-answer: ${name}`, async () => {
    const question = await questionOf(first);
    assert.throws(() => question.answers(response), coded("bad-answer"));
  });
}

const unproven: [name: string, response: Uint8Array][] = [
  ["no proof", patched(PROOF, new Uint8Array(64))],
  ["s for c", patched(PROOF, good.slice(PROOF + 32))],
  ["an element for another", patched(HEADER, good.slice(HEADER + 32, HEADER + 64))],
  ["the blinded elements", patched(HEADER, unhex(first.request).slice(HEADER))],
];

for (const [name, response] of unproven) {
  test(`bad-proof: ${name}`, async () => {
    const question = await questionOf(first);
    assert.throws(() => question.answers(response), coded("bad-proof"));
  });
}

test("a server with another secret has no proof", async () => {
  const question = await questionOf({ ...first, publicKey: (exchanges[1] as Exchange).publicKey });
  const response = good.slice();
  response.set(question.request.subarray(4, HEADER), 4);
  assert.throws(() => question.answers(response), coded("bad-proof"));
});

test("refusals are known for what they are, and as long as answers", async () => {
  const codes: Record<string, string> = {
    "unknown-key": "unknown-key",
    malformed: "server",
    busy: "busy",
    internal: "server",
  };
  for (const { name, status, request, response } of refusals) {
    const slots = unhex(response)[3] as number;
    const question = await confirmation.ask(Array(slots).fill(keysOf(first)[0]));
    assert.equal(question.maxResponse, response.length / 2);
    assert.throws(
      () => question.answers(unhex(response)),
      coded(codes[status] ?? ""),
      `${status}, ${name}, ${request}`,
    );
  }
});

const confirmation = voprf(publicKey);
const phash = (n: number): Key => ({ lane: "phash", bytes: new Uint8Array(8).fill(n) });

for (const [count, m] of [
  [1, 4],
  [4, 4],
  [5, 8],
  [8, 8],
  [9, 16],
  [16, 16],
] as const) {
  test(`${count} keys take ${m} slots, and each gets what it gets alone`, async () => {
    const keys = Array.from({ length: count }, (_, i) => phash(i));
    const question = await confirmation.ask(keys);
    assert.equal(question.request.length, 12 + 32 * m);
    const outputs = question.answers(evaluate(question.request));
    for (const [i, key] of keys.entries()) {
      const alone = await confirmation.ask([key]);
      assert.deepEqual(alone.answers(evaluate(alone.request)), [outputs[i]]);
    }
  });
}

test("a question holds 1 to 16 keys", async () => {
  await assert.rejects(async () => confirmation.ask([]), RangeError);
  await assert.rejects(async () => confirmation.ask(Array(17).fill(phash(1))), RangeError);
});

test("the same keys never give the same bytes, and each key goes to any slot", async () => {
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { request } = await confirmation.ask([phash(1)]);
    for (let at = HEADER; at < request.length; at += 32) seen.add(hexOf(request.slice(at, at + 32)));
  }
  assert.equal(seen.size, 80);
});

test("a byte changed on the way, up or down, never ends as an answer", async () => {
  const question = await confirmation.ask([phash(1), phash(2)]);
  const answer = evaluate(question.request);
  question.answers(answer);
  const known = (error: unknown) => ["bad-answer", "bad-proof"].some((code) => coded(code)(error));
  for (const at of answer.keys()) {
    const bad = answer.slice();
    bad[at] = (bad[at] as number) ^ (1 << (at % 8));
    assert.throws(() => question.answers(bad), known, `response byte ${at}`);
  }
  // This server takes any type, version and suite; the vectors say which a real one refuses.
  for (let at = 3; at < question.request.length; at++) {
    const bad = question.request.slice();
    bad[at] = (bad[at] as number) ^ (1 << (at % 8));
    let response: Uint8Array;
    try {
      response = evaluate(bad);
    } catch {
      continue; // no element, or more than there are
    }
    assert.throws(() => question.answers(response), known, `request byte ${at}`);
  }
});
