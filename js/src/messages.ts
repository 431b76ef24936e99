import { type ErrorCode, isErrorCode, PresealError } from "./errors.js";
import type { Lane, Verdict } from "./verdict.js";

/** Whom a snapshot has to come from, and how old it may be. */
export interface Trust {
  /** Any key of a role speaks for it. */
  roles: { name: string; keys: string[] }[];
  /** How many roles must have signed. */
  threshold: number;
  origin: string;
  purpose: string;
  minVersion: number;
}

/** Which manifest was seen: its version, and the SHA-256 of its signed text in hexadecimal. */
export interface Mark {
  version: number;
  hash: string;
}

/**
 * What makes a listed key a match. `exact`: nothing more; `second-hash`: a listed PDQ hash near the picture's; `single-hash`:
 * the same, or nothing more where an entry has no PDQ hash.
 */
export type Proof = "exact" | "second-hash" | "single-hash";

/** What a manifest says of its snapshot. Times are milliseconds since 1970, sizes are bytes. */
export interface ManifestInfo {
  origin: string;
  purpose: string;
  version: number;
  published: number;
  expires: number;
  /** The trusted keys that signed, by name, and the roles that they spoke for. */
  signers: { name: string; role: string }[];
  /** The file of the filters, beside the manifest. */
  file: string;
  size: number;
  /** The file with the hashes of that file's chunks. */
  chunks: string;
  /** The files that turn an earlier snapshot, `source`, into this one. */
  deltas: { from: number; source: string; file: string; size: number }[];
  mark: Mark;
  /** How many bits of 256 may lie between the PDQ hashes of a picture and of an entry. */
  distance: number;
  /** The confirmation server's public key of 32 bytes, and its id of 16 hexadecimal digits; none if nobody can be asked privately. */
  oprf?: { keyId: string; publicKey: Uint8Array<ArrayBuffer> };
  /**
   * `capacity` is the number of entries up to which updates are deltas; `error` is the probability that a probe hits by
   * accident; `probes` are made of an upright picture.
   */
  lanes: { lane: Lane; entries: number; capacity: number; error: number; probes: number; proof: Proof }[];
}

/** How a snapshot came to be in this page. */
export interface Arrival {
  /** Whether the snapshot is in IndexedDB, so that the next page opens it without a download. */
  stored: boolean;
  /**
   * `stored`: it was here already, be it that another page had stored it or that only the manifest is new; `delta`: it was made
   * of the one before and a delta; `full`: it was downloaded as a whole.
   */
  source: "stored" | "delta" | "full";
  /**
   * How many bytes of the delta, or of the snapshot, were downloaded: 0 if it was stored, less than its size if an earlier
   * page's download went on, more if a connection broke.
   */
  downloaded: number;
}

/** What the manifest says of the open snapshot, and how it came here. Times are milliseconds since 1970, sizes are bytes. */
export interface SnapshotInfo extends ManifestInfo, Arrival {}

/**
 * How far opening or updating has come, in bytes. The engine and the manifest are fetched at the same time. A `delta` that is
 * of no use is followed by the whole `snapshot`. `decoders` is decoders.wasm, which the first list with filters of the kind
 * bloom.zst needs.
 */
export interface OpenProgress {
  phase: "manifest" | "delta" | "snapshot" | "engine" | "decoders";
  loaded: number;
  total: number;
}

/**
 * Which step of a check has begun, and how many bytes of the file have been read: a large one is read in slices. `request` is
 * what is about to be sent, as in the report. `update`: the confirmation server has a newer list than the snapshot, which is
 * looked for.
 */
export type CheckProgress =
  | { phase: "read"; loaded: number; total: number }
  | { phase: "decode" | "probe" | "update" }
  | { phase: "confirm"; request: Uint8Array };

/** The options of `Matcher.open`, checked, with absolute URLs. */
export interface Settings {
  snapshot: string;
  confirm?: string;
  confirmation: "private" | "plain";
  wasm?: string;
  decoders?: string;
  trust: Trust;
  update: "auto" | "manual";
  timeout: number;
}

/** All that another worker, or another instance of the engine, needs to carry on without a request. */
export interface Kept {
  module: WebAssembly.Module;
  /** That of decoders.wasm, if it was needed. */
  decoders: WebAssembly.Module | undefined;
  manifest: Uint8Array<ArrayBuffer>;
  snapshot: Blob;
  arrival: Arrival;
}

/** From the page to the worker. A check that `listens` hears of all progress. */
export type Request =
  | { type: "open"; id: number; version: string; settings: Settings; kept?: Kept; digester?: MessagePort }
  | { type: "check"; id: number; blob: Blob; listens: boolean }
  | { type: "update"; id: number }
  | { type: "abort"; id: number }
  | { type: "ping" };

/**
 * From the worker to the page. Every request with an id ends in exactly one reply other than progress. `swapped` and
 * `update-failed` come unasked: another snapshot serves, or a look for one failed. A worker that `lacksScripts` can no longer
 * confirm anything.
 */
export type Reply =
  | { type: "opened"; id: number; info: SnapshotInfo; kept: Kept }
  | { type: "updated"; id: number; info: SnapshotInfo }
  | { type: "swapped"; info: SnapshotInfo; kept: Kept }
  | { type: "update-failed"; code: ErrorCode; message: string }
  | { type: "checked"; id: number; verdict: Verdict; lacksScripts?: true }
  | { type: "failed"; id: number; code: ErrorCode; message: string }
  | { type: "progress"; id: number; event: OpenProgress | CheckProgress }
  | { type: "pong" };

/** What the page hears of updates, whoever asked for them. */
export type News = Extract<Reply, { type: "swapped" | "update-failed" }>;

type Fields = Record<string, unknown>;

/**
 * Reads a message that arrived in the worker.
 *
 * @throws PresealError `bad-message`.
 */
export function parseRequest(data: unknown): Request {
  return parse<Request>(data, {
    open: (m) =>
      isId(m.id) &&
      isText(m.version) &&
      isSettings(m.settings) &&
      (m.kept === undefined || isKept(m.kept)) &&
      (m.digester === undefined || m.digester instanceof MessagePort),
    check: (m) => isId(m.id) && m.blob instanceof Blob && typeof m.listens === "boolean",
    update: (m) => isId(m.id),
    abort: (m) => isId(m.id),
    ping: () => true,
  });
}

/**
 * Reads a message that arrived on the page.
 *
 * @throws PresealError `bad-message`.
 */
export function parseReply(data: unknown): Reply {
  return parse<Reply>(data, {
    opened: (m) => isId(m.id) && isInfo(m.info) && isKept(m.kept),
    updated: (m) => isId(m.id) && isInfo(m.info),
    swapped: (m) => isInfo(m.info) && isKept(m.kept),
    "update-failed": (m) => isErrorCode(m.code) && isText(m.message),
    checked: (m) => isId(m.id) && isVerdict(m.verdict) && (m.lacksScripts ?? true) === true,
    failed: (m) => isId(m.id) && isErrorCode(m.code) && isText(m.message),
    progress: (m) => isId(m.id) && isFields(m.event) && isProgress(m.event),
    pong: () => true,
  });
}

function parse<M extends { type: string }>(data: unknown, checks: Record<M["type"], (m: Fields) => boolean>): M {
  if (isFields(data) && isText(data.type) && Object.hasOwn(checks, data.type)) {
    if (checks[data.type as M["type"]](data)) return data as unknown as M;
  }
  throw new PresealError("bad-message", "a message between page and worker is malformed");
}

function isSettings(value: unknown): boolean {
  if (!isFields(value) || !isFields(value.trust)) return false;
  const { roles, threshold, origin, purpose, minVersion } = value.trust;
  return (
    isText(value.snapshot) &&
    (value.confirm === undefined || isText(value.confirm)) &&
    (value.confirmation === "private" || value.confirmation === "plain") &&
    [value.wasm, value.decoders].every((url) => url === undefined || isText(url)) &&
    (value.update === "auto" || value.update === "manual") &&
    isCount(value.timeout) &&
    Array.isArray(roles) &&
    roles.every((role) => isFields(role) && isText(role.name) && Array.isArray(role.keys) && role.keys.every(isText)) &&
    isCount(threshold) &&
    isText(origin) &&
    isText(purpose) &&
    isCount(minVersion)
  );
}

function isProgress({ phase, request }: Fields): boolean {
  return isText(phase) && (phase === "confirm") === request instanceof Uint8Array;
}

function isInfo(value: unknown): boolean {
  return isFields(value) && isCount(value.version) && isArrival(value);
}

function isArrival(value: unknown): boolean {
  return (
    isFields(value) &&
    typeof value.stored === "boolean" &&
    (value.source === "stored" || value.source === "delta" || value.source === "full") &&
    isCount(value.downloaded)
  );
}

function isKept(value: unknown): boolean {
  return (
    isFields(value) &&
    value.module instanceof WebAssembly.Module &&
    (value.decoders === undefined || value.decoders instanceof WebAssembly.Module) &&
    value.manifest instanceof Uint8Array &&
    value.snapshot instanceof Blob &&
    isArrival(value.arrival)
  );
}

function isVerdict(value: unknown): boolean {
  if (!isFields(value) || !isFields(value.report)) return false;
  const { candidates, sent, timings, requests } = value.report;
  if (!Array.isArray(candidates) || !Array.isArray(sent) || !isFields(timings) || !isCount(requests)) return false;
  switch (value.kind) {
    case "clear":
    case "cleared":
      return true;
    case "match":
      return (
        isText(value.lane) &&
        [value.probe, value.distance, value.window, value.orientation].every(isCount) &&
        isText(value.label) &&
        (value.secondHash === null || isCount(value.secondHash))
      );
    case "unsupported":
    case "unavailable":
      return isText(value.reason);
    default:
      return false;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isId(value: unknown): value is number {
  return isCount(value) && value > 0;
}
