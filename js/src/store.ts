import { within } from "./wait.js";

/** IndexedDB may be missing, refused (private windows) or stuck behind another page; nothing waits longer for it. */
const PATIENCE = 2000;
const STORE = "versions";

/** The highest version that was opened under the name, or 0 if none is known. */
export function highestVersion(name: string): Promise<number> {
  return withStore("readonly", async (store) => {
    const version: unknown = await settled(store.get(name));
    return Number.isSafeInteger(version) ? (version as number) : 0;
  });
}

/** Notes that the version was opened. A lower one than is noted already changes nothing. */
export function noteVersion(name: string, version: number): Promise<number> {
  return withStore("readwrite", async (store) => {
    const known: unknown = await settled(store.get(name));
    if (!(Number.isSafeInteger(known) && (known as number) >= version)) await settled(store.put(version, name));
    return version;
  });
}

/** Without a database there is no memory of versions: the answer is 0, and the floor in `trust.minVersion` remains. */
async function withStore(mode: IDBTransactionMode, use: (store: IDBObjectStore) => Promise<number>): Promise<number> {
  try {
    return await within(PATIENCE, "IndexedDB", new AbortController().signal, async () => {
      const opening = indexedDB.open("preseal", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
      const database = await settled(opening);
      try {
        return await use(database.transaction(STORE, mode).objectStore(STORE));
      } finally {
        database.close(); // once its transaction has ended
      }
    });
  } catch {
    return 0;
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
