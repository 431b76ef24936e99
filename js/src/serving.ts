import { type Arguments, type Call, Engine, EngineError, type Ok } from "./engine.js";
import { isErrorCode, PresealError } from "./errors.js";
import type { Kept, ManifestInfo, Mark, Settings, SnapshotInfo, Trust } from "./messages.js";
import { Slices } from "./read.js";
import { within } from "./wait.js";

/** A snapshot that is open: the engine that holds it, what its manifest says, and what it takes to start another engine. */
export class Serving {
  readonly info: SnapshotInfo;
  readonly kept: Kept;
  readonly #settings: Settings;
  #engine: Engine;

  constructor(settings: Settings, info: ManifestInfo, kept: Kept, engine: Engine) {
    this.#settings = settings;
    this.info = { ...info, ...kept.arrival };
    this.kept = kept;
    this.#engine = engine;
  }

  /**
   * Opens what was kept in an engine of its own.
   *
   * @throws PresealError.
   */
  static async open(settings: Settings, kept: Kept): Promise<Serving> {
    const { engine, info } = await start(settings, kept);
    return new Serving(settings, info, kept, engine);
  }

  /** The engine, or another one if it has crashed. */
  async running(): Promise<Engine> {
    if (this.#engine.dead) this.#engine = (await start(this.#settings, this.kept)).engine;
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
    return new Serving(this.#settings, this.info, { ...this.kept, arrival }, this.#engine);
  }
}

async function start(settings: Settings, kept: Kept): Promise<{ engine: Engine; info: ManifestInfo }> {
  const engine = await startEngine(settings, kept.module);
  const info = openManifest(engine, kept.manifest, settings.trust);
  call(engine, "openSnapshot", new Slices(kept.snapshot)); // only what it takes is in memory
  return { engine, info };
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
    if (!(error instanceof EngineError)) throw error;
    throw new PresealError(isErrorCode(error.code) ? error.code : "engine-failed", error.message, { cause: error });
  }
}
