// Runs inside the page that is measured.

import { Matcher, type OpenOptions, type Report } from "../index.js";

/** What one file took, in milliseconds. */
export interface Sample {
  bitmap: number;
  check: number;
  /** The verdict's kind, and its reason if it has one. */
  verdict: string;
  decoder: string;
  scale: number;
  timings: Report["timings"];
  peers: Record<string, number>;
}

const files = new Map<string, File>();
let matcher: Matcher;

/** Opens the list. */
export async function open(options: OpenOptions): Promise<void> {
  matcher = await Matcher.open(options);
}

/** Opens the list and returns how long that took, in milliseconds. */
export async function timeOpen(options: OpenOptions): Promise<number> {
  return (await timed(() => open(options))).ms;
}

/** Fetches a file and keeps it, with the type that its name gives a file which somebody picks. */
export async function load(name: string, url: string): Promise<void> {
  const type = `image/${url.split(".").at(-1)?.replace("jpg", "jpeg")}`;
  files.set(name, new File([await (await fetch(url)).blob()], name, { type }));
}

/** Lets go of all files. */
export async function unload(): Promise<void> {
  files.clear();
}

/** Decodes a file with createImageBitmap alone. */
export async function bitmap(name: string): Promise<void> {
  (await createImageBitmap(file(name))).close();
}

/** Checks a file. */
export async function check(name: string): Promise<string> {
  return (await matcher.check(file(name))).kind;
}

/** How long nothing happens before each measurement, in milliseconds: browsers clear up behind the one before. */
const IDLE = 150;

/** Measures what is compared, one after the other; createImageBitmap or the check first. */
export async function measure(name: string, bitmapFirst: boolean, withPeers: boolean): Promise<Sample> {
  const alone = () => measured(() => bitmap(name));
  const before = bitmapFirst ? await alone() : undefined;
  const { ms, value } = await measured(() => matcher.check(file(name)));
  const { ms: bitmapMs } = before ?? (await alone());
  const { timings, decoder = "", scale = 1 } = value.report;
  const peers: Record<string, number> = {};
  if (withPeers) {
    const url = "/js/dist/bench/peers.js";
    const all: Record<string, (file: File) => Promise<unknown>> = await import(url);
    for (const [peer, run] of Object.entries(all)) {
      peers[peer] = await measured(() => run(file(name))).then(
        ({ ms }) => ms,
        () => Number.NaN, // it does not run
      );
    }
  }
  const verdict = "reason" in value ? `${value.kind}: ${value.reason}` : value.kind;
  return { bitmap: bitmapMs, check: ms, verdict, decoder, scale, timings, peers };
}

async function measured<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  await new Promise((resolve) => setTimeout(resolve, IDLE));
  return timed(work);
}

/** The longest time for which the page's own thread did not come to run during work, in milliseconds. */
export async function stall(name: string, what: "bitmap" | "check" | "nothing"): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 4);
  if (what === "bitmap") await bitmap(name);
  else if (what === "check") await check(name);
  else await new Promise((resolve) => setTimeout(resolve, 500));
  longest = Math.max(longest, performance.now() - last);
  clearInterval(timer);
  return longest;
}

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const start = performance.now();
  const value = await work();
  return { ms: performance.now() - start, value };
}

function file(name: string): File {
  const found = files.get(name);
  if (!found) throw new Error(`no file ${name}`);
  return found;
}
