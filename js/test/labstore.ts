// What a test sees of the package's database, from inside a page.

import { prune, readFile, writeChunk } from "../store.js";

/** How many things of each kind are stored. */
export async function stored(): Promise<Record<string, number>> {
  const database = await openStore();
  const counts: Record<string, number> = {};
  for (const name of database.objectStoreNames) {
    counts[name] = await settled(database.transaction(name).objectStore(name).count());
  }
  database.close();
  return counts;
}

/** Removes all that is stored of the kinds. */
export async function forget(...kinds: string[]): Promise<void> {
  const database = await openStore();
  for (const name of kinds) await settled(database.transaction(name, "readwrite").objectStore(name).clear());
  database.close();
}

/** Puts other bytes in the place of everything of a kind. */
export async function overwrite(kind: string, bytes: number[]): Promise<void> {
  const database = await openStore();
  const store = database.transaction(kind, "readwrite").objectStore(kind);
  for (const key of await settled(store.getAllKeys())) await settled(store.put(Uint8Array.from(bytes), key));
  database.close();
}

/** Puts a chunk behind the last one of every file. */
export async function overfill(): Promise<void> {
  const database = await openStore();
  const store = database.transaction("chunks", "readwrite").objectStore("chunks");
  for (const key of (await settled(store.getAllKeys())) as [string, string, number][]) {
    await settled(store.put(Uint8Array.of(1), [key[0], key[1], key[2] + 7]));
  }
  database.close();
}

/** Stores chunks of the lengths, none where there is no number, and returns how many bytes of them are read as a file. */
export async function join(lengths: (number | null)[]): Promise<number> {
  for (const [i, length] of lengths.entries()) {
    if (length !== null) await writeChunk("a list", "a file", i, new Uint8Array(length));
  }
  const { length } = await readFile("a list", "a file");
  await prune("a list", []);
  return length;
}

/** Makes every list one that was due so many days earlier. */
export async function backdate(days: number): Promise<void> {
  const database = await openStore();
  const store = database.transaction("lists", "readwrite").objectStore("lists");
  for (const key of await settled(store.getAllKeys())) {
    const entry = await settled(store.get(key));
    await settled(store.put({ ...entry, next: entry.next - days * 86_400_000 }, key));
  }
  database.close();
}

/** The package's database, whatever its version. It must be there. */
function openStore(): Promise<IDBDatabase> {
  return settled(indexedDB.open("preseal"));
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
