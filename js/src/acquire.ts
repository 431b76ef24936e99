// How a snapshot is come by: from the store, as another one and a delta, or as a whole.

import { CHUNK } from "./chunks.js";
import { digest } from "./digest.js";
import type { Engine } from "./engine.js";
import type { Arrival, ManifestInfo, Mark, SnapshotInfo, Trust } from "./messages.js";
import { type Errand, fetchDelta, fetchManifest, fetchSnapshot } from "./publisher.js";
import { nextLook } from "./schedule.js";
import { call, type Means, openManifest, openSnapshot, Serving, startEngine } from "./serving.js";
import { adopt, countStored, prune, readEntry, readFile, readMark } from "./store.js";
import { keyring } from "./trust.js";

/** What it takes to come by a snapshot. */
export interface Quest extends Errand, Means {
  /** The name of the list in the store. */
  list: string;
  module: Promise<WebAssembly.Module>;
}

/** A snapshot, and when to look for its successor, in milliseconds since 1970. */
export interface Acquired {
  serving: Serving;
  next: number;
}

/** The bytes of a snapshot, and how they came here. */
type Obtained = Omit<Arrival, "stored"> & { bytes: Uint8Array<ArrayBuffer>; snapshot: Blob };

/**
 * Opens the snapshot that is stored, if there is one that still passes every check.
 *
 * @throws PresealError if the engine, or the decoders that it needs, cannot be had.
 */
export async function fromStore(quest: Quest, base?: Serving): Promise<Acquired | undefined> {
  const { list, settings, module, decoders } = quest;
  const entry = await readEntry(list);
  if (!entry) return undefined;
  if (base && isSame(entry.manifest, base.kept.manifest)) return { serving: base, next: entry.next };
  const reading = readHashed(list, entry.file); // beside the engine's start
  reading.catch(() => {}); // whoever needs it hears of it
  const engine = await startEngine(settings, await module);
  try {
    const info = await verify(engine, entry.manifest, settings.trust, base?.info);
    const read = await reading;
    if (!isNamed(read.hash, info)) return undefined;
    const { bytes } = read;
    const snapshot = new Blob([bytes]);
    await openSnapshot(engine, snapshot, quest, bytes);
    const arrival = { stored: true, source: "stored", downloaded: 0 } as const;
    const kept = { module: await module, decoders: decoders.module, manifest: entry.manifest, snapshot, arrival };
    return { serving: new Serving(quest, info, kept, engine), next: entry.next };
  } catch (error) {
    if (error === decoders.failure) throw error; // another snapshot would need them, too
    return undefined; // the publisher has a better one, or says why not
  }
}

/**
 * Asks the publisher for the manifest, and gets its snapshot unless that is the one that serves. Nothing of what serves is
 * touched.
 *
 * @throws PresealError; the signal's reason.
 */
export async function fromPublisher(quest: Quest, base?: Serving): Promise<Acquired> {
  const { settings, list } = quest;
  const [module, { manifest, lifetime }] = await Promise.all([quest.module, fetchManifest(quest)]);
  const engine = await startEngine(settings, module);
  const info = await verify(engine, manifest, settings.trust, base?.info);
  const isNews = !base || !isSame(manifest, base.kept.manifest);
  const { bytes, snapshot, ...way } = isNews ? await obtain(quest, engine, manifest, info, base) : await keep(base);
  quest.signal.throwIfAborted();
  const next = nextLook(Date.now(), lifetime, info.expires, Math.random());
  const entry = { manifest, file: info.file, next };
  const markName = nameOf(info, settings.trust);
  const stored = await adopt({ list, entry, bytes, markName, mark: info.mark });
  if (!isNews) return { serving: base.as(stored), next };
  const kept = { module, decoders: quest.decoders.module, manifest, snapshot, arrival: { stored, ...way } };
  return { serving: new Serving(quest, info, kept, engine), next };
}

/** Takes the snapshot that serves: it is what another manifest names as well. */
async function keep(base: Serving): Promise<Obtained> {
  return { bytes: await base.bytes(), snapshot: base.kept.snapshot, source: "stored", downloaded: 0 };
}

/** Opens the manifest's snapshot in the engine, by the shortest way that works. */
async function obtain(
  quest: Quest,
  engine: Engine,
  manifest: Uint8Array,
  info: ManifestInfo,
  base: Serving | undefined,
): Promise<Obtained> {
  if (base) {
    try {
      const obtained = base.info.file === info.file ? await keep(base) : await byDelta(quest, manifest, info, base);
      if (obtained && (await isFile(obtained.bytes, info))) {
        await openSnapshot(engine, obtained.snapshot, quest, obtained.bytes);
        return obtained;
      }
    } catch {
      quest.signal.throwIfAborted(); // otherwise the whole will do
    }
  }
  await prune(quest.list, [info.file, ...(base ? [base.info.file] : [])]);
  const hashesOf = (chunks: Uint8Array) => call(engine, "openChunks", chunks).hashes;
  const { bytes, downloaded } = await fetchSnapshot(quest, quest.list, info, hashesOf);
  const snapshot = new Blob([bytes]);
  await openSnapshot(engine, snapshot, quest, bytes);
  return { bytes, snapshot, source: "full", downloaded };
}

/** Makes the snapshot of the one that serves and a delta, if that is less to fetch than what is missing of the whole. */
async function byDelta(
  quest: Quest,
  manifest: Uint8Array,
  info: ManifestInfo,
  base: Serving,
): Promise<Obtained | undefined> {
  const { settings, list } = quest;
  const delta = info.deltas.find(({ source }) => source === base.info.file);
  if (!delta || delta.size >= info.size - CHUNK * (await countStored(list, info.file))) return undefined;
  const changes = await fetchDelta(quest, delta);
  // An engine's memory never shrinks, so the one that needs both snapshots is not the one that goes on to serve. What the old
  // one is worth on its own no longer matters: its time is up to when it expired.
  const engine = await startEngine(settings, await quest.module);
  openManifest(engine, base.kept.manifest, settings.trust, Math.min(Date.now(), base.info.expires));
  await openSnapshot(engine, base.kept.snapshot, quest);
  openManifest(engine, manifest, settings.trust);
  const bytes = call(engine, "applyDelta", changes).file;
  return { bytes, snapshot: new Blob([bytes]), source: "delta", downloaded: changes.length };
}

/**
 * Verifies a manifest, then once more with the newest one seen of the list that it turned out to be of. An update is of the
 * same list as what it updates.
 */
async function verify(
  engine: Engine,
  manifest: Uint8Array,
  trust: Trust,
  base: SnapshotInfo | undefined,
): Promise<ManifestInfo> {
  const pinned = base ? { ...trust, origin: base.origin, purpose: base.purpose } : trust;
  const info = openManifest(engine, manifest, pinned);
  const seen = newest(await readMark(nameOf(info, trust)), base?.mark);
  return seen ? openManifest(engine, manifest, { ...pinned, seen }) : info;
}

/** Marks are kept per list and set of trusted keys, so that a list of the same name by others does not count. */
function nameOf({ origin, purpose }: ManifestInfo, trust: Trust): string {
  return [origin, purpose, keyring(trust)].join("\n");
}

function newest(a: Mark | undefined, b: Mark | undefined): Mark | undefined {
  return a && b ? (a.version > b.version ? a : b) : (a ?? b);
}

/** Whether the bytes are the file by its name. The engine leaves what only candidates need for later, and this does not. */
async function isFile(bytes: Uint8Array<ArrayBuffer>, info: ManifestInfo): Promise<boolean> {
  return isNamed(await digest(bytes), info);
}

/** Whether a file's hash is the one that it is named by. */
function isNamed(hash: string, { file }: ManifestInfo): boolean {
  return file.startsWith(hash);
}

/** What is stored as a file, and its hash. Nothing says yet that it is the manifest's. */
async function readHashed(list: string, file: string): Promise<{ bytes: Uint8Array<ArrayBuffer>; hash: string }> {
  const bytes = await readFile(list, file);
  return { bytes, hash: await digest(bytes) };
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
