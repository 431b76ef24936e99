import type { Decoders } from "./decoders.js";
import { type Arguments, type Call, type Decompress, Engine, EngineError, type Ok } from "./engine.js";
import { isErrorCode, PresealError } from "./errors.js";
import type { Kept, ManifestInfo, Mark, Settings, SnapshotInfo, Trust } from "./messages.js";
import type { Errand } from "./publisher.js";
import { Held } from "./read.js";
import { within } from "./wait.js";

/** What it takes to open a snapshot in an engine. */
export interface Means {
  settings: Settings;
  decoders: Decoders;
}

/** A snapshot that is open: the engine that holds it, what its manifest says, and what it takes to start another engine. */
export class Serving {
  readonly info: SnapshotInfo;
  readonly kept: Kept;
  readonly #means: Means;
  #engine: Engine;

  constructor({ settings, decoders }: Means, info: ManifestInfo, kept: Kept, engine: Engine) {
    this.#means = { settings, decoders };
    this.info = { ...info, ...kept.arrival };
    this.kept = kept;
    this.#engine = engine;
  }

  /**
   * Opens what was kept in an engine of its own.
   *
   * @throws PresealError; the signal's reason.
   */
  static async open(means: Means & Errand, kept: Kept): Promise<Serving> {
    const { engine, info } = await start(means, kept);
    return new Serving(means, info, kept, engine);
  }

  /** The engine, or another one if it has crashed. */
  async running(): Promise<Engine> {
    if (this.#engine.dead) {
      const { signal } = new AbortController();
      this.#engine = (await start({ ...this.#means, signal, onProgress() {} }, this.kept)).engine;
    }
    return this.#engine;
  }

  /** The bytes of the snapshot. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.kept.snapshot.arrayBuffer());
  }

  /** The same snapshot, after it was stored or could not be. */
  as(stored: boolean): Serving {
    if (stored === this.info.stored) return this;
    const arrival = { ...this.kept.arrival, stored };
    return new Serving(this.#means, this.info, { ...this.kept, arrival }, this.#engine);
  }
}

async function start(means: Means & Errand, kept: Kept): Promise<{ engine: Engine; info: ManifestInfo }> {
  const engine = await startEngine(means.settings, kept.module);
  const info = openManifest(engine, kept.manifest, means.settings.trust);
  await openSnapshot(engine, kept.snapshot, means);
  return { engine, info };
}

/**
 * Verifies a snapshot against the manifest opened last, and opens it. If it has filters of the kind bloom.zst the decoders
 * decompress them, which are fetched the first time. `bytes` are the snapshot's, if they are at hand: reading the blob takes a
 * millisecond for each piece, and more for large ones.
 *
 * @throws PresealError; the signal's reason.
 */
export async function openSnapshot(
  engine: Engine,
  snapshot: Blob,
  means: Means & Errand,
  bytes?: Uint8Array,
): Promise<void> {
  const file = new Held(snapshot, bytes);
  try {
    engine.call("openSnapshot", file);
    file.release(); // from now on only what it takes is in memory
    return;
  } catch (error) {
    if (!(error instanceof EngineError && error.code === "compressed")) throw translated(error);
  }
  const tell = (loaded: number, total: number) => means.onProgress({ phase: "decoders", loaded, total });
  const decompress = await means.decoders.decompressor(means.signal, tell);
  let crash: unknown;
  const guarded: Decompress = (stream, size) => {
    try {
      return decompress(stream, size);
    } catch (error) {
      if (!(error instanceof EngineError)) crash = error; // which says nothing of the snapshot
      throw error;
    }
  };
  try {
    engine.call("openSnapshot", file, guarded);
    file.release();
  } catch (error) {
    throw crash ?? translated(error);
  }
}

/** Starts an engine under a deadline. */
export function startEngine({ timeout }: Settings, module: WebAssembly.Module): Promise<Engine> {
  return within(3 * timeout, "engine", new AbortController().signal, () => Engine.start(module));
}

/** Verifies a manifest, at the time given. @throws PresealError */
export function openManifest(
  engine: Engine,
  manifest: Uint8Array,
  trust: Trust & { seen?: Mark },
  now = Date.now(),
): ManifestInfo {
  return call(engine, "openManifest", manifest, trust, now);
}

/** Calls an engine's function and gives its errors the package's type. @throws PresealError */
export function call<C extends Call>(engine: Engine, name: C, ...args: Arguments<C>): Ok<C> {
  try {
    return engine.call(name, ...args);
  } catch (error) {
    throw translated(error);
  }
}

function translated(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  return new PresealError(isErrorCode(error.code) ? error.code : "engine-failed", error.message, { cause: error });
}
