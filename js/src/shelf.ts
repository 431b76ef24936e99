// The programs that were fetched and verified, in the Cache API: their bytes are there in half the time that the browser's
// own cache takes, and without a request. Nothing here is trusted, and nothing is needed: whoever reads it verifies it, and a
// step that fails finds or keeps nothing.

import { within } from "./wait.js";

const NAME = "preseal-programs";

/** As many stay: the engine and the decoders, of this version and the one before. */
const ROOM = 4;

/** No step waits longer for the browser, in milliseconds. */
const PATIENCE = 1000;

/** The bytes that were put there for the URL, if they are so many. */
export function take(url: string, size: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return attempt(async (cache) => {
    const blob = await (await cache.match(url))?.blob();
    return blob?.size === size ? new Uint8Array(await blob.arrayBuffer()) : undefined;
  });
}

/** Keeps bytes for the URL in place of earlier ones, and no more than ROOM altogether. */
export async function put(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  await attempt(async (cache) => {
    await cache.delete(url); // what is put anew is the youngest
    await cache.put(url, new Response(bytes));
    const oldest = (await cache.keys()).slice(0, -ROOM);
    for (const request of oldest) await cache.delete(request);
  });
}

/** There may be no cache (private windows), no room in it, or an address that it does not take. */
async function attempt<T>(use: (cache: Cache) => Promise<T>): Promise<T | undefined> {
  try {
    return await within(PATIENCE, "Cache", new AbortController().signal, async () => use(await caches.open(NAME)));
  } catch {
    return undefined;
  }
}
