import assert from "node:assert/strict";
import { test } from "node:test";
import { backOff, lifetime, nextLook, waitUntil } from "../schedule.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const now = 1_800_000_000_000;

const lifetimes: [cacheControl: string | undefined, age: string | undefined, wanted: number | undefined][] = [
  [undefined, undefined, undefined],
  ["no-cache", undefined, undefined],
  ["", "5", undefined],
  ["max-age=300", undefined, 300_000],
  ["public, MAX-AGE=300, immutable", undefined, 300_000],
  ['max-age="300"', undefined, 300_000],
  ["max-age=300", "100", 200_000],
  ["max-age=300", "400", 0],
  ["max-age=300", "-5", 300_000],
  ["max-age=300", "soon", 300_000],
  ["s-maxage=60", undefined, undefined],
  ["s-maxage=60,max-age=30", undefined, 30_000],
  ["max-age=-1", undefined, undefined],
  ["max-age=forever", undefined, undefined],
];

for (const [cacheControl, age, wanted] of lifetimes) {
  test(`a lifetime by Cache-Control: ${cacheControl}, Age: ${age}`, () => {
    const headers = new Headers();
    if (cacheControl !== undefined) headers.set("Cache-Control", cacheControl);
    if (age !== undefined) headers.set("Age", age);
    assert.equal(lifetime(headers), wanted);
  });
}

const middle = 0.5;
const looks: [name: string, lifetime: number | undefined, expires: number, random: number, wait: number][] = [
  ["the lifetime", 2 * HOUR, 30 * DAY, middle, 2 * HOUR],
  ["an hour if the server does not say", undefined, 30 * DAY, middle, HOUR],
  ["at least a minute", 0, 30 * DAY, middle, MINUTE],
  ["at most twelve hours", 365 * DAY, 30 * DAY, middle, 12 * HOUR],
  ["a tenth less", 2 * HOUR, 30 * DAY, 0, 1.8 * HOUR],
  ["a tenth more", 2 * HOUR, 30 * DAY, 1, 2.2 * HOUR],
  ["until shortly before the snapshot expires", 12 * HOUR, HOUR, 0, 55 * MINUTE],
  ["a little earlier, not all at once", 12 * HOUR, HOUR, 1, 50 * MINUTE],
  ["about a minute if the snapshot is about to expire", 12 * HOUR, MINUTE, middle, 0.9 * MINUTE],
  ["about a minute if the snapshot has expired", undefined, -DAY, middle, 0.9 * MINUTE],
];

for (const [name, lifetime, expires, random, wait] of looks) {
  test(`the next look comes after ${name}`, () => {
    assert.equal(Math.round(nextLook(now, lifetime, now + expires, random) - now), Math.round(wait));
  });
}

test("after failures a look comes later each time, from a minute to an hour, with jitter", () => {
  const waits = [1, 2, 3, 7, 8, 1000, Number.MAX_SAFE_INTEGER].map((n) => backOff(now, n, middle) - now);
  assert.deepEqual(
    waits.map((wait) => wait / MINUTE),
    [1, 2, 4, 60, 60, 60, 60],
  );
  assert.deepEqual([backOff(now, 1, 0) - now, backOff(now, 1, 1) - now], [0.75 * MINUTE, 1.25 * MINUTE]);
});

test("no wait is longer than the longest, whatever the clock said when it was noted", () => {
  assert.equal(waitUntil(now + 5, now), 5);
  assert.equal(waitUntil(now - 5, now), 0);
  assert.equal(Math.round(waitUntil(now + 1000 * DAY, now)), 13.2 * HOUR);
});
