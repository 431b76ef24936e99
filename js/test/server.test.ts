// How long a client waits before it asks a confirmation server again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Refused } from "../download.js";
import { PresealError } from "../index.js";
import { waitAfter } from "../server.js";

const MINUTE = 60_000;

function refused(status: number, seconds?: number): Refused {
  const headers = seconds === undefined ? {} : { "Retry-After": String(seconds) };
  return new Refused("test", new Response(null, { status, headers }));
}

const waits: [name: string, error: unknown, timeout: number, wait: number | undefined][] = [
  ["no connection", new PresealError("network", ""), MINUTE, 500],
  ["no answer in time", new PresealError("timeout", ""), MINUTE, 500],
  ["a busy server", refused(429), MINUTE, 500],
  ["a busy server for 10 s", refused(429, 10), MINUTE, 10_500],
  ["a busy server for 11 s", refused(429, 11), MINUTE, undefined],
  ["a server that is down for 11 s", refused(503, 11), MINUTE, undefined],
  ["a busy server for longer than a request may take", refused(429, 3), 2_000, undefined],
  ["a server that is down", refused(503), MINUTE, 500],
  ["a server that refuses", refused(400, 1), MINUTE, undefined],
  ["a garbled answer", new PresealError("bad-answer", ""), MINUTE, undefined],
];

for (const [name, error, timeout, wait] of waits) {
  test(`${name}: ${wait === undefined ? "not asked again" : `asked again after ${wait} ms`}`, () => {
    assert.equal(waitAfter(error, timeout, 0.5), wait);
  });
}

test("the pause is random, of a second at most", () => {
  for (const random of [0, 0.999]) {
    const wait = waitAfter(refused(429), MINUTE, random) ?? assert.fail("no wait");
    assert.ok(wait > 0 && wait < 1000, `${wait}`);
  }
});
