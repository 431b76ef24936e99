/** When to look for an update. Times are milliseconds; random is a number from 0 up to 1. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** How long to wait for the next look at the least, at the most, and if the server does not say. */
const [SHORTEST, LONGEST, DEFAULT] = [MINUTE, 12 * HOUR, HOUR];

/** How long before the end of a snapshot's life its successor is looked for at the latest: this to twice this. */
const MARGIN = 5 * MINUTE;

/** A wait is drawn from this much of it around it, so that clients do not come all at once. */
const JITTER = 0.1;

/**
 * How long a response may be used without asking again: the max-age of its Cache-Control less its Age (RFC 9111, sections
 * 4.2 and 5.1), or undefined if it does not say.
 */
export function lifetime(headers: Headers): number | undefined {
  const [, seconds] = /(?:^|[\s,])max-age="?(\d{1,10})\b/i.exec(headers.get("Cache-Control") ?? "") ?? [];
  if (seconds === undefined) return undefined;
  const age = Number(headers.get("Age")) || 0;
  return 1000 * Math.max(0, Number(seconds) - Math.max(0, age));
}

/** When to look again after a look that succeeded, of a snapshot that expires at the time given. */
export function nextLook(now: number, lifetime: number | undefined, expires: number, random: number): number {
  const wait = Math.min(Math.max(lifetime ?? DEFAULT, SHORTEST), LONGEST);
  const regular = now + wait * (1 + JITTER * (2 * random - 1));
  const last = expires - MARGIN * (1 + random);
  return Math.max(now + SHORTEST * (1 - JITTER), Math.min(regular, last));
}

/** When to look again after looks that failed, `failures` of them in a row: later each time. */
export function backOff(now: number, failures: number, random: number): number {
  const most = Math.min(SHORTEST * 2 ** Math.min(failures - 1, 30), HOUR);
  return now + most * (0.75 + 0.5 * random);
}

/** How long to wait until a time that was noted, perhaps by a clock that has been set back since. */
export function waitUntil(time: number, now: number): number {
  return Math.min(Math.max(0, time - now), LONGEST * (1 + JITTER));
}
