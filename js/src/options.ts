import { digest } from "./digest.js";
import type { OpenProgress, Settings, Trust } from "./messages.js";

/** Whom to trust: a list of verifier keys, or the keys with conditions. */
export type TrustOptions =
  | readonly string[]
  | {
      /** Verifier keys, as `preseal keygen` prints them: name+hash+key. */
      keys: readonly string[];
      /** How many of them must have signed. Default 1. */
      threshold?: number;
      /** The list's name, as its manifest has it. Default: any. */
      origin?: string;
      /** What the list is for, as its manifest has it. Default: any. */
      purpose?: string;
      /** The lowest version to accept. Default 0. The highest version seen counts besides. */
      minVersion?: number;
    };

/** The options of `Matcher.open`. URLs are relative to the page. */
export interface OpenOptions {
  /** The folder of manifest and snapshot. */
  snapshot: string | URL;
  trust: TrustOptions;
  /** The confirmation server's base. Without one, a candidate is `unavailable` with the reason `no-confirmation`. */
  confirm?: string | URL;
  signal?: AbortSignal;
  onProgress?: (event: OpenProgress) => void;
  /** Creates the worker; for pages that serve worker.js from elsewhere. It must be a module worker. */
  worker?: () => Worker;
  /** The engine, if it is not beside worker.js. It must be the one that belongs to this version. */
  wasm?: string | URL;
  /**
   * Milliseconds without progress after which a wait for the network ends. Default 10,000. Local work (starting the engine,
   * decoding) may take three times as long. A worker from which no step is heard for ten times as long is given up.
   */
  timeout?: number;
}

/** name + hash + base64 of the algorithm, 1, and an Ed25519 key, 32 bytes. */
const VERIFIER_KEY = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/;
const ED25519 = 1;

/**
 * Checks the options and fills in the defaults.
 *
 * @throws TypeError, RangeError.
 */
export async function settingsOf(options: OpenOptions): Promise<Settings> {
  if (typeof options !== "object" || options === null) throw new TypeError("no options");
  const timeout = options.timeout ?? 10_000;
  if (!Number.isSafeInteger(timeout) || timeout < 1 || timeout > 600_000) {
    throw new RangeError(`timeout: ${timeout} is not an integer from 1 to 600000`);
  }
  for (const name of ["worker", "onProgress"] as const) {
    if (options[name] === undefined || typeof options[name] === "function") continue;
    throw new TypeError(`${name}: not a function`);
  }
  const settings: Settings = {
    snapshot: folderUrl("snapshot", options.snapshot),
    trust: await trustOf(options.trust),
    timeout,
  };
  if (options.confirm !== undefined) settings.confirm = folderUrl("confirm", options.confirm);
  if (options.wasm !== undefined) settings.wasm = absoluteUrl("wasm", options.wasm).href;
  return settings;
}

async function trustOf(options: TrustOptions): Promise<Trust> {
  type Conditions = Exclude<TrustOptions, readonly string[]>;
  const given: Partial<Conditions> = Array.isArray(options) ? { keys: options } : ((options ?? {}) as Conditions);
  const { keys, threshold, origin, purpose, minVersion } = given;
  if (!Array.isArray(keys) || keys.length === 0) throw new TypeError("trust: no keys");
  for (const key of keys) {
    if (typeof key === "string" && (await isVerifierKey(key))) continue;
    throw new TypeError(`trust: ${JSON.stringify(key)} is not a verifier key`);
  }
  if (new Set(keys).size < keys.length) throw new TypeError("trust: a key is named twice");
  for (const [name, value] of Object.entries({ origin, purpose })) {
    if (value !== undefined && typeof value !== "string") throw new TypeError(`trust.${name}: not a string`);
  }
  const trust = {
    keys: [...keys],
    threshold: threshold ?? 1,
    origin: origin ?? "",
    purpose: purpose ?? "",
    minVersion: minVersion ?? 0,
  };
  if (!Number.isSafeInteger(trust.threshold) || trust.threshold < 1 || trust.threshold > keys.length) {
    throw new RangeError(`trust.threshold: ${threshold} is not an integer from 1 to the number of keys`);
  }
  if (!Number.isSafeInteger(trust.minVersion) || trust.minVersion < 0) {
    throw new RangeError(`trust.minVersion: ${minVersion} is not a version`);
  }
  return trust;
}

/** Whether the text is a key, and its hash is that of its name and key: a key with a typo is nobody's. */
async function isVerifierKey(text: string): Promise<boolean> {
  const [, name, hash, base64] = VERIFIER_KEY.exec(text) ?? [];
  if (name === undefined || base64 === undefined) return false;
  const key = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const hashed = new Blob([name, "\n", key]);
  const value = await digest("SHA-256", new Uint8Array(await hashed.arrayBuffer()));
  return key[0] === ED25519 && value.slice(0, 8) === hash;
}

/** A base that relative names can be resolved against: it ends with a slash. */
function folderUrl(name: string, value: string | URL): string {
  const url = absoluteUrl(name, value);
  if (/[?#]/.test(url.href)) throw new TypeError(`${name}: a folder has no query and no fragment`);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url.href;
}

function absoluteUrl(name: string, value: string | URL): URL {
  if (typeof value !== "string" && Object.prototype.toString.call(value) !== "[object URL]") {
    throw new TypeError(`${name}: neither a string nor a URL`);
  }
  const url = parseUrl(value);
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url;
  throw new TypeError(`${name}: ${JSON.stringify(String(value))} is not an http or https URL without credentials`);
}

function parseUrl(value: string | URL): URL | undefined {
  try {
    return new URL(value, globalThis.document?.baseURI);
  } catch {
    return undefined;
  }
}
