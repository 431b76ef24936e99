import { type Answer, CONTENT_TYPE, type Confirmation, plain } from "./confirm.js";
import { download } from "./download.js";
import { type Engine, EngineError, type Finding } from "./engine.js";
import { isErrorCode, PresealError } from "./errors.js";
import type { Fallback } from "./fallback.js";
import type { CheckProgress } from "./messages.js";
import { MAX_BYTES, read, Unreadable } from "./read.js";
import { type Gap, see, unsupported } from "./see.js";
import { type Candidate, emptyReport, type Report, type Verdict } from "./verdict.js";
import { within } from "./wait.js";

/** What a check works with. */
export interface Desk {
  /** The engine with the snapshot open in it. */
  engine(): Promise<Engine>;
  /** Runs work when its turn has come: one file at a time is in memory. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  fallback: Fallback;
  confirm: string | undefined;
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
  try {
    const file = await read(blob, report, desk);
    const engine = await desk.engine();
    desk.onProgress({ phase: "decode" });
    const gap = await timed(report, "decode", () => see(file, engine, report, desk));
    const sha256 = await within(patience(desk), "digesting", desk.signal, () => file.sha256);
    desk.onProgress({ phase: "probe" });
    const query = { sha256, now: Date.now(), ...(!gap && { decoded: true as const }) };
    const finding = await timed(report, "probe", async () => engine.call("check", query));
    note(finding, report);
    return { finding, gap: gap ?? (finding.featureless ? unsupported("featureless") : undefined) };
  } catch (error) {
    if (error instanceof Unreadable) return { gap: unsupported("undecodable") };
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

function unavailable(reason: Extract<Gap, { kind: "unavailable" }>["reason"]): Gap {
  return { kind: "unavailable", reason };
}
