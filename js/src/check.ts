import { type Answer, CONTENT_TYPE, type Confirmation, plain } from "./confirm.js";
import { decode, Falsified, Undecodable } from "./decode.js";
import { download } from "./download.js";
import { type Engine, EngineError, type Finding, type Sniffed } from "./engine.js";
import { isErrorCode, PresealError } from "./errors.js";
import type { CheckProgress } from "./messages.js";
import {
  type Candidate,
  emptyReport,
  isUnsupportedReason,
  type Outcome,
  type Report,
  type Verdict,
} from "./verdict.js";
import { within } from "./wait.js";

/** What a check works with. */
export interface Desk {
  /** The engine with the snapshot open in it. */
  engine(): Promise<Engine>;
  /** Runs work when its turn has come: one file at a time is in memory. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  confirm: string | undefined;
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

/** A larger file is not read. */
const MAX_BYTES = 512 << 20;

/** Picture formats that the engine knows and that browsers may refuse. */
const REFUSED: readonly string[] = ["heic", "svg", "tiff", "pdf"];

const confirmation: Confirmation<Answer> = plain;

/**
 * Checks one file.
 *
 * @throws the signal's reason, and nothing else.
 */
export async function check(blob: Blob, desk: Desk): Promise<Verdict> {
  const report = emptyReport();
  try {
    const examined = await desk.inTurn(() => examine(blob, report, desk));
    return { ...(await conclude(examined, report, desk)), report };
  } catch (error) {
    desk.signal.throwIfAborted();
    return { kind: "unavailable", reason: reasonOf(error), report };
  }
}

async function conclude({ finding, gap }: Examined, report: Report, desk: Desk) {
  if (!finding || finding.candidates.length === 0) return gap ?? ({ kind: "clear" } as const);
  if (desk.confirm === undefined) return unavailable("no-confirmation");
  const answers = await confirm(finding, desk.confirm, report, desk);
  const proven = prove(await desk.engine(), finding, answers);
  if (proven) return { kind: "match", ...proven } as const;
  return finding.overflow ? unavailable("overflow") : (gap ?? ({ kind: "cleared" } as const));
}

/**
 * Finds the first candidate that its answer makes a match.
 *
 * @throws EngineError if none is a match: `bad-answer` where an answer lacks the second hash that the manifest promises,
 * `overflow` where it is as full as can be.
 */
export function prove(engine: Engine, { candidates }: Finding, answers: readonly Answer[]): Proven | undefined {
  let malformed: EngineError | undefined;
  for (const [i, candidate] of candidates.entries()) {
    const answer = answers[i];
    if (!answer) continue;
    try {
      const { match, distance } = engine.call("confirmed", candidate, answer);
      if (match) return { ...shown(candidate), secondHash: distance < 0 ? null : distance };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      malformed = error; // unless another candidate is a match
    }
  }
  if (malformed) throw malformed;
  return undefined;
}

/** Everything that happens before anyone is asked: digest, format, pixels, hash, probes. */
async function examine(blob: Blob, report: Report, desk: Desk): Promise<Examined> {
  desk.signal.throwIfAborted();
  if (blob.size > MAX_BYTES) return { gap: unsupported("too-large") };
  desk.onProgress({ phase: "read" });
  const file = await timed(report, "read", () => read(blob, desk));
  if (!file) return { gap: unsupported("undecodable") };
  const { bytes, sha256 } = file;
  const engine = await desk.engine();
  desk.onProgress({ phase: "decode" });
  const { pixels, gap } = await timed(report, "decode", () => see(bytes, engine, report, desk));
  desk.signal.throwIfAborted();
  desk.onProgress({ phase: "probe" });
  const query = { sha256, now: Date.now(), ...pixels };
  const finding = await timed(report, "probe", async () => engine.call("check", query));
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

async function confirm(finding: Finding, base: string, report: Report, desk: Desk): Promise<Answer[]> {
  const question = await confirmation.ask(finding.candidates.map(({ lane, key }) => ({ lane, bytes: key })));
  desk.onProgress({ phase: "confirm", request: question.request });
  const init = {
    method: "POST",
    body: question.request,
    headers: { "Content-Type": CONTENT_TYPE },
    cache: "no-store",
    redirect: "error", // the keys go to the server that was configured, or nowhere
  } as const;
  const what = "confirmation";
  return timed(report, "confirm", async () => {
    report.requests++;
    report.sent.push(question.request);
    const response = await within(desk.timeout, what, desk.signal, (signal) =>
      download(new URL(question.path, base).href, {
        what,
        limit: question.maxResponse,
        type: CONTENT_TYPE,
        timeout: desk.timeout,
        signal,
        init,
      }),
    ).catch((error: unknown) => {
      const tooLong = error instanceof PresealError && error.code === "too-large";
      throw tooLong ? new PresealError("bad-answer", error.message) : error;
    });
    report.received = response.length;
    return question.answers(response);
  });
}

function note(finding: Finding, report: Report): void {
  report.probes = finding.probes;
  report.candidates = finding.candidates.map(shown);
  if (finding.picture) report.picture = finding.picture;
}

function shown({ lane, probe, distance, window, orientation }: Candidate): Candidate {
  return { lane, probe, distance, window, orientation };
}

async function timed<T>(report: Report, step: keyof Report["timings"], work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  try {
    return await work();
  } finally {
    report.timings[step] = performance.now() - start;
  }
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
