import { exchange } from "./download.js";
import { PresealError } from "./errors.js";
import { pause } from "./wait.js";

/** The bytes of a chunk, which is what a download is verified, stored and resumed by. A file's last one may be shorter. */
export const CHUNK = 1 << 20;

/** The bytes of a hash. */
export const HASH = 32;

/** After so many connections in a row that brought no chunk a download fails. */
const TRIES = 3;

/** Milliseconds before the second try; the double before the third. */
const BACK_OFF = 250;

/** A file to be fetched chunk by chunk. */
export interface Chunked {
  url: string;
  size: number;
  /** RFC 6962 leaf hashes of the chunks, 32 bytes each. */
  hashes: Uint8Array;
  /** A chunk that is here already, perhaps: it is verified like one that arrives. */
  find(index: number): Promise<Uint8Array | undefined>;
  /** Is given every chunk that arrived and is what it should be. */
  keep(index: number, chunk: Uint8Array<ArrayBuffer>): Promise<void>;
  timeout: number;
  signal: AbortSignal;
  onProgress(loaded: number): void;
}

/** A file, and how many bytes of it were downloaded. */
export interface Fetched {
  bytes: Uint8Array<ArrayBuffer>;
  downloaded: number;
}

/** How many chunks a file of the size has. */
export function countChunks(size: number): number {
  return Math.ceil(size / CHUNK);
}

/** The piece of the file that is its chunk of the index: a view, not a copy. */
export function chunkOf(file: Uint8Array<ArrayBuffer>, index: number): Uint8Array<ArrayBuffer> {
  return file.subarray(index * CHUNK, (index + 1) * CHUNK);
}

/**
 * Fetches a file from its first missing chunk on, in one request. A connection that breaks is resumed at the first chunk that
 * is missing then, after a short wait; three that bring nothing are a failure.
 *
 * @throws PresealError `corrupt` for a chunk that is not what its hash says; `bad-answer` for a part that was not asked for;
 * `network`, `timeout`, `server`; the signal's reason.
 */
export async function fetchChunks(c: Chunked): Promise<Fetched> {
  const bytes = new Uint8Array(c.size);
  const count = countChunks(c.size);
  const fetched = { bytes, downloaded: 0, next: await findChunks(bytes, c) };
  for (let failures = 0; fetched.next < count; ) {
    c.onProgress(fetched.next * CHUNK);
    const before = fetched.next;
    try {
      await receive(fetched, c);
    } catch (error) {
      if (!(error instanceof PresealError) || !["network", "timeout"].includes(error.code)) throw error;
      failures = fetched.next > before ? 1 : failures + 1;
      if (failures === TRIES) throw error;
      await pause(BACK_OFF * 2 ** (failures - 1), c.signal);
    }
  }
  return fetched;
}

/** Takes what is here already; returns the index of the first chunk that is missing. */
async function findChunks(file: Uint8Array<ArrayBuffer>, c: Chunked): Promise<number> {
  for (let i = 0; i < countChunks(c.size); i++) {
    const place = chunkOf(file, i);
    const chunk = await c.find(i);
    if (chunk?.length !== place.length) return i;
    place.set(chunk);
    if (!(await isChunk(place, i, c))) return i;
  }
  return countChunks(c.size);
}

/** Reads one response into the file, from the chunk `next` on, which advances with each chunk that is complete. */
async function receive(fetched: Fetched & { next: number }, c: Chunked): Promise<void> {
  const file = fetched.bytes;
  const from = fetched.next * CHUNK;
  const { url, size, timeout, signal } = c;
  // No second copy in the browser's cache, and none from there: it may be what was refused a moment ago.
  const init: RequestInit = { cache: "no-store", ...(from > 0 && { headers: { Range: `bytes=${from}-` } }) };
  const d = { what: "snapshot", limit: size, timeout, signal, init };
  await exchange(url, d, async (response, pieces) => {
    let at = response.status === 206 ? startOf(response, from, size) : 0; // a server may send the whole file
    let verified = from;
    for await (const piece of pieces) {
      if (piece.length > size - at) throw new PresealError("too-large", `snapshot: more than ${size} bytes`);
      const skip = Math.min(piece.length, Math.max(0, from - at)); // what is here already
      file.set(piece.subarray(skip), at + skip);
      at += piece.length;
      fetched.downloaded += piece.length;
      for (let end = endOf(verified, size); verified < size && at >= end; end = endOf(verified, size)) {
        const i = verified / CHUNK;
        const chunk = chunkOf(file, i);
        if (!(await isChunk(chunk, i, c))) throw new PresealError("corrupt", `snapshot: chunk ${i} has another hash`);
        await c.keep(i, chunk);
        verified = end;
        fetched.next++;
      }
      c.onProgress(Math.max(at, verified));
    }
    if (at < size) throw new PresealError("network", `snapshot: ${at} of ${size} bytes arrived`);
  });
}

/** Where a part begins. Other origins show its range only if they choose to; the chunks' hashes decide in any case. */
function startOf({ headers }: Response, from: number, size: number): number {
  const range = headers.get("Content-Range");
  if (range === null || new RegExp(`^bytes ${from}-${size - 1}/(${size}|\\*)$`).test(range)) return from;
  throw new PresealError(
    "bad-answer",
    `snapshot: asked for bytes ${from} to ${size - 1}, got ${JSON.stringify(range)}`,
  );
}

/** Where the chunk ends that begins at the byte. */
function endOf(begin: number, size: number): number {
  return Math.min(begin + CHUNK, size);
}

/** Whether the bytes are the chunk of the index: SHA-256 of a zero byte and the chunk (RFC 6962, section 2.1). */
async function isChunk(bytes: Uint8Array, index: number, { hashes }: Chunked): Promise<boolean> {
  const leaf = new Uint8Array(1 + bytes.length);
  leaf.set(bytes, 1);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", leaf));
  const wanted = hashes.subarray(index * HASH, (index + 1) * HASH);
  return wanted.length === HASH && hash.every((byte, i) => byte === wanted[i]);
}
