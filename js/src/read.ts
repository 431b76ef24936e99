import type { Desk } from "./check.js";
import type { Source } from "./engine.js";
import type { Report } from "./verdict.js";
import { within } from "./wait.js";

/** A larger file is not read. */
export const MAX_BYTES = 2 ** 32;

/**
 * Up to here a file is held in memory, where one read serves the digest and the decoder. crypto.subtle has no way to digest
 * in parts and works on a copy, so that twice as much is taken.
 */
const HELD = 64 * 2 ** 20;

/** How much of a larger file is read at a time. */
const SLICE = 4 * 2 ** 20;

/** A file that was read, or can be. */
export interface Reading {
  source: Source;
  /** What the browser's decoder gets: the bytes that are digested, if they are held. */
  data: ArrayBuffer | Blob;
  sha256: Promise<Uint8Array>;
}

/** The file could not be read: it was deleted or changed since it was picked. */
export class Unreadable extends Error {}

/**
 * Reads a file and digests it: at once, and then the digest is made beside what follows; or in slices if the file is large, an
 * abort being heard between them.
 *
 * @throws Unreadable; PresealError; the signal's reason.
 */
export async function read(blob: Blob, report: Report, desk: Desk): Promise<Reading> {
  try {
    return await (blob.size <= HELD ? readAtOnce(blob, report, desk) : readInSlices(blob, report, desk));
  } catch (error) {
    if (error instanceof DOMException && !desk.signal.aborted) throw new Unreadable(String(error));
    throw error;
  }
}

async function readAtOnce(blob: Blob, { timings }: Report, desk: Desk): Promise<Reading> {
  const total = blob.size;
  desk.onProgress({ phase: "read", loaded: 0, total });
  const start = performance.now();
  const buffer = await within(3 * desk.timeout, "reading", desk.signal, () => blob.arrayBuffer());
  const loaded = performance.now();
  timings.read = loaded - start;
  const sha256 = crypto.subtle.digest("SHA-256", buffer).then((digest) => {
    timings.digest = performance.now() - loaded;
    return new Uint8Array(digest);
  });
  sha256.catch(() => {}); // who waits for it hears of it
  return { source: new Uint8Array(buffer), data: buffer, sha256 };
}

async function readInSlices(blob: Blob, { timings }: Report, desk: Desk): Promise<Reading> {
  const engine = await desk.engine();
  let sha256 = new Uint8Array();
  for (let at = 0; at < blob.size; at += SLICE) {
    desk.onProgress({ phase: "read", loaded: at, total: blob.size });
    const start = performance.now();
    const slice = blob.slice(at, at + SLICE);
    const part = await within(3 * desk.timeout, "reading", desk.signal, () => slice.arrayBuffer());
    const loaded = performance.now();
    timings.read += loaded - start;
    sha256 = new Uint8Array(engine.call("digest", new Uint8Array(part), at).sha256);
    timings.digest += performance.now() - loaded;
  }
  return { source: new Slices(blob), data: blob, sha256: Promise.resolve(sha256) };
}

/** Workers have it, which the types of pages do not know. */
declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}

/** Reads what the engine asks for, at once. The bytes stay where the browser keeps them. */
export class Slices {
  /** Why a read failed. */
  failure: unknown;
  readonly size: number;
  readonly #blob: Blob;
  readonly #reader = new FileReaderSync();

  constructor(blob: Blob) {
    this.#blob = blob;
    this.size = blob.size;
  }

  read(at: number, length: number): Uint8Array {
    try {
      return new Uint8Array(this.#reader.readAsArrayBuffer(this.#blob.slice(at, at + length)));
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }
}
