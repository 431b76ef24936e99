import { countChunks, type Fetched, fetchChunks, HASH } from "./chunks.js";
import { download, downloadWithHeaders } from "./download.js";
import type { ManifestInfo, OpenProgress, Settings } from "./messages.js";
import { lifetime } from "./schedule.js";
import { readChunk, writeChunk } from "./store.js";
import { within } from "./wait.js";

const MAX_MANIFEST = 16 << 10;

/** What every request to the list's publisher goes by. */
export interface Errand {
  settings: Settings;
  signal: AbortSignal;
  onProgress(event: OpenProgress): void;
}

/** Fetches the manifest, or has the browser's copy of it confirmed. `lifetime` is the milliseconds for which it may be used. */
export async function fetchManifest(
  errand: Errand,
): Promise<{ manifest: Uint8Array<ArrayBuffer>; lifetime: number | undefined }> {
  const { timeout } = errand.settings;
  const what = "manifest";
  const { bytes, headers } = await within(timeout, what, errand.signal, (signal) =>
    downloadWithHeaders(locate(errand, "manifest"), {
      what,
      limit: MAX_MANIFEST,
      timeout,
      signal,
      init: { cache: "no-cache" },
    }),
  );
  errand.onProgress({ phase: "manifest", loaded: bytes.length, total: bytes.length });
  return { manifest: bytes, lifetime: lifetime(headers) };
}

/** Fetches a delta that the manifest names. */
export function fetchDelta(errand: Errand, { file, size }: ManifestInfo["deltas"][number]): Promise<Uint8Array> {
  const onProgress = (loaded: number) => errand.onProgress({ phase: "delta", loaded, total: size });
  onProgress(0);
  return fetchFile(errand, "delta", file, size, onProgress);
}

/**
 * Fetches the snapshot that a manifest names, as far as its chunks are not stored. Verify makes leaf hashes of the file with
 * the chunks' hashes.
 */
export async function fetchSnapshot(
  errand: Errand,
  list: string,
  { file, size, chunks }: ManifestInfo,
  verify: (chunks: Uint8Array) => Uint8Array,
): Promise<Fetched> {
  const { settings, signal } = errand;
  const onProgress = (loaded: number) => errand.onProgress({ phase: "snapshot", loaded, total: size });
  onProgress(0);
  let hasRoom = true;
  return fetchChunks({
    url: locate(errand, file),
    size,
    hashes: verify(await fetchFile(errand, "chunks", chunks, HASH * countChunks(size))),
    find: (index) => readChunk(list, file, index),
    keep: async (index, chunk) => {
      if (hasRoom) hasRoom = await writeChunk(list, file, index, chunk);
    },
    timeout: settings.timeout,
    signal,
    onProgress,
  });
}

function fetchFile(
  errand: Errand,
  what: string,
  file: string,
  limit: number,
  onProgress: (loaded: number) => void = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { timeout } = errand.settings;
  const init = { cache: "no-store" } as const; // what is of use is stored, and what was refused must not come back
  return download(locate(errand, file), { what, limit, timeout, signal: errand.signal, init, onProgress });
}

function locate({ settings }: Errand, file: string): string {
  return new URL(file, settings.snapshot).href;
}
