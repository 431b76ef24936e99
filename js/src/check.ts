import { type Asked, askPlainly, askPrivately, NoEntry } from "./ask.js";
import type { Digester } from "./beside.js";
import type { Decoders } from "./decoders.js";
import { type Engine, EngineError, type Finding } from "./engine.js";
import { isErrorCode, PresealError } from "./errors.js";
import type { CheckProgress, ManifestInfo, Settings } from "./messages.js";
import { MAX_BYTES, read, Unreadable } from "./read.js";
import { type Gap, see, unsupported } from "./see.js";
import type { Terms } from "./server.js";
import { type Candidate, emptyReport, type Outcome, type Report, type Verdict } from "./verdict.js";
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
  decoders: Decoders;
  digester: Digester;
  confirm: string | undefined;
  confirmation: Settings["confirmation"];
  timeout: number;
  signal: AbortSignal;
  onProgress(event: CheckProgress): void;
}

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
  try {
    const file = await read(blob, report, desk);
    const engine = await desk.engine();
    desk.onProgress({ phase: "decode" });
    const { timings } = report;
    const reading = timings.read;
    const gap = await timed(timings, "decode", () => see(file, engine, report, desk));
    timings.decode -= timings.read - reading; // what was read meanwhile
    desk.onProgress({ phase: "probe" });
    if (!gap) await timed(timings, "probe", () => engine.call("probe", Date.now())); // the digest may be longer in the making
    const digesting = () => within(patience(desk), "digesting", desk.signal, () => file.sha256("here"));
    const sha256 = await timed(timings, "digest", digesting);
    const query = { sha256, now: Date.now(), ...(!gap && { decoded: true as const }) };
    const finding = await timed(timings, "probe", () => engine.call("check", query));
    note(finding, report);
    return { finding, gap: gap ?? (finding.featureless ? unsupported("featureless") : undefined) };
  } catch (error) {
    if (error instanceof Unreadable) return { gap: unsupported("undecodable") };
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

function unavailable(reason: Extract<Gap, { kind: "unavailable" }>["reason"]): Gap {
  return { kind: "unavailable", reason };
}
