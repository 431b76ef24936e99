import { digest } from "./digest.js";
import type { Trust } from "./messages.js";

/**
 * Whom to trust. One verifier key is the list's authority; two are authority and auditor, and both must have signed. More
 * keys, or conditions, are given by role.
 *
 * @example
 * ```ts
 * const trust: TrustOptions = { roles: { authority: [KEY, NEXT_KEY], auditor: [AUDITOR_KEY] }, origin: "example.org/list" };
 * ```
 */
export type TrustOptions =
  | readonly string[]
  | {
      /** Verifier keys, as `preseal keygen` prints them: name+hash+key. Any key of a role speaks for it. */
      roles: Readonly<Record<string, readonly string[]>>;
      /** How many of the roles must have signed. Default: all. */
      threshold?: number;
      /** The list's name, as its manifest has it. Default: any, but an update never changes it. */
      origin?: string;
      /** What the list is for, as its manifest has it. Default: any, but an update never changes it. */
      purpose?: string;
      /** The lowest version to accept. Default 0. The highest version seen counts besides. */
      minVersion?: number;
    };

/** The roles of the keys in a list. */
const ROLES = ["authority", "auditor"] as const;

/** name + hash + base64 of the algorithm, 1, and an Ed25519 key, 32 bytes. */
const VERIFIER_KEY = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/;
const ED25519 = 1;

/**
 * Checks the options and fills in the defaults.
 *
 * @throws TypeError, RangeError.
 */
export async function trustOf(options: TrustOptions): Promise<Trust> {
  const { roles: given, threshold, origin, purpose, minVersion } = conditionsOf(options);
  if (typeof given !== "object" || given === null) throw new TypeError("trust: no roles");
  const roles = Object.entries(given).map(([name, keys]) => ({ name, keys: keysOf(name, keys) }));
  if (roles.length === 0) throw new TypeError("trust: no keys");
  const keys = roles.flatMap((role) => role.keys);
  for (const key of keys) {
    if (await isVerifierKey(key)) continue;
    throw new TypeError(`trust: ${JSON.stringify(key)} is not a verifier key`);
  }
  const bare = keys.map((key) => VERIFIER_KEY.exec(key)?.[3]); // the same key under two names would sign for two
  if (new Set(bare).size < keys.length) throw new TypeError("trust: a key is named twice");
  for (const [name, value] of Object.entries({ origin, purpose })) {
    if (value !== undefined && typeof value !== "string") throw new TypeError(`trust.${name}: not a string`);
  }
  const trust = {
    roles,
    threshold: threshold ?? roles.length,
    origin: origin ?? "",
    purpose: purpose ?? "",
    minVersion: minVersion ?? 0,
  };
  if (!Number.isSafeInteger(trust.threshold) || trust.threshold < 1 || trust.threshold > roles.length) {
    throw new RangeError(`trust.threshold: ${threshold} is not an integer from 1 to the number of roles`);
  }
  if (!Number.isSafeInteger(trust.minVersion) || trust.minVersion < 0) {
    throw new RangeError(`trust.minVersion: ${minVersion} is not a version`);
  }
  return trust;
}

/** What names the keys that are trusted, whatever their order. */
export function keyring({ roles }: Trust): string {
  const lines = roles.map(({ name, keys }) => [name, ...[...keys].sort()].join(" "));
  return lines.sort().join("\n");
}

function conditionsOf(options: TrustOptions): Partial<Exclude<TrustOptions, readonly string[]>> {
  if (!Array.isArray(options)) return (options ?? {}) as Exclude<TrustOptions, readonly string[]>;
  if (options.length > ROLES.length) throw new TypeError("trust: more than two keys need roles");
  return { roles: Object.fromEntries(options.map((key, i) => [ROLES[i], [key]])) };
}

function keysOf(role: string, keys: unknown): string[] {
  if (!/^[a-z0-9-]{1,32}$/.test(role)) throw new TypeError(`trust: ${JSON.stringify(role)} is no name for a role`);
  if (!Array.isArray(keys) || keys.length === 0) throw new TypeError(`trust: no keys for the role ${role}`);
  return [...keys];
}

/** Whether the text is a key, and its hash is that of its name and key: a key with a typo is nobody's. */
async function isVerifierKey(text: unknown): Promise<boolean> {
  const [, name, hash, base64] = typeof text === "string" ? (VERIFIER_KEY.exec(text) ?? []) : [];
  if (name === undefined || base64 === undefined) return false;
  const key = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const hashed = new Blob([name, "\n", key]);
  const value = await digest(new Uint8Array(await hashed.arrayBuffer()));
  return key[0] === ED25519 && value.slice(0, 8) === hash;
}
