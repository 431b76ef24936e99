// The decoders of what a confirmation server says, fed with random bytes, lengths and changes of good answers. The numbers are
// drawn from a seed, so that a failure comes again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { plain } from "../confirm.js";
import { MAX_BUCKET, openEntries } from "../entry.js";
import { PresealError } from "../index.js";
import { voprf } from "../voprf.js";
import { type Exchange, hexOf, read, scripted, unhex } from "./vectors.js";

const RUNS = 3000;
const RECORD = 101;

/** Random numbers of 32 bits: mulberry32, by Tommy Ettinger. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

type Below = ReturnType<typeof numbers>;

function bytes(length: number, below: Below): Uint8Array {
  return Uint8Array.from({ length }, () => below(256));
}

function flip(bytes: Uint8Array, below: Below): void {
  const at = below(bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << below(8));
}

/** A good answer with one of the things done to it that hostile or broken servers do, or one that never was good. */
function broken(good: Uint8Array, below: Below, most: number): Uint8Array {
  const copy = good.slice();
  const at = below(good.length);
  switch (below(7)) {
    case 0:
      return bytes(below(most), below);
    case 1:
      return bytes(good.length, below);
    case 2: // bits
      for (let n = below(8); n >= 0; n--) flip(copy, below);
      return copy;
    case 3: // the head, where the numbers are
      copy[below(12)] = below(256);
      return copy;
    case 4:
      return copy.slice(0, at);
    case 5:
      return Uint8Array.of(...copy, ...bytes(1 + below(300), below));
    default: // a part somewhere else
      copy.copyWithin(below(copy.length), at, at + below(RECORD));
      return copy;
  }
}

/** Runs work on broken answers: it gives a value or throws an error with one of the codes. Returns how often which. */
async function endure(seed: number, good: Uint8Array, codes: string[], work: (answer: Uint8Array) => unknown) {
  const below = numbers(seed);
  const ends = new Map<string, number>();
  for (let run = 0; run < RUNS; run++) {
    const answer = broken(good, below, 2000);
    let end = "value";
    try {
      await work(answer);
    } catch (error) {
      const isKnown = error instanceof PresealError && codes.includes(error.code);
      assert.ok(isKnown, `seed ${seed}, run ${run}: ${error} for ${hexOf(answer)}`);
      end = error.code;
    }
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  return ends;
}

const exchanges = read<Exchange[]>("confirm", "exchange.json");

test("private answers: another than the good one is refused, whatever it is", async (t) => {
  const vector = exchanges[0] as Exchange;
  const keys = vector.keys.map(({ lane, key }) => ({ lane, bytes: unhex(key) }));
  const question = await voprf(unhex(vector.publicKey), scripted(vector)).ask(keys);
  const good = hexOf(unhex(vector.response));
  const codes = ["bad-answer", "bad-proof", "unknown-key", "busy", "server"];
  const ends = await endure(1, unhex(vector.response), codes, (answer) => {
    const outputs = question.answers(answer);
    assert.equal(hexOf(answer), good, "an answer that was changed is taken");
    assert.deepEqual(outputs.map(hexOf), vector.outputs);
  });
  assert.ok((ends.get("bad-answer") ?? 0) > 0 && (ends.get("bad-proof") ?? 0) > 0);
  t.diagnostic(JSON.stringify([...ends]));
});

test("plain answers: one for each key, or refused", async (t) => {
  const keys = Array.from({ length: 5 }, () => ({ lane: "phash" as const, bytes: new Uint8Array(8) }));
  const question = plain.ask(keys);
  const good = Uint8Array.of(2, 0, 5, 0, 2, ...new Uint8Array(64), 255, 1, ...new Uint8Array(32), 0);
  assert.equal(question.answers(good).length, 5);
  const ends = await endure(2, good, ["bad-answer"], (answer) => {
    const answers = question.answers(answer);
    assert.equal(answers.length, 5);
    const size = answers.reduce((sum, { hashes }) => sum + 1 + 32 * hashes.length, 3);
    assert.equal(size, answer.length, "hashes that the answer does not have");
    for (const { hashes } of answers) for (const hash of hashes) assert.equal(hash.length, 32);
  });
  assert.ok((ends.get("bad-answer") ?? 0) > 0 && (ends.get("value") ?? 0) > 0);
  t.diagnostic(JSON.stringify([...ends]));
});

test("buckets: the entries as they were sealed, or refused", async (t) => {
  const { bucket, keys } = read<{
    bucket: string;
    keys: { output: string; entries: { pdq: string | null; label: string }[] }[];
  }>("confirm", "entries.json");
  const below = numbers(3);
  const ends = await endure(4, unhex(bucket), ["bad-answer"], async (answer) => {
    const { output, entries } = keys[below(keys.length)] as (typeof keys)[number];
    const opened = await openEntries(unhex(output), answer);
    assert.deepEqual(
      opened.map(({ pdq, label }) => ({ pdq: pdq ? hexOf(pdq) : null, label })),
      entries,
    );
  });
  assert.ok((ends.get("bad-answer") ?? 0) > 0 && (ends.get("value") ?? 0) > 0);
  t.diagnostic(JSON.stringify([...ends]));
  const [{ output } = { output: "" }] = keys;
  const tooLong = new Uint8Array((Math.floor(MAX_BUCKET / RECORD) + 1) * RECORD);
  await assert.rejects(openEntries(unhex(output), tooLong), { code: "bad-answer" });
});
