// What outlives the page, in IndexedDB: of each list the manifest and the snapshot's chunks, and the newest manifest seen. Nothing
// here is trusted: whoever reads it verifies it. Nothing here is needed: a read that fails finds nothing, a write that fails
// says so, and both end.

import { CHUNK, chunkOf, countChunks } from "./chunks.js";
import { concatenate } from "./download.js";
import { PresealError } from "./errors.js";
import type { Mark } from "./messages.js";
import { within } from "./wait.js";

/** IndexedDB may be missing, refused (private windows) or stuck behind another page; no single step waits longer for it. */
const PATIENCE = 4000;

/** A list that was due so many milliseconds ago, 90 days, is nobody's any longer. */
const FORGOTTEN = 90 * 86_400_000;

/** A snapshot, of 256 MiB at most, has no more chunks. */
const MOST_CHUNKS = 256;

const VERSION = 2;
const LISTS = "lists"; //   by list: Entry
const CHUNKS = "chunks"; // by [list, file, index]: bytes
const MARKS = "marks"; //   by name: Mark
const STORES = [LISTS, CHUNKS, MARKS];

/** Whether the database did not open in time. */
let isStuck = false;

/** What is noted of a list: which snapshot is there as a whole, and when to look for another. */
export interface Entry {
  manifest: Uint8Array<ArrayBuffer>;
  file: string;
  /** Milliseconds since 1970. */
  next: number;
}

/** What becomes the list's snapshot, in one step. */
export interface Adoption {
  list: string;
  entry: Entry;
  bytes: Uint8Array<ArrayBuffer>;
  markName: string;
  mark: Mark;
}

type ChunkKey = [list: string, file: string, index: number];

/** What is noted of the list. */
export async function readEntry(list: string): Promise<Entry | undefined> {
  const entry: unknown = await attempt([LISTS], "readonly", (get) => settled(get(LISTS).get(list)));
  return isEntry(entry) ? entry : undefined;
}

/** The newest manifest seen under the name. */
export async function readMark(name: string): Promise<Mark | undefined> {
  const mark: unknown = await attempt([MARKS], "readonly", (get) => settled(get(MARKS).get(name)));
  return isMark(mark) ? mark : undefined;
}

/** One chunk of a file, if it is there. */
export async function readChunk(list: string, file: string, index: number): Promise<Uint8Array | undefined> {
  const key: ChunkKey = [list, file, index];
  const chunk: unknown = await attempt([CHUNKS], "readonly", (get) => settled(get(CHUNKS).get(key)));
  return chunk instanceof Uint8Array ? chunk : undefined;
}

/** How many chunks of a file are there. */
export async function countStored(list: string, file: string): Promise<number> {
  const count = (chunks: IDBObjectStore) => chunks.count(IDBKeyRange.bound([list, file], [list, file, []]));
  return (await attempt([CHUNKS], "readonly", (get) => settled(count(get(CHUNKS))))) ?? 0;
}

/** The bytes of a file, up to the first chunk that is not full: whether it is the whole file, its hash says. */
export async function readFile(list: string, file: string): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  await attempt([CHUNKS], "readonly", async (get) => {
    while (chunks.length < MOST_CHUNKS && length === chunks.length * CHUNK) {
      const key: ChunkKey = [list, file, chunks.length];
      const chunk: unknown = await settled(get(CHUNKS).get(key));
      if (!(chunk instanceof Uint8Array)) break;
      chunks.push(chunk);
      length += chunk.length;
    }
  });
  return concatenate(chunks, length);
}

/** Keeps a chunk of a file that is not the list's yet. Says whether it could. */
export async function writeChunk(list: string, file: string, index: number, chunk: Uint8Array): Promise<boolean> {
  const key: ChunkKey = [list, file, index];
  return succeeded(attempt([CHUNKS], "readwrite", (get) => settled(get(CHUNKS).put(chunk.slice(), key))));
}

/** Removes the chunks of all files but those named. */
export function prune(list: string, files: readonly string[]): Promise<boolean> {
  return succeeded(attempt([CHUNKS], "readwrite", (get) => keepOnly(get(CHUNKS), list, files)));
}

/**
 * Makes a snapshot the list's in one transaction: its chunks as far as they are missing, what is noted of it, its mark, and
 * the end of all other chunks. Says whether it could. If there is no room, an earlier snapshot goes, which is too old now, and
 * the mark alone is noted, if there is room for that.
 */
export async function adopt(a: Adoption): Promise<boolean> {
  const done = await attempt(STORES, "readwrite", async (get) => {
    if (await isAhead(get(MARKS), a)) return false;
    const there = await keepOnly(get(CHUNKS), a.list, [a.entry.file]);
    for (let i = 0; i < countChunks(a.bytes.length); i++) {
      const key: ChunkKey = [a.list, a.entry.file, i];
      if (!there.has(i)) await settled(get(CHUNKS).put(chunkOf(a.bytes, i).slice(), key));
    }
    await settled(get(LISTS).put(a.entry, a.list));
    await settled(get(MARKS).put(a.mark, a.markName));
    await forgetOthers(get(LISTS), get(CHUNKS), a.entry.next - FORGOTTEN);
    return true;
  });
  if (done !== undefined) return done;
  const isThere = await attempt(STORES, "readwrite", async (get) => {
    if (await isAhead(get(MARKS), a)) return false;
    const entry: unknown = await settled(get(LISTS).get(a.list));
    if (isEntry(entry) && entry.file === a.entry.file) return true;
    await settled(get(LISTS).delete(a.list));
    await keepOnly(get(CHUNKS), a.list, []);
    return false;
  });
  await attempt([MARKS], "readwrite", async (get) => {
    if (!(await isAhead(get(MARKS), a))) await settled(get(MARKS).put(a.mark, a.markName));
  });
  return isThere ?? false;
}

/** Removes the lists that no page has opened since: other keys are trusted now, or the list has moved. Marks stay. */
async function forgetOthers(lists: IDBObjectStore, chunks: IDBObjectStore, since: number): Promise<void> {
  for (const list of (await settled(lists.getAllKeys())) as string[]) {
    const entry: unknown = await settled(lists.get(list));
    if (isEntry(entry) && entry.next >= since) continue;
    await settled(lists.delete(list));
    await keepOnly(chunks, list, []);
  }
}

/** Whether another page has seen a newer manifest meanwhile, or another one of the same version. */
async function isAhead(marks: IDBObjectStore, { markName, mark }: Adoption): Promise<boolean> {
  const seen: unknown = await settled(marks.get(markName));
  return isMark(seen) && (seen.version > mark.version || (seen.version === mark.version && seen.hash !== mark.hash));
}

/** Removes the chunks of other files; returns the indices of those that stay. */
async function keepOnly(chunks: IDBObjectStore, list: string, files: readonly string[]): Promise<Set<number>> {
  const keys = (await settled(chunks.getAllKeys(IDBKeyRange.bound([list], [list, []])))) as ChunkKey[];
  const kept = keys.filter(([, file]) => files.includes(file));
  for (const key of keys) if (!kept.includes(key)) await settled(chunks.delete(key));
  return new Set(kept.map(([, , index]) => index));
}

/** Runs one transaction and waits for its end; undefined if it or anything before it failed. Then nothing has changed. */
async function attempt<T>(
  stores: string[],
  mode: IDBTransactionMode,
  use: (get: (name: string) => IDBObjectStore) => Promise<T>,
): Promise<T | undefined> {
  let database: IDBDatabase | undefined;
  let transaction: IDBTransaction | undefined;
  try {
    if (isStuck) return undefined;
    database = await patiently(open).catch(giveUpForGood);
    transaction = database.transaction(stores, mode);
    const end = ended(transaction);
    end.catch(() => {}); // it is waited for below, unless use fails first
    const result = await use((name) => (transaction as IDBTransaction).objectStore(name));
    await patiently(() => end);
    return result;
  } catch {
    giveUp(transaction);
    return undefined;
  } finally {
    database?.close(); // once its transactions have ended
  }
}

async function open(signal: AbortSignal): Promise<IDBDatabase> {
  const opening = indexedDB.open("preseal", VERSION);
  opening.onupgradeneeded = () => {
    const database = opening.result;
    for (const name of [...database.objectStoreNames]) database.deleteObjectStore(name);
    for (const name of STORES) database.createObjectStore(name);
  };
  const database = await settled(opening);
  if (signal.aborted) database.close(); // nobody waits for it any longer
  database.onversionchange = () => database.close();
  return database;
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  const settling = new Promise<T>((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return patiently(() => settling);
}

function ended(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/** Where opening takes too long, nothing is tried again: every step would wait as long. */
function giveUpForGood(error: unknown): never {
  isStuck = error instanceof PresealError;
  throw error;
}

function giveUp(transaction: IDBTransaction | undefined): void {
  try {
    transaction?.abort();
  } catch {} // it has ended already
}

function patiently<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return within(PATIENCE, "IndexedDB", new AbortController().signal, work);
}

async function succeeded(attempted: Promise<unknown>): Promise<boolean> {
  return (await attempted) !== undefined;
}

function isEntry(value: unknown): value is Entry {
  const entry = value as Entry | null | undefined;
  return entry?.manifest instanceof Uint8Array && typeof entry.file === "string" && Number.isFinite(entry.next);
}

function isMark(value: unknown): value is Mark {
  const mark = value as Mark | null | undefined;
  return Number.isSafeInteger(mark?.version) && typeof mark?.hash === "string";
}
