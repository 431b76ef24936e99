import { check, type Desk } from "./check.js";
import { download } from "./download.js";
import { Engine, EngineError, fetchEngine } from "./engine.js";
import { isErrorCode, PresealError } from "./errors.js";
import type { CheckProgress, Kept, OpenProgress, Settings, SnapshotInfo, Trust } from "./messages.js";
import { wasmSize } from "./release.js";
import { highestVersion, noteVersion } from "./store.js";
import type { Verdict } from "./verdict.js";
import { untilAborted, within } from "./wait.js";

const MAX_MANIFEST = 16 << 10;

/** What a worker holds: an engine with a snapshot open in it, and what it takes to start another one. */
export class Session {
  readonly settings: Settings;
  readonly info: SnapshotInfo;
  readonly kept: Kept;
  #engine: Engine;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(settings: Settings, info: SnapshotInfo, kept: Kept, engine: Engine) {
    this.settings = settings;
    this.info = info;
    this.kept = kept;
    this.#engine = engine;
  }

  /**
   * Fetches engine, manifest and snapshot, and verifies them.
   *
   * @throws PresealError; the signal's reason.
   */
  static async open(
    settings: Settings,
    wasm: string,
    signal: AbortSignal,
    onProgress: (event: OpenProgress) => void,
  ): Promise<Session> {
    const [{ module, engine }, manifest] = await Promise.all([
      startEngine(settings, wasm, signal, onProgress),
      fetchManifest(settings, signal, onProgress),
    ]);
    const info = await verify(engine, manifest, settings.trust);
    const bytes = await fetchSnapshot(settings, info, signal, onProgress);
    attempt(() => engine.call("openSnapshot", bytes));
    await noteVersion(storeName(info, settings.trust), info.version);
    const kept = { module, manifest, snapshot: new Blob([bytes]) };
    return new Session(settings, info, kept, engine);
  }

  /**
   * Carries on with what an earlier worker kept, without a request.
   *
   * @throws PresealError.
   */
  static async resume(settings: Settings, kept: Kept): Promise<Session> {
    const { engine, info } = await restart(settings, kept);
    return new Session(settings, info, kept, engine);
  }

  /** Checks one file; see {@link check}. */
  check(blob: Blob, signal: AbortSignal, onProgress: (event: CheckProgress) => void): Promise<Verdict> {
    const { confirm, timeout } = this.settings;
    const desk: Desk = {
      engine: () => this.#running(),
      inTurn: (work) => this.#inTurn(work, signal),
      confirm,
      timeout,
      signal,
      onProgress,
    };
    return check(blob, desk);
  }

  async #running(): Promise<Engine> {
    if (this.#engine.dead) this.#engine = (await restart(this.settings, this.kept)).engine;
    return this.#engine;
  }

  #inTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return untilAborted(result, signal);
  }
}

async function startEngine(
  { timeout }: Settings,
  url: string,
  signal: AbortSignal,
  onProgress: (event: OpenProgress) => void,
): Promise<{ module: WebAssembly.Module; engine: Engine }> {
  onProgress({ phase: "engine", loaded: 0, total: wasmSize });
  const module = await fetchEngine(url, timeout, signal, (loaded) =>
    onProgress({ phase: "engine", loaded, total: wasmSize }),
  );
  const engine = await within(3 * timeout, "engine", signal, () => Engine.start(module));
  return { module, engine };
}

async function fetchManifest(
  { snapshot, timeout }: Settings,
  signal: AbortSignal,
  onProgress: (event: OpenProgress) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const what = "manifest";
  const bytes = await within(timeout, what, signal, (signal) =>
    download(new URL("manifest", snapshot).href, {
      what,
      limit: MAX_MANIFEST,
      timeout,
      signal,
      init: { cache: "no-cache" },
    }),
  );
  onProgress({ phase: "manifest", loaded: bytes.length, total: bytes.length });
  return bytes;
}

/** Verifies the manifest, then once more with the highest version seen of the list that it turned out to be of. */
async function verify(engine: Engine, manifest: Uint8Array, trust: Trust): Promise<SnapshotInfo> {
  const info = openManifest(engine, manifest, trust);
  const seen = await highestVersion(storeName(info, trust));
  if (seen <= trust.minVersion) return info;
  return openManifest(engine, manifest, { ...trust, minVersion: seen });
}

/** The manifest says how long the snapshot is, and it has been verified. */
async function fetchSnapshot(
  { snapshot, timeout }: Settings,
  { file, size }: SnapshotInfo,
  signal: AbortSignal,
  onProgress: (event: OpenProgress) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await download(new URL(file, snapshot).href, {
    what: "snapshot",
    limit: size,
    timeout,
    signal,
    onProgress: (loaded) => onProgress({ phase: "snapshot", loaded, total: size }),
  });
  if (bytes.length !== size) throw new PresealError("corrupt", `snapshot: ${bytes.length} bytes; want ${size}`);
  return bytes;
}

async function restart(settings: Settings, kept: Kept): Promise<{ engine: Engine; info: SnapshotInfo }> {
  const { signal } = new AbortController();
  return within(3 * settings.timeout, "engine", signal, async () => {
    const engine = await Engine.start(kept.module);
    const info = openManifest(engine, kept.manifest, settings.trust);
    const bytes = new Uint8Array(await kept.snapshot.arrayBuffer());
    attempt(() => engine.call("openSnapshot", bytes));
    return { engine, info };
  });
}

function openManifest(engine: Engine, manifest: Uint8Array, trust: Trust): SnapshotInfo {
  return attempt(() => engine.call("openManifest", manifest, trust, Date.now()));
}

/** Gives the engine's errors the package's type. */
function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new PresealError(isErrorCode(error.code) ? error.code : "engine-failed", error.message, { cause: error });
  }
}

/** Versions are counted per list and set of trusted keys, so that a list of the same name by others does not count. */
function storeName({ origin, purpose }: SnapshotInfo, { keys }: Trust): string {
  return [origin, purpose, ...[...keys].sort()].join("\n");
}
