import type { Desk } from "./check.js";
import type { Source } from "./engine.js";
import type { Report } from "./verdict.js";
import { timed, within } from "./wait.js";

/** A larger file is not read. */
export const MAX_BYTES = 2 ** 32;

/**
 * Up to here a file is read as a whole: to be decoded by the browser, and for the digest, since crypto.subtle has no way to digest in
 * parts. It works on a copy, so that twice as much is taken.
 */
const HELD = 64 * 2 ** 20;

/** How much of a larger file is read at a time. */
const SLICE = 4 * 2 ** 20;

/** From here on it is worth the way to another worker to read and digest a file there. */
const WORTH = 2 ** 19;

/** How much the engine reads at a time. */
const PIECE = 2 ** 17;

/** What may be a JPEG, by what the page says. It decides how a file is read, not what it is. */
const MAYBE_JPEG: readonly string[] = ["", "image/jpeg", "image/jpg", "image/pjpeg"];

/** A file that was read, or can be. */
export interface Reading {
  source: Source;
  /** All of the file, held if it is not too large. */
  whole(): Promise<ArrayBuffer | Blob>;
  /** The same, for the taker to keep: `source` may be empty after that, and what wants all of a long file reads it once more. */
  give(): Promise<ArrayBuffer | Blob>;
  /**
   * The file's digest. It is begun when it is asked for first: `beside` what this worker does next if it can be, or `here`,
   * where it is in the way only if there is something else to do.
   */
  sha256(where: "here" | "beside"): Promise<Uint8Array>;
}

/** The file could not be read: it was deleted or changed since it was picked. */
export class Unreadable extends Error {}

/**
 * Makes a file readable:
 *
 * - one up to 64 MiB is read at once, but for what may be a JPEG of some size, of which the engine reads as much as it wants.
 *   Where it is digested in another worker, that reads it again: browsers fail to read a file that has changed since it was picked,
 *   and the page reads it once more anyway, to send it;
 * - a larger one is read in slices for the digest, an abort being heard between them, and again for the decoder.
 *
 * @throws Unreadable; PresealError; the signal's reason.
 */
export async function read(blob: Blob, report: Report, desk: Desk): Promise<Reading> {
  if (blob.size > HELD) return readable(desk.signal, () => readInSlices(blob, report, desk));
  desk.onProgress({ phase: "read", loaded: 0, total: blob.size });
  const reading = () => within(3 * desk.timeout, "reading", desk.signal, () => blob.arrayBuffer());
  const isLong = blob.size >= WORTH;
  let whole = once(() => readable(desk.signal, () => timed(report.timings, "read", reading)));
  const give = async () => {
    const bytes = await whole();
    if (!isLong) return bytes.slice();
    whole = once(() => readable(desk.signal, reading)); // beside other steps, whose time it is
    return bytes;
  };
  const sha256 = once(async (where: "here" | "beside") => {
    const made = isLong && where === "beside" ? await desk.digester.digest(blob) : undefined;
    return made ?? new Uint8Array(await crypto.subtle.digest("SHA-256", await whole()));
  });
  const isAhead = isLong && MAYBE_JPEG.includes(blob.type);
  const source = isAhead ? new Ahead(blob, report.timings) : new Uint8Array(await whole());
  return { source, whole: () => whole(), give, sha256 };
}

/** Does work when it is asked for first. Whoever waits for it hears of its failure. */
function once<A extends unknown[], T>(work: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  let result: Promise<T> | undefined;
  return (...args) => {
    result ??= work(...args);
    result.catch(() => {});
    return result;
  };
}

async function readable<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DOMException && !signal.aborted) throw new Unreadable(String(error));
    throw error;
  }
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
  return { source: new Slices(blob), whole: async () => blob, give: async () => blob, sha256: async () => sha256 };
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

/** Reads from the bytes while they are held, which takes no time, and from the blob of the same bytes after that. */
export class Held extends Slices {
  #bytes: Uint8Array | undefined;

  constructor(blob: Blob, bytes?: Uint8Array) {
    super(blob);
    this.#bytes = bytes;
  }

  override read(at: number, length: number): Uint8Array {
    return this.#bytes?.subarray(at, at + length) ?? super.read(at, length);
  }

  release(): void {
    this.#bytes = undefined;
  }
}

/**
 * Reads ahead of what the engine asks for, since every read takes a millisecond: at first an eighth of the file, where most
 * progressive JPEG files have all that a hash is made of, then the rest.
 */
class Ahead extends Slices {
  readonly #timings: Report["timings"];
  #held: Uint8Array = new Uint8Array();
  #from = 0;

  constructor(blob: Blob, timings: Report["timings"]) {
    super(blob);
    this.#timings = timings;
  }

  override read(at: number, length: number): Uint8Array {
    const skipped = at - this.#from;
    const behind = skipped + Math.min(length, this.size - at);
    if (skipped < 0 || behind > this.#held.length) {
      const start = performance.now();
      const ahead = this.#held.length === 0 ? Math.max(length, Math.ceil(this.size / 8 / PIECE) * PIECE) : this.size;
      this.#held = super.read(at, ahead);
      this.#from = at;
      this.#timings.read += performance.now() - start;
    }
    return this.#held.subarray(at - this.#from, at - this.#from + length);
  }
}
