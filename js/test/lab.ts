// Runs inside the page under test: opens matchers, makes files and checks them, and returns plain data.

import { Digester, startBeside } from "../beside.js";
import {
  type Candidate,
  type CheckProgress,
  Matcher,
  type OpenOptions,
  type OpenProgress,
  PresealError,
  type SnapshotInfo,
  type Verdict,
} from "../index.js";
import { voprf } from "../voprf.js";

export { backdate, forget, join, overfill, overwrite, stored } from "./labstore.js";

export interface LabOptions {
  snapshot: string;
  trust: OpenOptions["trust"];
  update?: "auto" | "manual";
  confirm?: string;
  confirmation?: "private" | "plain";
  timeout?: number;
  /** The URL of a module worker to use instead of the package's. */
  worker?: string;
  wasm?: string;
  decoders?: string;
}

/** A verdict or an error, as far as it survives the way out of the page. */
export interface Summary {
  kind?: string;
  reason?: string;
  error?: string;
  lane?: string;
  secondHash?: number | null;
  label?: string;
  probes?: number;
  candidates?: Candidate[];
  requests?: number;
  sent?: number[];
  received?: number;
  asked?: Verdict["report"]["asked"];
  timings?: Verdict["report"]["timings"];
  format?: string;
  decoder?: string;
  scale?: number;
  phash?: string;
  pdq?: string;
  phases?: string[];
}

const files = new Map<string, File>();
let matcher: Matcher;
let progress: OpenProgress[] = [];
let news: string[] = [];

/** Opens a matcher; returns "" or the error. */
export async function open({ worker, ...options }: LabOptions, abortAt?: OpenProgress["phase"]): Promise<string> {
  const controller = new AbortController();
  progress = [];
  news = [];
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
    matcher.addEventListener("update", ({ detail }) => news.push(`update ${detail.version}`));
    matcher.addEventListener("updateerror", ({ detail }) => news.push(detail.code));
    return "";
  } catch (error) {
    return errorText(error);
  }
}

/** The progress events of the matcher opened last. */
export async function opened() {
  return { progress };
}

/** What the matcher says of its snapshot. */
export async function snapshot(): Promise<SnapshotInfo> {
  return matcher.snapshot;
}

/** Looks for an update; returns the version that serves then, or the error. Aborts, or closes the matcher, at a phase. */
export async function update(abortAt?: OpenProgress["phase"], closeAt?: string): Promise<number | string> {
  const controller = new AbortController();
  progress = [];
  try {
    const { version } = await matcher.update({
      signal: controller.signal,
      onProgress(event) {
        progress.push(event);
        if (event.phase === abortAt) controller.abort(new Error("aborted by the test"));
        if (event.phase === closeAt) matcher.close();
      },
    });
    return version;
  } catch (error) {
    return errorText(error);
  }
}

/** Gives up a look for an update, and begins another at once. */
export async function updateTwice(abortAt: OpenProgress["phase"]): Promise<(number | string)[]> {
  return [await update(abortAt), await update()];
}

/** Looks for an update several times at once. */
export function updateAll(times: number): Promise<(number | string)[]> {
  return Promise.all(Array.from({ length: times }, () => update()));
}

/** Waits until the matcher has told of updates so often, and returns what it told. */
export async function heard(count: number): Promise<string[]> {
  while (news.length < count) await new Promise((resolve) => setTimeout(resolve, 20));
  return news;
}

/** Says something to a worker that was made to listen. */
export async function say(word: string): Promise<void> {
  const channel = new BroadcastChannel("test");
  channel.postMessage(word);
  channel.close();
}

/** Asks a worker that was made to answer. */
export async function ask(word: string): Promise<unknown> {
  const channel = new BroadcastChannel("test");
  const answer = new Promise((resolve) => {
    channel.onmessage = ({ data }) => resolve(data);
  });
  channel.postMessage(word);
  return answer.finally(() => channel.close());
}

/** Fetches a file and keeps it under its name. */
export async function load(name: string, url: string): Promise<void> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const blob = await response.blob();
  files.set(name, new File([blob], name, { type: blob.type }));
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

/** Returns a picture in a format that the browser can write. */
export async function encode(from: string, type: string, quality: number): Promise<number[]> {
  const bitmap = await createImageBitmap(file(from));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  const blob = await canvas.convertToBlob({ type, quality });
  if (blob.type !== type) throw new Error(`the browser writes ${blob.type}`);
  return [...new Uint8Array(await blob.arrayBuffer())];
}

/** What people do to a picture: the new size, and where its corners go as a canvas's transform has it. */
const changes = {
  mirrored: (w: number, h: number) => ({ size: [w, h], matrix: [-1, 0, 0, 1, w, 0] }),
  turned: (w: number, h: number) => ({ size: [h, w], matrix: [0, 1, -1, 0, h, 0] }),
  framed: (w: number, h: number) => ({ size: [w + 120, h + 80], matrix: [1, 0, 0, 1, 60, 40] }),
} satisfies Record<string, (w: number, h: number) => { size: [number, number]; matrix: number[] }>;

/** Keeps a JPEG of a picture that was changed, on a white ground. */
export async function change(name: string, from: string, how: keyof typeof changes): Promise<void> {
  const bitmap = await createImageBitmap(file(from));
  const { size, matrix } = changes[how](bitmap.width, bitmap.height);
  const canvas = new OffscreenCanvas(...size);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(new DOMMatrix(matrix));
  context.drawImage(bitmap, 0, 0);
  files.set(name, new File([await canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 })], name));
}

/** Keeps the first part of a file. */
export async function truncate(name: string, from: string, share: number): Promise<void> {
  const whole = file(from);
  files.set(name, new File([whole.slice(0, Math.floor(whole.size * share))], name));
}

/** Keeps a file with further bytes in it. */
export async function insert(name: string, into: string, at: number, bytes: number[]): Promise<void> {
  const whole = file(into);
  files.set(name, new File([whole.slice(0, at), Uint8Array.from(bytes), whole.slice(at)], name));
}

/** Keeps a file with zeros behind it. */
export async function pad(name: string, from: string, size: number): Promise<void> {
  files.set(name, new File([file(from), new Uint8Array(size)], name));
}

/** Checks a file; aborts, or closes the matcher, as soon as a phase begins. */
export async function check(name: string, abortAt?: CheckProgress["phase"], closeAt?: string): Promise<Summary> {
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

/** Checks a file without listening to its progress. */
export async function checkUnheard(name: string): Promise<Summary> {
  return outcomeOf(await matcher.check(file(name)));
}

/** Digests files in a worker beside, at once and then one after the other, as hexadecimal digits; "" where that does not run. */
export async function digests(names: string[]): Promise<string[]> {
  const { port, settled, end } = startBeside(10_000);
  const digester = new Digester(port, 10_000);
  await settled;
  const all = await Promise.all(names.map((name) => digester.digest(file(name))));
  for (const name of names) all.push(await digester.digest(file(name)));
  end();
  return all.map((sha256) => [...(sha256 ?? [])].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
}

/** Checks several files at once. */
export function checkAll(names: string[]): Promise<Summary[]> {
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
export async function checkClosed(name: string): Promise<Summary> {
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

/** Asks the server at a URL privately about a number of keys; returns the outputs, and the milliseconds besides waiting. */
export async function evaluate(url: string, publicKey: number[], count: number) {
  const keys = Array.from({ length: count }, (_, i) => ({ lane: "phash" as const, bytes: new Uint8Array(8).fill(i) }));
  const start = performance.now();
  const question = await voprf(Uint8Array.from(publicKey)).ask(keys);
  const asked = performance.now();
  const response = await fetch(new URL(question.path, new URL(url, location.href)), {
    method: "POST",
    body: question.request,
  });
  const body = new Uint8Array(await response.arrayBuffer());
  const answered = performance.now();
  const outputs = question.answers(body).map((output) => [...output]);
  return { outputs, ms: asked - start + performance.now() - answered };
}

/** Makes bare requests one after the other; returns the milliseconds until the last body is here. */
export async function replay(requests: { method: string; path: string; body: number[] }[]): Promise<number> {
  const start = performance.now();
  for (const { method, path, body } of requests) {
    const init: RequestInit = { method, cache: "no-store", ...(method === "POST" && { body: Uint8Array.from(body) }) };
    await (await fetch(path, init)).arrayBuffer();
  }
  return performance.now() - start;
}

function file(name: string): File {
  const found = files.get(name);
  if (!found) throw new Error(`no file ${name}`);
  return found;
}

function outcomeOf(verdict: Verdict): Summary {
  const { kind, report } = verdict;
  return {
    kind,
    ...("reason" in verdict && { reason: verdict.reason }),
    ...(verdict.kind === "match" && { lane: verdict.lane, secondHash: verdict.secondHash, label: verdict.label }),
    probes: report.probes,
    candidates: report.candidates,
    requests: report.requests,
    sent: report.sent.flatMap((body) => [...body]),
    received: report.received,
    ...(report.asked && { asked: report.asked }),
    timings: report.timings,
    format: report.format,
    ...(report.decoder && { decoder: report.decoder }),
    ...(report.scale && { scale: report.scale }),
    ...(report.picture && { phash: report.picture.phash, pdq: report.picture.pdq }),
  };
}

function errorText(error: unknown): string {
  if (error instanceof PresealError) return error.code;
  return error instanceof Error ? error.message : String(error);
}
