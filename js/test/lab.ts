// Runs inside the page under test: opens matchers, makes files and checks them, and returns plain data.

import { type CheckProgress, Matcher, type OpenProgress, PresealError, type Verdict } from "../index.js";

export interface LabOptions {
  snapshot: string;
  trust: string[];
  confirm?: string;
  timeout?: number;
  /** The URL of a module worker to use instead of the package's. */
  worker?: string;
  wasm?: string;
}

/** A verdict or an error, as far as it survives the way out of the page. */
export interface Outcome {
  kind?: string;
  reason?: string;
  error?: string;
  lane?: string;
  distance?: number;
  probes?: number;
  candidates?: number;
  requests?: number;
  sent?: number[];
  received?: number;
  format?: string;
  phash?: string;
  phases?: string[];
}

const files = new Map<string, File>();
let matcher: Matcher;
let progress: OpenProgress[] = [];

/** Opens a matcher; returns "" or the error. */
export async function open({ worker, ...options }: LabOptions, abortAt?: OpenProgress["phase"]): Promise<string> {
  const controller = new AbortController();
  progress = [];
  try {
    matcher = await Matcher.open({
      ...options,
      ...(worker !== undefined && { worker: () => new Worker(worker, { type: "module" }) }),
      signal: controller.signal,
      onProgress(event) {
        progress.push(event);
        if (event.phase === abortAt) controller.abort(new Error("aborted by the test"));
      },
    });
    return "";
  } catch (error) {
    return errorText(error);
  }
}

/** The progress events of the matcher opened last, and what its manifest says. */
export async function opened() {
  return { progress, version: matcher.snapshot.version, lanes: matcher.snapshot.lanes.length };
}

/** Fetches a file and keeps it under its name. */
export async function load(name: string, url: string): Promise<void> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  files.set(name, new File([await response.blob()], name));
}

/** Keeps a file of the given bytes. */
export async function make(name: string, bytes: number[]): Promise<void> {
  files.set(name, new File([Uint8Array.from(bytes)], name));
}

/** Keeps a scaled and re-encoded copy of a picture. */
export async function derive(name: string, from: string, scale: number, type: string, quality: number): Promise<void> {
  const bitmap = await createImageBitmap(file(from));
  const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  files.set(name, new File([await canvas.convertToBlob({ type, quality })], name));
}

/** Keeps the first part of a file. */
export async function truncate(name: string, from: string, share: number): Promise<void> {
  const whole = file(from);
  files.set(name, new File([whole.slice(0, Math.floor(whole.size * share))], name));
}

/** Checks a file; aborts, or closes the matcher, as soon as a phase begins. */
export async function check(name: string, abortAt?: CheckProgress["phase"], closeAt?: string): Promise<Outcome> {
  const controller = new AbortController();
  const phases: string[] = [];
  try {
    const verdict = await matcher.check(file(name), {
      signal: controller.signal,
      onProgress({ phase }) {
        phases.push(phase);
        if (phase === abortAt) controller.abort(new Error("aborted by the test"));
        if (phase === closeAt) matcher.close();
      },
    });
    return { ...outcomeOf(verdict), phases };
  } catch (error) {
    return { error: errorText(error), phases };
  }
}

/** Checks several files at once. */
export function checkAll(names: string[]): Promise<Outcome[]> {
  return Promise.all(names.map((name) => check(name)));
}

/** Checks a file and counts how often the page's own thread came to run meanwhile. */
export async function ticksDuringCheck(name: string): Promise<number> {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  await check(name);
  clearInterval(timer);
  return ticks;
}

/** Checks something after the matcher has been closed. */
export async function checkClosed(name: string): Promise<Outcome> {
  matcher.close();
  matcher[Symbol.dispose]();
  return check(name);
}

/** Sends a worker messages of any kind and returns its first replies, as many as are wanted. */
export async function provoke(messages: unknown[], wanted: number): Promise<unknown[]> {
  const worker = new Worker("/js/dist/worker.js", { type: "module" });
  const replies: unknown[] = [];
  await new Promise<void>((done, fail) => {
    worker.onmessage = ({ data }) => {
      if (replies.push(data) === wanted) done();
    };
    worker.onerror = () => fail(new Error("the worker crashed"));
    for (const message of messages) worker.postMessage(message);
  });
  worker.terminate();
  return replies;
}

function file(name: string): File {
  const found = files.get(name);
  if (!found) throw new Error(`no file ${name}`);
  return found;
}

function outcomeOf(verdict: Verdict): Outcome {
  const { kind, report } = verdict;
  return {
    kind,
    ...("reason" in verdict && { reason: verdict.reason }),
    ...(verdict.kind === "match" && { lane: verdict.lane, distance: verdict.distance }),
    probes: report.probes,
    candidates: report.candidates.length,
    requests: report.requests,
    sent: report.sent.flatMap((body) => [...body]),
    received: report.received,
    format: report.format,
    ...(report.picture && { phash: report.picture.phash }),
  };
}

function errorText(error: unknown): string {
  if (error instanceof PresealError) return error.code;
  return error instanceof Error ? error.message : String(error);
}
