import type { ErrorCode } from "./errors.js";

/** The entries of one hash algorithm inside a snapshot. */
export type Lane = "sha256" | "md5" | "phash" | "pdq";

/**
 * Why a file cannot be checked as a picture. `format`: the report's `format`, which is not decoded here, or not in this
 * browser; `too-complex`: of more parts than any encoder makes.
 */
export type UnsupportedReason = (typeof UNSUPPORTED)[number];

/**
 * Why there is no answer. `no-confirmation`: a candidate, and no confirmation server is configured, or the snapshot has no key
 * to ask it with; `overflow`: more candidates than one confirmation may hold; `decoder-untrusted`: the browser falsifies the pixels it hands out (as
 * Firefox does with `privacy.resistFingerprinting`), so that a hash of them would mean nothing.
 */
export type UnavailableReason = ErrorCode | "no-confirmation" | "overflow" | "decoder-untrusted";

const UNSUPPORTED = [
  "empty",
  "not-an-image",
  "format",
  "undecodable",
  "too-large",
  "too-complex",
  "featureless",
] as const;

/** A probe that hit the snapshot's filter: possibly listed, far from certainly. */
export interface Candidate {
  lane: Lane;
  /** The number of the probe among those of the same lane, window and orientation, from 1. */
  probe: number;
  /** How many bits of the picture's own key were flipped. */
  distance: number;
  /** Which part of the picture was hashed: 0 the whole, 1 and up what is left without borders, bars or captions. */
  window: number;
  /**
   * How the picture was turned before it was hashed: 0 not at all, otherwise the sum of 1 (left and right exchanged),
   * 2 (top and bottom exchanged) and 4 (rows and columns exchanged, before the others).
   */
  orientation: number;
}

/** What the check saw and did. Nothing in it left the page, except `sent` and the key's id. */
export interface Report {
  /** The format found in the bytes ("jpeg", "png", …), or "" if none is known. */
  format: string;
  /** Pixels, before any rotation; 0 if unknown. */
  width: number;
  height: number;
  /**
   * What decoded the picture: the engine (`jpeg`), the browser (`imagedecoder`, or `bitmap` where there is none for the format or the size),
   * or, where the canvas falsifies what the browser decodes, the decoders in WebAssembly (`fallback`).
   */
  decoder?: "jpeg" | "imagedecoder" | "bitmap" | "fallback";
  /** A JPEG was decoded at 1/scale of its size: 1, 2, 4 or 8. */
  scale?: number;
  /** How many variants of the file's keys were tested against the filters. */
  probes: number;
  candidates: Candidate[];
  /** How many requests the check made to the confirmation server. */
  requests: number;
  /**
   * What those requests say, in their order: the body of a question; of a request for entries, which has no body, the path below
   * the server's base.
   */
  sent: Uint8Array[];
  /** How many bytes came back, headers aside. */
  received: number;
  /** With which key the server was asked privately, by its id, and the slots of each question: 4, 8 or 16 for all candidates. */
  asked?: { keyId: string; slots: number[] };
  /**
   * The picture's pHash as 16 hexadecimal digits and how sure each of its bits is (`margins[i]` belongs to bit 1 << i), its
   * PDQ hash as 64 hexadecimal digits, and PDQ's quality, 0 to 100.
   */
  picture?: { phash: string; margins: Float32Array; pdq: string; quality: number };
  /**
   * Milliseconds. `total` is what the page waited for the verdict: `read`, `decode`, `digest`, `probe` and `confirm`, and besides
   * them messages between page and worker, and other files, whose turn it was. `digest` is what it takes longer than the picture,
   * beside which it is made of files up to 64 MiB. `confirm` is the whole confirmation: above all `ask` (the question, and at first
   * loading what that takes), `wait` (for the server) and `open` (the proof, the outputs, the entries).
   */
  timings: Record<"total" | "read" | "decode" | "digest" | "probe" | "confirm" | "ask" | "wait" | "open", number>;
}

/**
 * The answer to a check, by `kind`:
 *
 * - `clear`: no candidate. Nothing was sent.
 * - `cleared`: a candidate, and the confirmation said that it is not listed, or listed for another picture: one whose PDQ
 *   hash is farther away than the manifest's `distance`. Or the server had a newer list, and that one has no candidate.
 * - `match`: the confirmation proved a candidate, the first one that it did. `secondHash` is how many bits of 256 lie between
 *   the PDQ hashes of picture and entry, or null if there was none to compare: a digest is its own proof, and so is a key
 *   in a lane that the manifest marks `single-hash`. `label` is the list's word for the entry, of 32 bytes at most, or "".
 * - `unsupported`: the file is not a picture that can be hashed. Never show it as clear.
 * - `unavailable`: the check could not be finished. Never show it as clear.
 *
 * @example
 * ```ts
 * const verdict = await matcher.check(file);
 * if (verdict.kind === "unavailable") console.warn(verdict.reason);
 * ```
 */
export type Verdict = { report: Report } & (
  | { kind: "clear" | "cleared" }
  | ({ kind: "match"; secondHash: number | null; label: string } & Candidate)
  | { kind: "unsupported"; reason: UnsupportedReason }
  | { kind: "unavailable"; reason: UnavailableReason }
);

/** What a policy decides upon: a verdict, or the code of the error that kept the matcher from opening. */
export type Outcome =
  | { kind: "clear" | "cleared" | "match" }
  | { kind: "unsupported"; reason: UnsupportedReason }
  | { kind: "unavailable"; reason: UnavailableReason };

/** What happens to a file that could not be checked: it is sent, or it is held. */
export type Policy = "fail-open" | "fail-closed";

/** What the page does with the file. */
export type Decision = "send" | "hold" | "block";

/** Reasons that are nobody's doing. Every other `unavailable` is a failed verification. */
const OUTAGES: readonly string[] = [
  "network",
  "timeout",
  "server",
  "unknown-key",
  "busy",
  "engine-failed",
  "closed",
  "no-confirmation",
  "overflow",
  "decoder-untrusted",
];

/**
 * Says what to do with a file: a match is blocked, a clear or cleared file is sent, and what could not be checked follows
 * the policy. A failed verification (a snapshot that is untrusted, corrupt, rolled back or expired, a garbled answer, an engine
 * of the wrong bytes) is held under either policy, unless its reason is named in `sendDespite`; then the policy decides.
 *
 * @throws TypeError if the policy or the kind is unknown.
 * @example
 * ```ts
 * if (decide(verdict, "fail-closed") === "send") await sealAndSend(file);
 * ```
 */
export function decide(outcome: Outcome, policy: Policy, options: { sendDespite?: readonly string[] } = {}): Decision {
  if (policy !== "fail-open" && policy !== "fail-closed") throw new TypeError(`unknown policy ${String(policy)}`);
  const byPolicy = policy === "fail-open" ? "send" : "hold";
  switch (outcome.kind) {
    case "match":
      return "block";
    case "clear":
    case "cleared":
      return "send";
    case "unsupported":
      return byPolicy;
    case "unavailable":
      return [...OUTAGES, ...(options.sendDespite ?? [])].includes(outcome.reason) ? byPolicy : "hold";
    default:
      throw new TypeError(`unknown verdict ${String((outcome as { kind: unknown }).kind)}`);
  }
}

/**
 * The report of a check in which nothing has happened, for pages that make a verdict of a matcher that did not open.
 *
 * @example
 * ```ts
 * const verdict: Verdict = { kind: "unavailable", reason: error.code, report: emptyReport() };
 * ```
 */
export function emptyReport(): Report {
  return {
    format: "",
    width: 0,
    height: 0,
    probes: 0,
    candidates: [],
    requests: 0,
    sent: [],
    received: 0,
    timings: { total: 0, read: 0, decode: 0, digest: 0, probe: 0, confirm: 0, ask: 0, wait: 0, open: 0 },
  };
}

/** Whether value is one of the reasons of `unsupported`. */
export function isUnsupportedReason(value: unknown): value is UnsupportedReason {
  return (UNSUPPORTED as readonly unknown[]).includes(value);
}
