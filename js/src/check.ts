import { type Asked, askPlainly, askPrivately, NoEntry } from "./ask.js";
import { decode, Falsified, Undecodable } from "./decode.js";
import { type Engine, EngineError, type Finding, type Sniffed } from "./engine.js";
import { isErrorCode, PresealError } from "./errors.js";
import type { CheckProgress, ManifestInfo, Settings } from "./messages.js";
import type { Terms } from "./server.js";
import {
  type Candidate,
  emptyReport,
  isUnsupportedReason,
  type Outcome,
  type Report,
  type Verdict,
} from "./verdict.js";
import { timed, within } from "./wait.js";

/** What a check works with. */
export interface Desk {
  /** The engine with the snapshot open in it. */
  engine(): Promise<Engine>;
  /** Runs work when its turn has come: one file at a time is in memory. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** What its manifest says of the private confirmation. */
  oprf(): ManifestInfo["oprf"];
  /** Looks for a newer snapshot to go on with; says whether there is one. */
  renew(): Promise<boolean>;
  confirm: string | undefined;
  confirmation: Settings["confirmation"];
  timeout: number;
  signal: AbortSignal;
  onProgress(event: CheckProgress): void;
}

/** Why a file could not be checked as a picture, if so. */
type Gap = Extract<Outcome, { reason: unknown }>;

/** What is known without asking anyone. */
interface Examined {
  finding?: Finding;
  gap?: Gap | undefined;
}

/** A candidate that is a match. */
type Proven = Omit<Extract<Verdict, { kind: "match" }>, "kind" | "report">;

/** A verdict without its report. */
type Settled =
  | Exclude<Outcome, { kind: "clear" | "cleared" | "match" }>
  | { kind: "clear" | "cleared" }
  | ({ kind: "match" } & Proven);

/** A larger file is not read. */
const MAX_BYTES = 512 << 20;

/** Picture formats that the engine knows and that browsers may refuse. */
const REFUSED: readonly string[] = ["heic", "svg", "tiff", "pdf"];

/**
 * Checks one file.
 *
 * @throws the signal's reason, and nothing else.
 */
export async function check(blob: Blob, desk: Desk): Promise<Verdict> {
  const report = emptyReport();
  try {
    return { ...(await settle(blob, report, desk)), report };
  } catch (error) {
    desk.signal.throwIfAborted();
    return { kind: "unavailable", reason: reasonOf(error), report };
  }
}

/**
 * Checks a file, and once more with a newer snapshot if the server turns out to have one.
 *
 * @throws PresealError, EngineError; the signal's reason.
 */
async function settle(blob: Blob, report: Report, desk: Desk): Promise<Settled> {
  try {
    return await checkOnce(blob, report, desk);
  } catch (error) {
    const isOutdated = error instanceof NoEntry || reasonOf(error) === "unknown-key";
    if (!isOutdated || !(await desk.renew())) throw error;
    const settled = await checkOnce(blob, report, desk);
    return settled.kind === "clear" ? { kind: "cleared" } : settled; // somebody was asked, if in vain
  }
}

async function checkOnce(blob: Blob, report: Report, desk: Desk): Promise<Settled> {
  const { finding, gap } = await desk.inTurn(() => examine(blob, report, desk));
  if (!finding || finding.candidates.length === 0) return gap ?? { kind: "clear" };
  const asked = await timed(report.timings, "confirm", () => ask(finding, report, desk));
  if (!asked) return unavailable("no-confirmation");
  const engine = await desk.engine();
  const proven = await timed(report.timings, "confirm", () => prove(engine, finding, asked));
  if (proven) return { kind: "match", ...proven };
  return finding.overflow || asked.length < finding.candidates.length
    ? unavailable("overflow")
    : (gap ?? { kind: "cleared" });
}

/** Asks about all candidates as the page wants it, if there is anyone to ask. */
async function ask({ candidates }: Finding, report: Report, desk: Desk): Promise<Asked[] | undefined> {
  const { confirm: base, timeout, signal, onProgress } = desk;
  if (base === undefined) return undefined;
  const terms: Terms = { base, timeout, signal, report, onProgress };
  if (desk.confirmation === "plain") return askPlainly(candidates, terms);
  const oprf = desk.oprf();
  return oprf && askPrivately(candidates, await desk.engine(), oprf, terms);
}

/**
 * Finds the first candidate that its answer makes a match.
 *
 * @throws if none is a match and not all answers say so: the first error, which may be of the answer; or EngineError
 * `bad-answer` where an answer lacks the second hash that the manifest promises, `overflow` where it is as full as can be.
 */
export async function prove(
  engine: Engine,
  { candidates }: Finding,
  asked: readonly Asked[],
): Promise<Proven | undefined> {
  const errors: unknown[] = [];
  for (const [i, answer] of asked.entries()) {
    const candidate = candidates[i] as Finding["candidates"][number];
    try {
      const given = await answer();
      const { match, distance } = engine.call("confirmed", candidate, given);
      if (!match) continue;
      const nearest = given.hashes.findIndex(
        (hash) => engine.call("confirmed", candidate, { listed: true, hashes: [hash] }).distance === distance,
      );
      const label = given.labels?.[Math.max(0, nearest)] ?? "";
      return { ...shown(candidate), secondHash: distance < 0 ? null : distance, label };
    } catch (error) {
      errors.push(error); // unless another candidate is a match
    }
  }
  if (errors.length > 0) throw errors[0];
  return undefined;
}

/** Everything that happens before anyone is asked: digest, format, pixels, hash, probes. */
async function examine(blob: Blob, report: Report, desk: Desk): Promise<Examined> {
  desk.signal.throwIfAborted();
  if (blob.size > MAX_BYTES) return { gap: unsupported("too-large") };
  desk.onProgress({ phase: "read" });
  const file = await timed(report.timings, "read", () => read(blob, desk));
  if (!file) return { gap: unsupported("undecodable") };
  const { bytes, sha256 } = file;
  const engine = await desk.engine();
  desk.onProgress({ phase: "decode" });
  const { pixels, gap } = await timed(report.timings, "decode", () => see(bytes, engine, report, desk));
  desk.signal.throwIfAborted();
  desk.onProgress({ phase: "probe" });
  const query = { sha256, now: Date.now(), ...pixels };
  const finding = await timed(report.timings, "probe", async () => engine.call("check", query));
  note(finding, report);
  return { finding, gap: gap ?? (finding.featureless ? unsupported("featureless") : undefined) };
}

/** Reads a file once, and digests it. One that was deleted or changed since it was picked cannot be read. */
async function read(blob: Blob, desk: Desk) {
  try {
    return await within(patience(desk), "reading", desk.signal, async () => {
      const bytes = new Uint8Array(await blob.arrayBuffer());
      return { bytes, sha256: new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)) };
    });
  } catch (error) {
    if (error instanceof DOMException && !desk.signal.aborted) return undefined;
    throw error;
  }
}

/** Looks at the format before the browser decodes anything, and hands the browser the bytes that were digested. */
async function see(bytes: Uint8Array<ArrayBuffer>, engine: Engine, report: Report, desk: Desk) {
  const sniffed = sniff(bytes, engine);
  if ("kind" in sniffed) return { gap: sniffed };
  report.format = sniffed.format;
  report.width = sniffed.width;
  report.height = sniffed.height;
  try {
    const blob = new Blob([bytes], { type: `image/${sniffed.format}` });
    return { pixels: await decode(blob, patience(desk), desk.signal) };
  } catch (error) {
    desk.signal.throwIfAborted();
    if (error instanceof Falsified) return { gap: unavailable("decoder-untrusted") };
    if (!(error instanceof Undecodable)) return { gap: unavailable(reasonOf(error)) };
    return { gap: unsupported(REFUSED.includes(sniffed.format) ? "format" : "undecodable") };
  }
}

function sniff(bytes: Uint8Array, engine: Engine): Sniffed | Gap {
  try {
    return engine.call("sniff", bytes);
  } catch (error) {
    if (error instanceof EngineError && isUnsupportedReason(error.code)) return unsupported(error.code);
    throw error;
  }
}

function note(finding: Finding, report: Report): void {
  report.probes = finding.probes;
  report.candidates = finding.candidates.map(shown);
  if (finding.picture) report.picture = finding.picture;
}

function shown({ lane, probe, distance, window, orientation }: Candidate): Candidate {
  return { lane, probe, distance, window, orientation };
}

/** Local work may take longer than one wait for the network. */
function patience(desk: Desk): number {
  return 3 * desk.timeout;
}

function reasonOf(error: unknown) {
  const code = error instanceof PresealError || error instanceof EngineError ? error.code : undefined;
  return isErrorCode(code) || code === "overflow" ? code : "engine-failed";
}

function unsupported(reason: Extract<Gap, { kind: "unsupported" }>["reason"]): Gap {
  return { kind: "unsupported", reason };
}

function unavailable(reason: Extract<Gap, { kind: "unavailable" }>["reason"]): Gap {
  return { kind: "unavailable", reason };
}
